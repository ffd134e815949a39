"""What a study is going to take, said before it starts."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

from hf_augment.planning import recommended_copies
from hf_augment.recipe import Recipe
from hf_augment.record import read_json
from hf_augment.splits import Split, methods_of
from hf_augment.study.design import Design, Rows, make_design
from hf_augment.study.duration import Pace, measured, probe, told
from hf_augment.study.reading import reading_of
from hf_augment.study.trainings import Training


def tell_ahead(
    recipe: Recipe, splits: Sequence[Split], everything: Sequence[Split], jobs: int, report: Callable[[str], None]
) -> None:
    """
    Say what there is to do, and about how long it takes; generation is told apart.

    Args:
        recipe ([`Recipe`]): The study.
        splits (`Sequence[Split]`): Its splits.
        everything (`Sequence[Split]`): These, and the parts of them that the gate holds out.
        jobs (`int`): Processes.
        report (`Callable[[str], None]`): Takes the lines.
    """
    methods = methods_of(recipe)
    finished = [split for split in everything if _is_generated(split)]
    seconds = [sum(_seconds(split)) for split in finished]
    left = len(everything) - len(finished)
    known = bool(seconds) and sum(seconds) > 0
    about = (
        f"about {told(left * sum(seconds) / len(seconds) / jobs)} left"
        if known
        else "how long it takes is not known yet"
    )
    parts = len(everything) - len(splits)
    report(
        f"generation: {len(methods)} methods ({', '.join(methods)}) on {len(splits)} splits"
        + (f" and {parts} parts of them for the gate" if parts else "")
        + f"; {len(finished)} of {len(everything)} on disk"
        + (f", {about}" if left else "")
    )
    if not left:
        return
    known = paces(recipe, _expected(recipe, splits[0]))
    total = 0.0
    for name in recipe.study.each():
        counts, took = 0, 0.0
        for split in {split.shots: split for split in splits}.values():
            trainings = distinct([_expected(recipe, split)[name]])
            counts += len(trainings) * recipe.study.splits
            took += sum(map(known[name].of, trainings.values())) * recipe.study.splits
        total += took
        report(f"classifier {name}: about {counts} cells, {told(took / jobs)}")
    gate = ", those of the gate apart" if len(everything) > len(splits) else ""
    report(f"all cells: about {told(total / jobs)} with {jobs} {'job' if jobs == 1 else 'jobs'}{gate}")


def _expected(recipe: Recipe, split: Split) -> dict[str, Design]:
    """Lay out a split as if its methods were carried out."""
    data = split.data()
    reading = reading_of(split.recipe.data, data["train"])
    names, gold = reading.names, {role: reading.read(rows, role) for role, rows in data.items()}
    rows = len(gold["train"].texts)
    added = {}
    for name, own in split.methods.items():
        augment, select = own.augment, own.select
        if select is not None and select.per_label is not None:
            count = select.per_label * len(names)
        elif augment.per_label:
            count = augment.per_label * len(names)
        else:
            count = augment.total or rows * (recommended_copies(rows) if augment.eda else augment.copies or 1)
        places = [i % rows for i in range(count)]
        texts = [f"{gold['train'].texts[i]} {name} {turn}" for turn, i in enumerate(places)]
        added[name] = gold["train"]._replace(texts=texts, labels=[gold["train"].labels[i] for i in places])
    known = Rows(names, gold["train"], gold["validation"], gold["test"], added)
    return {
        name: make_design(known, config, name, Path(recipe.output), {}) for name, config in recipe.study.each().items()
    }


def _is_generated(split: Split) -> bool:
    notes = [read_json(split.folder / name / "dataset.json") for name in split.methods]
    return all(isinstance(note, dict) and note.get("made_from") for note in notes)


def _seconds(split: Split) -> list[float]:
    records = [read_json(split.folder / name / "record.json") or {} for name in split.methods]
    return [step["seconds"] for record in records for step in record.get("steps", {}).values()]


def paces(recipe: Recipe, designs: Mapping[str, Design]) -> dict[str, Pace]:
    """
    Return each classifier's pace, by the cells that are on disk, or by a probe of some steps.

    Args:
        recipe ([`Recipe`]): The study.
        designs (`Mapping[str, Design]`): One design of each classifier.
    """
    found = {}
    for name, design in designs.items():
        files = (Path(recipe.output) / "cells").glob(f"{name}-seed*.json")
        results = [own["result"] for own in map(read_json, files) if isinstance(own, dict) and own.get("result")]
        known = measured([(result["steps"], result["seconds"]) for result in results])
        found[name] = known or probe(next(iter(design.cells.values())))
    return found


def distinct(designs: Iterable[Design]) -> dict[str, Training]:
    """Return the trainings by the keys of their cells: equal ones are one."""
    return {training.cell.key: training for design in designs for training in design.cells.values()}
