"""The SHA-256 of files, remembered between runs."""

import hashlib
import os
import time
from collections.abc import Sequence
from fnmatch import fnmatchcase
from pathlib import Path

from hf_augment.record import read_json, write_json

# A file can change once more within one tick of the clock that dates it, at equal size; its digest would then be
# taken for that of the new content for ever. git's index has the same problem ("racy clean") and the same answer: a
# digest of a file this young is not remembered. Two seconds is the coarsest tick in use (FAT).
_RACY_NS = 2_000_000_000
SUMS = "SHA256SUMS"

_Stamp = tuple[str, int, int]
_digests: dict[_Stamp, str] = {}


def file_identity(path: str | Path) -> str:
    """
    Return the SHA-256 of a file, computed once and then remembered by its path, size and modification time.

    Args:
        path (`str` or `Path`): The file.
    """
    path = os.path.realpath(path)  # a cache of the Hub holds links to one copy of each file
    stamp = _stamp(path)
    if stamp not in _digests:
        note = cache_folder() / "digests" / f"{hashlib.sha256(os.fsencode(path)).hexdigest()}.json"
        digest = _remembered(note, stamp)
        if digest is None:
            digest, stamp, began = _read(path, stamp)
            if began - stamp[2] < _RACY_NS:
                return digest
            _remember(note, stamp, digest)
        _digests[stamp] = digest
    return _digests[stamp]


def check_sums(folder: Path, decisive: Sequence[str]) -> None:
    """
    Compare the files of a folder with its `SHA256SUMS`, as `sha256sum` writes it.

    Args:
        folder (`Path`): A folder that ships with the package.
        decisive (`Sequence[str]`): Patterns for the names of files that must be listed; others need not be.

    Raises:
        `ValueError`: A listed file is missing or differs, or a decisive one is not listed.
    """
    sums = folder / SUMS
    lines = sums.read_text(encoding="utf-8").splitlines() if sums.is_file() else []
    listed = {name: digest for digest, _, name in (line.partition("  ") for line in lines)}
    there = {name for name in os.listdir(folder) if any(fnmatchcase(name, pattern) for pattern in decisive)}
    for name in sorted(there.union(listed)):
        expected = listed.get(name, f"none, as {SUMS} does not list it")
        found = file_identity(folder / name) if (folder / name).is_file() else "no such file"
        if found != expected:
            raise ValueError(
                f"{folder / name} is not the file that ships with hf-augment: expected SHA-256 {expected}, found "
                f"{found}. Nothing was loaded. Reinstall hf-augment (pip install --force-reinstall --no-deps), or "
                "restore the file in your checkout."
            )


def cache_folder() -> Path:
    """Return where we remember things between runs: `$HF_AUGMENT_CACHE`, or `hf_augment` in `$HF_HOME`."""
    if os.environ.get("HF_AUGMENT_CACHE"):
        return Path(os.environ["HF_AUGMENT_CACHE"]).expanduser()
    from huggingface_hub.constants import HF_HOME

    return Path(HF_HOME) / "hf_augment"


def _stamp(path: str) -> _Stamp:
    found = os.stat(path)
    return path, found.st_size, found.st_mtime_ns


def _read(path: str, stamp: _Stamp) -> tuple[str, _Stamp, int]:
    while True:
        began = time.time_ns()
        with open(path, "rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        before, stamp = stamp, _stamp(path)
        if before == stamp:  # else somebody wrote while we read
            return digest, stamp, began


def _remembered(note: Path, stamp: _Stamp) -> str | None:
    found = read_json(note)
    if isinstance(found, dict) and [found.get(key) for key in ("path", "size", "mtime_ns")] == list(stamp):
        return found.get("sha256")
    return None


def _remember(note: Path, stamp: _Stamp, digest: str) -> None:
    try:
        write_json(note, dict(zip(("path", "size", "mtime_ns", "sha256"), (*stamp, digest), strict=True)))
    except OSError:
        pass  # a read-only cache costs time, nothing else
