"""Transforms that edit spans of a text: what they do not edit stays byte for byte."""

import functools
from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, NamedTuple

import regex

from hf_augment.streams import Stream
from hf_augment.transform import NO_CHANGE, NOTHING, Declined, Row, Transform, Written
from hf_augment.words import Span, outside, phrase_pattern, protected, runs, words

NO_WORDS = "no words between spaces"


class Edit(NamedTuple):
    """Put `new` in the place of `text[start:end]`; `start == end` inserts."""

    start: int
    end: int
    new: str


@dataclass(frozen=True, kw_only=True)
class Editing(Transform):
    """
    What all transforms that edit spans share: what they may not touch, and how edits become a text.

    Args:
        protect (`list[str]`, *optional*, defaults to `[]`): Regular expressions; what they match is never touched.
        reserved (`list[str]`, *optional*, defaults to `[]`): Words and phrases that are never touched, in any case.
    """

    tells_edits: ClassVar[bool] = True

    protect: tuple[str, ...] = ()
    reserved: tuple[str, ...] = ()

    def __post_init__(self):
        super().__post_init__()
        _patterns(self.name, self.protect, self.reserved)

    def written(self, row: Row, edits: list[Edit]) -> Written | Declined:
        """Make the edits, in any order, none overlapping another or a protected span, or say why there is no text."""
        if not edits:
            return Declined(self._why_not(row))
        edits.sort()
        if self.protect or self.reserved or row.fixed:
            self._assert_untouched(row, edits)
        text = splice(row.text, edits)
        if text == row.text:
            return Declined(NO_CHANGE)
        return Written(text, self.name, NOTHING, {"edits": [edits]})

    def _why_not(self, row: Row) -> str:
        return NO_CHANGE if words(row.text) or not runs(row.text) else NO_WORDS

    def _assert_untouched(self, row: Row, edits: list[Edit]) -> None:
        taken, place, reach = self.protected(row), 0, 0  # both in order, so one pass over them will do
        for edit in edits:
            while place < len(taken) and taken[place][0] < edit.end:
                reach = max(reach, taken[place][1])
                place += 1
            if edit.start < reach:
                raise AssertionError(
                    f"{self.name} edits the protected {row.text[max(0, edit.start - 20) : reach]!r} with {edit}."
                )

    def protected(self, row: Row) -> list[Span]:
        """Find the spans of the row's text that no edit may touch."""
        if not self.protect and not self.reserved:
            return list(row.fixed)
        found = protected(row.text, _patterns(self.name, self.protect, self.reserved))
        return sorted([*found, *row.fixed]) if row.fixed else found

    def words(self, row: Row) -> list[Span]:
        """Find the words of the row's text that may be edited."""
        return outside(words(row.text), self.protected(row))

    def runs(self, row: Row) -> list[Span]:
        """Find the words, and the runs of scripts without spaces, that may be edited."""
        return outside(runs(row.text), self.protected(row))


@dataclass(frozen=True, kw_only=True)
class EditTransform(Editing):
    """
    A transform that edits spans of the text, row by row; subclasses write `edits`.

    Args:
        protect (`list[str]`, *optional*, defaults to `[]`): Regular expressions; what they match is never touched.
        reserved (`list[str]`, *optional*, defaults to `[]`): Words and phrases that are never touched, in any case.
    """

    @abstractmethod
    def edits(self, row: Row, stream: Stream) -> list[Edit]:
        """Return the edits for one row, in any order, none overlapping another or a protected span; none to decline."""

    def apply(self, rows, streams):
        return [self.written(row, self.edits(row, stream)) for row, stream in zip(rows, streams, strict=True)]


@functools.lru_cache(maxsize=256)
def _patterns(name: str, protect: tuple[str, ...], reserved: tuple[str, ...]) -> tuple[regex.Pattern, ...]:
    patterns = []
    for pattern in protect:
        try:
            patterns.append(regex.compile(pattern))
        except regex.error as error:
            raise ValueError(f"{name}: protect: {pattern!r} is no regular expression: {error}.") from error
    if reserved:
        patterns.append(phrase_pattern(reserved))
    return tuple(patterns)


def splice(text: str, edits: Sequence[Edit]) -> str:
    """
    Make the edits in a text.

    Args:
        text (`str`): The text that the edits count characters of.
        edits (`Sequence[Edit]`): In order of their start.

    Raises:
        `AssertionError`: Two edits overlap, or one lies outside the text.
    """
    pieces, position = [], 0
    for start, end, new in edits:
        if not position <= start <= end <= len(text):
            raise AssertionError(f"Edit({start}, {end}, {new!r}) overlaps the one before or leaves the text.")
        pieces.append(text[position:start])
        pieces.append(new)
        position = end
    pieces.append(text[position:])
    return "".join(pieces)


def share(rate: float, n: int) -> int:
    """Return how many of `n` things a `rate` stands for: at least one, at most all."""
    return min(n, max(1, int(rate * n)))
