from dataclasses import dataclass
from typing import ClassVar, Literal

from hf_augment.edits import Edit, EditTransform, share
from hf_augment.embedded.inflection import cased
from hf_augment.embedded.thesaurus import check_table, substitutes, thesaurus_references
from hf_augment.fields import between
from hf_augment.transforms.synonym import article_edits
from hf_augment.words import Span


@dataclass(frozen=True, kw_only=True)
class RandomInsert(EditTransform):
    """
    Insert synonyms of the text's words at random places.

    Breaks the grammar around each insertion. The random insertion of EDA (Wei and Zou 2019,
    huggingface.co/papers/1901.11196); a sentence keeps its first word.

    Args:
        rate (`float`, *optional*, defaults to `0.1`):
            Number of insertions, as a fraction of the number of words, from 0 to 1. At least one is made.
        source (`str`, *optional*, defaults to `"embedded"`):
            Where synonyms come from: `"embedded"` or `"wordnet"`, see [`Synonym`].
        table (`str`, *optional*):
            A file of synonyms of your own instead, see [`Synonym`].

    Example:

    ```python
    >>> augment = Augment(RandomInsert(rate=0.2), text="text", label="label")
    >>> train = train.map(augment, batched=True)
    ```
    """

    name: ClassVar[str] = "random_insert"

    rate: float = 0.1
    source: Literal["embedded", "wordnet"] = "embedded"
    table: str | None = None

    def check(self):
        between(self.rate, 0, 1, "random_insert: rate")
        check_table(self.table, "random_insert: table")

    def references(self):
        return thesaurus_references(self.source, self.table)

    def edits(self, row, stream):
        text, spans = row.text, self.words(row)
        look = substitutes(self.source, self.table)
        sources = [word for start, end in spans if look((word := text[start:end]).lower())]
        if not sources:
            return []
        places = inner_boundaries(text, spans)
        edits = []
        for drawn in stream.sample(len(places), share(self.rate, len(spans))):
            index = places[drawn]
            start, end = spans[index]
            like = stream.choice(sources)
            new = stream.choice(look(like.lower()))[0]
            if like.isupper() and len(like) > 1:
                new = new.upper()
            elif start == 0:
                new = cased(new, text[start:end])
            edits.append(Edit(start, start, new + " "))
            edits += article_edits(text, spans, index, new)
        return edits


def boundaries(text: str, spans: list[Span]) -> list[int]:
    """Find the words before which another can stand: not the 5 of "$5", whose sign belongs to it."""
    return [i for i, (start, _) in enumerate(spans) if start == 0 or text[start - 1] in _OPENING]


def inner_boundaries(text: str, spans: list[Span]) -> list[int]:
    """Find the words inside sentences before which another can stand; all `boundaries` if there are none."""
    found = boundaries(text, spans)
    inner = [i for i in found if i > 0 and _ENDING.isdisjoint(text[spans[i - 1][1] : spans[i][0]])]
    return inner or found


_OPENING = frozenset(" \t\n\r\u00a0\u2009\u202f\u3000([{\"'“‘«¿¡—")
_ENDING = frozenset(".!?\n।؟…")
