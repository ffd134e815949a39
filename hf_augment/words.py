"""Where the words and the characters of a text are, so that edits touch nothing else."""

import re
import unicodedata
from collections.abc import Iterable

import regex

VERSION = 1  # raised when the same text is cut into other words; part of every Augment's hash

Span = tuple[int, int]

# Web and mail addresses, HTML tags, entities, @names and #tags come first and are not captured: no transform edits
# them. A mail address can only begin where its run of characters begins, or a line of dashes would take for ever.
_SKIPPED = r"(?i:https?://|www\.)\S+|<[!/]?[A-Za-z][^<>]*>|(?<![\w.+-])[\w.+-]++@[\w-]+\.[\w.-]+|[@#]\w+|&#?\w+;|"
_MARKS = re.compile(r"[@#<&]|://|[wW]{3}\.")  # without one of these, nothing is skipped, and half the time is saved
_ASCII_WORD = r"(\d+(?:[.,:]\d+)+|\w+(?:['-]\w+)*)"
# The standard `re` ends a Hindi word at each vowel sign; `regex` counts marks as parts of words, as Unicode does.
_ANY_WORD = r"(\d+(?:[.,:]\d+)+|[\p{L}\p{N}_][\w\u200c\u200d]*(?:['’‐-][\p{L}\p{N}_][\w\u200c\u200d]*)*)"
_ASCII, _ASCII_PLAIN = re.compile(_SKIPPED + _ASCII_WORD), re.compile(_ASCII_WORD)
_ANY, _ANY_PLAIN = regex.compile(_SKIPPED + _ANY_WORD), regex.compile(_ANY_WORD)
_SAID = regex.compile(r"\w+|\p{So}")  # words, and signs such as emoji, which can turn a sentence round
_GRAPHEME = regex.compile(r"\X")
# Scripts that put no space between words: what stands between two spaces is a sentence there.
_UNSPACED = regex.compile(
    r"[\p{Han}\p{Hiragana}\p{Katakana}\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}\p{Tibetan}\p{Javanese}\p{Balinese}]"
)


def words(text: str) -> list[Span]:
    """
    Find the words of a text: (start, end) in characters, in order.

    Inner apostrophes and hyphens belong to a word, as do combining marks and joiners. Addresses, tags and names
    with @ or # are no words; neither are runs of scripts that are written without spaces (Chinese, Thai, ...).
    """
    spans = runs(text)
    if not text.isascii() and _UNSPACED.search(text):
        return [span for span in spans if not _UNSPACED.search(text, *span)]
    return spans


def runs(text: str) -> list[Span]:
    """Find the runs of letters and digits of a text in any script: `words`, and what stands where spaces are not used."""
    plain, full = (_ASCII_PLAIN, _ASCII) if text.isascii() else (_ANY_PLAIN, _ANY)
    if _MARKS.search(text) is None:
        return [match.span() for match in plain.finditer(text)]
    return [match.span(1) for match in full.finditer(text) if match.lastindex]


def graphemes(text: str, start: int, end: int) -> list[Span]:
    """Cut `text[start:end]` into what a reader takes for single characters (UAX 29 grapheme clusters)."""
    if text.isascii() and "\r" not in text:  # a carriage return and its line feed are one cluster
        return [(i, i + 1) for i in range(start, end)]
    return [match.span() for match in _GRAPHEME.finditer(text, start, end)]


def same_words(text: str) -> str:
    """Return what a text says: equal for texts that differ in case, punctuation or white space alone."""
    return " ".join(_SAID.findall(unicodedata.normalize("NFKC", text).casefold())) or text.strip()


def protected(text: str, patterns: Iterable[regex.Pattern]) -> list[Span]:
    """Find the spans that one of the compiled `patterns` matches, in order; empty matches are left out."""
    return sorted(
        match.span() for pattern in patterns for match in pattern.finditer(text, overlapped=True) if match[0]
    )


def outside(spans: list[Span], taken: list[Span]) -> list[Span]:
    """
    Keep the spans that share no character with a `taken` one.

    Args:
        spans (`list[tuple[int, int]]`): In order, none overlapping another.
        taken (`list[tuple[int, int]]`): In order of their start; they may overlap.
    """
    if not taken:
        return spans
    kept, place, reach = [], 0, -1  # `reach`: where the taken spans that start before a span's end have ended
    for start, end in spans:
        while place < len(taken) and taken[place][0] < end:
            reach = max(reach, taken[place][1])
            place += 1
        if reach <= start:
            kept.append((start, end))
    return kept


def phrase_pattern(phrases: Iterable[str]) -> regex.Pattern:
    """Compile a pattern that finds whole words and phrases, in any case; in scripts without spaces, anywhere."""
    longest_first = sorted(phrases, key=lambda phrase: (-len(phrase), phrase))
    return regex.compile("|".join(_whole(phrase) for phrase in longest_first), regex.IGNORECASE | regex.FULLCASE)


def _whole(phrase: str) -> str:
    # No letter may stand next to it, but one of a script without spaces says nothing about where a word ends.
    letter = rf"(?!{_UNSPACED.pattern})\w"
    before = "" if not phrase or _UNSPACED.match(phrase[0]) else f"(?<!{letter})"
    after = "" if not phrase or _UNSPACED.match(phrase[-1]) else f"(?!{letter})"
    return before + r"\s+".join(map(regex.escape, phrase.split())) + after
