"""The `study.gate` block: augment only where the gold rows themselves say that it helps."""

import dataclasses
from typing import Literal

from hf_augment.fields import between, positive

SEARCH = "search"  # what the gate calls the method that it would itself choose on each split


@dataclasses.dataclass(frozen=True, kw_only=True)
class GateConfig:
    """
    The do-no-harm gate: on each split, by cross-validation on gold train and validation rows alone.

    Each part of the rows is held out in turn; a method's whole pipeline, generator and selection included, runs on the
    other rows, and a classifier trained with what it wrote has to beat the tuned one trained without, row by row. It
    costs `folds * repeats` runs of each pipeline for each split, and trains with the first seed of a classifier alone.

    Args:
        folds (`int`, *optional*, defaults to `5`): Parts of the rows; fewer where there are fewer rows.
        repeats (`int`, *optional*, defaults to `1`): How often the rows are dealt out anew.
        level (`float`, *optional*, defaults to `0.5`): Of the two-sided t-interval of the mean gain of a row, which
            must lie above zero for the method to be used. On 40 rows, 0.5 kept more than half of a true gain of 4 to
            6 points and cost at most half a point where there was none; 0.95 kept next to nothing.
        measure (`str`, *optional*, defaults to `"accuracy"`): What a row's gain is counted in: `"accuracy"`,
            `"probability"` (of the right label), or `"log_loss"`. The last two see more in few rows, but mistake a
            surer classifier for a better one: they let through rows that are all labelled wrong
            (`tests/benchmarks/gate.py`).
    """

    folds: int = 5
    repeats: int = 1
    level: float = 0.5
    measure: Literal["accuracy", "probability", "log_loss"] = "accuracy"

    def __post_init__(self):
        between(self.folds, 2, 100, "study: gate: folds")
        positive(self.repeats, "study: gate: repeats")
        between(self.level, 0.01, 0.999, "study: gate: level")
