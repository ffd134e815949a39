"""What is read off the answers of a classifier: which evaluation is the better one, and how each row fared."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

RANKING = ("accuracy", "f1")  # what an evaluation is judged by before its loss


def rank(evaluation: Mapping[str, Any]) -> tuple[float, float]:
    """
    Return what is larger for a better evaluation: its accuracy or F1, and where that is equal the lower loss.

    Args:
        evaluation (`Mapping`): `loss`, and, unless the loss alone decides, `accuracy` or `f1`.
    """
    loss = evaluation["loss"]
    first = next((evaluation[name] for name in RANKING if name in evaluation), 0.0)
    return first, float("-inf") if math.isnan(loss) else -loss


def row_scores(probabilities: np.ndarray, labels: Sequence[int]) -> list[list[float]]:
    """
    Return for each row whether it was read rightly, 1 or 0, and the probability of its label.

    Args:
        probabilities (`np.ndarray` of shape `(rows, classes)`): What the classifier said.
        labels (`Sequence[int]`): What is right.
    """
    return [
        [int(found.argmax() == label), round(float(found[label]), 6)]
        for found, label in zip(probabilities, labels, strict=True)
    ]
