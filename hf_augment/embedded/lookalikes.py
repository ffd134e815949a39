"""Letters that look like those of another script, written in the script that their word belongs to."""

import functools
from collections.abc import Mapping

import regex

from hf_augment.embedded import char_tables

_LETTERS = regex.compile(r"[\p{L}\p{M}]+")
_SCRIPTS = {name: regex.compile(rf"\p{{{name}}}") for name in ("Latin", "Cyrillic", "Greek")}


def fold_lookalikes(text: str) -> str:
    """
    Undo what `Homoglyph` does, word by word, and leave texts in Cyrillic or Greek alone.

    A word of two scripts is written in the one that has all its letters; where both have, in the one that the rest of
    the text is written in. A word whose letters could all be Latin becomes Latin beside Latin letters, if nothing in the
    text is surely of its own script; a lone Greek letter stays, because it is more often a sign.
    """
    letters = {name: pattern.findall(text) for name, pattern in _SCRIPTS.items()}
    own = {name: sum(letter not in _lookalikes(name) for letter in found) for name, found in letters.items()}
    return _LETTERS.sub(lambda word: _in_one_script(word[0], own, bool(letters["Latin"])), text)


def _in_one_script(word: str, own: Mapping[str, int], beside_latin: bool) -> str:
    if word.isascii():
        return word
    found = {name: letters for name, pattern in _SCRIPTS.items() if (letters := pattern.findall(word))}
    if len(found) > 1:
        possible = [
            to
            for to in dict.fromkeys([*found, "Latin"])
            if all(letter in _into(to) for name in found if name != to for letter in found[name])
        ]
        if not possible:
            return word
        table = _into(max(possible, key=own.__getitem__))
    else:
        [script] = found or ["Latin"]
        table = _into("Latin")
        sign = script == "Greek" and len(word) == 1
        if script == "Latin" or own[script] or not beside_latin or sign or not all(map(table.get, found[script])):
            return word
    return "".join(table.get(letter, letter) for letter in word)


@functools.cache
def _into(script: str) -> Mapping[str, str]:
    """Return, for letters of other scripts, which of this one looks the same."""
    table: dict[str, str] = {}
    for letter, others in char_tables.homoglyphs().choices.items():
        for other in others:
            if _SCRIPTS[script].match(other):
                table.setdefault(letter, other)
    return table


@functools.cache
def _lookalikes(script: str) -> frozenset[str]:
    """Return the letters of a script that look like one of another."""
    return frozenset(letter for letter in char_tables.homoglyphs().choices if _SCRIPTS[script].match(letter))
