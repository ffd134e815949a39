"""The `methods` block: one way to augment among several."""

import dataclasses
from typing import Any

from hf_augment.blocks.augment import AugmentConfig
from hf_augment.blocks.select import SelectConfig
from hf_augment.blocks.train import TrainConfig
from hf_augment.errors import unknown

OF_AUGMENTED_ROWS = ("synthetic_weight", "two_stage", "label_smoothing", "adversarial_epsilon", "adversarial_steps")


@dataclasses.dataclass(frozen=True, kw_only=True)
class MethodConfig:
    """
    A method that a study compares with no augmentation.

    Args:
        augment ([`AugmentConfig`]): As the recipe's block.
        train ([`TrainConfig`], *optional*): As the recipe's block. Methods that train the same generator share it.
        select ([`SelectConfig`], *optional*): As the recipe's block.
        study (`dict`, *optional*): How a classifier is trained with the augmented rows, where that differs from
            `study`: `synthetic_weight`, `two_stage`, `label_smoothing`, `adversarial_epsilon`, `adversarial_steps`.
            The controls keep the settings of `study`.
    """

    augment: AugmentConfig
    train: TrainConfig | None = None
    select: SelectConfig | None = None
    study: dict[str, Any] = dataclasses.field(default_factory=dict)

    def __post_init__(self):
        for name in self.study:
            if name not in OF_AUGMENTED_ROWS:
                raise ValueError(
                    "methods: study: "
                    + unknown(
                        "option of augmented rows",
                        name,
                        OF_AUGMENTED_ROWS,
                        "Steps and learning rate are those of the controls, or the pairs would not be fair.",
                    )
                )
