from dataclasses import dataclass
from typing import ClassVar

from hf_augment.edits import Edit, EditTransform, share
from hf_augment.fields import between
from hf_augment.sentences import sentences
from hf_augment.words import outside


@dataclass(frozen=True, kw_only=True)
class SentenceSwap(EditTransform):
    """
    Swap pairs of sentences.

    What stands between sentences stays: spaces, empty lines. A text of one sentence is declined. Where the order is the
    sense ("First, ..."), it is lost; patterns in `protect` keep sentences in their places.

    Args:
        rate (`float`, *optional*, defaults to `0.5`):
            Number of swaps, as a fraction of the number of sentences, from 0 to 1. At least one swap is made.

    Example:

    ```python
    >>> augment = Augment(SentenceSwap(rate=1.0), text="text", label="label")
    >>> train = train.map(augment, batched=True)
    ```
    """

    name: ClassVar[str] = "sentence_swap"

    rate: float = 0.5

    def check(self):
        between(self.rate, 0, 1, "sentence_swap: rate")

    def edits(self, row, stream):
        spans = outside(sentences(row.text), self.protected(row))
        if len(spans) < 2:
            return []
        order = list(range(len(spans)))
        for _ in range(share(self.rate, len(spans))):
            i, j = stream.sample(len(spans), 2)
            order[i], order[j] = order[j], order[i]
        text = row.text
        return [
            Edit(*span, text[slice(*spans[source])])
            for span, place, source in zip(spans, range(len(spans)), order, strict=True)
            if place != source
        ]
