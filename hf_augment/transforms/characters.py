"""What the transforms that edit characters share: the pieces of a text they take, and edits that leave clusters whole."""

import re
from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby, pairwise
from typing import ClassVar

import regex

from hf_augment.edits import Edit, EditTransform, share
from hf_augment.embedded.char_tables import Confusions
from hf_augment.fields import between
from hf_augment.streams import Stream
from hf_augment.transform import NO_CHANGE, Row
from hf_augment.words import Span, graphemes, outside, runs, words

PIECE = 4  # grapheme clusters that stand for a word where no spaces are written
_CONTEXT = 8  # characters to each side that can decide where a cluster ends

_clusters = regex.compile(r"\X").findall
_WITHOUT_DIGITS = re.compile(r"_*[^\W\d_]\D*")
# Foreign words, names and numbers inside a run without spaces.
_SPACED = regex.compile(r"[\p{Latin}\p{Greek}\p{Cyrillic}\p{Nd}_]")


@dataclass(frozen=True, kw_only=True)
class CharacterTransform(EditTransform):
    """
    A transform that edits characters inside words of any script; subclasses write `piece_edits`.

    Args:
        rate (`float`, *optional*, defaults to `0.1`):
            Number of words to edit, as a fraction of the words that can be edited. At least one is edited.
    """

    shortest: ClassVar[int] = 2  # grapheme clusters

    rate: float = 0.1

    def check(self):
        between(self.rate, 0, 1, f"{self.name}: rate")

    @abstractmethod
    def piece_edits(self, text: str, span: Span, stream: Stream) -> list[Edit]:
        """Return the edits inside one word; none where nothing fits."""

    def eligible(self, text: str, spans: list[Span]) -> list[Span]:
        """Keep the words that can be edited."""
        return spans

    def edits(self, row, stream):
        text = row.text
        spans = self.eligible(text, outside(pieces(text, self.shortest), self.protected(row)))
        if not spans:
            return []
        edits = []
        for index in stream.sample(len(spans), share(self.rate, len(spans))):
            edits += self.piece_edits(text, spans[index], stream)
        if edits:
            return edits
        different = {text[slice(*span)]: span for span in spans}.values()
        return next(filter(None, (self.piece_edits(text, span, stream) for span in different)), [])

    def _why_not(self, row: Row) -> str:
        return NO_CHANGE


@dataclass(frozen=True, kw_only=True)
class ConfusionTransform(CharacterTransform):
    """
    A transform that puts what a table lists in the place of characters; subclasses write `confusions`.

    Args:
        characters (`int`, *optional*, defaults to `1`): Replacements in each edited word, if it has room for them.
    """

    characters: int = 1

    def check(self):
        super().check()
        between(self.characters, 1, 100, f"{self.name}: characters")

    @abstractmethod
    def confusions(self) -> Confusions:
        """Return the table, loaded once."""

    def eligible(self, text, spans):
        search = self.confusions().pattern.search
        return [span for span in spans if search(text, *span)]

    def piece_edits(self, text, span, stream):
        choices, _, widths = self.confusions()
        at = borders(text, *span)
        places = [
            (at[i], at[i + width])
            for i in range(len(at) - 1)
            for width in widths
            if i + width < len(at) and text[at[i] : at[i + width]] in choices
        ]
        edits: list[Edit] = []
        for index in stream.sample(len(places), len(places)):
            start, end = places[index]
            if any(start < edit.end and edit.start < end for edit in edits):
                continue
            new = stream.choice(choices[text[start:end]])
            if keeps_clusters(text, start, end, list(new)):
                edits.append(Edit(start, end, new))
                if len(edits) == self.characters:
                    break
        return edits


def pieces(text: str, shortest: int) -> list[Span]:
    """
    Find what counts as a word: words, and pieces of the runs that are written without spaces.

    Args:
        text (`str`): The text.
        shortest (`int`): The grapheme clusters that a word needs to be found.
    """
    spans = runs(text)
    if text.isascii():
        return [span for span in spans if span[1] - span[0] >= shortest]
    spaced = set(words(text))
    cut = [piece for span in spans for piece in ([span] if span in spaced else _cut(text, *span))]
    return [span for span in cut if span[1] - span[0] >= shortest and len(borders(text, *span)) > shortest]


def _cut(text: str, start: int, end: int) -> list[Span]:
    found: list[Span] = []
    for spaced, group in groupby(graphemes(text, start, end), lambda cluster: bool(_SPACED.match(text, cluster[0]))):
        clusters = list(group)
        count = 1 if spaced else max(1, round(len(clusters) / PIECE))
        edges = [len(clusters) * part // count for part in range(count + 1)]
        found += [(clusters[first][0], clusters[last - 1][1]) for first, last in pairwise(edges)]
    return found


def without_digits(text: str, spans: list[Span]) -> list[Span]:
    """Keep the words of letters: a reader repairs a misspelt word, but not a number."""
    return [span for span in spans if _WITHOUT_DIGITS.fullmatch(text, *span)]


def borders(text: str, start: int, end: int) -> Sequence[int]:
    """Return where the grapheme clusters of `text[start:end]` begin, and its end."""
    if text.isascii() or text[start:end].isascii():
        return range(start, end + 1)
    return [start, *(stop for _, stop in graphemes(text, start, end))]


def keeps_clusters(text: str, start: int, end: int, new: list[str]) -> bool:
    """Say whether `new` in the place of `text[start:end]` stands as these clusters, and joins or splits none beside it."""
    joined = "".join(new)
    if text.isascii() and (joined.isascii() or joined.isalpha()):
        return True  # only the tables put other characters than ASCII into ASCII, and those are plain letters
    before, after = text[max(0, start - _CONTEXT) : start], text[end : end + _CONTEXT]
    return _clusters(before + joined + after) == [*_clusters(before), *new, *_clusters(after)]
