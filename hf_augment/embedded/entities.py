"""
Names of people and places, and where they stand in a text.

The tables were written for this project from general knowledge: a name or place, its group, the region it is at home in,
and perhaps a mark: `?` for one that is as likely another word (Mark, Young) and so counts only beside a title or another
name, `=` and a name for another way to write that one (UK). What is marked is never drawn.
"""

import functools
import json
from collections import defaultdict
from itertools import pairwise
from typing import NamedTuple

from hf_augment.embedded.lexicon import FOLDER, stop_words
from hf_augment.engine.digests import file_identity
from hf_augment.words import Span

TABLES = {"name": "names.tsv", "place": "places.tsv"}

_ARTICLE = "country with an article"  # "the Netherlands"
_TITLES = frozenset(
    [
        "mr",
        "mrs",
        "ms",
        "miss",
        "mx",
        "dr",
        "prof",
        "professor",
        "sir",
        "madam",
        "lord",
        "lady",
        "aunt",
        "uncle",
        "judge",
        "captain",
        "senator",
    ]
)


class Entry(NamedTuple):
    """A name in a table: whose it is, its words, its group, whether it is sure, and whether the user listed it."""

    name: str
    words: tuple[str, ...]
    group: str
    sure: bool = True
    own: bool = False


class Mention(NamedTuple):
    """Where a name stands in a text, without an ending such as "'s"."""

    start: int
    end: int
    entry: Entry


class Entities(NamedTuple):
    """
    Names to find and to draw.

    Args:
        entries (`dict[str, tuple[Entry, ...]]`): Lower-case first word → the names that begin with it, the longest first.
        groups (`dict[str, tuple[tuple[str, ...], ...]]`): Group → for each region the names to draw from.
    """

    entries: dict[str, tuple[Entry, ...]]
    groups: dict[str, tuple[tuple[str, ...], ...]]


def identities(kinds: tuple[str, ...]) -> dict[str, str]:
    """Return the SHA-256 of the tables of some kinds by name, as `Transform.references` wants them."""
    files = {TABLES[kind] for kind in kinds if kind in TABLES}
    if "place" in kinds:
        files.add("stop_words.txt")
    return {name.partition(".")[0]: file_identity(FOLDER / name) for name in sorted(files)}


@functools.lru_cache(maxsize=16)
def entities(kinds: tuple[str, ...], tables: str) -> Entities:
    """
    Read the tables.

    Args:
        kinds (`tuple[str, ...]`): Which of `TABLES`; others are left out.
        tables (`str`): The user's own as canonical JSON: group → names. They come before those that ship with us.
    """
    entries, groups = defaultdict(list), defaultdict(lambda: defaultdict(list))
    for group, names in json.loads(tables).items():
        for name in names:
            entries[name.lower().split()[0]].append(Entry(name, tuple(name.split()), f"own {group}", own=True))
            groups[f"own {group}"][""].append(name)
    for kind, file in TABLES.items():
        if kind in kinds:
            for line in (FOLDER / file).read_text(encoding="utf-8").splitlines():
                name, group, region, *mark = line.split("\t")
                mark = "".join(mark)
                entry = Entry(mark[1:] if mark[:1] == "=" else name, tuple(name.split()), group, mark != "?")
                entries[entry.words[0].lower()].append(entry)
                if not mark:
                    groups[group][region].append(name)
    ordered = {first: tuple(sorted(found, key=lambda entry: -len(entry.words))) for first, found in entries.items()}
    return Entities(ordered, {group: tuple(map(tuple, by.values())) for group, by in groups.items()})


def mentions(text: str, spans: list[Span], known: Entities) -> list[Mention]:
    """
    Find the names of a text, in order.

    Args:
        text (`str`): The text.
        spans (`list[tuple[int, int]]`): Its words, as `words` finds them, without those that are to stay.
        known (`Entities`): The names to look for.
    """
    found: list[tuple[int, Mention]] = []
    index = 0
    while index < len(spans):
        size = 1
        for entry in known.entries.get(_base(text[slice(*spans[index])]).lower(), ()):
            end = _end(text, spans[index : index + len(entry.words)], entry)
            if end is not None and _stands(text, spans, index, end, entry, known):
                size = len(entry.words)
                found.append((index, Mention(spans[index][0], end, entry)))
                break
        else:
            found += [(index, mention) for mention in _parts(text, spans[index], known)]
        index += size
    beside = {place: mention.entry for place, mention in found}
    sure = {mention.entry.name for place, mention in found if _is_sure(text, spans, place, mention, beside)}
    return [mention for _, mention in found if mention.entry.name in sure]


def _base(word: str) -> str:
    return word[:-2] if word.endswith(("'s", "’s", "'S", "’S")) else word


def _end(text: str, spans: list[Span], entry: Entry) -> int | None:
    """Return where the name ends if these words are it."""
    if len(spans) < len(entry.words):
        return None
    gaps = [text[left[1] : right[0]] for left, right in pairwise(spans)]
    if any(gap != " " for gap in gaps):
        return None
    end = spans[-1][0] + len(_base(text[slice(*spans[-1])]))
    return end if _is_written(text[spans[0][0] : end], entry) else None


def _is_written(word: str, entry: Entry) -> bool:
    if entry.own:
        return word.lower() == " ".join(entry.words).lower()
    # Capitals alone make a name out of many a word: "SAM" may be a missile.
    name = " ".join(entry.words)
    return word == name or (entry.sure and len(word) > 3 and word == name.upper())


def _stands(text: str, spans: list[Span], index: int, end: int, entry: Entry, known: Entities) -> bool:
    """Whether a place is meant: not "Boston Globe", and "the" before the Netherlands."""
    if entry.own or entry.group not in known.groups or entry.group.endswith("name"):
        return True
    if index and text[spans[index - 1][1] : spans[index][0]] == " ":
        before = text[slice(*spans[index - 1])]
        if any(name.group.endswith("name") and name.name == before for name in known.entries.get(before.lower(), ())):
            return False  # "Jack London"
    if entry.group == _ARTICLE and text[max(0, spans[index][0] - 4) : spans[index][0]].lower() != "the ":
        return False
    after = index + len(entry.words)
    if after == len(spans) or text[end : spans[after][0]] != " " or text[slice(*spans[index])].isupper():
        return True
    word = _base(text[slice(*spans[after])])
    return not word[0].isupper() or word.lower() in stop_words() or word.lower() in known.entries


def _parts(text: str, span: Span, known: Entities) -> list[Mention]:
    """Find the names in a word with hyphens ("Paris-based")."""
    word = _base(text[slice(*span)])
    found, start = [], span[0]
    for part in word.split("-") if "-" in word else ():
        for entry in known.entries.get(part.lower(), ()):
            if entry.sure and len(entry.words) == 1 and entry.group != _ARTICLE and _is_written(part, entry):
                found.append(Mention(start, start + len(part), entry))
                break
        start += len(part) + 1
    return found


def _is_sure(text: str, spans: list[Span], index: int, mention: Mention, beside: dict[int, Entry]) -> bool:
    if mention.entry.sure:
        return True
    before, after = index - 1, index + 1
    follows = before >= 0 and text[spans[before][1] : mention.start] in (" ", ". ")
    if follows and (text[slice(*spans[before])].lower() in _TITLES or _is_name(beside.get(before))):
        return True
    return after < len(spans) and text[mention.end : spans[after][0]] == " " and _is_name(beside.get(after))


def _is_name(entry: Entry | None) -> bool:
    return entry is not None and entry.sure and entry.group.endswith("name")
