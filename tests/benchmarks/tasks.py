"""
Every task on real rows: rows in and out, declines by reason, and pairs to read.

    python -m tests.benchmarks.tasks --output runs/tasks --rows 1000

Dialogues, captions in two languages, abstracts and their summaries, questions on articles; each field of each task with
each of the transforms below. It leaves shown.md: a table of counts, then ten pairs of each, the rewritten text below
the one it came from.
"""

import argparse
import os
import sys
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")  # more on busy cores are slower than one

from datasets import Dataset, disable_progress_bars

from hf_augment import Augment, build
from hf_augment.tasks import TASKS

DATA = Path(__file__).parents[2].parent / "shared" / "data"
FILES = {
    "question-answering": "squad/train.parquet",
    "translation": "multi30k/train.parquet",
    "dialogue": "sgd/train.parquet",
    "summarization": "scitldr/train.parquet",
}
TRANSFORMS: list[dict[str, Any]] = [
    {"name": "eda"},
    {"name": "synonym", "rate": 0.3},
    {"name": "masked_lm", "model": "embedded:masked", "rate": 0.15},
    {"name": "entity_swap"},
    {"name": "keyboard", "rate": 0.05},
    {"name": "sentence_swap"},
]
SHOWN = 10


def main(words: Sequence[str] | None = None) -> int:
    """Augment each field of each task with each transform, and write what came of it."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.tasks", description=__doc__)
    parser.add_argument("--output", type=Path, default=Path("runs/tasks"), help="default: %(default)s")
    parser.add_argument("--rows", type=int, default=1000, help="of each task; default: %(default)s")
    given = parser.parse_args(words)
    if not DATA.exists():
        print(f"skipped: {DATA} is not here", file=sys.stderr)
        return 0
    disable_progress_bars()
    counted, shown = [], []
    for task, file in FILES.items():
        data = Dataset.from_parquet(str(DATA / file)).shuffle(seed=0)
        data = data.select(range(min(given.rows, len(data))))
        for field in TASKS[task].fields:
            for spec in TRANSFORMS:
                start = time.process_time()
                augment = Augment(build(spec), task=task, field=field)
                out = data.map(augment, batched=True, keep_in_memory=True, load_from_cache_file=False)
                took = time.process_time() - start
                counted.append(_count(task, field, spec["name"], len(data), out, took))
                shown += [f"### {task}, {field}, {spec['name']}", "", *_pairs(out, augment), ""]
                print(counted[-1], file=sys.stderr)
    head = ["| task | field | transform | rows in | copies out | declined, by reason | rows a CPU second |"]
    given.output.mkdir(parents=True, exist_ok=True)
    text = "\n".join([*head, "|---|---|---|---|---|---|---|", *counted, "", *shown])
    (given.output / "shown.md").write_text(text, encoding="utf-8")
    return 0


def _count(task: str, field: str, name: str, rows: int, out: Dataset, took: float) -> str:
    reasons = Counter(reason for entry in out["declined"] for reason in entry.split("; ") if reason)
    told = "; ".join(f"{reason}: {count}" for reason, count in reasons.most_common())
    copies = sum(copy > 0 for copy in out["copy"])
    return f"| {task} | {field} | {name} | {rows} | {copies} | {told} | {rows / took:,.0f} |"


def _pairs(out: Dataset, augment: Augment) -> list[str]:
    task = augment.bound(out.column_names, out.features)
    read = out.select_columns(list(task.reads())).to_dict()
    values = list(zip(*(read[column] for column in task.reads()), strict=True))
    lines: list[str] = []
    original = None
    for row, copy in enumerate(out["copy"]):
        if copy == 0:
            original = values[row]
            continue
        for before, after in zip(task.rows(original), task.rows(values[row]), strict=True):
            if before.text != after.text and len(lines) < 3 * SHOWN:
                lines += [f"- {_one_line(before.text)}", f"  **{_one_line(after.text)}**", *_beside(after.context)]
                break
        if len(lines) >= 3 * SHOWN:
            break
    return lines


def _beside(context: Any) -> list[str]:
    return [f"  ({'; '.join(f'{name}: {_one_line(str(value))[-160:]}' for name, value in context.items())})"]


def _one_line(text: str) -> str:
    return " ".join(text.split())[:400]


if __name__ == "__main__":
    sys.exit(main())
