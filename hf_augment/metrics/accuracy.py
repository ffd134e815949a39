from typing import Any, ClassVar

from sklearn.metrics import accuracy_score

from hf_augment.metrics.classes import ClassMetric


class Accuracy(ClassMetric):
    """
    The share of rows whose class is predicted.

    On unbalanced data the most frequent class alone can score high.

    Args:
        predictions, references (`list[int]`, array or tensor): The predicted and the true class of each row.
        normalize (`bool`, *optional*, defaults to `True`): The share; `False` for the number of rows.
        sample_weight (`list[float]`, *optional*): The weight of each row.

    Returns:
        `dict`: `accuracy`.

    Example:

    ```python
    >>> metrics.load("accuracy").compute(predictions=[0, 1, 1], references=[0, 1, 0])
    {'accuracy': 0.6666666666666666}
    ```
    """

    function: ClassVar[str] = "accuracy_score"

    def _compute(self, predictions: Any, references: Any, normalize: bool = True, sample_weight: Any = None) -> dict:
        found = accuracy_score(references, predictions, normalize=normalize, sample_weight=sample_weight)
        return {"accuracy": float(found)}
