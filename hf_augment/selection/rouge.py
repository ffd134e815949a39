"""ROUGE-L to the nearest of many texts: how much of a text stands there in the same order."""

from collections import Counter
from collections.abc import Sequence

import numpy as np

from hf_augment.common_subsequence import common_subsequence, places
from hf_augment.words import same_words

_TOGETHER = 4_000_000  # pairs whose words are counted at once


class RougeL:
    """
    The highest ROUGE-L F1 to any of the known texts.

    Lin 2004 (aclanthology.org/W04-1013): of two texts' words, the longest subsequence that both have, as the harmonic
    mean of its shares in either. Pairs that share too few words to be the nearest are not aligned.

    Args:
        texts (`Sequence[str]`): The known texts, at least one. Case and punctuation say nothing.
    """

    def __init__(self, texts: Sequence[str]):
        self._known = [text.split() for text in sorted({same_words(text) for text in texts})]
        self._lengths = np.array([len(text) for text in self._known])
        self._columns: dict[tuple[str, int], int] = {}
        self._matrix = _count(self._known, self._columns, grow=True)
        self._places = [places(text) for text in self._known]

    def best(self, texts: Sequence[str]) -> list[float]:
        """Return the highest F1 of each text."""
        said = [same_words(text).split() for text in texts]
        found = []
        step = max(1, _TOGETHER // len(self._known))
        for top in range(0, len(said), step):
            batch = said[top : top + step]
            shared = (_count(batch, self._columns, grow=False) @ self._matrix.T).toarray()
            lengths = np.array([len(text) for text in batch])
            # No subsequence is longer than the words that both texts hold, in whatever order.
            bounds = 2 * shared / (lengths[:, None] + self._lengths)
            found += [self._nearest(text, bound) for text, bound in zip(batch, bounds, strict=True)]
        return found

    def _nearest(self, text: list[str], bounds: np.ndarray) -> float:
        best = 0.0
        for row in np.argsort(-bounds, kind="stable").tolist():
            if bounds[row] <= best:
                break
            common = common_subsequence(self._places[row], len(self._known[row]), text)
            best = max(best, 2 * common / (len(text) + len(self._known[row])))
        return best


def _count(texts: Sequence[Sequence[str]], columns: dict[tuple[str, int], int], grow: bool):
    """Say of each text which words it holds, the second time that one occurs being another word than the first."""
    from scipy.sparse import csr_matrix

    rows, found = [], []
    for row, text in enumerate(texts):
        for word, times in Counter(text).items():
            for time in range(times):
                place = columns.setdefault((word, time), len(columns)) if grow else columns.get((word, time))
                if place is not None:
                    rows.append(row)
                    found.append(place)
    ones = np.ones(len(rows), dtype=np.int32)
    return csr_matrix((ones, (rows, found)), shape=(len(texts), max(1, len(columns))))
