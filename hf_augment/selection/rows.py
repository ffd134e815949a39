"""The rows of an augmented dataset as selection sees them: what they say, their labels, and which are real."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from hf_augment.blocks import SelectConfig
from hf_augment.errors import one_split, unknown
from hf_augment.labels import verbalise
from hf_augment.provenance import ORIGINAL, PROVENANCE
from hf_augment.streams import row_key, stream

COLUMNS = {
    "selected": "bool",
    "dropped": "string",
    "relabelled_from": "string",
    "label_probability": "float32",
    "similarity": "float32",
}
_SCORES = {  # by the setting that asks for it
    "jaccard": "jaccard",
    "contamination": "evaluation_words",
    "copied_words": "copied_words",
    "rouge_l": "rouge_l",
    "similarity_band": "label_similarity",
    "likelihood": "likelihood_ratio",
    "toxicity": "toxicity",
    "diversity": "marginal_relevance",
}


class Rows(NamedTuple):
    """
    An augmented dataset, row by row.

    Args:
        texts (`list[str]`): The texts; `""` where there is none.
        labels (`list[str]`): The labels' names; `""` where there is none.
        real (`list[int]`): The originals, usable or not.
        gold (`list[int]`): Those with a text, in an order that depends on what they say.
        candidates (`list[int]`): The augmented rows.
        lots (`list[int]`): A number drawn for each row by what it holds, which breaks ties.
    """

    texts: list[str]
    labels: list[str]
    real: list[int]
    gold: list[int]
    candidates: list[int]
    lots: list[int]


def columns_of(config: SelectConfig, by_hand: bool) -> dict[str, str]:
    """Return the columns that a selection adds, in their order, with their types."""
    scores = {column: "float32" for setting, column in _SCORES.items() if getattr(config, setting)}
    return {**COLUMNS, **scores, **({"by_hand": "string"} if by_hand else {})}


def read_rows(
    augmented: Any,
    text: str,
    label: str | None,
    label_names: Sequence[str] | None,
    seed: int,
    columns: Iterable[str] = COLUMNS,
) -> Rows:
    """
    Read what selection needs of a dataset.

    Args:
        augmented (`Dataset`): What `dataset.map(Augment(...), batched=True)` returned.
        text (`str`): The text column.
        label (`str`, *optional*): The label column.
        label_names (`Sequence[str]`, *optional*): The names of integer labels that carry none.
        seed (`int`): Another seed draws other lots.
        columns (`Iterable[str]`, *optional*): What selection will add.

    Raises:
        `TypeError` or `ValueError`: Several splits, a column too many or too few, or candidates without originals.
    """
    _check(augmented, text, label, columns)
    augmented = augmented.with_format(None)
    texts, labels = read_texts(augmented, text), read_labels(augmented, label, label_names)
    by = list(augmented["augmented_by"])
    provenance = [name for name in ("source_id", "copy", "round") if name in augmented.column_names]
    origins = zip(*(augmented[name] for name in provenance), strict=True)
    lots = [
        stream(seed, "select", row_key([said, name, *map(str, origin)]), 0).key
        for said, name, origin in zip(texts, labels, origins, strict=True)
    ]
    real = [i for i, name in enumerate(by) if name == ORIGINAL]
    candidates = [i for i, name in enumerate(by) if name != ORIGINAL]
    sources = augmented["source_id"]
    known = {sources[i] for i in real}
    orphans = sum(sources[i] not in known for i in candidates)
    if orphans or not real:
        raise ValueError(
            f"{orphans} of the {len(candidates)} augmented rows come from originals that the dataset does not hold, and "
            "selection learns from the originals. Augment with keep_original=True."
        )
    gold = sorted((i for i in real if texts[i]), key=lambda i: (texts[i], labels[i]))
    if not gold:
        raise ValueError(f"None of the {len(real)} originals has a text in {text!r}, so there is no measure.")
    return Rows(texts, labels, real, gold, candidates, lots)


def read_texts(dataset: Any, column: str) -> list[str]:
    """Return the texts of a column; `""` for what is none."""
    if column not in dataset.column_names:
        raise ValueError("select: " + unknown("column", column, dataset.column_names))
    texts = dataset.with_format(None)[column]
    return [text if isinstance(text, str) and not text.isspace() else "" for text in texts]


def read_labels(dataset: Any, label: str | None, label_names: Sequence[str] | None) -> list[str]:
    """Return the names of the labels of a column; `""` for a row without one, and for all rows without a column."""
    if label is None:
        return [""] * len(dataset)
    names = getattr(dataset.features[label], "names", None) or label_names
    return [_name(value, names, label) for value in dataset[label]]


def _name(value: Any, names: Sequence[str] | None, column: str) -> str:
    if isinstance(value, int) and names is None:
        return str(value)
    return verbalise(value, names, column) or ""


def _check(dataset: Any, text: str, label: str | None, columns: Iterable[str]) -> None:
    from datasets import Dataset

    if isinstance(dataset, Mapping):
        raise TypeError(one_split(dataset, "select from"))
    if not isinstance(dataset, Dataset):
        raise TypeError(
            f"Expected a Dataset, whose rows can be compared with each other, got {type(dataset).__name__}."
        )
    missing = [name for name in PROVENANCE if name not in dataset.column_names]
    if missing:
        raise ValueError(
            f"The dataset lacks the columns {missing}, which tell augmented rows from originals. Pass the dataset that "
            "dataset.map(Augment(...), batched=True) returns."
        )
    for column in (text, label):
        if not isinstance(column, str | None):
            raise TypeError(f"select: expected the name of one column, got {column!r}.")
        if column is not None and column not in dataset.column_names:
            raise ValueError("select: " + unknown("column", column, dataset.column_names))
    taken = [name for name in columns if name in dataset.column_names]
    if taken:
        raise ValueError(
            f"The dataset already has the columns {taken}, which select adds. To select anew, write "
            f"select(dataset.remove_columns({taken}), ...)."
        )
