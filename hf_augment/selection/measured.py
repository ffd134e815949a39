"""What a step of selection measured, what it would drop, and what it asked."""

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple


class Measured(NamedTuple):
    """
    One step that looks at each row by itself.

    Args:
        columns (`Mapping[str, Sequence[float]]`): The scores of all rows by the name of their column; NaN where there
            is none.
        reason (`Callable[[int], str]`): Why the row at a position is dropped, or `""`.
        asked (`Mapping[str, str]`): By the step's name, what it asked of a row.
    """

    columns: Mapping[str, Sequence[float]]
    reason: Callable[[int], str]
    asked: Mapping[str, str]
