import warnings
from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np

from hf_augment.fields import above_zero, positive
from hf_augment.metrics.texts import TextMetric, texts_of

FEWEST = 100  # below, no more than ten clusters: the score says how the texts fell, not what they are
ENOUGH = 1_000


class Mauve(TextMetric):
    """
    How alike the distributions of generated and of real texts are, from 0 to 1: the area under the divergence curve
    of their quantised embeddings (MAUVE, Pillutla et al. 2021, huggingface.co/papers/2102.01454).

    It needs thousands of texts a side (the paper has 5,000): fewer than 100 are an error, fewer than 1,000 a warning.
    Compare scores only of equally many texts, with the same embeddings and number of clusters.

    Args:
        predictions (`list[str]`): The generated texts.
        reference_texts (`list[str]`): The real ones.
        model (`str`, *optional*): A causal language model whose last hidden state embeds a text, as in the paper
            (GPT-2 large there): a folder, a Hub id or `"embedded:generator"`. By default `encoder` does.
        encoder (`str`, *optional*): A folder or Hub id of a sentence encoder; by default all-MiniLM-L6-v2.
        vectors (`np.ndarray` of shape `(n, d)`, *optional*): The embeddings of `predictions`, in place of a model's.
        reference_vectors (`np.ndarray` of shape `(m, d)`, *optional*): Those of the real texts, which then need not
            be given.
        clusters (`int`, *optional*): Into how many the embeddings are quantised; a tenth of the smaller side.
        scaling (`float`, *optional*, defaults to `5.0`): The constant c of the paper.
        seed (`int`, *optional*, defaults to `0`): Starts k-means.

    Returns:
        `dict`: `mauve`, and `frontier_integral`, from 0 (alike) to 1, which does not depend on c.

    Example:

    ```python
    >>> same = [[1.0, 0.0], [0.0, 1.0]] * 500
    >>> metrics.load("mauve").compute(predictions=["a"] * 1000, vectors=same, reference_vectors=same, clusters=2)
    {'mauve': 1.0, 'frontier_integral': 0.0}
    ```
    """

    source: ClassVar[str] = (
        "Pillutla, Swayamdipta, Zellers, Thickstun, Welleck, Choi and Harchaoui. MAUVE: Measuring the Gap Between "
        "Neural Text and Human Text using Divergence Frontiers. NeurIPS 2021."
    )
    url: ClassVar[str] = "https://huggingface.co/papers/2102.01454"

    def _score(
        self,
        predictions: list[str],
        reference_texts: Sequence[str] | None = None,
        model: str | None = None,
        encoder: str | None = None,
        vectors: Any = None,
        reference_vectors: Any = None,
        clusters: int | None = None,
        scaling: float = 5.0,
        seed: int = 0,
    ) -> dict[str, Any]:
        positive(clusters, "mauve: clusters")
        above_zero(scaling, "mauve: scaling")
        if (vectors is None) != (reference_vectors is None):
            raise ValueError("mauve: expected vectors and reference_vectors, got only one of them. Write both.")
        if model is not None and encoder is not None:
            raise ValueError(f"mauve: expected a model or an encoder, got {model!r} and {encoder!r}. Leave one out.")
        real = texts_of(reference_texts, "reference_texts") if reference_vectors is None else []
        _enough(len(predictions), len(real) if reference_vectors is None else len(reference_vectors))
        if vectors is None:
            found = _embed([*predictions, *real], model, encoder)
            vectors, reference_vectors = found[: len(predictions)], found[len(predictions) :]
        elif len(vectors) != len(predictions):
            raise ValueError(f"mauve: expected {len(predictions)} vectors, one for each text, got {len(vectors)}.")
        p, q = histograms(np.asarray(reference_vectors), np.asarray(vectors), clusters, seed)
        return {"mauve": frontier_area(p, q, scaling), "frontier_integral": frontier_integral(p, q)}


def _enough(*counts: int) -> None:
    if min(counts) < FEWEST:
        raise ValueError(
            f"mauve: got {counts[0]} generated and {counts[1]} real texts, and with fewer than {FEWEST} a side the "
            "score says nothing. Generate more, take the full training set as reference_texts, or measure "
            "'vendi_score' and 'novelty' instead."
        )
    if min(counts) < ENOUGH:
        warnings.warn(
            f"mauve: {counts[0]} generated and {counts[1]} real texts are few: the score is noisy and too high or too "
            f"low by more than what models differ in. Take at least {ENOUGH} a side, better 5,000.",
            UserWarning,
            stacklevel=2,
        )


def _embed(texts: list[str], model: str | None, encoder: str | None) -> np.ndarray:
    if model is None:
        from hf_augment.engine.encoder import ENCODER, embed

        return embed(texts, encoder or ENCODER)
    from hf_augment.engine.resources import load_causal_lm
    from hf_augment.metrics.causal import embed_last

    return embed_last(load_causal_lm(model), texts)


def histograms(
    real: np.ndarray, generated: np.ndarray, clusters: int | None = None, seed: int = 0
) -> tuple[np.ndarray, np.ndarray]:
    """
    Quantise two sets of vectors together, and return which share of each is in which cluster.

    As in the reference implementation: vectors of length 1, the principal components that explain 90 % of their
    variance, and the best of five runs of k-means.
    """
    from sklearn.cluster import KMeans
    from sklearn.decomposition import PCA
    from sklearn.preprocessing import normalize

    count = clusters or max(2, round(min(len(real), len(generated)) / 10))
    vectors = normalize(np.vstack([generated, real]).astype(np.float64))
    reduced = PCA(random_state=seed).fit(vectors)
    kept = int(np.argmax(np.cumsum(reduced.explained_variance_ratio_) >= 0.9)) + 1
    vectors = reduced.transform(vectors)[:, :kept].astype(np.float32)
    labels = KMeans(count, n_init=5, max_iter=500, random_state=seed).fit_predict(vectors)
    theirs = np.bincount(labels[: len(generated)], minlength=count)
    ours = np.bincount(labels[len(generated) :], minlength=count)
    return ours / ours.sum(), theirs / theirs.sum()


def frontier_area(p: np.ndarray, q: np.ndarray, scaling: float = 5.0, points: int = 25) -> float:
    """
    Return the area under the curve of exp(-c KL(q|r)) and exp(-c KL(p|r)), for all mixtures r of p and q.

    Args:
        p (`np.ndarray`): A distribution over the clusters.
        q (`np.ndarray`): Another one over the same clusters.
        scaling (`float`, *optional*, defaults to `5.0`): The constant c.
        points (`int`, *optional*, defaults to `25`): How many mixtures are computed.
    """
    curve = [(0.0, np.inf)]
    for weight in np.linspace(1e-6, 1 - 1e-6, points):
        mixture = weight * p + (1 - weight) * q
        curve.append((_divergence(q, mixture), _divergence(p, mixture)))
    x, y = np.exp(-scaling * np.array([*curve, (np.inf, 0.0)])).T
    return float(_area(x, y) + _area(y, x)) / 2


def _area(x: np.ndarray, y: np.ndarray) -> float:
    from sklearn.metrics import auc

    order = np.lexsort((-y, x))  # the curve falls: of points above each other, the highest comes first
    return auc(x[order], y[order])


def frontier_integral(p: np.ndarray, q: np.ndarray) -> float:
    """
    Return the mean of the curve's two divergences over all mixtures, times two: from 0 to 1
    (Liu et al. 2021, huggingface.co/papers/2106.07898).
    """
    total = 0.0
    for a, b in zip(p.tolist(), q.tolist(), strict=True):
        if a and b and abs(a - b) > 1e-8:
            total += (a + b) / 4 - a * b * (np.log(a) - np.log(b)) / (a - b) / 2
        elif not (a and b):
            total += (a + b) / 4
    return float(2 * total)


def _divergence(p: np.ndarray, mixture: np.ndarray) -> float:
    there = p > 0
    return float((p[there] * np.log(p[there] / mixture[there])).sum())
