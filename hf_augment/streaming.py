"""Texts that are read while a model trains on them, for those that no disk or memory holds."""

import hashlib
from pathlib import Path
from typing import Any

from hf_augment.blocks import DataConfig, PreprocessConfig
from hf_augment.engine.digests import file_identity
from hf_augment.errors import unknown
from hf_augment.preprocess import Preprocess
from hf_augment.sources import hub_commit, is_local, local_files, read_splits

BUFFER = 10_000  # sequences that are shuffled among each other


def stream_texts(config: DataConfig, preprocess: PreprocessConfig) -> dict[str, Any]:
    """
    Open the training split as a stream, and read as many validation texts as are evaluated on.

    Texts that are missing, empty or no string are left out.

    Args:
        config ([`DataConfig`]): The `data` block of a recipe, with `streaming`.
        preprocess ([`PreprocessConfig`]): What is done to a text first.

    Returns:
        `dict`: `"train"`, an `IterableDataset`, and `"validation"`, a `Dataset`, with the columns `text` and `label`,
            which is `None`.

    Raises:
        `ValueError`: There is no such split or column, or the validation split has no usable text.
    """
    from datasets import Dataset

    splits = read_splits(config.path, config.name, config.revision, streaming=True)
    if config.train_split not in splits:
        raise ValueError("data: train_split: " + unknown("split", config.train_split, splits))
    train = _usable(splits[config.train_split], config, preprocess)
    if config.validation_split in splits:
        held_out = _usable(splits[config.validation_split], config, preprocess)
    else:
        held_out, train = train, train.skip(config.validation_rows)
    rows = list(held_out.take(config.validation_rows))
    if not rows:
        raise ValueError(f"data: {config.path!r} has no text to evaluate on in its column {config.text!r}.")
    return {"train": train, "validation": Dataset.from_list(rows)}


def source_identity(config: DataConfig) -> dict[str, str | None]:
    """Return what stands for the contents of a source that is too large to be read twice."""
    if not is_local(config.path):
        return {"path": config.path, "name": config.name, "commit": hub_commit(config.path, config.revision)}
    whole = hashlib.sha256()
    for file in local_files(config.path):
        whole.update(f"{Path(file).name}\0{file_identity(file)}\n".encode())
    return {"sha256": whole.hexdigest()}


def _usable(dataset: Any, config: DataConfig, preprocess: PreprocessConfig) -> Any:
    from datasets import Features, Value

    columns = dataset.column_names or list(next(iter(dataset)))
    if config.text not in columns:
        raise ValueError("data: text: " + unknown("column", config.text, columns))
    steps = Preprocess(preprocess, [config.text])

    def clean(batch: dict[str, list]) -> dict[str, list]:
        texts = steps({config.text: batch[config.text]})[config.text] if steps.steps else batch[config.text]
        kept = [text for text in texts if isinstance(text, str) and text.strip()]
        return {"text": kept, "label": [None] * len(kept)}

    features = Features({"text": Value("string"), "label": Value("string")})
    return dataset.map(clean, batched=True, remove_columns=columns, features=features)
