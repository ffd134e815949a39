"""The character tables that ship with the package: neighbouring keys, what OCR confuses, what looks alike."""

import functools
import json
import re
from collections import defaultdict
from typing import NamedTuple

from hf_augment.embedded.lexicon import table


class Confusions(NamedTuple):
    """
    What may stand for what.

    Args:
        choices (`dict[str, tuple[str, ...]]`): For one or more characters, what may take their place.
        pattern (`re.Pattern`): Matches wherever one of them stands.
        widths (`tuple[int, ...]`): How many characters they have.
    """

    choices: dict[str, tuple[str, ...]]
    pattern: re.Pattern
    widths: tuple[int, ...]


@functools.cache
def keyboards() -> dict[str, dict[str, str]]:
    """Read the neighbours of each lower-case letter, for each keyboard layout."""
    return json.loads(table("keyboards").read_text(encoding="utf-8"))


@functools.cache
def keyboard(layout: str) -> Confusions:
    """Return what a finger that misses its key types on a layout, in lower and upper case."""
    choices = {letter: tuple(near) for letter, near in keyboards()[layout].items()}
    upper = {letter: "İ" if (layout, letter) == ("tr", "i") else letter.upper() for letter in choices}
    # Not ß, whose capital is SS, nor ς, which shares that of σ on another key.
    capitals = {letter: capital for letter, capital in upper.items() if len(capital) == 1 and letter != "ς"}
    for letter, capital in capitals.items():
        choices[capital] = tuple(capitals[near] for near in choices[letter] if near in capitals)
    return _confusions(choices)


@functools.cache
def ocr() -> Confusions:
    """Return what optical character recognition takes for what inside a word or number."""
    # Marks are left out: inside a number, a comma for a point is not noise but another number.
    return _confusions({of: tuple(others) for of, others in _pairs("ocr").items() if of.isalnum()})


@functools.cache
def homoglyphs() -> Confusions:
    """Return which letters of other scripts look like a letter; looking alike goes both ways."""
    choices = defaultdict(list)
    for letter, others in _pairs("homoglyphs").items():
        for other in others:
            choices[letter].append(other)
            choices[other].append(letter)
    return _confusions({letter: tuple(others) for letter, others in choices.items()})


def _pairs(name: str) -> dict[str, list[str]]:
    pairs = defaultdict(list)
    for line in table(name).read_text(encoding="utf-8").splitlines():
        if line:
            of, others = line.split("\t")
            pairs[of] += others.split()
    return pairs


def _confusions(choices: dict[str, tuple[str, ...]]) -> Confusions:
    choices = {of: others for of, others in choices.items() if others}
    single = "".join(re.escape(of) for of in choices if len(of) == 1)
    several = [re.escape(of) for of in choices if len(of) > 1]
    widths = tuple(sorted({len(of) for of in choices}))
    return Confusions(choices, re.compile("|".join([f"[{single}]", *several])), widths)
