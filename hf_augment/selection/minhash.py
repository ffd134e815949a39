"""Near duplicates among very many texts: MinHash proposes pairs, and their true Jaccard similarity decides."""

import functools
from collections.abc import Callable, Collection, Sequence
from typing import Any

import numpy as np

from hf_augment.selection.shingles import Shingling, jaccard

HASHES = 128  # of a signature, at most
RECALL = 0.99  # how probably a pair that lies exactly on the threshold is proposed
BATCH = 1_024  # texts whose signatures are computed at once
_LOOKED_AT = 64  # proposals that one row is compared with, those of the most bands first
_SETS = 8_192  # of shingles, some ten kilobytes each, that are not cut again
_CROWD = 1_024  # rows kept in one bucket; a bucket of more says nothing, and would cost the square of its rows
_MIXING = np.uint64(0x9E3779B97F4A7C15)
_SEED = 1


class MinHash:
    """
    The signatures of texts, folded into bands: texts that share a band are worth comparing.

    After Broder 1997 (doi.org/10.1109/SEQUEN.1997.666900) and Indyk and Motwani 1998 (doi.org/10.1145/276698.276876).
    It holds eight bytes a band and text, some 170 bytes a text, and computes shingles again where two texts are
    compared.

    Args:
        texts (`Collection[str]`): All texts that will be asked about.
        shingling ([`Shingling`]): What texts are compared by.
        threshold (`float`): From this Jaccard similarity on, two texts are near.

    Raises:
        `ImportError`: The package `rensa` is missing.
    """

    def __init__(self, texts: Collection[str], shingling: Shingling, threshold: float):
        self.shingling, self.threshold = shingling, threshold
        self.rows = rows_of_a_band(threshold)
        texts = sorted(set(texts))
        self._place = {text: row for row, text in enumerate(texts)}
        self._bands = _bands(texts, shingling, self.rows)
        # A text is often compared with several others, and those of one bucket with the same few.
        self._set = functools.lru_cache(maxsize=_SETS)(lambda text: frozenset(shingling.cut(text)))

    def nearest(self, queries: Sequence[str], known: Sequence[str]) -> np.ndarray:
        """
        Return for each query the highest Jaccard similarity to one of the known texts that share a band with it.

        Returns:
            `np.ndarray` of shape `(n,)`: 0 where there is none.
        """
        known = sorted(set(known))
        new = sorted(set(queries))
        best, _ = self._walk([*known, *new], len(known), keep=False)
        place = {text: row for row, text in enumerate(new)}
        return best[[place[text] for text in queries]] if len(queries) else np.zeros(0)

    def distinct(self, texts: Sequence[str]) -> tuple[list[bool], np.ndarray]:
        """
        Go through texts from the best to the worst and keep each that is not near one kept before.

        Returns:
            `tuple[list[bool], np.ndarray]`: Whether each is kept, and its highest Jaccard similarity to a better one.
        """
        best, kept = self._walk(texts, 0, keep=True)
        return kept.tolist(), best

    def _walk(self, texts: Sequence[str], known: int, keep: bool) -> tuple[np.ndarray, np.ndarray]:
        """Compare each text with those before it that are kept, or, if none is, with the first `known`."""
        rows = np.array([self._place[text] for text in texts], dtype=np.int64)
        buckets = _Buckets(self._bands, rows)
        best, kept = np.zeros(len(rows) - known), np.ones(len(rows) - known, dtype=bool)
        for row in buckets.shared:
            if row >= known:
                best[row - known] = self._nearest(texts[row], buckets.find(row), texts.__getitem__)
                kept[row - known] = best[row - known] < self.threshold
            if row < known or (keep and kept[row - known]):
                buckets.add(row)
        return best, kept

    def _nearest(self, text: str, proposed: Sequence[int], named: Callable[[int], str]) -> float:
        own = self._set(text)
        return max((jaccard(own, self._set(named(row))) for row in proposed), default=0.0)


class _Buckets:
    """
    Which rows share a band with which, in flat arrays; a row is found once it has been added.

    Args:
        bands (`np.ndarray` of shape `(texts, bands)`): The value of each band of each text.
        rows (`np.ndarray`): The text of each row.
    """

    def __init__(self, bands: np.ndarray, rows: np.ndarray):
        self._of = np.full((len(rows), bands.shape[1]), -1, dtype=np.int32)
        sizes = [np.zeros(0, dtype=np.int64)]
        count = 0
        for band in range(bands.shape[1]):
            _, bucket, size = np.unique(bands[rows, band], return_inverse=True, return_counts=True)
            several = size > 1
            number = np.where(several, count + np.cumsum(several) - 1, -1).astype(np.int32)
            self._of[:, band] = number[bucket]
            sizes.append(np.minimum(size[several], _CROWD))
            count += int(several.sum())
        sizes = np.concatenate(sizes)
        self._start = np.concatenate([[0], np.cumsum(sizes)])
        self._count = np.zeros(count, dtype=np.int32)
        self._members = np.empty(int(self._start[-1]), dtype=np.int32)
        self.shared = np.flatnonzero((self._of >= 0).any(axis=1)).tolist()

    def find(self, row: int) -> list[int]:
        """Return the rows added that share a band with a row, those that share the most first."""
        own = self._of[row]
        own = own[own >= 0]
        counts = self._count[own]
        own, counts = own[counts > 0], counts[counts > 0]
        if not len(own):
            return []
        starts = self._start[own]
        members = self._members
        parts = [members[start : start + count] for start, count in zip(starts.tolist(), counts.tolist(), strict=True)]
        found, shared = np.unique(np.concatenate(parts), return_counts=True)
        return found[np.argsort(-shared, kind="stable")[:_LOOKED_AT]].tolist()

    def add(self, row: int) -> None:
        """Put a row into its buckets, unless they are full."""
        own = self._of[row]
        own = own[own >= 0]
        free = self._start[own] + self._count[own] < self._start[own + 1]
        own = own[free]
        self._members[self._start[own] + self._count[own]] = row
        self._count[own] += 1


def rows_of_a_band(threshold: float) -> int:
    """Return how many hashes a band takes: as many as still let it propose a pair on the threshold."""
    fitting = [rows for rows in range(1, 17) if 1 - (1 - threshold**rows) ** (HASHES // rows) >= RECALL]
    return max(fitting, default=1)


def _bands(texts: Sequence[str], shingling: Shingling, rows: int) -> np.ndarray:
    RMinHash = require_rensa().RMinHash
    count = HASHES // rows
    bands = np.empty((len(texts), count), dtype=np.uint64)
    for top in range(0, len(texts), BATCH):
        batch = [shingling.cut(text) for text in texts[top : top + BATCH]]
        hashes = np.array(RMinHash.digests_from_token_sets(batch, count * rows, _SEED), dtype=np.uint64)
        hashes = hashes.reshape(len(batch), count, rows)
        folded = np.zeros((len(batch), count), dtype=np.uint64)
        for column in range(rows):
            folded = (folded ^ hashes[:, :, column]) * _MIXING
            folded ^= folded >> np.uint64(29)
        bands[top : top + BATCH] = folded
    return bands


def require_rensa() -> Any:
    """Return the package that computes signatures, or raise an `ImportError` that says how to get it."""
    try:
        import rensa
    except ImportError as error:
        raise ImportError(
            "select: jaccard: needs the package rensa, which computes MinHash signatures. Install it by pip install "
            "'hf-augment[dedup]', or write jaccard: null."
        ) from error
    return rensa
