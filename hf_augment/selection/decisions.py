"""The decisions, one after the other, each with its reason."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping

from hf_augment.blocks import SelectConfig
from hf_augment.selection.duplicates import distinct, nearest, repeated
from hf_augment.selection.length import Window, fit_window
from hf_augment.selection.rows import Rows
from hf_augment.selection.scores import Scores, Space
from hf_augment.words import same_words


def decide(
    rows: Rows, others: Mapping[str, list[str]], space: Space, scores: Scores, config: SelectConfig
) -> tuple[Window | None, list[str]]:
    """
    Decide on every candidate.

    Args:
        rows ([`Rows`]): The augmented dataset.
        others (`Mapping[str, list[str]]`): The texts of the splits that no candidate may repeat.
        space ([`Space`]): The embeddings of all these texts.
        scores ([`Scores`]): What was measured.
        config ([`SelectConfig`]): What is asked.

    Returns:
        `tuple[Window or None, list[str]]`: The length window, and for each row why it is dropped, or `""`.
    """
    left = _Left(rows)
    texts = rows.texts
    labelled = any(rows.labels[i] for i in rows.gold)
    left.drop(lambda i: "no text" if not texts[i] else "no label" if labelled and not rows.labels[i] else "")
    window = fit_window([texts[i] for i in rows.gold], config.length) if config.length is not None else None
    if window is not None:
        left.drop(lambda i: window.problem(texts[i]))
    _drop_known(left, "a gold row", [texts[i] for i in rows.gold], space, config)
    for name, split in others.items():
        _drop_known(left, f"a row of the {name} split", [text for text in split if text], space, config)
    if scores.trusted and config.agreement:
        left.drop(lambda i: "" if scores.says[i] == rows.labels[i] else f"label: the judge says {scores.says[i]!r}")
    if scores.trusted:
        left.drop(lambda i: "not confident" if scores.probability[i] < config.confidence else "")
        left.sort(lambda i: (-scores.probability[i], rows.lots[i]))
    else:
        left.sort(lambda i: rows.lots[i])
    _drop_worse(left, space, config)
    return window, left.dropped


class _Left:
    """The candidates that are still in, and why the others are not."""

    def __init__(self, rows: Rows):
        self.rows = list(rows.candidates)
        self.all_texts = rows.texts
        self.all_labels = rows.labels
        self.dropped = [""] * len(rows.texts)

    @property
    def texts(self) -> list[str]:
        return [self.all_texts[i] for i in self.rows]

    def drop(self, reason: Callable[[int], str]) -> None:
        for i in self.rows:
            self.dropped[i] = reason(i)
        self.rows = [i for i in self.rows if not self.dropped[i]]

    def drop_marked(self, marks: Iterable[bool], reason: str) -> None:
        marked = {i for i, mark in zip(self.rows, marks, strict=True) if mark}
        self.drop(lambda i: reason if i in marked else "")

    def sort(self, rank: Callable[[int], object]) -> None:
        self.rows.sort(key=rank)


def _drop_known(left: _Left, of: str, known: list[str], space: Space, config: SelectConfig) -> None:
    """Drop what repeats a row that is there already."""
    said = {same_words(text) for text in known}
    left.drop_marked([same_words(text) in said for text in left.texts], f"duplicate of {of}")
    if config.near_duplicate is not None:
        near = nearest(space.of(left.texts), space.of(known)) >= config.near_duplicate
        left.drop_marked(near, f"near duplicate of {of}")


def _drop_worse(left: _Left, space: Space, config: SelectConfig) -> None:
    """From the best to the worst, drop repetitions, then what the quota of a label has no room for."""
    left.drop_marked(repeated(left.texts), "duplicate of a candidate")
    if config.near_duplicate is not None:
        kept = distinct(space.of(left.texts), config.near_duplicate)
        left.drop_marked([not keep for keep in kept], "near duplicate of a candidate")
    if config.per_label is not None:
        taken: Counter[str] = Counter()
        over = []
        for i in left.rows:
            taken[left.all_labels[i]] += 1
            over.append(taken[left.all_labels[i]] > config.per_label)
        left.drop_marked(over, "over the quota")
