"""The word lists that ship with the package, each read once."""

import functools
import hashlib
import gzip
from collections import defaultdict
from pathlib import Path

FOLDER = Path(__file__).parent / "words"
TABLES = {
    "contractions": "contractions.tsv",
    "irregular": "irregular.tsv",
    "misspellings": "misspellings.tsv",
    "noise_words": "noise_words.txt",
    "own_words": "own_words.txt",
    "stop_words": "stop_words.txt",
    "synonyms": "synonyms.tsv.gz",
}

Synonyms = dict[str, tuple[tuple[str, str], ...]]  # lower-case word → (synonym, part of speech), the best first


@functools.cache
def table_identity(name: str) -> str:
    """Return the SHA-256 of one of the `TABLES`, so that an edited table changes what depends on it."""
    return hashlib.sha256((FOLDER / TABLES[name]).read_bytes()).hexdigest()


def identities(*names: str) -> dict[str, str]:
    """Return the SHA-256 of several tables by name, as `Transform.references` wants them."""
    return {name: table_identity(name) for name in names}


@functools.cache
def stop_words() -> frozenset[str]:
    """Read the words that carry grammar rather than content."""
    return frozenset(_lines("stop_words"))


@functools.cache
def own_words() -> frozenset[str]:
    """Read the words that look inflected and mean something of their own: "the acting", "the wedding"."""
    return frozenset(_lines("own_words"))


@functools.cache
def synonyms() -> Synonyms:
    """Read the synonyms of a lower-case base form."""
    text = gzip.decompress((FOLDER / TABLES["synonyms"]).read_bytes()).decode("utf-8")
    return {word: tuple(zip(others.split(), poses, strict=True)) for word, others, poses in _cells(text.splitlines())}


@functools.cache
def irregular_forms() -> dict[str, list[tuple[str, str]]]:
    """Read which words, with their part of speech, an irregular form belongs to."""
    forms = defaultdict(list)
    for form, lemma, pos in _cells(_lines("irregular")):
        forms[form].append((lemma, pos))
    return dict(forms)


def _lines(name: str) -> list[str]:
    return (FOLDER / TABLES[name]).read_text(encoding="utf-8").splitlines()


def _cells(lines: list[str]) -> list[list[str]]:
    return [line.split("\t") for line in lines if line]
