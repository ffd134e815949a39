"""The word lists that ship with the package, each read once."""

import functools
import gzip
from collections import defaultdict
from pathlib import Path

from hf_augment.engine.digests import file_identity

FOLDER = Path(__file__).parent / "words"
TABLES = {
    "contractions": "contractions.tsv",
    "homoglyphs": "homoglyphs.tsv",
    "irregular": "irregular.tsv",
    "kept_words": "kept_words.txt",
    "keyboards": "keyboards.json",
    "misspellings": "misspellings.tsv",
    "noise_words": "noise_words.txt",
    "ocr": "ocr.tsv",
    "stop_words": "stop_words.txt",
    "synonyms": "synonyms.tsv.gz",
}

Synonyms = dict[str, tuple[tuple[str, str], ...]]  # lower-case word → (synonym, part of speech), the best first


def table(name: str) -> Path:
    """Return the file of one of the `TABLES`."""
    return FOLDER / TABLES[name]


def identities(*names: str) -> dict[str, str]:
    """Return the SHA-256 of tables by name, as `Transform.references` wants them: an edited one changes what uses it."""
    return {name: file_identity(table(name)) for name in names}


@functools.cache
def stop_words() -> frozenset[str]:
    """Read the words that carry grammar rather than content."""
    return frozenset(_lines("stop_words"))


@functools.cache
def kept_words() -> frozenset[str]:
    """Read the words that stay: mostly something else than they look ("the acting"), or fixed in phrases ("of course")."""
    return frozenset(_lines("kept_words"))


@functools.cache
def synonyms() -> Synonyms:
    """Read the synonyms of a lower-case base form."""
    text = gzip.decompress(table("synonyms").read_bytes()).decode("utf-8")
    return {word: tuple(zip(others.split(), poses, strict=True)) for word, others, poses in _cells(text.splitlines())}


@functools.cache
def irregular_forms() -> dict[str, list[tuple[str, str]]]:
    """Read which words, with their part of speech, an irregular form belongs to."""
    forms = defaultdict(list)
    for form, lemma, pos in _cells(_lines("irregular")):
        forms[form].append((lemma, pos))
    return dict(forms)


@functools.cache
def misspellings() -> dict[str, tuple[str, ...]]:
    """Read the well-known misspellings of a lower-case word."""
    return {word: tuple(others.split()) for word, others in _cells(_lines("misspellings"))}


@functools.cache
def noise_words() -> tuple[str, ...]:
    """Read the words and phrases that people say without meaning."""
    return tuple(_lines("noise_words"))


@functools.cache
def contractions(direction: str) -> dict[str, tuple[tuple[tuple[str, ...], str], ...]]:
    """
    Read what is contracted or expanded to what.

    Args:
        direction (`str`): `"contract"` or `"expand"`.

    Returns:
        `dict`: First lower-case word → the phrases that start with it, the longest first, each with its other form.
    """
    found = defaultdict(list)
    for full, short, allowed in _cells(_lines("contractions")):
        if allowed in (direction, "both"):
            old, new = (full, short) if direction == "contract" else (short, full)
            phrase = tuple(old.lower().split())
            found[phrase[0]].append((phrase, new))
    return {first: tuple(sorted(rows, key=lambda row: -len(row[0]))) for first, rows in found.items()}


def _lines(name: str) -> list[str]:
    return table(name).read_text(encoding="utf-8").splitlines()


def _cells(lines: list[str]) -> list[list[str]]:
    return [line.split("\t") for line in lines if line]
