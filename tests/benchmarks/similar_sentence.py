"""
Similar sentences and TF-IDF on real text: examples, how often a neighbour has another label, speed, equal rows.

    python -m tests.benchmarks.similar_sentence [sst2] [imdb] [tfidf] [same] [index] [--rows 10000] [--sentences 50000]

Pools and vectors are kept in `--folder` between runs.
"""

import argparse
import os
import tempfile
import time
from pathlib import Path

import numpy as np
from datasets import ClassLabel, Dataset, disable_progress_bars

from hf_augment import SimilarSentence, TfIdf
from hf_augment.engine.encoder import load_encoder
from hf_augment.engine.pools import Query, load_pool
from hf_augment.sentences import sentences
from hf_augment.streams import row_key, stream
from hf_augment.transform import Row, Transform, Written
from hf_augment.words import same_words

DATA = Path(__file__).parents[2].parent / "shared" / "data"


def table(name: str, split: str = "train") -> Dataset:
    return Dataset.from_parquet(str(DATA / name / f"{split}.parquet"))


def rows_of(dataset: Dataset, label: str = "label") -> list[Row]:
    feature = dataset.features[label]
    names = feature.names if isinstance(feature, ClassLabel) else None
    labels = [names[value] if names else str(value) for value in dataset[label]]
    return [Row(text, name) for text, name in zip(dataset["text"], labels, strict=True)]


def write(transform: Transform, rows: list[Row], batch: int = 1000, order: list[int] | None = None) -> list:
    found = {}
    order = list(range(len(rows))) if order is None else order
    for top in range(0, len(order), batch):
        places = order[top : top + batch]
        drawn = [stream(0, transform.name, row_key(rows[place].text), 1) for place in places]
        found.update(zip(places, transform.apply([rows[place] for place in places], drawn), strict=True))
    return [found[place] for place in range(len(rows))]


def timed(transform: Transform, rows: list[Row]) -> list:
    write(transform, rows[:10])
    began, wall = time.process_time(), time.perf_counter()
    found = write(transform, rows)
    used, wall = time.process_time() - began, time.perf_counter() - wall
    made = sum(isinstance(outcome, Written) for outcome in found)
    print(
        f"{transform.name}: {len(rows) / used:.0f} rows/s of processor time ({len(rows) / wall:.0f} by the clock), "
        f"{made} of {len(rows)} rows written"
    )
    return found


def show(rows: list[Row], found: list, count: int = 20) -> None:
    for row, outcome in list(zip(rows, found, strict=True))[:: max(1, len(rows) // count)][:count]:
        print(f"- [{row.label}] {row.text[:600]}")
        if not isinstance(outcome, Written):
            print(f"  DECLINED {outcome.reason}")
            continue
        (edits,) = outcome.notes["edits"]
        for edit in edits:
            print(f"  {row.text[edit.start : edit.end][:300]!r} -> {edit.new[:300]!r}")


def pool_of(name: str, dataset: Dataset, folder: Path, **settings) -> str:
    if not (folder / name).exists():
        began = time.process_time()
        SimilarSentence.fit(dataset, folder / name, text="text", label="label", **settings)
        size = len(load_pool(str(folder / name)).texts)
        print(f"pool {name}: {size} texts, {size / (time.process_time() - began):.0f} a second of processor time")
    return str(folder / name)


def neighbours(pool: str) -> None:
    """Say what the nearest text of any label is like."""
    found = load_pool(pool)
    queries = [Query(text, None, 10, (same_words(text),)) for text in found.texts]
    near = found.nearest(queries)
    nearest = np.array([answer[0].cosine for answer in near])
    other = np.array([[n.label != label for n in answer] for answer, label in zip(near, found.labels, strict=True)])
    print(
        f"nearest of any label: cosine quantiles 5/25/50/75/95 % {np.quantile(nearest, [0.05, 0.25, 0.5, 0.75, 0.95])}"
    )
    print(f"the other label: nearest {other[:, 0].mean():.1%}, among the ten nearest {other.mean():.1%}")
    for low in (0.0, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8):
        chosen = nearest >= low
        print(f"  cosine >= {low}: {chosen.mean():.1%} of the texts, other label {other[chosen, 0].mean():.1%}")


def sst2(arguments) -> None:
    """Whole sentences."""
    dataset = table("sst2_sentences")
    pool = pool_of("sst2", dataset, arguments.folder)
    neighbours(pool)
    rows = rows_of(dataset)
    show(rows, timed(SimilarSentence(pool=pool), rows))
    print("rows that are not in the pool:")
    timed(SimilarSentence(pool=pool), rows_of(table("sst2_sentences", "validation")))


def imdb(arguments) -> None:
    """Sentences of reviews."""
    dataset = table("imdb").shuffle(seed=0).select(range(500))
    pool = pool_of("imdb", dataset, arguments.folder, unit="sentence")
    neighbours(pool)
    rows = rows_of(dataset)
    show(rows, timed(SimilarSentence(pool=pool, unit="sentence", rate=0.2), rows))


def tfidf(arguments) -> None:
    """Words."""
    for name in ("sst2_sentences", "imdb"):
        dataset = table(name)
        rows = rows_of(dataset)
        folder = TfIdf.fit(dataset, arguments.folder / f"tfidf-{name}", text="text")
        for action in ("substitute", "insert"):
            print(name, action)
            show(rows, timed(TfIdf(table=folder, rate=0.2, action=action), rows), 20 if action == "substitute" else 5)
    words = [row for row in rows_of(table("sst2_sentences")) if len(row.text.split()) == 20]
    rows = [Row(f"{row.text} {number}") for number in range(10_000 // len(words) + 1) for row in words][:10_000]
    for action in ("substitute", "insert"):
        print("10,000 rows of 20 words", action)
        transform = TfIdf(table=folder, rate=0.1, action=action)
        whole = timed(transform, rows)
        compare(transform, rows, whole)


def same(arguments) -> None:
    """Rows that are not in the pool, in other batches and another order."""
    pool = pool_of("sst2", table("sst2_sentences"), arguments.folder)
    rows = [Row(text) for text in unlabelled(arguments.rows)]
    transform = SimilarSentence(pool=pool, same_label=False, threshold=0.2)
    compare(transform, rows, timed(transform, rows), (64,))


def compare(transform: Transform, rows: list[Row], whole: list, batches: tuple[int, ...] = (7, 64)) -> None:
    order = sorted(range(len(rows)), key=lambda row: stream(1, "order", row_key(rows[row].text), 0).key)
    for batch in batches:
        other = write(transform, rows, batch, order)
        differ = sum(one != two for one, two in zip(whole, other, strict=True))
        print(f"batches of {batch}, another order: {differ} of {len(rows)} rows differ")


def unlabelled(count: int) -> list[str]:
    found: dict[str, None] = {}
    for text in table("pretrain", "imdb_unsup")["text"]:
        found.update((text[start:end], None) for start, end in sentences(text) if 20 <= end - start <= 400)
        if len(found) >= count:
            break
    return list(found)[:count]


def index(arguments) -> None:
    """Recall and speed of the index against an exact search."""
    texts = unlabelled(arguments.sentences + 2000)
    kept = arguments.folder / f"vectors-{len(texts)}.npy"
    if not kept.exists():
        np.save(kept, load_encoder().embed(texts))
    vectors = np.load(kept)
    asked, held = vectors[arguments.sentences :], vectors[: arguments.sentences]
    exact = _seconds("exact", lambda: _exact(asked, held), len(asked))
    from usearch.index import Index

    made = Index(ndim=held.shape[1], metric="ip", dtype="f16", connectivity=32, expansion_add=200)
    _seconds("build", lambda: made.add(np.arange(len(held)), held, threads=1), len(held))
    for reach in (64, 128, 256):
        made.expansion_search = reach
        found = _seconds(
            f"index, reach {reach}", lambda reach=reach: made.search(asked, reach, threads=1).keys, len(asked)
        )
        hits = [len(set(ours[:10].tolist()) & set(best.tolist())) for ours, best in zip(found, exact, strict=True)]
        print(f"  recall@10 {np.mean(hits) / 10:.4f}")


def _exact(asked: np.ndarray, held: np.ndarray) -> np.ndarray:
    found = []
    for top in range(0, len(asked), 256):
        scores = asked[top : top + 256] @ held.T
        best = np.argpartition(-scores, 10, axis=1)[:, :10]
        found += list(best)
    return np.array(found)


def _seconds(what: str, call, count: int):
    began = time.process_time()
    found = call()
    print(f"{what}: {count / (time.process_time() - began):.0f} a second of processor time")
    return found


PARTS = {"sst2": sst2, "imdb": imdb, "tfidf": tfidf, "same": same, "index": index}


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="*", choices=[*PARTS, []], default=[])
    parser.add_argument("--rows", type=int, default=10_000)
    parser.add_argument("--sentences", type=int, default=50_000)
    parser.add_argument("--folder", type=Path, default=Path(tempfile.gettempdir()) / "hf_augment_similar_sentence")
    arguments = parser.parse_args()
    if not DATA.is_dir():
        print(f"skipped: {DATA} is absent")
        return
    os.environ["HF_AUGMENT_REMEMBER"] = "0"  # a remembered text would equal itself
    disable_progress_bars()
    arguments.folder.mkdir(parents=True, exist_ok=True)
    for name in arguments.parts or PARTS:
        print(f"== {name}", flush=True)
        PARTS[name](arguments)


if __name__ == "__main__":
    main()
