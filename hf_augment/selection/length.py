"""The length window: augmented texts are to be as long as real ones."""

from collections.abc import Sequence
from typing import NamedTuple

from hf_augment.words import runs, words


class Window(NamedTuple):
    """The least and the greatest number of words that a text may have, both included."""

    low: int
    high: int

    def problem(self, text: str) -> str:
        """Return `"too short"`, `"too long"`, or `""` for a text that fits."""
        count = length(text)
        return "too short" if count < self.low else "too long" if count > self.high else ""


def fit_window(texts: Sequence[str], quantiles: Sequence[float]) -> Window:
    """
    Find the window that real texts span.

    Args:
        texts (`Sequence[str]`): The real texts, at least one.
        quantiles (`Sequence[float]`): The lower and the upper quantile of their lengths; between two lengths, the one
            that lets more through counts.
    """
    import numpy as np

    lengths = [length(text) for text in texts]
    low = np.quantile(lengths, quantiles[0], method="lower")
    return Window(int(low), int(np.quantile(lengths, quantiles[1], method="higher")))


def length(text: str) -> int:
    """Count the words of a text, and the characters of what is written without spaces between words."""
    spaced = words(text)
    unspaced = set(runs(text)).difference(spaced)
    return len(spaced) + sum(end - start for start, end in unspaced)
