"""What is measured of each row before anything is decided."""

from typing import NamedTuple

import numpy as np

from hf_augment.blocks import SelectConfig
from hf_augment.selection.duplicates import nearest
from hf_augment.selection.judge import Judge, fit_judge
from hf_augment.selection.rows import Rows
from hf_augment.selection.space import Space
from hf_augment.words import same_words


class Scores(NamedTuple):
    """
    One value for each row.

    Args:
        similarity (`list[float]`): The highest cosine to a real row, for a real one to another; NaN if there is none.
        probability (`list[float]`): The judge's probability of the row's own label; NaN if it cannot say.
        says (`list[str]`): The label that the judge finds likeliest; `""` if it cannot say.
        surest (`list[float]`): Its probability of that label; NaN if it cannot say.
        judge ([`Judge`], *optional*): The judge.
        why_not (`str`): Why there is none.
    """

    similarity: list[float]
    probability: list[float]
    says: list[str]
    surest: list[float]
    judge: Judge | None
    why_not: str

    @property
    def trusted(self) -> bool:
        """Whether there is a judge that is better than chance."""
        return self.judge is not None and self.judge.trusted


def score(rows: Rows, space: Space | None, config: SelectConfig, seed: int) -> Scores:
    """Measure all rows; the arguments are those of `select`, and without an encoder there is no space."""
    if space is None:
        nothing = [float("nan")] * len(rows.texts)
        return Scores(
            nothing, nothing, [""] * len(rows.texts), nothing, None, "a judge needs an encoder, and there is none"
        )
    similarity = np.full(len(rows.texts), np.nan)
    real = space.of([rows.texts[i] for i in rows.gold])
    similarity[rows.gold] = nearest(real, real, itself=False)
    usable = [i for i in rows.candidates if rows.texts[i]]
    texts = sorted({rows.texts[i] for i in usable})
    vectors = space.of(texts)
    place = {text: row for row, text in enumerate(texts)}
    at = [place[rows.texts[i]] for i in usable]
    similarity[usable] = nearest(vectors, real)[at]
    judge, why_not = _judge(rows, space, config, seed)
    probability, surest = np.full((2, len(rows.texts)), np.nan)
    says = [""] * len(rows.texts)
    if judge is not None:
        labelled = [i for i in rows.gold if rows.labels[i]]
        found = [*judge.out_of_fold, *judge.probabilities(vectors)[at]]
        column = {name: number for number, name in enumerate(judge.classes)}
        for i, by_class in zip([*labelled, *usable], found, strict=True):
            says[i], surest[i] = judge.classes[by_class.argmax()], by_class.max()
            if rows.labels[i]:
                probability[i] = by_class[column[rows.labels[i]]] if rows.labels[i] in column else 0.0
    return Scores(similarity.tolist(), probability.tolist(), says, surest.tolist(), judge, why_not)


def relabelled(rows: Rows, scores: Scores) -> tuple[Rows, Scores]:
    """Give each candidate the label that a trusted judge finds likeliest."""
    others = [i for i in rows.candidates if rows.labels[i] and scores.says[i] not in ("", rows.labels[i])]
    labels, probability = list(rows.labels), list(scores.probability)
    for i in others:
        labels[i], probability[i] = scores.says[i], scores.surest[i]
    return rows._replace(labels=labels), scores._replace(probability=probability)


def _judge(rows: Rows, space: Space, config: SelectConfig, seed: int) -> tuple[Judge | None, str]:
    labelled = [i for i in rows.gold if rows.labels[i]]
    if not labelled:
        return None, "the real rows have no labels"
    texts, labels = [rows.texts[i] for i in labelled], [rows.labels[i] for i in labelled]
    groups = [same_words(text) for text in texts]
    return fit_judge(space.of(texts)[:], labels, groups, config.folds, seed, config.calibrate, config.trust)
