"""Reads values that came from JSON or YAML into declared types, strictly."""

import dataclasses
import re
import types
from collections.abc import Mapping
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

from hf_augment.errors import unknown

T = TypeVar("T")

_EXPONENT = re.compile(r"[+-]?\d+(\.\d*)?[eE][+-]?\d+\Z")  # PyYAML reads 2e-5 and 1e3 as strings
TEMPLATE_FIELD = re.compile(r"\{([a-z]+)\}")
_QUOTES = " Put it in quotes: YAML reads a bare yes, no, on, off or number as something else than text."


def conform(value: object, expected: Any, where: str) -> Any:
    """
    Return `value` as the `expected` type, or say where and why it cannot be.

    Lists become tuples, so that a frozen value stays frozen; `"2e-5"` is read where a number is declared, because
    YAML leaves it a string; everything else must already have the declared type.

    Args:
        value (`object`): A number, string, boolean, list, dict or `None`.
        expected (`type`): A builtin type, `tuple[X, ...]`, `dict[str, X]`, `Literal[...]`, a union of those, `Any`,
            a dataclass (see `read`), or any class, of which the value then has to be an instance.
        where (`str`): The key path that an error names.

    Raises:
        `TypeError`: The value has another type.
        `ValueError`: The value is none of a `Literal`'s choices.
    """
    if expected is Any:
        return tuple(value) if isinstance(value, list) else value
    origin, arguments = get_origin(expected), get_args(expected)
    if origin in (Union, types.UnionType):
        return _conform_union(value, arguments, where)
    if origin is Literal:
        if value not in arguments or isinstance(value, bool) != any(
            value is choice for choice in arguments if isinstance(choice, bool)
        ):
            raise ValueError(f"{where}: expected one of {list(arguments)}, got {value!r}.")
        return value
    if origin in (tuple, list):
        if not isinstance(value, list | tuple):
            raise TypeError(f"{where}: expected a list, got {value!r}. Write [{value!r}].")
        return tuple(conform(item, arguments[0], f"{where}[{i}]") for i, item in enumerate(value))
    if origin is dict:
        if not isinstance(value, Mapping):
            raise TypeError(f"{where}: expected a mapping, got {value!r}.")
        return {str(name): conform(item, arguments[1], f"{where}.{name}") for name, item in value.items()}
    if dataclasses.is_dataclass(expected) and isinstance(value, Mapping):
        return read(expected, value, where)
    return _conform_plain(value, expected, where)


def read(cls: type[T], values: Mapping[str, Any], where: str) -> T:
    """
    Make a dataclass from a mapping: no unknown key, no missing one, each value of its declared type.

    Args:
        cls (`type`): The dataclass.
        values (`Mapping`): Its fields by name.
        where (`str`): The key path that errors name.
    """
    fields = {field.name: field for field in dataclasses.fields(cls)}
    for name in values:
        if name not in fields:
            raise ValueError(f"{where}: " + unknown("key", name, fields))
    for name, field in fields.items():
        if name not in values and field.default is field.default_factory is dataclasses.MISSING:
            raise ValueError(f"{where}: the key {name!r} is missing. Keys here: {', '.join(fields)}.")
    hints = get_type_hints(cls)
    return cls(**{name: conform(value, hints[name], f"{where}: {name}") for name, value in values.items()})


def _conform_union(value: object, choices: tuple, where: str) -> Any:
    if value is None and type(None) in choices:
        return None
    choices = [choice for choice in choices if choice is not type(None)]
    for choice in sorted(choices, key=lambda choice: choice is float):  # an int stays an int where both are allowed
        try:
            return conform(value, choice, where)
        except (TypeError, ValueError) as error:
            problem = error
    if len(choices) == 1:
        raise problem
    names = " or ".join(getattr(choice, "__name__", str(choice)) for choice in choices)
    raise TypeError(f"{where}: expected {names}, got {value!r}.")


def _conform_plain(value: object, expected: type, where: str) -> Any:
    if expected in (int, float) and isinstance(value, str) and _EXPONENT.match(value):
        value = float(value)
        value = int(value) if expected is int and value.is_integer() else value
    if expected is float and isinstance(value, int) and not isinstance(value, bool):
        value = float(value)
    if not isinstance(value, expected) or (isinstance(value, bool) and expected in (int, float)):
        hint = _QUOTES if expected is str and isinstance(value, bool | int | float) else ""
        raise TypeError(f"{where}: expected {expected.__name__}, got {value!r}.{hint}")
    return value


def template_fields(template: str) -> tuple[str, ...]:
    """Return the names in braces in a prompt template, in order, without those that every template knows."""
    names = dict.fromkeys(TEMPLATE_FIELD.findall(template))
    return tuple(name for name in names if name not in ("text", "label"))


def between(value: float, low: float, high: float, where: str) -> None:
    """Raise a `ValueError` that names `where` unless `low <= value <= high`."""
    if not low <= value <= high:
        raise ValueError(f"{where}: expected a number from {low:g} to {high:g}, got {value!r}.")


def positive(value: int | None, where: str) -> None:
    """Raise a `ValueError` for a whole number below 1; `None` stands for no number."""
    if value is not None and value < 1:
        raise ValueError(f"{where}: expected at least 1, got {value!r}.")


def above_zero(value: float, where: str) -> None:
    """Raise a `ValueError` unless a number is finite and above 0."""
    if not 0 < value < float("inf"):
        raise ValueError(f"{where}: expected a number above 0, got {value!r}.")
