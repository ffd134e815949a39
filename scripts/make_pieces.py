"""
Cut long texts into pieces of one to four sentences: what a small generator of short texts is pretrained on.

    python scripts/make_pieces.py reviews.parquet pieces.parquet

A model that is pretrained on whole reviews, cut at its context, hardly ever sees an end; these pieces have one.
"""

import argparse
import html
import re
from collections.abc import Iterator

import pyarrow as pa
import pyarrow.parquet as pq

from hf_augment.streams import Stream, row_key, stream

_BREAK = re.compile(r"(?:<br\s*/?>|</?p>|\n)+", re.IGNORECASE)
_TAG = re.compile(r"</?[A-Za-z][^<>]*>")
_ADDRESS = re.compile(r"https?://|www\.|\S@\S")
_SPACE = re.compile(r"\s+")
_END = re.compile(r"(?<=[.!?])[\"')\]]*\s+(?=[\"'(\[]?[A-Z0-9])")
_ABBREVIATION = re.compile(
    r"(?:\b(?:Mr|Mrs|Ms|Dr|St|Jr|Sr|Prof|Lt|Col|Gen|Capt|Sgt|No|vs|etc|e\.g|i\.e|[A-Z])|\.\.)\.$"
)
_SPACED_MARK = re.compile(r" +([,.!?;:])(?=\s|$)")


def sentences(paragraph: str) -> Iterator[str]:
    """Yield the sentences of a paragraph; initials, titles and dots in a row end none."""
    start = 0
    for match in _END.finditer(paragraph):
        end = match.start() + len(match.group().rstrip())
        if _ABBREVIATION.search(paragraph[start : match.start()]):
            continue
        yield paragraph[start:end]
        start = match.end()
    yield paragraph[start:]


def pieces(text: str, draws: Stream, longest: int) -> Iterator[tuple[str, int]]:
    """Yield runs of one to four sentences, and how many, with at most `longest` words, none across a paragraph."""
    for paragraph in _BREAK.split(html.unescape(text)):
        paragraph = _SPACED_MARK.sub(r"\1", _SPACE.sub(" ", _TAG.sub(" ", paragraph)).strip())
        piece: list[str] = []
        wanted = 1 + draws.below(4)
        for sentence in sentences(paragraph):
            words = sum(len(part.split()) for part in piece)
            if piece and (len(piece) == wanted or words + len(sentence.split()) > longest):
                yield " ".join(piece), len(piece)
                piece, wanted = [], 1 + draws.below(4)
            piece.append(sentence)
        yield " ".join(piece), len(piece)


def wanted(piece: str, shortest: int, longest: int) -> bool:
    """Keep whole sentences of a sensible length that hold no address and are not shouted."""
    words = len(piece.split())
    letters = sum(character.isalpha() for character in piece)
    return (
        shortest <= words <= longest
        and piece[0].isalnum() | (piece[0] in "\"'")
        and piece.rstrip("\"')")[-1:] in tuple(".!?")
        and not _ADDRESS.search(piece)
        and letters >= 0.7 * len(piece)
        and sum(character.isupper() for character in piece) <= 0.3 * letters
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.strip().splitlines()[0])
    parser.add_argument("source", help="a parquet file with a column of texts")
    parser.add_argument("target", help="the parquet file to write, with the columns 'text' and 'sentences'")
    parser.add_argument("--column", default="text")
    parser.add_argument("--shortest", type=int, default=4, help="words")
    parser.add_argument("--longest", type=int, default=60, help="words")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    found: dict[str, int] = {}  # in order, each once
    texts = pq.read_table(args.source, columns=[args.column]).column(0).to_pylist()
    for text in texts:
        draws = stream(args.seed, "pieces", row_key(text), 0)
        for piece, number in pieces(text, draws, args.longest):
            if piece and wanted(piece, args.shortest, args.longest):
                found[piece] = number
    columns = {"text": list(found), "sentences": [str(number) for number in found.values()]}
    pq.write_table(pa.table(columns), args.target, compression="zstd")
    words = sum(len(piece.split()) for piece in found)
    print(f"{len(texts)} texts → {len(found)} pieces, {words} words")


if __name__ == "__main__":
    main()
