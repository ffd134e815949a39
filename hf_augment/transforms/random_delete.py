from dataclasses import dataclass
from typing import ClassVar

from hf_augment.edits import Edit, EditTransform, share
from hf_augment.fields import between
from hf_augment.words import Span, outside, words


@dataclass(frozen=True, kw_only=True)
class RandomDelete(EditTransform):
    """
    Delete words, each with one run of white space beside it.

    Can delete the word that the label hangs on. The deletion of EDA (Wei and Zou 2019,
    huggingface.co/papers/1901.11196), with a fixed number of words where the paper draws it.

    Args:
        rate (`float`, *optional*, defaults to `0.1`):
            Number of deletions, as a fraction of the number of words, from 0 to 1. At least one is made, and at
            least one word stays.

    Example:

    ```python
    >>> augment = Augment(RandomDelete(rate=0.2), text="text", label="label")
    >>> train = train.map(augment, batched=True)
    ```
    """

    name: ClassVar[str] = "random_delete"

    rate: float = 0.1

    def check(self):
        between(self.rate, 0, 1, "random_delete: rate")

    def edits(self, row, stream):
        text = row.text
        spans = every = words(text)
        taken = self.protected(row)
        if taken:
            spans = outside(every, taken)
        # Protected words stay anyway, so with them around every other word may go.
        most = min(len(spans), len(every) - 1)
        if most < 1:
            return []
        drawn = sorted(stream.sample(len(spans), min(share(self.rate, len(spans)), most)))
        ends = {end for _, end in every}
        gone = [_with_space(text, *span, ends) for span in _united(text, [spans[i] for i in drawn])]
        if taken:
            gone = outside(gone, taken)
        return [Edit(start, end, "") for start, end in gone]


def _united(text: str, spans: list[Span]) -> list[Span]:
    """Make one span of deleted words that only white space separates: they take one outer run with them."""
    united = [spans[0]]
    for start, end in spans[1:]:
        first, last = united[-1]
        if text[last:start].isspace():
            united[-1] = first, end
        else:
            united.append((start, end))
    return united


def _with_space(text: str, start: int, end: int, ends: set[int]) -> Span:
    left, right = start, end
    while left > 0 and text[left - 1].isspace():
        left -= 1
    while right < len(text) and text[right].isspace():
        right += 1
    if right > end and (left < start or start == 0):
        joins_lines = "\n" in text[end:right] and left < start and "\n" not in text[left:start]
        return (left, end) if joins_lines else (start, right)
    # What follows moves up to what stood before: a word, perhaps with a mark. An address would swallow a full stop.
    return (left, end) if left in ends or left - 1 in ends or right == len(text) else (start, end)
