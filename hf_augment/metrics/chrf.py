from collections.abc import Sequence
from typing import Any, ClassVar

from hf_augment.metrics.sacre import corpus_score
from hf_augment.metrics.texts import TextMetric


class Chrf(TextMetric):
    """
    The character n-grams that texts share with their references, as F2, from 0 to 100, by sacreBLEU
    (chrF, Popović 2015, aclanthology.org/W15-3049).

    Needs `pip install 'hf-augment[metrics]'`.

    Args:
        predictions (`list[str]`): The texts.
        references (`list[str]` or `list[list[str]]`): The reference of each text, or several.
        char_order (`int`, *optional*, defaults to `6`): The longest n-grams of characters that count.
        word_order (`int`, *optional*, defaults to `0`): The longest n-grams of words; 2 is chrF++.
        beta (`int`, *optional*, defaults to `2`): How many times more recall counts than precision.
        lowercase (`bool`, *optional*, defaults to `False`): Whether upper and lower case are alike.

    Returns:
        `dict`: `chrf`, of the whole corpus, and `chrf_signature`, which a paper quotes with it.

    Example:

    ```python
    >>> chrf = metrics.load("chrf")
    >>> chrf.compute(predictions=["It is a very good film."], references=["It is a good film."])["chrf"]
    70.65871542783363
    ```
    """

    source: ClassVar[str] = "Popović. chrF: character n-gram F-score for automatic MT evaluation. WMT 2015."
    url: ClassVar[str] = "https://aclanthology.org/W15-3049"
    pairs: ClassVar[bool] = True

    def _score(
        self,
        predictions: list[str],
        references: Sequence[str] | Sequence[Sequence[str]],
        char_order: int = 6,
        word_order: int = 0,
        beta: int = 2,
        lowercase: bool = False,
    ) -> dict[str, Any]:
        options = {"char_order": char_order, "word_order": word_order, "beta": beta, "lowercase": lowercase}
        return corpus_score("CHRF", predictions, references, **options)
