"""The shapes in which `map` hands rows over, read alike and grown without loss."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pyarrow as pa

Changes = Mapping[str, Mapping[int, Any]]  # column → position in the output → value that differs from the source row


class TableBatch:
    """Rows of a `Dataset`: Arrow data, of which only the columns that are read get decoded."""

    single = False

    def __init__(self, table: pa.Table, features: Mapping[str, Any] | None):
        self.table, self.features = table, features
        self.columns, self.length = table.column_names, table.num_rows

    def values(self, column: str) -> list:
        return self.table.column(column).to_pylist()

    def grow(self, sources: Sequence[int], changes: Changes, added: Mapping[str, tuple[str, list]]) -> pa.Table:
        """
        Repeat rows, change some values, and add columns.

        Args:
            sources (`Sequence[int]`): For each row of the output, the row that it repeats.
            changes (`Mapping`): For each changed column, the values by position in the output.
            added (`Mapping`): For each new column, its Arrow type and its values.
        """
        table = _take(self.table, sources)
        for column, values in changes.items():
            index = table.schema.get_field_index(column)
            new = table.column(index).to_pylist()
            for position, value in values.items():
                new[position] = value
            field = table.schema.field(index)
            table = table.set_column(index, field, pa.array(new, type=field.type))
        for column, (kind, values) in added.items():
            table = table.append_column(column, pa.array(values, type=pa.type_for_alias(kind)))
        return table


def _take(table: pa.Table, rows: Sequence[int]) -> pa.Table:
    try:
        return table.take(pa.array(rows, type=pa.int64()))
    except pa.ArrowInvalid:  # a column of more than 2 GiB has to be in several chunks
        if len(rows) < 2:
            raise
        return pa.concat_tables([_take(table, rows[: len(rows) // 2]), _take(table, rows[len(rows) // 2 :])])


class DictBatch:
    """Rows of a stream, or of Ray: a list of values for each column."""

    single = False

    def __init__(self, given: Mapping[str, Any]):
        self.features = getattr(getattr(given, "formatter", None), "features", None)
        self.given = {name: values.tolist() if hasattr(values, "tolist") else values for name, values in given.items()}
        self.columns = list(self.given)
        self.length = len(next(iter(self.given.values()), ()))

    def values(self, column: str) -> list:
        return _plain(self.given[column])

    def grow(self, sources: Sequence[int], changes: Changes, added: Mapping[str, tuple[str, list]]) -> dict[str, list]:
        """Repeat rows, change some values, and add columns, as `TableBatch.grow` does."""
        grown = {name: [values[source] for source in sources] for name, values in self.given.items()}
        for column, values in changes.items():
            for position, value in values.items():
                grown[column][position] = value
        return {**grown, **{column: values for column, (_, values) in added.items()}}


class RowBatch:
    """One row, as `map` without `batched=True` hands it over; it cannot grow."""

    single = True
    length = 1

    def __init__(self, given: Mapping[str, Any]):
        self.given = given
        self.features = getattr(getattr(given, "formatter", None), "features", None)
        self.columns = list(given)

    def values(self, column: str) -> list:
        return [_plain(self.given[column])]

    def grow(self, sources: Sequence[int], changes: Changes, added: Mapping[str, tuple[str, list]]) -> dict[str, Any]:
        """Return the values that differ, which `map` puts into the row."""
        changed = {column: values[0] for column, values in changes.items() if 0 in values}
        return {**changed, **{column: values[0] for column, (_, values) in added.items()}}


def _plain(value: Any) -> Any:
    """Turn the arrays and tensors that a dataset with a format hands over, however deep, into lists and numbers."""
    value = value.tolist() if hasattr(value, "tolist") else value
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, Mapping):
        return {name: _plain(item) for name, item in value.items()}
    return value


def _is_single(value: Any) -> bool:
    return isinstance(value, str | bytes) or not hasattr(value, "__len__") or getattr(value, "shape", None) == ()


def open_batch(given: Any, is_row: Callable[[Mapping[str, Any]], bool]) -> TableBatch | DictBatch | RowBatch:
    """
    Tell what `map` handed over: Arrow data, columns of lists, or a single row.

    Args:
        given (`Mapping` or `pyarrow.Table`): The argument of the mapped function.
        is_row (`Callable`): Tells by its columns whether a mapping is one row.

    Raises:
        `TypeError`: Something else, or a mapping that may be a batch or a row.
    """
    from datasets import Features
    from datasets.formatting.formatting import LazyBatch, LazyRow

    if isinstance(given, LazyRow):
        return RowBatch(given)
    if isinstance(given, LazyBatch) and not given.keys_to_format ^ set(given.pa_table.column_names):
        return TableBatch(given.pa_table, given.formatter.features)
    if isinstance(given, pa.Table):
        return TableBatch(given, Features.from_arrow_schema(given.schema))
    if not isinstance(given, Mapping):
        raise TypeError(
            f"Expected a batch of columns, got {type(given).__name__}. If the dataset has a format of that kind, "
            "write dataset.with_format(None).map(augment, batched=True)."
        )
    if any(map(_is_single, given.values())) or is_row(given):  # a batch has lists alone
        return RowBatch(given)
    lengths = {name: len(column) for name, column in given.items()}
    if len(set(lengths.values())) > 1:
        raise TypeError(
            "Cannot tell whether this is a batch or a row: every column is a list, and not all are of the same length "
            f"({lengths}). Write stream.map(augment, batched=True)."
        )
    return DictBatch(given)
