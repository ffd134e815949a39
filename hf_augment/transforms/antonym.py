from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal, NamedTuple

from hf_augment.edits import Edit, EditTransform, share
from hf_augment.embedded.inflection import cased
from hf_augment.embedded.lexicon import FOLDER, identities, stop_words
from hf_augment.embedded.roles import ADJECTIVE, fitting
from hf_augment.embedded.thesaurus import check_table, substitutes
from hf_augment.engine.digests import file_identity
from hf_augment.fields import between
from hf_augment.streams import Stream
from hf_augment.transform import Declined, Row, Written
from hf_augment.transforms.synonym import article_edits
from hf_augment.words import Span, outside, words

_Look = Callable[[str], tuple[tuple[str, str], ...]]


@dataclass(frozen=True, kw_only=True)
class Antonym(EditTransform):
    """
    Replace words with antonyms: keep the meaning by a "not", or turn it round and the label with it.

    Without `flip`, what is said of something is denied of its opposite, and the label stays: "was boring" becomes "was
    not interesting", "isn't good" becomes "is bad". "Was great" becomes a weaker "was not bad", which a judge that
    averages over words, as that of `select` does, takes for blame.

    With `flip`, words are replaced and nothing else ("a great film, well acted": "a bad film, poorly acted"), and each
    copy gets the label that `flip` names for its source's; a row whose label it does not name is declined. What a text
    says in words that the table lacks stays as it was, so many new labels are wrong: let a selection judge the copies.
    Of the labels of 353 copies of SST-2 sentences, a judge that reads 87 % of their sources rightly agreed with 61 %; with
    `least=0`, with 49 % of 986.

    Args:
        flip (`dict[str, str]`, *optional*):
            For the name of a label the name of the one that the opposite text has: `{"positive": "negative", "negative":
            "positive"}`. A label that antonyms cannot change (a topic) may stand for itself.
        vocabulary (`str`, *optional*, defaults to `"judgements"`):
            `"judgements"`, words that praise or blame, or `"all"`, which adds the antonyms of WordNet (open and closed,
            son and daughter); these seldom turn a label round.
        rate (`float`, *optional*, defaults to `1.0`):
            Number of replacements, as a fraction of the words that can be replaced, from 0 to 1. At least one is made.
        least (`float`, *optional*, defaults to `0.1`):
            With `flip`, the fraction of a text's words that must be replaced for its label to be turned round.
        table (`str`, *optional*):
            A file of your own instead, in the format of [`Synonym`]: on each line a word, a tab and its antonyms.

    Example:

    ```python
    >>> flip = {"positive": "negative", "negative": "positive"}
    >>> augment = Augment(Antonym(flip=flip), text="text", label="label")
    >>> train = train.map(augment, batched=True)
    ```
    """

    name: ClassVar[str] = "antonym"
    needs: ClassVar[str] = "label names for `flip`; without it nothing"
    of_labels: ClassVar[bool] = True

    flip: dict[str, str] | None = None
    vocabulary: Literal["judgements", "all"] = "judgements"
    rate: float = 1.0
    least: float = 0.1
    table: str | None = None

    @property
    def reads(self):
        return ("text",) if self.flip is None else ("text", "label")

    def check(self):
        between(self.rate, 0, 1, "antonym: rate")
        between(self.least, 0, 1, "antonym: least")
        check_table(self.table, "antonym: table")
        if self.flip is not None and not self.flip:
            raise ValueError(
                "antonym: flip: expected what each label turns into, got none. Write {'positive': 'negative', "
                "'negative': 'positive'}, or leave it out to keep the meaning."
            )

    def references(self):
        return {"table": file_identity(self._file()), **identities("irregular", "stop_words")}

    def _file(self) -> str:
        return self.table or str(FOLDER / _FILES[self.vocabulary])

    def apply(self, rows, streams):
        return [self._outcome(row, stream) for row, stream in zip(rows, streams, strict=True)]

    def _outcome(self, row: Row, stream: Stream) -> Written | Declined:
        if self.flip is None:
            return self.written(row, self.edits(row, stream))
        if row.label not in self.flip:
            return Declined(f"flip does not name the label {row.label!r}")
        places = self._places(row)
        if places and share(self.rate, len(places)) < self.least * len(words(row.text)):
            return Declined("too few words to turn the label round")
        outcome = self.written(row, self._drawn(row, places, stream))
        return outcome._replace(also={"label": self.flip[row.label]}) if isinstance(outcome, Written) else outcome

    def edits(self, row, stream):
        return self._drawn(row, self._places(row), stream)

    def _places(self, row: Row) -> list["_Place"]:
        find = _denials if self.flip is None else _opposites
        places = find(row.text, self.words(row), substitutes("embedded", self._file()))
        taken = self.protected(row)
        if taken:  # a protected space between "not" and "good"
            free = set(outside([(place.start, place.end) for place in places], taken))
            places = [place for place in places if place[:2] in free]
        return places

    def _drawn(self, row: Row, places: list["_Place"], stream: Stream) -> list[Edit]:
        text, spans, edits = row.text, self.words(row), []
        for drawn in sorted(stream.sample(len(places), share(self.rate, len(places)))) if places else ():
            start, end, index, before, choices = places[drawn]
            new = stream.choice(choices)
            edits.append(Edit(start, end, before + cased(new, text[slice(*spans[index])])))
            if self.flip is not None:
                edits += article_edits(text, spans, index, new)
        return edits


_FILES = {"judgements": "judgements.tsv", "all": "antonyms.tsv"}

_BE = frozenset(
    [
        "is",
        "are",
        "was",
        "were",
        "am",
        "it's",
        "that's",
        "he's",
        "she's",
        "there's",
        "here's",
        "i'm",
        "you're",
        "we're",
        "they're",
    ]
)
_NOT = frozenset(["isn't", "aren't", "wasn't", "weren't"])
_ENDING = frozenset(".!?\n:;")
_SPOILING = frozenset(["enough", "and", "or", "nor"])  # "is good and cheap" denies both
# A judgement and its neighbour that together judge nothing, or not that way.
_PHRASES = {
    *("as well", "well as", "had better", "kind of", "at best", "at worst", "best friend", "best friends", "best man"),
    *("good morning", "good evening", "good night", "good luck", "bad luck", "good deal", "good thing", "fast food"),
    *("for good", "sad to", "safe to", "clear that", "fresh air", "positive that", "sharp turn"),
}


class _Place(NamedTuple):
    """Where something can be replaced, by what; `index` is the word's, `before` what goes before its antonym."""

    start: int
    end: int
    index: int
    before: str
    choices: Sequence[str]


def _opposites(text: str, spans: list[Span], look: _Look) -> list[_Place]:
    """Find the words that have antonyms in their place."""
    places = []
    for index, span in enumerate(spans):
        word = text[slice(*span)]
        found = look(word.lower())
        if found and not _is_name(text, spans, index):
            before, after = _beside(text, spans, index, -1), _beside(text, spans, index, 1)
            low = word.lower()
            if f"{before} {low}" in _PHRASES or f"{low} {after}" in _PHRASES or (low == "well" and not before):
                continue
            choices = fitting(found, before, after)
            if choices:
                places.append(_Place(*span, index, "", choices))
    return places


def _denials(text: str, spans: list[Span], look: _Look) -> list[_Place]:
    """Find adjectives that something is said to be, or not to be: deny the antonym, or say it."""
    places = []
    for index in range(1, len(spans)):
        start, end = spans[index]
        word = text[start:end]
        found = look(word.lower())
        # The mild ones come first; and "not unimpressed" is no way to say "impressed".
        choices = [other for other, role in found if role in (ADJECTIVE, "") and not other.endswith(word.lower())][:3]
        if not choices or not (word.islower() or word.isupper()) or not _ends_there(text, spans, index):
            continue
        before = _beside(text, spans, index, -1).replace("’", "'")
        left = spans[index - 1]
        # Not "Is good food dear?"
        inside = index > 1 and _ENDING.isdisjoint(text[spans[index - 2][1] : left[0]])
        if before == "not" and _beside(text, spans, index - 1, -1).replace("’", "'") in _BE:
            places.append(_Place(left[0], end, index, "", choices))
        elif before in _NOT and inside:
            places.append(_Place(left[1] - 3, end, index, " ", choices))
        elif before in _BE and ("'" in before or inside):
            places.append(_Place(start, end, index, "NOT " if word.isupper() and end - start > 1 else "not ", choices))
    return places


def _ends_there(text: str, spans: list[Span], index: int) -> bool:
    """Whether the adjective is all that is said: no noun, no "enough" and no second adjective follows."""
    word, after = text[slice(*spans[index])].lower(), _beside(text, spans, index, 1)
    superlative = word == "worst" or (word.endswith("est") and word not in ("honest", "modest"))
    if superlative or after in _SPOILING or (after and after not in stop_words()):
        return False
    if after == "at" and _beside(text, spans, index + 1, 1) == "all":
        return False
    if index + 1 < len(spans) and text[spans[index][1] : spans[index + 1][0]] == ", ":
        return text[slice(*spans[index + 1])].lower() in stop_words()  # "is good, cheap food"
    return True


def _beside(text: str, spans: list[Span], index: int, step: int) -> str:
    """Read the word before or after in lower case, empty beyond a comma or full stop."""
    other = index + step
    if not 0 <= other < len(spans):
        return ""
    left, right = sorted((spans[index], spans[other]))
    return text[slice(*spans[other])].lower() if text[left[1] : right[0]] == " " else ""


def _is_name(text: str, spans: list[Span], index: int) -> bool:
    """Whether a capital marks a name: inside a sentence, or before another one ("New Zealand")."""
    word = text[slice(*spans[index])]
    if word.islower() or word.isupper():
        return False
    if not word[1:].islower() or _beside(text, spans, index, -1):
        return True
    after = spans[index + 1][0] if _beside(text, spans, index, 1) else None
    return after is not None and text[after].isupper() and text[after : after + 2] not in ("I ", "I'")
