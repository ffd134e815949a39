"""
English captions to German and back with a small model trained for it: how much is left, and is it the same every time?

    python -m tests.benchmarks.back_translate --data ../shared/data/multi30k --output runs/back_translate

trains the model (see translator.py; killed, it goes on where it was), sends test captions there and back, and compares
what comes back with the captions and, as a control, with the captions in another order. `--same 10000` also maps that
many training captions in several ways and counts the rows that differ. It leaves figures.json and figures.md.
"""

import argparse
import os
import random
import sys
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")  # more on busy cores are slower than one
os.environ["HF_AUGMENT_REMEMBER"] = "0"  # a remembered text would equal itself

from datasets import Dataset, disable_progress_bars

from hf_augment import Augment, BackTranslate
from hf_augment.engine.decoding import Sampling
from hf_augment.record import environment, write_json
from hf_augment.transforms.translation import translate
from tests.benchmarks import translator

SETTINGS = {
    "greedy": {"temperature": 0.0},
    "4 beams": {"beams": 4},
    "temperature 0.7": {"temperature": 0.7, "top_p": 1.0},
    "defaults (temperature 1, top_p 0.9)": {},
}
SHOWN = 20


def pair(folder: Path, **settings: Any) -> BackTranslate:
    """Return the transform that goes to German and back with one model."""
    prefixes = {"forward_prefix": translator.target("de"), "backward_prefix": translator.target("en")}
    return BackTranslate(forward=str(folder), **prefixes, max_new_tokens=80, **settings)


def chrf(found: Sequence[str], expected: Sequence[str]) -> float:
    """Return chrF (Popović 2015) of a corpus, as sacrebleu's defaults have it."""
    import sacrebleu

    return round(sacrebleu.corpus_chrf(list(found), [list(expected)]).score, 1)


def other_order(texts: Sequence[str], seed: int) -> list[str]:
    """Return the texts in random order, none at its own place."""
    order = list(range(len(texts)))
    random.Random(seed).shuffle(order)
    after = {order[i]: order[i - 1] for i in range(len(order))}
    return [texts[after[i]] for i in range(len(texts))]


def forward(folder: Path, rows: Dataset) -> tuple[list[str], dict[str, Any]]:
    """Translate captions to German, the likeliest way, and compare with what people wrote."""
    texts = dict(enumerate(text.strip() for text in rows["en"]))
    hop, _ = pair(folder).ways()[0]
    found = dict(translate(hop, texts, dict.fromkeys(texts, 0), Sampling(80, temperature=0), 1))
    german = [found[i] if isinstance(found[i], str) else "" for i in texts]
    references = [text.strip() for text in rows["de"]]
    return german, {
        "chrf": chrf(german, references),
        "control": chrf(german, other_order(references, 0)),
        "declined": german.count(""),
    }


def round_trip(folder: Path, rows: Dataset, settings: dict[str, Any]) -> tuple[list[str | None], dict[str, Any]]:
    """Send captions there and back; a caption that came back as it was is left out of the first two figures."""
    captions = [text.strip() for text in rows["en"]]
    augment = Augment(pair(folder, **settings), text="text", key="id")
    began = time.perf_counter()
    out = Dataset.from_dict({"text": captions, "id": range(len(captions))}).map(augment, batched=True)
    seconds = time.perf_counter() - began
    back: list[str | None] = [None] * len(captions)
    for row in out:
        if row["copy"]:
            back[row["id"]] = row["text"]
    reasons = Counter(row["declined"] for row in out if row["declined"])
    written = [i for i, text in enumerate(back) if text is not None]
    others = other_order(captions, 0)
    left = [back[i] for i in written]
    return back, {
        "chrf": chrf(left, [captions[i] for i in written]),
        "control": chrf(left, [others[i] for i in written]),
        "rows": len(captions),
        "written": len(written),
        "declined": dict(sorted(reasons.items())),
        "rows_per_second": round(len(captions) / seconds, 2),
    }


def same(folder: Path, texts: Sequence[str]) -> dict[str, str]:
    """Map texts in several ways, and say how many rows differ."""
    rows = Dataset.from_dict({"text": list(texts), "id": range(len(texts))})
    few = rows.select(range(min(1_000, len(rows))))
    augment = Augment(pair(folder), text="text", key="id")
    found = lambda mapped: {(row["id"], row["copy"]): (row["text"], row["declined"]) for row in mapped}  # noqa: E731
    whole = found(rows.map(augment, batched=True, batch_size=1_000))
    ways = {
        "shuffled, 2 processes, batches of 300": lambda: rows.shuffle(seed=0).map(
            augment, batched=True, batch_size=300, num_proc=2
        ),
        "batches of 7": lambda: few.map(augment, batched=True, batch_size=7),
        "row by row": lambda: few.select(range(len(few) // 5)).map(augment, batched=True, batch_size=1),
    }
    counted = {}
    for way, mapped in ways.items():
        again = found(mapped())
        ids = {row for row, _ in again}
        expected = {key: value for key, value in whole.items() if key[0] in ids}
        differ = sum(expected.get(key) != again.get(key) for key in expected.keys() | again.keys())
        counted[way] = f"{differ} of {len(expected)} rows differ ({len(ids)} given)"
        print(f"{way}: {counted[way]}", flush=True)
    return counted


def markdown(figures: dict[str, Any], shown: Sequence[tuple[str, str, str]]) -> str:
    """Write the figures and the outputs down for a reader."""
    there = figures["forward"]
    trained = f"{figures['parameters']:,} parameters, trained in {figures['training_seconds']} s. "
    german = f"To German, greedy: chrF {there['chrf']} with the reference, {there['control']} with another caption's."
    lines = [
        "# Multi30k, English → German → English",
        "",
        trained + german,
        "",
        "| drawn | chrF with the caption | with another caption | written | declined | rows/s |",
        "|---|---|---|---|---|---|",
    ]
    for name, found in figures["round_trip"].items():
        why = "; ".join(f"{reason}: {count}" for reason, count in found["declined"].items()) or "none"
        written = f"{found['written']} of {found['rows']}"
        cells = (name, found["chrf"], found["control"], written, why, found["rows_per_second"])
        lines.append(f"| {' | '.join(map(str, cells))} |")
    lines += ["", *(f"- {way}: {count}" for way, count in figures.get("same", {}).items())]
    lines += ["", "| caption | German (greedy) | back (defaults) |", "|---|---|---|"]
    lines += [f"| {' | '.join(cell.replace('|', '/') for cell in row)} |" for row in shown]
    return "\n".join(lines) + "\n"


def main(words: Sequence[str] | None = None) -> int:
    """Train, score, write down, and return the exit status."""
    parser = translator.arguments(argparse.ArgumentParser(prog="python -m tests.benchmarks.back_translate"))
    parser.add_argument("--rows", type=int, default=500, help="test captions")
    parser.add_argument("--same", type=int, default=0, help="training captions that are mapped in several ways")
    parser.add_argument("--model", type=Path, help="a translator that is there already")
    given = parser.parse_args(words)
    if not (given.data / "test.parquet").is_file():
        print(f"Skipped: there is no Multi30k in {given.data} (train, validation and test.parquet).", file=sys.stderr)
        return 0
    output = given.output
    given.output = output / "translator"
    folder = given.model or translator.train(given)
    disable_progress_bars()
    rows = Dataset.from_parquet(str(given.data / "test.parquet")).select(range(given.rows))
    trained = translator.facts(folder)
    german, there = forward(folder, rows)
    figures: dict[str, Any] = {**trained, "forward": there, "round_trip": {}, "environment": environment()}
    for name, settings in SETTINGS.items():
        back, figures["round_trip"][name] = round_trip(folder, rows, settings)
        print(name, figures["round_trip"][name], flush=True)
    if given.same:
        texts = Dataset.from_parquet(str(given.data / "train.parquet"))["en"][: given.same]
        figures["same"] = same(folder, texts)
    shown = [(rows[i]["en"].strip(), german[i], back[i] or "(declined)") for i in range(SHOWN)]
    write_json(output / "figures.json", {**figures, "shown": shown})
    (output / "figures.md").write_text(markdown(figures, shown), encoding="utf-8")
    print(markdown(figures, shown))
    return 0


if __name__ == "__main__":
    sys.exit(main())
