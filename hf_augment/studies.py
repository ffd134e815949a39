"""Does it help, over several splits? Generates for each, trains what is not on disk, and says what it found."""

import dataclasses
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from hf_augment.forecast import distinct, paces, tell_ahead
from hf_augment.gated import write_gated
from hf_augment.recipe import Recipe, find_recipe, load_recipe
from hf_augment.record import environment, write_json
from hf_augment.run import check_ahead
from hf_augment.saved import content
from hf_augment.splits import Split, carry_out, make_folds, make_splits, read_rows
from hf_augment.study.assembly import Laid
from hf_augment.study.design import Design, make_design
from hf_augment.study.duration import told
from hf_augment.study.trainings import Training
from hf_augment.study.workers import default_jobs, in_parallel, one_thread
from hf_augment.study_report import assemble, write_pages


def study(
    path: str, overrides: Iterable[str] = (), jobs: int | None = None, report: Callable[[str], None] = print
) -> dict[str, Any]:
    """
    Carry out a study: each method on each split, each classifier with and without it.

    What is finished is on disk: killed at any moment, the same command goes on, and ends with the same numbers.

    Args:
        path (`str`): The recipe.
        overrides (`Iterable[str]`, *optional*): Settings such as `"study.splits=15"`.
        jobs (`int`, *optional*): Processes, of one thread each; half the physical cores by default.
        report (`Callable[[str], None]`, *optional*, defaults to `print`): What says how it goes.

    Returns:
        `dict`: What `study.json` holds.
    """
    overrides = list(overrides)
    recipe = load_recipe(path, overrides)
    if recipe.study is None:
        raise ValueError(f"{path} has no 'study' block, so there is nothing to compare.")
    jobs = jobs or default_jobs()
    one_thread()
    splits = make_splits(recipe)
    _check(recipe, splits)
    gate = recipe.study.gate
    folds = {id(split): make_folds(split, gate.folds, gate.repeats) if gate else [] for split in splits}
    if gate and not all(folds.values()):
        raise ValueError(
            "study: gate: holds gold rows out, and a split has too few: of each label, in training and validation rows "
            "together, it needs two that differ. Take more rows, or leave the gate out."
        )
    everything = [part for split in splits for part in (split, *folds[id(split)])]
    tell_ahead(recipe, splits, everything, jobs, report)
    _generate(recipe, everything, jobs, report)
    laid = [place for split in splits for place in _lay_out(recipe, split)]
    gated = [place for split in splits for fold in folds[id(split)] for place in _lay_out(recipe, fold)]
    results = _train(recipe, [place.design for place in (*laid, *gated)], jobs, report)
    found = assemble(recipe, splits, laid, gated, results, _settings(recipe, path, overrides))
    write_json(Path(recipe.output) / "study.json", found)
    write_pages(found, Path(recipe.output))
    report(found["verdict"])
    for pick in found["chosen"]:
        report(f"{pick['classifier']}: {pick['says']}")
    for name in ("study.json", "study.md", "report.html"):
        report(f"{name + ':':<14}{Path(recipe.output) / name}")
    for name, folder in write_gated(recipe, splits, found["gate"]).items():
        report(f"train {name}: {folder}")
    return found


def _check(recipe: Recipe, splits: Sequence[Split]) -> None:
    """Raise now what would otherwise be raised after hours."""
    from hf_augment.classifiers.checkpoint import classifier_identity

    for config in recipe.study.each().values():
        classifier_identity(config.classifier, config.encoder, config.revision)
    _check_that_splits_differ(splits)
    for split in splits:
        if split.number == 0 or split.recipe.data.path != splits[0].recipe.data.path:
            data = split.data()
            if "test" not in data:
                raise ValueError(
                    f"data: test_split: a study scores on test rows, and {split.recipe.data.path!r} has no such split."
                )
        if split.number == 0:
            steps = split.steps()
            trained = [str(own.generator) for own in steps.values() if own.train is not None]
            for name, own in steps.items():
                try:
                    check_ahead(own, trained)
                except (ValueError, TypeError, OSError) as error:
                    raise type(error)(f"{name}: {error}") from error


def _check_that_splits_differ(splits: Sequence[Split]) -> None:
    """Refuse the same rows under several numbers: an interval over them would be about nothing."""
    seen: dict[tuple[int | None, str, str], int] = {}
    for split in splits:
        data = split.data()
        rows = (split.shots, *(content(data[name]) for name in ("train", "validation") if name in data))
        if rows in seen:
            raise ValueError(
                f"study: splits: the splits {seen[rows]} and {split.number} have the very same training and validation "
                "rows, so they say nothing about other draws. Write data.shots_per_label (data.shots where there are no "
                "labels), data.validation_split: null (a part is set aside anew each time), {split} in data.path, or "
                "splits: 1 and more seeds."
            )
        seen[rows] = split.number


def _lay_out(recipe: Recipe, split: Split) -> list[Laid]:
    rows, found = read_rows(split), []
    options = {name: own.study for name, own in split.methods.items()}
    for name, config in recipe.study.each().items():
        if split.fold is not None:
            config = dataclasses.replace(config, metrics=("accuracy",), seeds=config.seeds[:1])
        design = make_design(rows, config, name, Path(recipe.output), options, only_gate=split.fold is not None)
        found.append(Laid(name, split.shots, split.number, design, split.held_out))
    return found


def _generate(recipe: Recipe, everything: Sequence[Split], jobs: int, report: Callable[[str], None]) -> None:
    from tqdm.auto import tqdm

    with tqdm(total=len(everything), desc="generation", unit="split", file=sys.stderr) as bar:
        for _ in in_parallel(carry_out, everything, jobs, Path(recipe.output) / "log.txt"):
            bar.update()


def _train(
    recipe: Recipe, designs: Sequence[Design], jobs: int, report: Callable[[str], None]
) -> dict[str, Mapping[str, Any]]:
    """Train what is not on disk yet, and return all results by the keys of their cells."""
    from tqdm.auto import tqdm

    trainings = distinct(designs)
    results = {key: training.cell.finished() for key, training in trainings.items()}
    missing = [trainings[key] for key, result in results.items() if result is None]
    names = {name: [own for own in missing if own.cell.arm == name] for name in recipe.study.each()}
    first = {name: next(d for d in designs if next(iter(d.cells.values())).cell.arm == name) for name in names}
    known = paces(recipe, {name: first[name] for name, own in names.items() if own})
    expected = {own.cell.key: known[own.cell.arm].of(own) for own in missing}
    for name, own in names.items():
        whole = sum(training.cell.arm == name for training in trainings.values())
        took = sum(expected[training.cell.key] for training in own)
        report(
            f"classifier {name}: {whole} cells, {whole - len(own)} on disk"
            + (f", the rest about {told(took / jobs)}" if own else "")
        )
    shape = "{desc} {percentage:3.0f} %|{bar}| {elapsed} < {remaining}"
    with tqdm(total=sum(expected.values()), bar_format=shape, file=sys.stderr) as bar:
        for done, (place, result) in enumerate(
            in_parallel(Training.carry_out, missing, jobs, Path(recipe.output) / "log.txt"), 1
        ):
            key = missing[place].cell.key
            results[key] = result
            bar.set_description(f"{done} of {len(missing)} cells", refresh=False)
            bar.update(expected[key])
    return results


def _settings(recipe: Recipe, path: str, overrides: list[str]) -> dict[str, Any]:
    found = environment()
    return {
        "recipe": find_recipe(path).read_text(encoding="utf-8"),
        "name": find_recipe(path).stem,
        "set": overrides,
        "splits": list(range(recipe.study.splits)),
        "seeds": sorted({seed for config in recipe.study.each().values() for seed in config.seeds}),
        "versions": {"python": found["python"], **found["packages"]},
        "hardware": {name: found[name] for name in ("system", "cpus", "accelerators")},
    }
