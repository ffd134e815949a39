"""Sentence embeddings that stay on disk: of sets of texts that many runs embed, such as test rows."""

import functools
import hashlib
import io
import json
import os
import socket
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import numpy as np
from filelock import Timeout

from hf_augment.engine.cache import (
    ENDINGS,
    limit,
    lock_of,
    note_used,
    note_written,
    say_not_remembered,
    say_once,
    set_aside,
)
from hf_augment.engine.digests import cache_folder
from hf_augment.engine.encoder import load_encoder, locate_encoder
from hf_augment.engine.resources import identity
from hf_augment.engine.store import remembers
from hf_augment.record import write_json

ENDING = ENDINGS["embeddings"]
_SUM = 32  # bytes of checksum, after what np.save writes


def embed_once(texts: Sequence[str], encoder: str, revision: str | None = None) -> np.ndarray:
    """
    Embed texts, or find what was embedded before.

    A set of texts is embedded together and remembered as one file, so that the numbers are equal to the last bit
    whenever the set is the same, whatever else was embedded before.

    Args:
        texts (`Sequence[str]`): The texts.
        encoder (`str`): As for `load_encoder`.
        revision (`str`, *optional*): As for `load_encoder`.

    Returns:
        `np.ndarray`: `float32` of shape `(n, d)`, each row of length 1.

    Raises:
        `ValueError`: `HF_AUGMENT_CACHE_LIMIT` is no size.
    """
    whole = tuple(sorted(set(texts)))
    content = identity(str(locate_encoder(encoder, revision)))
    vectors = _of_set(whole, content, encoder, revision)
    place = {text: row for row, text in enumerate(whole)}
    return vectors[[place[text] for text in texts]]


@functools.lru_cache(maxsize=32)
def _of_set(texts: tuple[str, ...], content: str, encoder: str, revision: str | None) -> np.ndarray:
    if not remembers():
        return load_encoder(encoder, revision).embed(texts)
    limit()  # a wrong one is said before the work
    folder = cache_folder() / "embeddings" / content[:32]
    file = folder / f"{hashlib.sha256(json.dumps(texts).encode()).hexdigest()}{ENDING}"
    lock = lock_of(file)
    try:
        if not (folder / "identity.json").exists():
            write_json(folder / "identity.json", {"name": encoder, "revision": revision, "content": content})
        lock.acquire()  # who comes second finds it
    except OSError as error:
        found = _remembered(file)  # a folder that cannot be written to can be read
        if found is None:
            say_not_remembered(error, "texts are embedded again in each run")
            found = load_encoder(encoder, revision).embed(texts)
        return found
    try:
        found = _remembered(file)
        if found is None:
            found = load_encoder(encoder, revision).embed(texts)
            _remember(file, found)
        return found
    finally:
        lock.release()


def check(file: Path) -> bool:
    """
    Read a file of embeddings, and set it aside if it is damaged and nobody writes to it.

    Args:
        file (`Path`): One that ends with `ENDING`.

    Returns:
        `bool`: Whether it is sound.
    """
    try:
        with lock_of(file).acquire(timeout=0):
            return _remembered(file) is not None
    except (Timeout, OSError):
        return _sound(file.read_bytes()) is not None


def _remembered(file: Path) -> np.ndarray | None:
    try:
        content = file.read_bytes()
    except OSError:
        return None
    vectors = _sound(content)
    if vectors is not None:
        note_used(file)
        return vectors
    try:
        where = f"The file is now {set_aside(file).name!r}"
    except OSError as error:
        where = f"The file stays where it is: {error}"
    say_once(f"The embeddings in {str(file)!r} are damaged, and are made anew. {where}.")
    return None


def _sound(content: bytes) -> np.ndarray | None:
    array, its = content[:-_SUM], content[-_SUM:]
    return np.load(io.BytesIO(array), allow_pickle=False) if _sum(array) == its else None


def _remember(file: Path, vectors: np.ndarray) -> None:
    opened = io.BytesIO()
    np.save(opened, vectors)
    array = opened.getvalue()
    unfinished = file.with_suffix(f".{socket.gethostname()}-{os.getpid()}.tmp")
    try:
        unfinished.write_bytes(array + _sum(array))
        os.replace(unfinished, file)
        note_written(len(array))
    except OSError as error:
        with suppress(OSError):
            unfinished.unlink()
        say_not_remembered(error, "texts are embedded again in each run")


def _sum(array: bytes) -> bytes:
    return hashlib.blake2b(array, digest_size=_SUM).digest()
