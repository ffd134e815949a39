"""The character tables that ship with the package: neighbouring keys, what OCR confuses, what looks alike."""

import functools
import hashlib
import json
import re
from collections import defaultdict
from pathlib import Path
from typing import NamedTuple

FOLDER = Path(__file__).parent / "words"
TABLES = {"homoglyphs": "homoglyphs.tsv", "keyboards": "keyboards.json", "ocr": "ocr.tsv"}


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
def table_identity(name: str) -> str:
    """Return the SHA-256 of one of the `TABLES`, so that an edited table changes what depends on it."""
    return hashlib.sha256((FOLDER / TABLES[name]).read_bytes()).hexdigest()


@functools.cache
def keyboards() -> dict[str, dict[str, str]]:
    """Read the neighbours of each lower-case letter, for each keyboard layout."""
    return json.loads((FOLDER / TABLES["keyboards"]).read_text(encoding="utf-8"))


@functools.cache
def keyboard(layout: str) -> Confusions:
    """Return what a finger that misses its key types on a layout, in lower and upper case."""
    choices = {letter: tuple(near) for letter, near in keyboards()[layout].items()}
    upper = {letter: "İ" if (layout, letter) == ("tr", "i") else letter.upper() for letter in choices}
    capitals = {letter: capital for letter, capital in upper.items() if len(capital) == 1}  # not ß, whose is SS
    for letter, capital in capitals.items():
        near = dict.fromkeys(capitals[other] for other in choices[letter] if other in capitals)
        if letter != "ς":  # its capital is that of σ, which stands on another key
            choices[capital] = tuple(near)
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
    for line in (FOLDER / TABLES[name]).read_text(encoding="utf-8").splitlines():
        if line:
            of, others = line.split("\t")
            pairs[of] += others.split()
    return pairs


def _confusions(choices: dict[str, tuple[str, ...]]) -> Confusions:
    choices = {of: others for of, others in choices.items() if others}
    pattern = "|".join(re.escape(of) for of in sorted(choices, key=len) if len(of) > 1)
    single = "".join(re.escape(of) for of in choices if len(of) == 1)
    return Confusions(choices, re.compile(f"[{single}]" + (f"|{pattern}" if pattern else "")), _widths(choices))


def _widths(choices: dict[str, tuple[str, ...]]) -> tuple[int, ...]:
    return tuple(sorted({len(of) for of in choices}))
