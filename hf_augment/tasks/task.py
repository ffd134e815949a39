"""What a task is: the columns it reads, the texts that may be rewritten, and what must hold afterwards."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar, NamedTuple

from hf_augment.errors import unknown
from hf_augment.transform import Declined, Row, Transform, Written

LONGEST_TEXT = 1_000_000  # characters; one longer text would stall the whole batch it stands in
Outcome = Written | Declined
Columns = Mapping[str, str]  # what the task calls a column → what the dataset calls it


class Pair(NamedTuple):
    """What a model of the task is given, and what it is to answer."""

    input: Any
    output: Any


class Task(ABC):
    """
    A task, bound to the columns of a dataset and to the field of it that is rewritten.

    Args:
        field (`str`): One of `fields`.
        columns (`dict[str, str]`): For each of `roles` that the dataset has, its column.
        features (`Mapping`, *optional*): The types of all columns.
        label_names (`Sequence[str]`, *optional*): Names of integer labels, where `features` do not carry them.
    """

    name: ClassVar[str]
    fields: ClassVar[tuple[str, ...]]  # what can be rewritten; the first is the default
    roles: ClassVar[Mapping[str, tuple[str, ...]]]  # the columns by what they are, and what the Hub calls them
    more_roles: ClassVar[tuple[str, ...]] = ()  # roles that a user may name, and that no dataset needs
    named: ClassVar[str] = ""  # the role whose integers have names, where that is not the label
    labelled: ClassVar[bool] = False  # whether a text belongs to a label
    offers: ClassVar[tuple[str, ...]] = ()  # what the rows' `context` holds

    def __init__(
        self,
        field: str,
        columns: Columns,
        features: Mapping[str, Any] | None = None,
        label_names: Sequence[str] | None = None,
    ):
        self.field, self.columns, self.features, self.label_names = field, dict(columns), features, label_names

    @classmethod
    def find(cls, given: Columns, columns: Sequence[str], features: Mapping[str, Any] | None) -> Columns:
        """
        Find the columns of the task in a dataset: those that were named, and else those that are called as usual.

        Args:
            given (`dict[str, str]`): Columns by role.
            columns (`Sequence[str]`): Those of the dataset.
            features (`Mapping`, *optional*): Their types.
        """
        found = {}
        for role, usual in cls.roles.items():
            if role in given:
                if given[role] not in columns:
                    raise ValueError(f"columns: {role}: " + unknown("column", given[role], columns))
                found[role] = given[role]
                continue
            free = [name for name in columns if name not in given.values() and name not in found.values()]
            known = [name for name in usual if name in free]
            if not known:
                raise ValueError(
                    f"The task {cls.name!r} needs a column for its {role!r}, called {' or '.join(map(repr, usual))}; "
                    f"the dataset has {list(columns)}. Name the one that holds it, such as "
                    f"columns={{{role!r}: {next(iter(free), role)!r}}}."
                )
            found[role] = known[0]
        if len(set(found.values())) < len(found):
            raise ValueError(f"columns: each part of a row is a column of its own, got {found}.")
        return found

    @classmethod
    def offered(cls, field: str) -> tuple[str, ...]:
        """Return what a transform may read of a row beside the text of a field and the label."""
        return tuple(name for name in cls.offers if name != field)

    @classmethod
    def refuses(cls, transform: Transform, field: str) -> str:
        """Say why a transform makes no sense for a field of this task; `""` if it does."""
        if transform.of_labels and not cls.labelled:
            return "it keeps, turns or attacks a label and nothing else, and this task has none"
        lacking = [name for name in transform.reads if name not in ("text", "label", *cls.offered(field))]
        if not lacking:
            return ""
        what = " and ".join(lacking)
        own = [name for name in lacking if name in cls.offers]
        return f"it reads the {what} of a row, " + (f"and writes the {field}" if own else "and this task has none")

    def reads(self) -> tuple[str, ...]:
        """Return the columns that the other methods are given the values of, in order."""
        return tuple(dict.fromkeys(self.columns.values()))

    def cleaned(self, values: Sequence[Any], clean: Callable[[str], str]) -> dict[str, Any]:
        """
        Return the columns of a row with every text cleaned, before anything else is done to it.

        Args:
            values (`Sequence`): Of the columns that `reads` names.
            clean (`Callable[[str], str]`): Cleans one text.

        Raises:
            `ValueError`: What belongs to a text, such as where an answer stands in it, cannot be brought along.
        """
        return {column: within(value, clean) for column, value in zip(self.reads(), values, strict=True)}

    def is_row(self, value: Any) -> bool:
        """Tell whether a value of the first column that is read is that of one row, and not of a batch."""
        return not hasattr(value, "__len__") or isinstance(value, str | bytes | Mapping)

    def identity(self, values: Sequence[Any]) -> Any:
        """Return what tells a row from others, JSON-shaped."""
        return list(values)

    def group(self, values: Sequence[Any]) -> Any:
        """Return what rows must not share if one is trained on and another one measures, JSON-shaped."""
        return self.identity(values)

    @abstractmethod
    def rows(self, values: Sequence[Any], read: bool = True) -> Sequence[Row] | str:
        """
        Return the texts of a row that may be rewritten, with what they are conditioned on and what no edit may touch.

        Args:
            values (`Sequence`): Of the columns that `reads` names.
            read (`bool`, *optional*, defaults to `True`): Whether the transform reads the text, so that there has to be
                one.

        Returns:
            `Sequence[Row]` or `str`: At least one text; or why there is none, in the words of the column `declined`.
        """

    @abstractmethod
    def check(self, values: Sequence[Any], place: int, row: Row, written: Written) -> str:
        """
        Say what no longer holds; `""` if all does.

        Args:
            values (`Sequence`): Of the columns that `reads` names.
            place (`int`): Which of the texts that `rows` returned.
            row ([`Row`]): That text.
            written ([`Written`]): What a transform wrote for it.
        """

    @abstractmethod
    def put(self, values: Sequence[Any], written: Mapping[int, tuple[Row, Written]]) -> dict[str, Any]:
        """
        Return the new values of the columns that change.

        Args:
            values (`Sequence`): Of the columns that `reads` names.
            written (`dict[int, tuple[Row, Written]]`): The texts that were rewritten, by place; at least one.
        """

    @abstractmethod
    def pair(self, values: Sequence[Any]) -> Pair | None:
        """Return what a model of the task learns from a row; `None` where the row lacks a side."""

    def accept(
        self, values: Sequence[Any], rows: Sequence[Row], outcomes: Sequence[Outcome]
    ) -> tuple[list[Outcome], dict[str, Any]]:
        """Turn what was written into what holds: the outcomes, some of them declined now, and the columns that change."""
        checked: list[Outcome] = []
        for place, (row, outcome) in enumerate(zip(rows, outcomes, strict=True)):
            lost = self.check(values, place, row, outcome) if isinstance(outcome, Written) else ""
            checked.append(Declined(lost) if lost else outcome)
        return checked, self._changes(values, rows, checked)

    def _changes(self, values: Sequence[Any], rows: Sequence[Row], outcomes: Sequence[Outcome]) -> dict[str, Any]:
        written = {
            place: (row, outcome)
            for place, (row, outcome) in enumerate(zip(rows, outcomes, strict=True))
            if isinstance(outcome, Written)
        }
        return self.put(values, written) if written else {}


def within(value: Any, clean: Callable[[str], str]) -> Any:
    """Clean a string, or every string in a list or a mapping; anything else stays as it is."""
    if isinstance(value, str):
        return clean(value)
    if isinstance(value, Mapping):
        return {name: within(part, clean) for name, part in value.items()}
    return [within(part, clean) for part in value] if isinstance(value, list) else value


def unusable(text: Any) -> str:
    """Say why a text cannot be rewritten; `""` if it can."""
    if text is None:
        return "text is None"
    if not isinstance(text, str):
        return "text is not a string"
    if not text or text.isspace():
        return "text is empty"
    if len(text) > LONGEST_TEXT:
        return f"text is longer than {LONGEST_TEXT} characters"
    if not _is_unicode(text):
        return "text is not valid Unicode"
    return ""


def _is_unicode(text: str) -> bool:
    if text.isascii():
        return True
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
