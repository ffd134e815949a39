"""The augmentation of a recipe: how many copies of which rows, written once."""

import dataclasses
import math
from pathlib import Path
from typing import Any

from hf_augment.apply import augment_dataset
from hf_augment.augment import Augment
from hf_augment.blocks.study import CLASSIFY
from hf_augment.data import describe, load_data
from hf_augment.planning import COPIES, plan
from hf_augment.provenance import count
from hf_augment.recipe import Recipe
from hf_augment.record import Record
from hf_augment.saved import content, find, forget, once, refuse_foreign
from hf_augment.transform import FOR_NOW, canonical


def folder_of(recipe: Recipe) -> Path:
    """Return where the augmented dataset goes: what `select` chooses from goes aside."""
    return Path(recipe.output) / ("dataset" if recipe.select is None else "candidates/round-1")


def augmented_by(recipe: Recipe) -> Augment:
    """Return the `Augment` that a recipe describes."""
    amount = _amount(recipe)
    transform = recipe.transform()
    if str(recipe.generator) in canonical(transform.to_spec()) and not (recipe.generator / "training.json").exists():
        raise FileNotFoundError(
            f"The generator of this recipe, {recipe.generator}, is not trained yet. Run hf-augment train first."
        )
    data = recipe.data
    columns = {"text": data.text} if data.task == CLASSIFY else {"columns": data.columns}
    return Augment(
        transform,
        **columns,
        task=data.task,
        field=data.field,
        label=data.label,
        copies=amount.get("copies", COPIES if amount else 1),
        seed=recipe.seed,
        key=recipe.augment.key,
        label_names=data.label_names,
    )


def planned(recipe: Recipe, dataset: Any) -> Any:
    """Return the splits, the training split with a column of copies if the recipe plans them."""
    amount = _amount(recipe)
    if not amount or "copies" in amount:
        return dataset
    train = plan(dataset["train"], **amount, label=recipe.data.label, seed=recipe.seed)
    return type(dataset)({**dataset, "train": train})


def _amount(recipe: Recipe) -> dict[str, Any]:
    """Return the amount that the `augment` block states; without one, as much as the quota of `select` wants."""
    names = ("copies", "total", "per_label", "balance", "eda")
    amount = {name: value for name in names if (value := getattr(recipe.augment, name))}
    if not amount and recipe.select is not None and recipe.select.per_label is not None:
        return {"per_label": math.ceil(recipe.select.per_label * recipe.select.oversample)}
    return amount


def augment(recipe: Recipe, record: Record, *, only_find: bool = False) -> Any:
    """
    Augment the training split into its folder, unless it is there and no row of it was declined only for now.

    Args:
        recipe ([`Recipe`]): With an `augment` block.
        record ([`Record`]): Takes the facts.
        only_find (`bool`, *optional*, defaults to `False`): Raise a `FileNotFoundError` if it is not there.

    Returns:
        `DatasetDict`: All splits.
    """
    folder = folder_of(recipe)
    refuse_foreign(folder, recipe.data.path)
    gold = load_data(recipe.data, recipe.preprocess, recipe.seed)
    augment = augmented_by(recipe)
    facts = describe(gold, recipe.data)
    made_from = {
        "augment": augment.identity(),
        "content": {name: content(split) for name, split in gold.items()},
        "amount": {**_without_field(recipe), **_amount(recipe)},
    }

    known = find(folder, made_from)
    again = known is not None and not only_find and _unanswered(known[1])

    def make() -> tuple[Any, dict[str, Any]]:
        dataset = augment_dataset(planned(recipe, gold), augment, load_from_cache_file=not again)
        return dataset, count(dataset["train"]["augmented_by"], dataset["train"]["declined"])

    if only_find and known is None:
        raise FileNotFoundError(
            f"{folder} does not hold the augmented rows of this recipe with these settings. Run hf-augment augment "
            "first."
        )
    record.add("data", facts)
    if again:
        forget(folder)
    dataset, found = once(folder, made_from, make)
    record.add("augment", {"spec": augment.to_spec(), "identity": augment.identity(), **found})
    return dataset


def _without_field(recipe: Recipe) -> dict[str, Any]:
    """Return the `augment` block without the field, which the `Augment` tells: what older versions made is found."""
    return {name: value for name, value in dataclasses.asdict(recipe.augment).items() if name != "field"}


def _unanswered(facts: dict[str, Any]) -> bool:
    """Return whether rows are missing that the next run may get: whatever else was written is remembered."""
    return any(reason.startswith(FOR_NOW) for reason in facts["declined_by_reason"])
