"""Repetitions: texts of the same words, and texts that mean nearly the same."""

from collections.abc import Sequence

import numpy as np

from hf_augment.selection.space import Picked
from hf_augment.words import same_words

_BLOCK = 1_024  # rows compared at once: 4 MB of similarities a product


def nearest(queries: np.ndarray | Picked, vectors: np.ndarray | Picked, *, itself: bool = True) -> np.ndarray:
    """
    Return each query's highest cosine similarity to any of the vectors, a block of pairs at a time.

    Args:
        queries (`np.ndarray` or [`Picked`] of shape `(n, d)`): Rows of length 1.
        vectors (`np.ndarray` or [`Picked`] of shape `(m, d)`): Rows of length 1.
        itself (`bool`, *optional*, defaults to `True`): `False` if `queries` is `vectors` and row i is not to be
            compared with row i.

    Returns:
        `np.ndarray` of shape `(n,)`: NaN where there is nothing to compare with.
    """
    best = np.full(len(queries), np.nan, dtype=np.float32)
    for top in range(0, len(queries), _BLOCK):
        rows = slice(top, top + _BLOCK)
        for left in range(0, len(vectors), _BLOCK):
            found = queries[rows] @ vectors[left : left + _BLOCK].T
            if not itself and top == left:
                np.fill_diagonal(found, np.nan)
            best[rows] = np.fmax(best[rows], np.fmax.reduce(found, axis=1))
    return np.clip(best, -1, 1)


def distinct(vectors: np.ndarray | Picked, threshold: float) -> list[bool]:
    """
    Go through rows from the best to the worst and keep each that is not near one kept before.

    Exact, in the time of all pairs and the memory of a block: [`MinHash.distinct`] is the way for a million.

    Args:
        vectors (`np.ndarray` or [`Picked`] of shape `(n, d)`): Rows of length 1, the best first.
        threshold (`float`): From this cosine similarity on, two rows are near.
    """
    keep = np.ones(len(vectors), dtype=bool)
    kept = np.empty(len(vectors), dtype=np.int64)
    count = 0
    for top in range(0, len(vectors), _BLOCK):
        block = vectors[top : top + _BLOCK]
        free = ~(nearest(block, Picked(vectors, kept[:count])) >= threshold)
        near = block @ block.T >= threshold
        for row in range(len(block)):
            free[row] = free[row] and not (near[row, :row] & free[:row]).any()
        keep[top : top + _BLOCK] = free
        kept[count : count + free.sum()] = top + np.flatnonzero(free)
        count += free.sum()
    return keep.tolist()


def repeated(texts: Sequence[str]) -> list[bool]:
    """Say of each text, from the first to the last, whether an earlier one says the same."""
    seen: set[str] = set()
    found = []
    for text in texts:
        said = same_words(text)
        found.append(said in seen)
        seen.add(said)
    return found
