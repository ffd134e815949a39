"""Remembered outputs: what a model once wrote for a row is never asked for again."""

import glob
import json
import os
import secrets
import socket
import sqlite3
import threading
import time
from collections.abc import Iterable, Sequence
from hashlib import blake2b, sha256
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from hf_augment.engine.cache import (
    ENDINGS,
    KEPT,
    limit,
    lock_of,
    note_used,
    note_written,
    say_not_remembered,
    say_once,
    set_aside,
)
from hf_augment.engine.digests import cache_folder
from hf_augment.record import write_json

ENDING = ENDINGS["outputs"]
COMMIT_EVERY = 0.5  # seconds of work that a kill may cost
_FILES = 16  # in which as much as the limit lies at least: a file is the least that can be pruned
_BUSY = 60.0  # seconds to wait for another process that is writing to its file
_TOGETHER = 500  # keys a query; old builds of SQLite allow 999 parameters
_SPOILT = 5  # own files, one after the other, that a process writes before it gives up
_TABLE = "CREATE TABLE IF NOT EXISTS outputs (key BLOB PRIMARY KEY, output BLOB, sum BLOB) WITHOUT ROWID"

# The results of SQLite that say something of the machine, and nothing of what the file holds.
_NO_DAMAGE = {
    *(sqlite3.SQLITE_PERM, sqlite3.SQLITE_ABORT, sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_NOMEM),
    *(sqlite3.SQLITE_READONLY, sqlite3.SQLITE_INTERRUPT, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_FULL),
    *(sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PROTOCOL, sqlite3.SQLITE_AUTH, sqlite3.SQLITE_NOLFS),
}

_Entry = tuple[bytes, bytes, bytes]  # key, output as JSON, checksum

_open: dict[Path, "Store"] = {}
_of_the_parent: list["Store"] = []


class Store:
    """
    What one transform has written, shared by all processes: each writes to a file of its own and reads all of them.

    A process that dies leaves its file to the next one of its machine, so there are hardly more files than processes
    at one time. SQLite keeps a file whole when its writer is killed. Each output has a checksum: a damaged file is
    set aside, and what is sound in it written to another one. No name of a file is used twice, since SQLite would take
    the journal of a new file for that of an old one that a process still has open. Where nothing can be written, a
    warning says so and the work goes on.

    Args:
        folder (`Path`): Where the files lie, or will; it may be on a network share.
    """

    def __init__(self, folder: Path):
        self.folder = folder
        self._readers: dict[str, sqlite3.Connection | None] = {}  # None is passed over
        self._writer: sqlite3.Connection | None = None
        self._file: Path | None = None  # what the writer writes to
        self._lock: FileLock | None = None
        self._usable = True
        self._spoilt = 0  # files that were damaged while this process wrote to them
        self._committed = 0.0
        self._size = 0  # bytes since then
        self._guard = threading.RLock()

    def read(self, keys: Sequence[bytes]) -> dict[bytes, Any]:
        """Return what is remembered under some keys, whichever process wrote it."""
        with self._guard:
            found: dict[bytes, Any] = {}
            for name, connection in self._connections().items():
                missing = [key for key in keys if key not in found]
                try:
                    entries = [
                        entry
                        for start in range(0, len(missing), _TOGETHER)
                        for entry in _ask(connection, missing[start : start + _TOGETHER])
                    ]
                except sqlite3.Error as error:
                    self._pass_over(name, error)
                    return self.read(keys)  # what was sound lies in another file now
                if entries:
                    note_used(self.folder / name)
                found.update((key, json.loads(output)) for key, output, _ in entries)
            return found

    def write(self, outputs: Iterable[tuple[bytes, Any]]) -> None:
        """Remember JSON-shaped outputs by their keys; they are safe from a kill after `COMMIT_EVERY` seconds of work."""
        encoded = [(key, json.dumps(output, ensure_ascii=True).encode()) for key, output in outputs]
        with self._guard:
            self._insert([(key, output, _sum(key, output)) for key, output in encoded])
            if time.monotonic() - self._committed >= COMMIT_EVERY:
                self.commit()

    def commit(self) -> None:
        """Make what was written safe, and visible to other processes."""
        with self._guard:
            if self._writer is None:
                return
            try:
                self._writer.commit()
                full = self._file.stat().st_size >= limit() / _FILES
            except (sqlite3.Error, OSError) as error:
                return self._fail(error)
            size, self._size, self._committed = self._size, 0, time.monotonic()
            if full:
                self._stop_writing()
            note_written(size)

    def check(self) -> tuple[int, list[Path]]:
        """
        Read every entry of every file, and set damaged files aside.

        Returns:
            `tuple[int, list[Path]]`: How many entries are sound in files that are, and which are damaged or unreadable.
        """
        sound, damaged = 0, []
        with self._guard:
            for name, connection in self._connections().items():
                try:
                    sound += _check(connection)
                except sqlite3.Error as error:
                    if (self.folder / name).exists():  # else it was pruned meanwhile
                        damaged.append(self.folder / name)
                    self._pass_over(name, error)
            self.commit()
        return sound, damaged

    def _insert(self, entries: Sequence[_Entry]) -> None:
        while self._usable:
            try:
                if self._writer is None:
                    self._start_writing()
                self._writer.executemany("INSERT OR IGNORE INTO outputs VALUES (?, ?, ?)", entries)
                self._size += sum(len(output) for _, output, _ in entries)
                return
            except (sqlite3.Error, OSError) as error:
                self._fail(error)

    def _fail(self, error: Exception) -> None:
        """Go on with another file where this one is damaged, and without any where none can be written."""
        if self._file is not None and isinstance(error, sqlite3.Error) and _is_damage(error):
            return self._pass_over(self._file.name, error)
        self._usable = False
        self._stop_writing()
        say_not_remembered(error, "a run that is killed starts over")

    def _stop_writing(self) -> None:
        """Leave the file to whoever writes next; this process goes on reading it."""
        if self._writer is not None:
            try:
                self._writer.rollback()  # what was not committed could not be
            except sqlite3.Error as error:
                self._readers[self._file.name] = None
                say_once(f"{str(self._file)!r} could not be closed: {error}.")
        if self._lock is not None:
            self._lock.release()
        self._writer = self._file = self._lock = None

    def _connections(self) -> dict[str, sqlite3.Connection]:
        try:
            names = sorted(name for name in os.listdir(self.folder) if name.endswith(ENDING))
        except OSError:  # not there yet; or the first write says what is wrong
            names = []
        for name in [name for name in self._readers if name not in names]:
            self._forget(name)  # it was pruned, and would take its space until it is closed
        for name in names:
            if name not in self._readers:
                try:
                    self._readers[name] = _connect(self.folder / name)
                except sqlite3.Error as error:
                    self._pass_over(name, error)
        return {name: reader for name, reader in self._readers.items() if reader is not None}

    def _forget(self, name: str) -> None:
        connection = self._readers.pop(name)
        if self._file is not None and self._file.name == name:
            self._writer = self._file = None
            self._lock.release()
        if connection is not None:
            connection.close()

    def _start_writing(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        begun = sorted(self.folder.glob(f"{glob.escape(socket.gethostname())}-*{ENDING}"))
        for file in begun:
            if self._readers.get(file.name, file) is not None and self._take(file):
                return
        if not self._take(self.folder / f"{socket.gethostname()}-{secrets.token_hex(6)}{ENDING}", new=True):
            raise OSError("a file that was just begun is gone")

    def _take(self, file: Path, new: bool = False) -> bool:
        """Begin a file, or take over one that nobody writes to."""
        lock = lock_of(file)
        try:
            lock.acquire(timeout=0)
        except Timeout:
            return False
        try:
            if not new and file.stat().st_size >= limit() / _FILES:
                raise FileExistsError("it is full")
            connection = self._readers.get(file.name) or _connect(file, "rwc" if new else "rw")
            connection.execute("PRAGMA journal_mode = TRUNCATE")
            connection.execute("PRAGMA synchronous = NORMAL")
            connection.execute("PRAGMA cache_spill = OFF")  # it would lock readers out before the commit
            connection.execute(_TABLE)
            connection.execute("PRAGMA user_version = 2")  # shows whether it can be written to
            connection.commit()
        except (sqlite3.Error, OSError) as error:
            if isinstance(error, FileNotFoundError):  # it was pruned just now, and we made the lock anew
                Path(lock.lock_file).unlink(missing_ok=True)
            lock.release()
            if new:
                raise
            return False  # whoever reads it finds out what is wrong
        self._readers[file.name] = self._writer = connection
        self._file, self._lock, self._committed = file, lock, time.monotonic()
        return True

    def _pass_over(self, name: str, error: sqlite3.Error) -> None:
        """Read a file no more; if it is damaged, and nobody writes to it, set it aside, and save what is sound."""
        file, connection = self.folder / name, self._readers.get(name)
        self._readers[name] = None
        lock, mine = lock_of(file), self._file == file
        if mine:
            lock, self._writer, self._file, self._lock = self._lock, None, None, None
            self._spoilt += 1
            self._usable = self._spoilt < _SPOILT  # else the disk damages whatever it is given
        try:
            if not file.exists():
                return  # it was pruned
            if not _is_damage(error):
                return say_once(f"The remembered outputs in {str(file)!r} cannot be read: {error}.")
            if not mine:
                lock.acquire(timeout=0)
            if not file.exists():
                return  # another process has set it aside
            saved = self._save_sound(connection) if connection is not None else 0
            if not self._usable:
                raise OSError("what is sound in it cannot be written elsewhere")
            aside = set_aside(file)
            say_once(
                f"The remembered outputs in {str(file)!r} are damaged: {error}. The file is now {aside.name!r}; "
                f"{saved:,} outputs in it are sound and kept, the others are written anew."
            )
        except (Timeout, OSError) as reason:
            why = "another process has it in hand" if isinstance(reason, Timeout) else str(reason)
            say_once(
                f"The remembered outputs in {str(file)!r} are damaged: {error}. They are not read, and stay where "
                f"they are: {why}."
            )
        finally:
            if connection is not None:
                connection.close()
            lock.release()

    def _save_sound(self, connection: sqlite3.Connection) -> int:
        """Copy the entries whose checksum is right, from both ends up to where the file cannot be read."""
        saved: set[bytes] = set()
        for order in ("ASC", "DESC"):
            some: list[_Entry] = []
            try:
                for entry in connection.execute(f"SELECT key, output, sum FROM outputs ORDER BY key {order}"):
                    if _is_sound(entry) and entry[0] not in saved:
                        saved.add(entry[0])
                        some.append(entry)
                    if len(some) == _TOGETHER:
                        self._insert(some)
                        some = []
            except sqlite3.Error:
                pass  # the other order comes from the other side
            self._insert(some)
        self.commit()
        return len(saved)


def _connect(file: Path, mode: str = "rw") -> sqlite3.Connection:
    """Open a file, another process's too: writable, since SQLite may have to clear up after a writer that was killed."""
    uri = f"{file.absolute().as_uri()}?mode={mode}"
    connection = sqlite3.connect(uri, uri=True, timeout=_BUSY, check_same_thread=False)
    connection.text_factory = bytes  # damaged text need not be UTF-8
    return connection


def _ask(connection: sqlite3.Connection, keys: Sequence[bytes]) -> list[_Entry]:
    query = f"SELECT key, output, sum FROM outputs WHERE key IN ({','.join('?' * len(keys))})"
    try:
        entries = connection.execute(query, keys).fetchall()
    except sqlite3.OperationalError as error:
        if error.sqlite_errorcode != sqlite3.SQLITE_ERROR:
            raise
        if _is_empty(connection):  # its writer has only just begun
            return []
        entries = connection.execute(query, keys).fetchall()  # and has now gone on; or this is another kind of file
    if not all(map(_is_sound, entries)):
        raise sqlite3.DatabaseError("a checksum is wrong")
    return entries


def count(file: Path) -> int | None:
    """Count the outputs in a file; `None` if it cannot be read."""
    try:
        connection = _connect(file)
        try:
            return 0 if _is_empty(connection) else connection.execute("SELECT count(*) FROM outputs").fetchone()[0]
        finally:
            connection.close()
    except sqlite3.Error:
        return None


def _check(connection: sqlite3.Connection) -> int:
    if _is_empty(connection):
        return 0
    for (problem,) in connection.execute("PRAGMA integrity_check(1)"):
        if problem != b"ok":
            raise sqlite3.DatabaseError(problem.decode(errors="replace"))
    count = 0
    for entry in connection.execute("SELECT key, output, sum FROM outputs"):
        if not _is_sound(entry):
            raise sqlite3.DatabaseError("a checksum is wrong")
        count += 1
    return count


def _is_empty(connection: sqlite3.Connection) -> bool:
    return not connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]


def _sum(key: bytes, output: bytes) -> bytes:
    return blake2b(key + output, digest_size=8).digest()


def _is_sound(entry: _Entry) -> bool:
    key, output, its = entry
    return isinstance(key, bytes) and isinstance(output, bytes) and _sum(key, output) == its


def _is_damage(error: sqlite3.Error) -> bool:
    return getattr(error, "sqlite_errorcode", sqlite3.SQLITE_CORRUPT) & 0xFF not in _NO_DAMAGE


def remembers() -> bool:
    """Return whether outputs are remembered: always, unless `HF_AUGMENT_REMEMBER` is 0."""
    return os.environ.get("HF_AUGMENT_REMEMBER", "1").lower() not in ("0", "false", "no", "off")


def open_store(name: str, identity: str, repeatable: bool = True) -> Store:
    """
    Open what one transform has written, once a process.

    Args:
        name (`str`): The transform's name, for those who look at the folder.
        identity (`str`): What decides its outputs, as canonical JSON.
        repeatable (`bool`, *optional*, defaults to `True`):
            Whether the same would be written again. What would not is never pruned to keep to the limit.

    Raises:
        `ValueError`: `HF_AUGMENT_CACHE_LIMIT` is no size.
    """
    limit()
    digest = sha256(identity.encode()).hexdigest()
    folder = cache_folder() / "outputs" / f"{name.replace(':', '.')}-{digest[:32]}"
    if folder not in _open:
        _open[folder] = Store(folder)
        _describe(folder, identity, repeatable)
    return _open[folder]


def _describe(folder: Path, identity: str, repeatable: bool) -> None:
    try:
        if not repeatable:
            folder.mkdir(parents=True, exist_ok=True)
            (folder / KEPT).write_text("Nobody would write this again: the limit does not count.\n")
        if not (folder / "identity.json").exists():
            write_json(folder / "identity.json", json.loads(identity))
    except OSError:
        pass  # the first write says what is wrong


def _forget_the_parents() -> None:
    # A forked child may not use its parent's connections, nor close them, which would drop the parent's locks.
    _of_the_parent.extend(_open.values())
    _open.clear()


os.register_at_fork(after_in_child=_forget_the_parents)
