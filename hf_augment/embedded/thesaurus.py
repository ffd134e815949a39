"""Which words may stand for a word as it is written: synonyms in the same form, from one of three sources."""

import functools
import os
from collections.abc import Callable, Iterator
from pathlib import Path

from hf_augment.embedded import lexicon, wordnet
from hf_augment.embedded.inflection import ED, PARTICIPLE, PAST, S, inflect, readings
from hf_augment.embedded.roles import ING, NOUN, ONLY_PARTICIPLE, ONLY_PAST, PAST_OR_PARTICIPLE, THIRD_PERSON
from hf_augment.engine.digests import file_identity

Found = tuple[tuple[str, str], ...]  # (a word in the form asked for, its role), the best first
Look = Callable[[str], tuple[tuple[str, str], ...]]  # a base form → (synonym, part of speech)

_ROLES = {
    ("v", S): THIRD_PERSON,
    ("v", "ing"): ING,
    ("v", PAST): PAST_OR_PARTICIPLE,
    ("v", PARTICIPLE): PAST_OR_PARTICIPLE,
}
_CACHED_WORDS = 1 << 16


def substitutes(source: str, table: str | None) -> Callable[[str], Found]:
    """
    Return the function that looks a lower-case word up, inflected or not.

    Args:
        source (`str`): `"embedded"` or `"wordnet"`.
        table (`str`, *optional*): A file of the user's own, instead of `source`.
    """
    if table is not None:
        return _from_table(table, _state(table))
    return _from_embedded() if source == "embedded" else _from_wordnet()


def thesaurus_references(source: str, table: str | None) -> dict[str, str]:
    """Return the SHA-256 of the files that decide what `substitutes` finds."""
    if table is not None:
        return {"table": file_identity(table), **lexicon.identities("irregular")}
    if source == "wordnet":
        return {"wordnet": wordnet.identity(), **lexicon.identities("irregular", "stop_words")}
    return lexicon.identities("synonyms", "irregular", "kept_words", "stop_words")


def check_table(table: str | None, where: str) -> None:
    """Raise a `FileNotFoundError` that names `where` if the user's table is not there."""
    if table is not None and not Path(table).is_file():
        raise FileNotFoundError(
            f"{where}: there is no file {table!r}. Expected a text file with a word, a tab and its synonyms on each "
            "line; leave the parameter out to use the table that ships with the package."
        )


@functools.cache
def _from_embedded() -> Callable[[str], Found]:
    return _inflecting(lambda word: lexicon.synonyms().get(word, ()), lexicon.stop_words() | lexicon.kept_words())


@functools.cache
def _from_wordnet() -> Callable[[str], Found]:
    return _inflecting(wordnet.synonyms_of, lexicon.stop_words())


@functools.lru_cache(maxsize=8)
def _from_table(path: str, state: tuple[int, int]) -> Callable[[str], Found]:
    # A user who lists a stop word, or a word of another language that looks like one, wants it replaced.
    found = read_table(path)
    return _inflecting(lambda word: found.get(word, ()), frozenset())


def _inflecting(look: Look, never: frozenset[str]) -> Callable[[str], Found]:
    @functools.lru_cache(maxsize=_CACHED_WORDS)
    def find(word: str) -> Found:
        if word in never:
            return ()
        if word.endswith(("'s", "’s")):
            nouns = () if word[:-2] in never else _found(word[:-2], look)
            return tuple((other + word[-2:], NOUN) for other, role in nouns if role in (NOUN, ""))
        return _found(word, look)

    return find


def _found(word: str, look: Look) -> Found:
    exact = look(word)
    if exact:
        return exact
    found: dict[str, str] = {}
    for lemma, pos, form in readings(word):
        for other, own in look(lemma):
            if own in (pos, ""):
                for text, role in _written(other, pos, form):
                    if text != word:
                        found.setdefault(text, role)
    return tuple(found.items())


def _written(other: str, pos: str, form: str) -> Iterator[tuple[str, str]]:
    if form != ED:
        yield inflect(other, pos, form), _ROLES.get((pos, form), pos)
        return
    past, participle = inflect(other, pos, PAST), inflect(other, pos, PARTICIPLE)
    if past == participle:
        yield past, PAST_OR_PARTICIPLE
    else:
        yield past, ONLY_PAST
        yield participle, ONLY_PARTICIPLE


def _state(path: str) -> tuple[int, int]:
    found = os.stat(path)
    return found.st_size, found.st_mtime_ns


def read_table(path: str) -> lexicon.Synonyms:
    """
    Read a user's table: on each line a word, a tab, synonyms with spaces between, best first.

    After a second tab the part of speech of each synonym may follow, one letter each (`n`, `v`, `a`, `r`), as in the
    table that ships with the package; without it a synonym takes whatever form the word has.

    Raises:
        `ValueError`: A line has another shape.
    """
    table = {}
    for number, line in enumerate(Path(path).read_text(encoding="utf-8-sig").splitlines(), start=1):
        if not line.strip():
            continue
        word, *cells = (cell.strip() for cell in line.split("\t"))
        others = cells[0].split() if cells else []
        poses = cells[1] if len(cells) == 2 else [""] * len(others)
        if not word or not others or len(cells) > 2 or len(poses) != len(others) or not set(poses) <= {*"nvar", ""}:
            raise ValueError(
                f"{path}, line {number}: expected a word, a tab and synonyms with spaces between, optionally a tab and "
                f"one letter of n, v, a, r for each synonym, got {line!r}. Write e.g. 'film\\tmovie picture'."
            )
        table[word.lower()] = tuple(zip(others, poses, strict=True))
    return table
