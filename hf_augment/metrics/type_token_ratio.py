from collections import Counter
from collections.abc import Sequence
from itertools import islice
from typing import Any, ClassVar

from hf_augment.fields import positive
from hf_augment.metrics.texts import TextMetric, Tokenizer, ngrams, tokenize
from hf_augment.streams import row_key, stream


class TypeTokenRatio(TextMetric):
    """
    The share of different n-grams among equally many n-grams of each set of texts
    (as in Kumar et al. 2020, huggingface.co/papers/2003.02245).

    Texts are drawn until their n-grams fill the budget, and the last is cut off there: sets of any size and length
    are comparable. It is the mean over several such draws, and does not depend on the order of the texts.

    Args:
        predictions (`list[str]`): The texts.
        budget (`int`, *optional*, defaults to `1000`): How many n-grams are looked at.
        n (`list[int]`, *optional*, defaults to `[1, 2, 3]`): How many tokens an n-gram has.
        draws (`int`, *optional*, defaults to `10`): How many times texts are drawn.
        seed (`int`, *optional*, defaults to `0`): Draws them.
        tokenizer (`Callable`, *optional*): Cuts a text into tokens; by default words and punctuation marks, in lower
            case.

    Returns:
        `dict`: `type_token_ratio_1`, `type_token_ratio_2`, `type_token_ratio_3`, from 0 to 1.

    Example:

    ```python
    >>> metrics.load("type_token_ratio").compute(predictions=["to be or not to be"], n=[1], budget=6)
    {'type_token_ratio_1': 0.6666666666666666}
    ```
    """

    source: ClassVar[str] = (
        "Kumar, Choudhary and Cho. Data Augmentation Using Pre-trained Transformer Models. Life-long Learning for "
        "Spoken Language Systems, 2020."
    )
    url: ClassVar[str] = "https://huggingface.co/papers/2003.02245"

    def _score(
        self,
        predictions: list[str],
        budget: int = 1_000,
        n: Sequence[int] = (1, 2, 3),
        draws: int = 10,
        seed: int = 0,
        tokenizer: Tokenizer | None = None,
    ) -> dict[str, Any]:
        for name, value in (("budget", budget), ("draws", draws)):
            positive(value, f"type_token_ratio: {name}")
        texts = [(tokenizer or tokenize)(text) for text in predictions]
        orders = _orders(predictions, draws, seed)
        found = {}
        for order in n:
            positive(order, "type_token_ratio: n")
            there = sum(max(0, len(tokens) - order + 1) for tokens in texts)
            if there < budget:
                raise ValueError(
                    f"type_token_ratio: the texts have {there} n-grams of {order} token(s), and budget={budget} asks "
                    f"for more. Write budget={there} at most, the same for all sets that are compared."
                )
            shares = [_types(texts, rows, order, budget) / budget for rows in orders]
            found[f"type_token_ratio_{order}"] = sum(shares) / draws
        return found


def _orders(texts: list[str], draws: int, seed: int) -> list[list[int]]:
    """Return an order of the texts for each draw, which depends on what they say and how often, not on where."""
    seen: Counter[str] = Counter()
    named = []
    for text in texts:
        named.append((row_key(text), seen[text]))
        seen[text] += 1
    return [
        sorted(range(len(texts)), key=lambda row: stream(seed, f"type_token_ratio {draw}", *named[row]).key)
        for draw in range(draws)
    ]


def _types(texts: list[list[str]], rows: list[int], n: int, budget: int) -> int:
    drawn = (gram for row in rows for gram in ngrams(texts[row], n))
    return len(set(islice(drawn, budget)))
