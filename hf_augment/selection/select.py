"""Decides which augmented rows are kept, and notes on each row what speaks for and against it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from hf_augment.blocks import SelectConfig
from hf_augment.selection.band import similarity_band
from hf_augment.selection.by_hand import KEPT, REJECTED, apply_decisions, check_decisions, row_ids
from hf_augment.selection.copying import contamination, copied_words, rouge_l
from hf_augment.selection.decisions import Near, decide
from hf_augment.selection.likelihood import likelihood_ratio
from hf_augment.selection.measured import Measured
from hf_augment.selection.minhash import MinHash
from hf_augment.selection.near import ByMeaning, ByShingles
from hf_augment.selection.report import report
from hf_augment.selection.rows import COLUMNS, Rows, columns_of, read_rows, read_texts
from hf_augment.selection.scores import relabelled, score
from hf_augment.selection.shingles import Shingling
from hf_augment.selection.space import Space
from hf_augment.selection.toxicity import toxicity

VERSION = 2  # raised when the same rows and settings start to be decided otherwise


@dataclass(frozen=True)
class Selection:
    """
    What `select` decided.

    Args:
        dataset (`Dataset`): All rows in their order, with further columns.
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
    by_hand: Mapping[str, str] | None = None,
    vectors: dict[str, Any] | None = None,
    known: dict[Any, Any] | None = None,
) -> Selection:
    """
    Decide which augmented rows are worth training on; no row is taken away.

    In this order, a candidate is dropped if it is shorter or longer than real rows are; repeats a real row or a row of
    an evaluation split, word by word or nearly; where that is asked for, shares too many words in a row with one, is
    outside the similarity band, no likelier under its label than at large, or toxic; has, for the judge, another label
    (with `relabel` it gets that one instead), or too little of its own; repeats a better candidate; or is more than
    the quota of its label has room for. The judge are logistic regressions on frozen sentence embeddings of the real
    rows, measured on rows that they did not see; where that is not clearly better than chance, nothing depends on it.
    No threshold is learnt from an evaluation split. Which rows are kept does not depend on their order. After LAMBADA
    (huggingface.co/papers/1911.03118).

    Args:
        augmented (`Dataset`): What `dataset.map(Augment(...), batched=True)` returned, originals included.
        text (`str`): The text column.
        label (`str`, *optional*): The label column. Without it there is neither judge nor quota.
        config ([`SelectConfig`], *optional*): What is asked of a row.
        evaluation (`Mapping[str, Dataset]`, *optional*): The splits that no candidate may repeat, by name.
        label_names (`Sequence[str]`, *optional*): The names of integer labels that carry none.
        seed (`int`, *optional*, defaults to `0`): Draws the judge's folds and breaks ties.
        by_hand (`Mapping[str, str]`, *optional*): What a person decided: `"accept"` or `"reject"` by the id of a row,
            `"SOURCE_ID-ROUND-COPY"`. What is accepted stays, unless it has no text or no label, or says the same as a
            row of an evaluation split.
        vectors (`dict[str, np.ndarray]`, *optional*): Embeddings by text; those that lack are added. To be handed to
            one call after the other, where rows have been added in between.
        known (`dict`, *optional*): The same for what other models say of texts.

    Returns:
        [`Selection`]: The dataset with the columns `selected` (filter by it; originals are), `dropped` (the reason, or
            `""`), `relabelled_from` (the label that the judge replaced, or `""`), `label_probability` (by the judge;
            for originals by the classifier that did not see them) and `similarity` (highest cosine to another real
            row). Where the setting asks for it also `jaccard` (to a real row, an evaluation row or a better
            candidate), `evaluation_words` and `copied_words` (the longest run in common), `rouge_l`,
            `label_similarity` (highest cosine to another real row of the label), `likelihood_ratio`, `toxicity` and
            `marginal_relevance`; NaN where a number cannot be told. With `by_hand` the string column of that name. And
            the report.

    Example:

    ```python
    >>> kept = select(train, text="text", label="label", config=SelectConfig(per_label=250))
    >>> train = kept.dataset.filter(lambda row: row["selected"])
    ```
    """
    config = config or SelectConfig()
    for name in ("per_label", "balance"):
        if getattr(config, name) and label is None:
            raise ValueError(f"select: {name}={getattr(config, name)} needs the label column. Pass label='label'.")
    check_decisions(by_hand or {}, "select: by_hand")
    columns = columns_of(config, by_hand is not None)
    rows = read_rows(augmented, text, label, label_names, seed, columns)
    hand = apply_decisions(by_hand or {}, row_ids(augmented, text) if by_hand else [], rows)
    others = {name: read_texts(split, text) for name, split in (evaluation or {}).items()}
    space = _space(rows, others, config, vectors)
    near = _near(rows, others, space, config)
    scores = score(rows, space, config, seed)
    written_for = rows.labels
    if config.relabel and scores.trusted:
        rows, scores = relabelled(rows, scores)
        augmented = _with_labels(augmented, label, written_for, rows.labels)
    measured = _measure(rows, others, space, config, {} if known is None else known)
    decided = decide(rows, others, near, space, scores, measured, hand, config)
    values = {
        "selected": [not reason for reason in decided.dropped],
        "dropped": decided.dropped,
        "relabelled_from": [old if old != new else "" for old, new in zip(written_for, rows.labels, strict=True)],
        "label_probability": scores.probability,
        "similarity": scores.similarity,
        "marginal_relevance": decided.marginal,
        "by_hand": [_said(hand.get(i), decided.dropped[i]) for i in range(len(rows.texts))],
    }
    values |= {name: column for step in measured for name, column in step.columns.items()}
    values |= {"jaccard": _jaccards(rows, near)} if config.jaccard is not None else {}
    found = report(rows, decided, scores, measured, config, hand if by_hand is not None else None)
    compared = {name: sum(map(bool, texts)) for name, texts in others.items()}
    encoder = {"reference": config.encoder, "revision": config.revision, "identity": space and space.identity}
    found |= {
        "relabelled": sum(map(bool, values["relabelled_from"])),
        "compared_with": compared,
        "encoder": encoder,
        "seed": seed,
    }
    return Selection(_with(augmented, columns, values), found)


def _space(
    rows: Rows, others: Mapping[str, list[str]], config: SelectConfig, vectors: dict[str, Any] | None
) -> Space | None:
    if config.encoder is None:
        return None
    compared = others.values() if config.near_duplicate is not None else ()
    return Space((text for texts in (rows.texts, *compared) for text in texts), config, vectors)


def _near(rows: Rows, others: Mapping[str, list[str]], space: Space | None, config: SelectConfig) -> list[Near]:
    near: list[Near] = []
    if config.near_duplicate is not None:
        near.append(ByMeaning(space, config.near_duplicate))
    if config.jaccard is not None:
        texts = {text for part in (rows.texts, *others.values()) for text in part if text}
        near.append(ByShingles(MinHash(texts, Shingling(config.shingles, config.shingle_size), config.jaccard)))
    return near


def _measure(
    rows: Rows, others: Mapping[str, list[str]], space: Space | None, config: SelectConfig, known: dict[Any, Any]
) -> list[Measured]:
    """Carry out the steps that look at each row by itself, in the order in which they decide."""
    found = (
        contamination(rows, others, config),
        copied_words(rows, config),
        rouge_l(rows, config),
        similarity_band(rows, space, config),
        likelihood_ratio(rows, config, known),
        toxicity(rows, config, known),
    )
    return [step for step in found if step is not None]


def _jaccards(rows: Rows, near: Sequence[Near]) -> list[float]:
    """Return the highest Jaccard similarity that was found for each candidate; NaN where none was looked for."""
    [by_text] = [finder.jaccard for finder in near if isinstance(finder, ByShingles)]
    found = [float("nan")] * len(rows.texts)
    for i in rows.candidates:
        found[i] = by_text.get(rows.texts[i], float("nan"))
    return found


def _said(decision: str | None, dropped: str) -> str:
    return "" if decision is None else REJECTED if dropped == REJECTED else "" if dropped else KEPT


def untouched(split: Any, columns: Mapping[str, str] = COLUMNS) -> Any:
    """Return a split with the columns that `select` adds, nothing in it having been selected or dropped."""
    nothing = {"bool": True, "string": "", "float32": float("nan")}
    return _with(split, columns, {name: [nothing[kind]] * len(split) for name, kind in columns.items()})


def _with_labels(dataset: Any, column: str, before: Sequence[str], after: Sequence[str]) -> Any:
    """Write other labels into a dataset, in the way that it writes them itself."""
    values = list(dataset.with_format(None)[column])
    by_name = dict(zip(before, values, strict=True))
    values = [value if old == new else by_name[new] for value, old, new in zip(values, before, after, strict=True)]
    order, feature = dataset.column_names, dataset.features[column]
    return dataset.remove_columns(column).add_column(column, values, feature=feature).select_columns(order)


def _with(dataset: Any, columns: Mapping[str, str], values: Mapping[str, Sequence[Any]]) -> Any:
    from datasets import Value

    for name, kind in columns.items():
        dataset = dataset.add_column(name, list(values[name]), feature=Value(kind))
    return dataset
