"""The data of a recipe: where it comes from, its splits, and what is known about it afterwards."""

import hashlib
import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from typing import Any

from hf_augment.blocks import DataConfig, PreprocessConfig
from hf_augment.blocks.study import CLASSIFY
from hf_augment.errors import unknown
from hf_augment.preprocess import Preprocess
from hf_augment.sources import is_local, loaded_commit, read_card, read_splits
from hf_augment.streams import row_key, stream
from hf_augment.tasks import Task, bind_task
from hf_augment.transform import canonical


def load_data(config: DataConfig, preprocess: PreprocessConfig, seed: int) -> Any:
    """
    Load the splits `"train"`, `"validation"` and, where there is one, `"test"`; columns keep their names.

    The rows that `seed` sets aside or draws depend on what the rows say, not on their order in the source. A larger
    number of shots adds rows to those of a smaller one. Rows without a label are kept, but never drawn; nor are, in
    other tasks, rows that lack a text, unless all do.

    Args:
        config (`DataConfig`): The `data` block of a recipe.
        preprocess (`PreprocessConfig`): What is done to the texts first. In question answering the answers are looked
            for again; in token classification a token that would be empty stays.
        seed (`int`): Draws the validation rows and the shots.

    Returns:
        `DatasetDict`: The splits, in source order.

    Raises:
        `FileNotFoundError`: Neither a file, a folder nor a dataset on the Hub is called that.
        `ValueError`: The file is no readable table, a split or column is missing, the labels do not suffice, no row is
            one of the task, or an answer is lost to `preprocess`.
    """
    from datasets import DatasetDict

    splits = _by_role(read_splits(config.path, config.name, config.revision), config)
    _check(splits, config)
    splits = _same_labels(splits, config)
    steps = Preprocess(preprocess, [config.text])
    if steps.steps:
        splits = {role: _cleaned(dataset, steps, config, role) for role, dataset in splits.items()}
    if "validation" not in splits:
        train, validation = _set_aside(splits["train"], config, seed)
        splits = {**splits, "train": train, "validation": validation}
    roles = ("train", "validation", "test")
    for role in roles:
        shots = "shots" if role == "train" else f"{role}_shots"
        for key in (shots, f"{shots}_per_label"):
            if getattr(config, key) is not None and role in splits:
                splits[role] = _draw(splits[role], key, config, seed, role)
    return DatasetDict({role: splits[role] for role in roles if role in splits})


def bound(config: DataConfig, dataset: Any) -> Task:
    """
    Return the task of a `data` block, bound to the columns of a split.

    Raises:
        `ValueError`: A column is missing.
    """
    given = {"text": config.text} if config.task == CLASSIFY else config.columns
    settings = {"field": config.field, "given": given, "label_names": config.label_names}
    try:
        return bind_task(config.task, dataset.column_names, dataset.features, **settings)
    except ValueError as error:
        raise ValueError(f"data: {error}") from error


def written_texts(dataset: Any, config: DataConfig) -> list[str | None]:
    """Return what each row says in the field that is written, several texts one below the other; `None` if nothing."""
    if config.task == CLASSIFY:
        return list(dataset[config.text])
    task = bound(config, dataset)
    found = (task.rows(values, read=False) for values in _values(dataset.with_format(None), task))
    return [None if isinstance(rows, str) else "\n".join(row.text for row in rows) for rows in found]


def describe(data: Mapping[str, Any], config: DataConfig) -> dict[str, Any]:
    """
    Return what a record says about data: its source and, for each split, size, labels and fingerprint.

    Args:
        data (`DatasetDict`): What `load_data` returned.
        config (`DataConfig`): What it was loaded by.

    Returns:
        `dict`: `path`, `name`, `commit` (of a Hub dataset; the one really loaded), `card` (what the source's card says
            of licence and language) and `splits`: for each `rows`, `labels` (rows by label name; rows without a label
            under `""`) and `sha256` over label names and texts, or whatever a row of the task consists of.
    """
    splits = {}
    for role, dataset in data.items():
        digest, labels = hashlib.sha256(), Counter()
        for said, label in _rows(dataset, config):
            if config.task == CLASSIFY and said is not None:
                said = str(said)
            digest.update(canonical([said, label]).encode() + b"\n")
            labels[label or ""] += 1
        splits[role] = {"rows": len(dataset), "labels": dict(sorted(labels.items())), "sha256": digest.hexdigest()}
    commit = None if is_local(config.path) else loaded_commit(data.values())
    card = read_card(config.path, commit)
    return {"path": config.path, "name": config.name, "commit": commit, "card": card, "splits": splits}


def _by_role(source: Mapping[str, Any], config: DataConfig) -> dict[str, Any]:
    wanted = {"train": config.train_split, "validation": config.validation_split, "test": config.test_split}
    named = [name for name in wanted.values() if name is not None]
    if len(set(named)) < len(named):
        raise ValueError(
            f"data: train_split, validation_split and test_split must differ, got {list(wanted.values())}. "
            "Write null for one that there is not."
        )
    splits = {role: source[name] for role, name in wanted.items() if name in source}
    for role, name in wanted.items():
        if role not in splits and (role == "train" or name not in (role, None)):
            raise ValueError(f"data: {role}_split: " + unknown("split", name, source))
    return splits


def _check(splits: Mapping[str, Any], config: DataConfig) -> None:
    for role, dataset in splits.items():
        if config.task != CLASSIFY:
            _check_rows(dataset, config, role)
        own = [("text", config.text)] if config.task == CLASSIFY else []
        for key, column in (*own, ("label", config.label)):
            if column is not None and column not in dataset.column_names:
                raise ValueError(f"data: {key}: {role} split: " + unknown("column", column, dataset.column_names))
        if not len(dataset):
            raise ValueError(f"data: the {role} split of {config.path!r} has no rows.")
    if config.task != CLASSIFY:
        return
    labels = {label for _, label in _rows(splits["train"], config) if label is not None}
    if config.label is not None and len(labels) < 2:
        found = f"only {labels.pop()!r}" if labels else "none"
        raise ValueError(
            f"data: label: expected at least two labels in the train split, got {found} in the column "
            f"{config.label!r} of {len(splits['train'])} rows."
        )


def _check_rows(dataset: Any, config: DataConfig, role: str) -> None:
    task = bound(config, dataset)
    problems: Counter[str] = Counter()
    for values in _values(dataset, task):
        found = task.rows(values, read=False)
        if not isinstance(found, str):
            return
        problems[found] += 1
    if problems:
        raise ValueError(
            f"data: columns: none of {len(dataset)} rows of the {role} split is one of the task {config.task!r}, field "
            f"{task.field!r}: {dict(problems)}. Its columns were taken to be {task.columns}."
        )


def _values(dataset: Any, task: Task) -> Iterable[tuple[Any, ...]]:
    return zip(*(dataset[column] for column in task.reads()), strict=True)


def _cleaned(dataset: Any, steps: Preprocess, config: DataConfig, role: str) -> Any:
    settings = {"batched": True, "features": dataset.features, "desc": f"Preprocessing {role}"}
    if config.task == CLASSIFY:
        return dataset.map(steps, **settings)
    task = bound(config, dataset)
    task.features = None  # which cleaning does not ask, and hashing would write out

    def clean(batch: Mapping[str, Any]) -> dict[str, list]:
        rows = [task.cleaned(values, steps.clean) for values in _values(batch, task)]
        return {column: [row[column] for row in rows] for column in rows[0]}

    try:
        return dataset.map(clean, **settings)
    except ValueError as error:
        raise ValueError(f"preprocess: {role} split: {error}") from error


def _same_labels(splits: Mapping[str, Any], config: DataConfig) -> dict[str, Any]:
    """Give all splits the label type of the training split, and integer labels the configured names."""
    from datasets import ClassLabel

    if config.label is None:
        return dict(splits)
    feature = splits["train"].features[config.label]
    if config.label_names is not None:
        feature = ClassLabel(names=list(config.label_names))
    return {role: _with_labels(dataset, feature, config, role) for role, dataset in splits.items()}


def _with_labels(dataset: Any, feature: Any, config: DataConfig, role: str) -> Any:
    from datasets import Value

    column, own = config.label, dataset.features[config.label]
    if own == feature:
        return dataset
    names, own_names = getattr(feature, "names", None), getattr(own, "names", None)
    if names and own_names and (len(names) != len(own_names) or config.label_names is None):
        raise ValueError(f"data: label: the {role} split names its labels {own_names}; expected {names}.")
    if names:
        possible = [None, -1, *range(len(names)), *names]
        for value in dataset[column]:
            if value not in possible:
                raise ValueError(
                    f"data: label: the label {value!r} in the {role} split is none of the {len(names)} labels {names}."
                )
    if names and str(getattr(own, "dtype", "")).startswith("float"):
        dataset = dataset.cast_column(column, Value("int64"))  # an empty cell made floats of a csv file's integers
    try:
        return dataset.cast_column(column, feature)
    except (ValueError, TypeError) as error:
        raise ValueError(f"data: label: the {role} split has {own} where the train split has {feature}.") from error


def _rows(dataset: Any, config: DataConfig) -> Iterable[tuple[Any, str | None]]:
    """What tells each row from others, which is its text where it has one alone, and its label's name, or `None`."""
    task = bound(config, dataset)
    texts = (task.identity(values) for values in _values(dataset, task))
    if config.label is None:
        yield from ((text, "") for text in texts)
        return
    names = getattr(dataset.features[config.label], "names", None)
    for text, label in zip(texts, dataset[config.label], strict=True):
        if label is None or label == [] or (names is not None and label == -1):
            yield text, None
        elif names is not None:
            yield text, names[label]
        else:
            yield text, label if isinstance(label, str) else json.dumps(label)


def _usable(dataset: Any, config: DataConfig) -> list[tuple[int, bytes, str]]:
    """Index, key and label name of the rows that have both a text and a label."""
    has_text = _have_texts(dataset, config)
    return [
        (index, row_key(said), label)
        for index, (said, label) in enumerate(_rows(dataset, config))
        if label is not None and has_text[index]
    ]


def _have_texts(dataset: Any, config: DataConfig) -> list[bool]:
    if config.task == CLASSIFY:
        return [text is not None and not (isinstance(text, str) and not text.strip()) for text in dataset[config.text]]
    task = bound(config, dataset)
    found = [not isinstance(task.rows(values), str) for values in _values(dataset, task)]
    # In texts that are all yet to be written, as translations of one language, there is nothing better.
    return found if any(found) else [not isinstance(task.rows(row, read=False), str) for row in _values(dataset, task)]


def _set_aside(dataset: Any, config: DataConfig, seed: int) -> tuple[Any, Any]:
    """
    Split validation rows off, label by label where texts belong to labels; rows of equal content go together, as do
    questions on one context.
    """
    task = bound(config, dataset)
    keys = [row_key(task.group(values)) for values in _values(dataset, task)]
    texts: dict[bytes, list[tuple[int, str]]] = defaultdict(list)
    for index, _, label in _usable(dataset, config):
        texts[keys[index]].append((index, label if config.task == CLASSIFY else ""))
    groups = defaultdict(list)
    for key, rows in texts.items():
        rank = stream(seed, "validation", key, 0).key
        groups[min(label for _, label in rows)].append((rank, [index for index, _ in rows]))
    chosen: set[int] = set()
    for ranked in groups.values():
        wanted = max(1, round(config.validation_share * sum(len(rows) for _, rows in ranked)))
        taken = 0
        for _, rows in sorted(ranked)[:-1]:  # the last text stays: no label may vanish from training
            if taken >= wanted:
                break
            chosen.update(rows)
            taken += len(rows)
    if not chosen:
        raise ValueError(
            f"data: validation_share: no {'label' if config.label is not None else 'split'} has two different texts, so "
            "no validation row can be set aside. Give the source a validation split."
        )
    rest = [index for index in range(len(dataset)) if index not in chosen]
    return dataset.select(rest), dataset.select(sorted(chosen))


def _draw(dataset: Any, setting: str, config: DataConfig, seed: int, role: str) -> Any:
    """Keep as many rows of each label, or in all, as a setting says."""
    number, of_each = getattr(config, setting), setting.endswith("_per_label")
    ranked = defaultdict(list)
    seen: Counter = Counter()
    for index, key, label in _usable(dataset, config):
        # Repeated rows are told apart, or a draw would take all of them or none.
        ranked[label if of_each else ""].append((stream(seed, "shots", key, seen[key, label]).key, index))
        seen[key, label] += 1
    for label, rows in sorted(ranked.items()):
        if len(rows) < number:
            of = f" of the label {label!r}" if of_each else ""
            raise ValueError(
                f"data: {setting}: got {number}, but the {role} split has only {len(rows)} usable rows{of}. "
                f"Write at most {min(map(len, ranked.values()))}."
            )
    return dataset.select(sorted(index for rows in ranked.values() for _, index in sorted(rows)[:number]))
