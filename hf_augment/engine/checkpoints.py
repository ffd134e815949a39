"""Where a training run stands: finished, to be gone on with from a checkpoint, or to be started."""

import json
import shutil
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from hf_augment.record import read_json, write_json

RECORD = "training.json"  # written last: where it lies, training was finished
FOLDER = "checkpoints"
_SETTINGS = "settings.json"
_PREFIX = "checkpoint-"


class Start(NamedTuple):
    """
    Where to start.

    Args:
        finished (`bool`): There is nothing left to do.
        checkpoint (`str`, *optional*): The folder of the checkpoint to go on from.
        why (`str`): What to tell the user; empty if there is nothing to tell.
    """

    finished: bool
    checkpoint: str | None
    why: str


def prepare(folder: Path, settings: Mapping[str, Any], processes: int) -> Start:
    """
    Find out where a run with these settings stands, and clear away what another one left.

    Args:
        folder (`Path`): The generator's folder.
        settings (`Mapping`): What decides the weights, JSON-shaped.
        processes (`int`): They decide how rows are grouped into batches, so they belong to unfinished settings.

    Raises:
        `FileExistsError`: The folder holds files of other origin.
    """
    checkpoints = folder / FOLDER
    finished = read_json(folder / RECORD)
    if finished is not None:
        changed = differences(finished.get("settings", {}), settings)
        if not any(folder.glob("*.safetensors")):
            changed.append("the weights are gone")
        if not changed:
            return Start(True, None, f"{folder} was trained with these settings already: nothing to do.")
        return _anew(folder, settings, processes, changed)
    unfinished = read_json(checkpoints / _SETTINGS)
    if unfinished is not None:
        changed = differences(unfinished, {**settings, "processes": processes})
        if changed:
            return _anew(folder, settings, processes, changed)
        for checkpoint in newest_first(checkpoints):
            if is_readable(checkpoint):
                return Start(False, str(checkpoint), f"Going on from {checkpoint}.")
            shutil.rmtree(checkpoint)
    elif folder.is_dir() and any(path != checkpoints for path in folder.iterdir()):
        raise FileExistsError(
            f"{folder} holds files that no training by hf-augment left: {sorted(p.name for p in folder.iterdir())}. "
            "Move them, or set another output."
        )
    write_json(checkpoints / _SETTINGS, {**settings, "processes": processes})
    return Start(False, None, "")


def _anew(folder: Path, settings: Mapping[str, Any], processes: int, changed: list[str]) -> Start:
    why = f"{folder} was trained with other settings ({'; '.join(changed)}): starting anew."
    if (folder / RECORD).exists():
        previous = folder.with_name(f"{folder.name}.previous")
        shutil.rmtree(previous, ignore_errors=True)
        folder.rename(previous)
        why += f" What was there is now {previous}."
    else:
        shutil.rmtree(folder)
    write_json(folder / FOLDER / _SETTINGS, {**settings, "processes": processes})
    return Start(False, None, why)


def differences(old: Mapping[str, Any], new: Mapping[str, Any], where: str = "") -> list[str]:
    """Say which settings differ, e.g. `["train.epochs: 1.0 → 3.0"]`."""
    found = []
    for key in sorted({*old, *new}):
        before, after = old.get(key), json.loads(json.dumps(new.get(key)))
        if isinstance(before, dict) and isinstance(after, dict):
            found += differences(before, after, f"{where}{key}.")
        elif before != after:
            found.append(f"{where}{key}: {before} → {after}")
    return found


def newest_first(checkpoints: Path) -> Iterator[Path]:
    """Yield the folders of checkpoints, the one with most steps first."""
    steps = {path: path.name.removeprefix(_PREFIX) for path in checkpoints.glob(f"{_PREFIX}*") if path.is_dir()}
    numbered = [(int(step), path) for path, step in steps.items() if step.isdigit()]
    yield from (path for _, path in sorted(numbered, reverse=True))


def is_readable(checkpoint: Path) -> bool:
    """
    Return whether every file of a checkpoint is whole.

    The Trainer writes straight into the folder, so a kill leaves files that are cut off, and a full disk can do so
    even where `trainer_state.json`, which comes last, is there.
    """
    from safetensors import SafetensorError, safe_open

    if read_json(checkpoint / "trainer_state.json") is None:
        return False
    weights = list(checkpoint.glob("*.safetensors"))
    try:
        for file in weights:
            with safe_open(file, framework="numpy") as tensors:
                tensors.keys()
    except (SafetensorError, OSError):
        return False
    return bool(weights) and all(_is_whole_zip(file) for file in checkpoint.glob("*.p[th]*"))


def _is_whole_zip(file: Path) -> bool:
    try:
        with zipfile.ZipFile(file) as archive:  # what torch.save writes; each entry has a checksum
            return archive.testzip() is None
    except (zipfile.BadZipFile, OSError):
        return False
