"""Where the sentences of a text are, so that long texts can be rewritten piece by piece."""

import re

from hf_augment.words import Span

# What ends a sentence where a space or the end of the text follows, and what ends one in any case.
_SPACED, _ANYWHERE = ".!?…؟۔։", "。！？｡।॥။។።"
_CLOSERS = "\"'”’»)\\]}」』）】》"
# Two lines with nothing between them and a line break in HTML separate sentences without belonging to either.
_END = re.compile(
    rf"(?P<gap>\n[^\S\n]*\n|</?(?:br|p) {{0,3}}/?>)|[{_SPACED}{_ANYWHERE}]+(?:[{_CLOSERS}]+| '')?", re.IGNORECASE
)
_AFTER = re.compile(r"\s+|$|(?=</?(?:br|p) {0,3}/?>)", re.IGNORECASE)
_WORD = re.compile(r"\w")
_LAST = re.compile(r"(?<![\w.])(?:\w+\.)*\w+\Z")
_INITIALS = re.compile(r"(?:[^\W\d_]\.)*[^\W\d_]")
_NUMBER = re.compile(r"\W{0,3}(?:\d{1,3}|[a-zA-Z])\.")
_REACH = 12  # characters before a full stop in which an abbreviation must fit

# Some stand before a name, some before a number, and others end a sentence only where a capital follows.
_NEVER = re.compile(
    r"mrs?|m[sx]|messrs|mme|mlle|dr|prof|rev|hon|rep|gov|gen|capt|lt|sgt|st|fr|hr|vs|cf|viz|eds|bzw|evtl|ggf|inkl|sog|"
    r"vgl|bspw",
    re.IGNORECASE,
)
_BEFORE_NUMBERS = re.compile(r"nos?|nr|figs?|eq|ch|sec|vol|pp|approx|ca", re.IGNORECASE)
_SELDOM = re.compile(
    r"etc|usw|inc|ltd|co|corp|jr|sr|bros|dept|est|ave|blvd|hrs|ph\.d|m\.d|jan|feb|mar|apr|jun|jul|aug|sept?|oct|nov|dec",
    re.IGNORECASE,
)


def sentences(text: str) -> list[Span]:
    """
    Find the sentences of a text: (start, end) in characters, in order, in time that grows with the length alone.

    A sentence ends at `. ! ? …` before a space, unless an abbreviation, an initial or the number of an item ends there,
    at `。！？` and their like in any case, at an empty line, and at `<br />` or `<p>`. Punctuation without a word belongs
    to the sentence before it. Whatever lies outside the spans is white space or such a tag. A text without any of
    these, as in Thai, is one sentence.

    Args:
        text (`str`): In any script.
    """
    found: list[Span] = []
    start = looked = 0  # where the sentence begins; up to where it was searched for a word
    has_word, follows = False, False  # `follows`: no gap between the last sentence and this one
    for match in _END.finditer(text):
        end = match.end()
        if match["gap"] is not None:
            _add(found, text, start, match.start(), follows and not has_word and not _WORD.search(text, looked, end))
            start = looked = end
            has_word = follows = False
            continue
        has_word = has_word or _WORD.search(text, looked, end) is not None
        looked = end
        if not has_word and not follows:
            continue
        if not has_word or _ends(text, start, match):
            _add(found, text, start, end, not has_word)
            start, has_word, follows = end, False, True
    _add(found, text, start, len(text), follows and not has_word and not _WORD.search(text, looked))
    return found


def _add(found: list[Span], text: str, start: int, end: int, to_the_last: bool) -> None:
    piece = text[start:end]
    start, end = start + len(piece) - len(piece.lstrip()), start + len(piece.rstrip())
    if start < end:
        if to_the_last and found:
            start, _ = found.pop()
        found.append((start, end))


def _ends(text: str, start: int, match: re.Match) -> bool:
    mark, end = match[0], match.end()
    if any(character in _ANYWHERE for character in mark):
        return True
    after = _AFTER.match(text, end)
    if after is None:
        return False
    following = text[after.end() : after.end() + 1]
    if mark[0] == "…" or mark.startswith(".."):
        return not following.islower()
    if mark[-1] in "\"'”’»" and following.islower():  # "What?" he said
        return False
    return mark[0] != "." or not _abbreviates(text, start, match.start(), following)


def _abbreviates(text: str, start: int, stop: int, following: str) -> bool:
    if not following:
        return False
    last = _LAST.search(text[max(start, stop - _REACH) : stop])
    if last is None:
        return False
    word = last[0]
    if _NUMBER.fullmatch(text, start, stop + 1) or _NEVER.fullmatch(word):
        return True
    if _BEFORE_NUMBERS.fullmatch(word):
        return following.isdecimal()
    if _SELDOM.fullmatch(word):
        return not following.isupper()
    return word not in ("I", "i") and _INITIALS.fullmatch(word) is not None
