import re
from collections import Counter
from collections.abc import Sequence
from typing import Any, ClassVar

from hf_augment.common_subsequence import common_subsequence, places
from hf_augment.metrics.texts import TextMetric, Tokenizer, ngrams

_TOKEN = re.compile(r"[a-z0-9]+")


class Rouge(TextMetric):
    """
    The n-grams (ROUGE-1, ROUGE-2) and the longest common subsequence (ROUGE-L) that texts share with their references,
    as F1 (Lin 2004, aclanthology.org/W04-1013).

    The words, and so the scores, are those of the package `rouge-score`: runs of a-z and 0-9 in lower case. Give a
    `tokenizer` for other languages.

    Args:
        predictions (`list[str]`): The texts.
        references (`list[str]` or `list[list[str]]`): The reference of each text, or several, of which the nearest
            counts.
        use_stemmer (`bool`, *optional*, defaults to `False`): Compare the Porter stems of words of more than three
            letters; needs nltk.
        tokenizer (`Callable`, *optional*): Cuts a text into tokens.

    Returns:
        `dict`: `rouge1`, `rouge2`, `rougeL`, means over the texts, from 0 to 1.

    Example:

    ```python
    >>> metrics.load("rouge").compute(predictions=["a very good film"], references=["a good film"])
    {'rouge1': 0.8571428571428571, 'rouge2': 0.4, 'rougeL': 0.8571428571428571}
    ```
    """

    source: ClassVar[str] = (
        "Lin. ROUGE: A Package for Automatic Evaluation of Summaries. Text Summarization Branches Out, 2004."
    )
    url: ClassVar[str] = "https://aclanthology.org/W04-1013"
    pairs: ClassVar[bool] = True

    def _score(
        self,
        predictions: list[str],
        references: Sequence[str] | Sequence[Sequence[str]],
        use_stemmer: bool = False,
        tokenizer: Tokenizer | None = None,
    ) -> dict[str, Any]:
        cut = tokenizer or (_stemming() if use_stemmer else _words)
        sums: Counter[str] = Counter()
        for text, known in zip(predictions, references, strict=True):
            tokens = cut(text)
            each = [_scores(tokens, cut(one)) for one in ([known] if isinstance(known, str) else known)]
            if not each:
                raise ValueError(f"rouge: the text {text[:40]!r} has an empty list of references. Leave it out.")
            for name in each[0]:
                sums[name] += max(scores[name] for scores in each)
        return {name: total / len(predictions) for name, total in sums.items()}


def _scores(tokens: list[str], reference: list[str]) -> dict[str, float]:
    found = {}
    for n in (1, 2):
        ours, theirs = Counter(ngrams(tokens, n)), Counter(ngrams(reference, n))
        found[f"rouge{n}"] = _f1((ours & theirs).total(), ours.total(), theirs.total())
    found["rougeL"] = rouge_l(tokens, reference)
    return found


def _f1(shared: int, ours: int, theirs: int) -> float:
    return 2 * shared / (ours + theirs) if shared else 0.0


def rouge_l(tokens: Sequence[str], reference: Sequence[str]) -> float:
    """Return the F1 of the longest common subsequence of two texts' tokens."""
    return _f1(common_subsequence(places(tokens), len(tokens), reference), len(tokens), len(reference))


def _words(text: str) -> list[str]:
    return _TOKEN.findall(text.lower())


def _stemming() -> Tokenizer:
    try:
        from nltk.stem.porter import PorterStemmer
    except ImportError as error:
        raise ImportError(
            "use_stemmer=True needs nltk, which is not installed. pip install nltk, or write use_stemmer=False."
        ) from error
    stem = PorterStemmer().stem
    return lambda text: [stem(word) if len(word) > 3 else word for word in _words(text)]
