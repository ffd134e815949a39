"""Whatever a transform writes, each row that comes out keeps what its task promises: every row is checked."""

import time
from collections import Counter
from pathlib import Path

import pytest

from hf_augment import TRANSFORMS, Augment, Compose, RandomSwap, Typo
from hf_augment.edits import EditTransform
from hf_augment.provenance import count
from hf_augment.registry import transform_class
from hf_augment.tasks import task_class
from tests.rewriters import REWRITERS
from tests.task_checks import CHECKS
from tests.task_rows import columns, made_up
from tests.test_contract import transform

SQUAD = Path(__file__).parent.parent.parent / "shared" / "data" / "squad" / "train.parquet"
EDITS = [name for name in TRANSFORMS if issubclass(cls := transform_class(name), EditTransform) and not cls.of_labels]
NOT_FOR_ALL = {"contraction", "entity_swap", "sentence_swap", "spelling", "synonym", "random_insert"}
# what these look for, a text that is short or German may not have
CELLS = [(task, field) for task in CHECKS for field in task_class(task).fields]


def all_transforms(task: str, field: str) -> list:
    edits = [found for name in EDITS if not task_class(task).refuses(found := transform(name), field)]
    pipelines = [Compose(transforms=[RandomSwap(rate=0.1), rewriter, Typo(rate=0.1)]) for rewriter in REWRITERS]
    return [*edits, *REWRITERS, *pipelines]


def checked(task: str, field: str, rows: list[dict], transforms: list, copies: int = 1) -> tuple[Counter, Counter]:
    """Augment the rows by each transform and check all that is written: what was written, and what was declined why."""
    written, reasons = Counter(), Counter()
    given, by_id = columns(rows), {row["id"]: row for row in rows}
    for one in transforms:
        out = Augment(one, task=task, field=field, copies=copies)(given)
        for i, copy in enumerate(out["copy"]):
            new = {name: out[name][i] for name in given}
            if copy == 0:
                assert new == by_id[new["id"]]
            else:
                CHECKS[task](by_id[new["id"]], new, field)
                written[one.name] += 1
        reasons += Counter(count(out["augmented_by"], out["declined"])["declined_by_reason"])
    return written, reasons


def report(what: str, written: Counter, reasons: Counter, start: float) -> None:
    seconds = time.process_time() - start
    print(
        f"{what}: {written.total():,} rows written and checked in {seconds:.0f} s; declined: {reasons.most_common(8)}"
    )


@pytest.mark.parametrize(("task", "field"), CELLS)
def test_what_is_written_holds(task, field):
    start = time.process_time()
    transforms = all_transforms(task, field)
    written, reasons = checked(task, field, made_up(task, 60), transforms)
    report(f"{task}/{field}", written, reasons, start)
    assert written.total() > 400
    # None of them holds by luck: each edit writes something, and of the rewritings some are refused.
    assert not {one.name for one in transforms if isinstance(one, EditTransform)} - {*NOT_FOR_ALL, *written}
    assert any(one.name in written for one in REWRITERS)
    assert any("number" in reason or "lost" in reason or "gone" in reason for reason in reasons)


@pytest.mark.slow
@pytest.mark.parametrize(("task", "field"), CELLS)
def test_what_is_written_holds_for_thousands_of_rows(task, field):
    start = time.process_time()
    written, reasons = checked(task, field, made_up(task, 400), all_transforms(task, field))
    report(f"{task}/{field}", written, reasons, start)
    assert written.total() > 3000


@pytest.mark.slow
@pytest.mark.real_data
def test_every_answer_of_squad_stands_where_it_is_said_to():
    if not SQUAD.is_file():
        pytest.skip("needs the development machine's data sets beside the checkout")
    from datasets import Dataset

    rows = Dataset.from_parquet(str(SQUAD)).to_list()
    total, start = Counter(), time.process_time()
    for field in ("context", "question"):
        transforms = all_transforms("question-answering", field)
        share = len(rows) // len(transforms)
        for i, one in enumerate(transforms):  # each takes rows of its own, and the rewriters all
            own = rows if one in REWRITERS else rows[i * share : i * share + 1400]
            written, reasons = checked("question-answering", field, own, [one])
            report(f"{field}, {one.name}", written, reasons, start)
            total += written
    print(f"SQuAD: {total.total():,} rows emitted, every answer of each at its answer_start")
    assert total.total() >= 50_000
