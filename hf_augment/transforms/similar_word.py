from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Literal

from hf_augment.edits import share
from hf_augment.embedded import forms, lexicon
from hf_augment.embedded.roles import fitting
from hf_augment.fields import between
from hf_augment.model_transform import ModelEditTransform
from hf_augment.transforms.word_drafts import Draft
from hf_augment.transforms.word_tests import Test, load_tests

_LEAST = {"static": 0.45, "context": 0.6, "file": 0.8}
_POOL = 4  # times `top_k`: neighbours that are looked at, since many are other forms or parts of speech
_AT_ONCE = 2  # choices of a word that are tested together: about half of them pass
_ROWS_TOGETHER = 256  # whose words are compared at once; a killed run loses no more


@dataclass(frozen=True, kw_only=True)
class SimilarWord(ModelEditTransform):
    """
    Replace words with words whose vectors are similar, to a language model or in a file of word vectors.

    The new word takes the form of the old one (plural, past, comparative, ...) and its casing, and "a" or "an" before
    it follows. Stop words, names, and words that the vocabulary has not as a whole stay. Vectors put a word near its
    opposite ("good", "bad"): antonyms in a table that ships with the package are never taken, and `guard` watches over
    the label further. Contextual vectors as a filter follow BERT-Attack and TextFooler (huggingface.co/papers/2004.09984,
    huggingface.co/papers/1907.11932); files of vectors, Wang and Yang 2015 (aclanthology.org/D15-1306).

    Args:
        model (`str`, *optional*, defaults to `"sentence-transformers/all-MiniLM-L6-v2"`):
            A folder, Hub id or `embedded:masked`: an encoder or masked language model with a `tokenizer.json`. The
            extra `offline` brings the default one.
        revision (`str`, *optional*):
            A commit, branch or tag of a Hub model.
        source (`str`, *optional*, defaults to `"context"`):
            `"context"`: each of the nearest words is put into the sentence, and the model's vector for it there is
            compared with that of the old word. `"static"`: the nearest words in the model's input embeddings,
            hundreds of times faster. `"file"`: the nearest words in the file `vectors`; no model is loaded.
        vectors (`str`, *optional*):
            A file in the text format of word2vec, GloVe or fastText; with `source="context"` it is where the nearest
            words come from. Counter-fitted vectors keep opposites apart (huggingface.co/papers/1603.00892).
        rate (`float`, *optional*, defaults to `0.1`):
            Number of replacements, as a fraction of the number of words, from 0 to 1. At least one is made.
        threshold (`float`, *optional*):
            The cosine similarity that old and new word have at least; by default 0.6 in context, 0.45 in input
            embeddings, and 0.8 in a file, which suits counter-fitted vectors.
        top_k (`int`, *optional*, defaults to `10`):
            How many of the nearest words take part in the draw.
        guard (`str`, *optional*):
            A masked language model that was trained with labels (`recipes/masked-conditional.yaml`). A word is only
            taken where it finds it at least as likely under the row's label as under every other one.
        guard_margin (`float`, *optional*, defaults to `0.0`):
            By how much more likely, as a difference of logarithms; below 0, less likely words pass too.

    Example:

    ```python
    >>> augment = Augment(SimilarWord(rate=0.2), text="text", label="label", copies=4)
    >>> train = train.map(augment, batched=True)
    ```
    """

    name: ClassVar[str] = "similar_word"
    needs: ClassVar[str] = "an encoder or masked language model, or a file of vectors"

    model: str = "sentence-transformers/all-MiniLM-L6-v2"
    revision: str | None = None
    source: Literal["context", "static", "file"] = "context"
    vectors: str | None = None
    rate: float = 0.1
    threshold: float | None = None
    top_k: int = 10
    guard: str | None = None
    guard_margin: float = 0.0

    def check(self):
        between(self.rate, 0, 1, "similar_word: rate")
        between(self.top_k, 1, 1000, "similar_word: top_k")
        between(self.guard_margin, -100, 100, "similar_word: guard_margin")
        if self.threshold is not None:
            between(self.threshold, 0, 1, "similar_word: threshold")
        if self.source == "file" and self.vectors is None:
            raise ValueError("similar_word: source='file' needs a file. Write vectors='counter-fitted-vectors.txt'.")
        if self.source == "static" and self.vectors is not None:
            raise ValueError(
                f"similar_word: source='static' takes the model's vectors, and vectors is {self.vectors!r}. "
                "Write source='file', or source='context' to compare the file's words in the sentence too."
            )
        if self.vectors is not None and not Path(self.vectors).is_file():
            raise FileNotFoundError(f"similar_word: vectors: there is no file {self.vectors!r}.")

    @property
    def reads(self) -> tuple[str, ...]:
        return ("text",) if self.guard is None else ("text", "label")

    @property
    def least(self) -> float:
        """The cosine that old and new word have at least."""
        return _LEAST[self.source] if self.threshold is None else self.threshold

    def references(self):
        from hf_augment.engine.digests import file_identity

        found = {"revision": None, "model": None, "antonyms": file_identity(forms.ANTONYMS)}
        found.update(lexicon.identities(*forms.TABLES, "kept_words", "stop_words"))
        if self.source != "file":
            from hf_augment.engine.encoder import locate_encoder
            from hf_augment.engine.resources import identity

            found["model"] = identity(str(locate_encoder(self.model, self.revision)))
        if self.vectors is not None:
            found["vectors"] = file_identity(self.vectors)
        if self.guard is not None:
            from hf_augment.engine.resources import identity

            found["guard"] = identity(self.guard)
        return found

    def find_edits(self, rows, streams):
        near = _Nearest(self)
        tests = load_tests(self)
        for start in range(0, len(rows), _ROWS_TOGETHER):
            stop = min(start + _ROWS_TOGETHER, len(rows))
            drafts = [Draft(rows[i], self.words(rows[i]), streams[i]) for i in range(start, stop)]
            for draft, places in zip(drafts, near.places(drafts), strict=True):
                draft.refused = next(filter(None, (test.refuses(draft.row) for test in tests)), "")
                draft.begin([] if draft.refused else places, share(self.rate, len(draft.spans)))
            while any(draft.open for draft in drafts):
                _try_some(drafts, tests)
            yield from enumerate((draft.finish() for draft in drafts), start)


def _try_some(drafts: Sequence[Draft], tests: Sequence[Test]) -> None:
    """Put the next few choices of every open word to all tests."""
    options = [(draft, option) for draft in drafts for option in draft.open]
    count = _AT_ONCE if tests else 1
    left = [option.choices[:count] for _, option in options]
    reasons = [""] * len(options)
    for test in tests:
        asked = [i for i, choices in enumerate(left) if choices]
        found = test.passing([options[i][1] for i in asked], [left[i] for i in asked])
        for i, passed in zip(asked, found, strict=True):
            left[i] = passed
            reasons[i] = reasons[i] if passed else test.reason
    for (draft, option), passed, reason in zip(options, left, reasons, strict=True):
        draft.close(option, passed, count, reason)


class _Nearest:
    """What the vector space has for the words of texts."""

    def __init__(self, settings: SimilarWord):
        from hf_augment.engine.vocabulary import load_vectors, load_words

        self.settings = settings
        from_file = settings.vectors is not None
        self.space = load_vectors(settings.vectors) if from_file else load_words(settings.model, settings.revision)
        self.least = 0.0 if settings.source == "context" else settings.least
        self.never = lexicon.stop_words() | lexicon.kept_words()
        self.found: dict[str, tuple[tuple[str, str], ...]] = {}

    def places(self, drafts: Sequence[Draft]) -> list[list[tuple[int, list[str]]]]:
        """Find the words of each draft that may be replaced, each with what may stand there."""
        words = [[(i, low) for i, low in draft.ordinary_words() if low not in self.never] for draft in drafts]
        known: dict[str, str] = {}
        for low in dict.fromkeys(low for some in words for _, low in some if low not in self.found):
            known[low] = next((word for word in (low, *forms.lemmas(low)) if word in self.space), low)
        near = self.space.nearest(known.values(), _POOL * self.settings.top_k, self.least)
        self.found.update((low, self._in_form(low, near.get(word, ()))) for low, word in known.items())
        return [list(self._fitting(draft, some)) for draft, some in zip(drafts, words, strict=True)]

    def _fitting(self, draft: Draft, words: list[tuple[int, str]]) -> Iterator[tuple[int, list[str]]]:
        for index, low in words:
            choices = fitting(self.found[low], *draft.neighbours(index)) if self.found[low] else []
            if choices:
                yield index, choices[: self.settings.top_k]

    def _in_form(self, word: str, neighbours: Sequence[Any]) -> tuple[tuple[str, str], ...]:
        found: dict[str, str] = {}
        for other, _ in neighbours:
            if other not in self.never and not forms.are_opposites(word, other):
                for text, role in forms.in_form_of(word, other):
                    found.setdefault(text, role)
        return tuple(found.items())
