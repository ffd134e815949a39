"""
Does adversarial augmentation make a classifier sturdier? Clean and attacked accuracy, before and after, on real rows.

    python -m tests.benchmarks.adversarial --output runs/adversarial
    python -m tests.benchmarks.adversarial --data sst2 --victims lstm --arms gold --method gradient --output runs/other

For each data set and classifier: one is trained on gold rows, these are changed against it (by gradients, 50 queries a
row, kept whether they turn its answer or not), and others are trained, for as many steps, on gold and changed rows
(`attacked`), on gold rows and the same kind of changes at random (`random`), and on gold rows with embeddings moved
against them (`fgsm`). All are then attacked on the same test rows by search, with the same candidates: synonyms, and
typos of one character. What is finished is not done again. It leaves adversarial.md and adversarial.json.
"""

import argparse
import dataclasses
import math
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from hf_augment.record import read_json, write_json

DATA = Path(__file__).parents[2].parent / "shared" / "data"
SETS = {"sst2": ("sst2_sentences", "label"), "trec": ("trec", "coarse_label")}
VICTIMS = {
    "lstm": {"learning_rate": 2e-3, "epochs": 8.0},
    "minilm": {"learning_rate": 1e-4, "epochs": 3.0},
}
EPSILON = {"lstm": 1.0, "minilm": 1.0}
ARMS = ("gold", "attacked", "random", "fgsm")
TRAINING = {"method": "gradient", "queries": 50, "keep_failed": True}
HELD_OUT = 25  # rows of each label that choose the step


def main(words: Sequence[str] | None = None) -> int:
    """Train and attack what is asked for, and return the exit status."""
    given = arguments().parse_args(words)
    missing = [name for name in given.data if not (DATA / SETS[name][0]).is_dir()]
    if missing:
        print(f"skipped: there is no data for {', '.join(missing)} in {DATA}.", file=sys.stderr)
        return 0
    import torch
    from datasets import disable_progress_bars

    disable_progress_bars()
    torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", "1")))
    found = []
    for data in given.data:
        for victim in given.victims:
            found += _compare(given, data, victim)
            (given.output / "adversarial.md").write_text(_table(found), encoding="utf-8")
            write_json(given.output / "adversarial.json", {"settings": _settings(given), "results": found})
    print(_table(found))
    return 0


def arguments() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.adversarial", description="Sturdier?")
    parser.add_argument("--data", nargs="+", choices=SETS, default=list(SETS), help="default: all")
    parser.add_argument("--victims", nargs="+", choices=VICTIMS, default=list(VICTIMS), help="default: all")
    parser.add_argument("--arms", nargs="+", choices=ARMS, default=list(ARMS), help="default: all")
    parser.add_argument("--method", choices=("search", "gradient"), default="search", help="default: %(default)s")
    parser.add_argument("--shots", type=int, default=200, help="training rows a label (default: %(default)s)")
    parser.add_argument("--rows", type=int, default=500, help="test rows (default: %(default)s)")
    parser.add_argument("--queries", type=int, default=200, help="texts read for a row (default: %(default)s)")
    parser.add_argument("--similarity", type=float, default=0.8, help="default: %(default)s")
    parser.add_argument(
        "--rate", type=float, default=0.2, help="share of words that may change (default: %(default)s)"
    )
    parser.add_argument("--copies", type=int, default=1, help="attacks on a training row (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="default: %(default)s")
    parser.add_argument("--output", type=Path, default=Path("runs/adversarial"), help="default: %(default)s")
    return parser


def _settings(given: argparse.Namespace) -> dict[str, Any]:
    return {name: str(value) if isinstance(value, Path) else value for name, value in vars(given).items()}


def _attack(given: argparse.Namespace, victim: str, **more: Any) -> Any:
    from hf_augment import Adversarial

    limits = {"rate": given.rate, "similarity": given.similarity, "queries": given.queries, "method": given.method}
    return Adversarial(victim=victim, candidates=_changes(1.0), **{**limits, **more})


def _changes(rate: float) -> Any:
    from hf_augment import OneOf, Synonym, Typo

    return OneOf(transforms=[Synonym(rate=rate), Typo(rate=rate)])


def _compare(given: argparse.Namespace, data: str, victim: str) -> list[dict[str, Any]]:
    from datasets import concatenate_datasets

    from hf_augment import Augment
    from hf_augment.study.attack import attack_report

    train, validation, test = _rows(data, given.shots, given.rows, given.seed)
    folder = given.output / f"{data}-{victim}"
    steps = math.ceil((1 + given.copies) * len(train) * VICTIMS[victim]["epochs"] / 16)
    found = []
    for arm in given.arms:
        file = folder / arm / "report.json"
        if (known := read_json(file)) is None:
            start = time.perf_counter()
            added: Any = []
            if arm in ("random", "attacked"):
                attack = _attack(given, str(folder / "gold" / "model"), **TRAINING)
                transform = attack if arm == "attacked" else _changes(given.rate)
                augment = Augment(
                    transform, text="text", label="label", copies=given.copies, seed=given.seed, keep_original=False
                )
                added = train.map(augment, batched=True).filter(lambda row: row["copy"] > 0)
            rows = concatenate_datasets([train, added.select_columns(["text", "label"])]) if len(added) else train
            model, clean = _train(rows, validation, test, victim, arm, steps, given.seed, folder / arm)
            trained = time.perf_counter() - start
            report = attack_report(_attack(given, model), test, seed=given.seed)
            known = {
                "data": data,
                "victim": victim,
                "arm": arm,
                "added": len(added),
                "steps": steps,
                "test_accuracy": clean,
                **report,
                "seconds": round(time.perf_counter() - start),
                "seconds_attacking_test": round(time.perf_counter() - start - trained),
            }
            if arm == "attacked":
                known["examples"] = [[row["text"], row["source"]] for row in _examples(train, added)]
            write_json(file, known)
            print(_row(known), flush=True)
        found.append(known)
    return found


def _examples(train: Any, added: Any) -> list[dict[str, str]]:
    from hf_augment.streams import row_key

    known = {row_key(text).hex(): text for text in train["text"]}
    return [
        {"text": row["text"], "source": known[row["source_id"]]} for row in added.select(range(min(20, len(added))))
    ]


def _rows(data: str, shots: int, count: int, seed: int) -> tuple[Any, Any, Any]:
    """Draw training and validation rows of each label, none of them twice or in the test split, and test rows."""
    from datasets import Dataset

    name, label = SETS[data]
    read = lambda split: Dataset.from_parquet(str(DATA / name / f"{split}.parquet"))  # noqa: E731
    whole, test = read("train"), read("test")
    if label != "label":
        whole, test = (split.rename_column(label, "label") for split in (whole, test))
    whole, test = (split.select_columns(["text", "label"]) for split in (whole, test))
    test = test.shuffle(seed=seed).select(range(min(count, len(test))))
    taken, parts = set(test["text"]), {"train": [], "validation": []}
    full: dict[int, int] = {}
    shuffled = whole.shuffle(seed=seed)
    for i, (text, number) in enumerate(zip(shuffled["text"], shuffled["label"], strict=True)):
        if text in taken:
            continue
        taken.add(text)
        full[number] = full.get(number, 0) + 1
        if full[number] <= shots + HELD_OUT:  # validation first: TREC has 86 abbreviations in all
            parts["validation" if full[number] <= HELD_OUT else "train"].append(i)
    return shuffled.select(parts["train"]), shuffled.select(parts["validation"]), test


def _train(
    rows: Any, validation: Any, test: Any, victim: str, arm: str, steps: int, seed: int, folder: Path
) -> tuple[str, float]:
    from hf_augment.blocks import StudyConfig
    from hf_augment.classifiers import train_classifier, train_tokenizer
    from hf_augment.engine.encoder import locate_encoder

    config = StudyConfig(
        classifier="lstm" if victim == "lstm" else str(locate_encoder()),
        hidden_size=128,
        max_length=128,
        adversarial_epsilon=EPSILON[victim] if arm == "fgsm" else 0.0,
        **VICTIMS[victim],
    )
    tokenizer = train_tokenizer(rows["text"]) if victim == "lstm" else None
    options = {"text": "text", "label": "label", "config": config, "seed": seed, "max_steps": steps}
    found = train_classifier(rows, validation, test, **options, output_dir=folder, tokenizer=tokenizer)
    write_json(folder / "training.json", {"config": dataclasses.asdict(config), **found})
    return found["model"], found["test"]["accuracy"]


_COLUMNS = {
    "data": "data",
    "victim": "classifier",
    "arm": "trained on",
    "added": "rows added",
    "clean_accuracy": "clean",
    "attacked_accuracy": "attacked",
    "attack_success": "attack succeeds",
    "mean_queries": "queries",
    "most_queries": "most",
    "mean_changed": "words changed",
    "seconds_attacking_test": "s",
}


def _row(known: dict[str, Any]) -> str:
    cells = []
    for name in _COLUMNS:
        value = known[name]
        shares = ("clean_accuracy", "attacked_accuracy", "attack_success")
        cells.append(f"{value:.1%}" if name in shares else f"{value:.1f}" if isinstance(value, float) else str(value))
    return f"| {' | '.join(cells)} |"


def _table(found: list[dict[str, Any]]) -> str:
    head = f"| {' | '.join(_COLUMNS.values())} |\n|{'---|' * len(_COLUMNS)}\n"
    return head + "\n".join(map(_row, found)) + "\n"


if __name__ == "__main__":
    sys.exit(main())
