"""What two texts of a row agree on: numbers, placeholders and names, which a rewritten text must not leave behind."""

import re
from collections import Counter
from collections.abc import Iterable

from hf_augment.words import Span, words

# Addresses, and what programs fill in: {name}, {{name}}, %s, %(name)d, ${NAME}, <b>, __NAME__, [NAME].
_PLACEHOLDER = (
    r"https?://\S+|[\w.+-]+@[\w-]+(?:\.[\w-]+)+|\{\{[^{}]+\}\}|\{[\w.:!]*\}|%\(\w+\)[sdif]|%[sdif]\b|\$\{\w+\}|\$[A-Za-z_]\w*"
    r"|</?[A-Za-z][^<>]*>|__\w+?__|\[[A-Z][A-Z0-9_]*\]"
)
_NUMBER = r"\d+(?:[.,:/\u00a0\u202f]\d+)*"
_MARK = re.compile(f"(?P<placeholder>{_PLACEHOLDER})|(?P<number>{_NUMBER})")
_SENTENCE_END = '.!?:;\n"“”„»«(['
MOST_RATIO = 3.0  # how many times as long one side of a pair may be as the other


def marks(text: str) -> dict[Span, str]:
    """
    Find numbers and placeholders: where each stands, and what it says in any language (`1,000.5` as `1.000,5`).

    Example:

    ```python
    >>> marks("Send {name} 1,000 euros")
    {(5, 11): '{name}', (12, 17): '1000'}
    ```
    """
    return {
        found.span(): re.sub(r"\D", "", found[0]) if found.lastgroup == "number" else found[0]
        for found in _MARK.finditer(text)
    }


def names(text: str) -> dict[Span, str]:
    """Find capitalised words that do not begin a sentence, where English writes names so; case is then forgotten."""
    found = {}
    for start, end in words(text):
        word = text[start:end]
        if end - start < 2 or not word[0].isupper() or word[:2] in ("I'", "I’"):
            continue
        before = text[:start].rstrip(" ")
        if (before and before[-1] not in _SENTENCE_END) or word[1:2].isupper():
            found[start, end] = word.casefold()
    return found


def told(text: str) -> dict[Span, str]:
    """Find what another text can be held to: numbers, placeholders and names."""
    return marks(text) | names(text)


def said(text: str) -> set[str]:
    """Return all that a text says of what `told` finds: its numbers, placeholders, and every word, whatever its case."""
    return {text[slice(*span)].casefold() for span in words(text)} | set(marks(text).values())


def unsupported(text: str, sources: Iterable[str]) -> set[str]:
    """Return the numbers, placeholders and names of a text that none of its sources holds."""
    found = set(told(text).values())
    for source in sources if found else ():
        found -= said(source)
    return found


def disagreement(one: str, other: str) -> Counter[str]:
    """Count the numbers and placeholders that stand on one side of a pair alone, with the side."""
    left, right = Counter(marks(one).values()), Counter(marks(other).values())
    return Counter({f"<{mark}": n for mark, n in (left - right).items()}) + Counter(
        {f">{mark}": n for mark, n in (right - left).items()}
    )


def shared(text: str, others: Iterable[str]) -> tuple[Span, ...]:
    """Find the spans of numbers, placeholders and names of a text that one of the others holds too."""
    found = told(text)
    held = set().union(*(said(other) for other in others)) if found else set()
    return tuple(sorted(span for span, what in found.items() if what in held))


def lopsided(one: str, other: str) -> float:
    """Return how many times as long the longer side of a pair is; short texts are allowed ten characters more."""
    sizes = sorted((len(one) + 10, len(other) + 10))
    return sizes[1] / sizes[0]
