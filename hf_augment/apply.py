"""Augments whole datasets: a split, a stream, or the training split of several."""

import dataclasses
from typing import Any

from hf_augment.augment import Augment


def augment_dataset(dataset: Any, augment: Augment, *, train_split: str = "train", **settings: Any) -> Any:
    """
    Augment a dataset, of several splits only the one for training.

    The other splits get the provenance columns, so that all have the same features, and keep their rows. The column of
    copies that `plan` added to the training split is taken out again.

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
        parts = {
            name: augment_dataset(split, augment if name == train_split else _marked(augment, split), **settings)
            for name, split in dataset.items()
        }
        planned = [augment.copies] if isinstance(augment.copies, str) else []
        return type(dataset)({**parts, train_split: parts[train_split].remove_columns(planned)})
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


def _marked(augment: Augment, split: Any) -> Augment:
    """Return what only adds the columns to a split, which need not have all that the training split has."""
    key = augment.key if augment.key in (split.column_names or ()) else None
    return dataclasses.replace(augment, copies=0, keep_original=True, key=key)
