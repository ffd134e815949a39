"""The folder of what is remembered between runs: how much it may hold, and what goes first when it holds more."""

import os
import re
import socket
import time
import warnings
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock, Timeout

from hf_augment.engine.digests import cache_folder

LIMIT = "20GB"  # unless HF_AUGMENT_CACHE_LIMIT says otherwise
KINDS = ("outputs", "embeddings", "vocabularies")
ENDINGS = {"outputs": ".v2.sqlite", "embeddings": ".v2.npy", "vocabularies": ".npy"}  # another format gets another one
DAMAGED = ".damaged"  # ends the name of a file that was set aside
KEPT = "KEPT"  # a file beside outputs that no model would write again

_UNITS = {"": 1, "B": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12}
_DOWN_TO = 0.9  # of the limit, so that the next output does not prune again
_LOOKS = 64  # at the whole folder while as much as the limit is written
_DAY = 86400.0
_TOUCH_EVERY = 60.0  # seconds
_NO_PIECES = (".lock", ".json", "-journal", KEPT)

_touched: dict[Path, float] = {}
_written: int | None = None  # bytes since this process last looked; it has not looked yet
_said: set[str] = set()


@dataclass(frozen=True)
class Piece:
    """
    A file that can be deleted, which costs nothing but the work to make it again.

    Args:
        kind (`str`): One of `KINDS`.
        path (`Path`): Where it lies.
        size (`int`): Its bytes.
        used (`float`): When it was last written or found useful, in seconds since 1970.
    """

    kind: str
    path: Path
    size: int
    used: float

    @property
    def kept(self) -> bool:
        """Whether nobody would write it again, so that only a person may delete it."""
        return (self.path.parent / KEPT).exists() and DAMAGED not in self.path.name

    @property
    def own(self) -> bool:
        """Whether a lock tells if somebody writes to it: not so for another machine's, whose locks we may not see."""
        name = self.path.name
        if self.kind != "outputs":
            return not name.endswith(".tmp")
        if ".v1." in name:
            return False  # names of the first format were used twice, which is dangerous while a process reads it
        return name.endswith(DAMAGED) or name.rpartition("-")[0] == socket.gethostname()


def limit() -> float:
    """
    Return how many bytes the folder may hold: `HF_AUGMENT_CACHE_LIMIT`, `20GB` by default.

    Raises:
        `ValueError`: It is neither a size nor `none`.
    """
    given = os.environ.get("HF_AUGMENT_CACHE_LIMIT") or LIMIT
    if given.strip().lower() == "none":
        return float("inf")
    found = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([KMGT]?B|)", given.strip().upper())
    if not found:
        raise ValueError(
            f"HF_AUGMENT_CACHE_LIMIT: expected a size, e.g. {LIMIT} or 500MB, or none for no limit, got {given!r}."
        )
    return float(found[1]) * _UNITS[found[2]]


def pieces() -> Iterator[Piece]:
    """Yield what lies in the folder, in no order."""
    for kind in KINDS:
        for folder, _, names in os.walk(cache_folder() / kind):
            for name in names:
                if not name.endswith(_NO_PIECES):
                    path = Path(folder, name)
                    with suppress(FileNotFoundError):  # another process has deleted it
                        found = path.stat()
                        yield Piece(kind, path, found.st_size, found.st_mtime)


def lock_of(path: Path) -> FileLock:
    """Return the lock that whoever writes to a file holds meanwhile, and whoever deletes it."""
    return FileLock(path.with_suffix(".lock"), thread_local=False)  # any thread may release it


def delete(piece: Piece) -> bool:
    """
    Delete a file and what belongs to it, unless a process is writing to it.

    Who reads it goes on reading on POSIX systems, and finds it gone afterwards; no name is given a second time.

    Returns:
        `bool`: Whether it is gone.
    """
    lock = lock_of(piece.path)
    try:
        with lock.acquire(timeout=0):
            piece.path.unlink(missing_ok=True)
            piece.path.with_name(f"{piece.path.name}-journal").unlink(missing_ok=True)
            if piece.kind == "vocabularies":
                piece.path.with_suffix(".json").unlink(missing_ok=True)
            Path(lock.lock_file).unlink(missing_ok=True)
    except (Timeout, OSError):
        return False
    _delete_if_deserted(piece.path.parent)
    return True


def prune_to(most: float, found: Iterable[Piece] | None = None) -> list[Piece]:
    """
    Delete what was least recently used until the rest is no more than a limit.

    What a process of this machine writes to stays, and so does what another machine has touched within a day, since
    not every network share passes locks on. Answers of a server stay, too: it would not give the same again.

    Args:
        most (`float`): Bytes.
        found (`Iterable[Piece]`, *optional*): What there is; by default all.

    Returns:
        `list[Piece]`: What is gone.
    """
    found = sorted(pieces() if found is None else found, key=lambda piece: piece.used)
    total = sum(piece.size for piece in found)
    gone: list[Piece] = []
    if total <= most:
        return gone
    for piece in found:
        if total <= _DOWN_TO * most:
            break
        if (piece.own or time.time() - piece.used > _DAY) and not piece.kept and delete(piece):
            gone.append(piece)
            total -= piece.size
    kept = sum(piece.size for piece in found if piece.kept)
    if kept > most:
        say_once(
            f"The answers of servers in {str(cache_folder())!r} take {kept:,} bytes, more than HF_AUGMENT_CACHE_LIMIT "
            "allows, and no other answer would be the same: raise it, or delete some with hf-augment cache --prune "
            "--identity."
        )
    return gone


def note_written(size: int) -> None:
    """
    Keep the folder to its limit, now that this process has written some more; it looks only now and then.

    Args:
        size (`int`): Bytes.
    """
    global _written
    most = limit()
    if _written is not None and (_written := _written + size) < most / _LOOKS:
        return
    _written = 0
    if most == float("inf"):
        return
    try:
        with FileLock(cache_folder() / "prune.lock").acquire(timeout=0):
            prune_to(most)
    except (Timeout, OSError):
        pass  # another process is at it; or the folder cannot be written to, and then it does not grow


def note_used(path: Path) -> None:
    """
    Note that a file was of use, so that others go before it.

    Args:
        path (`Path`): The file. Its time of modification says it: times of access are turned off on many machines.
    """
    now = time.monotonic()
    if now - _touched.get(path, -_TOUCH_EVERY) >= _TOUCH_EVERY:
        _touched[path] = now
        with suppress(OSError):
            os.utime(path)


def set_aside(path: Path) -> Path:
    """Rename a damaged file, whose lock the caller holds, so that nobody reads it any more; return its new name."""
    aside = path.with_name(path.name + DAMAGED)
    os.replace(path, aside)
    path.with_name(f"{path.name}-journal").unlink(missing_ok=True)
    return aside


def say_once(message: str) -> None:
    """Warn, once a process: a run asks its cache thousands of times."""
    if message not in _said:
        _said.add(message)
        warnings.warn(message, RuntimeWarning, stacklevel=3)


def say_not_remembered(error: Exception, lost: str) -> None:
    """
    Warn that nothing can be written to the folder.

    It is no error: what the run itself writes is unharmed, and what its models have said so far is not thrown away.

    Args:
        error (`Exception`): What the system said.
        lost (`str`): What that costs the user.
    """
    say_once(
        f"Nothing is remembered in {str(cache_folder())!r}, so {lost}: {error}. Free some space, or set "
        "HF_AUGMENT_CACHE to a folder that can be written to."
    )


def _delete_if_deserted(folder: Path) -> None:
    """Delete a folder that holds nothing but the description of what is gone; a young one may be in use."""
    identity = folder / "identity.json"
    with suppress(OSError):
        left = {identity.name, KEPT}
        if left.issuperset(os.listdir(folder)) and time.time() - identity.stat().st_mtime > _DAY:
            identity.unlink()
            (folder / KEPT).unlink(missing_ok=True)
        if folder.name not in KINDS:
            folder.rmdir()
