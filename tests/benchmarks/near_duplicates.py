"""
Near duplicates among very many texts: rows a second, memory, recall and precision against a planted truth.

    python -m tests.benchmarks.near_duplicates --rows 1000000

Sentences of real reviews, half of the rows copies of others with seeded edits of words: the true Jaccard similarity
of every copy to its source is known, and so is whether it has to be found. What is found is checked pair by pair. Each
size runs in a process of its own, whose highest memory is that of the pass: the texts themselves are counted apart.
"""

import argparse
import json
import re
import resource
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

DATA = Path(__file__).parents[2].parent / "shared" / "data" / "pretrain" / "imdb_unsup.parquet"
SHARE = 0.5  # of the rows are copies
MOST_EDITS = 6


def main(words: Sequence[str] | None = None) -> int:
    """Measure each size in its own process and print a table."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.near_duplicates", description=__doc__)
    parser.add_argument("--rows", type=int, nargs="+", default=[100_000], help="default: %(default)s")
    parser.add_argument("--jaccard", type=float, default=0.8, help="default: %(default)s")
    parser.add_argument("--shingles", choices=("characters", "words"), default="characters")
    parser.add_argument("--shingle-size", type=int, default=5)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--alone", action="store_true", help=argparse.SUPPRESS)
    given = parser.parse_args(words)
    if not DATA.exists():
        print(f"skipped: {DATA} is not here", file=sys.stderr)
        return 0
    if given.alone:
        print(json.dumps(measure(given.rows[0], given.jaccard, given.shingles, given.shingle_size, given.seed)))
        return 0
    for rows in given.rows:
        own = ["--rows", rows, "--jaccard", given.jaccard, "--shingles", given.shingles, "--seed", given.seed]
        own += ["--shingle-size", given.shingle_size, "--alone"]
        command = [sys.executable, "-m", "tests.benchmarks.near_duplicates", *map(str, own)]
        found = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
        for name, value in found.items():
            print(f"{name + ':':<42}{value}")
        print(flush=True)
    return 0


def measure(rows: int, threshold: float, unit: str, size: int, seed: int) -> dict[str, object]:
    """Find the near duplicates among planted texts, and compare with what was planted."""
    from hf_augment.selection.minhash import MinHash
    from hf_augment.selection.shingles import Shingling, jaccard
    from hf_augment.streams import row_key, stream

    texts, source = planted(rows, seed)
    shingling = Shingling(unit, size)
    order = sorted(range(rows), key=lambda i: stream(seed, "rank", row_key(f"{i} {texts[i]}"), 0).key)
    before = peak()
    started, cpu = time.perf_counter(), time.process_time()
    index = MinHash(texts, shingling, threshold)
    signed = time.perf_counter()
    kept, _ = index.distinct([texts[i] for i in order])
    seconds, cpu = time.perf_counter() - started, time.process_time() - cpu
    after = peak()
    keep = dict(zip(order, kept, strict=True))
    cut = lambda i: frozenset(shingling.cut(texts[i]))  # noqa: E731
    similar = {copy: jaccard(cut(copy), cut(original)) for copy, original in source.items()}
    near = [(copy, source[copy]) for copy, value in similar.items() if value >= threshold]
    missed = sum(keep[copy] and keep[original] for copy, original in near)
    bands = [(low / 20, low / 20 + 0.05) for low in range(round(threshold * 20), 20)]
    by_band = {}
    for low, high in bands:
        pairs = [pair for pair in near if low <= similar[pair[0]] < high + (high >= 1)]
        if pairs:
            lost = sum(keep[copy] and keep[original] for copy, original in pairs)
            by_band[f"{low:.2f}-{high:.2f}"] = f"{1 - lost / len(pairs):.5f} of {len(pairs)}"
    dropped = [i for i in order if not keep[i]]
    relatives = family(source)
    right = 0
    for i in dropped:
        others = [other for other in relatives.get(source.get(i, i), ()) if other != i and keep[other]]
        right += any(jaccard(cut(i), cut(other)) >= threshold for other in others)
    return {
        "rows": rows,
        "copies planted": len(source),
        "pairs at or above the threshold": len(near),
        "rows dropped": len(dropped),
        "recall (pairs not both kept)": round(1 - missed / max(1, len(near)), 5),
        "recall by Jaccard": by_band,
        "precision (near a kept relative)": round(right / max(1, len(dropped)), 5),
        "dropped for a row that was not planted": len(dropped) - right,
        "seconds": round(seconds, 1),
        "of them signatures": round(signed - started, 1),
        "CPU seconds": round(cpu, 1),
        "rows a second": round(rows / seconds),
        "rows a CPU second": round(rows / cpu),
        "peak memory, MB": round(after / 1e3),
        "of them texts and libraries, MB": round(before / 1e3),
    }


def planted(rows: int, seed: int) -> tuple[list[str], dict[int, int]]:
    """Return texts, and for each copy the row that it was made from."""
    from hf_augment.streams import row_key, stream

    pool = sentences(rows - int(rows * SHARE), seed)
    texts, source = list(pool), {}
    vocabulary = sorted({word for text in pool[:20_000] for word in text.split()})
    while len(texts) < rows:
        draw = stream(seed, "copy", row_key(str(len(texts))), 0)
        original = draw.below(len(pool))
        words = pool[original].split()
        for _ in range(1 + draw.below(MOST_EDITS)):
            place, what = draw.below(len(words)), draw.below(3)
            if what == 0:
                words[place] = draw.choice(vocabulary)
            elif what == 1:
                words.insert(place, draw.choice(vocabulary))
            elif len(words) > 1:
                del words[place]
        source[len(texts)] = original
        texts.append(" ".join(words))
    return texts, source


def sentences(count: int, seed: int) -> list[str]:
    """Return different sentences of real reviews; where those run out, two of them joined."""
    from pyarrow import parquet

    from hf_augment.streams import row_key, stream

    found: dict[str, None] = {}
    for review in parquet.read_table(DATA, columns=["text"])["text"].to_pylist():
        for text in re.split(r"(?<=[.!?])\s+|<br />", review):
            if 8 <= len(text.split()) <= 60:
                found.setdefault(text.strip())
        if len(found) >= count:
            break
    real, draw = list(found), stream(seed, "joined", row_key("sentences"), 0)
    while len(found) < count:
        found.setdefault(f"{draw.choice(real)} {draw.choice(real)}")
    return list(found)[:count]


def family(source: dict[int, int]) -> dict[int, list[int]]:
    """Return for each original itself and its copies."""
    found: dict[int, list[int]] = {}
    for copy, original in source.items():
        found.setdefault(original, [original]).append(copy)
    return found


def peak() -> int:
    """Return the highest resident memory of this process so far, in kB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


if __name__ == "__main__":
    sys.exit(main())
