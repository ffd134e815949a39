"""The metrics of sacreBLEU."""

from collections.abc import Sequence
from itertools import zip_longest
from typing import Any


def corpus_score(
    name: str, texts: list[str], references: Sequence[str] | Sequence[Sequence[str]], **options: Any
) -> dict[str, Any]:
    """
    Score a corpus of texts.

    Args:
        name (`str`): `"BLEU"` or `"CHRF"`.
        texts (`list[str]`): The texts.
        references (`Sequence[str]` or `Sequence[Sequence[str]]`): The reference of each, or several.
        **options: Of the class of that name in `sacrebleu.metrics`.

    Returns:
        `dict`: The score, from 0 to 100, and its signature.

    Raises:
        `ImportError`: sacreBLEU is not installed.
    """
    try:
        from sacrebleu import metrics
    except ImportError as error:
        raise ImportError(
            f"The metric {name.lower()!r} needs sacreBLEU, which is not installed. pip install 'hf-augment[metrics]'."
        ) from error
    each = [[known] if isinstance(known, str) else list(known) for known in references]
    for text, known in zip(texts, each, strict=True):
        if not known:
            raise ValueError(f"{name.lower()}: the text {text[:40]!r} has an empty list of references. Leave it out.")
    metric = getattr(metrics, name)(**options)
    found = metric.corpus_score(texts, [list(column) for column in zip_longest(*each)])
    return {name.lower(): found.score, f"{name.lower()}_signature": str(metric.get_signature())}
