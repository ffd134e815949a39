import functools
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import ClassVar, Literal

from hf_augment.edits import Edit, splice
from hf_augment.fields import between
from hf_augment.streams import Stream
from hf_augment.transforms.characters import CharacterTransform, borders, keeps_clusters, without_digits
from hf_augment.words import Span

_WIDTHS = {"swap": 2, "delete": 1, "insert": 0, "substitute": 1}  # characters of the word that a typo takes
# Bounds that only a text of one letter reaches.
_FARTHEST = 200  # characters of the text that are looked at for a letter
_MOST_PLACES = 100  # places of a word that are tried


@dataclass(frozen=True, kw_only=True)
class Typo(CharacterTransform):
    """
    Swap, delete, insert and substitute characters inside words, in any script.

    Letters to insert come from the text itself, so common letters come often and the script is the right one. Words of
    fewer than three characters and words with a digit are left alone: a reader repairs a misspelt word, but not a
    number. Short words can become others: name those that carry the label ("not") in `reserved`. Where no spaces are
    written (Chinese, Thai, ...), four characters count as a word. The character noise of Belinkov and Bisk (2018,
    huggingface.co/papers/1711.02173).

    Args:
        rate (`float`, *optional*, defaults to `0.1`):
            Number of words to edit, as a fraction of the words that can be edited, from 0 to 1. At least one is edited.
        characters (`int`, *optional*, defaults to `1`):
            Typos in each of those words, as far as they fit without touching each other.
        kinds (`list[str]`, *optional*, defaults to all four):
            What a typo may be: `"swap"` (of neighbours), `"delete"`, `"insert"`, `"substitute"`; a kind that stands
            there twice is drawn twice as often.
        keep_first (`bool`, *optional*, defaults to `True`):
            Whether the first character of each word stays, which keeps words readable.

    Example:

    ```python
    >>> augment = Augment(Typo(rate=0.2, kinds=["swap", "delete"]), text="text", label="label")
    >>> train = train.map(augment, batched=True)
    ```
    """

    name: ClassVar[str] = "typo"
    shortest: ClassVar[int] = 3

    characters: int = 1
    kinds: tuple[Literal["swap", "delete", "insert", "substitute"], ...] = ("swap", "delete", "insert", "substitute")
    keep_first: bool = True

    def check(self):
        super().check()
        between(self.characters, 1, 100, "typo: characters")
        if not self.kinds:
            raise ValueError("typo: kinds: expected at least one, got an empty list. Write e.g. kinds=['swap'].")

    def eligible(self, text, spans):
        return without_digits(text, spans)

    def piece_edits(self, text, span, stream):
        at = borders(text, *span)
        taken: set[int] = set()  # a typo leaves the characters beside another one alone
        edits: list[Edit] = []
        for _ in range(self.characters):
            found = self._typo(text, at, taken, stream)
            if found is None:
                break
            place, width, new = found
            taken.update(range(place, place + max(width, 1)))
            edits.append(Edit(at[place], at[place + width], "".join(new)))
        while len(edits) > 1 and _cancel_out(text, span, edits):
            edits.pop()
        return edits

    def _typo(
        self, text: str, at: Sequence[int], taken: set[int], stream: Stream
    ) -> tuple[int, int, list[str]] | None:
        first, count = int(self.keep_first), len(at) - 1
        for kind in _rotated(self.kinds, stream.below(len(self.kinds))):
            width = _WIDTHS[kind]
            places = range(first, count - width + 1)
            for place in islice(_rotated(places, stream.below(len(places))), _MOST_PLACES):
                if taken and not taken.isdisjoint(range(place - 1, place + width + 1)):
                    continue
                new = _new(kind, text, at, place, stream)
                if new is not None and keeps_clusters(text, at[place], at[place + width], new):
                    return place, width, new
        return None


def _cancel_out(text: str, span: Span, edits: list[Edit]) -> bool:
    start, end = span
    moved = sorted(Edit(edit.start - start, edit.end - start, edit.new) for edit in edits)
    return splice(text[start:end], moved) == text[start:end]


def _new(kind: str, text: str, at: Sequence[int], place: int, stream: Stream) -> list[str] | None:
    """Return the characters that a typo puts there, or `None` if it would change nothing."""
    if kind == "delete":
        return []
    if kind == "swap":
        left, right = text[at[place] : at[place + 1]], text[at[place + 1] : at[place + 2]]
        return [right, left] if left != right else None
    if kind == "insert":
        letter = _letter(text, text[at[min(place, len(at) - 2)]], "", stream)
    else:
        old = text[at[place]]
        letter = _letter(text, old, old, stream) if old.isalpha() else None
    return None if letter is None else [letter]


def _letter(text: str, like: str, other_than: str, stream: Stream) -> str | None:
    """Draw a letter of the text, of the same script and case as the character `like`."""
    drawn = stream.below(len(text))
    for index in range(drawn, drawn + min(len(text), _FARTHEST)):
        letter = text[index % len(text)]
        if letter.isalpha() and letter.lower() != other_than.lower() and _script(letter) == _script(like):
            cased = letter.upper() if like.isupper() else letter.lower()
            return cased if len(cased) == 1 else letter
    return None


@functools.lru_cache(maxsize=1 << 12)
def _script(character: str) -> str:
    # Names begin with the script: LATIN SMALL LETTER A, THAI CHARACTER KO KAI, CJK UNIFIED IDEOGRAPH-4E00.
    return unicodedata.name(character, "").partition(" ")[0]


def _rotated(items: Sequence, start: int) -> Iterator:
    for index in range(start, start + len(items)):
        yield items[index % len(items)]
