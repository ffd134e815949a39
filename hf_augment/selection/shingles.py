"""Shingles: the short runs of characters or words that a text consists of, and how many two texts share."""

from typing import Literal, NamedTuple

from hf_augment.words import same_words


class Shingling(NamedTuple):
    """
    How texts are cut into shingles; case, punctuation and white space say nothing.

    Args:
        unit (`str`): `"characters"` or `"words"`.
        size (`int`): How many of them make a shingle.
    """

    unit: Literal["characters", "words"]
    size: int

    def cut(self, text: str) -> list[str]:
        """Return the shingles of a text in their order, each as often as it occurs; of too short a text, the text."""
        said = same_words(text)
        if self.unit == "characters":
            return [said[i : i + self.size] for i in range(max(1, len(said) - self.size + 1))]
        words = said.split()
        return [" ".join(words[i : i + self.size]) for i in range(max(1, len(words) - self.size + 1))]


def jaccard(first: frozenset[str], second: frozenset[str]) -> float:
    """Return the share that two sets have in common of all that they hold."""
    common = len(first & second)
    return common / (len(first) + len(second) - common)
