"""Sentence embeddings that stay on disk: of sets of texts that many runs embed, such as test rows."""

import functools
import hashlib
import json
import os
from collections.abc import Sequence

import numpy as np
from filelock import FileLock

from hf_augment.engine.digests import cache_folder
from hf_augment.engine.encoder import load_encoder, locate_encoder
from hf_augment.engine.resources import identity
from hf_augment.engine.store import remembers


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
    folder = cache_folder() / "embeddings" / content[:32]
    file = folder / f"{hashlib.sha256(json.dumps(texts).encode()).hexdigest()}.npy"
    folder.mkdir(parents=True, exist_ok=True)
    with FileLock(file.with_suffix(".lock")):  # who comes second finds it
        try:
            return np.load(file, allow_pickle=False)
        except (OSError, ValueError):
            vectors = load_encoder(encoder, revision).embed(texts)
            unfinished = file.with_suffix(f".{os.getpid()}.tmp")
            with unfinished.open("wb") as opened:
                np.save(opened, vectors)
            os.replace(unfinished, file)
            return vectors
