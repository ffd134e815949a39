"""
Which measure and level make good decisions of the do-no-harm gate? Frozen features on the Kumar splits.

    python scripts/kumar_splits.py ../shared/data/kumar_10shot/sst2 data/kumar-sst2
    python -m tests.benchmarks.gate data/kumar-sst2

The methods are of known worth: real sentences that no split has, with a share of wrong labels (a generator and its
filter, as good as one likes), and EDA. For each split the gate decides on the gold rows; what it decides is then
compared with the test rows.
"""

import argparse
from collections import defaultdict
from pathlib import Path

import numpy as np
from datasets import Dataset, load_dataset

from hf_augment import Augment, Eda
from hf_augment.blocks import GateConfig
from hf_augment.classifiers.features import COSTS, Regression
from hf_augment.classifiers.scoring import rank, row_scores
from hf_augment.engine.embeddings import embed_once
from hf_augment.engine.encoder import ENCODER
from hf_augment.streams import row_key, stream
from hf_augment.study.gate import decide, folds, gains

MEASURES, LEVELS = ("accuracy", "probability", "log_loss"), (0.02, 0.5, 0.8, 0.9, 0.95)
NOISE = {"0 % wrong": 0.0, "25 % wrong": 0.25, "40 % wrong": 0.4, "50 % wrong": 0.5, "all wrong": 1.0}


def main() -> None:
    """Print, for each measure and level, what gating and always augmenting gain over the tuned classifier."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.gate", description="Which gate decides best?")
    parser.add_argument("splits", type=Path, help="what scripts/kumar_splits.py wrote")
    parser.add_argument("--folds", type=int, default=5, help="default: %(default)s")
    parser.add_argument("--repeats", type=int, default=1, help="default: %(default)s")
    parser.add_argument("--copies", type=int, default=1, help="added rows for each gold one (default: %(default)s)")
    given = parser.parse_args()
    parts = [read(given.splits / f"split-{i}") for i in range(15)]
    texts = sorted({text for part in parts for own, _ in part.values() for text in own})
    vectors = dict(zip(texts, embed_once(texts, ENCODER), strict=True))
    found = defaultdict(list)
    for i, part in enumerate(parts):
        pool = [row for other in parts[:i] + parts[i + 1 :] for row in zip(*other["train"], strict=True)]
        for name, row in one_split(part, sorted(set(pool)), vectors, given, i).items():
            found[name].append(row)
    tell(found)


def read(folder: Path) -> dict[str, tuple[list[str], list[int]]]:
    files = {name: str(folder / f"{name}.parquet") for name in ("train", "validation", "test")}
    loaded = {name: load_dataset("parquet", data_files=file, split="train") for name, file in files.items()}
    return {name: (list(rows["text"]), list(rows["label"])) for name, rows in loaded.items()}


def added(name: str, gold: tuple, pool: list, copies: int, seed: int) -> tuple[list[str], list[int]]:
    """Write rows for some gold ones."""
    if name == "eda":
        rows = Dataset.from_dict({"text": gold[0], "label": gold[1]})
        written = rows.map(Augment(Eda(), text="text", copies=copies, keep_original=False, seed=seed), batched=True)
        return list(written["text"]), list(written["label"])
    classes, own = max(label for _, label in pool) + 1, set(gold[0])
    draws = stream(seed, name, row_key(sorted(gold[0])), 0)
    texts, labels = [], []
    for wanted in gold[1] * copies:
        text, label = draws.choice([row for row in pool if row[1] == wanted and row[0] not in own])
        wrong = draws.uniform() < NOISE[name]
        texts.append(text)
        labels.append((label + 1 + draws.below(classes - 1)) % classes if wrong else label)
    return texts, labels


def train(train: tuple, validation: tuple, test: tuple, vectors: dict) -> list[list[float]]:
    """Return what the best of several regressions says of each test row."""
    of = lambda rows: np.stack([vectors[text] for text in rows[0]])  # noqa: E731
    classes, numbers = max(train[1]) + 1, np.array(validation[1])
    best = None
    for cost in COSTS:
        model = Regression.fit(
            of(train), np.array(train[1]), [1.0] * len(train[0]), cost, max(classes, max(test[1]) + 1)
        )
        said = model.probabilities(of(validation))
        loss = -np.log(np.maximum(said[np.arange(len(numbers)), numbers], 1e-12)).mean()
        score = rank({"accuracy": float((said.argmax(1) == numbers).mean()), "loss": float(loss)})
        best = max(best, (score, cost, model), key=lambda own: own[:1]) if best else (score, cost, model)
    return row_scores(best[2].probabilities(of(test)), test[1])


def one_split(part, pool, vectors, given, seed: int) -> dict[str, dict]:
    gold = {name: part[name] for name in ("train", "validation")}
    held = [
        rows
        for repeat in range(given.repeats)
        for rows in folds(
            {name: own[0] for name, own in gold.items()},
            {name: own[1] for name, own in gold.items()},
            given.folds,
            seed,
            repeat,
        )
    ]
    accuracy = lambda rows: float(np.mean([right for right, _ in rows]))  # noqa: E731
    tuned = accuracy(train(gold["train"], gold["validation"], part["test"], vectors))
    found = {}
    for name in (*NOISE, "eda"):
        extra = added(name, gold["train"], pool, given.copies, seed)
        embed_new(extra[0], vectors)
        whole = tuple(a + b for a, b in zip(gold["train"], extra, strict=True))
        gain = accuracy(train(whole, gold["validation"], part["test"], vectors)) - tuned
        rows = {measure: defaultdict(list) for measure in MEASURES}
        for places in held:
            kept = {
                split: tuple(
                    [value for row, value in enumerate(column) if (split, row) not in set(places)] for column in own
                )
                for split, own in gold.items()
            }
            test = tuple([gold[place.split][column][place.row] for place in places] for column in (0, 1))
            extra = added(name, kept["train"], pool, given.copies, seed)
            embed_new(extra[0], vectors)
            whole = tuple(a + b for a, b in zip(kept["train"], extra, strict=True))
            with_rows = train(whole, kept["validation"], test, vectors)
            without = train(kept["train"], kept["validation"], test, vectors)
            for measure in MEASURES:
                for place, value in zip(places, gains(with_rows, without, measure), strict=True):
                    rows[measure][place].append(value)
        found[name] = {"gain": gain, "rows": rows}
    return found


def embed_new(texts: list[str], vectors: dict) -> None:
    new = sorted({text for text in texts if text not in vectors})
    if new:
        vectors.update(zip(new, embed_once(new, ENCODER), strict=True))


def tell(found: dict[str, list[dict]]) -> None:
    """Print a table: gain of always augmenting, and of gating by each measure and level; augmented in so many splits."""
    print("| method | always |", " | ".join(f"{measure}, {level}" for measure in MEASURES for level in LEVELS), "|")
    for name, splits in found.items():
        cells = [f"{100 * np.mean([own['gain'] for own in splits]):+.1f}"]
        for measure in MEASURES:
            for level in LEVELS:
                config = GateConfig(level=level)
                yes = [decide(own["rows"][measure], config)["augment"] for own in splits]
                gated = np.mean([own["gain"] * said for own, said in zip(splits, yes, strict=True)])
                cells.append(f"{100 * gated:+.1f} ({sum(yes)})")
        print("|", name, "|", " | ".join(cells), "|")


if __name__ == "__main__":
    main()
