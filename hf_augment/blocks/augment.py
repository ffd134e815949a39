"""The `augment` block: which transforms, and how many copies."""

import dataclasses
from typing import Any

from hf_augment.fields import positive


@dataclasses.dataclass(frozen=True, kw_only=True)
class AugmentConfig:
    """
    The augmentation of the training split.

    Args:
        pipeline (`list`): Specs of transforms, applied one after the other. `generate` without `model` takes the
            generator that the recipe trains.
        copies (`int`, *optional*): Copies of each row; or, through `plan`:
        total, per_label (`int`), balance, eda (`bool`): How many copies in all, for each label, enough to balance
            the labels, or as many as the EDA paper recommends.
        field (`str`, *optional*): What is written instead of `data.field`, where the methods of a study each write
            another one. Its generator learns to write that, too.
        key (`str`, *optional*): An id column, where rows of equal content are wanted apart.
    """

    pipeline: tuple[dict[str, Any], ...]
    copies: int | None = None
    total: int | None = None
    per_label: int | None = None
    balance: bool = False
    eda: bool = False
    field: str | None = None
    key: str | None = None

    def __post_init__(self):
        if not self.pipeline:
            raise ValueError(
                "augment: pipeline: expected at least one transform, got an empty list. Write e.g. [{name: eda}]."
            )
        ways = {name: getattr(self, name) for name in ("copies", "total", "per_label", "balance", "eda")}
        given = [name for name, value in ways.items() if value not in (None, False)]
        if len(given) > 1:
            raise ValueError(f"augment: expected one of {list(ways)}, got {given}.")
        for name in ("copies", "total", "per_label"):
            positive(ways[name], f"augment: {name}")
