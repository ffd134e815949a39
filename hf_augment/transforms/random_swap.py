from dataclasses import dataclass
from typing import ClassVar

from hf_augment.edits import Edit, EditTransform, share
from hf_augment.fields import between


@dataclass(frozen=True, kw_only=True)
class RandomSwap(EditTransform):
    """
    Swap pairs of words.

    Changes word order, so it can flip the meaning of negated or comparative sentences. The swap of EDA
    (Wei and Zou 2019, huggingface.co/papers/1901.11196).

    Args:
        rate (`float`, *optional*, defaults to `0.1`):
            Number of swaps, as a fraction of the number of words, from 0 to 1. At least one swap is made.

    Example:

    ```python
    >>> augment = Augment(RandomSwap(rate=0.5), text="text", label="label")
    >>> train = train.map(augment, batched=True)
    ```
    """

    name: ClassVar[str] = "random_swap"

    rate: float = 0.1

    def check(self):
        between(self.rate, 0, 1, "random_swap: rate")

    def edits(self, row, stream):
        spans = self.words(row)
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
