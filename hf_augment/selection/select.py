"""Decides which augmented rows are kept, and notes on each row what speaks for and against it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from hf_augment.blocks import SelectConfig
from hf_augment.selection.decisions import decide
from hf_augment.selection.report import report
from hf_augment.selection.rows import COLUMNS, read_rows, read_texts
from hf_augment.selection.scores import Space, relabelled, score

VERSION = 2  # raised when the same rows and settings start to be decided otherwise


@dataclass(frozen=True)
class Selection:
    """
    What `select` decided.

    Args:
        dataset (`Dataset`): All rows in their order, with five more columns.
        report (`dict`): Counts, thresholds and the judge's measure, JSON-shaped.
    """

    dataset: Any
    report: dict[str, Any]


def select(
    augmented: Any,
    *,
    text: str,
    label: str | None = None,
    config: SelectConfig | None = None,
    evaluation: Mapping[str, Any] | None = None,
    label_names: Sequence[str] | None = None,
    seed: int = 0,
    vectors: dict[str, Any] | None = None,
) -> Selection:
    """
    Decide which augmented rows are worth training on; no row is taken away.

    In this order, a candidate is dropped if it is shorter or longer than real rows are; repeats a real row or a row of
    an evaluation split, word by word or nearly; has, for the judge, another label (with `relabel` it gets that one
    instead), or too little of its own; repeats a better candidate; or is more than the quota of its label has room for. The judge are logistic regressions on frozen
    sentence embeddings of the real rows, measured on rows that they did not see; where that is not clearly better than
    chance, nothing depends on it. No threshold is learnt from an evaluation split. Which rows are kept does not depend
    on their order. After LAMBADA (huggingface.co/papers/1911.03118).

    Args:
        augmented (`Dataset`): What `dataset.map(Augment(...), batched=True)` returned, originals included.
        text (`str`): The text column.
        label (`str`, *optional*): The label column. Without it there is neither judge nor quota.
        config ([`SelectConfig`], *optional*): What is asked of a row.
        evaluation (`Mapping[str, Dataset]`, *optional*): The splits that no candidate may repeat, by name.
        label_names (`Sequence[str]`, *optional*): The names of integer labels that carry none.
        seed (`int`, *optional*, defaults to `0`): Draws the judge's folds and breaks ties.
        vectors (`dict[str, np.ndarray]`, *optional*): Embeddings by text; those that lack are added. To be handed to
            one call after the other, where rows have been added in between.

    Returns:
        [`Selection`]: The dataset with the columns `selected` (filter by it; originals are), `dropped` (the reason, or
            `""`), `relabelled_from` (the label that the judge replaced, or `""`), `label_probability` (by the judge; for originals by the classifier that did not see them) and
            `similarity` (highest cosine to another real row); NaN where a number cannot be told. And the report.

    Example:

    ```python
    >>> kept = select(train, text="text", label="label", config=SelectConfig(per_label=250))
    >>> train = kept.dataset.filter(lambda row: row["selected"])
    ```
    """
    config = config or SelectConfig()
    if config.per_label is not None and label is None:
        raise ValueError(f"select: per_label={config.per_label} needs the label column. Pass label='label'.")
    rows = read_rows(augmented, text, label, label_names, seed)
    others = {name: read_texts(split, text) for name, split in (evaluation or {}).items()}
    space = Space(rows, others if config.near_duplicate is not None else {}, config, vectors)
    scores = score(rows, space, config, seed)
    written_for = rows.labels
    if config.relabel and scores.trusted:
        rows, scores = relabelled(rows, scores)
        augmented = _with_labels(augmented, label, written_for, rows.labels)
    window, dropped = decide(rows, others, space, scores, config)
    before = [old if old != new else "" for old, new in zip(written_for, rows.labels, strict=True)]
    columns = ([not reason for reason in dropped], dropped, before, scores.probability, scores.similarity)
    compared = {name: sum(map(bool, texts)) for name, texts in others.items()}
    found = report(rows, dropped, scores, window, config)
    encoder = {"reference": config.encoder, "revision": config.revision, "identity": space.identity}
    found |= {"relabelled": sum(map(bool, before)), "compared_with": compared, "encoder": encoder, "seed": seed}
    return Selection(_with(augmented, columns), found)


def untouched(split: Any) -> Any:
    """Return a split with the columns that `select` adds, nothing in it having been selected or dropped."""
    count = len(split)
    nothing = [float("nan")] * count
    return _with(split, ([True] * count, [""] * count, [""] * count, nothing, nothing))


def _with_labels(dataset: Any, column: str, before: Sequence[str], after: Sequence[str]) -> Any:
    """Write other labels into a dataset, in the way that it writes them itself."""
    values = list(dataset.with_format(None)[column])
    by_name = dict(zip(before, values, strict=True))
    values = [value if old == new else by_name[new] for value, old, new in zip(values, before, after, strict=True)]
    order, feature = dataset.column_names, dataset.features[column]
    return dataset.remove_columns(column).add_column(column, values, feature=feature).select_columns(order)


def _with(dataset: Any, columns: Sequence[Sequence[Any]]) -> Any:
    from datasets import Value

    for (name, kind), values in zip(COLUMNS.items(), columns, strict=True):
        dataset = dataset.add_column(name, list(values), feature=Value(kind))
    return dataset
