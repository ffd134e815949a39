"""The four columns that say where a row of an augmented dataset comes from; none of them is ever null."""

from collections import Counter, defaultdict
from collections.abc import Iterable
from typing import Any

ORIGINAL = "original"
PROVENANCE = {"augmented_by": "string", "source_id": "string", "copy": "int64", "declined": "string"}


class Output:
    """The rows that a batch grows into: which source row each repeats, where it comes from, and what differs."""

    def __init__(self):
        self.sources: list[int] = []
        self.changes: dict[str, dict[int, Any]] = defaultdict(dict)
        self._columns: dict[str, list] = {name: [] for name in PROVENANCE}

    def add(self, source: int, source_id: str, copy: int = 0, by: str = ORIGINAL, declined: str = "") -> int:
        """
        Add a row and return its position.

        Args:
            source (`int`): The row of the batch that it repeats.
            source_id (`str`): What identifies that row in the dataset.
            copy (`int`, *optional*, defaults to `0`): The number of the copy; 0 is the original.
            by (`str`, *optional*, defaults to `"original"`): The transforms that wrote it.
            declined (`str`, *optional*, defaults to `""`): Why copies of the source are missing.
        """
        self.sources.append(source)
        for values, value in zip(self._columns.values(), (by, source_id, copy, declined), strict=True):
            values.append(value)
        return len(self.sources) - 1

    def provenance(self) -> dict[str, tuple[str, list]]:
        """Return, for each of the columns, its Arrow type and its values."""
        return {name: (kind, self._columns[name]) for name, kind in PROVENANCE.items()}


def refuse_taken(columns: Iterable[str]) -> None:
    """Raise a `ValueError` if a dataset has one of the columns already."""
    taken = [name for name in PROVENANCE if name in columns]
    if taken:
        raise ValueError(
            f"The dataset already has the columns {taken}, which Augment adds. To apply several transforms, put them "
            "into one Augment(Compose(transforms=[...])); to augment once more, keep the originals and drop the "
            "columns: dataset.filter(lambda row: row['augmented_by'] == 'original')"
            f".remove_columns({list(PROVENANCE)})."
        )


def count(augmented_by: Iterable[str], declined: Iterable[str]) -> dict[str, Any]:
    """
    Count rows by what wrote them, and declined copies by reason.

    Args:
        augmented_by (`Iterable[str]`): The column of that name.
        declined (`Iterable[str]`): The column of that name.
    """
    by = Counter(augmented_by)
    reasons = Counter(reason for entry in declined for reason in entry.split("; ") if reason)
    return {
        "rows": by.total(),
        "rows_by": dict(sorted(by.items())),
        "declined_by_reason": dict(sorted(reasons.items())),
    }
