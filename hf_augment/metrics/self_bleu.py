import math
from bisect import bisect_left
from collections import Counter
from typing import Any, ClassVar

from hf_augment.fields import positive
from hf_augment.metrics.texts import TextMetric, Tokenizer, ngrams, tokenize
from hf_augment.streams import stream

_EPSILON = 0.1  # smoothing method 1 of Chen and Cherry (2014): what takes the place of a count of 0


class SelfBleu(TextMetric):
    """
    The mean BLEU of each text with all others as its references: the lower, the more diverse
    (Texygen, Zhu et al. 2018, huggingface.co/papers/1802.01886).

    As in Texygen: 3-grams, the first 500 texts, smoothing method 1. More texts score higher, so compare equally many.

    Args:
        predictions (`list[str]`): The texts, at least two.
        n (`int`, *optional*, defaults to `3`): The longest n-grams that count.
        texts (`int`, *optional*, defaults to `500`): How many texts are compared.
        seed (`int`, *optional*): Draws them; by default they are the first ones.
        tokenizer (`Callable`, *optional*): Cuts a text into tokens; by default words and punctuation marks, in lower
            case.

    Returns:
        `dict`: `self_bleu`, from 0 to 1.

    Example:

    ```python
    >>> metrics.load("self_bleu").compute(predictions=["a very good film", "a very good book"], n=2)
    {'self_bleu': 0.7071067811865476}
    ```
    """

    source: ClassVar[str] = (
        "Zhu, Lu, Zheng, Guo, Zhang, Wang and Yu. Texygen: A Benchmarking Platform for Text Generation Models. "
        "SIGIR 2018."
    )
    url: ClassVar[str] = "https://huggingface.co/papers/1802.01886"

    def _score(
        self,
        predictions: list[str],
        n: int = 3,
        texts: int = 500,
        seed: int | None = None,
        tokenizer: Tokenizer | None = None,
    ) -> dict[str, Any]:
        positive(n, "self_bleu: n")
        positive(texts, "self_bleu: texts")
        if seed is not None and len(predictions) > texts:
            drawn = stream(seed, "self_bleu", b"", 0).sample(len(predictions), texts)
            predictions = [predictions[row] for row in drawn]
        scores = self_bleu([(tokenizer or tokenize)(text) for text in predictions[:texts]], n)
        return {"self_bleu": math.fsum(scores) / len(scores)}


def self_bleu(texts: list[list[str]], n: int = 3) -> list[float]:
    """
    Return the BLEU of each text against all others, in time proportional to their tokens.

    Args:
        texts (`list[list[str]]`): Their tokens.
        n (`int`, *optional*, defaults to `3`): The longest n-grams that count, all alike.
    """
    if len(texts) < 2:
        raise ValueError(f"self_bleu: expected at least two texts to compare, got {len(texts)}.")
    precisions = [_precisions([Counter(ngrams(tokens, order)) for tokens in texts]) for order in range(1, n + 1)]
    penalties = _brevity([len(tokens) for tokens in texts])
    scores = []
    for row, penalty in enumerate(penalties):
        hits = [found[row] for found in precisions]
        mean = math.fsum(math.log((right or _EPSILON) / all_of_them) for right, all_of_them in hits) / n
        scores.append(penalty * math.exp(mean) if hits[0][0] else 0.0)
    return scores


def _precisions(counts: list[Counter]) -> list[tuple[int, int]]:
    """Return how many n-grams of each text the others have (each as often as one of them has it), and of how many."""
    most: dict[Any, tuple[int, int]] = {}  # the highest count of an n-gram in a text, and the highest in another one
    for counted in counts:
        for gram, count in counted.items():
            first, second = most.get(gram, (0, 0))
            most[gram] = (max(first, count), max(second, min(first, count)))
    found = []
    for counted in counts:
        others = ((count, most[gram]) for gram, count in counted.items())
        right = sum(min(count, second if count == first else first) for count, (first, second) in others)
        found.append((right, max(1, counted.total())))
    return found


def _brevity(lengths: list[int]) -> list[float]:
    """Return each text's penalty for being shorter than the other one that is nearest to it in length."""
    ranked = sorted(lengths)
    found = []
    for length in lengths:
        place = bisect_left(ranked, length)
        near = [ranked[i] for i in (place - 1, place + 1) if 0 <= i < len(ranked)]  # at `place` it is itself
        closest = min(near, key=lambda other: (abs(other - length), other))
        found.append(0.0 if not length else 1.0 if length > closest else math.exp(1 - closest / length))
    return found
