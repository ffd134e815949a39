"""The decisions, one after the other, each with its reason."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple, Protocol

import numpy as np

from hf_augment.blocks import SelectConfig
from hf_augment.selection.by_hand import ACCEPT, REJECT, REJECTED
from hf_augment.selection.duplicates import repeated
from hf_augment.selection.length import Window, fit_window
from hf_augment.selection.measured import Measured
from hf_augment.selection.quota import most_diverse, over, quotas
from hf_augment.selection.rows import Rows
from hf_augment.selection.scores import Scores
from hf_augment.selection.space import Space
from hf_augment.words import same_words


class Near(Protocol):
    """What finds near duplicates; [`ByMeaning`] and [`ByShingles`] do."""

    how: str

    def known(self, texts: Sequence[str], known: Sequence[str]) -> list[bool]: ...

    def repeated(self, texts: Sequence[str]) -> list[bool]: ...


class Decided(NamedTuple):
    """
    What was decided.

    Args:
        window ([`Window`], *optional*): The length window.
        dropped (`list[str]`): For each row why it is dropped, or `""`.
        marginal (`list[float]`): What a row was worth when the quota chose it; NaN where none did.
    """

    window: Window | None
    dropped: list[str]
    marginal: list[float]


def decide(
    rows: Rows,
    others: Mapping[str, list[str]],
    near: Sequence[Near],
    space: Space | None,
    scores: Scores,
    measured: Sequence[Measured],
    hand: Mapping[int, str],
    config: SelectConfig,
) -> Decided:
    """
    Decide on every candidate.

    What a person accepted stays, unless it has no text or no label, or says the same as a row of an evaluation split.

    Args:
        rows ([`Rows`]): The augmented dataset.
        others (`Mapping[str, list[str]]`): The texts of the splits that no candidate may repeat.
        near (`Sequence[Near]`): What finds near duplicates.
        space ([`Space`], *optional*): The embeddings of all texts.
        scores ([`Scores`]): What was measured.
        measured (`Sequence[Measured]`): What the other steps measured.
        hand (`Mapping[int, str]`): What a person decided on some rows.
        config ([`SelectConfig`]): What is asked.
    """
    left = _Left(rows, frozenset(i for i, decision in hand.items() if decision == ACCEPT))
    texts = rows.texts
    labelled = any(rows.labels[i] for i in rows.gold)
    left.drop(lambda i: "no text" if not texts[i] else "no label" if labelled and not rows.labels[i] else "", all=True)
    left.drop(lambda i: REJECTED if hand.get(i) == REJECT else "")
    window = fit_window([texts[i] for i in rows.gold], config.length) if config.length is not None else None
    if window is not None:
        left.drop(lambda i: window.problem(texts[i]))
    _drop_known(left, "a gold row", [texts[i] for i in rows.gold], near)
    for name, split in others.items():
        _drop_known(left, f"a row of the {name} split", [text for text in split if text], near, all=True)
    for step in measured:
        left.drop(step.reason)
    if scores.trusted and config.agreement:
        left.drop(lambda i: "" if scores.says[i] == rows.labels[i] else f"label: the judge says {scores.says[i]!r}")
    if scores.trusted:
        left.drop(lambda i: "not confident" if scores.probability[i] < config.confidence else "")
        left.sort(lambda i: (i not in left.safe, -scores.probability[i], rows.lots[i]))
    else:
        left.sort(lambda i: (i not in left.safe, rows.lots[i]))
    _drop_worse(left, near)
    marginal = [float("nan")] * len(texts)
    _fill_quota(left, space, scores, config, marginal)
    return Decided(window, left.dropped, marginal)


class _Left:
    """The candidates that are still in, and why the others are not; what is safe is dropped for few reasons."""

    def __init__(self, rows: Rows, safe: frozenset[int]):
        self.all = rows
        self.safe = safe
        self.rows = list(rows.candidates)
        self.dropped = [""] * len(rows.texts)

    @property
    def texts(self) -> list[str]:
        return [self.all.texts[i] for i in self.rows]

    @property
    def labels(self) -> list[str]:
        return [self.all.labels[i] for i in self.rows]

    def drop(self, reason: Callable[[int], str], *, all: bool = False) -> None:
        for i in self.rows:
            self.dropped[i] = reason(i) if all or i not in self.safe else ""
        self.rows = [i for i in self.rows if not self.dropped[i]]

    def drop_marked(self, marks: Iterable[bool], reason: str, *, all: bool = False) -> None:
        marked = {i for i, mark in zip(self.rows, marks, strict=True) if mark}
        self.drop(lambda i: reason if i in marked else "", all=all)

    def sort(self, rank: Callable[[int], object]) -> None:
        self.rows.sort(key=rank)


def _drop_known(left: _Left, of: str, known: list[str], near: Sequence[Near], *, all: bool = False) -> None:
    """Drop what repeats a row that is there already."""
    said = {same_words(text) for text in known}
    left.drop_marked([same_words(text) in said for text in left.texts], f"duplicate of {of}", all=all)
    for finder in near:
        left.drop_marked(finder.known(left.texts, known), f"near duplicate of {of}{finder.how}")


def _drop_worse(left: _Left, near: Sequence[Near]) -> None:
    """From the best to the worst, drop repetitions."""
    left.drop_marked(repeated(left.texts), "duplicate of a candidate")
    for finder in near:
        left.drop_marked(finder.repeated(left.texts), f"near duplicate of a candidate{finder.how}")


def _fill_quota(left: _Left, space: Space | None, scores: Scores, config: SelectConfig, marginal: list[float]) -> None:
    """Drop what the quota of a label has no room for; `marginal` takes what each choice was worth."""
    wanted = quotas(left.all, config)
    if wanted is None:
        return
    if config.diversity:
        order = []
        for label in sorted(set(left.labels)):
            own = [i for i in left.rows if left.all.labels[i] == label]
            worth = [scores.probability[i] if scores.trusted else 0.0 for i in own]
            vectors = space.of([left.all.texts[i] for i in own])[:]
            safe = sum(i in left.safe for i in own)
            chosen, values = most_diverse(vectors, np.array(worth), wanted[label], config.diversity, safe)
            for row, value in zip(chosen, values, strict=True):
                marginal[own[row]] = value
            first = [own[row] for row in chosen]
            order += first + [i for i in own if i not in set(first)]
        left.rows = order
    left.drop_marked(over(left.labels, wanted), "over the quota")
