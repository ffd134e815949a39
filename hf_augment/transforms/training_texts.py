"""What a transform is fitted on: the texts, and the names of the labels, of one training split."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from hf_augment.errors import one_split, unknown
from hf_augment.labels import verbalise


def texts_of(
    dataset: Any,
    text: str,
    label: str | None,
    label_names: Sequence[str] | None,
    left_out: Counter,
    verb: str,
) -> Iterator[tuple[str, str | None]]:
    """
    Read texts and label names off a training split.

    Args:
        dataset (`Dataset` or `IterableDataset`): The split.
        text (`str`): The column of texts.
        label (`str`, *optional*): The column of labels.
        label_names (`Sequence[str]`, *optional*): Names of integer labels.
        left_out (`Counter`): Counts the rows that are left out, by reason.
        verb (`str`): What is done with the split, for the error.

    Raises:
        `TypeError`: It is a `DatasetDict`, or no dataset.
        `ValueError`: It has no such column.
    """
    if isinstance(dataset, Mapping):
        raise TypeError(one_split(dataset, verb))
    if not hasattr(dataset, "select_columns"):
        raise TypeError(
            f"Expected a Dataset or an IterableDataset to {verb}, got {type(dataset).__name__}. Write "
            "Dataset.from_list(rows) or Dataset.from_pandas(frame)."
        )
    columns = [name for name in (text, label) if name is not None]
    for column in columns:
        if dataset.column_names is not None and column not in dataset.column_names:
            raise ValueError(unknown("column", column, dataset.column_names))
    features = dataset.features or {}
    names = label_names or getattr(features.get(label), "names", None)
    return _read(dataset.select_columns(columns), text, label, names, left_out)


def _read(
    dataset: Any, text: str, label: str | None, names: Sequence[str] | None, left_out: Counter
) -> Iterator[tuple[str, str | None]]:
    for row in dataset:
        said = row[text]
        name = verbalise(row[label], names, label) if label is not None else None
        reason = "no text" if not isinstance(said, str) or not said.strip() else ""
        reason = reason or ("no label" if label is not None and name is None else "")
        if not reason and not said.isascii() and any("\ud800" <= character <= "\udfff" for character in said):
            reason = "not valid Unicode"
        if reason:
            left_out[reason] += 1
        else:
            yield said.strip(), name
