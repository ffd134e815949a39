"""How many rows of each label are kept, and which: the best, or the best that are unlike each other."""

from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np

from hf_augment.blocks import SelectConfig
from hf_augment.selection.rows import Rows


def quotas(rows: Rows, config: SelectConfig) -> Mapping[str, int] | None:
    """Return how many candidates each label is to keep; `None` for all that pass."""
    names = sorted(set(rows.labels))
    if not config.balance:
        return None if config.per_label is None else dict.fromkeys(names, config.per_label)
    real = Counter(rows.labels[i] for i in rows.gold if rows.labels[i])
    wanted = config.per_label if config.per_label is not None else max(real.values(), default=0)
    return {name: max(0, wanted - real[name]) for name in names}


def over(labels: Sequence[str], wanted: Mapping[str, int]) -> list[bool]:
    """Say of each row, from the best to the worst, whether the quota of its label has no room for it."""
    taken: Counter[str] = Counter()
    found = []
    for label in labels:
        taken[label] += 1
        found.append(taken[label] > wanted[label])
    return found


def most_diverse(
    vectors: np.ndarray, relevance: np.ndarray, count: int, diversity: float, taken: int = 0
) -> tuple[list[int], list[float]]:
    """
    Choose rows one by one, each as relevant and as unlike those before as possible: maximal marginal relevance.

    After Carbonell and Goldstein 1998 (doi.org/10.1145/290941.291025). Each choice takes one product with all rows.

    Args:
        vectors (`np.ndarray` of shape `(n, d)`): Rows of length 1; of rows that are worth the same, the first is taken.
        relevance (`np.ndarray` of shape `(n,)`): What each row is worth by itself.
        count (`int`): How many rows, the ones taken already included.
        diversity (`float`): From 0, relevance alone, to 1, unlikeness alone.
        taken (`int`, *optional*, defaults to `0`): So many first rows are chosen whatever they are worth.

    Returns:
        `tuple[list[int], list[float]]`: The rows in the order of their choice, and what each was worth then.
    """
    closest = np.full(len(vectors), -np.inf, dtype=np.float32)
    left = np.ones(len(vectors), dtype=bool)
    chosen, worth = [], []
    while len(chosen) < min(max(count, taken), len(vectors)):
        alike = closest if chosen else np.zeros_like(closest)
        values = np.where(left, (1 - diversity) * relevance - diversity * alike, -np.inf)
        row = len(chosen) if len(chosen) < taken else int(values.argmax())
        chosen.append(row)
        worth.append(float(values[row]))
        left[row] = False
        np.maximum(closest, vectors @ vectors[row], out=closest)
    return chosen, worth
