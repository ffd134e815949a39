"""The longest run of words that a text shares with any of many others."""

from collections.abc import Sequence

import numpy as np

from hf_augment.words import same_words

BATCH = 4_096  # texts looked up at once
_APART = -1  # what stands between two of the known texts
_UNKNOWN = -2  # a word that none of them holds


class SharedRuns:
    """
    A suffix array over the words of texts, in which runs of words are looked up.

    It holds twelve bytes a word, and what it answers is exact (Manber and Myers 1993, doi.org/10.1137/0222058).

    Args:
        texts (`Sequence[str]`): The known texts. Case and punctuation say nothing.
    """

    def __init__(self, texts: Sequence[str]):
        # In this order the array, and with it all that follows, does not depend on the order of the texts.
        said = [text.split() for text in sorted({same_words(text) for text in texts})]
        self._ids: dict[str, int] = {}
        words = []
        for text in said:
            words += [self._ids.setdefault(word, len(self._ids)) for word in text]
            words.append(_APART)
        self._words = np.array([*words, _APART], dtype=np.int32)
        self._suffixes = _sorted_suffixes(self._words)

    def longest(self, texts: Sequence[str]) -> list[int]:
        """Return for each text how many words in a row it shares with one of the known texts at most."""
        found = []
        for top in range(0, len(texts), BATCH):
            found += self._look_up(texts[top : top + BATCH])
        return found

    def _look_up(self, texts: Sequence[str]) -> list[int]:
        said = [same_words(text).split() for text in texts]
        ids = [self._ids.get(word, _UNKNOWN) for text in said for word in [*text, ""]]
        words = np.array(ids, dtype=np.int32)  # the empty word ends a text: nobody writes it, so nothing goes past it
        owner = np.repeat(np.arange(len(said)), [len(text) + 1 for text in said])
        at = np.arange(len(words))
        low, high = np.zeros(len(words), dtype=np.int64), np.full(len(words), len(self._suffixes))
        longest = np.zeros(len(said), dtype=np.int64)
        depth = 0
        while len(at):
            wanted = words[at + depth]
            low, high = self._bound(low, high, depth, wanted), self._bound(low, high, depth, wanted + 1)
            goes_on = (low < high) & (wanted >= 0)
            at, low, high = at[goes_on], low[goes_on], high[goes_on]
            depth += 1
            longest[owner[at]] = depth
        return longest.tolist()

    def _bound(self, low: np.ndarray, high: np.ndarray, depth: int, wanted: np.ndarray) -> np.ndarray:
        """Return the first suffix of each range whose word at a depth is not below the wanted one."""
        low, high = low.copy(), high.copy()
        while (low < high).any():
            open_ = low < high
            middle = (low + high) // 2
            place = self._suffixes[np.minimum(middle, len(self._suffixes) - 1)] + depth
            below = self._words[np.minimum(place, len(self._words) - 1)] < wanted
            low = np.where(open_ & below, middle + 1, low)
            high = np.where(open_ & ~below, middle, high)
        return low


def _sorted_suffixes(words: np.ndarray) -> np.ndarray:
    """Sort the ends of a text by prefix doubling, each of which is a place where one begins."""
    rank = np.unique(words, return_inverse=True)[1].astype(np.int64)
    reach = 1
    while True:
        behind = np.zeros(len(words), dtype=np.int64)
        behind[:-reach] = rank[reach:] + 1
        key = rank * (len(words) + 1) + behind
        order = np.argsort(key, kind="stable")
        new = np.empty_like(rank)
        new[order] = np.concatenate([[0], np.cumsum(np.diff(key[order]) > 0)])
        if new[order[-1]] == len(words) - 1 or reach * 2 >= len(words):
            return order
        rank, reach = new, reach * 2
