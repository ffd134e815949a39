import math
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Literal

from hf_augment.edits import Edit, share
from hf_augment.errors import unknown
from hf_augment.fields import between
from hf_augment.model_transform import ModelEditTransform
from hf_augment.sentences import sentences
from hf_augment.streams import Stream, mix, row_key
from hf_augment.transform import Declined, Row
from hf_augment.transforms.training_texts import texts_of
from hf_augment.words import Span, outside

_TOGETHER = 256  # rows whose outcomes are handed over together
_ENCODER = "sentence-transformers/all-MiniLM-L6-v2"


@dataclass(frozen=True, kw_only=True)
class SimilarSentence(ModelEditTransform):
    """
    Replace texts, or sentences in them, with the most similar ones of a pool.

    The pool is fitted once on the training split; never fit it on rows that you evaluate on, or they leak into
    training. Similar is what stands near in an encoder's vector space (Reimers and Gurevych 2019,
    huggingface.co/papers/1908.10084), which is about topics more than about opinions: of the nearest neighbours in
    SST-2's training sentences, 32 % have the other label. So keep `same_label=True`, and note that a sentence out of a
    longer text has the label of the whole only on average. With `unit="text"` and the rows' own split as the pool, the
    new rows are texts that are there already: only a pool of other texts, or `unit="sentence"`, brings new ones. A row
    is never given its own text or sentences, nor anything of the same words.

    Args:
        pool (`str`):
            The folder that `SimilarSentence.fit` wrote.
        unit (`str`, *optional*, defaults to `"text"`):
            `"text"` replaces the whole text, `"sentence"` some of its sentences.
        rate (`float`, *optional*, defaults to `0.3`):
            Share of the sentences to replace, from 0 to 1, with `unit="sentence"`. At least one is.
        same_label (`bool`, *optional*, defaults to `True`):
            Only take what has the row's label.
        threshold (`float`, *optional*, defaults to `0.5`):
            The least cosine similarity, from -1 to 1.
        top_k (`int`, *optional*, defaults to `10`):
            How many of the most similar are drawn from.
        temperature (`float`, *optional*, defaults to `0.1`):
            How the draw prefers the nearer ones: the odds of two are exp(difference of cosines / temperature); 0 takes
            the nearest.
        encoder (`str`, *optional*):
            Where the encoder that the pool was fitted with lies by now, if it was moved.

    Example:

    ```python
    >>> SimilarSentence.fit(train, "pool", text="text", label="label", unit="sentence")
    >>> augment = Augment(SimilarSentence(pool="pool", unit="sentence"), text="text", label="label")
    >>> train = train.map(augment, batched=True)
    ```
    """

    name: ClassVar[str] = "similar_sentence"
    needs: ClassVar[str] = "a pool: `SimilarSentence.fit(train, folder, text=...)`"
    of_labels: ClassVar[bool] = True

    pool: str
    unit: Literal["text", "sentence"] = "text"
    rate: float = 0.3
    same_label: bool = True
    threshold: float = 0.5
    top_k: int = 10
    temperature: float = 0.1
    encoder: str | None = None

    def check(self):
        between(self.rate, 0, 1, "similar_sentence: rate")
        between(self.threshold, -1, 1, "similar_sentence: threshold")
        between(self.top_k, 1, 1000, "similar_sentence: top_k")
        between(self.temperature, 0, 100, "similar_sentence: temperature")

    @property
    def reads(self) -> tuple[str, ...]:
        return ("text", "label") if self.same_label else ("text",)

    def references(self):
        from hf_augment.engine.resources import identity

        return {"pool": identity(self.pool), "encoder": None}  # the pool holds the encoder's identity

    @classmethod
    def fit(
        cls,
        dataset: Any,
        folder: str | Path,
        *,
        text: str,
        label: str | None = None,
        unit: Literal["text", "sentence"] = "text",
        encoder: str = _ENCODER,
        revision: str | None = None,
        index: Literal["auto", "hnsw", "none"] = "auto",
        label_names: Sequence[str] | None = None,
    ) -> str:
        """
        Embed the texts of the training split and write them, with labels and vectors, into a folder.

        Of texts with the same words and label one is kept; rows without text, or without label where one is asked for,
        are left out and counted in `pool.json`. Texts longer than the encoder reads are embedded in pieces.

        Args:
            dataset (`Dataset` or `IterableDataset`): The training split. Never one that you evaluate on.
            folder (`str` or `Path`): Where to; it appears when it is whole, and an earlier pool there is replaced.
            text (`str`): The column of texts.
            label (`str`, *optional*): The column of labels, for `same_label=True`.
            unit (`str`, *optional*, defaults to `"text"`): `"sentence"` puts each sentence of a text into the pool.
            encoder (`str`, *optional*, defaults to all-MiniLM-L6-v2): A folder or Hub id of a sentence encoder.
            revision (`str`, *optional*): A commit, branch or tag of an encoder on the Hub.
            index (`str`, *optional*, defaults to `"auto"`): `"none"` compares with every vector, which is exact.
                `"hnsw"` makes an approximate index of each label with 1,000 texts or more (needs the extra
                `index`), `"auto"` of each with 200,000 or more.
            label_names (`list[str]`, *optional*): Names of integer labels where the dataset does not carry them.

        Returns:
            `str`: The folder.

        Raises:
            `TypeError`: A `DatasetDict` was given.
            `ValueError`: There is no such column, or no text.
        """
        from hf_augment.engine.new_pool import INDEX_FROM, write_pool

        for given, possible, kind in ((unit, ("text", "sentence"), "unit"), (index, INDEX_FROM, "index")):
            if given not in possible:
                raise ValueError("similar_sentence: fit: " + unknown(kind, given, possible))
        left_out: Counter = Counter()
        rows = _units(texts_of(dataset, text, label, label_names, left_out, "fit a pool on"), unit)
        write_pool(rows, folder, encoder=encoder, revision=revision, unit=unit, index=index, left_out=left_out)
        return str(folder)

    def find_edits(self, rows, streams):
        from hf_augment.engine.pools import load_pool

        pool = load_pool(self.pool, self.encoder)
        self._check_pool(pool)
        for top in range(0, len(rows), _TOGETHER):
            part = slice(top, top + _TOGETHER)
            yield from enumerate(self._replace(pool, rows[part], streams[part]), top)

    def _check_pool(self, pool: Any) -> None:
        if self.same_label and list(pool.parts) == [""]:
            raise ValueError(
                f"similar_sentence: same_label: the pool {self.pool!r} was fitted without labels. Fit it with label=, "
                "or write same_label=False."
            )
        if self.unit == "text" and pool.facts["unit"] == "sentence":
            raise ValueError(
                f"similar_sentence: unit: the pool {self.pool!r} holds sentences, and a whole text would be replaced "
                "with one of them. Write unit='sentence', or fit a pool with unit='text'."
            )

    def _replace(self, pool: Any, rows: Sequence[Row], streams: Sequence[Stream]) -> list[list[Edit] | Declined]:
        from hf_augment.engine.pools import Query
        from hf_augment.words import same_words

        targets = [self._targets(pool, row, stream) for row, stream in zip(rows, streams, strict=True)]
        queries = []
        for row, spans in zip(rows, targets, strict=True):
            if isinstance(spans, Declined):
                continue
            own = {same_words(row.text[start:end]) for start, end in [(0, len(row.text)), *sentences(row.text)]}
            label = row.label if self.same_label else None
            count = self.top_k + len(spans) - 1  # those that stand in the text already are passed over
            queries += [Query(row.text[start:end], label, count, tuple(own)) for start, end in spans]
        found = iter(pool.nearest(queries, self.threshold))
        return [
            spans if isinstance(spans, Declined) else self._drawn([(span, next(found)) for span in spans], stream)
            for spans, stream in zip(targets, streams, strict=True)
        ]

    def _targets(self, pool: Any, row: Row, stream: Stream) -> list[Span] | Declined:
        if self.same_label and row.label is None:
            return Declined("the row has no label")
        if self.same_label and row.label not in pool.parts:
            return Declined(f"the pool has no text of the label {row.label!r}")
        if not row.text.strip():
            return Declined("no text")
        taken = self.protected(row)
        if self.unit == "text":
            start = len(row.text) - len(row.text.lstrip())
            whole = (start, len(row.text.rstrip()))
            return [whole] if outside([whole], taken) else Declined("the text holds what is protected")
        found = sentences(row.text)
        free = outside(found, taken)
        if not free:
            return Declined("every sentence holds what is protected" if found else "no sentences")
        return [free[place] for place in stream.sample(len(free), share(self.rate, len(found)))]

    def _drawn(self, found: list[tuple[Span, list[Any]]], stream: Stream) -> list[Edit] | Declined:
        edits: list[Edit] = []
        for number, (span, neighbours) in enumerate(found):
            used = {edit.new for edit in edits}
            near = [neighbour for neighbour in neighbours if neighbour.text not in used][: self.top_k]
            if near:
                key = stream.child(f"replacement {number}").key
                edits.append(Edit(*span, max(near, key=lambda neighbour: self._score(neighbour, key)).text))
        return edits or Declined("nothing similar in the pool")

    def _score(self, neighbour: Any, key: int) -> float:
        """Gumbel noise by the candidate's text: more texts in the pool leave the draws among the others as they are."""
        if not self.temperature:
            return neighbour.cosine
        bits = mix(key ^ int.from_bytes(row_key(neighbour.text)[:8], "little"))
        return neighbour.cosine / self.temperature - math.log(-math.log(((bits >> 11) + 0.5) * 2.0**-53))


def _units(rows: Iterator[tuple[str, str | None]], unit: str) -> Iterator[tuple[str, str | None]]:
    for text, label in rows:
        for start, end in sentences(text) if unit == "sentence" else [(0, len(text))]:
            yield text[start:end], label
