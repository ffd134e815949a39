from dataclasses import dataclass
from typing import ClassVar

from hf_augment.embedded import char_tables, lexicon
from hf_augment.transforms.characters import ConfusionTransform


@dataclass(frozen=True, kw_only=True)
class Homoglyph(ConfusionTransform):
    """
    Replace letters with letters of another script that look the same.

    A reader sees no difference, a tokenizer sees other words: for models that have to stand such attacks (Bad
    Characters, Boucher et al. 2022, huggingface.co/papers/2106.09898). Latin letters become Cyrillic or Greek ones,
    Cyrillic and Greek letters Latin ones.

    Args:
        rate (`float`, *optional*, defaults to `0.1`):
            Number of words to edit, as a fraction of the words that have such a letter, from 0 to 1. At least one is
            edited.
        characters (`int`, *optional*, defaults to `1`):
            Letters to replace in each of those words, as far as it has so many.

    Example:

    ```python
    >>> augment = Augment(Homoglyph(rate=0.3, characters=2), text="text", label="label")
    >>> train = train.map(augment, batched=True)
    ```
    """

    name: ClassVar[str] = "homoglyph"

    def references(self):
        return lexicon.identities("homoglyphs")

    def confusions(self):
        return char_tables.homoglyphs()
