"""What two texts of a row agree on: numbers, placeholders and names, which a rewritten text must not leave behind."""

import functools
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable

from hf_augment.words import Span, words

# Addresses, and what programs fill in: {name}, {{name}}, %s, %(name)d, ${NAME}, <b>, __NAME__, [NAME]. An address does
# not end with the mark of its sentence, and can only begin where its run of characters begins, or a long word without
# an @ would take for ever.
_PLACEHOLDER = (
    r"https?://\S*[^\s.,;:!?'\"()\[\]”’»]|(?<![\w.+-])[\w.+-]++@[\w-]+(?:\.[\w-]+)+|\{\{[^{}]+\}\}|\{[\w.:!]*\}|%\(\w+\)[sdif]"
    r"|%[sdif]\b|\$\{\w+\}|\$[A-Za-z_]\w*|</?[A-Za-z][^<>]*>|__\w+?__|\[[A-Z][A-Z0-9_]*\]"
)
_NUMBER = r"\d+(?:[.,:/\u00a0\u202f]\d+)*"
_MARK = re.compile(f"(?P<placeholder>{_PLACEHOLDER})|(?P<number>{_NUMBER})")
_PART = re.compile(r"[^-‐]+")
_THOUSANDS = re.compile(r"[.,\u00a0\u202f](?=\d{3}(?!\d))")
_SENTENCE_END = ".!?:;\n\"'“”„‘«»(["
MOST_RATIO = 3.0  # how many times as long one side of a pair may be as the other


def marks(text: str) -> dict[Span, str]:
    """
    Find numbers and placeholders: where each stands, and what it says in any language (`1,000.5` as `1.000,5`).

    Example:

    ```python
    >>> marks("Send {name} 1,000.5 euros")
    {(5, 11): '{name}', (12, 19): '1000.5'}
    ```
    """
    return {
        found.span(): _number(found[0]) if found.lastgroup == "number" else found[0] for found in _MARK.finditer(text)
    }


def _number(written: str) -> str:
    if not written.isascii():
        written = "".join(str(unicodedata.decimal(c)) if c.isdecimal() else c for c in written)
    return re.sub(r"\D", ".", _THOUSANDS.sub("", written))


def names(text: str) -> dict[Span, str]:
    """
    Find capitalised words that do not begin a sentence, where English writes names so; case is then forgotten.

    Of what hyphens join, each part is a word: San Diego-Los Angeles speaks of Diego.
    """
    found = {}
    for start, end in _parts(text):
        word = text[start:end]
        if end - start < 2 or not word[0].isupper() or word[:2] in ("I'", "I’"):
            continue
        before = start - 1
        while before >= 0 and text[before] == " ":
            before -= 1
        if (before >= 0 and text[before] not in _SENTENCE_END) or word[1:2].isupper():
            found[start, end] = _bare(word)
    return found


def _parts(text: str) -> list[Span]:
    spans = words(text)
    if "-" not in text and "‐" not in text:
        return spans
    return [part.span() for start, end in spans for part in _PART.finditer(text, start, end)]


def _bare(word: str) -> str:
    """Forget the case of a word, and that something is somebody's."""
    return word.casefold().removesuffix("'s").removesuffix("’s")


@functools.lru_cache(maxsize=8)  # the copies of a row are checked one after the other
def told(text: str) -> dict[Span, str]:
    """Find what another text can be held to: numbers, placeholders and names."""
    return marks(text) | names(text)


@functools.lru_cache(maxsize=8)
def said(text: str) -> frozenset[str]:
    """Return all that a text says of what `told` finds: its numbers, placeholders, and every word, whatever its case."""
    return frozenset(_bare(text[slice(*span)]) for span in _parts(text)) | frozenset(marks(text).values())


def unsupported(text: str, sources: Iterable[str]) -> set[str]:
    """Return the numbers, placeholders and names of a text that none of its sources holds."""
    found = set(told(text).values())
    for source in sources:
        if not found:
            break
        found -= said(source)
    return found


def gone(old: str, new: str, others: Iterable[str]) -> set[str]:
    """Return what a text has in common with one of the others (numbers, placeholders, names), and lost when rewritten."""
    there, here = set(told(old).values()), said(old)
    common = {what for other in others for what in (there & said(other)) | (set(told(other).values()) & here)}
    return common - said(new) if common else common


def disagreement(one: str, other: str) -> Counter[str]:
    """Count the numbers and placeholders that stand on one side of a pair alone, with the side."""
    left, right = Counter(marks(one).values()), Counter(marks(other).values())
    return Counter({f"<{mark}": n for mark, n in (left - right).items()}) + Counter(
        {f">{mark}": n for mark, n in (right - left).items()}
    )


def shared(text: str, others: Iterable[str]) -> tuple[Span, ...]:
    """
    Find the spans of a text that no edit may touch, because one of the others holds them too.

    Numbers, placeholders and names are, and words that both begin with a capital: the name that begins a sentence.
    """
    there = told(text)
    capitals = {(start, end) for start, end in _parts(text) if end - start > 1 and text[start].isupper()}
    found: set[Span] = set()
    for other in others:
        held, written = said(other), {_bare(other[s:e]) for s, e in _parts(other) if other[s].isupper()}
        found |= {span for span, what in there.items() if what in held}
        found |= {span for span in capitals if _bare(text[slice(*span)]) in written}
    return tuple(sorted(found))


def lopsided(one: str, other: str) -> float:
    """Return how many times as long the longer side of a pair is; short texts are allowed ten characters more."""
    sizes = sorted((len(one) + 10, len(other) + 10))
    return sizes[1] / sizes[0]
