"""Training on augmented rows otherwise than on real ones: at another weight, or before them."""

from collections.abc import Callable, Sequence
from typing import Any

import torch

from hf_augment.blocks import StudyConfig
from hf_augment.classifiers.adversarial import AdversarialTrainer

WEIGHT = "weight"


class StudyTrainer(AdversarialTrainer):
    """
    An [`AdversarialTrainer`] whose rows may count differently, and whose schedule may be told another length.

    Args:
        schedule_steps (`int`, *optional*): The number of steps that the schedule is told; by default all of them.
        kwargs: As for [`AdversarialTrainer`]. Rows may have a number `weight`, by which their loss is multiplied.
    """

    def __init__(self, *, schedule_steps: int | None = None, **kwargs: Any):
        super().__init__(**kwargs)
        self.schedule_steps = schedule_steps
        self._weights: torch.Tensor | None = None

    def create_scheduler(self, num_training_steps: int, optimizer: Any = None) -> Any:
        return super().create_scheduler(self.schedule_steps or num_training_steps, optimizer)

    def _set_signature_columns_if_needed(self) -> None:
        super()._set_signature_columns_if_needed()
        if WEIGHT not in self._signature_columns:
            self._signature_columns.append(WEIGHT)  # or it is taken out of the batch as unknown to the model

    def compute_loss(self, model, inputs, return_outputs=False, num_items_in_batch=None):
        self._weights = inputs.pop(WEIGHT, None)
        if self._weights is None or self.smoothing or self.epsilon:
            return super().compute_loss(model, inputs, return_outputs, num_items_in_batch=num_items_in_batch)
        outputs = model(**inputs)
        loss = self._loss(outputs, inputs)
        return (loss, outputs) if return_outputs else loss

    def _loss(self, outputs: Any, inputs: dict[str, Any]) -> torch.Tensor:
        if self._weights is None:
            return super()._loss(outputs, inputs)
        losses = torch.nn.functional.cross_entropy(
            outputs.logits, inputs["labels"], label_smoothing=self.smoothing, reduction="none"
        )
        return (losses * self._weights.to(losses.dtype)).mean()


def weights(rows: int, added: int, config: StudyConfig) -> list[float]:
    """
    Return what each training row counts.

    Args:
        rows (`int`): How many there are.
        added (`int`): How many of the last ones are augmented.
        config ([`StudyConfig`]): Its `synthetic_weight`.
    """
    return [1.0] * (rows - added) + [config.synthetic_weight] * added


def first_stage(
    rows: Sequence[Any], added: int, steps: int, config: StudyConfig
) -> tuple[Sequence[Any], Sequence[Any], int]:
    """
    Return the rows and steps of the first of two stages, and the rows of the second.

    Args:
        rows (`Sequence`): The training rows, the augmented ones last.
        added (`int`): How many are augmented.
        steps (`int`): Of both stages together.
        config ([`StudyConfig`]): Its `two_stage`.

    Returns:
        `tuple`: First rows, second rows, first steps; no first rows and steps where all are trained on at once.
    """
    if config.two_stage is None or not added or added == len(rows) or steps < 2:
        return [], rows, 0
    return rows[-added:], rows[:-added], min(steps - 1, max(1, round(steps * config.two_stage)))


def with_fresh_head(model: Any, load: Callable[[], Any]) -> Any:
    """
    Return a newly loaded classifier with the body of a trained one; the model itself if it has no body of its own.

    Args:
        model (`PreTrainedModel`): The trained one.
        load (`Callable`): Loads it anew, its head drawn at random.
    """
    body = model.base_model
    if body is model:
        return model
    fresh = load()
    fresh.base_model.load_state_dict(body.state_dict())
    return fresh
