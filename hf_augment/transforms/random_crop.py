from dataclasses import dataclass
from itertools import pairwise
from typing import ClassVar

from hf_augment.edits import Edit, EditTransform, share
from hf_augment.fields import between
from hf_augment.words import Span, outside, words


@dataclass(frozen=True, kw_only=True)
class RandomCrop(EditTransform):
    """
    Delete one run of neighbouring words, with the marks between them.

    A run lies within what has no address, tag or protected word in it. It can hold the words that the label hangs on.
    The span cutoff of Shen et al. (2020, huggingface.co/papers/2009.13818), on words.

    Args:
        rate (`float`, *optional*, defaults to `0.1`):
            Length of the run, as a fraction of the number of words, from 0 to 1. At least one word is deleted, and at
            least one stays.

    Example:

    ```python
    >>> augment = Augment(RandomCrop(rate=0.2), text="text", label="label")
    >>> train = train.map(augment, batched=True)
    ```
    """

    name: ClassVar[str] = "random_crop"

    rate: float = 0.1

    def check(self):
        between(self.rate, 0, 1, "random_crop: rate")

    def edits(self, row, stream):
        text, spans = row.text, words(row.text)
        if len(spans) < 2:
            return []
        size = min(share(self.rate, len(spans)), len(spans) - 1)
        runs = [_run(text, spans, first, first + size) for first in range(len(spans) - size + 1)]
        free = outside(outside(runs, _addresses(text, spans)), self.protected(row))
        return [Edit(*stream.choice(free), "")] if free else []


def _run(text: str, spans: list[Span], first: int, stop: int) -> Span:
    """Return from where to where a run of words goes: with the gap behind it, or at the end with the one before it."""
    if stop == len(spans):
        gap = text[spans[first - 1][1] : spans[first][0]]
        return spans[first][0] - (len(gap) if _is_empty(gap) else len(gap) - len(gap.rstrip())), spans[-1][1]
    end = spans[stop - 1][1]
    gap = text[end : spans[stop][0]]
    return spans[first][0], end + (len(gap) if _is_empty(gap) else len(gap) - len(gap.lstrip()))


def _addresses(text: str, spans: list[Span]) -> list[Span]:
    """Find the gaps between words that hold an address, a tag or the like, each without the space around it."""
    gaps = ((left, right) for (_, left), (right, _) in pairwise(spans))
    inner = ((left, text[left:right]) for left, right in gaps if not _is_empty(text[left:right]))
    return [(left + len(gap) - len(gap.lstrip()), left + len(gap.rstrip())) for left, gap in inner]


def _is_empty(gap: str) -> bool:
    return not any(character.isalnum() for character in gap)
