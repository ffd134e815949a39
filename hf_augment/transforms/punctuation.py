from dataclasses import dataclass
from typing import ClassVar

from hf_augment.edits import Edit, EditTransform, share
from hf_augment.fields import between
from hf_augment.transforms.random_insert import boundaries

MARKS = ".,!?;:"


@dataclass(frozen=True, kw_only=True)
class Punctuation(EditTransform):
    """
    Insert punctuation marks between words.

    Keeps every word and their order, so no word that carries the label is lost. AEDA (Karimi et al. 2021,
    huggingface.co/papers/2108.13230).

    Args:
        rate (`float`, *optional*, defaults to `0.3`):
            The largest number of marks, as a fraction of the number of words, from 0 to 1. The number is drawn
            between one and that.

    Example:

    ```python
    >>> augment = Augment(Punctuation(), text="text", label="label", copies=8)
    >>> train = train.map(augment, batched=True)
    ```
    """

    name: ClassVar[str] = "punctuation"

    rate: float = 0.3

    def check(self):
        between(self.rate, 0, 1, "punctuation: rate")

    def edits(self, row, stream):
        spans = self.words(row)
        places = boundaries(row.text, spans)
        if not places:
            return []
        count = 1 + stream.below(share(self.rate, len(spans)))
        starts = [spans[places[i]][0] for i in stream.sample(len(places), count)]
        return [Edit(start, start, stream.choice(MARKS) + " ") for start in starts]
