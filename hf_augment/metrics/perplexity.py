import math
from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np

from hf_augment.metrics.texts import TextMetric


class Perplexity(TextMetric):
    """
    How much texts surprise a causal language model: exp of the mean negative log-likelihood of their tokens
    (Jelinek et al. 1977).

    No text is cut off: what is longer than the model reads is read in overlapping windows, and each token is counted
    once. Perplexities of models with different tokenizers cannot be compared.

    Args:
        predictions (`list[str]`): The texts.
        model (`str`): A folder, a Hub id with weights in safetensors, or `"embedded:generator"`.
        revision (`str`, *optional*): A commit, branch or tag on the Hub.
        labels (`list[str]`, *optional*): The label of each text, if a generator that this library trained is to read
            it behind its prompt. By default the model reads the text alone.
        max_length (`int`, *optional*): Tokens of a window; as many as the model reads.
        stride (`int`, *optional*): How far one window is from the next; half a window. Smaller ones give more context
            and take longer.

    Returns:
        `dict`: `perplexity`, over all tokens of all texts; `perplexities`, one for each text (NaN for one without
        tokens), and `mean_perplexity`, their mean.

    Example:

    ```python
    >>> perplexity = metrics.load("perplexity", model="embedded:generator")
    >>> round(perplexity.compute(predictions=["The soup was cold."])["perplexity"])
    427
    ```
    """

    source: ClassVar[str] = (
        "Jelinek, Mercer, Bahl and Baker. Perplexity: a measure of the difficulty of speech recognition tasks. "
        "The Journal of the Acoustical Society of America 62, 1977."
    )
    url: ClassVar[str] = "https://doi.org/10.1121/1.2016299"

    def _score(
        self,
        predictions: list[str],
        model: str | None = None,
        revision: str | None = None,
        labels: Sequence[str] | None = None,
        max_length: int | None = None,
        stride: int | None = None,
    ) -> dict[str, Any]:
        if model is None:
            raise ValueError(
                "perplexity: model: expected a folder, a Hub id or 'embedded:generator', got None. Write "
                "load('perplexity', model=...)."
            )
        from hf_augment.engine.resources import load_causal_lm
        from hf_augment.metrics.causal import losses, token_ids

        lm = load_causal_lm(model, revision)
        texts, contexts = token_ids(lm, predictions), None
        if labels is not None:
            texts, contexts = _prompted(lm, predictions, labels)
        sums, counts = losses(lm, texts, contexts, max_length, stride)
        each = [math.exp(loss / count) if count else math.nan for loss, count in zip(sums, counts, strict=True)]
        tokens = int(counts.sum())
        return {
            "perplexity": math.exp(sums.sum() / tokens) if tokens else math.nan,
            "mean_perplexity": float(np.nanmean(each)) if tokens else math.nan,
            "perplexities": each,
        }


def _prompted(lm: Any, texts: list[str], labels: Sequence[str]) -> tuple[list[list[int]], list[list[int]]]:
    """Return the tokens of texts as a generator writes them, and of the prompts before them."""
    if lm.prompt is None:
        raise ValueError(
            "perplexity: labels: the model has no prompt format, so no label leads to its texts. Leave them out."
        )
    if len(labels) != len(texts):
        raise ValueError(f"perplexity: labels: expected one for each of the {len(texts)} texts, got {len(labels)}.")
    prompts = {label: lm.prompt.encode_prompt(lm.tokenizer, label) for label in dict.fromkeys(labels)}
    return lm.prompt.encode_texts(lm.tokenizer, texts), [prompts[label] for label in labels]
