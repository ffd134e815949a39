"""Remembered outputs: what a model once wrote for a row is never asked for again."""

import json
import os
import socket
import sqlite3
import threading
import time
import warnings
from collections.abc import Iterable, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from hf_augment.engine.digests import cache_folder
from hf_augment.record import write_json

FORMAT = 1  # of the files; another one gets other files
COMMIT_EVERY = 0.5  # seconds of work that a kill may cost
_BUSY = 60.0  # seconds to wait for another process that is writing to its file
_TOGETHER = 500  # keys a query; old builds of SQLite allow 999 parameters

_open: dict[Path, "Store"] = {}
_of_the_parent: list["Store"] = []


class Store:
    """
    What one transform has written, shared by all processes: each writes to a file of its own and reads all of them.

    A process that dies leaves its file to the next one of its machine, so there are never more files than processes
    at one time. SQLite keeps a file whole when its writer is killed. Where nothing can be written, a warning says so
    and the work goes on.

    Args:
        folder (`Path`): Where the files lie, or will; it may be on a network share.
    """

    def __init__(self, folder: Path):
        self.folder = folder
        self._readers: dict[str, sqlite3.Connection | None] = {}
        self._writer: sqlite3.Connection | None = None
        self._lock: FileLock | None = None
        self._usable = True
        self._committed = 0.0
        self._guard = threading.RLock()

    def read(self, keys: Sequence[bytes]) -> dict[bytes, Any]:
        """Return what is remembered under some keys, whichever process wrote it."""
        with self._guard:
            found: dict[bytes, Any] = {}
            for name, connection in self._connections().items():
                missing = [key for key in keys if key not in found]
                try:
                    for start in range(0, len(missing), _TOGETHER):
                        rows = _ask(connection, missing[start : start + _TOGETHER])
                        found.update((key, json.loads(output)) for key, output in rows)
                except sqlite3.Error as error:
                    self._readers[name] = None
                    _warn_of_damage(self.folder / name, error)
            return found

    def write(self, outputs: Iterable[tuple[bytes, Any]]) -> None:
        """Remember JSON-shaped outputs by their keys; they are safe from a kill after `COMMIT_EVERY` seconds of work."""
        with self._guard:
            if not self._usable:
                return
            try:
                if self._writer is None:
                    self._writer = self._start_writing()
                    self._committed = time.monotonic()
                rows = [(key, json.dumps(output, ensure_ascii=True)) for key, output in outputs]
                self._writer.executemany("INSERT OR IGNORE INTO outputs VALUES (?, ?)", rows)
                if time.monotonic() - self._committed >= COMMIT_EVERY:
                    self.commit()
            except (sqlite3.Error, OSError) as error:
                self._give_up(error)

    def commit(self) -> None:
        """Make what was written safe, and visible to other processes."""
        with self._guard:
            if self._writer is None or not self._usable:
                return
            try:
                self._writer.commit()
            except sqlite3.Error as error:
                self._give_up(error)
            self._committed = time.monotonic()

    def _give_up(self, error: Exception) -> None:
        self._usable = False
        warnings.warn(
            f"Outputs are not remembered, so a run that is killed starts over: {error} (in {str(self.folder)!r}). "
            "Free some space, or set HF_AUGMENT_CACHE to a folder that can be written to.",
            RuntimeWarning,
            stacklevel=2,
        )

    def _connections(self) -> dict[str, sqlite3.Connection]:
        try:
            names = sorted(name for name in os.listdir(self.folder) if name.endswith(f".v{FORMAT}.sqlite"))
        except OSError:  # not there yet; or the first write says what is wrong
            names = []
        for name in names:
            if name not in self._readers:
                self._readers[name] = _connect_to_read(self.folder / name)
        return {name: reader for name, reader in self._readers.items() if reader is not None}

    def _start_writing(self) -> sqlite3.Connection:
        self.folder.mkdir(parents=True, exist_ok=True)
        for number in range(10_000):
            file = self.folder / f"{socket.gethostname()}-{number}.v{FORMAT}.sqlite"
            if self._readers.get(file.name, file) is None:
                continue  # it is damaged
            self._lock = FileLock(file.with_suffix(".lock"))
            try:
                self._lock.acquire(timeout=0)
            except Timeout:
                continue
            connection = self._readers[file.name] = self._readers.get(file.name) or _connect(file)
            connection.execute("PRAGMA journal_mode = TRUNCATE")
            connection.execute("PRAGMA synchronous = NORMAL")
            connection.execute("CREATE TABLE IF NOT EXISTS outputs (key BLOB PRIMARY KEY, output TEXT) WITHOUT ROWID")
            connection.commit()
            return connection
        raise OSError(f"no free file among {number + 1}")


def _connect(file: Path) -> sqlite3.Connection:
    return sqlite3.connect(file, timeout=_BUSY, check_same_thread=False)


def _connect_to_read(file: Path) -> sqlite3.Connection | None:
    """Open another process's file; writable, since SQLite may have to clear up after a writer that was killed."""
    try:
        connection = _connect(file)
        connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
        return connection
    except sqlite3.Error as error:
        _warn_of_damage(file, error)
        return None


def _ask(connection: sqlite3.Connection, keys: Sequence[bytes]) -> list[tuple[bytes, str]]:
    query = f"SELECT key, output FROM outputs WHERE key IN ({','.join('?' * len(keys))})"
    try:
        return connection.execute(query, keys).fetchall()
    except sqlite3.OperationalError as error:
        if "no such table" in str(error):  # its writer has only just begun
            return []
        raise


def _warn_of_damage(file: Path, error: Exception) -> None:
    warnings.warn(
        f"The remembered outputs in {str(file)!r} cannot be read and are written anew: {error}. Delete the file.",
        RuntimeWarning,
        stacklevel=2,
    )


def remembers() -> bool:
    """Return whether outputs are remembered: always, unless `HF_AUGMENT_REMEMBER` is 0."""
    return os.environ.get("HF_AUGMENT_REMEMBER", "1").lower() not in ("0", "false", "no", "off")


def open_store(name: str, identity: str) -> Store:
    """
    Open what one transform has written, once a process.

    Args:
        name (`str`): The transform's name, for those who look at the folder.
        identity (`str`): What decides its outputs, as canonical JSON.
    """
    digest = sha256(identity.encode()).hexdigest()
    folder = cache_folder() / "outputs" / f"{name.replace(':', '.')}-{digest[:32]}"
    if folder not in _open:
        _open[folder] = Store(folder)
        _describe(folder, identity)
    return _open[folder]


def _describe(folder: Path, identity: str) -> None:
    try:
        if not (folder / "identity.json").exists():
            write_json(folder / "identity.json", json.loads(identity))
    except OSError:
        pass  # the first write says what is wrong


def _forget_the_parents() -> None:
    # A forked child may not use its parent's connections, nor close them, which would drop the parent's locks.
    _of_the_parent.extend(_open.values())
    _open.clear()


os.register_at_fork(after_in_child=_forget_the_parents)
