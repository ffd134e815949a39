"""`evaluate` modules that are installed with the library: no script is fetched, no network is needed."""

import importlib
from collections.abc import Iterable
from typing import Any

from hf_augment.errors import unknown

METRICS = {
    "accuracy": "hf_augment.metrics.accuracy:Accuracy",
    "bleu": "hf_augment.metrics.bleu:Bleu",
    "chrf": "hf_augment.metrics.chrf:Chrf",
    "copy_rate": "hf_augment.metrics.copy_rate:CopyRate",
    "distinct_n": "hf_augment.metrics.distinct_n:DistinctN",
    "f1": "hf_augment.metrics.f1:F1",
    "label_fidelity": "hf_augment.metrics.label_fidelity:LabelFidelity",
    "matthews_correlation": "hf_augment.metrics.matthews:MatthewsCorrelation",
    "mauve": "hf_augment.metrics.mauve:Mauve",
    "novelty": "hf_augment.metrics.novelty:Novelty",
    "perplexity": "hf_augment.metrics.perplexity:Perplexity",
    "precision": "hf_augment.metrics.precision:Precision",
    "recall": "hf_augment.metrics.recall:Recall",
    "rouge": "hf_augment.metrics.rouge:Rouge",
    "self_bleu": "hf_augment.metrics.self_bleu:SelfBleu",
    "type_token_ratio": "hf_augment.metrics.type_token_ratio:TypeTokenRatio",
    "vendi_score": "hf_augment.metrics.vendi_score:VendiScore",
}
CLASSIFICATION = ("accuracy", "f1", "matthews_correlation", "precision", "recall")  # of predicted and true classes
# The numbers that a study can score each task by; without `study.metrics` all of them, the first is what it speaks of.
OF_TASKS = {
    "text-classification": CLASSIFICATION,
    "question-answering": ("f1", "exact_match"),
    "token-classification": ("f1", "precision", "recall"),
    "translation": ("bleu", "chrf"),
    "summarization": ("rougeL", "rouge1", "rouge2"),
    "dialogue": ("perplexity", "distinct_1", "distinct_2"),
}
LOWER = ("perplexity",)  # of these the lower number is the better one; of all others the higher


def load(name: str, **options: Any) -> Any:
    """
    Make a metric, as `evaluate.load` does, without the Hub.

    Args:
        name (`str`): One of `METRICS`.
        **options: Passed on to `evaluate.Metric`, e.g. `num_process` and `process_id`. One process keeps its
            predictions in memory unless told otherwise. A metric on texts also takes here what its `compute` takes,
            which is the way to set it in `combine`.

    Returns:
        `evaluate.Metric`: With `compute`, `add` and `add_batch`.

    Raises:
        `ValueError`: There is no such metric.

    Example:

    ```python
    >>> from hf_augment import metrics
    >>> metrics.load("f1").compute(predictions=[0, 1, 1], references=[0, 1, 0])
    {'f1': 0.6666666666666666}
    ```
    """
    if name not in METRICS:
        raise ValueError(unknown("metric", name, METRICS))
    module, _, attribute = METRICS[name].partition(":")
    options.setdefault("keep_in_memory", options.get("num_process", 1) == 1)
    return getattr(importlib.import_module(module), attribute)(**options)


def combine(names: Iterable[Any]) -> Any:
    """
    Make one module of several metrics.

    Args:
        names (`Iterable[str or evaluate.Metric]`): Names of `METRICS`, or what `load` made of one. All get the same
            `predictions` (and `references`): classes or texts, not both.

    Returns:
        `evaluate.CombinedEvaluations`: Its `compute` returns all the numbers in one dict.
    """
    loaded = [load(name) if isinstance(name, str) else name for name in names]
    import evaluate

    return evaluate.combine(loaded)
