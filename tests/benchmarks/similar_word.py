"""
What `similar_word` writes on SST-2: how often the label flips, whether batches matter, how fast it is, and examples.

    python -m tests.benchmarks.similar_word flips --guard runs/guard     # a folder by recipes/masked-conditional.yaml
    python -m tests.benchmarks.similar_word batches
    python -m tests.benchmarks.similar_word examples

A label flips where a judge named the gold label of the row and names another one for its new text. Two judges, both
trained on the gold training rows alone: a logistic regression on frozen MiniLM embeddings, and one on words and pairs
of words that has also read 5,000 IMDB reviews. "no list" is without our table of antonyms. Opposites are pairs that WordNet lists as such (Debian's
`wordnet-base`); without it they are not counted.
"""

import argparse
import os
import time
from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any
from unittest import mock

DATA = Path(__file__).parents[2].parent / "shared" / "data"
WORDNET = Path("/usr/share/wordnet")
NAMES = ("negative", "positive")


def main(words: Sequence[str] | None = None) -> int:
    """Print what is asked for, and return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.similar_word")
    parser.add_argument("what", choices=("flips", "batches", "examples"))
    parser.add_argument("--guard", help="a masked language model trained with the labels of SST-2")
    parser.add_argument("--rows", type=int, default=600, help="test rows whose labels may flip (default: %(default)s)")
    parser.add_argument("--only", nargs="*", help="of the arms of flips, those with these names")
    parser.add_argument("--rate", type=float, default=0.2, help="of words replaced there (default: %(default)s)")
    parser.add_argument("--static", type=int, default=10_000, help="rows for batches (default: %(default)s)")
    parser.add_argument("--context", type=int, default=2_000, help="rows for batches (default: %(default)s)")
    given = parser.parse_args(words)
    if not (DATA / "sst2_sentences").is_dir():
        print(f"skipped: {DATA / 'sst2_sentences'} is not there.")
        return 0
    os.environ.update(OMP_NUM_THREADS="1", TQDM_DISABLE="1", HF_AUGMENT_REMEMBER="0", TOKENIZERS_PARALLELISM="false")
    import torch

    torch.set_num_threads(1)
    {"flips": flips, "batches": batches, "examples": examples}[given.what](given)
    return 0


# -- label flips -------------------------------------------------------------------------------------------------------


def arms(guard: str | None) -> dict[str, dict[str, Any]]:
    """Return the transforms that are compared, by name."""
    static, context = {"name": "similar_word", "source": "static"}, {"name": "similar_word", "source": "context"}
    found: dict[str, dict[str, Any]] = {
        "synonym": {"name": "synonym"},
        "static, no list": static,
        "static": static,
        "context, no list": context,
        "context": context,
        "context 0.6": {**context, "threshold": 0.6},
        "context 0.7": {**context, "threshold": 0.7},
        "context 0.8": {**context, "threshold": 0.8},
    }
    for margin in (-0.5, 0.0, 0.5) if guard is not None else ():
        found[f"static, guard {margin:+}"] = {**static, "guard": guard, "guard_margin": margin}
    if guard is not None:
        found["context, guard +0.0"] = {**context, "guard": guard}
    return found


def flips(given: argparse.Namespace) -> None:
    """Print how often the label flips."""
    from hf_augment.embedded import forms
    from hf_augment.transform import Written

    train, test = sst2("train"), sst2("test")[: given.rows]
    judges = {"MiniLM": minilm_judge(train), "words": words_judge(train)}
    right = {}
    for name, judge in judges.items():
        found = judge([row.text for row in test])
        right[name] = [label == row.label for label, row in zip(found, test, strict=True)]
        print(f"judge {name}: {sum(right[name]) / len(test):.3f} of {len(test)} test rows right", flush=True)
    opposites = antonyms()
    for arm, spec in arms(given.guard).items():
        if given.only and arm not in given.only:
            continue
        with mock.patch.object(forms, "_opposites", dict) if arm.endswith("no list") else nullcontext():
            outcomes, seconds = written(spec | {"rate": given.rate}, test)
        kept = [i for i, outcome in enumerate(outcomes) if isinstance(outcome, Written)]
        edits = [(test[i].text[e.start : e.end], e.new) for i in kept for e in outcomes[i].notes["edits"][0]]
        edits = [(old.lower(), new.lower()) for old, new in edits if old not in ("a", "an")]
        opposed = sum(new in opposites.get(old, ()) for old, new in edits)
        report = [f"{arm:20} {len(kept):4} of {len(test)} written, {len(edits) / max(1, len(kept)):.2f} words a row"]
        for name, judge in judges.items():
            judged = [i for i in kept if right[name][i]]
            labels = judge([outcomes[i].text for i in judged])
            flipped = sum(label != test[i].label for i, label in zip(judged, labels, strict=True))
            report.append(f"{name} {flipped}/{len(judged)} = {flipped / max(1, len(judged)):.3f}")
        print(*report, f"opposites {opposed}/{len(edits)}", f"{seconds:.0f} CPU s", sep=" | ", flush=True)


def minilm_judge(train: list) -> Any:
    """Fit a logistic regression on frozen sentence embeddings."""
    from sklearn.linear_model import LogisticRegression

    from hf_augment.engine.encoder import embed

    model = LogisticRegression(C=10, max_iter=1000)
    model.fit(embed([row.text for row in train]), [row.label for row in train])
    return lambda texts: model.predict(embed(texts)) if texts else []


def words_judge(train: list) -> Any:
    """Fit a logistic regression on TF-IDF of words and pairs of words, of these rows and of reviews."""
    from datasets import Dataset
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline

    reviews = Dataset.from_parquet(str(DATA / "imdb" / "train.parquet"), keep_in_memory=True)
    texts = [row.text for row in train] + reviews["text"][:]
    labels = [row.label for row in train] + [NAMES[label] for label in reviews["label"]]
    model = make_pipeline(
        TfidfVectorizer(ngram_range=(1, 2), min_df=2, sublinear_tf=True), LogisticRegression(C=10, max_iter=1000)
    )
    model.fit(texts, labels)
    return lambda texts: model.predict(texts) if texts else []


def antonyms() -> dict[str, set[str]]:
    """Read the pairs of opposites from WordNet's data files; none where they are absent."""
    found: dict[str, set[str]] = {}
    for part in ("adj", "adv", "noun", "verb"):
        file = WORDNET / f"data.{part}"
        lines = file.read_text(encoding="utf-8").splitlines() if file.is_file() else []
        synsets = {}
        for cells in (line.partition("|")[0].split() for line in lines if not line.startswith(" ")):
            count = int(cells[3], 16)
            names = [cells[4 + 2 * i].partition("(")[0].lower() for i in range(count)]
            after = 4 + 2 * count
            pointers = [cells[after + 1 + 4 * i : after + 5 + 4 * i] for i in range(int(cells[after]))]
            synsets[cells[0]] = names, [(p[1], p[3]) for p in pointers if p[0] == "!"]
        for names, pointers in synsets.values():
            for offset, places in pointers:
                here, there = divmod(int(places, 16), 256)
                found.setdefault(names[here - 1], set()).add(synsets[offset][0][there - 1])
    return found


# -- batches and speed -------------------------------------------------------------------------------------------------


def batches(given: argparse.Namespace) -> None:
    """Print how many rows differ when they come in another order and in batches of another size."""
    from hf_augment.transform import Written

    for source, count in (("static", given.static), ("context", given.context)):
        rows = (sst2("train") + sst2("validation") + sst2("test") + reviews())[:count]
        spec = {"name": "similar_word", "source": source}
        written(spec, rows[:20])  # loads
        whole, seconds = written(spec, rows)
        print(
            f"{source}: {len(rows)} rows in one batch, {sum(isinstance(one, Written) for one in whole)} written, "
            f"{seconds:.1f} CPU s = {len(rows) / seconds:.1f} rows/s on one thread",
            flush=True,
        )
        again, _ = written(spec, rows[::-1], together=193)
        differ = sum(one != other for one, other in zip(whole, again[::-1], strict=True))
        print(f"{source}: reversed, in batches of 193: {differ} of {len(rows)} rows differ", flush=True)


def reviews() -> list:
    """Read sentences of the UCI sets, to have more than SST-2 has."""
    from datasets import Dataset

    from hf_augment.transform import Row

    found = []
    for name in ("amazon_cells", "imdb", "yelp"):
        rows = Dataset.from_parquet(str(DATA / "uci_sentiment" / f"{name}.parquet"), keep_in_memory=True)
        found += [Row(text, NAMES[label]) for text, label in zip(rows["text"], rows["label"], strict=True)]
    return found


# -- examples ----------------------------------------------------------------------------------------------------------


def examples(given: argparse.Namespace) -> None:
    """Print what became of the first twenty test rows."""
    from hf_augment.transform import Written

    rows = sst2("test")[:20]
    for source in ("static", "context"):
        print(f"\n{source}, rate 0.1\n")
        outcomes, _ = written({"name": "similar_word", "source": source}, rows)
        for row, outcome in zip(rows, outcomes, strict=True):
            said = outcome.text if isinstance(outcome, Written) else f"({outcome.reason})"
            edits = outcome.notes["edits"][0] if isinstance(outcome, Written) else []
            changed = ", ".join(f"{row.text[e.start : e.end]} → {e.new}" for e in edits)
            print(f"- {row.label[:3]} | {row.text}\n  {said}\n  {changed}")


def sst2(split: str) -> list:
    """Read a split of SST-2's sentences."""
    from datasets import Dataset

    from hf_augment.transform import Row

    rows = Dataset.from_parquet(str(DATA / "sst2_sentences" / f"{split}.parquet"), keep_in_memory=True)
    return [Row(text, NAMES[label]) for text, label in zip(rows["text"], rows["label"], strict=True)]


def written(spec: dict[str, Any], rows: list, together: int = 1 << 30) -> tuple[list, float]:
    """Return what a transform makes of rows, and the CPU seconds it took."""
    from hf_augment import build
    from hf_augment.streams import row_key, stream

    transform = build(spec)
    start = time.process_time()
    outcomes = []
    for begin in range(0, len(rows), together):
        part = rows[begin : begin + together]
        drawn = [stream(0, transform.name, row_key(row.text), 1) for row in part]
        outcomes += transform.apply(part, drawn)
    return outcomes, time.process_time() - start


if __name__ == "__main__":
    raise SystemExit(main())
