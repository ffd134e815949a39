"""What `comparison.json` holds: the facts about each arm, and what the trainings found."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from hf_augment.blocks import StudyConfig
from hf_augment.study import paired
from hf_augment.study.arms import Arm, overlap
from hf_augment.study.cells import Cell
from hf_augment.study.tuning import TUNED, tune

if TYPE_CHECKING:
    from hf_augment.classifiers.examples import Examples


def make_report(
    results: Mapping[Cell, Mapping[str, Any]],
    arms: Mapping[str, Arm],
    points: Mapping[str, Arm],
    data: Mapping[str, "Examples"],
    config: StudyConfig,
    seeds: Sequence[int],
) -> dict[str, Any]:
    """
    Gather a comparison's result; of the tuned arm's grid only what was chosen shows its test score.

    Args:
        results (`Mapping`): What each cell found.
        arms (`Mapping[str, Arm]`): What `make_arms` returned.
        points (`Mapping[str, Arm]`): What `grid` returned.
        data (`Mapping[str, Examples]`): The rows: `gold`, `added`, `validation`, `test`.
        config ([`StudyConfig`]): The settings, for their task.
        seeds (`Sequence[int]`): The seeds.
    """
    found = {(cell.arm, cell.seed): result for cell, result in results.items()}
    tuning = tune(points, found, seeds)
    facts = {name: _facts(name, arm, found, seeds) for name, arm in arms.items()}
    if tuning:
        facts = _with_tuned(facts, tuning, points, found, seeds)
        found |= {(TUNED, seed): found[tuning["chosen"][str(seed)], seed] for seed in seeds}
    scored = next(iter(results.values()))["test"]
    metrics = [name for name in config.metrics if name in scored]  # the file of a cell does not keep their order
    rows = [
        {"arm": arm, "seed": seed, "metric": metric, "value": found[arm, seed]["test"][metric]}
        for seed in seeds
        for arm in facts
        for metric in metrics
    ]
    differences = paired.differences(rows)
    settings = dataclasses.asdict(config)
    return {
        "reading": paired.reading(differences, metrics[0], len(seeds)),
        "config": {name: list(value) if isinstance(value, tuple) else value for name, value in settings.items()},
        "seeds": list(seeds),
        "arms": facts,
        "tuning": tuning,
        "rows": rows,
        "table": paired.table(rows),
        "differences": differences,
        "overlaps": {kind: overlap(data, kind) for kind in ("added", "gold")},
        "evaluated_on": {split: len(data[split].texts) for split in ("validation", "test")},
        "skipped": {split: examples.skipped for split, examples in data.items()},
        "cells": [cell.file.name for cell in results],
        "classifiers": {cell.arm: f"classifier/{cell.arm}/model" for cell in results if cell.folder is not None},
    }


def _facts(name: str, arm: Arm, found: Mapping[tuple[str, int], Mapping], seeds: Sequence[int]) -> dict[str, Any]:
    own = {str(seed): found[name, seed] for seed in seeds}
    return {
        "rows": len(arm.rows.texts),
        "steps": arm.steps,
        "seconds": {seed: result["seconds"] for seed, result in own.items()},
        "best_step": {seed: result["best_step"] for seed, result in own.items()},
    }


def _with_tuned(facts, tuning: Mapping, points: Mapping[str, Arm], found, seeds: Sequence[int]) -> dict[str, Any]:
    """Add the tuned arm behind the other arms of gold rows; its seconds are those of the whole grid."""
    chosen = {str(seed): (tuning["chosen"][str(seed)], seed) for seed in seeds}
    tuned = {
        "rows": facts["gold"]["rows"],
        "steps": {seed: points[name].steps for seed, (name, _) in chosen.items()},
        "seconds": {str(seed): round(sum(found[name, seed]["seconds"] for name in points), 3) for seed in seeds},
        "best_step": {seed: found[key]["best_step"] for seed, key in chosen.items()},
    }
    names = list(facts)
    names.insert(names.index("gold_matched" if "gold_matched" in names else "gold") + 1, TUNED)
    return {name: tuned if name == TUNED else facts[name] for name in names}
