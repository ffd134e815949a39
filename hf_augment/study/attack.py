"""How firmly a classifier stands: its accuracy on real rows, and on the same rows under attack."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from hf_augment.streams import row_key, stream
from hf_augment.transform import Declined, Row

TOGETHER = 500  # rows attacked side by side; every text that is tried on them is held in memory meanwhile


def attack_report(
    attack: Any,
    rows: Any,
    *,
    text: str = "text",
    label: str = "label",
    label_names: Sequence[str] | None = None,
    seed: int = 0,
) -> dict[str, Any]:
    """
    Attack the classifier of an [`Adversarial`] on the rows of a split.

    What may be put where depends on the rows and the seed alone, so two classifiers that are attacked with otherwise
    equal settings meet the same candidates.

    Args:
        attack ([`Adversarial`]): The classifier (`victim`) and how it is attacked.
        rows (`Dataset`): Real rows, best ones that it was not trained on.
        text (`str`, *optional*, defaults to `"text"`): The text column.
        label (`str`, *optional*, defaults to `"label"`): The label column: `ClassLabel`, strings or whole numbers.
        label_names (`Sequence[str]`, *optional*): The names of integer labels that carry none.
        seed (`int`, *optional*, defaults to `0`): Draws the candidates.

    Returns:
        `dict`: `rows`; `clean_accuracy`; `attacked_accuracy`, the share of rows that it reads rightly before and after;
        `attack_success`, the share of the rightly read rows that were turned; `mean_queries` and `most_queries`, texts
        read for an attacked row; `mean_changed`, words changed in a turned row; `skipped`, rows without text or label,
        those that it cannot read, and with a `target` those that have that label.

    Raises:
        `ValueError`: No row is left, as where the classifier calls the labels otherwise.

    Example:

    ```python
    >>> from hf_augment import Adversarial
    >>> from hf_augment.study.attack import attack_report
    >>> attack_report(Adversarial(victim="runs/mine/classifier/gold/model"), test)
    ```
    """
    from hf_augment.classifiers.examples import class_names, read_examples

    names = class_names(rows, label, label_names)
    examples = read_examples(rows, text=text, label=label, names=names, label_names=label_names, split="attacked")
    given = [Row(content, names[number]) for content, number in zip(examples.texts, examples.labels, strict=True)]
    found: list[Any] = []
    for at in range(0, len(given), TOGETHER):
        part = given[at : at + TOGETHER]
        drawn = [stream(seed, attack.name, row_key(row.text), 1) for row in part]
        found += [outcome for _, outcome in attack.attack(part, drawn)]
    ended = [outcome for outcome in found if not isinstance(outcome, Declined)]
    reasons = [outcome.reason for outcome in found if isinstance(outcome, Declined)]
    unreadable = sum(reason != attack.MISREAD for reason in reasons)
    turned = [outcome for outcome in ended if outcome.succeeded]
    count = len(given) - unreadable
    if not count:
        raise ValueError(
            f"None of the {len(given)} rows can be attacked: {'; '.join(dict.fromkeys(reasons))}. Rename the labels "
            "(Dataset.cast_column, or label_names=[...]) as the classifier calls them."
        )
    return {
        "rows": count,
        "clean_accuracy": _share(len(ended), count),
        "attacked_accuracy": _share(len(ended) - len(turned), count),
        "attack_success": _share(len(turned), len(ended)),
        "mean_queries": _mean([outcome.queries for outcome in ended]),
        "most_queries": max((outcome.queries for outcome in ended), default=0),
        "mean_changed": _mean([len(outcome.chosen) for outcome in turned]),
        "skipped": examples.skipped + unreadable,
    }


def _share(part: int, whole: int) -> float:
    return part / whole if whole else 0.0


def _mean(numbers: Sequence[int]) -> float:
    return float(np.mean(numbers)) if numbers else 0.0
