"""Trains the same classifier, or model for another task, on gold, repeated gold and augmented rows, and compares them seed by seed."""

import dataclasses
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from hf_augment.blocks import StudyConfig
from hf_augment.blocks.study import CLASSIFY
from hf_augment.record import write_json
from hf_augment.study.arms import make_arms, only_from_gold, only_gold, only_originals, provenance
from hf_augment.study.cells import Cell
from hf_augment.study.markdown import markdown
from hf_augment.study.reading import Reading
from hf_augment.study.report import make_report
from hf_augment.study.trainings import Training, decided_by_arm, decided_by_classifier, decided_by_data
from hf_augment.study.tuning import grid

SAVED = ("gold", "augmented")  # of these arms the model of the first seed stays on disk


@dataclasses.dataclass(frozen=True, kw_only=True)
class Comparison:
    """
    What a comparison found.

    Args:
        report (`dict`): All of it, as in `comparison.json`: among others `rows` (one test score each: arm, seed,
            metric, value), `table` (mean and standard deviation), `differences` (augmented minus each other arm),
            `arms` (rows, steps, seconds), `tuning` (what the tuned arm chose from) and `overlaps`.
        output (`Path`): The folder with `comparison.json`, `comparison.md`, `cells` and `classifier`.
    """

    report: dict[str, Any]
    output: Path

    @property
    def reading(self) -> str:
        """What the differences support, in one line."""
        return self.report["reading"]

    @property
    def classifiers(self) -> dict[str, Path]:
        """The folders of the saved classifiers, by arm."""
        return {arm: self.output / folder for arm, folder in self.report["classifiers"].items()}

    def to_json(self) -> dict[str, Any]:
        """Return what `comparison.json` holds."""
        return self.report

    def to_markdown(self) -> str:
        """Return the text of `comparison.md`."""
        return markdown(self.report)


def compare(
    gold_train: Any,
    augmented_train: Any,
    validation: Any,
    test: Any,
    *,
    text: str | None = None,
    label: str | None = None,
    config: StudyConfig,
    output: str | Path,
    seed_base: int = 0,
    label_names: Sequence[str] | None = None,
    task: str = CLASSIFY,
    columns: Mapping[str, str] | None = None,
) -> Comparison:
    """
    Compare a classifier, or a model for another task, trained with augmented rows with several trained without.

    The arms: `gold`; `gold_matched`, the same rows for as many optimiser steps as `augmented`; `duplicated`, gold
    rows repeated to the number of rows of `augmented`, for as many steps; `augmented`, gold and augmented rows. With
    `tune_learning_rates` there is a fifth: `gold_tuned`, gold rows at the learning rate and for the number of steps
    that do best on the validation rows. Each finished training is a file: a killed comparison goes on where it
    stopped, and one whose data, settings or versions have changed trains anew.

    Args:
        gold_train (`Dataset`): The real training rows.
        augmented_train (`Dataset`): What [`Augment`] made of them; its rows that are not `"original"` are added to
            the gold rows.
        validation (`Dataset`): Real rows, which choose a step in each training.
        test (`Dataset`): Real rows, which only score.
        text (`str`, *optional*): The text column of a classifier; rows of other tasks have columns of their own.
        label (`str`, *optional*): Its label column.
        config ([`StudyConfig`]): Classifier, seeds, optimisation, metrics.
        output (`str` or `Path`): The folder for results, cells and two saved classifiers.
        seed_base (`int`, *optional*, defaults to `0`): Added to each seed of `config`.
        label_names (`Sequence[str]`, *optional*): The names of integer labels that carry none.
        task (`str`, *optional*, defaults to `"text-classification"`): What the rows are for, one of
            `hf_augment.tasks.TASKS`.
        columns (`dict[str, str]`, *optional*): The columns of other tasks by role, where they are not called as usual,
            as for [`Augment`].

    Returns:
        [`Comparison`]: What `comparison.json` and `comparison.md` say.

    Raises:
        `ValueError`: Augmented rows in an evaluation split, originals that are no gold rows, or nothing was added.
    """
    config = config.for_task(task)
    if task == CLASSIFY and (text is None or label is None):
        raise ValueError(f"text, label: a classifier needs both columns, got {text!r} and {label!r}.")
    seeds = [seed_base + seed for seed in config.seeds]
    if min(seeds) < 0 or max(seeds) >= 2**32:
        raise ValueError(
            f"study: seeds: expected numbers from 0 to 2**32 - 1, got {seeds} (with seed_base {seed_base})."
        )
    reading = Reading(task, text, label, label_names, columns).with_names(gold_train)
    names = list(reading.names)
    originals, added = provenance(augmented_train)
    splits = {"gold": gold_train, "added": added, "validation": validation, "test": test}
    data = {split: reading.read(rows, split) for split, rows in splits.items()}
    for split in ("gold", "validation", "test"):
        only_originals(splits[split], split)
    if len(originals):
        only_gold(reading.read(originals, "original"), data["gold"])
    else:
        only_from_gold(added, data["gold"], task)
    arms = make_arms(data["gold"], data["added"], config)
    points = grid(arms, config)
    cells = _cells(arms | points, data, names, config, seeds, Path(output))
    results = _train(cells, arms | points, data, names, config)
    report = make_report(results, arms, points, data, config, seeds)
    write_json(Path(output) / "comparison.json", report)
    _write_text(Path(output) / "comparison.md", markdown(report))
    return Comparison(report=report, output=Path(output))


def _cells(arms, data, names: list[str], config: StudyConfig, seeds: list[int], output: Path) -> list[Cell]:
    shared = decided_by_data(data["validation"], data["test"], names) | decided_by_classifier(config)
    return [
        Cell(arm, seed, {**shared, **decided_by_arm(arms[arm])}, output, saved=arm in SAVED and seed == seeds[0])
        for seed in seeds
        for arm in arms
    ]


def _train(cells: list[Cell], arms, data, names: list[str], config: StudyConfig) -> dict[Cell, dict[str, Any]]:
    """Train what is not on disk yet."""
    from tqdm.auto import tqdm

    results = {cell: cell.finished() for cell in cells}
    missing = [cell for cell, result in results.items() if result is None]
    told = f"{len(cells)} cells ({len(arms)} for each of {len(cells) // len(arms)} seeds), {len(missing)} of them to train"
    tqdm.write(f"Comparison: {told}.", file=sys.stderr)
    with tqdm(total=len(cells), initial=len(cells) - len(missing), unit="cell", file=sys.stderr) as bar:
        for cell in missing:
            bar.set_description(f"{cell.arm}, seed {cell.seed}")
            training = Training(cell, arms[cell.arm], data["validation"], data["test"], names, config)
            results[cell] = training.carry_out()
            bar.update()
    return results


def _write_text(path: Path, text: str) -> None:
    unfinished = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    unfinished.write_text(text, encoding="utf-8")
    os.replace(unfinished, path)
