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
from hf_augment.errors import unknown
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
    check_ahead(recipe)
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


def check_ahead(recipe: Recipe) -> None:
    """Raise now what would otherwise be raised after hours of training."""
    from hf_augment.engine.resources import locate

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
        if recipe.study.classifier != "lstm":
            locate(recipe.study.classifier, recipe.study.revision)
    if recipe.augment is not None:
        _refuse_foreign(Path(recipe.output), recipe.data.path)


def _refuse_foreign(output: Path, source: str) -> None:
    """Raise a `FileExistsError` if writing the dataset would take away what this library did not make."""
    folder = output / "dataset"
    if folder.exists() and not (output / "dataset.json").exists():
        raise FileExistsError(f"{folder} was not made by hf-augment. Move it, or set another output.")
    if Path(source).exists() and Path(source).resolve().is_relative_to(folder.resolve()):
        raise FileExistsError(f"data: path: {source!r} lies in {folder}, which is to be replaced. Set another output.")


def start_record(recipe: Recipe, path: str, overrides: list[str]) -> Record:
    """Open the record of a run and note its recipe and the machine."""
    record = Record(Path(recipe.output) / "record.json")
    text = find_recipe(path).read_text(encoding="utf-8")
    digest = hashlib.sha256(text.encode()).hexdigest()
    facts = {"file": Path(path).name, "text": text, "sha256": digest, "set": overrides}
    if record.facts.get("recipe") != facts:
        record.clear()  # another recipe's results in the same folder are none of this one's
    record.add("recipe", facts)
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
    transform = recipe.transform()
    if str(recipe.generator) in canonical(transform.to_spec()) and not (recipe.generator / "training.json").exists():
        raise FileNotFoundError(
            f"The generator of this recipe, {recipe.generator}, is not trained yet. Run hf-augment train first."
        )
    return Augment(
        transform,
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

    _refuse_foreign(Path(recipe.output), recipe.data.path)
    gold = load_data(recipe.data, recipe.preprocess, recipe.seed)
    augment = augmented_by(recipe)
    facts = describe(gold, recipe.data)
    record.add("data", facts)
    folder, marker = Path(recipe.output) / "dataset", Path(recipe.output) / "dataset.json"
    content = {name: _content(split) for name, split in gold.items()}
    made_from = {"augment": augment.identity(), "content": content, "amount": dataclasses.asdict(recipe.augment)}
    digest = hashlib.sha256(canonical(made_from).encode()).hexdigest()
    found = read_json(marker)
    if not isinstance(found, dict) or found.get("made_from") != digest or not _loads(folder):
        write_json(marker, {"made_from": None})  # ours, and not whole
        dataset = augment_dataset(planned(recipe, gold), augment)
        _save(dataset, folder)
        train = dataset["train"]
        found = {"made_from": digest, **count(train["augmented_by"], train["declined"])}
        write_json(marker, found)
    record.add("augment", {"spec": augment.to_spec(), "identity": augment.identity(), **found})
    return load_from_disk(str(folder))


def _content(dataset: Any) -> str:
    """Return the SHA-256 of all that a split holds."""
    digest = hashlib.sha256(str(dataset.features).encode())
    for table in dataset.with_format("arrow").iter(batch_size=1000):
        for batch in table.combine_chunks().to_batches():
            digest.update(batch.serialize())
    return digest.hexdigest()


def _loads(folder: Path) -> bool:
    from datasets import load_from_disk

    try:
        load_from_disk(str(folder))
    except (OSError, ValueError, KeyError):
        return False
    return True


def _save(dataset: Any, folder: Path) -> None:
    for left in folder.parent.glob(f"{folder.name}.*.tmp"):  # by runs that were killed here
        shutil.rmtree(left)
    unfinished = folder.with_name(f"{folder.name}.{os.getpid()}.tmp")
    dataset.save_to_disk(str(unfinished))
    shutil.rmtree(folder, ignore_errors=True)
    os.replace(unfinished, folder)


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
    places |= {"dataset": output / "dataset"} if recipe.augment is not None else {}
    if recipe.study is not None:
        places["classifier"] = output / "classifier"
        places["comparison"] = output / "comparison.md"
        places["picture"] = output / "comparison.png"
    places["record"] = output / "record.json"
    return [f"{name + ':':<12}{place}" for name, place in places.items() if place.exists()]
