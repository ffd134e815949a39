from typing import ClassVar

from hf_augment.metrics.classes import AveragedMetric


class Recall(AveragedMetric):
    """
    Of the rows of a class, the share that is predicted as it, by default averaged over the classes.

    Args:
        predictions, references (`list[int]`, array or tensor): The predicted and the true class of each row.
        average (`str`, *optional*, defaults to `"macro"`): `"macro"` counts every class alike, `"weighted"` by its
            rows, `"micro"` every row; `"binary"` is the score of `pos_label` alone, `None` a list, one a class.
        labels (`list[int]`, *optional*): The classes to average over; by default those that occur.
        pos_label (`int`, *optional*, defaults to `1`): The class that `"binary"` is about.
        sample_weight (`list[float]`, *optional*): The weight of each row.
        zero_division (`float`, *optional*, defaults to `0.0`): The score of a class that has no rows.

    Returns:
        `dict`: `recall`.

    Example:

    ```python
    >>> metrics.load("recall").compute(predictions=[0, 1, 1], references=[0, 1, 0])
    {'recall': 0.75}
    ```
    """

    function: ClassVar[str] = "recall_score"
