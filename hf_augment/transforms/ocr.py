from dataclasses import dataclass
from typing import ClassVar

from hf_augment.embedded import char_tables, lexicon
from hf_augment.transforms.characters import ConfusionTransform


@dataclass(frozen=True, kw_only=True)
class Ocr(ConfusionTransform):
    """
    Replace characters with what optical character recognition takes them for.

    Single characters (`l` and `1`, `O` and `0`) and pairs (`rn` and `m`, `cl` and `d`) of the Latin alphabet and its
    digits. Numbers can become unreadable; where they carry the label, pass `protect=[r"\\d+"]`.

    Args:
        rate (`float`, *optional*, defaults to `0.1`):
            Number of words to edit, as a fraction of the words that hold something confusable, from 0 to 1. At least
            one is edited.
        characters (`int`, *optional*, defaults to `1`):
            Confusions in each of those words, as far as it has room for so many.

    Example:

    ```python
    >>> augment = Augment(Ocr(rate=0.2), text="text", label="label")
    >>> train = train.map(augment, batched=True)
    ```
    """

    name: ClassVar[str] = "ocr"

    def references(self):
        return lexicon.identities("ocr")

    def confusions(self):
        return char_tables.ocr()
