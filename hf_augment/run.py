"""The main job, step by step: data, generator, augmented dataset, comparison; each step's result stays on disk."""

import dataclasses
import hashlib
import os
import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from hf_augment.apply import augment_dataset
from hf_augment.augment import Augment
from hf_augment.data import describe, load_data
from hf_augment.launch import launch
from hf_augment.plan import COPIES, plan
from hf_augment.provenance import ORIGINAL, count
from hf_augment.recipe import Recipe, find_recipe, load_recipe
from hf_augment.record import Record, environment, read_json, write_json
from hf_augment.transform import canonical


def run(path: str, overrides: Iterable[str] = (), accelerate_flags: Iterable[str] = (), report=print) -> Recipe:
    """
    Carry out a recipe: train the generator, augment the training split, compare classifiers.

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
    record = start_record(recipe, path, overrides)
    if recipe.train is not None:
        with record.timed("train"):
            train(recipe, path, overrides, accelerate_flags, record)
    dataset = None
    if recipe.augment is not None:
        with record.timed("augment"):
            dataset = augment(recipe, record)
    if recipe.study is not None:
        with record.timed("study"):
            comparison = compare(recipe, dataset, record)
        report(comparison)
    for line in results(recipe):
        report(line)
    return recipe


def start_record(recipe: Recipe, path: str, overrides: list[str]) -> Record:
    """Open the record of a run and note its recipe and the machine."""
    record = Record(Path(recipe.output) / "record.json")
    text = find_recipe(path).read_text(encoding="utf-8")
    digest = hashlib.sha256(text.encode()).hexdigest()
    record.add("recipe", {"file": Path(path).name, "text": text, "sha256": digest, "set": overrides})
    record.add("seed", recipe.seed)
    record.add("environment", environment())
    return record


def train(recipe: Recipe, path: str, overrides: list[str], flags: Iterable[str], record: Record) -> None:
    """Train the generator in a process of its own, under `accelerate launch`."""
    status = launch(path, overrides, list(flags))
    if status != 0:
        raise RuntimeError(f"Training the generator ended with exit status {status}; its message stands above.")
    record.add("train", read_json(recipe.generator / "training.json"))


def augmented_by(recipe: Recipe) -> Augment:
    """Return the `Augment` that a recipe describes."""
    settings = recipe.augment
    planned = any((settings.total, settings.per_label, settings.balance, settings.eda))
    return Augment(
        recipe.transform(),
        text=recipe.data.text,
        label=recipe.data.label,
        copies=COPIES if planned else settings.copies or 1,
        seed=recipe.seed,
        key=settings.key,
        label_names=recipe.data.label_names,
    )


def planned(recipe: Recipe, dataset: Any) -> Any:
    """Return the splits, the training split with a column of copies if the recipe plans them."""
    settings = recipe.augment
    amount = {name: getattr(settings, name) for name in ("total", "per_label", "balance", "eda")}
    amount = {name: value for name, value in amount.items() if value}
    if not amount:
        return dataset
    train = plan(dataset["train"], **amount, label=recipe.data.label, seed=recipe.seed)
    return type(dataset)({**dataset, "train": train})


def augment(recipe: Recipe, record: Record) -> Any:
    """Augment the training split into `OUTPUT/dataset`, unless it is there."""
    from datasets import load_from_disk

    gold = load_data(recipe.data, recipe.preprocess, recipe.seed)
    augment = augmented_by(recipe)
    facts = describe(gold, recipe.data)
    record.add("data", facts)
    folder, marker = Path(recipe.output) / "dataset", Path(recipe.output) / "dataset.json"
    made_from = {"augment": augment.identity(), "data": facts, "amount": dataclasses.asdict(recipe.augment)}
    digest = hashlib.sha256(canonical(made_from).encode()).hexdigest()
    found = read_json(marker)
    if found is None or found["made_from"] != digest or not folder.is_dir():
        marker.unlink(missing_ok=True)
        dataset = augment_dataset(planned(recipe, gold), augment)
        _save(dataset, folder)
        train = dataset["train"]
        found = {"made_from": digest, **count(train["augmented_by"], train["declined"])}
        write_json(marker, found)
    record.add("augment", {"spec": augment.to_spec(), "identity": augment.identity(), **found})
    return load_from_disk(str(folder))


def _save(dataset: Any, folder: Path) -> None:
    unfinished = folder.with_name(f"{folder.name}.{os.getpid()}.tmp")
    dataset.save_to_disk(str(unfinished))
    shutil.rmtree(folder, ignore_errors=True)
    os.replace(unfinished, folder)


def compare(recipe: Recipe, dataset: Any, record: Record) -> str:
    """Train the classifier with and without the augmented rows, and return the table."""
    from hf_augment.study.comparison import compare
    from hf_augment.study.plot import plot

    if "test" not in dataset:
        raise ValueError(
            "The comparison needs a test split, and the data has none. Set data.test_split, or drop the 'study' block."
        )
    gold = dataset["train"].filter(lambda row: row["augmented_by"] == ORIGINAL, desc="gold rows")
    comparison = compare(
        gold,
        dataset["train"],
        dataset["validation"],
        dataset["test"],
        text=recipe.data.text,
        label=recipe.data.label,
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
    places = {
        "generator": recipe.generator,
        "dataset": output / "dataset",
        "classifier": output / "classifier",
        "comparison": output / "comparison.md",
        "picture": output / "comparison.png",
        "record": output / "record.json",
    }
    return [f"{name + ':':<12}{place}" for name, place in places.items() if place.exists()]
