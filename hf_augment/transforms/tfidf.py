import functools
import math
from bisect import bisect_right
from collections import Counter
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path
from typing import Any, ClassVar, Literal, NamedTuple

from hf_augment.edits import Edit, EditTransform, share
from hf_augment.embedded.inflection import cased
from hf_augment.fields import between
from hf_augment.streams import Stream
from hf_augment.transform import Row
from hf_augment.transforms.random_insert import inner_boundaries
from hf_augment.transforms.synonym import article_edits
from hf_augment.transforms.training_texts import texts_of
from hf_augment.words import Span, words

_FILE = "tfidf.json"


class _Table(NamedTuple):
    """IDF by word and of an unknown one; the words that may be put in, and their weights summed up."""

    idf: dict[str, float]
    unknown: float
    words: list[str]
    weights: list[float]

    def draw(self, stream: Stream, other_than: str = "") -> str:
        place = bisect_right(self.weights, stream.uniform() * self.weights[-1])
        if self.words[place] == other_than:
            place = (place + 1) % len(self.words)
        return self.words[place]


@dataclass(frozen=True, kw_only=True)
class TfIdf(EditTransform):
    """
    Replace words that say little about their text with other words that say little.

    The TF-IDF based word replacing of UDA (Xie et al. 2020, huggingface.co/papers/1904.12848, section 2.2 and appendix),
    with IDF(w) = ln((1 + documents) / (1 + documents with w)) and TF(w) = occurrences in the text / words in it. A word
    is chosen with a weight of C - TF(w) IDF(w), where C is the highest TF-IDF in its text, so the word that says most
    stays. What replaces it is drawn from the whole table with a weight of max S - S(w), where S(w) = occurrences of w in
    all documents * IDF(w), so the keywords of the corpus are drawn least. Grammar is not kept, and neither is sense:
    it is noise for consistency training and for classifiers, not a paraphrase. Labels are not read.

    Args:
        table (`str`):
            The folder that `TfIdf.fit` wrote.
        rate (`float`, *optional*, defaults to `0.1`):
            Number of replacements or insertions, as a fraction of the number of words, from 0 to 1. At least one is
            made.
        action (`str`, *optional*, defaults to `"substitute"`):
            `"substitute"`, or `"insert"`, which puts words that say little at random places inside sentences.

    Example:

    ```python
    >>> TfIdf.fit(train, "tfidf", text="text")
    >>> train = train.map(Augment(TfIdf(table="tfidf", rate=0.2), text="text", label="label"), batched=True)
    ```
    """

    name: ClassVar[str] = "tfidf"
    needs: ClassVar[str] = "a table: `TfIdf.fit(train, folder, text=...)`"

    table: str
    rate: float = 0.1
    action: Literal["substitute", "insert"] = "substitute"

    def check(self):
        between(self.rate, 0, 1, "tfidf: rate")

    def references(self):
        from hf_augment.engine.resources import identity

        return {"table": identity(self.table)}

    @classmethod
    def fit(cls, dataset: Any, folder: str | Path, *, text: str, min_documents: int = 2) -> str:
        """
        Count the words of the training split and write the table into a folder.

        Args:
            dataset (`Dataset` or `IterableDataset`): The training split.
            folder (`str` or `Path`): Where to; it appears when it is whole, and an earlier table there is replaced.
            text (`str`): The column of texts.
            min_documents (`int`, *optional*, defaults to `2`): In how many texts a word must occur to be put into
                others: what occurs once is often a name or a misspelling.

        Returns:
            `str`: The folder.

        Raises:
            `TypeError`: A `DatasetDict` was given.
            `ValueError`: There is no such column, or no word.
        """
        from hf_augment.engine.new_pool import new_folder
        from hf_augment.record import write_json

        between(min_documents, 1, 1 << 31, "tfidf: fit: min_documents")
        documents, holding, occurrences, left_out = 0, Counter(), Counter(), Counter()
        for said, _ in texts_of(dataset, text, None, None, left_out, "fit a TF-IDF table on"):
            found = [said[start:end].lower() for start, end in words(said)]
            documents += bool(found)
            holding.update(set(found))
            occurrences.update(found)
        if not any(_may_enter(word, count, min_documents) for word, count in holding.items()):
            raise ValueError(
                f"tfidf: fit: no word occurs in {min_documents} of {documents} texts of the column {text!r}. "
                "Give more texts, or write min_documents=1."
            )
        with new_folder(folder, _FILE) as unfinished:
            ordered = sorted(holding)
            table = {
                "documents": documents,
                "min_documents": min_documents,
                "words": ordered,
                "documents_with": [holding[word] for word in ordered],
                "occurrences": [occurrences[word] for word in ordered],
                "left_out": dict(left_out),
            }
            write_json(unfinished / _FILE, table)
        return str(folder)

    def apply(self, rows, streams):
        table = _load(self.table)  # once a batch: what lies in the folder is looked at each time
        return [self.written(row, self._edits(table, row, stream)) for row, stream in zip(rows, streams, strict=True)]

    def edits(self, row, stream):
        return self._edits(_load(self.table), row, stream)

    def _edits(self, table: _Table, row: Row, stream: Stream) -> list[Edit]:
        spans = self.words(row)
        if not spans:
            return []
        if self.action == "insert":
            return self._insert(table, row.text, spans, stream)
        return self._substitute(table, row.text, spans, stream)

    def _substitute(self, table: _Table, text: str, spans: list[Span], stream: Stream) -> list[Edit]:
        low = [text[start:end].lower() for start, end in spans]
        chosen = _least_said(table, low, share(self.rate, len(spans)), stream)
        edits = []
        for index in chosen:
            start, end = spans[index]
            new = cased(table.draw(stream, low[index]), text[start:end])
            edits.append(Edit(start, end, new))
            if index - 1 not in chosen:
                edits += article_edits(text, spans, index, new)
        return edits

    def _insert(self, table: _Table, text: str, spans: list[Span], stream: Stream) -> list[Edit]:
        places = inner_boundaries(text, spans)
        edits = []
        for place in stream.sample(len(places), share(self.rate, len(spans))):
            start = spans[places[place]][0]
            new = table.draw(stream)
            edits.append(Edit(start, start, new + " "))
            edits += article_edits(text, spans, places[place], new)
        return edits


def _least_said(table: _Table, low: list[str], count: int, stream: Stream) -> list[int]:
    """Draw words without putting back, with the weight C - TF-IDF (Efraimidis and Spirakis 2006)."""
    idf, unknown = table.idf, table.unknown
    known = [idf.get(word, unknown) for word in low]
    if len(set(low)) < len(low):
        times = Counter(low)
        known = [times[word] * value for word, value in zip(low, known, strict=True)]
    most = max(known)  # dividing all by the number of words changes no odds
    uniform, log = stream.uniform, math.log
    drawn = [(log(1.0 - uniform()) / (value - most), index) for index, value in enumerate(known) if value < most]
    drawn.sort()
    return [index for _, index in drawn[:count]]


def _may_enter(word: str, documents: int, least: int) -> bool:
    return documents >= least and word[0].isalpha()


def _load(reference: str) -> _Table:
    from hf_augment.engine.resources import identity, locate

    return _read(str(locate(reference)), identity(reference))


@functools.lru_cache(maxsize=4)
def _read(folder: str, content: str) -> _Table:
    from hf_augment.record import read_json

    table = read_json(Path(folder) / _FILE)
    if not isinstance(table, dict):
        raise FileNotFoundError(
            f"The folder {folder!r} holds no TF-IDF table. Make one from the training split: "
            "TfIdf.fit(dataset, folder, text='text')."
        )
    documents = table["documents"]
    idf = [math.log((1 + documents) / (1 + count)) for count in table["documents_with"]]
    scores = [count * weight for count, weight in zip(table["occurrences"], idf, strict=True)]
    most = max(scores)
    held = zip(table["words"], table["documents_with"], strict=True)
    put = [place for place, (word, count) in enumerate(held) if _may_enter(word, count, table["min_documents"])]
    weights = list(accumulate(most - scores[place] for place in put))
    if not weights[-1]:  # one score for all words, so no word is a keyword
        weights = list(accumulate(1.0 for _ in put))
    return _Table(
        dict(zip(table["words"], idf, strict=True)),
        math.log(1 + documents),
        [table["words"][place] for place in put],
        weights,
    )
