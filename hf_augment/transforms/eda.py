import functools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

from hf_augment.edits import EditTransform
from hf_augment.embedded.thesaurus import check_table, thesaurus_references
from hf_augment.fields import between
from hf_augment.streams import Stream
from hf_augment.transform import Declined, Row, Written
from hf_augment.transforms.random_delete import RandomDelete
from hf_augment.transforms.random_insert import RandomInsert
from hf_augment.transforms.random_swap import RandomSwap
from hf_augment.transforms.synonym import Synonym


@dataclass(frozen=True, kw_only=True)
class Eda(EditTransform):
    """
    Change each copy by one of four operations: replace by synonyms, insert synonyms, swap or delete words.

    The operation is drawn for each copy; one that cannot change the text hands over to the next, in that order.
    `plan(dataset, eda=True)` makes the number of copies that goes with it. Easy data augmentation (Wei and Zou 2019,
    huggingface.co/papers/1901.11196), whose gains come with small training sets.

    Args:
        alpha (`float`, *optional*, defaults to `0.1`):
            Number of words that are replaced, inserted, swapped or deleted, as a fraction of the number of words,
            from 0 to 1. At least one is.
        source (`str`, *optional*, defaults to `"embedded"`):
            Where synonyms come from: `"embedded"` or `"wordnet"`, see [`Synonym`].
        table (`str`, *optional*):
            A file of synonyms of your own instead, see [`Synonym`].

    Example:

    ```python
    >>> train = plan(train, eda=True)
    >>> train = train.map(Augment(Eda.recommended(len(train)), text="text", copies="copies"), batched=True)
    ```
    """

    name: ClassVar[str] = "eda"

    alpha: float = 0.1
    source: Literal["embedded", "wordnet"] = "embedded"
    table: str | None = None

    @classmethod
    def recommended(cls, rows: int) -> "Eda":
        """Make the one that the paper recommends for `rows` training rows: `alpha` 0.05 up to 2,000, then 0.1."""
        return cls(alpha=0.05 if rows <= 2000 else 0.1)

    def check(self):
        between(self.alpha, 0, 1, "eda: alpha")
        check_table(self.table, "eda: table")

    def references(self):
        return thesaurus_references(self.source, self.table)

    def apply(self, rows, streams):
        parts = _parts(self.alpha, self.source, self.table, self.protect, self.reserved)
        return [_one(parts, row, stream) for row, stream in zip(rows, streams, strict=True)]

    def identity(self):
        parts = _parts(self.alpha, self.source, self.table, self.protect, self.reserved)
        return {**super().identity(), "parts": {part.name: part.version for part in parts}}

    def edits(self, row, stream):
        (outcome,) = self.apply([row], [stream])
        return outcome.notes["edits"][0] if isinstance(outcome, Written) else []


@functools.lru_cache(maxsize=64)
def _parts(
    alpha: float, source: str, table: str | None, protect: tuple[str, ...], reserved: tuple[str, ...]
) -> tuple[EditTransform, ...]:
    shared = {"rate": alpha, "protect": protect, "reserved": reserved}
    synonyms = {"source": source, "table": table}
    return (
        Synonym(**shared, **synonyms),
        RandomInsert(**shared, **synonyms),
        RandomSwap(**shared),
        RandomDelete(**shared),
    )


def _one(parts: Sequence[EditTransform], row: Row, stream: Stream) -> Written | Declined:
    first = stream.below(len(parts))
    for turn in range(len(parts)):
        part = parts[(first + turn) % len(parts)]
        (outcome,) = part.apply([row], [stream.child(part.name)])
        if isinstance(outcome, Written):
            break
    return outcome
