from dataclasses import dataclass
from typing import ClassVar

from hf_augment.embedded import char_tables, lexicon
from hf_augment.errors import unknown
from hf_augment.transforms.characters import ConfusionTransform


@dataclass(frozen=True, kw_only=True)
class Keyboard(ConfusionTransform):
    """
    Replace letters with their neighbours on the keyboard.

    A neighbour is a letter that touches the right key; capitals stay capitals, digits and punctuation stay as they
    are. Words of one letter, and letters that are not on the layout, are left alone. The spelling of a negation or a
    name may be hit: name such words in `reserved`. One of the noises of Belinkov and Bisk (2018,
    huggingface.co/papers/1711.02173).

    Args:
        rate (`float`, *optional*, defaults to `0.1`):
            Number of words to edit, as a fraction of the words that have a letter of the layout, from 0 to 1. At least
            one is edited.
        characters (`int`, *optional*, defaults to `1`):
            Letters to replace in each of those words, as far as it has so many.
        layout (`str`, *optional*, defaults to `"en"`):
            The keyboard: `"de"`, `"el"`, `"en"`, `"es"`, `"fr"`, `"he"`, `"it"`, `"nl"`, `"pl"`, `"ru"`, `"tr"` or `"uk"`.

    Example:

    ```python
    >>> augment = Augment(Keyboard(rate=0.2, layout="de"), text="text", label="label")
    >>> train = train.map(augment, batched=True)
    ```
    """

    name: ClassVar[str] = "keyboard"

    layout: str = "en"

    def check(self):
        super().check()
        if self.layout not in char_tables.keyboards():
            raise ValueError("keyboard: layout: " + unknown("layout", self.layout, char_tables.keyboards()))

    def references(self):
        return lexicon.identities("keyboards")

    def _why_not(self, row):
        if self.confusions().pattern.search(row.text):
            return super()._why_not(row)
        return f"no letter of the keyboard {self.layout!r}"

    def confusions(self):
        return char_tables.keyboard(self.layout)
