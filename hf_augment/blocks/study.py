"""The `study` block: the comparison."""

import dataclasses

from hf_augment.errors import unknown
from hf_augment.fields import above_zero, between, positive
from hf_augment.metrics import METRICS


@dataclasses.dataclass(frozen=True, kw_only=True)
class StudyConfig:
    """
    The comparison: one classifier with the gold rows, with each twice, and with gold and augmented rows.

    Args:
        classifier (`str`, *optional*, defaults to `"lstm"`): `"lstm"`, or a Hub id or folder of any encoder that
            `AutoModelForSequenceClassification` loads.
        revision (`str`, *optional*): A commit, branch or tag of a Hub model.
        hidden_size (`int`, *optional*, defaults to `256`): The width of the LSTM's state (`"lstm"` only). Halving it
            takes half the time.
        seeds (`list[int]`, *optional*, defaults to `[0, 1, 2]`): Each arm is trained once with each.
        epochs (`float`, *optional*, defaults to `10.0`): Passes over the gold rows without augmentation.
        evaluations (`int`, *optional*, defaults to `10`): Evaluations on gold validation rows; the best is kept.
        learning_rate, batch_size, max_length, weight_decay: as in `transformers.TrainingArguments`.
        tune_learning_rates (`list[float]`, *optional*): Adds an arm with the gold rows alone, tuned for each seed on
            validation rows: these learning rates and `learning_rate`, each for the steps of the gold and of the
            augmented arm.
        label_smoothing (`float`, *optional*, defaults to `0.0`): The share of each training row's label that is spread
            over all classes.
        adversarial_epsilon (`float`, *optional*, defaults to `0.0`): Trains on each row as it is and with its
            embeddings moved to where the loss is higher, by a vector that is at most so long; 0 does not. From 0.5 to
            5 is usual.
        adversarial_steps (`int`, *optional*, defaults to `1`): How many gradients it follows there: one is the fast
            gradient method, more are projected gradient descent. Each takes as long as a training step.
        metrics (`list[str]`, *optional*, defaults to `["accuracy", "f1"]`): Modules of `hf_augment.metrics`.
    """

    classifier: str = "lstm"
    revision: str | None = None
    hidden_size: int = 256
    seeds: tuple[int, ...] = (0, 1, 2)
    epochs: float = 10.0
    evaluations: int = 10
    learning_rate: float = 1e-3
    weight_decay: float = 0.0
    batch_size: int = 16
    max_length: int = 128
    tune_learning_rates: tuple[float, ...] = ()
    label_smoothing: float = 0.0
    adversarial_epsilon: float = 0.0
    adversarial_steps: int = 1
    metrics: tuple[str, ...] = ("accuracy", "f1")

    def __post_init__(self):
        for name in ("hidden_size", "evaluations", "batch_size", "max_length", "adversarial_steps"):
            positive(getattr(self, name), f"study: {name}")
        above_zero(self.epochs, "study: epochs")
        above_zero(self.learning_rate, "study: learning_rate")
        for rate in self.tune_learning_rates:
            above_zero(rate, "study: tune_learning_rates")
        between(self.weight_decay, 0, 1e6, "study: weight_decay")
        between(self.label_smoothing, 0, 1, "study: label_smoothing")
        between(self.adversarial_epsilon, 0, 1e6, "study: adversarial_epsilon")
        if len(set(self.seeds)) != len(self.seeds) or not self.seeds or min(self.seeds) < 0:
            raise ValueError(f"study: seeds: expected different whole numbers from 0 up, got {list(self.seeds)}.")
        if not self.metrics:
            raise ValueError(f"study: metrics: expected at least one of {sorted(METRICS)}, got an empty list.")
        for name in self.metrics:
            if name not in METRICS:
                raise ValueError("study: metrics: " + unknown("metric", name, METRICS))
