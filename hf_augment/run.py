"""The main job, step by step: data, generator, augmented and selected rows, comparison; each result stays on disk."""

import dataclasses
import hashlib
from collections.abc import Collection, Iterable
from pathlib import Path
from typing import Any

from hf_augment.candidates import augment, folder_of
from hf_augment.data import load_data
from hf_augment.errors import unknown
from hf_augment.launch import launch
from hf_augment.provenance import ORIGINAL
from hf_augment.recipe import SPLIT, Recipe, find_recipe, load_recipe, parse_recipe
from hf_augment.record import Record, environment, read_json
from hf_augment.rounds import check_models, select_rows
from hf_augment.saved import refuse_foreign
from hf_augment.selection.report import summary


def run(path: str, overrides: Iterable[str] = (), accelerate_flags: Iterable[str] = (), report=print) -> Recipe:
    """
    Carry out a recipe: train the generator, augment the training split, select among the rows, compare classifiers.

    A step whose result is on disk, made from the same settings and data, is not done again; a killed run goes on
    where it stopped.

    Args:
        path (`str`): The recipe.
        overrides (`Iterable[str]`, *optional*): Settings such as `"train.epochs=1"`.
        accelerate_flags (`Iterable[str]`, *optional*): Flags for `accelerate launch`, which trains the generator.
        report (`Callable[[str], None]`, *optional*, defaults to `print`): What says how the run goes.
    """
    overrides = list(overrides)
    recipe = load_recipe(path, overrides)
    refuse_study(recipe, path)
    check_ahead(recipe)
    record = start_record(recipe, path, overrides)
    if recipe.train is not None:
        with record.timed("train"):
            train(recipe, path, overrides, accelerate_flags, record)
    dataset = None
    if recipe.augment is not None:
        with record.timed("augment"):
            dataset = augment(recipe, record)
    if recipe.select is not None:
        with record.timed("select"):
            dataset = select_rows(recipe, dataset, record)
        for line in summary(record.facts["select"]):
            report(line)
    if recipe.study is not None:
        with record.timed("study"):
            comparison = compare(recipe, dataset, record)
        report(comparison)
    for line in results(recipe):
        report(line)
    return recipe


def refuse_study(recipe: Recipe, path: str) -> None:
    """Raise a `ValueError` for a recipe of several methods, splits or classifiers."""
    several = "methods" if recipe.methods is not None else ""
    if recipe.study is not None and not several and recipe.study.several():
        several = f"study.{recipe.study.several()}"
    if several or SPLIT in recipe.data.path:
        raise ValueError(
            f"{path}: {several or f'data.path with {SPLIT}'} is for several runs, and 'hf-augment run' carries out "
            f"one. Write hf-augment study {path}."
        )


def check_ahead(recipe: Recipe, trained: Collection[str] = ()) -> None:
    """Raise now what would otherwise be raised after hours of training; `trained` is as for `check_models`."""
    from hf_augment.classifiers.checkpoint import classifier_identity

    data = load_data(recipe.data, recipe.preprocess, recipe.seed)
    key = recipe.augment.key if recipe.augment is not None else None
    if key is not None and key not in data["train"].column_names:
        raise ValueError("augment: key: " + unknown("column", key, data["train"].column_names))
    if recipe.study is not None:
        if "test" not in data:
            raise ValueError(
                f"data: test_split: a study scores on test rows, and {recipe.data.path!r} has no such split. "
                "Name one, or drop the 'study' block."
            )
        classifier_identity(recipe.study.classifier, recipe.study.encoder, recipe.study.revision)
    if recipe.augment is not None:
        refuse_foreign(folder_of(recipe), recipe.data.path)
    if recipe.select is not None:
        check_models(recipe, trained)
        refuse_foreign(Path(recipe.output) / "dataset", recipe.data.path)


def start_record(recipe: Recipe, path: str, overrides: list[str]) -> Record:
    """Open the record of a run and note its recipe and the machine."""
    record = Record(Path(recipe.output) / "record.json")
    text = find_recipe(path).read_text(encoding="utf-8")
    digest = hashlib.sha256(text.encode()).hexdigest()
    facts = {"file": Path(path).name, "text": text, "sha256": digest, "set": overrides}
    told = record.facts.get("recipe")
    if told != facts and not _is_same(recipe, told):
        record.clear()  # another recipe's results in the same folder are none of this one's
    record.add("recipe", facts)
    record.add("seed", recipe.seed)
    record.add("environment", environment())
    return record


def _is_same(recipe: Recipe, told: Any) -> bool:
    """Return whether a recorded recipe is this one, whatever it says of publishing, and however it is written."""
    try:
        made = parse_recipe(told["text"], told["file"], told["set"])
    except (
        AttributeError,
        ImportError,
        KeyError,
        OSError,
        TypeError,
        ValueError,
    ):  # there is none, it is damaged, or it is of another version
        return False
    return dataclasses.replace(made, publish=None) == dataclasses.replace(recipe, publish=None)


def train(recipe: Recipe, path: str, overrides: list[str], flags: Iterable[str], record: Record) -> None:
    """Train the generator in a process of its own, under `accelerate launch`."""
    status = launch(path, overrides, list(flags))
    if status != 0:
        raise RuntimeError(f"Training the generator ended with exit status {status}; its message stands above.")
    record.add("train", read_json(recipe.generator / "training.json"))


def compare(recipe: Recipe, dataset: Any, record: Record) -> str:
    """Train the classifier with and without the augmented rows, and return the table."""
    from hf_augment.study.comparison import compare
    from hf_augment.study.plot import plot

    gold = dataset["train"].filter(lambda row: row["augmented_by"] == ORIGINAL, desc="gold rows")
    comparison = compare(
        gold,
        dataset["train"],
        dataset["validation"],
        dataset["test"],
        text=recipe.data.text,
        label=recipe.data.label,
        task=recipe.data.task,
        columns=recipe.data.columns,
        config=recipe.study,
        output=Path(recipe.output),
        label_names=recipe.data.label_names,
    )
    plot(comparison.to_json(), Path(recipe.output) / "comparison.png")
    record.add("study", comparison.to_json())
    return comparison.to_markdown()


def results(recipe: Recipe) -> list[str]:
    """Say where the results of a run are."""
    output = Path(recipe.output)
    places = {"generator": recipe.generator} if recipe.train is not None else {}
    places |= {"candidates": output / "candidates"} if recipe.select is not None else {}
    places |= {"dataset": output / "dataset"} if recipe.augment is not None else {}
    if recipe.study is not None:
        places["classifier"] = output / "classifier"
        places["comparison"] = output / "comparison.md"
        places["picture"] = output / "comparison.png"
    places["record"] = output / "record.json"
    return [f"{name + ':':<12}{place}" for name, place in places.items() if place.exists()]
