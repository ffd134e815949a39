"""How many copies each row gets: the arithmetic that needs the whole dataset."""

import math
from collections import Counter
from collections.abc import Mapping
from typing import Any

from hf_augment.errors import one_split
from hf_augment.provenance import PROVENANCE
from hf_augment.streams import row_key, stream

COPIES = "copies"


def plan(
    dataset: Any,
    *,
    total: int | None = None,
    per_label: int | None = None,
    balance: bool = False,
    eda: bool = False,
    label: str = "label",
    have: Mapping[Any, int] | None = None,
    seed: int = 0,
) -> Any:
    """
    Add the integer column `copies`, which `Augment(..., copies="copies")` reads.

    Exactly one of `total`, `per_label`, `balance` and `eda` says how the copies are dealt out.

    Args:
        dataset (`Dataset`): The training split.
        total (`int`, *optional*): That many copies in all, their sources drawn with replacement.
        per_label (`int`, *optional*): That many copies for each label, drawn with replacement within it. With
            `have` only what is lacking: a top-up round, for which `Augment` needs another `seed`.
        balance (`bool`, *optional*): Copies enough that every label has as many rows as the most frequent one.
        eda (`bool`, *optional*): The number that the EDA paper recommends for a dataset of this size: 16 copies of
            each row up to 500 rows, 8 up to 2,000, then 4 (Wei and Zou 2019, huggingface.co/papers/1901.11196).
        label (`str`, *optional*, defaults to `"label"`): The label column, for `per_label` and `balance`; rows without
            a label get no copies.
        have (`Mapping`, *optional*): For each label value, the copies that are there already.
        seed (`int`, *optional*, defaults to `0`): Another seed draws other sources.

    Returns:
        `Dataset`: The dataset with the column; rows, order and other columns as they were.

    Example:

    ```python
    >>> train = plan(train, per_label=100)
    >>> train = train.map(Augment(Synonym(), text="text", copies="copies"), batched=True)
    ```
    """
    from datasets import Dataset

    if isinstance(dataset, Mapping):
        raise TypeError(one_split(dataset, "plan"))
    if not isinstance(dataset, Dataset):
        raise TypeError(f"Expected a Dataset, whose rows can be counted, got {type(dataset).__name__}.")
    ways = {"total": total is not None, "per_label": per_label is not None, "balance": balance, "eda": eda}
    if sum(ways.values()) != 1:
        given = [name for name, used in ways.items() if used]
        raise ValueError(
            f"Expected exactly one of {list(ways)}, got {given or 'none'}. Write e.g. plan(dataset, per_label=100)."
        )
    if have is not None and per_label is None:
        raise ValueError("have= says what a quota lacks, so it goes with per_label=.")
    for name in (COPIES, *PROVENANCE):
        if name in dataset.column_names:
            raise ValueError(
                f"The dataset already has a column {name!r}. Write plan(dataset.remove_columns({name!r}), ...)."
            )
    if eda:
        return _with(dataset, [recommended_copies(len(dataset))] * len(dataset))
    if total is not None:
        if total and not len(dataset):
            raise ValueError(f"plan: total: the dataset has no rows to draw {total} from.")
        return _with(dataset, _draw({"": range(len(dataset))}, {"": _whole(total, "total")}, len(dataset), seed))
    if label not in dataset.column_names:
        raise ValueError(
            f"No column {label!r} of labels: the dataset has {dataset.column_names}. Pass one of them as 'label'."
        )
    groups: dict[Any, list[int]] = {}
    for index, value in enumerate(dataset.with_format(None)[label]):
        if not _unlabelled(value, dataset.features[label]):
            groups.setdefault(_key(value), []).append(index)
    sizes = Counter({value: len(rows) for value, rows in groups.items()})
    if balance:
        wanted = {value: max(sizes.values(), default=0) - size for value, size in sizes.items()}
    else:
        have = {_key(value): count for value, count in (have or {}).items()}
        missing = set(have) - set(groups)
        if missing:
            raise ValueError(
                f"have= names the labels {sorted(missing, key=str)}, the dataset has {sorted(groups, key=str)}."
            )
        wanted = {value: max(0, _whole(per_label, "per_label") - have.get(value, 0)) for value in groups}
    return _with(dataset, _draw(groups, wanted, len(dataset), seed))


def recommended_copies(rows: int) -> int:
    """Return the EDA paper's number of copies of each row for a training set of `rows` rows."""
    return 16 if rows <= 500 else 8 if rows <= 2000 else 4


def _whole(number: Any, name: str) -> int:
    if not isinstance(number, int) or isinstance(number, bool) or number < 0:
        raise ValueError(f"plan: {name}: expected a whole number from 0 up, got {number!r}.")
    return number


def _draw(groups: Mapping[Any, Any], wanted: Mapping[Any, int], rows: int, seed: int) -> list[int]:
    copies = [0] * rows
    for value, indices in groups.items():
        draws = stream(seed, "plan", row_key([value]), 0)
        for _ in range(wanted[value]):
            copies[draws.choice(indices)] += 1
    return copies


def _unlabelled(value: Any, feature: Any) -> bool:
    named = getattr(feature, "names", None) is not None
    return value is None or value == [] or (isinstance(value, float) and math.isnan(value)) or (named and value == -1)


def _key(value: Any) -> Any:
    """Return a label as something that can be counted; several labels are counted as one."""
    return tuple(value) if isinstance(value, list) else value


def _with(dataset: Any, copies: list[int]) -> Any:
    from datasets import Value

    return dataset.add_column(COPIES, copies, feature=Value("int64"))
