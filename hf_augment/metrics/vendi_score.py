import math
from typing import Any, ClassVar

import numpy as np

from hf_augment.metrics.texts import TextMetric


class VendiScore(TextMetric):
    """
    The effective number of different texts: exp of the entropy of their similarities' eigenvalues
    (Friedman and Dieng 2023, huggingface.co/papers/2210.02410).

    It is 1 for texts that are all alike, and the number of texts where no two have anything in common. A higher order
    counts what is common more (Pasarkar and Dieng 2024, huggingface.co/papers/2310.12952).

    Args:
        predictions (`list[str]`): The texts.
        q (`float`, *optional*, defaults to `1.0`): The order of the entropy, from 0 up; `math.inf` is possible.
        encoder (`str`, *optional*): A folder or Hub id of a sentence encoder; by default all-MiniLM-L6-v2.
        vectors (`np.ndarray` of shape `(n, d)`, *optional*): Their embeddings, in place of the encoder's.
        kernel (`np.ndarray` of shape `(n, n)`, *optional*): Their similarities, with 1 on the diagonal, in place of
            the embeddings' cosine.

    Returns:
        `dict`: `vendi_score`, from 1 to the number of texts.

    Example:

    ```python
    >>> metrics.load("vendi_score").compute(predictions=["a", "b", "b"], vectors=[[1, 0], [0, 1], [0, 1]], q=2)
    {'vendi_score': 1.8}
    ```
    """

    source: ClassVar[str] = (
        "Friedman and Dieng. The Vendi Score: A Diversity Evaluation Metric for Machine Learning. TMLR 2023."
    )
    url: ClassVar[str] = "https://huggingface.co/papers/2210.02410"

    def _score(
        self,
        predictions: list[str],
        q: float = 1.0,
        encoder: str | None = None,
        vectors: Any = None,
        kernel: Any = None,
    ) -> dict[str, Any]:
        if kernel is None and vectors is None:
            from hf_augment.engine.encoder import ENCODER, embed

            vectors = embed(predictions, encoder or ENCODER)
        given = np.asarray(vectors if kernel is None else kernel)
        if given.ndim != 2 or len(given) != len(predictions):
            raise ValueError(
                f"vendi_score: expected {'vectors' if kernel is None else 'kernel'} with one row for each of the "
                f"{len(predictions)} texts, got the shape {given.shape}."
            )
        return {"vendi_score": vendi_score(vectors if kernel is None else None, kernel, q)}


def vendi_score(vectors: Any = None, kernel: Any = None, q: float = 1.0) -> float:
    """
    Return the Vendi score of vectors or of a kernel.

    With fewer dimensions than vectors, the eigenvalues are those of the smaller matrix, which are the same.

    Args:
        vectors (`np.ndarray` of shape `(n, d)`, *optional*): Of any length but 0; their cosine is the similarity.
        kernel (`np.ndarray` of shape `(n, n)`, *optional*): Similarities, with 1 on the diagonal.
        q (`float`, *optional*, defaults to `1.0`): The order, from 0 up.
    """
    if not q >= 0:
        raise ValueError(f"vendi_score: q: expected a number from 0 up, or math.inf, got {q!r}.")
    matrix = _of_vectors(vectors) if kernel is None else _checked(kernel)
    shares = np.linalg.eigvalsh(matrix)
    shares = shares[shares > len(matrix) * np.finfo(np.float64).eps]  # the others are 0 but for rounding
    if q == 1:
        entropy = -float((shares * np.log(shares)).sum())
    elif q == math.inf:
        entropy = -math.log(shares.max())
    else:
        entropy = math.log(float((shares**q).sum())) / (1 - q)
    return math.exp(entropy)


def _of_vectors(vectors: Any) -> np.ndarray:
    vectors = np.asarray(vectors, dtype=np.float64)
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    if not np.isfinite(lengths).all() or not lengths.all():
        raise ValueError("vendi_score: vectors: expected finite numbers, and no vector of length 0.")
    vectors = vectors / lengths
    count, width = vectors.shape
    return (vectors.T @ vectors if width < count else vectors @ vectors.T) / count


def _checked(kernel: Any) -> np.ndarray:
    kernel = np.asarray(kernel, dtype=np.float64)
    if kernel.ndim != 2 or kernel.shape[0] != kernel.shape[1] or not np.allclose(kernel, kernel.T):
        raise ValueError(f"vendi_score: kernel: expected a symmetric matrix, got the shape {kernel.shape}.")
    if not np.allclose(kernel.diagonal(), 1):
        raise ValueError(
            f"vendi_score: kernel: expected 1 on the diagonal, got {kernel.diagonal().min():g} to "
            f"{kernel.diagonal().max():g}. Divide each entry by the roots of its row's and its column's."
        )
    return kernel / len(kernel)
