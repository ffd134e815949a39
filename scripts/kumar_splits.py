"""
Rebuild the fifteen 10-shot splits of Kumar et al. 2020 (huggingface.co/papers/2003.02245), row for row.

    python scripts/kumar_splits.py SOURCE OUTPUT

SOURCE holds train.tsv, dev.tsv and test.tsv of SST-2 or TREC, in the order of lines of `1024er/cbert_aug`, branch
crayon (e54de0d), datasets/stsa.binary or datasets/TREC: the order decides the draw. OUTPUT gets
split-0 … split-14/{train,validation,test}.parquet. Nothing is written unless the drawn rows have the digests of the
published ones.
"""

import argparse
import csv
import hashlib
import random  # noqa: TID251 - the published draw is that of Python
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

from datasets import ClassLabel, Dataset, Features, Value

SPLITS, SHOTS = 15, 10
NAMES = {
    "sst2": ("negative", "positive"),
    "trec": ("description", "entity", "abbreviation", "human", "location", "numeric"),
}
# The first 16 digits of SHA-256 over "label<tab>text<newline>": of split 0, and of all splits, one after the other.
DIGESTS = {
    "sst2": {"train": ("968601c9a5a55c6d", "3801716fee05f508"), "dev": ("58cc437893778643", "401cf99d10038798")},
    "trec": {"train": ("cd0bae41e319d1ed", "b9ba22f39938ba80"), "dev": ("05562fbfc1c97304", "b84df5486e323011")},
}
Rows = list[tuple[str, str]]


def main(words: Sequence[str] | None = None) -> int:
    """Write the splits, or say why not; return the exit status."""
    parser = argparse.ArgumentParser(prog="kumar_splits.py", description="Rebuild the splits of Kumar et al. 2020.")
    parser.add_argument("source", type=Path, help="a folder with train.tsv, dev.tsv and test.tsv")
    parser.add_argument("output", type=Path, help="the folder that gets split-0 to split-14")
    given = parser.parse_args(words)
    try:
        write(given.source, given.output)
    except (OSError, ValueError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


def write(source: Path, output: Path) -> str:
    """
    Draw, check and write the splits, and return which dataset they are of.

    Args:
        source (`Path`): The folder with the TSV files.
        output (`Path`): The folder that gets them.

    Raises:
        `ValueError`: The rows are not the published ones.
    """
    numbers = {name: read_table(source / f"{name}.tsv") for name in ("train", "dev", "test")}
    dataset = "sst2" if {number for number, _ in numbers["train"]} <= {"0", "1"} else "trec"
    files = {name: [(NAMES[dataset][int(number)], text) for number, text in rows] for name, rows in numbers.items()}
    drawn = {name: [draw(files[name], split) for split in range(SPLITS)] for name in ("train", "dev")}
    for name, (first, whole) in DIGESTS[dataset].items():
        found = digest(drawn[name][0]), digest(row for rows in drawn[name] for row in rows)
        if found != (first, whole):
            raise ValueError(
                f"{source / name}.tsv: the drawn rows have the digests {found[0]} (split 0) and {found[1]} (all), and "
                f"the published ones {first} and {whole}. Expected the files of 1024er/cbert_aug (e54de0d), lines in "
                "their order. Nothing was written."
            )
    features = Features({"text": Value("string"), "label": ClassLabel(names=list(NAMES[dataset]))})
    for split in range(SPLITS):
        folder = output / f"split-{split}"
        folder.mkdir(parents=True, exist_ok=True)
        parts = {"train": drawn["train"][split], "validation": drawn["dev"][split], "test": files["test"]}
        for name, rows in parts.items():
            columns = {"text": [text for _, text in rows], "label": [label for label, _ in rows]}
            Dataset.from_dict(columns, features=features).to_parquet(str(folder / f"{name}.parquet"))
    return dataset


def read_table(file: Path) -> Rows:
    """Read label numbers and lower-cased texts in the order of a file."""
    with file.open(encoding="utf-8", newline="") as opened:
        lines = list(csv.reader(opened, delimiter="\t", quoting=csv.QUOTE_NONE))
    return [(number.strip(), text.lower().strip()) for text, number in lines[1:]]


def draw(rows: Rows, split: int) -> Rows:
    """Draw the rows of one split, label by label, as the published code does; a small label is taken whole."""
    groups: dict[str, Rows] = {}
    for row in rows:
        groups.setdefault(row[0], []).append(row)
    mersenne = random.Random(split)
    return [row for own in groups.values() for row in (mersenne.sample(own, SHOTS) if len(own) > SHOTS else own)]


def digest(rows: Iterable[tuple[str, str]]) -> str:
    """Return the first 16 digits of the SHA-256 of rows."""
    whole = hashlib.sha256()
    for label, text in rows:
        whole.update(f"{label}\t{text}\n".encode())
    return whole.hexdigest()[:16]


if __name__ == "__main__":
    sys.exit(main())
