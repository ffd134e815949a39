"""How a label becomes words, and words the label that a column holds."""

from collections.abc import Sequence
from typing import Any

from hf_augment.errors import unknown


def verbalise(label: Any, names: Sequence[str] | None, column: str) -> str | None:
    """
    Write a label as words, which is what transforms condition on.

    Args:
        label (`str`, `int`, `float`, `list` or `None`): The value in the label column.
        names (`Sequence[str]`, *optional*): The names of integer labels.
        column (`str`): The label column, for the error.

    Returns:
        `str` or `None`: The name; several labels joined by commas; `None` for a row without label (`None`, `[]`, -1).

    Raises:
        `ValueError`: An integer without names, or beyond them.
        `TypeError`: A value of another kind.
    """
    if label is None or label == [] or (names is not None and label == -1):
        return None
    if isinstance(label, str):
        return label
    if isinstance(label, bool):
        return str(label).lower()
    if isinstance(label, int):
        if names is None:
            raise ValueError(
                f"The label column {column!r} holds integers without names (e.g. {label}), and this transform writes "
                "from the label's name. On a stream, write augment = augment.bind(dataset); otherwise pass "
                "label_names=['negative', 'positive', ...] in the order of the integers."
            )
        if not 0 <= label < len(names):
            raise ValueError(f"Label {label} in column {column!r} has no name: label_names are {list(names)}.")
        return names[label]
    if isinstance(label, float):
        return f"{label:g}"
    if isinstance(label, list | tuple):
        return ", ".join(str(verbalise(part, names, column)) for part in label)
    raise TypeError(
        f"A label in column {column!r} is {label!r}. Expected a string, a number, a list of those, or None."
    )


def stored_as(name: str, like: Any, names: Sequence[str] | None, by: str) -> Any:
    """
    Turn a label's name into what the label column holds: the way back from `verbalise`.

    Args:
        name (`str`): The label that a transform wrote.
        like (`Any`): The label that the row had.
        names (`Sequence[str]`, *optional*): The names of integer labels.
        by (`str`): The transform, for the error.

    Raises:
        `ValueError`: The label is none of the names.
        `TypeError`: The column holds something else than strings, or integers with names.
    """
    if isinstance(like, str):
        return name
    if not isinstance(like, int) or isinstance(like, bool) or names is None:
        raise TypeError(
            f"{by!r} writes the label {name!r}, and the labels are like {like!r}. It can write labels that are strings, "
            "or integers with names."
        )
    if name not in names:
        raise ValueError(f"{by!r}: " + unknown("label", name, names))
    return names.index(name)
