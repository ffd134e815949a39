"""Recipes: one YAML file a run, one block a step, read strictly."""

import dataclasses
import importlib.resources
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from hf_augment.blocks import (
    AugmentConfig,
    DataConfig,
    MethodConfig,
    PreprocessConfig,
    PublishConfig,
    SelectConfig,
    StudyConfig,
    TrainConfig,
)
from hf_augment.blocks.gate import SEARCH
from hf_augment.blocks.study import CLASSIFY, FOLDER, OF_THE_WHOLE
from hf_augment.errors import unknown
from hf_augment.fields import read, template_fields
from hf_augment.registry import build
from hf_augment.tasks import check_field, task_class

SPLIT = "{split}"  # in data.path: the number of the split
_OF_LABELS = {  # what makes no sense without labels
    "augment": ("per_label", "balance"),
    "select": ("per_label", "balance", "likelihood", "relabel", "confidence", "calibrate"),
}
_TRAINED = {"generate": "causal", "masked_lm": "masked"}  # transforms that can ask what the recipe trains


@dataclasses.dataclass(frozen=True, kw_only=True)
class Recipe:
    """A run: its data and its steps. An absent block means no such step; `methods` are for a study of several."""

    output: str
    data: DataConfig
    seed: int = 0
    preprocess: PreprocessConfig = dataclasses.field(default_factory=PreprocessConfig)
    train: TrainConfig | None = None
    augment: AugmentConfig | None = None
    select: SelectConfig | None = None
    methods: dict[str, MethodConfig] | None = None
    study: StudyConfig | None = None
    publish: PublishConfig | None = None

    def __post_init__(self):
        object.__setattr__(self, "output", str(Path(self.output).expanduser()))
        if self.augment is not None and self.augment.field is not None:  # methods may each write another one
            object.__setattr__(self, "data", dataclasses.replace(self.data, field=self.augment.field))
        if self.study is not None:
            object.__setattr__(self, "study", self.study.for_task(self.data.task))
        self._check_task()
        if self.methods is not None:
            self._check_methods()
        if self.augment is not None:
            self.transform()
        if self.data.streaming and (self.train is None or self.train.max_steps is None or self.augment is not None):
            raise ValueError(
                "data: streaming: is for a recipe that trains for a number of steps and does nothing else. Write "
                "train.max_steps, and no 'augment' block; or streaming: false."
            )
        if self.study is not None and self.data.test_split is None:
            raise ValueError("data: test_split: a study scores on test rows, so it needs a test split, got null.")
        classifies = self.study is not None and self.data.task == CLASSIFY
        if self.data.label is None and (classifies or "{label}" in getattr(self.train, "prompt", "")):
            raise ValueError(
                "data: label: a study, and a prompt with {label}, need the label column, got null. Name it, or write "
                "train.prompt: '{text}' and no 'study' block."
            )
        if self.study is not None and self.augment is None and self.methods is None:
            raise ValueError(
                "study: compares with augmented data, so the recipe needs an 'augment' block, or 'methods'."
            )
        if self.select is not None and self.augment is None:
            raise ValueError("select: chooses among augmented rows, so the recipe needs an 'augment' block.")
        for block, names in _OF_LABELS.items():
            for name in names:
                if self.data.label is None and getattr(getattr(self, block), name, None):
                    raise ValueError(f"data: label: {block}.{name} needs the label column, got null. Name it.")

    def _check_task(self) -> None:
        try:
            field = check_field(self.data.task, self.data.field)
        except ValueError as error:
            raise ValueError(f"data: {error}") from error
        task = task_class(self.data.task)
        for role in self.data.columns:
            if role not in (*task.roles, *task.more_roles):
                raise ValueError("data: columns: " + unknown("role", role, (*task.roles, *task.more_roles)))
        there = [name for name in task.offers if name != field]
        for name in template_fields(self.train.prompt) if self.train is not None else ():
            if name not in there:
                raise ValueError(
                    f"train: prompt: {self.train.prompt!r} holds {{{name}}}, and the {field} of the task "
                    f"{self.data.task!r} is conditioned on {there or 'nothing but a label'}. Take it out, or set "
                    "data.task and data.field."
                )
        if self.augment is not None and (problem := task.refuses(self.transform(), field)):
            raise ValueError(
                f"augment: pipeline: {self.transform().name!r} makes no sense for the {field} of the task "
                f"{self.data.task!r}: {problem}."
            )

    def _check_methods(self) -> None:
        own = [name for name in ("train", "augment", "select") if getattr(self, name) is not None]
        if own:
            raise ValueError(f"methods: each has blocks of its own. Move {own[0]!r} into those that need it.")
        if not self.methods:
            raise ValueError("methods: expected at least one, got none. Write e.g. {eda: {augment: {pipeline: ...}}}.")
        for name, method in self.methods.items():
            if not FOLDER.match(name):
                raise ValueError(f"methods: {name!r} is to name a folder. Use letters, digits, '-', '_' and '.'.")
            if name == SEARCH:
                raise ValueError(f"methods: {name!r} is what the gate calls its own choice. Take another name.")
            try:
                self.of_method(method, self.output)
                for config in self.study.each().values() if self.study is not None else ():
                    own = {key: value for key, value in dataclasses.asdict(config).items() if key not in OF_THE_WHOLE}
                    read(StudyConfig, own | method.study, "study")
            except (TypeError, ValueError) as error:
                raise type(error)(f"methods: {name}: {error}") from error

    def of_method(self, method: MethodConfig, output: str | Path) -> "Recipe":
        """Return the recipe that augments, and compares nothing, by one of the methods."""
        steps = {"train": method.train, "augment": method.augment, "select": method.select}
        return dataclasses.replace(self, output=str(output), methods=None, study=None, publish=None, **steps)

    @property
    def generator(self) -> Path:
        """The folder of the generator that this recipe trains."""
        return Path(self.output) / "generator"

    def transform(self) -> Any:
        """Build the transform of the `augment` block."""
        steps = self.pipeline()
        return build(steps[0] if len(steps) == 1 else {"name": "compose", "transforms": list(steps)})

    def pipeline(self) -> tuple[Any, ...]:
        """Return the specs of the `augment` block, the generator named where it is the one that the recipe trains."""
        return tuple(
            self._with_generator(spec, f"augment: pipeline[{i}]") for i, spec in enumerate(self.augment.pipeline)
        )

    def _with_generator(self, spec: Any, where: str) -> Any:
        if isinstance(spec, list | tuple):
            return [self._with_generator(part, where) for part in spec]
        if not isinstance(spec, Mapping):
            return spec
        spec = {key: self._with_generator(value, where) for key, value in spec.items()}
        name = spec.get("name")
        if name in _TRAINED and "model" not in spec:
            if self.train is None:
                raise ValueError(
                    f"{where}: {name!r} names no model and the recipe trains none. Add model: or a 'train' block."
                )
            if self.train.objective != _TRAINED[name]:
                raise ValueError(
                    f"{where}: {name!r} names no model, and what the recipe trains has the objective "
                    f"{self.train.objective!r}. Add model:, or write train.objective: {_TRAINED[name]}."
                )
            spec["model"] = str(self.generator)
        return spec


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
    try:
        text = find_recipe(path).read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise ValueError(f"{path}: no valid YAML: {error}") from error
    return parse_recipe(text, path, overrides)


def parse_recipe(text: str, path: str, overrides: Iterable[str] = ()) -> Recipe:
    """
    Read the text of a recipe.

    Args:
        text (`str`): YAML.
        path (`str`): What errors call it.
        overrides (`Iterable[str]`, *optional*): As for `load_recipe`.
    """
    import yaml

    try:
        values = yaml.load(text, Loader=_strict_loader())
    except yaml.YAMLError as error:
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
        if values.get(name) is None:
            values[name] = {}
        values = values[name]
        if not isinstance(values, dict):
            raise TypeError(f"--set {override!r}: {name!r} is no block but {values!r}.")
    try:
        values[last] = yaml.load(text, Loader=_strict_loader())
    except yaml.YAMLError as error:
        raise ValueError(f"--set {override!r}: the value is no valid YAML: {' '.join(str(error).split())}") from error


def _strict_loader() -> type:
    import yaml

    class Loader(yaml.SafeLoader):
        """YAML that refuses the same key twice, where PyYAML silently keeps the last."""

        def construct_mapping(self, node, deep=False):
            seen = set()
            for key, _ in node.value:
                if key.tag == "tag:yaml.org,2002:merge":
                    continue
                name = self.construct_object(key, deep=True)
                if not isinstance(name, str):
                    raise yaml.constructor.ConstructorError(None, None, f"{name!r} is no name", key.start_mark)
                if name in seen:
                    raise yaml.constructor.ConstructorError(
                        None, None, f"the key {name!r} stands twice", key.start_mark
                    )
                seen.add(name)
            return super().construct_mapping(node, deep)

    return Loader
