from collections.abc import Callable, Sequence
from typing import Any, ClassVar

import numpy as np

from hf_augment.common_subsequence import common_subsequence, places
from hf_augment.errors import unknown
from hf_augment.fields import positive
from hf_augment.metrics.texts import TextMetric, Tokenizer, ngrams, only_words, texts_of

_AT_ONCE = 1 << 22  # similarities that are in memory together
SIMILARITIES = ("rouge_l", "jaccard", "embedding")


class Novelty(TextMetric):
    """
    How far texts are from the nearest training text: 1 minus the highest similarity, from 0 (a copy) to 1.

    Args:
        predictions (`list[str]`): The texts.
        training_texts (`list[str]`): What they are compared with.
        similarity (`str`, *optional*, defaults to `"rouge_l"`): `"rouge_l"` (F1 of the longest common subsequence of
            words), `"jaccard"` (shared among all n-grams of words of either text) or `"embedding"` (cosine, below 0
            counted as 0).
        n (`int`, *optional*, defaults to `3`): How many words an n-gram has. A shorter text is one n-gram.
        encoder (`str`, *optional*): A folder or Hub id of a sentence encoder; by default all-MiniLM-L6-v2.
        tokenizer (`Callable`, *optional*): Cuts a text into words; by default without punctuation, in lower case.

    Returns:
        `dict`: `novelty`, the mean; for each text `novelties` and `nearest`, the place of the most similar training
        text, the first of several.

    Example:

    ```python
    >>> novelty = metrics.load("novelty", training_texts=["a dull book", "a good film"])
    >>> novelty.compute(predictions=["A good film!", "a very good hotel"])
    {'novelty': 0.2142857142857143, 'novelties': [0.0, 0.4285714285714286], 'nearest': [1, 1]}
    ```
    """

    source: ClassVar[str] = (
        "Lin. ROUGE: A Package for Automatic Evaluation of Summaries. Text Summarization Branches Out, 2004."
    )
    url: ClassVar[str] = "https://aclanthology.org/W04-1013"

    def _score(
        self,
        predictions: list[str],
        training_texts: Sequence[str] | None = None,
        similarity: str = "rouge_l",
        n: int = 3,
        encoder: str | None = None,
        tokenizer: Tokenizer | None = None,
    ) -> dict[str, Any]:
        positive(n, "novelty: n")
        known = texts_of(training_texts, "training_texts")
        cut = tokenizer or only_words
        if similarity == "rouge_l":
            found = nearest_by_rouge_l([cut(text) for text in predictions], [cut(text) for text in known])
        elif similarity == "jaccard":
            found = nearest_by_jaccard([cut(text) for text in predictions], [cut(text) for text in known], n)
        elif similarity == "embedding":
            from hf_augment.engine.encoder import ENCODER, embed

            reference = encoder or ENCODER
            found = nearest_by_cosine(embed(predictions, reference), embed(known, reference))
        else:
            raise ValueError("novelty: " + unknown("similarity", similarity, SIMILARITIES))
        novelties = [1.0 - score for score, _ in found]
        return {
            "novelty": sum(novelties) / len(novelties),
            "novelties": novelties,
            "nearest": [place for _, place in found],
        }


Nearest = list[tuple[float, int]]


def nearest_by_cosine(vectors: np.ndarray, known: np.ndarray) -> Nearest:
    """Return each vector's highest cosine to a known one, from 0 up, and whose it is; all are of length 1."""
    return _best(len(vectors), len(known), lambda rows: vectors[rows] @ known.T)


def nearest_by_jaccard(texts: Sequence[list[str]], known: Sequence[list[str]], n: int = 3) -> Nearest:
    """Return each text's highest Jaccard similarity to a known one, as sets of n-grams, and whose it is."""
    grams = [list(dict.fromkeys(ngrams(tokens, min(n, max(1, len(tokens)))))) for tokens in (*texts, *known)]
    table, sizes = _table(grams)
    ours, theirs = table[: len(texts)], table[len(texts) :].T.tocsc()

    def similarities(rows: slice) -> np.ndarray:
        shared = (ours[rows] @ theirs).toarray()
        return shared / np.maximum(1, sizes[: len(texts)][rows, None] + sizes[None, len(texts) :] - shared)

    return _best(len(texts), len(known), similarities)


def nearest_by_rouge_l(texts: Sequence[list[str]], known: Sequence[list[str]]) -> Nearest:
    """
    Return each text's highest ROUGE-L (F1) to a known one, and whose it is.

    No subsequence is longer than the words that two texts share, so only those are compared in full whose ROUGE-1 is
    above the best ROUGE-L so far.
    """
    counted = [_numbered(tokens) for tokens in (*texts, *known)]
    table, sizes = _table(counted)
    ours, theirs = table[: len(texts)], table[len(texts) :].T.tocsc()
    found: Nearest = []
    for rows in _blocks(len(texts), len(known)):
        shared = (ours[rows] @ theirs).toarray()
        bounds = 2 * shared / np.maximum(1, sizes[: len(texts)][rows, None] + sizes[None, len(texts) :])
        for tokens, bound in zip(texts[rows], bounds, strict=True):
            found.append(_nearest_subsequence(tokens, known, bound))
    return found


def _nearest_subsequence(tokens: list[str], known: Sequence[list[str]], bounds: np.ndarray) -> tuple[float, int]:
    there = places(tokens)
    best, nearest = 0.0, 0
    for place in np.argsort(-bounds, kind="stable").tolist():
        if bounds[place] < best or not bounds[place]:
            break
        other = known[place]
        score = 2 * common_subsequence(there, len(tokens), other) / (len(tokens) + len(other))
        if score > best or (score == best and place < nearest):
            best, nearest = score, place
    return best, nearest


def _numbered(tokens: list[str]) -> list[tuple[str, int]]:
    """Tell the occurrences of a token apart, so that a set has as many members as the text has tokens."""
    seen: dict[str, int] = {}
    found = []
    for token in tokens:
        seen[token] = seen.get(token, 0) + 1
        found.append((token, seen[token]))
    return found


def _table(sets: Sequence[list[Any]]) -> tuple[Any, np.ndarray]:
    """Return which row has which member, as a sparse matrix, and how many each has."""
    from scipy.sparse import csr_array

    vocabulary: dict[Any, int] = {}
    columns = [vocabulary.setdefault(member, len(vocabulary)) for members in sets for member in members]
    sizes = np.array([len(members) for members in sets])
    starts = np.concatenate([[0], np.cumsum(sizes)])
    shape = (len(sets), max(1, len(vocabulary)))
    return csr_array((np.ones(len(columns), dtype=np.float32), columns, starts), shape=shape), sizes


def _best(count: int, known: int, similarities: Callable[[slice], np.ndarray]) -> Nearest:
    found: Nearest = []
    for rows in _blocks(count, known):
        block = similarities(rows)
        nearest = block.argmax(axis=1)
        scores = np.clip(block[np.arange(len(block)), nearest].astype(np.float64), 0, 1)
        found.extend(zip(scores.tolist(), nearest.tolist(), strict=True))
    return found


def _blocks(count: int, known: int) -> list[slice]:
    size = max(1, _AT_ONCE // max(1, known))
    return [slice(start, start + size) for start in range(0, count, size)]
