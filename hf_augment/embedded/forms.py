"""Words in the form of another word: what a vector space finds near "movies" is put into the plural."""

import functools
from collections.abc import Iterator

from hf_augment.embedded import lexicon
from hf_augment.embedded.inflection import _TABLES, BASE, ED, PARTICIPLE, PAST, S, inflect, readings
from hf_augment.embedded.roles import ING, NOUN, ONLY_PARTICIPLE, ONLY_PAST, PAST_OR_PARTICIPLE, THIRD_PERSON
from hf_augment.embedded.thesaurus import read_table

TABLES = ("synonyms", "irregular")  # what decides,
ANTONYMS = lexicon.FOLDER / "antonyms.tsv"  # and what is barred
_ROLES = {
    ("v", S): THIRD_PERSON,
    ("v", "ing"): ING,
    ("v", PAST): PAST_OR_PARTICIPLE,
    ("v", PARTICIPLE): PAST_OR_PARTICIPLE,
    ("n", S): NOUN,
}
_STEM = 5  # letters that words of one family share: "cinema" and "cinematic"

Reading = tuple[str, str, str]  # lemma, part of speech, form


def in_form_of(word: str, other: str) -> tuple[tuple[str, str], ...]:
    """
    Write another word in the form of a word.

    Args:
        word (`str`): The word that is replaced, in lower case.
        other (`str`): What is to stand in its place, in lower case and any form.

    Returns:
        `tuple[tuple[str, str], ...]`: Each way to write it, with its role (see `roles`; empty where the tables know
        neither word). None if it is the same word in another form, or another part of speech.
    """
    if {word, *lemmas(word)} & {other, *lemmas(other)}:
        return ()
    known, found = _known(word), _known(other)
    if bool(known) != bool(found):
        return ()  # a name or a piece of a word for a word, or the reverse
    if not known:
        return ((other, ""),) if _forms(word) == _forms(other) and not _one_family(word, other) else ()
    ways: dict[str, str] = {}
    for _, pos, form in known:
        for lemma, its_pos, its_form in found:
            if its_pos == pos:
                # The form that stands there is right whatever the rules would make of its lemma.
                same = [(other, _role(pos, form))] if its_form == form and form != ED else _written(lemma, pos, form)
                for text, role in same:
                    ways.setdefault(text, role)
    ways.pop(word, None)
    return tuple(ways.items())


def are_opposites(word: str, other: str) -> bool:
    """Return whether a word, in any form, is an antonym of another one, as "better" is of "bad"."""
    opposites = _opposites()
    others = {other, *lemmas(other)}
    return any(not others.isdisjoint(opposites.get(lemma, ())) for lemma in (word, *lemmas(word)))


@functools.cache
def _opposites() -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for word, others in read_table(str(ANTONYMS)).items():
        for other, _ in others:
            found.setdefault(word, set()).add(other)
            found.setdefault(other, set()).add(word)
    return found


@functools.lru_cache(maxsize=1 << 16)
def lemmas(word: str) -> tuple[str, ...]:
    """Return what a word may be a form of by the rules of English, other words than itself."""
    found = dict.fromkeys(lemma for lemma, _, _ in readings(word))
    found.update(dict.fromkeys(_irregular().get(word, ())))
    if word.endswith("men"):
        found[word[:-2] + "an"] = None
    return tuple(lemma for lemma in found if lemma != word)


@functools.cache
def _irregular() -> dict[str, tuple[str, ...]]:
    """Read the lemmas of irregular forms that the thesaurus has no use for ("went", "kept")."""
    found: dict[str, tuple[str, ...]] = {}
    for table in _TABLES.values():
        for lemma, others in table.items():
            for other in others:
                found[other] = (*found.get(other, ()), lemma)
    return found


@functools.lru_cache(maxsize=1 << 16)
def _known(word: str) -> tuple[Reading, ...]:
    """Return the readings of a word whose lemma the tables have in that part of speech."""
    poses = _parts_of_speech()
    base = [(word, pos, BASE) for pos in poses.get(word, "")]
    return (*base, *(reading for reading in readings(word) if reading[1] in poses.get(reading[0], "")))


@functools.cache
def _parts_of_speech() -> dict[str, str]:
    found: dict[str, dict[str, bool]] = {}
    for word, others in lexicon.synonyms().items():
        for other, pos in others:
            for lemma in (word, other):
                found.setdefault(lemma, {})[pos] = True
    return {word: "".join(poses) for word, poses in found.items()}


def _forms(word: str) -> frozenset[str]:
    return frozenset(form for _, _, form in readings(word))


def _one_family(word: str, other: str) -> bool:
    letters = min(_STEM, len(word), len(other))
    return word[:letters] == other[:letters]


def _written(lemma: str, pos: str, form: str) -> Iterator[tuple[str, str]]:
    if form != ED:
        yield inflect(lemma, pos, form), _role(pos, form)
        return
    past, participle = inflect(lemma, pos, PAST), inflect(lemma, pos, PARTICIPLE)
    if past == participle:
        yield past, PAST_OR_PARTICIPLE
    else:
        yield past, ONLY_PAST
        yield participle, ONLY_PARTICIPLE


def _role(pos: str, form: str) -> str:
    return _ROLES.get((pos, form), pos)
