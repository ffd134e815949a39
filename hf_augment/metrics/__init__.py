"""`evaluate` modules that are installed with the library: no script is fetched, no network is needed."""

import importlib
from collections.abc import Iterable
from typing import Any

from hf_augment.errors import unknown

METRICS = {
    "accuracy": "hf_augment.metrics.accuracy:Accuracy",
    "f1": "hf_augment.metrics.f1:F1",
    "matthews_correlation": "hf_augment.metrics.matthews:MatthewsCorrelation",
    "precision": "hf_augment.metrics.precision:Precision",
    "recall": "hf_augment.metrics.recall:Recall",
}


def load(name: str, **options: Any) -> Any:
    """
    Make a metric, as `evaluate.load` does, without the Hub.

    Args:
        name (`str`): One of `METRICS`.
        **options: Passed on to `evaluate.Metric`, e.g. `num_process` and `process_id`. One process keeps its
            predictions in memory unless told otherwise.

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


def combine(names: Iterable[str]) -> Any:
    """
    Make one module of several metrics.

    Args:
        names (`Iterable[str]`): Names of `METRICS`.

    Returns:
        `evaluate.CombinedEvaluations`: Its `compute` returns all the numbers in one dict.
    """
    loaded = [load(name) for name in names]
    import evaluate

    return evaluate.combine(loaded)
