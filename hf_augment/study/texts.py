"""Texts as a report shows them: nothing unseen in them, cut where they are long, what was changed in them found."""

import difflib
from typing import Any, NamedTuple

import regex

LONGEST = 2000  # characters of a text that a report shows
ALIKE = 0.4  # below this share of equal words, marks would cover the text and tell nothing

_UNSPACED = r"[\p{Han}\p{Hiragana}\p{Katakana}\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}]"
_TOKEN = regex.compile(
    rf"(?V1)\s+|{_UNSPACED}\p{{M}}*|[\w\p{{M}}--{_UNSPACED}]+(?:['’-][\w\p{{M}}--{_UNSPACED}]+)*|\X"
)
# Controls, marks that turn the direction of all that follows, halves of characters, and what is no character at all.
_UNSEEN = regex.compile(
    r"\r\n|[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff\ufdd0-\ufdef]|[\ufffe\uffff]"
)


class Piece(NamedTuple):
    """A part of a text, and whether the other text lacks it."""

    text: str
    changed: bool


def visible(text: str) -> str:
    """
    Write out the characters of a text that nobody would see, or that would break the page that shows it.

    Args:
        text (`str`): Any text, with lone surrogates too. The result can always be written as UTF-8.
    """
    return text if text.isprintable() else _UNSEEN.sub(_written_out, text)


def _written_out(match: regex.Match) -> str:
    if match.group() == "\r\n":
        return "\n"
    code = ord(match.group())
    if code < 0x20 or code == 0x7F:
        return chr(0x2400 + code) if code < 0x20 else "\u2421"
    return f"⟨U+{code:04X}⟩"


def all_visible(value: Any) -> Any:
    """Return a JSON-shaped value with all its texts, keys included, made `visible`."""
    if isinstance(value, str):
        return visible(value)
    if isinstance(value, dict):
        return {all_visible(name): all_visible(inner) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [all_visible(inner) for inner in value]
    return value


def cut(text: str, longest: int = LONGEST) -> str:
    """Return the beginning of a long text, with how much is left out."""
    if len(text) <= longest:
        return text
    return f"{text[:longest]} … ({len(text) - longest:,} more characters)"


def differences(source: str, text: str) -> tuple[list[Piece], list[Piece]]:
    """
    Mark, word by word, what a text has that its source has not, and the other way round.

    Args:
        source (`str`): The text that it was made from.
        text (`str`): The text.

    Returns:
        `tuple[list[Piece], list[Piece]]`: The pieces of the source and those of the text, in order: joined, they are
            the two. Nothing is marked where the two have little in common: then the text was written anew.
    """
    if not source or not text:
        return _whole(source), _whole(text)
    old, new = _TOKEN.findall(source), _TOKEN.findall(text)
    if not related(source, text):
        return _whole(source), _whole(text)
    codes = difflib.SequenceMatcher(None, old, new, autojunk=False).get_opcodes()
    left: list[Piece] = []
    right: list[Piece] = []
    for place, (kind, a, b, c, d) in enumerate(codes):
        # White space between two changes belongs to them: one long mark reads better than many short ones.
        between = 0 < place < len(codes) - 1 and not "".join(old[a:b]).strip()
        changed = kind != "equal" or between
        _add(left, "".join(old[a:b]), changed)
        _add(right, "".join(new[c:d]), changed)
    return left, right


def related(source: str, text: str) -> bool:
    """Return whether two texts have so much in common that one can be read as a change of the other."""
    old, new = ([token for token in _TOKEN.findall(given) if not token.isspace()] for given in (source, text))
    return difflib.SequenceMatcher(None, old, new, autojunk=False).ratio() >= ALIKE


def _whole(text: str) -> list[Piece]:
    return [Piece(text, False)] if text else []


def _add(pieces: list[Piece], text: str, changed: bool) -> None:
    """Add a piece, the white space at the edges of a changed one as unchanged: a mark ends where its words end."""
    inner = text.strip()
    if changed and inner and inner != text:
        start = text.index(inner)
        parts = [(text[:start], False), (inner, True), (text[start + len(inner) :], False)]
    else:
        parts = [(text, changed)]
    for part, marked in parts:
        if part and pieces and pieces[-1].changed == marked:
            pieces.append(Piece(pieces.pop().text + part, marked))
        elif part:
            pieces.append(Piece(part, marked))
