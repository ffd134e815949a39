"""The splits of a study: each draw of the data, and what the methods make of it, in folders of their own."""

import dataclasses
import json
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from hf_augment.blocks import DataConfig, MethodConfig, PreprocessConfig, SelectConfig
from hf_augment.candidates import augment
from hf_augment.data import load_data
from hf_augment.recipe import SPLIT, Recipe
from hf_augment.record import Record, read_json
from hf_augment.rounds import select_rows
from hf_augment.run import start_record
from hf_augment.saved import content, once
from hf_augment.selection.rows import read_labels
from hf_augment.study.arms import parts
from hf_augment.study.design import Rows
from hf_augment.study.gate import Place, folds
from hf_augment.study.reading import reading_of
from hf_augment.study.workers import one_thread
from hf_augment.tasks import check_field

ALONE = "augmented"  # what the method of a recipe is called that has but one


@dataclasses.dataclass(frozen=True)
class Split:
    """
    One draw of the data, perhaps without a part of its gold rows, and its methods.

    Args:
        recipe ([`Recipe`]): Its data, seed and folder.
        methods (`dict[str, MethodConfig]`): By name.
        number (`int`): Which split.
        shots (`int`, *optional*): Training rows of each label; `None` for all.
        fold (`tuple[int, int]`, *optional*): The repeat and the part that is held out.
        held_out (`tuple[Place, ...]`): The rows of that part, in the order of the test rows.
    """

    recipe: Recipe
    methods: Mapping[str, MethodConfig]
    number: int
    shots: int | None
    fold: tuple[int, int] | None = None
    held_out: tuple[Place, ...] = ()

    @property
    def folder(self) -> Path:
        """Where its methods' folders are."""
        return Path(self.recipe.output)

    def data(self) -> Any:
        """Load the gold splits."""
        return load_data(self.recipe.data, self.recipe.preprocess, self.recipe.seed)

    def steps(self) -> dict[str, Recipe]:
        """Return the recipe of each method; who comes second asks the generator that another one trains."""
        found: dict[str, Recipe] = {}
        trained: dict[str, Recipe] = {}
        for name, method in self.methods.items():
            own = self.recipe.of_method(method, self.folder / name)
            if method.train is not None:
                # A generator of questions is none of contexts, whatever both are told to be trained like.
                field = check_field(own.data.task, own.data.field)
                same = json.dumps([dataclasses.asdict(method.train), field], sort_keys=True)
                first = trained.setdefault(same, own)
                if first is not own:
                    asks = dataclasses.replace(own, output=first.output).pipeline()
                    augment = dataclasses.replace(own.augment, pipeline=asks)
                    own = dataclasses.replace(own, train=None, augment=augment, select=_asking(own, first))
            found[name] = own
        return found


def _asking(own: Recipe, first: Recipe) -> SelectConfig | None:
    """Let selection ask the generator of another method where it would have asked its own."""
    if own.select is None or own.select.likelihood is None or own.select.likelihood.model is not None:
        return own.select
    asked = dataclasses.replace(own.select.likelihood, model=str(first.generator))
    return dataclasses.replace(own.select, likelihood=asked)


def methods_of(recipe: Recipe) -> dict[str, MethodConfig]:
    """Return the methods of a recipe; without a `methods` block its own steps are the one there is."""
    if recipe.methods is not None:
        return recipe.methods
    return {ALONE: MethodConfig(train=recipe.train, augment=recipe.augment, select=recipe.select)}


def make_splits(recipe: Recipe) -> list[Split]:
    """Return all splits of a recipe, the shots one after the other."""
    study, found = recipe.study, []
    setting = "shots" if recipe.data.label is None else "shots_per_label"
    for shots in study.shots or (getattr(recipe.data, setting),):
        changes: dict[str, Any] = {setting: shots}
        if study.shots and getattr(recipe.data, f"validation_{setting}") is not None:
            changes[f"validation_{setting}"] = shots
        for number in range(study.splits):
            path = recipe.data.path.replace(SPLIT, str(number))
            own = dataclasses.replace(
                recipe,
                seed=recipe.seed + number,
                data=dataclasses.replace(recipe.data, path=path, **changes),
                output=str(Path(recipe.output) / f"shots-{shots or 'all'}" / f"split-{number}"),
                **dict.fromkeys(("methods", "train", "augment", "select", "study")),
            )
            found.append(Split(own, methods_of(recipe), number, shots))
    return found


def make_folds(split: Split, count: int, repeats: int) -> list[Split]:
    """
    Return the splits that the gate of a split asks: each part of its gold rows held out in turn, as test rows.

    Args:
        split ([`Split`]): The split. Of its rows, those for training and validation keep their roles.
        count (`int`): How many parts.
        repeats (`int`): How often they are dealt out.
    """
    data, columns = split.data(), split.recipe.data
    gold = {name: data[name] for name in ("train", "validation")}
    texts = {
        name: [text if isinstance(text, str) else "" for text in rows[columns.text]] for name, rows in gold.items()
    }
    labels = {name: read_labels(rows, columns.label, columns.label_names) for name, rows in gold.items()}
    labels = {name: [label or None for label in own] for name, own in labels.items()}
    found = []
    for repeat in range(repeats):
        for number, held in enumerate(folds(texts, labels, count, split.recipe.seed, repeat)):
            folder = split.folder / "folds" / f"repeat-{repeat}" / f"fold-{number}"
            made_from = {"gold": {name: content(rows) for name, rows in gold.items()}, "held out": held}
            once(folder / "data", made_from, lambda held=held: (_without(data, held), {}))
            config = DataConfig(
                path=str(folder / "data"),
                text=columns.text,
                label=columns.label,
                label_names=columns.label_names,
            )
            recipe = dataclasses.replace(split.recipe, data=config, preprocess=PreprocessConfig(), output=str(folder))
            found.append(Split(recipe, split.methods, split.number, split.shots, (repeat, number), tuple(held)))
    return found


def _without(data: Any, held: list[Place]) -> Any:
    from datasets import concatenate_datasets

    apart = {name: [place.row for place in held if place.split == name] for name in ("train", "validation")}
    kept = {name: [row for row in range(len(data[name])) if row not in set(rows)] for name, rows in apart.items()}
    test = concatenate_datasets([data[name].select(rows) for name, rows in apart.items()])
    return type(data)({**{name: data[name].select(rows) for name, rows in kept.items()}, "test": test})


def carry_out(split: Split) -> None:
    """
    Train generators, augment and select: what is on disk already is not done again.

    Args:
        split ([`Split`]): The split. Each method leaves `recipe.yaml`, `record.json` and `dataset` in its folder.
    """
    one_thread()
    for name, recipe in split.steps().items():
        try:
            _carry_out(recipe)
        except Exception as error:
            raise RuntimeError(f"{split.folder / name}: {error}") from error


def _carry_out(recipe: Recipe) -> None:
    import yaml

    from hf_augment.engine.checkpoints import RECORD

    file = Path(recipe.output) / "recipe.yaml"
    file.parent.mkdir(parents=True, exist_ok=True)
    settings = {name: value for name, value in dataclasses.asdict(recipe).items() if value is not None}
    file.write_text(yaml.safe_dump(settings, sort_keys=False, allow_unicode=True), encoding="utf-8")
    record = start_record(recipe, str(file), [])
    if recipe.train is not None:
        from hf_augment.training import train

        _timed(
            record, "train generator", lambda: train(recipe), lambda: read_json(recipe.generator / RECORD)["generator"]
        )
        record.add("train", read_json(recipe.generator / RECORD))
    dataset = _timed(record, "augment", lambda: augment(recipe, record), lambda: record.facts["augment"]["made_from"])
    if recipe.select is not None:
        made_from = lambda: record.facts["select"]["made_from"]  # noqa: E731
        _timed(record, "select", lambda: select_rows(recipe, dataset, record), made_from)


def _timed(record: Record, step: str, work: Callable[[], Any], made_from: Callable[[], str]) -> Any:
    """Note how long a step took when it was really done."""
    start = time.perf_counter()
    result = work()
    known = record.facts.get("steps", {})
    if known.get(step, {}).get("made_from") != made_from():
        took = {"made_from": made_from(), "seconds": round(time.perf_counter() - start, 3)}
        record.add("steps", {**known, step: took})
    return result


def read_rows(split: Split) -> Rows:
    """Read what the classifiers see of a split whose methods are carried out."""
    from datasets import load_from_disk

    from hf_augment.classifiers.examples import Examples

    data = split.data()
    reading = reading_of(split.recipe.data, data["train"])
    gold = {role: reading.read(rows, role) for role, rows in data.items()}
    added = {}
    for name in split.methods:
        _, _, kept = parts(load_from_disk(str(split.folder / name / "dataset"))["train"])
        added[name] = reading.read(kept, name) if len(kept) else Examples([], [], 0)
    return Rows(reading.names, gold["train"], gold["validation"], gold["test"], added)
