from collections.abc import Sequence
from typing import Any, ClassVar

from hf_augment.metrics.sacre import corpus_score
from hf_augment.metrics.texts import TextMetric


class Bleu(TextMetric):
    """
    The n-grams that texts share with their references, from 0 to 100, by sacreBLEU
    (Papineni et al. 2002; Post 2018, huggingface.co/papers/1804.08771).

    The texts are untokenised; sacreBLEU cuts them into words itself. Needs `pip install 'hf-augment[metrics]'`.

    Args:
        predictions (`list[str]`): The texts.
        references (`list[str]` or `list[list[str]]`): The reference of each text, or several.
        tokenize (`str`, *optional*): A tokenizer of sacreBLEU: `"13a"` (its default), `"intl"`, `"char"`, `"zh"`, ...
        lowercase (`bool`, *optional*, defaults to `False`): Whether upper and lower case are alike.
        max_ngram_order (`int`, *optional*, defaults to `4`): The longest n-grams that count.
        smooth_method (`str`, *optional*, defaults to `"exp"`): `"exp"`, `"floor"`, `"add-k"` or `"none"`.

    Returns:
        `dict`: `bleu`, of the whole corpus, and `bleu_signature`, which a paper quotes with it.

    Example:

    ```python
    >>> bleu = metrics.load("bleu")
    >>> bleu.compute(predictions=["It is a very good film."], references=["It is a good film."])["bleu"]
    41.11336169005196
    ```
    """

    source: ClassVar[str] = "Post. A Call for Clarity in Reporting BLEU Scores. WMT 2018."
    url: ClassVar[str] = "https://github.com/mjpost/sacrebleu"
    pairs: ClassVar[bool] = True

    def _score(
        self,
        predictions: list[str],
        references: Sequence[str] | Sequence[Sequence[str]],
        tokenize: str | None = None,
        lowercase: bool = False,
        max_ngram_order: int = 4,
        smooth_method: str = "exp",
    ) -> dict[str, Any]:
        options = {"lowercase": lowercase, "max_ngram_order": max_ngram_order, "smooth_method": smooth_method}
        return corpus_score("BLEU", predictions, references, tokenize=tokenize, **options)
