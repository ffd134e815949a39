import re
from dataclasses import dataclass, field
from typing import ClassVar, Literal, NamedTuple

from hf_augment.edits import Edit, EditTransform, share
from hf_augment.embedded.entities import Entities, Mention, entities, identities, mentions
from hf_augment.embedded.inflection import cased, takes_an
from hf_augment.fields import between
from hf_augment.streams import Stream
from hf_augment.transform import canonical
from hf_augment.words import Span, outside

_Key = tuple[str, str]  # a group, and the member of it as the tables write it
_DRAWS = 20  # enough to find one that is free, or to know that hardly one is


class _Found(NamedTuple):
    """Something to swap: where it stands, and what it is, the same wherever it stands again."""

    start: int
    end: int
    key: _Key
    mention: Mention | None = None


@dataclass(frozen=True, kw_only=True)
class EntitySwap(EditTransform):
    """
    Swap the names of people and places, and numbers, for others of their kind.

    The same name gets the same replacement wherever it stands in a text, its possessive ("Anna's") and a surname that
    stands alone included; a woman's name stays one, a city a city, and replacements are drawn evenly from eight regions
    of the world. A number keeps its digits, decimals, separators, zeros in front and behind; years shift together by up
    to nine; 0 and 1 stay, and so do dates, times, ratios ("10/10", "2 out of 10") and versions. A number can mean the label ("5
    stars"): leave `"number"` out of `kinds` where it does.

    Names are found by a table and their capitals, not by a model: a name that the tables lack stays, and a text without
    capitals has none. After the tests of CheckList (Ribeiro et al. 2020, huggingface.co/papers/2005.04118).

    Args:
        kinds (`list[str]`, *optional*, defaults to `["name", "place", "number"]`):
            What to swap.
        rate (`float`, *optional*, defaults to `1.0`):
            How many of the different names and numbers of a text are swapped, as a fraction from 0 to 1; at least one.
        tables (`dict[str, list[str]]`, *optional*):
            Words and phrases of your own, in any case, each swapped for another one of its list.

    Example:

    ```python
    >>> swap = EntitySwap(kinds=["name", "place"], tables={"drug": ["aspirin", "ibuprofen", "paracetamol"]})
    >>> train = train.map(Augment(swap, text="text", label="label"), batched=True)
    ```
    """

    name: ClassVar[str] = "entity_swap"

    kinds: tuple[Literal["name", "place", "number"], ...] = ("name", "place", "number")
    rate: float = 1.0
    tables: dict[str, tuple[str, ...]] = field(default_factory=dict)

    def check(self):
        between(self.rate, 0, 1, "entity_swap: rate")
        if not self.kinds and not self.tables:
            raise ValueError(
                "entity_swap: expected something to swap, got neither kinds nor tables. Write kinds=['name'], or "
                "tables={'drug': ['aspirin', 'ibuprofen']}."
            )
        for group, names in self.tables.items():
            if len({name.strip().lower() for name in names} - {""}) < 2 or not all(name.strip() for name in names):
                raise ValueError(
                    f"entity_swap: tables: {group!r} has to list two or more different names, got {list(names)}."
                )

    def references(self):
        return identities(self.kinds)

    def edits(self, row, stream):
        text, spans = row.text, self.words(row)
        known = entities(self.kinds, canonical(self.tables))
        found = _names(text, spans, known)
        if "number" in self.kinds:
            taken = [(name.start, name.end) for name in found]
            found = sorted([*found, *_numbers(text, outside(spans, taken))], key=lambda name: name.start)
        kept = self.protected(row)
        if kept:  # a protected space inside "New York"
            free = set(outside([(name.start, name.end) for name in found], kept))
            found = [name for name in found if name[:2] in free]
        keys = list(dict.fromkeys(name.key for name in found))
        if not keys:
            return []
        chosen = sorted(stream.sample(len(keys), share(self.rate, len(keys))))
        new = _replacements(keys, chosen, known, stream)
        edits = []
        for name in found:
            if name.key in new:
                edits += _swapped(text, spans, name, new[name.key])
        return edits


def _names(text: str, spans: list[Span], known: Entities) -> list[_Found]:
    return [_Found(*place[:2], (place.entry.group, place.entry.name), place) for place in mentions(text, spans, known)]


def _replacements(keys: list[_Key], chosen: list[int], known: Entities, stream: Stream) -> dict[_Key, str]:
    """Draw another name or number for each: no two the same, and none that the text holds if there are others."""
    new: dict[_Key, str] = {}
    years = (1 + stream.below(9)) * (1 if stream.below(2) else -1)
    for group, old in (keys[place] for place in chosen):
        if group == _YEAR:
            new[group, old] = str(int(old) + years)
            continue
        taken = {other for (same, _), other in new.items() if same == group} | {old}
        held = {other for same, other in keys if same == group}
        for avoided in [taken | held] * _DRAWS + [taken] * _DRAWS:
            drawn = _drawn(group, old, known, stream)
            if drawn not in avoided:
                new[group, old] = drawn
                break
    return new


def _drawn(group: str, old: str, known: Entities, stream: Stream) -> str:
    if group == _NUMBER:
        return _number(old, stream)
    if group in _NUMBER_WORDS:
        return stream.choice(_NUMBER_WORDS[group])
    return stream.choice(stream.choice(known.groups[group]))  # a region, and a name from it: none is drawn more often


def _swapped(text: str, spans: list[Span], found: _Found, new: str) -> list[Edit]:
    start, end = found.start, found.end
    old = text[start:end]
    if found.mention is None or found.mention.entry.own:
        new = new if old == found.key[1] else cased(new, old)
    elif old != " ".join(found.mention.entry.words):
        new = new.upper()
    edits = []
    article = _ARTICLE.search(text, max(0, start - 4), start)
    if article and article.span(1) in spans and _an(new) != _an(old):
        a = article[1][0]
        edits.append(Edit(*article.span(1), a if len(article[1]) == 2 else a + "n"))
    if _POSSESSIVE.match(text, end) and old[-1] in "sS" and new[-1] not in "sS":
        new, end = f"{new}{text[end]}{'S' if old.isupper() else 's'}", end + 1  # James' book, Anna's book
    edits.append(Edit(start, end, new))
    return edits


_ARTICLE = re.compile(r"\b(an?) \Z", re.IGNORECASE)
_POSSESSIVE = re.compile(r"['’](?= [a-z])")


# -- numbers -----------------------------------------------------------------------------------------------------------

_NUMBER, _YEAR = "number", "year"
_NUMBER_WORDS = {
    "two to twelve": ["two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve"],
    "teens": ["thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen"],
    "tens": ["twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"],
}
_WORD_GROUPS = {word: group for group, listed in _NUMBER_WORDS.items() for word in listed}
_WRITTEN = re.compile(r"\d+|\d{1,3}(?:,\d{3})+(?:\.\d+)?|\d{1,3}(?:\.\d{3})+(?:,\d+)?|\d+[.,]\d+", re.ASCII)
_OUT_OF = " out of "
_JOINT = frozenset("/-–.,:'’")  # between two digits: a date, a time, a ratio, a range, a version


def _numbers(text: str, spans: list[Span]) -> list[_Found]:
    """Find the numbers of a text that can be swapped; dates, times, ratios and versions are none."""
    found = []
    for start, end in spans:
        word = text[start:end]
        group = _WORD_GROUPS.get(word.lower())
        if group:
            found.append(_Found(start, end, (group, word.lower())))
        elif _WRITTEN.fullmatch(word) and not _joined(text, start, end) and not _is_fixed(word, text[end : end + 1]):
            found.append(_Found(start, end, (_YEAR if _is_year(word) else _NUMBER, word)))
    return found


def _joined(text: str, start: int, end: int) -> bool:
    if text.startswith(_OUT_OF, end) or text.endswith(_OUT_OF, 0, start):
        return True
    left, right = text[max(0, start - 2) : start], text[end : end + 2]
    return (len(left) == 2 and left[1] in _JOINT and left[0].isdigit()) or (
        len(right) == 2 and right[0] in _JOINT and right[1].isdigit()
    )


def _is_fixed(word: str, after: str) -> bool:
    """Whether a number is 0, 1, or all of something ("100%")."""
    digits = word.replace(",", "").replace(".", "").lstrip("0")
    return not digits or (digits == "1" and word.isdigit()) or (after == "%" and len(word) > 2 and word.isdigit())


def _is_year(word: str) -> bool:
    return len(word) == 4 and word.isdigit() and 1500 <= int(word) <= 2099


def _number(old: str, stream: Stream) -> str:
    """Draw another number that is written the same way; its first digit differs, so that it is never the old one."""
    whole = old.isdigit()
    end = len(old.rstrip("0")) if whole else len(old)  # 500 people are a round number of them
    new, first = [], True
    for place, digit in enumerate(old):
        if not digit.isdigit() or place >= end or (first and digit == "0"):
            new.append(digit)
        elif first:
            lowest = 2 if whole and len(old.lstrip("0")) == 1 else 1
            new.append(stream.choice([other for other in "123456789"[lowest - 1 :] if other != digit]))
            first = False
        else:
            new.append(str(stream.below(10)))
    return "".join(new)


def _an(word: str) -> bool:
    return word.startswith("8") or word in ("11", "18") if word[:1].isdigit() else takes_an(word)
