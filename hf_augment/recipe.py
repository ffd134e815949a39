"""Recipes: one YAML file a run, one block a step, read strictly."""

import dataclasses
import importlib.resources
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Literal

from hf_augment.errors import unknown
from hf_augment.fields import between, read
from hf_augment.registry import build


@dataclasses.dataclass(frozen=True, kw_only=True)
class DataConfig:
    """
    The labelled data.

    Args:
        path (`str`): A Hub id, `embedded:reviews`, a csv, jsonl or parquet file, a folder of such files named after
            their splits, or a folder written by `save_to_disk`.
        name (`str`, *optional*): The configuration of a Hub dataset.
        revision (`str`, *optional*): A commit, branch or tag of a Hub dataset.
        text (`str`, *optional*, defaults to `"text"`): The text column.
        label (`str`, *optional*, defaults to `"label"`): The label column; `null` for texts without labels, from
            which only P(text) can be learnt.
        label_names (`list[str]`, *optional*): Names of integer labels that carry none.
        train_split, validation_split, test_split (`str`, *optional*): The splits. Without a validation split,
            `validation_share` of the training rows is set aside before anything else happens. An absent test split
            is an error for `study` only.
        validation_share (`float`, *optional*, defaults to `0.1`): See above; drawn by `seed`, label by label.
        shots_per_label (`int`, *optional*): Keep only that many training rows of each label, drawn by `seed`.
        validation_shots_per_label, test_shots_per_label (`int`, *optional*): The same for the other splits.
    """

    path: str
    name: str | None = None
    revision: str | None = None
    text: str = "text"
    label: str | None = "label"
    label_names: tuple[str, ...] | None = None
    train_split: str = "train"
    validation_split: str | None = "validation"
    test_split: str | None = "test"
    validation_share: float = 0.1
    shots_per_label: int | None = None
    validation_shots_per_label: int | None = None
    test_shots_per_label: int | None = None

    def __post_init__(self):
        between(self.validation_share, 0.01, 0.9, "data: validation_share")
        for name in ("shots_per_label", "validation_shots_per_label", "test_shots_per_label"):
            _positive(getattr(self, name), f"data: {name}")


@dataclasses.dataclass(frozen=True, kw_only=True)
class PreprocessConfig:
    """
    What is done to every text before anything else; nothing unless asked.

    Args:
        strip_html (`bool`): Take tags out and resolve entities; a bare `<` stays.
        unicode_nfc (`bool`): Compose characters (Unicode NFC).
        whitespace (`bool`): One space for each run of white space, none at the ends.
        lower_case (`bool`): Lower-case.
    """

    strip_html: bool = False
    unicode_nfc: bool = False
    whitespace: bool = False
    lower_case: bool = False


@dataclasses.dataclass(frozen=True, kw_only=True)
class ScratchConfig:
    """
    A causal language model to pretrain from random weights, and its byte-level BPE tokenizer.

    Args:
        architecture (`str`, *optional*, defaults to `"gpt2"`): `"gpt2"` or `"llama"`.
        layers, width, heads (`int`, *optional*): The size of the decoder.
        vocabulary (`int`, *optional*, defaults to `4096`): Tokens, trained on the training texts.
        context (`int`, *optional*, defaults to `256`): The longest sequence, in tokens.
        dropout (`float`, *optional*, defaults to `0.0`): Dropout while training (`"gpt2"` only).
    """

    architecture: Literal["gpt2", "llama"] = "gpt2"
    layers: int = 4
    width: int = 128
    heads: int = 4
    vocabulary: int = 4096
    context: int = 256
    dropout: float = 0.0

    def __post_init__(self):
        for name in ("layers", "width", "heads", "context"):
            _positive(getattr(self, name), f"train: scratch: {name}")
        if self.vocabulary < 300:
            raise ValueError(
                f"train: scratch: vocabulary: expected at least 300 (256 bytes and some merges), got {self.vocabulary}."
            )
        if self.width % self.heads:
            raise ValueError(
                f"train: scratch: width {self.width} is not a multiple of heads {self.heads}. Write e.g. width: {self.heads * 32}."
            )


@dataclasses.dataclass(frozen=True, kw_only=True)
class TrainConfig:
    """
    The generator: a causal language model that learns P(text | label).

    Args:
        model (`str`, *optional*): What to fine-tune: a Hub id, a folder, or `embedded:generator`.
        scratch (`ScratchConfig`, *optional*): Instead of `model`: pretrain one on the texts.
        revision (`str`, *optional*): A commit, branch or tag of a Hub model.
        prompt (`str`, *optional*, defaults to `"{label}: {text}"`): How a label leads to a text; ends with `{text}`.
            Without `{label}` the model learns P(text), which is what pretraining wants.
        epochs (`float`, *optional*, defaults to `3.0`): Passes over the training rows.
        max_steps (`int`, *optional*): Optimiser steps, instead of epochs.
        learning_rate (`float`, *optional*, defaults to `5e-5`), weight_decay (`float`), warmup_steps (`int`),
            schedule (`str`, *optional*, defaults to `"linear"`), batch_size (`int`, rows a device and step),
            accumulation (`int`, steps summed before an update), max_length (`int`, tokens kept of a row): as in
            `transformers.TrainingArguments`.
        patience (`int`, *optional*): Stop after that many evaluations without a better validation loss. The best
            weights are kept in any case.
        evaluations (`int`, *optional*, defaults to `0`): Evaluations (and checkpoints) in all; 0 means one an epoch.
        lora (`bool`, *optional*, defaults to `False`): Train low-rank adapters and merge them (extra `lora`).
        extra (`dict`, *optional*): Further arguments for `transformers.TrainingArguments`, e.g. `bf16: true`.
    """

    model: str | None = None
    scratch: ScratchConfig | None = None
    revision: str | None = None
    prompt: str = "{label}: {text}"
    epochs: float = 3.0
    max_steps: int | None = None
    learning_rate: float = 5e-5
    weight_decay: float = 0.0
    warmup_steps: int = 0
    schedule: str = "linear"
    batch_size: int = 8
    accumulation: int = 1
    max_length: int = 128
    patience: int | None = None
    evaluations: int = 0
    lora: bool = False
    extra: dict[str, Any] = dataclasses.field(default_factory=dict)

    def __post_init__(self):
        if (self.model is None) == (self.scratch is None):
            raise ValueError(
                "train: expected either 'model' (to fine-tune) or 'scratch' (to pretrain), got "
                + ("neither." if self.model is None else "both.")
            )
        if not self.prompt.endswith("{text}") or self.prompt.count("{text}") != 1:
            raise ValueError(
                f"train: prompt: expected a template that ends with {{text}}, got {self.prompt!r}. Write e.g. '{{label}}: {{text}}'."
            )
        for name in ("max_steps", "batch_size", "accumulation", "max_length", "patience"):
            _positive(getattr(self, name), f"train: {name}")
        for name in ("epochs", "learning_rate"):
            if not getattr(self, name) > 0:
                raise ValueError(f"train: {name}: expected a number above 0, got {getattr(self, name)!r}.")


@dataclasses.dataclass(frozen=True, kw_only=True)
class AugmentConfig:
    """
    The augmentation of the training split.

    Args:
        pipeline (`list`): Specs of transforms, applied one after the other. `generate` without `model` takes the
            generator that the recipe trains.
        copies (`int`, *optional*): Copies of each row; or, through `plan`:
        total, per_label (`int`), balance, eda (`bool`): How many copies in all, for each label, enough to balance
            the labels, or as many as the EDA paper recommends.
        key (`str`, *optional*): An id column, where rows of equal content are wanted apart.
    """

    pipeline: tuple[dict[str, Any], ...]
    copies: int | None = None
    total: int | None = None
    per_label: int | None = None
    balance: bool = False
    eda: bool = False
    key: str | None = None

    def __post_init__(self):
        if not self.pipeline:
            raise ValueError(
                "augment: pipeline: expected at least one transform, got an empty list. Write e.g. [{name: eda}]."
            )
        ways = {name: getattr(self, name) for name in ("copies", "total", "per_label", "balance", "eda")}
        given = [name for name, value in ways.items() if value not in (None, False)]
        if len(given) > 1:
            raise ValueError(f"augment: expected one of {list(ways)}, got {given}.")
        for name in ("copies", "total", "per_label"):
            _positive(ways[name], f"augment: {name}")


@dataclasses.dataclass(frozen=True, kw_only=True)
class StudyConfig:
    """
    The comparison: one classifier with the gold rows, with each twice, and with gold and augmented rows.

    Args:
        classifier (`str`, *optional*, defaults to `"lstm"`): `"lstm"`, or a Hub id or folder of any encoder that
            `AutoModelForSequenceClassification` loads.
        revision (`str`, *optional*): A commit, branch or tag of a Hub model.
        seeds (`list[int]`, *optional*, defaults to `[0, 1, 2]`): Each arm is trained once with each.
        epochs (`float`, *optional*, defaults to `10.0`): Passes over the gold rows without augmentation.
        evaluations (`int`, *optional*, defaults to `10`): Evaluations on gold validation rows; the best is kept.
        learning_rate, batch_size, max_length, weight_decay: as in `transformers.TrainingArguments`.
        metrics (`list[str]`, *optional*, defaults to `["accuracy", "f1"]`): Modules of `hf_augment.metrics`.
    """

    classifier: str = "lstm"
    revision: str | None = None
    seeds: tuple[int, ...] = (0, 1, 2)
    epochs: float = 10.0
    evaluations: int = 10
    learning_rate: float = 1e-3
    weight_decay: float = 0.0
    batch_size: int = 16
    max_length: int = 128
    metrics: tuple[str, ...] = ("accuracy", "f1")

    def __post_init__(self):
        for name in ("evaluations", "batch_size", "max_length"):
            _positive(getattr(self, name), f"study: {name}")
        if len(set(self.seeds)) != len(self.seeds) or not self.seeds:
            raise ValueError(f"study: seeds: expected different whole numbers, got {list(self.seeds)}.")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Recipe:
    """A run: its data and its steps. An absent block means no such step."""

    output: str
    data: DataConfig
    seed: int = 0
    preprocess: PreprocessConfig = PreprocessConfig()
    train: TrainConfig | None = None
    augment: AugmentConfig | None = None
    study: StudyConfig | None = None

    def __post_init__(self):
        if self.augment is not None:
            self.transform()
        if self.data.label is None and (self.study is not None or "{label}" in getattr(self.train, "prompt", "")):
            raise ValueError(
                "data: label: a study, and a prompt with {label}, need the label column, got null. Name it, or write "
                "train.prompt: '{text}' and no 'study' block."
            )
        if self.study is not None and self.augment is None:
            raise ValueError("study: compares with augmented data, so the recipe needs an 'augment' block.")

    @property
    def generator(self) -> Path:
        """The folder of the generator that this recipe trains."""
        return Path(self.output) / "generator"

    def transform(self) -> Any:
        """Build the transform of the `augment` block."""
        steps = [self._with_generator(spec, f"augment: pipeline[{i}]") for i, spec in enumerate(self.augment.pipeline)]
        return build(steps[0] if len(steps) == 1 else {"name": "compose", "transforms": steps})

    def _with_generator(self, spec: Any, where: str) -> Any:
        if isinstance(spec, list | tuple):
            return [self._with_generator(part, where) for part in spec]
        if not isinstance(spec, Mapping):
            return spec
        spec = {key: self._with_generator(value, where) for key, value in spec.items()}
        if spec.get("name") == "generate" and "model" not in spec:
            if self.train is None:
                raise ValueError(
                    f"{where}: 'generate' names no model and the recipe trains none. Add model: or a 'train' block."
                )
            spec["model"] = str(self.generator)
        return spec


def _positive(value: int | None, where: str) -> None:
    if value is not None and value < 1:
        raise ValueError(f"{where}: expected at least 1, got {value!r}.")


def find_recipe(path: str) -> Path:
    """Return the file behind a path, or behind the name of a recipe that ships with the package."""
    if Path(path).is_file():
        return Path(path)
    shipped = [importlib.resources.files("hf_augment") / "recipes", Path(__file__).parent.parent / "recipes"]
    names = {}
    for folder in shipped:  # an editable installation has them beside the package
        if folder.is_dir():
            names.update({file.name: Path(str(file)) for file in folder.iterdir() if file.name.endswith(".yaml")})
    wanted = Path(path).name if Path(path).suffix == ".yaml" else f"{Path(path).name}.yaml"
    if wanted in names and (str(Path(path).parent) in (".", "recipes")):
        return names[wanted]
    raise FileNotFoundError(f"No file {path!r}, and " + unknown("recipe", path, names))


def load_recipe(path: str, overrides: Iterable[str] = ()) -> Recipe:
    """
    Read a recipe.

    Args:
        path (`str`): A YAML file, or the name of a shipped recipe (`"quickstart"`).
        overrides (`Iterable[str]`, *optional*): Settings such as `"train.epochs=1"`, their values read as YAML.

    Raises:
        `ValueError` or `TypeError`: Naming file, key path and what to write instead.
    """
    import yaml

    file = find_recipe(path)
    try:
        values = yaml.load(file.read_text(encoding="utf-8"), Loader=_strict_loader())
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ValueError(f"{path}: no valid YAML: {' '.join(str(error).split())}") from error
    if not isinstance(values, dict):
        raise TypeError(f"{path}: expected a mapping with the keys output, data, ..., got {values!r}.")
    for override in overrides:
        _set(values, override)
    try:
        return read(Recipe, values, "recipe")
    except (TypeError, ValueError) as error:
        raise type(error)(f"{path}: {str(error).removeprefix('recipe: ')}") from error


def _set(values: dict, override: str) -> None:
    import yaml

    path, equals, text = override.partition("=")
    if not equals or not path:
        raise ValueError(f"--set {override!r}: expected KEY.KEY=VALUE, e.g. --set train.epochs=1.")
    *parents, last = path.split(".")
    for name in parents:
        values = values.setdefault(name, {})
        if not isinstance(values, dict):
            raise TypeError(f"--set {override!r}: {name!r} is no block but {values!r}.")
    values[last] = yaml.load(text, Loader=_strict_loader())


def _strict_loader() -> type:
    import yaml

    class Loader(yaml.SafeLoader):
        """YAML that refuses the same key twice, where PyYAML silently keeps the last."""

        def construct_mapping(self, node, deep=False):
            seen = set()
            for key, _ in node.value:
                name = self.construct_object(key, deep=True)
                if name in seen:
                    raise yaml.constructor.ConstructorError(
                        None, None, f"the key {name!r} stands twice", key.start_mark
                    )
                seen.add(name)
            return super().construct_mapping(node, deep)

    return Loader
