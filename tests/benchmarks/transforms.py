"""
Rows a second of each transform, for the table in the README, and how often an antonym's new label is right.

    python -m tests.benchmarks.transforms [NAME ...]      # writes tests/benchmarks/transforms.json
    python -m tests.benchmarks.transforms infill --infiller runs/infill/infiller
    python -m tests.benchmarks.transforms --labels

A row is a sentence of 20 words from the embedded reviews, mapped with `Dataset.map`, batches of 1,000, one thread; time
is CPU time, so that a busy machine tells the same. The parameters are those of the first golden case, or, where that
takes a model made on the spot, those of setups.py: models of the size that ships here, some of which other benchmarks
train and the command line names. Without them a transform is left out.
"""

import argparse
import json
import os
import platform
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

FILE = Path(__file__).with_suffix(".json")
CASES = Path(__file__).parent.parent / "cases"
REVIEWS = Path(__file__).parent.parent.parent / "hf_augment" / "embedded" / "reviews"
DATA = Path(__file__).parents[2].parent / "shared" / "data"
NAMES = ["negative", "positive"]
WORDS = 20
ROWS = 1000
LEAST = 2.0  # seconds of CPU for a figure
FLIP = {"positive": "negative", "negative": "positive"}


def reviews(split: str) -> list[dict]:
    return [json.loads(line) for line in (REVIEWS / f"{split}.jsonl").read_text(encoding="utf-8").splitlines()]


def sentences(count: int) -> list[dict]:
    """Cut the reviews, label by label, into rows of exactly 20 words; over again, from another word, until there are enough."""
    found = []
    for start in range(WORDS):
        for label in FLIP:
            words = " ".join(row["text"] for row in reviews("train") if row["label"] == label).split()[start:]
            for place in range(0, len(words) - WORDS, WORDS):
                found.append({"text": " ".join(words[place : place + WORDS]), "label": label})
        if len(found) >= 2 * count:
            break
    found = found[:: len(found) // count][:count]
    assert len(found) == count
    return found


def measure(name: str, params: dict[str, Any], model: str | None = None) -> dict[str, Any]:
    from datasets import Dataset

    from hf_augment import build
    from tests.contract import augment_with, reads_tags, tagged

    def given_to(transform: Any, rows: list[dict]) -> Dataset:
        if reads_tags(transform):
            rows = [dict(zip(("text", "label"), tagged(row["text"]), strict=True)) for row in rows]
        return Dataset.from_list(rows)

    rows = ROWS
    transform = build({"name": name, **params})
    augment = augment_with(transform, copies=1)
    warm = given_to(transform, sentences(rows)[:8])
    began = time.process_time()
    warm.map(augment, batched=True)
    warm.map(augment, batched=True, load_from_cache_file=False)
    if time.process_time() - began > 1:  # a model: fewer rows
        rows = 200
    given = given_to(transform, sentences(rows))
    speeds, spent = [], 0.0
    while spent < LEAST or len(speeds) < 3:
        began = time.process_time()
        out = given.map(augment, batched=True, batch_size=1000, load_from_cache_file=False)
        seconds = time.process_time() - began
        spent += seconds
        speeds.append(rows / seconds)
        if seconds > 60:
            break
    return {
        "rows_per_second": round(sorted(speeds)[len(speeds) // 2], 1),
        "rows": rows,
        "runs": len(speeds),
        "written": round(sum(copy > 0 for copy in out["copy"]) / rows, 3),
        **({"params": params} if model is None else {"model": model}),
        "machine": machine(),
        "date": datetime.now(UTC).date().isoformat(),
    }


def machine() -> str:
    model = platform.processor() or platform.machine()
    cpuinfo = Path("/proc/cpuinfo")
    for line in cpuinfo.read_text(encoding="utf-8").splitlines() if cpuinfo.is_file() else ():
        if line.startswith("model name"):
            model = line.partition(":")[2].strip()
            break
    return f"one thread of {model}, Python {platform.python_version()}"


def measure_all(given: argparse.Namespace) -> None:
    import torch
    from datasets import disable_progress_bars

    from hf_augment import TRANSFORMS
    from tests.benchmarks.setups import SETUPS, setup

    torch.set_num_threads(1)
    disable_progress_bars()
    figures = json.loads(FILE.read_text(encoding="utf-8")) if FILE.is_file() else {}
    figures = {name: figure for name, figure in figures.items() if name in TRANSFORMS}
    for name in given.names or TRANSFORMS:
        with tempfile.TemporaryDirectory() as folder:
            if name in SETUPS:
                found = setup(name, given, Path(folder))
            else:
                found = json.loads((CASES / f"{name}.json").read_text(encoding="utf-8"))[0]["params"], None
            if found is None:
                print(f"{name}: left out, no model is named")
                continue
            figures[name] = measure(name, *found)
        print(f"{name}: {figures[name]['rows_per_second']:,} rows/s, {figures[name]['written']:.0%} written")
        FILE.write_text(json.dumps(dict(sorted(figures.items())), indent=2) + "\n", encoding="utf-8")


def judged(name: str) -> tuple[list[dict], list[dict]]:
    """Read the rows that a judge learns from, and those it is asked about."""
    if name == "reviews":
        return reviews("train"), reviews("test") + reviews("validation")
    from datasets import Dataset

    splits = [Dataset.from_parquet(str(DATA / f"{name}/{split}.parquet")) for split in ("train", "test")]
    named = [[{"text": row["text"], "label": NAMES[row["label"]]} for row in split] for split in splits]
    return named[0][:3000], named[1]


def judge_labels() -> None:
    """Say how often a judge that was trained on the real rows agrees with the label of an antonym's text."""
    from sklearn.linear_model import LogisticRegressionCV

    from hf_augment import Antonym
    from hf_augment.engine.encoder import embed
    from hf_augment.streams import row_key, stream
    from hf_augment.transform import Row, Written

    for source in ("reviews", "sst2_sentences"):
        if source != "reviews" and not (DATA / source).is_dir():
            print(f"{source}: left out, not on this machine")
            continue
        train, test = judged(source)
        judge = LogisticRegressionCV(max_iter=1000, random_state=0)
        judge.fit(embed([row["text"] for row in train]), [row["label"] for row in train])
        rows = [Row(row["text"], row["label"]) for row in test]
        for settings in ({"flip": FLIP}, {"flip": FLIP, "least": 0.0}, {}):
            transform = Antonym(**settings)
            found = transform.apply(rows, [stream(0, transform.name, row_key(row.text), 1) for row in rows])
            pairs = [(row, out) for row, out in zip(rows, found, strict=True) if isinstance(out, Written)]
            before = judge.predict(embed([row.text for row, _ in pairs]))
            after = judge.predict(embed([out.text for _, out in pairs]))
            labels = [out.also.get("label", row.label) for row, out in pairs]
            real = sum(row.label == said for (row, _), said in zip(pairs, before, strict=True)) / len(pairs)
            right = sum(label == said for label, said in zip(labels, after, strict=True)) / len(pairs)
            print(f"{source} {settings}: {len(pairs)} of {len(rows)} written; the judge agrees with {right:.1%} of")
            print(f"  their labels and {real:.1%} of their sources'")


def arguments() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.transforms", description=__doc__.split("\n")[1])
    parser.add_argument("names", nargs="*", help="transforms (default: all)")
    parser.add_argument("--labels", action="store_true", help="judge the labels of antonyms instead")
    for name in ("infiller", "compressor", "translator", "chat"):
        parser.add_argument(f"--{name}", type=Path, help="the folder of a model")
    return parser


if __name__ == "__main__":
    os.environ.setdefault("HF_AUGMENT_REMEMBER", "0")  # a remembered text costs nothing
    asked = arguments().parse_args()
    judge_labels() if asked.labels else measure_all(asked)
