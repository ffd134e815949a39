"""Keeps the weights of the best evaluation while a model is trained."""

from collections.abc import Sequence
from typing import Any

from transformers import TrainerCallback

from hf_augment.classifiers.scoring import rank


class KeepBest(TrainerCallback):
    """
    Evaluates at evenly spaced steps, the last included, and holds the best weights in memory, not on disk.

    Args:
        steps (`int`): How many steps are trained.
        evaluations (`int`): How often is evaluated.
        name (`str`): What the progress bar says.
        measures (`Sequence[str]`, *optional*, defaults to `("accuracy", "loss")`): What `history` holds of each
            evaluation, and `rank` judges by.
    """

    def __init__(self, steps: int, evaluations: int, name: str, measures: Sequence[str] = ("accuracy", "loss")):
        self.at = {max(1, round(steps * i / evaluations)) for i in range(1, evaluations + 1)}
        self.name, self.measures, self.bar = name, measures, None
        self.history: list[dict[str, Any]] = []
        self.rank, self.step, self.weights = None, 0, {}

    def on_train_begin(self, args, state, control, **kwargs):
        from tqdm.auto import tqdm

        self.bar = tqdm(total=state.max_steps, desc=self.name, unit="step", leave=False, disable=None)

    def on_step_end(self, args, state, control, **kwargs):
        self.bar.update()
        control.should_evaluate = state.global_step in self.at

    def on_evaluate(self, args, state, control, metrics, model, **kwargs):
        found = {"step": state.global_step} | {name: metrics[f"eval_{name}"] for name in self.measures}
        self.history.append(found)
        if self.rank is None or rank(found) > self.rank:
            self.rank, self.step = rank(found), state.global_step
            self.weights = {name: value.detach().to("cpu", copy=True) for name, value in model.state_dict().items()}

    def on_train_end(self, args, state, control, **kwargs):
        self.bar.close()
