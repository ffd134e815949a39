"""Near duplicates, by what texts mean or by what is written."""

from collections.abc import Sequence
from typing import ClassVar

import numpy as np

from hf_augment.selection.duplicates import distinct, nearest
from hf_augment.selection.minhash import MinHash
from hf_augment.selection.space import Space


class ByMeaning:
    """
    Near are texts whose embeddings are.

    Args:
        space ([`Space`]): The embeddings.
        threshold (`float`): From this cosine similarity on.
    """

    how: ClassVar[str] = ""

    def __init__(self, space: Space, threshold: float):
        self._space, self._threshold = space, threshold

    def known(self, texts: Sequence[str], known: Sequence[str]) -> list[bool]:
        """Say of each text whether it is near one of the known ones."""
        return (nearest(self._space.of(texts), self._space.of(known)) >= self._threshold).tolist()

    def repeated(self, texts: Sequence[str]) -> list[bool]:
        """Say of each text, from the best to the worst, whether it is near a better one that is not."""
        return [not kept for kept in distinct(self._space.of(texts), self._threshold)]


class ByShingles:
    """
    Near are texts that consist of the same shingles.

    Args:
        index ([`MinHash`]): What finds them.
    """

    how: ClassVar[str] = " (shingles)"

    def __init__(self, index: MinHash):
        self._index = index
        self.jaccard: dict[str, float] = {}  # the highest that was found, by text

    def known(self, texts: Sequence[str], known: Sequence[str]) -> list[bool]:
        """Say of each text whether it is near one of the known ones."""
        found = self._index.nearest(texts, known)
        self._note(texts, found)
        return (found >= self._index.threshold).tolist()

    def repeated(self, texts: Sequence[str]) -> list[bool]:
        """Say of each text, from the best to the worst, whether it is near a better one that is not."""
        kept, found = self._index.distinct(texts)
        self._note(texts, found)
        return [not keep for keep in kept]

    def _note(self, texts: Sequence[str], found: np.ndarray) -> None:
        for text, value in zip(texts, found.tolist(), strict=True):
            self.jaccard[text] = max(value, self.jaccard.get(text, 0.0))
