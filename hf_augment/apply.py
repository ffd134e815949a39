"""Augments whole datasets: a split, a stream, or the training split of several."""

import dataclasses
from typing import Any

from hf_augment.augment import Augment


def augment_dataset(dataset: Any, augment: Augment, *, train_split: str = "train", **settings: Any) -> Any:
    """
    Augment a dataset, of several splits only the one for training.

    The other splits get the provenance columns, so that all have the same features, and keep their rows.

    Args:
        dataset (`Dataset`, `IterableDataset`, `DatasetDict` or `IterableDatasetDict`): What to augment.
        augment ([`Augment`]): How.
        train_split (`str`, *optional*, defaults to `"train"`): The split that is augmented.
        settings: Passed on to `map`, e.g. `num_proc=2` or `batch_size=100`.

    Returns:
        The same type as `dataset`.
    """
    from datasets import Dataset, DatasetDict, IterableDataset, IterableDatasetDict

    if isinstance(dataset, DatasetDict | IterableDatasetDict):
        if train_split not in dataset:
            raise ValueError(
                f"No split {train_split!r} to augment: there are {list(dataset)}. Pass one as train_split."
            )
        marked = _without_copies(augment)
        parts = {
            name: augment_dataset(split, augment if name == train_split else marked, **settings)
            for name, split in dataset.items()
        }
        return type(dataset)(_with_equal_columns(parts, train_split))
    if isinstance(dataset, Dataset):
        features = augment.features(dataset.features)
        if not len(dataset):  # `map` returns an empty dataset as it is, without the new columns
            return Dataset.from_dict({name: [] for name in features}, features=features)
        return dataset.map(augment, batched=True, features=features, desc="augment", **settings)
    if isinstance(dataset, IterableDataset):
        return dataset.map(
            augment.bind(dataset), batched=True, features=augment.features(dataset.features), **settings
        )
    raise TypeError(f"Expected a Dataset, a stream or a dictionary of them, got {type(dataset).__name__}.")


def _without_copies(augment: Augment) -> Augment:
    return dataclasses.replace(augment, copies=0, keep_original=True)


def _with_equal_columns(parts: dict[str, Any], train_split: str) -> dict[str, Any]:
    """Take out of the training split what only it has: the column of copies that `plan` added."""
    common = set.intersection(*(set(split.column_names) for split in parts.values()))
    extra = [name for name in parts[train_split].column_names if name not in common]
    return {**parts, train_split: parts[train_split].remove_columns(extra)} if extra else parts
