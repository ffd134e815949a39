from collections.abc import Collection
from dataclasses import dataclass
from typing import ClassVar, Literal, NamedTuple
from unicodedata import combining, normalize

import regex

from hf_augment.edits import Edit, share
from hf_augment.embedded import lexicon
from hf_augment.embedded.inflection import cased
from hf_augment.fields import between
from hf_augment.model_transform import ModelEditTransform
from hf_augment.streams import Stream
from hf_augment.transform import Declined, Row
from hf_augment.transforms.random_insert import inner_boundaries
from hf_augment.transforms.synonym import article_edits
from hf_augment.words import Span, words

# What can be replaced: letters, with hyphens. "isn't" carries grammar and mostly the sense of the sentence too.
_WORD = regex.compile(r"\p{L}[\p{L}\p{M}\u200c\u200d]+(?:-\p{L}[\p{L}\p{M}]*)*")
_TAILS = frozenset(["d", "em", "ll", "m", "re", "s", "t", "ve"])  # of words cut at the apostrophe, as in "it 's"

# Tokens of "didn't" and its like, which look like words to a tokenizer that cuts there.
_HALVES = frozenset(
    [
        f"{word}n"
        for word in (
            "are",
            "could",
            "did",
            "does",
            "had",
            "has",
            "is",
            "must",
            "need",
            "should",
            "was",
            "were",
            "would",
        )
    ]
    + ["ain", "don"]
)


@dataclass(frozen=True, kw_only=True)
class MaskedLM(ModelEditTransform):
    """
    Replace words by, or insert words that, a masked language model finds fitting in their context.

    A word that fits need not mean the same: it can turn a text into its opposite. A model that was trained to read the
    label before the text (objective `masked`, see `recipes/masked-conditional.yaml`) and `label_conditional=True` make
    that rarer (Kumar et al. 2020, huggingface.co/papers/2003.02245; unconditional: Kobayashi 2018,
    huggingface.co/papers/1805.06201). All chosen words of a text are hidden at once and replaced by whole words, never
    by themselves, by a neighbour, or by punctuation; a long text is read in windows, none is cut off. Capitals are
    restored, and "a" or "an" before the word follows: of a language in which "a" is another word, reserve it.

    Args:
        model (`str`):
            A folder or Hub id of a masked language model with a fast tokenizer, or `"embedded:masked"`, a small English
            one.
        revision (`str`, *optional*):
            A commit, branch or tag of a Hub model.
        action (`str`, *optional*, defaults to `"substitute"`):
            `"substitute"`, `"insert"` (between two words of a sentence), or `"either"`, drawn anew for each place.
        rate (`float`, *optional*, defaults to `0.15`):
            Number of replacements and insertions, as a fraction of the number of words, from 0 to 1. At least one is
            made.
        label_conditional (`bool`, *optional*, defaults to `False`):
            Whether the label's name stands before the text when the model is asked, as it did in its training; it is
            never hidden.
        temperature (`float`, *optional*, defaults to `1.0`), top_k (`int`, *optional*, defaults to `50`; 0 means all),
            top_p (`float`, *optional*, defaults to `0.95`): How words are drawn.
        stop_words (`bool`, *optional*, defaults to `False`):
            Whether English stop words ("the", "not", "very"), which carry grammar rather than content, are replaced and
            written too.

    Example:

    ```python
    >>> augment = Augment(MaskedLM(model="embedded:masked", rate=0.2), text="text", copies=4)
    >>> train = train.map(augment, batched=True)
    ```
    """

    name: ClassVar[str] = "masked_lm"
    needs: ClassVar[str] = "a masked language model (`embedded:masked`)"

    model: str
    revision: str | None = None
    action: Literal["substitute", "insert", "either"] = "substitute"
    rate: float = 0.15
    label_conditional: bool = False
    temperature: float = 1.0
    top_k: int = 50
    top_p: float = 0.95
    stop_words: bool = False

    def check(self):
        between(self.rate, 0, 1, "masked_lm: rate")
        between(self.temperature, 0, 100, "masked_lm: temperature")
        between(self.top_k, 0, 1 << 31, "masked_lm: top_k")
        between(self.top_p, 1e-6, 1, "masked_lm: top_p")

    @property
    def reads(self) -> tuple[str, ...]:
        return ("text", "label") if self.label_conditional else ("text",)

    def references(self):
        from hf_augment.engine.resources import identity

        lists = {} if self.stop_words else {"stop_word_list": lexicon.identities("stop_words")["stop_words"]}
        return {"model": identity(self.model, self.revision), "revision": None, **lists}

    def find_edits(self, rows, streams):
        from hf_augment.engine.decoding import Sampling
        from hf_augment.engine.masked import Blanks, draw, load_masked_lm

        lm = load_masked_lm(self.model, self.revision)
        stop_words = frozenset() if self.stop_words else lexicon.stop_words()
        labels = self._labels(lm.labels)
        asked: list[tuple[int, list[Span], list[_Place]]] = []
        for i, (row, stream) in enumerate(zip(rows, streams, strict=True)):
            if labels is not None and (row.label is None or (labels and row.label not in labels)):
                yield i, Declined(f"the model knows no label {row.label!r}, only {', '.join(labels) or 'names'}")
            elif places := self._places(row, spans := self.words(row), stream, stop_words):
                asked.append((i, spans, places))
            else:
                yield i, []
        found = draw(
            lm,
            [
                Blanks(rows[i].text, [place.span for place in places], None if labels is None else rows[i].label)
                for i, _, places in asked
            ],
            [[streams[i].child(f"word {place.index}").key for place in places] for i, _, places in asked],
            Sampling(1, 0, self.temperature, self.top_k, self.top_p),
            [[place.barred for place in places] for _, _, places in asked],
            stop_words | _HALVES,
        )
        for number, drawn in found:
            i, spans, places = asked[number]
            yield i, _edits(rows[i].text, spans, places, drawn)

    def _labels(self, known: tuple[str, ...] | None) -> tuple[str, ...] | None:
        """Return the labels that the model can be asked with; `None` if it is asked without."""
        if not self.label_conditional:
            return None
        if known is None:
            raise ValueError(
                f"masked_lm: label_conditional: the model {self.model!r} was not trained with labels before the texts "
                "(its hf_augment.json says so, or is missing). Train one with `hf-augment train masked-conditional`, "
                "or write label_conditional=False."
            )
        return known

    def _places(self, row: Row, spans: list[Span], stream: Stream, stop_words: Collection[str]) -> list["_Place"]:
        """Draw where the model is asked, in the order of the text."""
        text = row.text
        possible: dict[int, list[str]] = {}
        if self.action != "insert":
            for index, (start, end) in enumerate(spans):
                if text[start:end].lower() not in stop_words and _is_replaceable(text, start, end):
                    possible[index] = ["substitute"]
        if self.action != "substitute":
            for index in inner_boundaries(text, spans):
                if spans[index][0] == 0 or text[spans[index][0] - 1].isspace():
                    possible.setdefault(index, []).append("insert")
        indices = sorted(possible)
        drawn = stream.sample(len(indices), share(self.rate, len(spans))) if indices else []
        every = (
            words(text) if self.protect or self.reserved or row.fixed else spans
        )  # what may not be edited is a neighbour too
        numbers = {span: number for number, span in enumerate(every)}
        places = []
        for index in sorted(indices[i] for i in drawn):
            (start, end), number = spans[index], numbers[spans[index]]
            substitutes = stream.choice(possible[index]) == "substitute"
            near = every[max(0, number - 1) : number + 1 + substitutes]
            barred = [form for span in near for form in _spellings(text[slice(*span)])]
            places.append(_Place(index, (start, end if substitutes else start), barred))
        return places


class _Place(NamedTuple):
    """Where a word is replaced, or put in before another; and what may not stand there."""

    index: int
    span: Span
    barred: list[str]


def _is_replaceable(text: str, start: int, end: int) -> bool:
    word, before, after = text[start:end], text[start - 1 : start], text[end : end + 1]
    if before in ("'", "’") and word.lower() in _TAILS:
        return False
    return not before == after == "-" and _WORD.fullmatch(word) is not None  # "-lrb-" is a bracket in some corpora


def _spellings(word: str) -> set[str]:
    """Return a word in lower case as a model may write it, which for many is without accents: that is no other word."""
    low = word.lower()
    if low.isascii():
        return {low}
    bare = "".join(letter for letter in normalize("NFD", low) if not combining(letter))
    return {low, normalize("NFC", low), bare}


def _edits(text: str, spans: list[Span], places: list[_Place], drawn: list[str | None]) -> list[Edit]:
    """Write the words in the casing of their places; two that were drawn side by side may not be the same."""
    edits: list[Edit] = []
    replaced = {place.index for place in places if place.span[0] < place.span[1]}
    last, previous = -2, ""
    for (index, (start, end), _), word in zip(places, drawn, strict=True):
        if word is None or (index - last < 2 and word.lower() == previous):
            continue
        last, previous = index, word.lower()
        here = slice(*spans[index])
        if start < end:
            edits.append(Edit(start, end, new := cased(word, text[here])))
        else:
            loud = text[here].isupper() and index > 0 and text[slice(*spans[index - 1])].isupper()
            new = word.upper() if loud else word if start else cased(word, text[here])
            edits.append(Edit(start, start, f"{new} "))
        if index - 1 not in replaced:
            edits += article_edits(text, spans, index, new)
    return edits
