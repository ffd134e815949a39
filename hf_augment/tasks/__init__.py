"""The tasks: which texts of a row can be rewritten, what conditions them, and what must hold afterwards."""

from collections.abc import Mapping, Sequence
from typing import Any

from hf_augment.errors import unknown
from hf_augment.tasks.classification import TextClassification
from hf_augment.tasks.dialogue import Dialogue
from hf_augment.tasks.question_answering import QuestionAnswering
from hf_augment.tasks.summarization import Summarization
from hf_augment.tasks.task import Columns, Task
from hf_augment.tasks.token_classification import TokenClassification
from hf_augment.tasks.translation import Translation

TASKS: Mapping[str, type[Task]] = {
    task.name: task
    for task in (TextClassification, Dialogue, Translation, Summarization, QuestionAnswering, TokenClassification)
}


def task_class(name: str) -> type[Task]:
    """Return the class of a task; a `ValueError` names those there are."""
    if name not in TASKS:
        raise ValueError(unknown("task", name, TASKS))
    return TASKS[name]


def check_field(task: str, field: str | None) -> str:
    """Return the field of a task that is rewritten, the default one if none is given; a `ValueError` names those there are."""
    fields = task_class(task).fields
    if field is not None and field not in fields:
        raise ValueError(unknown(f"field of the task {task!r}", field, fields))
    return fields[0] if field is None else field


def bind_task(
    name: str,
    columns: Sequence[str],
    features: Mapping[str, Any] | None = None,
    *,
    field: str | None = None,
    given: Columns | None = None,
    label_names: Sequence[str] | None = None,
) -> Task:
    """
    Bind a task to the columns of a dataset.

    Args:
        name (`str`): One of `TASKS`.
        columns (`Sequence[str]`): The columns of the dataset.
        features (`Mapping`, *optional*): Their types.
        field (`str`, *optional*): What is rewritten; the task's first field by default.
        given (`dict[str, str]`, *optional*): Columns by role, where they are not called as usual.
        label_names (`Sequence[str]`, *optional*): Names of integer tags that carry none.
    """
    cls = task_class(name)
    return cls(check_field(name, field), cls.find(given or {}, columns, features), features, label_names)


def read_pairs(dataset: Any, task: Task) -> tuple[list[Any], list[Any], int]:
    """
    Read what a model of a task is given and what it is to answer.

    Args:
        dataset (`Dataset`): A split.
        task ([`Task`]): Bound to its columns.

    Returns:
        `tuple`: The inputs; the outputs; and how many rows lacked one of them.
    """
    values = zip(*(dataset[column] for column in task.reads()), strict=True)
    found = [pair for row in values if (pair := task.pair(row)) is not None]
    return [pair.input for pair in found], [pair.output for pair in found], len(dataset) - len(found)
