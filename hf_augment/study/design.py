"""The trainings of one classifier on one split: the arms of all methods, their shared controls, and each one's cell."""

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from hf_augment.blocks import StudyConfig
from hf_augment.study.arms import Arm, make_arms, steps_for
from hf_augment.study.cells import Cell
from hf_augment.study.trainings import Training, decided_by_arm, decided_by_classifier, decided_by_data
from hf_augment.study.tuning import TUNED, tune

if TYPE_CHECKING:
    from hf_augment.classifiers.examples import Examples

Key = tuple[str | None, str]  # a method, or none for arms that no method has a part in, and an arm


class Rows(NamedTuple):
    """
    What a split holds.

    Args:
        names (`Sequence[str]`): The classes.
        gold ([`Examples`]): The real training rows.
        validation ([`Examples`]): The rows that choose.
        test ([`Examples`]): The rows that score.
        added (`dict[str, Examples]`): What each method adds; perhaps nothing.
    """

    names: Sequence[str]
    gold: "Examples"
    validation: "Examples"
    test: "Examples"
    added: dict[str, "Examples"]


@dataclasses.dataclass(frozen=True)
class Design:
    """
    Arms and grid of one classifier on one split.

    Args:
        arms (`dict[Key, Arm]`): `gold` for all methods; for each `gold_matched`, `duplicated` and `augmented`.
        grid (`dict[str, Arm]`): What `gold_tuned`, which is the same for all methods, chooses from.
        cells (`dict[tuple, Training]`): For each arm's key, or point's name, and seed, the training that fills it.
            Equal ones stand for one cell.
        seeds (`tuple[int, ...]`): The seeds.
    """

    arms: dict[Key, Arm]
    grid: dict[str, Arm]
    cells: dict[tuple[Key | str, int], Training]
    seeds: tuple[int, ...]

    def tuning(self, results: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
        """Return what [`tune`] does, from results by the keys of cells."""
        found = {(name, seed): results[self.cells[name, seed].cell.key] for name in self.grid for seed in self.seeds}
        return tune(self.grid, found, self.seeds)

    def results(self, results: Mapping[str, Mapping[str, Any]]) -> dict[tuple[Key, int], Mapping[str, Any]]:
        """Return the result of each arm and seed, the tuned arm's included."""
        chosen = self.tuning(results)["chosen"]
        of_arms = {key: (key, seed) for seed in self.seeds for key in [(arm, seed) for arm in self.arms]}
        found = {key: results[self.cells[key].cell.key] for key in of_arms}
        tuned = {((None, TUNED), seed): results[self.cells[chosen[str(seed)], seed].cell.key] for seed in self.seeds}
        return found | tuned


def make_design(
    rows: Rows,
    config: StudyConfig,
    name: str,
    cells: Path,
    options: Mapping[str, Mapping[str, Any]],
    *,
    only_gate: bool = False,
) -> Design:
    """
    Lay out what one classifier is to be trained on.

    The tuned arm chooses among `learning_rate` and `tune_learning_rates`, each for the steps of the gold rows and for
    those of every method.

    Args:
        rows ([`Rows`]): The split.
        config ([`StudyConfig`]): The classifier.
        name (`str`): What the study calls it.
        cells (`Path`): The folder above all cells.
        options (`Mapping[str, Mapping]`): For each method, how its augmented arm differs from `config`.
        only_gate (`bool`, *optional*, defaults to `False`): Only the tuned and the augmented arm, each row's scores
            told.
    """
    arms: dict[Key, Arm] = {}
    for method, added in rows.added.items():
        for arm, made in make_arms(rows.gold, added, config).items():
            if arm == "gold":
                arms[None, arm] = made
            elif arm == "augmented" or not only_gate:
                arms[method, arm] = made
    points = _grid(rows, config, arms[None, "gold"])
    if only_gate:
        del arms[None, "gold"]
    shared = decided_by_data(rows.validation, rows.test, rows.names) | {"per_row": only_gate}
    found: dict[tuple[Key | str, int], Training] = {}
    for key, arm in (arms | points).items():
        augmented = isinstance(key, tuple) and key[1] == "augmented"
        own = dataclasses.replace(config, **_effective(options.get(key[0], {}), config)) if augmented else config
        decided = {**shared, **decided_by_classifier(own), **decided_by_arm(arm)}
        for seed in config.seeds:
            cell = Cell(name, seed, decided, cells, saved=False)
            found[key, seed] = Training(cell, arm, rows.validation, rows.test, rows.names, own, only_gate)
    return Design(arms, points, found, config.seeds)


def _effective(options: Mapping[str, Any], config: StudyConfig) -> Mapping[str, Any]:
    """Leave out what has no effect: a regression has no stages and no embeddings of its own to move."""
    return {name: options[name] for name in options if config.classifier != "features" or name == "synthetic_weight"}


def _grid(rows: Rows, config: StudyConfig, gold: Arm) -> dict[str, Arm]:
    if config.classifier == "features":  # tuned within each training
        return {"gold": gold}
    totals = [len(rows.gold.texts), *(len(rows.gold.texts) + len(added.texts) for added in rows.added.values())]
    steps = sorted({steps_for(total, config) for total in totals})
    rates = sorted({config.learning_rate, *config.tune_learning_rates})
    return {
        f"{count} steps, {rate!r}": gold._replace(steps=count, learning_rate=rate) for count in steps for rate in rates
    }
