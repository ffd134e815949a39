"""The tuned arm: gold rows alone, with the settings that do best on gold validation rows, seed by seed."""

from collections.abc import Mapping, Sequence
from typing import Any

from hf_augment.blocks import StudyConfig
from hf_augment.study.arms import Arm

TUNED = "gold_tuned"


def grid(arms: Mapping[str, Arm], config: StudyConfig) -> dict[str, Arm]:
    """
    Return the settings to choose from; none where the study tunes nothing.

    Args:
        arms (`Mapping[str, Arm]`): What `make_arms` returned. Its `gold` and `gold_matched` are the first points.
        config ([`StudyConfig`]): Its `tune_learning_rates` are the further ones, each for the steps of both.
    """
    if not config.tune_learning_rates:
        return {}
    points = {name: arms[name] for name in ("gold", "gold_matched") if name in arms}
    if config.classifier == "features":  # tuned within each training
        return points
    others = sorted(set(config.tune_learning_rates) - {config.learning_rate})
    further = {
        f"{name}_lr{rate!r}": arm._replace(learning_rate=rate) for rate in others for name, arm in points.items()
    }
    return points | further


def tune(
    points: Mapping[str, Arm], results: Mapping[tuple[str, int], Mapping[str, Any]], seeds: Sequence[int]
) -> dict[str, Any]:
    """
    Choose a point of the grid for each seed, as a step is chosen in each training; of equal ones the first.

    Args:
        points (`Mapping[str, Arm]`): What `grid` returned.
        results (`Mapping`): What `Training.train` returned, by point and seed.
        seeds (`Sequence[int]`): The seeds.

    Returns:
        `dict`: `chosen` (the point's name by seed) and `grid`: for each point `learning_rate`, `steps` and
            `validation`, what its best step was chosen by, by seed. Empty where there is no grid.
    """
    from hf_augment.classifiers.scoring import rank

    if not points:
        return {}
    found = {key: _validation(results[key]) for key in ((name, seed) for name in points for seed in seeds)}
    return {
        "chosen": {str(seed): max(points, key=lambda name: rank(found[name, seed])) for seed in seeds},
        "grid": {
            name: {
                "learning_rate": point.learning_rate,
                "steps": point.steps,
                "validation": {str(seed): found[name, seed] for seed in seeds},
            }
            for name, point in points.items()
        },
    }


def _validation(result: Mapping[str, Any]) -> dict[str, float]:
    from hf_augment.classifiers.scoring import RANKING

    best = next(entry for entry in result["history"] if entry["step"] == result["best_step"])
    return {name: best[name] for name in (*RANKING, "loss") if name in best}
