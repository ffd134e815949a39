"""What the metrics on texts share: strings in, options at `load` or `compute`, and one way to cut texts into words."""

import inspect
import unicodedata
from abc import abstractmethod
from collections.abc import Callable, Iterator, Sequence
from typing import Any, ClassVar

import datasets
import evaluate
import regex

from hf_augment.errors import unknown

Tokenizer = Callable[[str], list[str]]

_UNSPACED = r"[\p{Han}\p{Hiragana}\p{Katakana}\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}\p{Tibetan}]"
_LETTER = rf"[\w--{_UNSPACED}]"
_WORD = rf"\d+(?:[.,:]\d+)+|{_UNSPACED}\p{{M}}*|{_LETTER}[{_LETTER}\u200c\u200d]*(?:['’‐-]{_LETTER}+)*"
_WORDS = regex.compile(_WORD, regex.V1)
_TOKENS = regex.compile(rf"{_WORD}|[^\w\s]\p{{M}}*", regex.V1)


def tokenize(text: str) -> list[str]:
    """
    Cut a text into words, numbers and punctuation marks, in lower case.

    Scripts that put no space between words (Chinese, Thai, ...) are cut into characters.
    """
    return _TOKENS.findall(_folded(text))


def only_words(text: str) -> list[str]:
    """Cut a text into words as `tokenize` does, and leave the punctuation marks out."""
    return _WORDS.findall(_folded(text))


def _folded(text: str) -> str:
    return unicodedata.normalize("NFKC", text).casefold()


def ngrams(tokens: Sequence[str], n: int) -> Iterator[tuple[str, ...]]:
    """Return the runs of `n` tokens, in order."""
    return zip(*(tokens[start:] for start in range(n)), strict=False)


def texts_of(texts: Sequence[str] | None, option: str) -> list[str]:
    """Return the texts of an option as a list, or say, by its name, why they cannot be scored."""
    if isinstance(texts, str):
        raise TypeError(f"{option}: expected a list of texts, got one text. Write {option}=[{texts[:40]!r}].")
    found = [] if texts is None else list(texts)
    if not found:
        raise ValueError(f"{option}: expected at least one text. Write compute(..., {option}=[text, ...]).")
    for place, text in enumerate(found):
        if not isinstance(text, str):
            raise TypeError(f"{option}[{place}]: expected a text, got {text!r}. Leave such rows out.")
    return found


class TextMetric(evaluate.Metric):
    """
    A metric on texts; its docstring is what `evaluate` shows.

    A subclass writes `_score`. What that takes besides the texts can be given to `load`, which is the only way in
    `evaluate.combine`, or to `compute`, which goes before.
    """

    source: ClassVar[str]  # the paper, for `citation`
    url: ClassVar[str]
    pairs: ClassVar[bool] = False  # whether each text has a reference, or a list of them

    def __init__(self, **options: Any):
        own = self._options()
        known = set(own) | set(inspect.signature(evaluate.EvaluationModule.__init__).parameters) - {"self", "kwargs"}
        for name in options:
            if name not in known:
                raise ValueError(f"{type(self).__name__}: " + unknown("option", name, own))
        self._given = {name: options.pop(name) for name in own if name in options}
        super().__init__(**options)

    @classmethod
    def _options(cls) -> list[str]:
        taken = inspect.signature(cls._score).parameters
        return [name for name in taken if name not in ("self", "predictions", "references")]

    def _info(self):
        described = inspect.getdoc(type(self))
        return evaluate.MetricInfo(
            description=" ".join(described.partition("\n\n")[0].split()),
            citation=self.source,
            inputs_description=described,
            features=self._inputs(),
            reference_urls=[self.url],
        )

    def _inputs(self) -> Any:
        text = datasets.Value("string")
        if not self.pairs:
            return datasets.Features({"predictions": text})
        shapes = (text, datasets.List(text))
        return [datasets.Features({"predictions": text, "references": shape}) for shape in shapes]

    def _infer_feature_from_batch(self, batch: dict[str, Any]) -> Any:
        texts_of(batch["predictions"], "predictions")  # evaluate would look at the first one
        return super()._infer_feature_from_batch(batch)

    def _compute(self, predictions: Sequence[str], **given: Any) -> dict[str, Any]:
        for name in given:
            if name not in self._options() and name != "references":
                raise ValueError(f"{type(self).__name__}: " + unknown("option", name, self._options()))
        return self._score(texts_of(predictions, "predictions"), **self._given | given)

    @abstractmethod
    def _score(self, predictions: list[str], **given: Any) -> dict[str, Any]:
        """Score texts; what else a metric takes is what its `compute` takes."""
