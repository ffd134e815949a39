"""Datasets on disk that are made once: beside each lies a note of what it was made from."""

import hashlib
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from hf_augment.record import read_json, write_json
from hf_augment.transform import canonical


def once(folder: Path, made_from: Any, make: Callable[[], tuple[Any, dict[str, Any]]]) -> tuple[Any, dict[str, Any]]:
    """
    Return a dataset from its folder, or make it and put it there.

    Args:
        folder (`Path`): Where it lies; `FOLDER.json` beside it is the note.
        made_from (`Any`): What decides it, JSON-shaped.
        make (`Callable`): Makes it, with facts about it, which the note keeps.

    Returns:
        `tuple`: The dataset as the folder has it; and the facts with `made_from`, a digest.
    """
    found = find(folder, made_from)
    if found is None:
        forget(folder)  # ours, and not whole
        dataset, facts = make()
        _save(dataset, folder)
        write_json(_note(folder), {"made_from": _digest(made_from), **facts})
        found = find(folder, made_from)
    return found


def find(folder: Path, made_from: Any) -> tuple[Any, dict[str, Any]] | None:
    """Return a dataset and the facts about it; `None` if it is absent, damaged, or made from something else."""
    from datasets import load_from_disk

    facts = read_json(_note(folder))
    if not isinstance(facts, dict) or facts.get("made_from") != _digest(made_from):
        return None
    try:
        return load_from_disk(str(folder)), facts
    except (OSError, ValueError, KeyError):
        return None


def forget(folder: Path) -> None:
    """Let a dataset be made again; until it is, the old one lies there."""
    write_json(_note(folder), {"made_from": None})


def content(dataset: Any) -> str:
    """Return the SHA-256 of all that a split holds."""
    digest = hashlib.sha256(str(dataset.features).encode())
    for table in dataset.with_format("arrow").iter(batch_size=1000):
        for batch in table.combine_chunks().to_batches():
            digest.update(batch.serialize())
    return digest.hexdigest()


def refuse_foreign(folder: Path, source: str) -> None:
    """Raise a `FileExistsError` if writing a folder would take away what this library did not make."""
    if folder.exists() and not _note(folder).exists():
        raise FileExistsError(f"{folder} was not made by hf-augment. Move it, or set another output.")
    if Path(source).exists() and Path(source).resolve().is_relative_to(folder.resolve()):
        raise FileExistsError(f"data: path: {source!r} lies in {folder}, which is to be replaced. Set another output.")


def _note(folder: Path) -> Path:
    return folder.with_name(f"{folder.name}.json")


def _digest(made_from: Any) -> str:
    return hashlib.sha256(canonical(made_from).encode()).hexdigest()


def _save(dataset: Any, folder: Path) -> None:
    for left in folder.parent.glob(f"{folder.name}.*.tmp"):  # by runs that were killed here
        shutil.rmtree(left)
    unfinished = folder.with_name(f"{folder.name}.{os.getpid()}.tmp")
    dataset.save_to_disk(str(unfinished))
    shutil.rmtree(folder, ignore_errors=True)
    os.replace(unfinished, folder)
