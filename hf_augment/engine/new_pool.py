"""A pool of texts is made once, into a folder that appears when it is whole."""

import os
import re
import shutil
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from safetensors.numpy import save_file

from hf_augment.engine.encoder import load_encoder
from hf_augment.engine.pools import FACTS, INDEX, TEXTS, VECTORS
from hf_augment.engine.whole_texts import embed_whole, encoder_identity
from hf_augment.record import write_json
from hf_augment.words import same_words

# Texts of one label from which on an index is made. Up to "auto", reading all vectors costs less than embedding a text.
INDEX_FROM = {"auto": 200_000, "hnsw": 1_000, "none": float("inf")}


def write_pool(
    rows: Iterable[tuple[str, str | None]],
    folder: str | Path,
    *,
    encoder: str,
    revision: str | None,
    unit: str,
    index: str,
    left_out: Mapping[str, int],
) -> None:
    """
    Embed texts and write them into a folder.

    Args:
        rows (`Iterable[tuple[str, str | None]]`): Texts and the names of their labels. Of texts with the same words
            and label, one stays.
        folder (`str` or `Path`): Where to; an earlier pool there is replaced.
        encoder (`str`): As for `load_encoder`.
        revision (`str`, *optional*): As for `load_encoder`.
        unit (`str`): What the texts are: `"text"` or `"sentence"`.
        index (`str`): `"auto"`, `"hnsw"` or `"none"`, see `INDEX_FROM`.
        left_out (`Mapping[str, int]`): Rows that are not among them, by reason; filled while `rows` are read.
    """
    distinct: dict[tuple[str, str], str] = {}
    repeated = 0
    for text, label in rows:
        key = (label or "", same_words(text))
        repeated += key in distinct
        distinct[key] = min(text, distinct.get(key, text))
    if not distinct:
        raise ValueError(f"There are no texts to make a pool of. Rows left out: {dict(left_out) or 'none'}.")
    ordered = sorted((label, text) for (label, _), text in distinct.items())
    labels, texts = [label for label, _ in ordered], [text for _, text in ordered]
    with new_folder(folder, FACTS) as unfinished:
        vectors = embed_whole(load_encoder(encoder, revision), texts)
        save_file({"vectors": vectors}, unfinished / VECTORS)
        indexed = _write_indexes(vectors, labels, INDEX_FROM[index], unfinished / INDEX)
        write_json(unfinished / TEXTS, {"label": labels, "text": texts})
        facts = {
            "encoder": encoder,
            "revision": revision,
            "encoder_identity": encoder_identity(encoder, revision),
            "unit": unit,
            "texts": len(texts),
            "labels": dict(Counter(labels)),
            "indexed": indexed,
            "left_out": {**left_out, "repeated": repeated},
        }
        write_json(unfinished / FACTS, facts)


def _write_indexes(vectors: np.ndarray, labels: list[str], smallest: float, file: Path) -> bool:
    sizes = Counter(labels)
    if max(sizes.values()) < smallest:
        return False
    try:
        from usearch.index import Index
    except ImportError as error:
        raise ImportError(
            f"A pool of {len(labels)} texts gets an approximate index, which usearch makes: pip install "
            "'hf-augment[index]'. Or pass index='none', and every search reads all vectors."
        ) from error
    stored, start = {}, 0
    for number, label in enumerate(sorted(sizes)):
        if sizes[label] >= smallest:
            made = Index(ndim=vectors.shape[1], metric="ip", dtype="f16", connectivity=32, expansion_add=200)
            # One thread: several would link the vectors in another order each time.
            made.add(np.arange(sizes[label]), vectors[start : start + sizes[label]], threads=1)
            stored[str(number)] = np.frombuffer(bytes(made.save()), dtype=np.uint8)
        start += sizes[label]
    save_file(stored, file)
    return True


@contextmanager
def new_folder(folder: str | Path, mark: str) -> Iterator[Path]:
    """
    Lend an empty folder that takes its place when the work in it is done; after an error nothing has changed.

    Args:
        folder (`str` or `Path`): Its place. What lies there is replaced if it is of the same kind.
        mark (`str`): The file by which a folder of that kind is known.

    Raises:
        `FileExistsError`: Something else lies there.
    """
    folder = Path(folder).expanduser()
    if folder.exists() and not (folder.is_dir() and (not any(folder.iterdir()) or (folder / mark).is_file())):
        raise FileExistsError(
            f"{str(folder)!r} exists and holds no {mark}: it is not ours to replace. Name another folder."
        )
    folder.parent.mkdir(parents=True, exist_ok=True)
    left = re.compile(re.escape(folder.name) + r"\.\d+(\.old)?\.tmp")  # by fits that were killed here
    for path in folder.parent.iterdir():
        if left.fullmatch(path.name):
            shutil.rmtree(path)
    unfinished = folder.with_name(f"{folder.name}.{os.getpid()}.tmp")
    unfinished.mkdir()
    try:
        yield unfinished
        if folder.exists():
            replaced = folder.with_name(f"{folder.name}.{os.getpid()}.old.tmp")
            folder.rename(replaced)
            unfinished.rename(folder)
            shutil.rmtree(replaced)
        else:
            unfinished.rename(folder)
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)
