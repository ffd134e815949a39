from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np

from hf_augment.fields import positive
from hf_augment.metrics.texts import TextMetric, Tokenizer, only_words, texts_of


class CopyRate(TextMetric):
    """
    The share of texts that repeat a training text, or a long run of words of one
    (Carlini et al. 2023, huggingface.co/papers/2202.07646).

    Args:
        predictions (`list[str]`): The texts.
        training_texts (`list[str]`): What they may have been copied from.
        words (`int`, *optional*, defaults to `8`): From how many words in a row on a text counts as copied.
        tokenizer (`Callable`, *optional*): Cuts a text into words; by default without punctuation, in lower case.

    Returns:
        `dict`: `copy_rate` and `exact_copy_rate` (all the words of a training text and no others), from 0 to 1; for
        each text `longest_copies`, the longest run of words that stands in a training text too, and
        `longest_copy_lengths`, its words.

    Example:

    ```python
    >>> copies = metrics.load("copy_rate", training_texts=["A dull film, far too long."], words=3)
    >>> found = copies.compute(predictions=["a dull film", "long, too long"])
    >>> found["copy_rate"], found["exact_copy_rate"], found["longest_copies"]
    (0.5, 0.0, ['a dull film', 'too long'])
    ```
    """

    source: ClassVar[str] = (
        "Carlini, Ippolito, Jagielski, Lee, Tramèr and Zhang. Quantifying Memorization Across Neural Language Models. "
        "ICLR 2023."
    )
    url: ClassVar[str] = "https://huggingface.co/papers/2202.07646"

    def _score(
        self,
        predictions: list[str],
        training_texts: Sequence[str] | None = None,
        words: int = 8,
        tokenizer: Tokenizer | None = None,
    ) -> dict[str, Any]:
        positive(words, "copy_rate: words")
        cut = tokenizer or only_words
        known = [tuple(cut(text)) for text in texts_of(training_texts, "training_texts")]
        texts = [tuple(cut(text)) for text in predictions]
        spans = longest_copies(texts, known)
        whole = set(known) - {()}
        exact = [text in whole for text in texts]
        copied = [same or length >= words for same, (_, length) in zip(exact, spans, strict=True)]
        phrases = [" ".join(text[start : start + length]) for text, (start, length) in zip(texts, spans, strict=True)]
        return {
            "copy_rate": sum(copied) / len(texts),
            "exact_copy_rate": sum(exact) / len(texts),
            "longest_copies": phrases,
            "longest_copy_lengths": [length for _, length in spans],
        }


def longest_copies(texts: Sequence[Sequence[str]], known: Sequence[Sequence[str]]) -> list[tuple[int, int]]:
    """
    Find the longest run of tokens of each text that stands in a known text too.

    All texts are sorted into one suffix array (Manber and Myers 1993): the known suffix that shares most with a
    suffix stands next to it. It takes the tokens times the logarithm of the longest text, in time and in memory.

    Args:
        texts (`Sequence[Sequence[str]]`): The tokens of the texts.
        known (`Sequence[Sequence[str]]`): The tokens of the known texts.

    Returns:
        `list[tuple[int, int]]`: For each text where the first of the longest runs starts, and its tokens.
    """
    rows, starts = _rows([*known, *texts])
    border = starts[len(known)]
    ranks = _ranks(rows, max(map(len, texts), default=0))
    order = np.argsort(ranks[-1], kind="stable")
    before = np.maximum.accumulate(np.where(order < border, np.arange(len(order)), -1))
    last = len(order)
    after = np.minimum.accumulate(np.where(order < border, np.arange(len(order)), last)[::-1])[::-1]
    lengths = np.zeros(len(rows), dtype=np.int64)
    ours = np.flatnonzero(order >= border)
    for beside in (before, after):
        there = ours[(beside[ours] >= 0) & (beside[ours] < last)]
        shared = _shared(ranks, order[there], order[beside[there]])
        lengths[order[there]] = np.maximum(lengths[order[there]], shared)
    found = []
    for number, text in enumerate(texts):
        start = starts[len(known) + number]
        here = lengths[start : start + len(text)]
        place = int(here.argmax()) if len(here) else 0
        found.append((place, int(here[place]) if len(here) else 0))
    return found


def _rows(texts: Sequence[Sequence[str]]) -> tuple[np.ndarray, list[int]]:
    """Write all texts in one row of numbers, each with an end of its own, and say where they start."""
    vocabulary: dict[str, int] = {}
    numbers: list[int] = []
    starts = []
    for end, text in enumerate(texts, start=1):
        starts.append(len(numbers))
        numbers.extend(vocabulary.setdefault(token, len(vocabulary)) for token in text)
        numbers.append(-end)
    return np.array(numbers, dtype=np.int64), starts


def _ranks(rows: np.ndarray, longest: int) -> list[np.ndarray]:
    """Rank, for each power of two, the runs of so many tokens that start at each place, up to beyond `longest`."""
    ranks = [np.unique(rows, return_inverse=True)[1].astype(np.int32)]
    width = 1
    while width <= longest:
        behind = np.full(len(rows), -1, dtype=np.int64)
        behind[:-width] = ranks[-1][width:]
        pairs = ranks[-1].astype(np.int64) * (len(rows) + 1) + behind + 1
        ranks.append(np.unique(pairs, return_inverse=True)[1].astype(np.int32))
        width *= 2
    return ranks


def _shared(ranks: list[np.ndarray], ours: np.ndarray, theirs: np.ndarray) -> np.ndarray:
    """Return how many tokens the runs at two lists of places have in common from there on."""
    length = np.zeros(len(ours), dtype=np.int64)
    for level in range(len(ranks) - 1, -1, -1):
        left, right = ours + length, theirs + length
        inside = (left < len(ranks[level])) & (right < len(ranks[level]))
        same = inside.copy()
        same[inside] = ranks[level][left[inside]] == ranks[level][right[inside]]
        length += same * (1 << level)
    return length
