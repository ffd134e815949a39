"""What `study.json` holds, put together; and the pages that are made of it."""

import dataclasses
import os
import statistics
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from hf_augment.blocks.study import CLASSIFY
from hf_augment.recipe import Recipe
from hf_augment.record import read_json, write_json
from hf_augment.rounds import WRITTEN, with_written
from hf_augment.saved import content
from hf_augment.splits import Split, methods_of, read_rows
from hf_augment.study import assembly, tables
from hf_augment.study.assembly import Laid, Results
from hf_augment.study.exhibits import Shown, overlaps, summed
from hf_augment.transform import canonical

VERSION = 1


def assemble(
    recipe: Recipe,
    splits: Sequence[Split],
    laid: Sequence[Laid],
    gated: Sequence[Laid],
    results: Results,
    settings: Mapping[str, Any],
) -> dict[str, Any]:
    """
    Put a study together; every argument is what the steps before it made.

    Args:
        recipe ([`Recipe`]): The recipe.
        splits (`Sequence[Split]`): Its splits.
        laid (`Sequence[Laid]`): Their designs.
        gated (`Sequence[Laid]`): Those of the gate.
        results (`Mapping`): The result of each cell.
        settings (`Mapping`): What was asked, and of which versions.

    Returns:
        `dict`: What `study.json` holds.
    """
    metric = recipe.study.metrics[0]
    scores = assembly.scores(laid, results)
    differences = tables.differences(scores)
    gate = []
    if recipe.study.gate is not None:
        gains = assembly.held_out_gains(gated, results, recipe.study.gate.measure)
        gate = assembly.gate(gains, tables.by_split(scores), recipe.study.gate, metric)
    chosen = tables.chosen(scores, differences, metric, assembly.mean_held_out(gate))
    rows = {id(split): read_rows(split) for split in splits}
    first = splits[0]
    shown, cached = {}, {}
    for name in first.methods:
        shown[name], cached[name] = _shown(recipe, first, name)
    selection = {name: own.selection() for name, own in shown.items()}
    methods = {}
    for name in methods_of(recipe):
        added = [len(rows[id(split)].added[name].texts) for split in splits]
        spec = _record(first, name)["augment"]["spec"]["transform"]
        methods[name] = {"transform": canonical(spec), "rows_added": statistics.mean(added)}
    counted = {
        name: summed(
            [overlaps(own.added[name], own.validation, own.test) for own in (rows[id(split)] for split in splits)]
        )
        for name in methods
    }
    selecting = [name for name, own in selection.items() if own]
    return {
        "version": VERSION,
        "title": settings["name"],
        "verdict": tables.verdict(chosen, differences, metric, recipe.study.splits),
        "metric": metric,
        "settings": {**settings, "shots": _shots(splits), "test_rows": len(rows[id(first)].test.texts)},
        "classifiers": {name: _plain(dataclasses.asdict(own)) for name, own in recipe.study.each().items()},
        "methods": methods,
        "scores": scores,
        "table": tables.table(scores, assembly.facts(laid, results)),
        "differences": differences,
        "tuned": assembly.tuned(laid, results),
        "chosen": chosen,
        "gate": gate,
        "selection": {name: own for name, own in selection.items() if own},
        "map": {name: own["map"] for name, own in cached.items()},
        "examples": [row for name, own in shown.items() for row in own.examples(name)],
        "review": _review(first, selecting[0]) if len(selecting) == 1 else None,
        "cost": _cost(splits, laid, gated, results),
        "overlaps": counted,
    }


def _shown(recipe: Recipe, split: Split, method: str) -> tuple[Shown, dict[str, Any]]:
    """Return what is shown of a method, and its map, which is embedded once."""
    from datasets import load_from_disk

    train = load_from_disk(str(split.folder / method / "dataset"))["train"]
    own = split.steps()[method]
    text = own.data.text if own.data.task == CLASSIFY else WRITTEN
    shown = Shown(with_written(train, own), text, own.data.label, recipe.seed)
    file = Path(recipe.output) / "maps" / f"{method}.json"
    made_from = content(train)
    found = read_json(file)
    if not isinstance(found, dict) or found.get("made_from") != made_from:
        try:
            found = {"made_from": made_from, "map": shown.map()}
        except FileNotFoundError:  # no encoder on this machine, and the map alone would need it
            return shown, {"map": []}
        write_json(file, found)
    return shown, found


def _review(split: Split, method: str) -> dict[str, str]:
    """Say which rows a person can decide on, and by which recipe."""
    recipe = split.folder / method / "recipe.yaml"
    return {"made_from": _record(split, method)["augment"]["made_from"], "recipe": str(recipe)}


def _record(split: Split, method: str) -> dict[str, Any]:
    return read_json(split.folder / method / "record.json")


def _shots(splits: Sequence[Split]) -> list[int | None]:
    return list(dict.fromkeys(split.shots for split in splits))


def _cost(
    splits: Sequence[Split], laid: Sequence[Laid], gated: Sequence[Laid], results: Results
) -> list[dict[str, Any]]:
    """Add up the seconds of all steps and all cells, each counted once."""
    found: dict[tuple[str, str | None], float] = {}
    for split in splits:
        for method in split.methods:
            for step, facts in _record(split, method).get("steps", {}).items():
                found[step, method] = found.get((step, method), 0.0) + facts["seconds"]
    cells: dict[str, str] = {}
    for kind, places in (("classifier", laid), ("gate, classifier", gated)):
        for place in places:
            for training in place.design.cells.values():
                cells.setdefault(training.cell.key, f"{kind} {place.classifier}")
    for key, what in cells.items():
        found[what, None] = found.get((what, None), 0.0) + results[key]["seconds"]
    return [
        {"what": what, "method": method, "seconds": round(seconds, 3), "tokens": None}
        for (what, method), seconds in found.items()
    ]


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(name): _plain(own) for name, own in value.items()}
    return [_plain(own) for own in value] if isinstance(value, list | tuple) else value


def write_pages(study: Mapping[str, Any], output: Path) -> None:
    """Write `study.md` and `report.html`, each whole or not at all."""
    from hf_augment.study.page import page
    from hf_augment.study.study_markdown import study_markdown

    for name, text in (("study.md", study_markdown(study)), ("report.html", page(study))):
        unfinished = output / f"{name}.{os.getpid()}.tmp"
        unfinished.write_text(text, encoding="utf-8")
        os.replace(unfinished, output / name)
