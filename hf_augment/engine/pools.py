"""Pools of texts with their vectors: what in them is most similar to a text."""

import functools
import os
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from safetensors import safe_open
from safetensors.torch import load_file

from hf_augment.engine.encoder import Encoder, load_encoder
from hf_augment.engine.resources import identity, locate, one_thread_in_workers
from hf_augment.engine.whole_texts import embed_whole, encoder_identity
from hf_augment.record import read_json
from hf_augment.words import same_words

FACTS, TEXTS, VECTORS, INDEX = "pool.json", "texts.json", "vectors.safetensors", "index.safetensors"
_SLACK = 16  # further candidates, so that float error in a large product cannot push a text out of the ranking
_REACH = 256  # candidates that the index looks at
_AT_ONCE = 1 << 24  # similarities in memory


class Query(NamedTuple):
    """
    A question to a pool.

    Args:
        text (`str`): What the answers should be similar to.
        label (`str`, *optional*): The label that they must have; `None` for any.
        count (`int`): The most answers.
        barred (`Sequence[str]`, *optional*): `same_words` of the texts that must not come out.
    """

    text: str
    label: str | None
    count: int
    barred: Sequence[str] = ()


class Neighbour(NamedTuple):
    """A text of the pool, its label (`""` for none), and its cosine similarity to what was asked for."""

    text: str
    label: str
    cosine: float


@dataclass(frozen=True)
class Pool:
    """
    Texts with their labels and vectors, in order of label and text.

    Args:
        facts (`dict`): What `pool.json` says.
        texts (`list[str]`): No two of a label with the same words.
        labels (`list[str]`): The name of each text's label, `""` for none.
        vectors (`torch.Tensor`): One of length 1 for each text, where they are compared.
        kept (`np.ndarray`): The same in main memory.
        encoder (`str`), revision (`str`, *optional*): Where the encoder that made them is found.
    """

    facts: dict[str, Any]
    texts: list[str]
    labels: list[str]
    vectors: torch.Tensor
    kept: np.ndarray
    indexes: dict[str, Any]
    encoder: str
    revision: str | None

    @functools.cached_property
    def parts(self) -> dict[str, slice]:
        """Where the texts of each label stand."""
        starts = {label: i for i, label in reversed(list(enumerate(self.labels)))}
        return {label: slice(start, start + self.facts["labels"][label]) for label, start in starts.items()}

    @functools.cached_property
    def _said(self) -> dict[str, list[int]]:
        places = defaultdict(list)
        for place, text in enumerate(self.texts):
            places[same_words(text)].append(place)
        return dict(places)

    @functools.cached_property
    def _place(self) -> dict[str, int]:
        return {text: place for place, text in enumerate(self.texts)}

    def nearest(self, queries: Sequence[Query], threshold: float = -1.0) -> list[list[Neighbour]]:
        """
        Find the texts that are most similar to each of some texts, the most similar first, no two with the same words.

        Args:
            queries (`Sequence[Query]`): What is asked for; the answers to one do not depend on the others.
            threshold (`float`, *optional*, defaults to `-1.0`): The least cosine similarity.
        """
        asked = self._embed([query.text for query in queries])
        barred = [{place for said in query.barred for place in self._said.get(said, ())} for query in queries]
        found: list[list[int]] = [[] for _ in queries]
        for label, rows in self._by_part(queries).items():
            counts = [queries[row].count + len(barred[row]) for row in rows]
            for row, places in zip(rows, self._shortlists(label, asked[rows], counts), strict=True):
                found[row] += [place for place in places if place not in barred[row]]
        return [self._ranked(*task, threshold) for task in zip(queries, asked, found, strict=True)]

    def _by_part(self, queries: Sequence[Query]) -> dict[str | None, list[int]]:
        rows: dict[str | None, list[int]] = defaultdict(list)
        for row in sorted(range(len(queries)), key=lambda row: queries[row].text):
            label = queries[row].label
            anywhere = list(self.parts) if self.indexes else [None]
            for part in anywhere if label is None else [label] if label in self.parts else []:
                rows[part].append(row)
        return rows

    def _shortlists(self, label: str | None, asked: np.ndarray, counts: list[int]) -> Iterator[list[int]]:
        part = slice(0, len(self.texts)) if label is None else self.parts[label]
        size = part.stop - part.start
        if label in self.indexes:
            for vector, count in zip(asked, counts, strict=True):
                reached = self.indexes[label].search(vector, min(size, max(_REACH, count)), threads=1)
                yield [part.start + int(key) for key in reached.keys]
            return
        most, together = min(size, max(counts) + _SLACK), max(1, _AT_ONCE // size)
        for top in range(0, len(asked), together):
            block = torch.from_numpy(asked[top : top + together]).to(self.vectors.device)
            yield from ((block @ self.vectors[part].T).topk(most).indices + part.start).tolist()

    def _ranked(self, query: Query, asked: np.ndarray, places: list[int], threshold: float) -> list[Neighbour]:
        # Pair by pair in double precision: a large product rounds differently with the number of its rows.
        cosines = (self.kept[places].astype(np.float64) * asked.astype(np.float64)).sum(-1).round(6).tolist()
        best: dict[str, Neighbour] = {}
        for cosine, place in sorted(zip(cosines, places, strict=True), key=lambda pair: (-pair[0], pair[1])):
            if cosine < threshold or len(best) == query.count:
                break
            best.setdefault(same_words(self.texts[place]), Neighbour(self.texts[place], self.labels[place], cosine))
        return list(best.values())

    def _embed(self, texts: Sequence[str]) -> np.ndarray:
        """Embed texts, but for those whose vectors lie in the pool."""
        new = sorted({text for text in texts if text not in self._place})
        vectors = np.empty((len(texts), self.kept.shape[1]), dtype=np.float32)
        made = {}
        if new:
            made = dict(zip(new, embed_whole(self._encoder(), new), strict=True))
        for row, text in enumerate(texts):
            vectors[row] = made[text] if text in made else self.kept[self._place[text]]
        return vectors

    def _encoder(self) -> Encoder:
        found = encoder_identity(self.encoder, self.revision)
        if found != self.facts["encoder_identity"]:
            raise ValueError(
                f"The pool was fitted with another encoder than {self.encoder!r} is now: expected the identity "
                f"{self.facts['encoder_identity'][:12]}…, found {found[:12]}…. Fit the pool again, or pass encoder= "
                f"with a folder or Hub id that holds the one it was fitted with ({self.facts['encoder']!r} then)."
            )
        return load_encoder(self.encoder, self.revision)


def load_pool(reference: str, encoder: str | None = None) -> Pool:
    """
    Load a pool, once for each content and process; forked workers find their parent's.

    Args:
        reference (`str`): A folder that `SimilarSentence.fit` wrote, or the id of its copy on the Hub.
        encoder (`str`, *optional*): Where the encoder lies by now, if not where it lay when the pool was fitted.

    Raises:
        `FileNotFoundError`: There is no pool.
    """
    one_thread_in_workers()
    device = "cuda" if torch.cuda.is_available() else "cpu"
    return _load(locate(reference), identity(reference), encoder, device)


@functools.lru_cache(maxsize=4)
def _load(folder: Path, content: str, encoder: str | None, device: str) -> Pool:
    facts, texts = read_json(folder / FACTS), read_json(folder / TEXTS)
    if not isinstance(facts, dict) or not isinstance(texts, dict) or not (folder / VECTORS).is_file():
        raise FileNotFoundError(
            f"The folder {str(folder)!r} holds no pool, but {sorted(os.listdir(folder))}. Make one from the training "
            "split: SimilarSentence.fit(dataset, folder, text='text', label='label')."
        )
    vectors = load_file(folder / VECTORS)["vectors"]
    indexes = _indexes(folder / INDEX, sorted(facts["labels"])) if facts["indexed"] else {}
    where = (encoder, None) if encoder is not None else (facts["encoder"], facts["revision"])
    return Pool(facts, texts["text"], texts["label"], vectors.to(device), vectors.numpy(), indexes, *where)


def _indexes(file: Path, labels: list[str]) -> dict[str, Any]:
    try:
        from usearch.index import Index
    except ImportError as error:
        raise ImportError(
            "The pool has an index, which is read by usearch: pip install 'hf-augment[index]'. Or fit it again with "
            "index='none'."
        ) from error
    with safe_open(file, "np") as stored:
        names = list(stored.keys())
        return {labels[int(name)]: Index.restore(stored.get_tensor(name).tobytes()) for name in names}
