from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import ClassVar, Literal

from hf_augment.edits import Edit
from hf_augment.streams import Stream
from hf_augment.transforms.characters import CharacterTransform


@dataclass(frozen=True, kw_only=True)
class Case(CharacterTransform):
    """
    Write words in another case.

    Case follows Unicode, not a language: `ß` becomes `SS`, `Σ` at the end of a word `ς`, and a Turkish `ı` becomes `I`.
    Text without capitals in its script (Chinese, Hindi, Arabic, ...) is declined.

    Args:
        rate (`float`, *optional*, defaults to `0.1`):
            Number of words to change, as a fraction of the words that the mode changes, from 0 to 1; `1.0` changes the
            whole text. At least one is changed.
        mode (`str`, *optional*, defaults to `"random"`):
            `"lower"`, `"upper"`, `"title"` (the first letter upper, the rest lower), `"swap"` (each letter to the other
            case) or `"random"` (each letter to either).

    Example:

    ```python
    >>> augment = Augment(Case(mode="lower", rate=1.0), text="text", label="label")
    >>> train = train.map(augment, batched=True)
    ```
    """

    name: ClassVar[str] = "case"
    shortest: ClassVar[int] = 1  # a text in lower case says "i", too

    mode: Literal["lower", "upper", "title", "swap", "random"] = "random"

    def eligible(self, text, spans):
        write = str.swapcase if self.mode == "random" else _WHOLE[self.mode]
        words = ((span, text[slice(*span)]) for span in spans)
        return [span for span, word in words if write(word) != word]

    def piece_edits(self, text, span, stream):
        word = text[slice(*span)]
        mapped = _random(word, stream) if self.mode == "random" else _mapped(word, self.mode)
        edits = []
        for changed, group in groupby(range(len(word)), lambda index: word[index] != mapped[index]):
            if changed:
                places = list(group)
                first, stop = places[0], places[-1] + 1
                edits.append(Edit(span[0] + first, span[0] + stop, "".join(mapped[first:stop])))
        return edits


def _title(word: str) -> str:
    return word[:1].title() + word.lower()[len(word[:1].lower()) :]


_WHOLE = {"lower": str.lower, "upper": str.upper, "swap": str.swapcase, "title": _title}


def _mapped(word: str, mode: str) -> Sequence[str]:
    """Return what becomes of each character: the word has to be mapped whole, for a final Σ is another letter."""
    whole = _WHOLE[mode](word)
    if len(whole) == len(word):  # no case map shortens, so every character stayed one
        return whole
    mapped, place = [], 0
    for index, character in enumerate(word):
        one = str.lower if mode == "title" and index else _WHOLE[mode]
        mapped.append(whole[place : place + len(one(character))])
        place += len(mapped[-1])
    return mapped


def _random(word: str, stream: Stream) -> Sequence[str]:
    mapped, bits = [], 0
    for index, character in enumerate(word):
        bits = bits >> 1 if index % 64 else stream.bits()
        mapped.append(character.upper() if bits & 1 else character.lower())
    if "".join(mapped) == word:
        index = stream.choice([index for index, character in enumerate(word) if character.swapcase() != character])
        mapped[index] = word[index].swapcase()
    return mapped
