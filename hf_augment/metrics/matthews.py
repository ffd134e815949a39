from typing import Any, ClassVar

from sklearn.metrics import matthews_corrcoef

from hf_augment.metrics.classes import ClassMetric


class MatthewsCorrelation(ClassMetric):
    """
    The correlation of predicted and true classes, from -1 to 1; 0 is chance (Matthews 1975).

    Unlike accuracy it stays at 0 for whoever always predicts the most frequent class.

    Args:
        predictions, references (`list[int]`, array or tensor): The predicted and the true class of each row.
        sample_weight (`list[float]`, *optional*): The weight of each row.

    Returns:
        `dict`: `matthews_correlation`.

    Example:

    ```python
    >>> metrics.load("matthews_correlation").compute(predictions=[0, 1, 1], references=[0, 1, 0])
    {'matthews_correlation': 0.5}
    ```
    """

    function: ClassVar[str] = "matthews_corrcoef"

    def _compute(self, predictions: Any, references: Any, sample_weight: Any = None) -> dict[str, float]:
        found = matthews_corrcoef(references, predictions, sample_weight=sample_weight)
        return {"matthews_correlation": float(found)}
