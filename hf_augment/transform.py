"""The contract of a transform: a value that turns rows and streams into new texts or reasons why not."""

import dataclasses
import functools
import json
import typing
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, ClassVar, NamedTuple

from hf_augment.fields import conform
from hf_augment.registry import TRANSFORMS, build, build_nested, holds_transforms
from hf_augment.streams import Stream

NOTHING: Mapping[str, Any] = MappingProxyType({})
NO_CHANGE = "nothing to change"
FOR_NOW = "for now: "


class Row(NamedTuple):
    """
    What a transform sees of a row.

    Args:
        text (`str`): The text to rewrite.
        label (`str`, *optional*): The label's name, never its index.
        context (`Mapping`, *optional*): Further fields that a task conditions on.
        fixed (`tuple[tuple[int, int], ...]`, *optional*): Spans of the text that no edit may touch, in order of their
            start; they may overlap.
    """

    text: str
    label: str | None = None
    context: Mapping[str, Any] = NOTHING
    fixed: tuple[tuple[int, int], ...] = ()


class Written(NamedTuple):
    """
    A new text.

    Args:
        text (`str`): The text.
        by (`str`): The transform that wrote it; in a pipeline the ones that spoke, joined by `+`.
        also (`Mapping`, *optional*): Other fields of the row that change with the text; `"label"` is the new label's
            name, whatever the label column is called and holds.
        notes (`Mapping`, *optional*): `"edits"`: for each step the edits it made to the text of the step before.
            `"tag"`: a marker that the text begins with, and that is no part of what it says.
    """

    text: str
    by: str
    also: Mapping[str, Any] = NOTHING
    notes: Mapping[str, Any] = NOTHING


class Declined(NamedTuple):
    """
    No new text, and why.

    Args:
        reason (`str`): Why.
        passing (`bool`, *optional*, defaults to `False`): Whether the next run may fare better (a server was down),
            so that this answer is not remembered.
    """

    reason: str
    passing: bool = False


def for_now(reason: str) -> Declined:
    """Decline what the next run may write; the reason says so, in the dataset as well."""
    return Declined(FOR_NOW + reason, passing=True)


@functools.cache
def _types(cls: type) -> dict[str, Any]:
    hints = typing.get_type_hints(cls)
    return {field.name: hints[field.name] for field in dataclasses.fields(cls)}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Transform(ABC):
    """
    A value that writes new texts. What it writes depends on its fields, the row and the stream alone.

    A subclass is a frozen dataclass whose fields have the shapes of JSON (numbers, strings, lists, dicts, other
    transforms), with a `version` and a docstring that opens with one sentence; nothing is stored on the instance later.
    Its `name` is the registry name or, by default, its import path; `needs` says in a few words what a user has to bring
    besides texts (a model, a label, a fitted table). `of_labels` says that what it writes keeps, turns or attacks a label
    and nothing else, so that it makes sense beside one alone; `tells_edits`, that each of its texts comes with its edits.
    """

    name: ClassVar[str]
    version: ClassVar[int] = 1
    reads: ClassVar[tuple[str, ...]] = ("text",)
    needs: ClassVar[str] = ""
    of_labels: ClassVar[bool] = False
    tells_edits: ClassVar[bool] = False

    def __init_subclass__(cls, **kwargs):
        super().__init_subclass__(**kwargs)
        if "name" not in cls.__dict__:  # an inherited name would rebuild the parent in every other process
            cls.name = f"{cls.__module__}:{cls.__qualname__}"

    def __post_init__(self):
        own = f"{type(self).__module__}:{type(self).__qualname__}"
        if TRANSFORMS.get(self.name, self.name) != own:
            raise ValueError(
                f"The transform {own} calls itself {self.name!r}, which leads to another class or to none. "
                f"Leave 'name' out, or write name = {own!r}."
            )
        for field, expected in _types(type(self)).items():
            value = getattr(self, field)
            if isinstance(value, set | frozenset):
                raise TypeError(f"{self.name}: {field}: a set has no order that all processes share. Write a list.")
            if holds_transforms(expected):
                value = build_nested(value)
            object.__setattr__(self, field, conform(value, expected, f"{self.name}: {field}"))
        self.check()

    def check(self) -> None:  # noqa: B027 - most have nothing to check
        """Raise a `ValueError` for fields that have the right type and an impossible value."""

    @abstractmethod
    def apply(self, rows: Sequence[Row], streams: Sequence[Stream]) -> list[Written | Declined]:
        """
        Write one text for each row, drawing only from the stream at the same position.

        Args:
            rows (`Sequence[Row]`): The rows, in any grouping: no row may influence another one's text.
            streams (`Sequence[Stream]`): One for each row.

        Returns:
            `list[Written | Declined]`: One outcome for each row, in their order.
        """

    def references(self) -> dict[str, str]:
        """Return, for what the texts depend on besides the fields (models, word lists), its SHA-256 by name."""
        return {}

    def to_spec(self) -> dict[str, Any]:
        """Return what the user wrote, defaults included, and the version: `build(spec)` makes an equal transform."""
        spec = {field: _plain(getattr(self, field), Transform.to_spec) for field in _types(type(self))}
        return {"name": self.name, "version": self.version, **spec}

    def identity(self) -> dict[str, Any]:
        """Return the spec with each reference replaced by the SHA-256 of the files behind it."""
        spec = {field: _plain(getattr(self, field), lambda nested: nested.identity()) for field in _types(type(self))}
        return {"name": self.name, "version": self.version, **spec, **self.references()}

    def __reduce__(self):
        # `datasets` pickles imported classes by reference, so the version must travel in the value; one JSON string,
        # because the pickle of equal lists differs with the objects that they share.
        return _rebuild, (canonical(self.to_spec()), canonical(self.identity()))


def _plain(value: Any, of_nested) -> Any:
    if isinstance(value, Transform):
        return of_nested(value)
    if isinstance(value, tuple | list):
        return [_plain(item, of_nested) for item in value]
    if isinstance(value, Mapping):
        return {key: _plain(item, of_nested) for key, item in value.items()}
    return value


def canonical(document: Any) -> str:
    """Write a JSON-shaped value so that equal values give equal strings."""
    return json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False)


def _rebuild(spec: str, identity: str) -> Transform:
    return build(json.loads(spec))
