"""Rows on their way to texts with other words: which words may be replaced, by what, and what is drawn."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from hf_augment.edits import Edit
from hf_augment.embedded.inflection import cased
from hf_augment.streams import Stream
from hf_augment.transform import Declined, Row
from hf_augment.transforms.synonym import article_edits
from hf_augment.words import Span

_NEAR = 2_048  # characters on each side of a word: more than an encoder reads, and a book is not copied for each word
_TRIED = 4  # places at most that are tried for each word that is wanted


@dataclass(eq=False)
class Option:
    """
    A word that may be replaced.

    Args:
        row (`Row`): The row that it stands in.
        span (`tuple[int, int]`): Where.
        index (`int`): The number of the word in its row.
        choices (`list[str]`): What may stand there.
        vector (`Any`, *optional*): What an encoder has for the old word, once it was asked.
    """

    row: Row
    span: Span
    index: int
    choices: list[str]
    vector: Any = None

    def put(self, new: str) -> tuple[str, int, int]:
        """Return the text near a new word, as it will be cased there, and where the new word starts and ends."""
        start, end = self.span
        text = self.row.text
        new, low = cased(new, text[start:end]), max(0, start - _NEAR)
        return text[low:start] + new + text[end : end + _NEAR], start - low, start - low + len(new)


@dataclass(eq=False)
class Draft:
    """
    A row on its way to a new text.

    Args:
        row (`Row`): The row.
        spans (`list[tuple[int, int]]`): Its words that may be edited.
        stream (`Stream`): Its stream.
    """

    row: Row
    spans: list[Span]
    stream: Stream
    waiting: list[Option] = field(default_factory=list)
    open: list[Option] = field(default_factory=list)
    taken: dict[int, str] = field(default_factory=dict)
    refused: str = ""

    def ordinary_words(self) -> Iterator[tuple[int, str]]:
        """Find the words that are no names, and no ends of contractions, in lower case."""
        text, is_name, last = self.row.text, False, ""
        for index, (start, end) in enumerate(self.spans):
            word = text[start:end]
            low = word.lower()
            # A capital inside a sentence marks a name, and so do the capitals after it; a headline is no name.
            capital = self._follows(index) and low != word and not word.isupper()
            is_name = capital and (is_name or last.islower())
            last = word
            ending = end - start < 3 and text[start - 1 : start] in ("'", "’")  # "I 've"
            if not is_name and not ending and (low == word or word.isupper() or word[1:].islower()):
                yield index, low

    def neighbours(self, index: int) -> tuple[str, str]:
        """Read the words before and after in lower case, empty beyond a comma or full stop."""
        near = (index - 1 if self._follows(index) else None, index + 1 if self._follows(index + 1) else None)
        before, after = ("" if i is None else self.row.text[slice(*self.spans[i])].lower() for i in near)
        return before, after

    def _follows(self, index: int) -> bool:
        return 0 < index < len(self.spans) and self.row.text[self.spans[index - 1][1] : self.spans[index][0]] == " "

    def begin(self, places: list[tuple[int, list[str]]], wanted: int) -> None:
        """
        Draw the words to replace and the order in which the choices are tried.

        Args:
            places (`list[tuple[int, list[str]]]`): The words that may be replaced, each with its choices.
            wanted (`int`): How many to replace.
        """
        wanted = min(wanted, len(places))
        for place in self.stream.sample(len(places), min(wanted * _TRIED, len(places))):
            index, choices = places[place]
            # Each choice has a number of its own, so that one more or less leaves the others theirs; the first in
            # this order that passes is then drawn from all that would, with few of them tried.
            number = lambda new, start=self.spans[index][0]: (self.stream.child(f"{start} {new}").bits(), new)  # noqa: E731
            self.waiting.append(Option(self.row, self.spans[index], index, sorted(choices, key=number)))
        self.open, self.waiting = self.waiting[:wanted], self.waiting[wanted:]

    def close(self, option: Option, passed: list[str], tried: int, reason: str) -> None:
        """
        Take the first of the choices that passed, or go on to further ones, and from there to other words.

        Args:
            option (`Option`): One of the `open` ones.
            passed (`list[str]`): What passed.
            tried (`int`): How many of its choices that was drawn from.
            reason (`str`): Why others did not.
        """
        option.choices = option.choices[tried:]
        if passed:
            self.taken[option.index] = passed[0]
        else:
            self.refused = reason
        if passed or not option.choices:
            self.open.remove(option)
            if not passed and self.waiting:
                self.open.append(self.waiting.pop(0))

    def finish(self) -> list[Edit] | Declined:
        """Make the edits of the words taken."""
        if not self.taken and self.refused:
            return Declined(self.refused)
        text, edits = self.row.text, []
        for index, new in self.taken.items():
            start, end = self.spans[index]
            edits.append(Edit(start, end, cased(new, text[start:end])))
            if index - 1 not in self.taken:
                edits += article_edits(text, self.spans, index, new)
        return edits
