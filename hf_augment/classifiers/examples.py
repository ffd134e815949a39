"""Rows as a model sees them: a text and the number of a class, or what else a task gives and asks."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from hf_augment.errors import one_split


class Examples(NamedTuple):
    """
    Inputs and outputs of the usable rows, JSON-shaped, and how many rows lacked one of them.

    Args:
        texts (`list`): Texts; for question-answering `[question, context]`, for token-classification lists of tokens.
        labels (`list`): Numbers of classes. For other tasks: the target of a translation, a list of reference
            summaries, a reply, a list of tags, or `{"text": [...], "answer_start": [...]}`.
        skipped (`int`): How many rows were not usable.
    """

    texts: list[Any]
    labels: list[Any]
    skipped: int


def class_names(dataset: Any, label: str, label_names: Sequence[str] | None = None) -> list[str]:
    """
    Return the names of the classes, in the order of their numbers.

    Args:
        dataset (`Dataset`): The gold training split.
        label (`str`): Its label column: `ClassLabel`, strings or whole numbers.
        label_names (`Sequence[str]`, *optional*): The names, where the column does not carry them.

    Raises:
        `ValueError`: No such column, or fewer than two classes.
    """
    _check(dataset, label, "label")
    names = list(label_names or getattr(dataset.features[label], "names", None) or ())
    if not names:
        values = [value for value in dataset[label] if value is not None]
        kinds = {type(value) for value in values}
        if len(kinds) > 1 or not kinds <= {str, int, bool}:
            raise TypeError(
                f"The label column {label!r} holds {sorted(kind.__name__ for kind in kinds)}. Expected one string or "
                "one whole number a row; for a number with a fraction or several labels there is no classifier here."
            )
        names = [str(value) for value in sorted(set(values))]
    if len(set(names)) < max(2, len(names)):
        raise ValueError(f"Expected at least two classes, with different names, in {label!r}; got {names}.")
    return names


def read_examples(
    dataset: Any, *, text: str, label: str, names: Sequence[str], label_names: Sequence[str] | None, split: str
) -> Examples:
    """
    Read the usable rows of a split.

    Args:
        dataset (`Dataset`): The split.
        text (`str`): Its text column.
        label (`str`): Its label column.
        names (`Sequence[str]`): The classes, as `class_names` returned them.
        label_names (`Sequence[str]`, *optional*): The names of integer labels that carry none.
        split (`str`): What errors call it.

    Raises:
        `ValueError`: A column is missing, a label is none of `names`, or no row is usable.
    """
    _check(dataset, text, "text", split)
    _check(dataset, label, "label", split)
    own = getattr(dataset.features[label], "names", None) or label_names
    numbers = {name: number for number, name in enumerate(names)}
    texts, labels = [], []
    for content, value in zip(dataset[text], dataset[label], strict=True):
        name = _name(value, own)
        if name is None or not isinstance(content, str) or not content.strip():
            continue
        if name not in numbers:
            raise ValueError(f"The {split} rows hold the label {name!r}; the classes are {list(names)}.")
        texts.append(content)
        labels.append(numbers[name])
    if not texts:
        raise ValueError(
            f"None of the {len(dataset)} {split} rows has both a text in {text!r} and a label in {label!r}."
        )
    return Examples(texts, labels, len(dataset) - len(texts))


def _name(value: Any, names: Sequence[str] | None) -> str | None:
    if value is None or isinstance(value, str) or names is None or isinstance(value, bool):
        return None if value is None else str(value)
    if value == -1:
        return None  # how the Hub's benchmarks write "no label"
    if isinstance(value, int) and 0 <= value < len(names):
        return names[value]
    raise ValueError(f"The label {value!r} has no name: there are {len(names)}, {list(names)}.")


def _check(dataset: Any, column: str, argument: str, split: str = "train") -> None:
    if isinstance(dataset, Mapping):
        raise TypeError(one_split(dataset, "train or measure a classifier on"))
    if not hasattr(dataset, "column_names") or not hasattr(dataset, "__len__"):
        raise TypeError(
            f"Expected a Dataset as {split}, got {type(dataset).__name__}. A stream becomes one with "
            "Dataset.from_list(list(stream))."
        )
    if column not in dataset.column_names:
        raise ValueError(
            f"No column {column!r} in the {split} rows, which have {dataset.column_names}. "
            f"Pass one of them as {argument!r}."
        )
