"""
What `infill` and `abstract` write on real text, with two small models trained for the purpose on one core.

    python -m tests.benchmarks.infill --output runs/infill --rows 1000

The infiller is made of `embedded:masked`, has sentinels like a T5, and learns on sentences of SST-2 (with their labels)
and of IMDB reviews; the compressor is a BART that repeats, and learns to write the first of three sentences. Neither is
more than a demonstration. A model that is there is not trained again; a training that was killed goes on.
"""

import argparse
import itertools
import os
import time
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

import torch
from datasets import Dataset

from hf_augment.streams import row_key, stream
from hf_augment.transform import Declined, Row, Transform, Written
from hf_augment.transforms.abstract import Abstract
from hf_augment.transforms.infill import Infill
from tests.benchmarks.infill_models import LEADS, ensure, reviews

DATA = Path(__file__).parents[2].parent / "shared" / "data"
LABELS = ("negative", "positive")
SHOWN = 20
Outcomes = list[Written | Declined]


def main() -> int:
    """Train what is missing, and print the figures and examples."""
    given = arguments().parse_args()
    if not (given.data / "sst2_sentences").is_dir():
        print(f"skipped: {given.data} has no sst2_sentences")
        return 0
    torch.set_num_threads(1)
    os.environ["HF_AUGMENT_REMEMBER"] = "0"  # a remembered text would equal itself
    infiller, compressor = ensure(given.output, given.data, given.steps)
    infill_figures(str(infiller), given.data, given.rows)
    abstract_figures(str(compressor), given.data, given.rows // 10)
    return 0


def arguments() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.infill", description=__doc__.split("\n")[1])
    parser.add_argument("--data", type=Path, default=DATA, help="default: %(default)s")
    parser.add_argument("--output", type=Path, default=Path("runs/infill"), help="default: %(default)s")
    parser.add_argument(
        "--steps", type=int, default=300, help="of 64 rows, twice as many for the infiller (default: %(default)s)"
    )
    parser.add_argument("--rows", type=int, default=1_000, help="rows of the invariance count (default: %(default)s)")
    return parser


def infill_figures(model: str, data: Path, count: int) -> None:
    """Print what `infill` makes of SST-2."""
    test = sst2(data, "test")
    infill = Infill(model=model, max_new_tokens=96)
    found = run(infill, test)
    print("\ninfill, SST-2 test:", by_reason(found))
    for row, outcome in zip(test[:SHOWN], found, strict=False):
        print(f"  {row.label}: {row.text}\n    -> {outcome.text if isinstance(outcome, Written) else outcome}")
    greedy = Infill(model=model, temperature=0, max_new_tokens=96)
    right, gaps, the = recovered(greedy, test)
    print(f"infill, greedy: {right} of {gaps} gaps of one word as they were; 'the' in all of them would be {the}")
    judge = classifier(sst2(data, "train"))
    print(f"a linear classifier is right on {judge(test):.3f} of the test rows as they are, and of those written")
    flipped = [Row(row.text, LABELS[1 - LABELS.index(row.label)]) for row in test]
    for name, transform, rows in (
        ("for their labels", infill, test),
        ("for no label", Infill(model=model, max_new_tokens=96, label=False), test),
        ("for the other label", infill, flipped),
    ):
        texts = run(transform, rows)
        written = [
            Row(text.text, row.label) for text, row in zip(texts, test, strict=True) if isinstance(text, Written)
        ]
        print(f"  {judge(written):.3f} {name} ({len(written)} rows)")
    rows = list(itertools.islice(itertools.cycle(sst2(data, "train") + sst2(data, "validation") + test), count))
    invariance(infill, rows)


def abstract_figures(model: str, data: Path, count: int) -> None:
    """Print what `abstract` makes of IMDB reviews."""
    abstract = Abstract(model=model, sentences=3, temperature=0.7, max_new_tokens=48)
    test = [Row(text) for text in Dataset.from_parquet(str(data / "imdb" / "test.parquet"))["text"][: max(count, 200)]]
    found = run(abstract, test[:200])
    print("\nabstract, 200 IMDB test reviews:", by_reason(found))
    written = [(row, text) for row, text in zip(test, found, strict=False) if isinstance(text, Written)]
    if written:
        share = sum(len(text.text) for _, text in written) / sum(len(row.text) for row, _ in written)
        print(f"  {share:.2f} of their characters")
    for row, text in written[:SHOWN]:
        print(f"  {row.text[:400]!r}\n    -> {text.text[:300]!r}")
    skip = 3 * LEADS + 3  # what the compressor has read
    held = list(itertools.islice(zip(*[itertools.islice(reviews(data, 4, 14), skip, None)] * 3, strict=False), 300))
    greedy = Abstract(model=model, temperature=0, max_new_tokens=48)
    said = [text.text if isinstance(text, Written) else "" for text in run(greedy, [Row(" ".join(t)) for t in held])]
    same = sum(text == three[0] for text, three in zip(said, held, strict=True))
    print(f"three held-out sentences, greedy: {same} of {len(held)} times the first, letter by letter")
    for name, place in (("first", 0), ("second", 1)):
        overlap = sum(f1(text, three[place]) for text, three in zip(said, held, strict=True)) / len(held)
        print(f"  mean F1 of words with the {name} sentence: {overlap:.3f}")
    invariance(abstract, test[:count])


def sst2(data: Path, split: str) -> list[Row]:
    """Read a split of SST-2."""
    rows = Dataset.from_parquet(str(data / "sst2_sentences" / f"{split}.parquet"))
    return [Row(text, LABELS[label]) for text, label in zip(rows["text"][:], rows["label"][:], strict=True)]


def run(
    transform: Transform, rows: Sequence[Row], batch: int = 1_000, copies: Sequence[int] | None = None
) -> Outcomes:
    """Apply a transform in batches, as `Dataset.map` would."""
    drawn = [
        stream(0, transform.name, row_key(row.text), copy)
        for row, copy in zip(rows, copies or [1] * len(rows), strict=True)
    ]
    return [
        outcome
        for first in range(0, len(rows), batch)
        for outcome in transform.apply(rows[first : first + batch], drawn[first : first + batch])
    ]


def by_reason(found: Outcomes) -> dict[str, int]:
    """Count what was written, and what was not by reason."""
    return dict(Counter(outcome.reason if isinstance(outcome, Declined) else "written" for outcome in found))


def recovered(greedy: Infill, rows: Sequence[Row]) -> tuple[int, int, int]:
    """Count the gaps of one word that were filled as before, all of them, and those that held "the"."""
    right = gaps = the = 0
    for row, outcome in zip(rows, run(greedy, rows), strict=True):
        if isinstance(outcome, Declined) and outcome.reason != "nothing to change":
            continue
        changed = {(a, b) for a, b, _ in outcome.notes["edits"][0]} if isinstance(outcome, Written) else set()
        for gap in greedy.gaps(row, stream(0, "infill", row_key(row.text), 1)):
            word = row.text[slice(*gap)]
            if " " not in word:
                gaps, right, the = gaps + 1, right + (gap not in changed), the + (word == "the")
    return right, gaps, the


def classifier(rows: Sequence[Row]) -> Callable[[Sequence[Row]], float]:
    """Fit a logistic regression on words and pairs of words, and return what measures its accuracy."""
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline

    made = make_pipeline(TfidfVectorizer(ngram_range=(1, 2)), LogisticRegression(C=10, max_iter=1_000))
    made.fit([row.text for row in rows], [row.label for row in rows])
    return lambda asked: made.score([row.text for row in asked], [row.label for row in asked]) if asked else 0.0


def f1(text: str, other: str) -> float:
    """Return the harmonic mean of precision and recall of words."""
    one, two = Counter(text.lower().split()), Counter(other.lower().split())
    same = sum((one & two).values())
    return 2 * same / max(1, sum(one.values()) + sum(two.values()))


def invariance(transform: Transform, rows: Sequence[Row]) -> None:
    """Count the rows that another batch size changes, and time them."""
    copies = [1 + place // 9_613 for place in range(len(rows))]  # SST-2 has so many sentences
    seconds, cpu = time.perf_counter(), time.process_time()
    whole = run(transform, rows, copies=copies)
    seconds, cpu = time.perf_counter() - seconds, time.process_time() - cpu
    print(
        f"{transform.name}: {len(rows)} rows, {len(rows) / seconds:.1f} rows/s, {len(rows) / cpu:.1f} per CPU second"
    )
    for batch, most in ((7, len(rows)), (1, min(len(rows), 1_000))):
        again = run(transform, rows[:most], batch, copies[:most])
        differ = sum(one != other for one, other in zip(whole, again, strict=False))
        print(f"  batches of {batch} instead of 1,000: {differ} of {most} rows differ", flush=True)


if __name__ == "__main__":
    raise SystemExit(main())
