"""Which transform makes sense in which task, read off the classes: nothing is built, and no model is needed."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from hf_augment.edits import Editing
from hf_augment.registry import TRANSFORMS, transform_class
from hf_augment.tasks import TASKS

YES, NO, DEPENDS = "✓", "–", "○"
NOTE = (
    f"{YES} makes sense, {NO} is refused with the reason, {DEPENDS} depends: on its parts, or on whether its prompt asks\n"
    "for what the rows of the task have."
)


class _Seen(NamedTuple):
    """What a class says of itself; where its settings decide, what speaks for it."""

    of_labels: bool
    tells_edits: bool
    reads: Sequence[str]


def makes_sense(name: str, task: str) -> str:
    """
    Say whether a transform makes sense in a task.

    Args:
        name (`str`): A registry name or an import path.
        task (`str`): One of `TASKS`.

    Returns:
        `str`: `YES`, `NO`, or `DEPENDS` where the settings of the transform decide.
    """
    cls = transform_class(name)
    favourable = {"of_labels": False, "tells_edits": True, "reads": ("text",)}
    said = {attribute: getattr(cls, attribute) for attribute in favourable}
    open_ = {attribute for attribute, value in said.items() if isinstance(value, property)}
    seen = _Seen(**{**said, **{attribute: favourable[attribute] for attribute in open_}})
    if all(TASKS[task].refuses(seen, field) for field in TASKS[task].fields):
        return NO
    # What edits a text reads it whatever its settings are, and a label is what the usual prompts are about.
    return DEPENDS if open_ and not issubclass(cls, Editing) and not TASKS[task].labelled else YES


def matrix() -> dict[str, dict[str, str]]:
    """Return, for each registered transform and each task, whether it makes sense."""
    return {name: {task: makes_sense(name, task) for task in TASKS} for name in TRANSFORMS}


def as_markdown(found: Mapping[str, Mapping[str, str]]) -> str:
    """Write the matrix as a table in which transforms with equal rows share one."""
    rows: dict[tuple[str, ...], list[str]] = {}
    for name, signs in found.items():
        rows.setdefault(tuple(signs.values()), []).append(f"`{name}`")
    fields = [", ".join(f"`{field}`" for field in task.fields) for task in TASKS.values()]
    lines = [
        _line(["task", *(f"`{task}`" for task in TASKS)]),
        "|---" + "|:-:" * len(TASKS) + "|",
        _line(["rewrites", *fields]),
    ]
    lines += [_line([", ".join(names), *signs]) for signs, names in rows.items()]
    return "\n".join([*lines, "", NOTE]) + "\n"


def as_text(found: Mapping[str, Mapping[str, str]]) -> list[str]:
    """Write the matrix as lines for a terminal, a transform each."""
    return [
        " " * 18 + "  ".join(TASKS),
        *(
            f"{name:<18}" + "  ".join(sign.center(len(task)) for task, sign in signs.items())
            for name, signs in found.items()
        ),
        NOTE,
    ]


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"
