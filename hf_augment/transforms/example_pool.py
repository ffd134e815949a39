"""Real texts by label, in a folder, from which prompts draw their examples."""

import functools
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hf_augment.engine.resources import identity, locate
from hf_augment.errors import one_split, unknown
from hf_augment.labels import verbalise

TEXTS = "texts.json"  # as in the pools of `SimilarSentence`, which serve as well: texts, and their labels or ""


def fit(dataset: Any, folder: str | Path, text: str = "text", label: str | None = None) -> Path:
    """
    Write the pool of a training split: each text once, with its label, in an order that follows from the content.

    Args:
        dataset (`Dataset` or `IterableDataset`): The training split. Never the evaluation split: what is scored there
            would have been shown to the model.
        folder (`str` or `Path`): Where the pool goes; a pool that lies there is replaced.
        text (`str`, *optional*, defaults to `"text"`): The column of the texts.
        label (`str`, *optional*): The column of the labels.

    Returns:
        `Path`: The folder.

    Raises:
        `TypeError`: Several splits.
        `ValueError`: No such column, or no text in it.
        `FileExistsError`: The folder holds something else.
    """
    if isinstance(dataset, Mapping):
        raise TypeError(one_split(dataset, "draw examples from"))
    columns = list(dataset.column_names or ())
    for column in (text, label):
        if column is not None and column not in columns:
            raise ValueError(unknown("column", column, columns))
    folder = Path(folder)
    if folder.exists() and not (folder.is_dir() and set(os.listdir(folder)) <= {TEXTS, "README.md"}):
        raise FileExistsError(f"{str(folder)!r} holds something else than a pool of examples. Name another folder.")
    names = getattr((dataset.features or {}).get(label), "names", None)
    columns = [name for name in (text, label) if name is not None]
    pairs = {
        ((verbalise(row[label], names, label) or "") if label is not None else "", row[text])
        for row in dataset.select_columns(columns)
        if isinstance(row[text], str) and row[text].strip()
    }
    pairs = sorted(pair for pair in pairs if label is None or pair[0])
    if not pairs:
        raise ValueError(f"No text in the column {text!r} to draw examples from.")
    folder.mkdir(parents=True, exist_ok=True)
    document = {"label": [of for of, _ in pairs], "text": [found for _, found in pairs]}
    unfinished = folder / f".{TEXTS}.{os.getpid()}"
    unfinished.write_text(json.dumps(document), encoding="utf-8")  # ASCII: half a surrogate pair is no error
    unfinished.replace(folder / TEXTS)
    return folder


def examples_of(pool: str) -> Mapping[str | None, list[str]]:
    """
    Read a pool.

    Args:
        pool (`str`): The folder.

    Returns:
        `Mapping[str | None, list[str]]`: The texts of each label; all of them under `None`.
    """
    return _read(pool, identity(pool))


@functools.lru_cache(maxsize=8)
def _read(pool: str, content: str) -> Mapping[str | None, list[str]]:
    file = locate(pool) / TEXTS
    if not file.is_file():
        raise FileNotFoundError(
            f"The folder {pool!r} holds no {TEXTS}: it is no pool of examples. Write one with "
            "Prompt.fit(train, folder, text='text', label='label')."
        )
    document = json.loads(file.read_text(encoding="utf-8"))
    found: dict[str | None, list[str]] = {None: document["text"]}
    for text, label in zip(document["text"], document["label"], strict=True):
        if label:
            found.setdefault(label, []).append(text)
    return found
