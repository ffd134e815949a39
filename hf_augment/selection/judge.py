"""The judge of labels: logistic regressions on frozen sentence embeddings of the real rows."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from hf_augment.selection.calibration import Calibration, calibrate
from hf_augment.selection.space import TOGETHER, Picked
from hf_augment.streams import row_key, stream

COSTS = (0.1, 1.0, 10.0, 100.0)  # inverse strengths of regularisation; embeddings have length 1, so few are enough


@dataclass(frozen=True)
class Judge:
    """
    Classifiers that each saw all real rows but one part.

    Args:
        classes (`list[str]`): The labels, in the order of the columns of probabilities.
        models (`list`): One fitted classifier for each part left out.
        out_of_fold (`np.ndarray` of shape `(rows, classes)`): For each real row, the probabilities by the classifier
            that did not see it.
        accuracy (`float`): How often the likeliest of those is the row's own label.
        chance (`float`): The accuracy of always naming the most frequent label.
        p_value (`float`): How probable so many hits are by chance (exact binomial test, one-sided).
        costs (`list[float]`): The `C` of each classifier.
        trust (`float`): As in [`SelectConfig`].
        calibration ([`Calibration`], *optional*): What the probabilities are scaled by; those of `out_of_fold` are
            scaled already.
    """

    classes: list[str]
    models: list[Any]
    out_of_fold: np.ndarray
    accuracy: float
    chance: float
    p_value: float
    costs: list[float]
    trust: float = 0.05
    calibration: Calibration | None = None

    @property
    def trusted(self) -> bool:
        """Whether it is better than chance, as clearly as was asked for."""
        return self.p_value < self.trust

    def probabilities(self, vectors: np.ndarray | Picked) -> np.ndarray:
        """Return the mean of the classifiers' probabilities, of shape `(rows, classes)`."""
        if not len(vectors):
            return np.zeros((0, len(self.classes)))
        blocks = (vectors[top : top + TOGETHER] for top in range(0, len(vectors), TOGETHER))
        found = np.concatenate(
            [np.mean([model.predict_proba(block) for model in self.models], axis=0) for block in blocks]
        )
        return found if self.calibration is None else self.calibration.apply(found)


def fit_judge(
    vectors: np.ndarray,
    labels: Sequence[str],
    groups: Sequence[str],
    folds: int,
    seed: int,
    calibrated: bool = False,
    trust: float = 0.05,
) -> tuple[Judge | None, str]:
    """
    Train a judge on real rows, by stratified cross-validation; each classifier's `C` by another within its own rows.

    Args:
        vectors (`np.ndarray` of shape `(rows, d)`): Their embeddings.
        labels (`Sequence[str]`): Their labels.
        groups (`Sequence[str]`): Rows of one group, repetitions of each other, are never on both sides of a fold.
        folds (`int`): How many parts; fewer where a label has fewer groups.
        seed (`int`): Draws the parts.
        calibrated (`bool`, *optional*, defaults to `False`): Whether its probabilities are scaled by a temperature.
        trust (`float`, *optional*, defaults to 0.05): As in [`SelectConfig`].

    Returns:
        `tuple[Judge or None, str]`: The judge; or none, and why there can be none.
    """
    from scipy.stats import binomtest

    classes = sorted(set(labels))
    if len(classes) < 2:
        return None, f"a judge needs rows of two labels, and the real rows have {classes}"
    fewest = _fewest(labels, groups)
    if fewest[1] < 2:
        return None, f"a judge needs two different real rows of each label, and {fewest[0]!r} has {fewest[1]}"
    numbers = np.array([classes.index(label) for label in labels])
    parts = _folds(labels, groups, min(folds, fewest[1]), seed)
    out_of_fold = np.zeros((len(labels), len(classes)))
    models, costs = [], []
    for part in range(parts.max() + 1):
        seen, held = np.flatnonzero(parts != part), np.flatnonzero(parts == part)
        costs.append(_best_cost(vectors, numbers, labels, groups, seen, seed))
        models.append(_fit(vectors[seen], numbers[seen], costs[-1]))
        out_of_fold[held] = models[-1].predict_proba(vectors[held])
    right = int((out_of_fold.argmax(1) == numbers).sum())
    chance = max(Counter(labels).values()) / len(labels)
    p_value = float(binomtest(right, len(labels), chance, alternative="greater").pvalue)
    judge = Judge(classes, models, out_of_fold, right / len(labels), chance, p_value, costs, trust)
    if not calibrated:
        return judge, ""
    found = calibrate(out_of_fold, numbers, parts)
    return replace(judge, out_of_fold=found.apply(out_of_fold), calibration=found), ""


def _fewest(labels: Sequence[str], groups: Sequence[str]) -> tuple[str, int]:
    """Return the label that has the fewest groups to itself, and how many."""
    owners = Counter(_owners(labels, groups).values())
    return min(((label, owners[label]) for label in sorted(set(labels))), key=lambda pair: pair[1])


def _owners(labels: Sequence[str], groups: Sequence[str]) -> dict[str, str]:
    """Give each group to one label: where equal texts have several, the first by name."""
    owners: dict[str, str] = {}
    for label, group in zip(labels, groups, strict=True):
        owners[group] = min(label, owners.get(group, label))
    return owners


def _folds(labels: Sequence[str], groups: Sequence[str], folds: int, seed: int) -> np.ndarray:
    """Deal the groups of each label out in turn, in an order that `seed` draws."""
    ranked = sorted(
        (label, stream(seed, "judge", row_key(group), 0).key, group)
        for group, label in _owners(labels, groups).items()
    )
    part = {group: turn % folds for turn, (_, _, group) in enumerate(ranked)}
    return np.array([part[group] for group in groups])


def _best_cost(vectors: np.ndarray, numbers: np.ndarray, labels, groups, seen: np.ndarray, seed: int) -> float:
    """Return the `C` of the least held-out log loss within the rows `seen`; 1 where they are too few to tell."""
    labels, groups = [labels[row] for row in seen], [groups[row] for row in seen]
    fewest = _fewest(labels, groups)[1]
    if fewest < 2:
        return 1.0
    parts = _folds(labels, groups, min(3, fewest), seed)
    losses = dict.fromkeys(COSTS, 0.0)
    for part in range(parts.max() + 1):
        inner, held = seen[parts != part], seen[parts == part]
        for cost in COSTS:
            found = _fit(vectors[inner], numbers[inner], cost).predict_proba(vectors[held])
            losses[cost] -= float(np.log(np.maximum(found[np.arange(len(held)), numbers[held]], 1e-12)).sum())
    return min(COSTS, key=lambda cost: losses[cost])


def _fit(vectors: np.ndarray, numbers: np.ndarray, cost: float) -> Any:
    from sklearn.linear_model import LogisticRegression

    return LogisticRegression(C=cost, max_iter=1000).fit(vectors, numbers)
