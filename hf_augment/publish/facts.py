"""What a push adds to the record of a run: names, licence, the rows that really go."""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hf_augment.blocks import PublishConfig
from hf_augment.blocks.study import CLASSIFY
from hf_augment.data import written_texts
from hf_augment.engine.resources import EMBEDDED
from hf_augment.provenance import ORIGINAL, PROVENANCE
from hf_augment.publish.gains_picture import decisive
from hf_augment.publish.spec import local_references
from hf_augment.recipe import Recipe
from hf_augment.record import read_json
from hf_augment.rounds import ROUND
from hf_augment.selection.rows import columns_of
from hf_augment.streams import row_key
from hf_augment.words import same_words

ARM = "augmented"  # the classifier that is pushed
KINDS = ("dataset", "classifier", "generator")
_SUFFIXES = {"dataset": "augmented", "classifier": "classifier", "generator": "generator"}
DROPPED, REPEATED = "selection dropped them", "they say what a real row says"  # why written rows stay at home
_EXAMPLES = 2  # of each label
_NO_MODEL = "features"  # a regression on frozen vectors, which transformers cannot load


def read_record(recipe: Recipe) -> dict[str, Any]:
    """
    Read the record of a run.

    Args:
        recipe ([`Recipe`]): The run.

    Raises:
        `FileNotFoundError`: There is none, so there is nothing to push.
    """
    found = read_json(Path(recipe.output) / "record.json")
    if not isinstance(found, dict) or "recipe" not in found:
        raise FileNotFoundError(f"There is no record of a run in {recipe.output}. Write hf-augment run first.")
    source = {"path": recipe.data.path, "name": recipe.data.name, "commit": None, "card": None, "splits": {}}
    return {"data": source, **found}  # a run that only trains a generator does not note its data


def names(recipe: Recipe, record: Mapping[str, Any], config: PublishConfig, to: str | None) -> dict[str, str | None]:
    """
    Name the repository of each thing that the run made; `None` for what it has not made, or what has no name.

    Args:
        recipe ([`Recipe`]): The run.
        record (`Mapping`): Its record.
        config ([`PublishConfig`]): The names that are given.
        to (`str`, *optional*): A namespace, or `NAMESPACE/PREFIX`, for what has none.

    Raises:
        `ValueError`: Nothing is named, or two models have one name.
        `FileNotFoundError`: What is named has not been made.
    """
    made = {
        "dataset": "augment" in record and (folder_of_dataset(recipe) / "dataset_dict.json").is_file(),
        "classifier": ARM in record.get("study", {}).get("classifiers", {}) and not _is_features(record),
        "generator": recipe.train is not None and (recipe.generator / "training.json").is_file() and "train" in record,
    }
    prefix = None if to is None else to if "/" in to else f"{to}/{name_of(recipe)}"
    found: dict[str, str | None] = {}
    for kind in KINDS:
        given = getattr(config, kind)
        if given and not made[kind]:
            why = "a classifier of frozen features is no model of transformers" if _is_features(record) else "no run"
            raise FileNotFoundError(
                f"publish: {kind}: there is none in {recipe.output} to push as {given!r} ({why}). Write hf-augment run "
                "first, or leave it out."
            )
        found[kind] = (given or (f"{prefix}-{_SUFFIXES[kind]}" if prefix else None)) if made[kind] else None
    if not any(found.values()):
        there = [kind for kind, is_made in made.items() if is_made]
        raise ValueError(
            f"Nothing says where to push {' and '.join(there) or 'what this run has not made yet'}. Write --to "
            "NAMESPACE, or a block such as publish: {dataset: me/reviews-augmented} into the recipe."
        )
    classifier, generator = found["classifier"], found["generator"]
    if classifier and generator and classifier.lower() == generator.lower():  # as the Hub compares them
        raise ValueError(
            f"publish: classifier and generator are both to go to {generator!r}, where one would replace the other. Give "
            f"each a name of its own, e.g. publish.classifier: {classifier}-classifier."
        )
    return found


def name_of(recipe: Recipe) -> str:
    """Return the name of the folder of a run, also where it is given as `.`."""
    return Path(os.path.abspath(recipe.output)).name


def folder_of_dataset(recipe: Recipe) -> Path:
    """Return where the rows of a run lie."""
    return Path(recipe.output) / "dataset"


def read_rows(recipe: Recipe, record: Mapping[str, Any], include_gold: bool) -> Any:
    """
    Read the rows that go to the Hub.

    Args:
        recipe ([`Recipe`]): The run.
        record (`Mapping`): Its record.
        include_gold (`bool`): Whether real rows are among them. Without, only the training split has any.

    Raises:
        `ValueError`: The folder holds other rows than the record tells of, or none may go.
    """
    from datasets import load_from_disk

    folder = folder_of_dataset(recipe)
    note = read_json(folder.with_name(f"{folder.name}.json")) or {}
    told = record.get("select", record["augment"])
    if note.get("made_from") != told["made_from"]:
        raise ValueError(
            f"{folder} holds other rows than {Path(recipe.output) / 'record.json'} tells of. Write hf-augment run again."
        )
    splits = load_from_disk(str(folder))
    return splits if include_gold else type(splits)({"train": _without_gold(recipe, splits)[0]})


def _without_gold(recipe: Recipe, splits: Any) -> tuple[Any, dict[str, int]]:
    """
    Keep of the training split the written rows that say nothing a real row says, and of those what was written.

    A transform may write a real text as it is, and selection drops rows because they repeat a real one: neither may go
    where real rows may not. The other columns of a written row are those of the real row that it was made from.

    Args:
        recipe ([`Recipe`]): The run.
        splits (`DatasetDict`): All its rows, real ones too.

    Returns:
        `tuple`: The rows, and how many written ones were left out, by the reason.

    Raises:
        `ValueError`: There is none.
    """
    if recipe.data.task != CLASSIFY:
        raise ValueError(
            f"In the task {recipe.data.task!r} a written row still holds the real texts that it was written for. Leave "
            "--without-gold out."
        )
    train, text = splits["train"].with_format(None), recipe.data.text
    real = {
        same_words(said)
        for split in splits.values()
        for said, by in zip(split.with_format(None)[text], split["augmented_by"], strict=True)
        if by == ORIGINAL and said is not None
    }
    selected = train["selected"] if "selected" in train.column_names else [True] * len(train)
    kept, left_out = [], {DROPPED: 0, REPEATED: 0}
    for i, (by, keep, said) in enumerate(zip(train["augmented_by"], selected, train[text], strict=True)):
        if by == ORIGINAL:
            continue
        why = DROPPED if not keep else REPEATED if said is None or same_words(said) in real else None
        if why is None:
            kept.append(i)
        else:
            left_out[why] += 1
    if not kept:
        raise ValueError(
            f"Without the real rows there is none: of {sum(left_out.values())} written rows, selection dropped "
            f"{left_out[DROPPED]}, and {left_out[REPEATED]} say what a real row says. Leave --without-gold out."
        )
    ours = {text, recipe.data.label, *PROVENANCE}
    ours |= {ROUND, *columns_of(recipe.select, by_hand=True)} if recipe.select is not None else set()
    rows = train.select(kept).select_columns([name for name in train.column_names if name in ours])
    if recipe.augment.key is not None:  # then `source_id` is a column of the real row
        hidden = [row_key([source]).hex() for source in rows["source_id"]]
        features = rows.features
        rows = rows.remove_columns("source_id").add_column("source_id", hidden).select_columns(list(features))
        rows = rows.cast(features)
    return rows, left_out


def published(
    recipe: Recipe, record: Mapping[str, Any], config: PublishConfig, places: Mapping[str, str | None], splits: Any
) -> dict[str, Any]:
    """
    Return what the record says under `publish`.

    Args:
        recipe ([`Recipe`]): The run.
        record (`Mapping`): Its record.
        config ([`PublishConfig`]): The settings.
        places (`Mapping`): The id of each kind, or `None`.
        splits (`DatasetDict`, *optional*): The rows that go.
    """
    return {
        **places,
        "license": config.license,
        "language": None if config.language is None else list(config.language),
        "include_gold": config.include_gold,
        "left_out": _left_out(recipe) if splits and not config.include_gold else {},
        "splits": {role: getattr(recipe.data, f"{role}_split") for role in ("train", "validation", "test")},
        "rows": {name: _counts(split) for name, split in (splits or {}).items()},
        "examples": _examples(splits["train"], recipe) if splits else [],
        "classifier_base": _hub_model(recipe),
        "spec_travels": recipe.augment is not None and _travels(recipe, places["generator"]),
        "study": _study(recipe, record),
    }


def _left_out(recipe: Recipe) -> dict[str, int]:
    from datasets import load_from_disk

    return _without_gold(recipe, load_from_disk(str(folder_of_dataset(recipe))))[1]


def _counts(split: Any) -> dict[str, int]:
    written = [by != ORIGINAL for by in split["augmented_by"]]
    kept = split["selected"] if "selected" in split.column_names else written
    return {
        "rows": len(split),
        "synthetic": sum(written),
        "selected": sum(one and bool(keep) for one, keep in zip(written, kept, strict=True)),
    }


def _examples(train: Any, recipe: Recipe) -> list[dict[str, str]]:
    """Return the first written rows of each label that selection kept."""
    label, texts = recipe.data.label, written_texts(train, recipe.data)
    kept = train["selected"] if "selected" in train.column_names else [True] * len(train)
    names = getattr(train.features.get(label), "names", None) or recipe.data.label_names
    found: dict[str, list[dict[str, str]]] = {}
    for i, by in enumerate(train["augmented_by"]):
        if by == ORIGINAL or not kept[i]:
            continue
        value = train[i].get(label)
        said = names[value] if names and isinstance(value, int) and 0 <= value < len(names) else value
        rows = found.setdefault(json.dumps(said), [])
        if len(rows) < _EXAMPLES:
            rows.append({"by": by, "label": "" if said is None else str(said), "text": str(texts[i])})
    return [row for label in sorted(found) for row in found[label]][:20]


def _hub_model(recipe: Recipe) -> str | None:
    """Return the id of the model that the classifier was made from, if it is on the Hub."""
    name = None if recipe.study is None else recipe.study.classifier
    own = name in (None, "lstm", _NO_MODEL) or name.startswith(EMBEDDED) or Path(name).expanduser().exists()
    return None if own else name


def _travels(recipe: Recipe, generator: str | None) -> bool:
    """Return whether all that the transform refers to is on the Hub or in the package."""
    here = {reference for _, _, reference in local_references(recipe.transform())}
    return not here - ({str(recipe.generator)} if generator else set())


def _is_features(record: Mapping[str, Any]) -> bool:
    return record.get("study", {}).get("config", {}).get("classifier") == _NO_MODEL


def study_folder(recipe: Recipe, record: Mapping[str, Any]) -> Path | None:
    """
    Return where a study over several splits lies that this run belongs to, or that was made of the same recipe.

    Args:
        recipe ([`Recipe`]): The run.
        record (`Mapping`): Its record.
    """
    output, told = Path(recipe.output), record["recipe"]
    found = read_json(output / "study.json")
    if isinstance(found, dict) and found["settings"]["recipe"] == told["text"]:
        return output if set(told["set"]) <= set(found["settings"]["set"]) else None
    for folder in output.parents[:3]:  # a study keeps the runs of its methods in folders of their names
        found = read_json(folder / "study.json")
        if isinstance(found, dict) and output.name in found["methods"]:
            return folder
    return None


def _study(recipe: Recipe, record: Mapping[str, Any]) -> dict[str, Any] | None:
    folder = study_folder(recipe, record)
    if folder is None:
        return None
    found = read_json(folder / "study.json")
    chosen = [{"classifier": pick["classifier"], "says": pick["says"]} for pick in found["chosen"]]
    return {"verdict": found["verdict"], "chosen": chosen, "gains": bool(decisive(found))}
