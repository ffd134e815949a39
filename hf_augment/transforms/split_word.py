from dataclasses import dataclass
from typing import ClassVar

from hf_augment.edits import Edit
from hf_augment.transforms.characters import CharacterTransform, borders, keeps_clusters, without_digits


@dataclass(frozen=True, kw_only=True)
class SplitWord(CharacterTransform):
    """
    Put a space inside words.

    Words of fewer than three characters and words with a digit are left alone. Where no spaces are written (Chinese,
    Thai, ...), four characters count as a word.

    Args:
        rate (`float`, *optional*, defaults to `0.1`):
            Number of words to split, as a fraction of the words that can be, from 0 to 1. At least one is split.

    Example:

    ```python
    >>> augment = Augment(SplitWord(rate=0.1), text="text", label="label")
    >>> train = train.map(augment, batched=True)
    ```
    """

    name: ClassVar[str] = "split_word"
    shortest: ClassVar[int] = 3

    def eligible(self, text, spans):
        return without_digits(text, spans)

    def piece_edits(self, text, span, stream):
        at = borders(text, *span)
        place = at[1 + stream.below(len(at) - 2)]
        return [Edit(place, place, " ")] if keeps_clusters(text, place, place, [" "]) else []
