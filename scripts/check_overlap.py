"""
Count what a training text shares with data that something will be tested on: whole sentences, and runs of 13 words.

    python scripts/check_overlap.py pieces/train.parquet ../data/imdb ../data/trec

Reads every .parquet, .csv, .tsv and .jsonl file of the folders, strings within lists and structures too, and prints a
Markdown table with a line for each file, then the longest shared texts of each folder. Texts are compared by their
letters and digits, whatever their case, so that "did n't" is "didn't". Short ones ("I loved it.") are coincidence.
"""

import argparse
import csv
import html
import json
import re
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow.parquet as pq
from make_pieces import sentences

RUN = 13  # words in a row, the usual check
BANDS = ((1, 4), (5, 7), (8, None))  # words of a shared text
EXAMPLES = 3

_PARAGRAPH = re.compile(r"<[^<>]*>|\n")
_APOSTROPHE = re.compile(r" (?=n't\b|'\w)|'")  # "did n't", "it 's" as treebanks write them
_WORD = re.compile(r"[^\W_]+")
_MIX = 0x9E3779B97F4A7C15


def words(text: str) -> list[str]:
    """Return the words of a text by which it is compared: letters and digits, in lower case."""
    text = text.casefold().replace("’", "'")
    return _WORD.findall(_APOSTROPHE.sub("", text) if "'" in text else text)


def parts(text: str) -> dict[str, str]:
    """Return the text and its sentences by what they are compared by."""
    found = [text]
    for paragraph in _PARAGRAPH.split(html.unescape(text)):
        found.extend(sentences(paragraph.strip()))
    return {"".join(said): part for part in found if (said := words(part))}


def strings(value: Any) -> Iterator[str]:
    """Yield the strings in a value, however deep."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for inner in value.values() if isinstance(value, dict) else value:
            yield from strings(inner)


def rows(file: Path) -> Iterator[dict[str, Any]]:
    """Yield the rows of a file."""
    if file.suffix == ".parquet":
        yield from pq.read_table(file).to_pylist()
    elif file.suffix == ".jsonl":
        yield from map(json.loads, filter(str.strip, file.read_text(encoding="utf-8").split("\n")))
    else:
        csv.field_size_limit(sys.maxsize)
        quoting = csv.QUOTE_NONE if file.suffix == ".tsv" else csv.QUOTE_MINIMAL  # a quotation mark is text in a .tsv
        with file.open(encoding="utf-8", newline="") as lines:
            yield from csv.DictReader(lines, delimiter="\t" if file.suffix == ".tsv" else ",", quoting=quoting)


class Runs:
    """Runs of words as 64-bit numbers, alike wherever the same words stand."""

    def __init__(self):
        self.known: dict[str, int] = {}

    def of(self, texts: Iterable[str]) -> tuple[np.ndarray, np.ndarray]:
        """Return the runs of texts, and the number of the text that each stands in."""
        ids, owners = [], []
        for number, text in enumerate(texts):
            said = [self.known.setdefault(word, len(self.known)) for word in words(_PARAGRAPH.sub(" ", text))]
            ids.append(np.array(said, dtype=np.uint64))
            owners.append(np.full(len(said), number, dtype=np.int32))
        joined, owner = (
            np.concatenate([np.empty(0, np.uint64), *ids]),
            np.concatenate([np.empty(0, np.int32), *owners]),
        )
        number = max(0, len(joined) - RUN + 1)
        found = np.zeros(number, dtype=np.uint64)
        for offset in range(RUN):  # a polynomial with scrambled words for coefficients, modulo 2**64
            word = (joined[offset : offset + number] + np.uint64(1)) * np.uint64(_MIX)
            found = found * np.uint64(_MIX) + (word ^ word >> np.uint64(29))
        within = owner[:number] == owner[RUN - 1 :]
        return found[within], owner[:number][within]


class Overlap(NamedTuple):
    """
    What a file shares with the training text.

    Args:
        rows (`int`): Rows of the file.
        texts (`int`): Different texts and sentences in it.
        shared (`dict[str, str]`): Those that are also a piece or a sentence of the training text.
        held (`int`): Rows that are, or hold, one of at least eight words.
        run (`int`): Rows that share a run of 13 words.
        pieces (`int`): Training pieces that share such a run.
    """

    rows: int
    texts: int
    shared: dict[str, str]
    held: int
    run: int
    pieces: int


class Training:
    """
    A training text, ready to be compared with.

    Args:
        pieces (`list[str]`): Its pieces.
    """

    def __init__(self, pieces: list[str]):
        self.parts = {key for piece in pieces for key in parts(piece)}
        self.number, self.runs = len(pieces), Runs()
        hashes, owners = self.runs.of(pieces)
        order = hashes.argsort()
        self.hashes, self.owners = hashes[order], owners[order]

    def overlap(self, table: Iterable[dict[str, Any]]) -> Overlap:
        """Compare a file's rows."""
        cells = [set(strings(row)) for row in table]
        texts = list(dict.fromkeys(text for cell in cells for text in cell))
        found = {text: parts(text) for text in texts}
        every = {key: part for kept in found.values() for key, part in kept.items()}
        shared = {key: part for key, part in every.items() if key in self.parts}
        long = {text for text in texts if any(key in shared and band(found[text][key]) == 2 for key in found[text])}
        hashes, owners = self.runs.of(texts)
        start, stop = (np.searchsorted(self.hashes, hashes, side) for side in ("left", "right"))
        both = np.flatnonzero(start < stop)
        running = {texts[owner] for owner in np.unique(owners[both])}
        pieces = len({owner for place in both for owner in self.owners[start[place] : stop[place]].tolist()})
        held, run = (sum(not cell.isdisjoint(kept) for cell in cells) for kept in (long, running))
        return Overlap(len(cells), len(every), shared, held, run, pieces)


def band(text: str) -> int:
    """Return which of `BANDS` a text belongs to, by its words."""
    number = len(words(text))
    return next(place for place, (_, most) in enumerate(BANDS) if most is None or number <= most)


def named(place: int) -> str:
    least, most = BANDS[place]
    return f"{least}+ words" if most is None else f"{least}-{most} words"


def main() -> None:
    """Print the table and the examples."""
    parser = argparse.ArgumentParser(description=__doc__.strip().splitlines()[0])
    parser.add_argument("training", help="a parquet file with a column 'text'")
    parser.add_argument("folders", nargs="+", type=Path)
    given = parser.parse_args()
    training = Training(pq.read_table(given.training, columns=["text"])["text"].to_pylist())
    print(f"{training.number:,} training pieces; {len(training.parts):,} different pieces and sentences.\n")
    bands = " | ".join(f"shared, {named(place)}" for place in range(len(BANDS)))
    print(f"| file | rows | texts and sentences | {bands} | rows with one of 8+ | ", end="")
    print(f"rows with a shared run of {RUN} words | training pieces with one |\n|" + "---|" * (len(BANDS) + 6))
    examples: dict[Path, dict[str, str]] = {}
    for folder in given.folders:
        files = sorted(file for file in folder.rglob("*") if file.suffix in (".parquet", ".csv", ".tsv", ".jsonl"))
        if not files:
            parser.error(f"no .parquet, .csv, .tsv or .jsonl file in {str(folder)!r}")
        for file in files:
            found = training.overlap(rows(file))
            examples.setdefault(folder, {}).update(found.shared)
            places = [band(part) for part in found.shared.values()]
            name = (Path(folder.name) / file.relative_to(folder)).with_suffix("")
            counts = [
                found.rows,
                found.texts,
                *map(places.count, range(len(BANDS))),
                found.held,
                found.run,
                found.pieces,
            ]
            print(f"| {name} | " + " | ".join(f"{count:,}" for count in counts) + " |", flush=True)
    print("\nThe longest shared texts:")
    for folder, shared in examples.items():
        for place in range(len(BANDS)):
            longest = sorted(
                (part for part in shared.values() if band(part) == place), key=lambda part: (-len(part), part)
            )
            for part in longest[:EXAMPLES]:
                print(f"- {folder.name}, {named(place)}: {' '.join(part.split())}")


if __name__ == "__main__":
    main()
