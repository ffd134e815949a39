"""
Cut long texts into pieces of one to four sentences: what a small generator of short texts is pretrained on.

    python scripts/make_pieces.py pieces reviews.parquet news.parquet:5000

A model that is pretrained on whole reviews, cut at its context, hardly ever sees an end; these pieces have one.
"""

import argparse
import html
import re
from collections.abc import Iterator
from pathlib import Path

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


def pieces(text: str, draws: Stream, longest: int) -> Iterator[str]:
    """Yield runs of one to four sentences, with at most `longest` words, none across a paragraph."""
    for paragraph in _BREAK.split(html.unescape(text)):
        paragraph = _SPACED_MARK.sub(r"\1", _SPACE.sub(" ", _TAG.sub(" ", paragraph)).strip())
        piece: list[str] = []
        wanted = 1 + draws.below(4)
        for sentence in sentences(paragraph):
            words = sum(len(part.split()) for part in piece)
            if piece and (len(piece) == wanted or words + len(sentence.split()) > longest):
                yield " ".join(piece)
                piece, wanted = [], 1 + draws.below(4)
            piece.append(sentence)
        yield " ".join(piece)


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
    parser.add_argument("folder", type=Path, help="where train.parquet and validation.parquet go")
    parser.add_argument("sources", nargs="+", metavar="FILE[:TEXTS]", help="parquet files; :5000 draws 5,000 texts")
    parser.add_argument("--column", default="text")
    parser.add_argument("--heldout", type=int, default=1000, help="texts of the first file that are set aside")
    parser.add_argument("--shortest", type=int, default=4, help="words")
    parser.add_argument("--longest", type=int, default=60, help="words")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    found: dict[str, str] = {}  # each piece once, in order: neighbours in a text stay neighbours
    for number, source in enumerate(args.sources):
        file, _, wish = source.partition(":")
        texts = dict.fromkeys(pq.read_table(file, columns=[args.column]).column(0).to_pylist())
        ranked = sorted(texts, key=lambda text: stream(args.seed, "split", row_key(text), 0).key)
        ranked = ranked[: int(wish)] if wish else ranked
        heldout = set(ranked[: args.heldout] if number == 0 else ())
        # Held-out texts first: what they share with a training text is taken out of the training text.
        for text in sorted(ranked, key=lambda text: text not in heldout):
            draws = stream(args.seed, "pieces", row_key(text), 0)
            split = "validation" if text in heldout else "train"
            for piece in pieces(text, draws, args.longest):
                if piece and wanted(piece, args.shortest, args.longest):
                    found.setdefault(piece, f"{split}:{Path(file).stem}:{row_key(text).hex()}")
    args.folder.mkdir(parents=True, exist_ok=True)
    for split in ("train", "validation"):
        kept = {piece: where for piece, where in found.items() if where.startswith(split)}
        documents = [where.split(":", 1)[1] for where in kept.values()]
        table = pa.table({"text": list(kept), "document": documents})
        pq.write_table(table, args.folder / f"{split}.parquet", compression="zstd")
        words = sum(len(piece.split()) for piece in kept)
        print(f"{split}: {len(set(documents))} texts, {len(kept)} pieces, {words} words")


if __name__ == "__main__":
    main()
