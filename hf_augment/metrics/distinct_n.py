from collections.abc import Sequence
from typing import Any, ClassVar

from hf_augment.fields import positive
from hf_augment.metrics.texts import TextMetric, Tokenizer, ngrams, tokenize


class DistinctN(TextMetric):
    """
    The share of different n-grams among all n-grams of the texts (Li et al. 2016, huggingface.co/papers/1510.03055).

    It falls as the texts grow in number and length, even if they do not grow duller: compare sets of equal size, or
    take `type_token_ratio`.

    Args:
        predictions (`list[str]`): The texts.
        n (`list[int]`, *optional*, defaults to `[1, 2, 3]`): How many tokens an n-gram has.
        tokenizer (`Callable`, *optional*): Cuts a text into tokens; by default words and punctuation marks, in lower
            case.

    Returns:
        `dict`: `distinct_1`, `distinct_2`, `distinct_3`, from 0 to 1; NaN where no text has so many tokens.

    Example:

    ```python
    >>> metrics.load("distinct_n").compute(predictions=["a good film", "a good book"], n=[1, 2])
    {'distinct_1': 0.6666666666666666, 'distinct_2': 0.75}
    ```
    """

    source: ClassVar[str] = (
        "Li, Galley, Brockett, Gao and Dolan. A Diversity-Promoting Objective Function for Neural Conversation Models. "
        "NAACL 2016."
    )
    url: ClassVar[str] = "https://huggingface.co/papers/1510.03055"

    def _score(
        self, predictions: list[str], n: Sequence[int] = (1, 2, 3), tokenizer: Tokenizer | None = None
    ) -> dict[str, Any]:
        texts = [(tokenizer or tokenize)(text) for text in predictions]
        found = {}
        for order in n:
            positive(order, "distinct_n: n")
            grams = [gram for tokens in texts for gram in ngrams(tokens, order)]
            found[f"distinct_{order}"] = len(set(grams)) / len(grams) if grams else float("nan")
        return found
