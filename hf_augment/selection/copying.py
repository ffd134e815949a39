"""What a row shares with real rows and with evaluation rows, word for word."""

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from hf_augment.blocks import SelectConfig
from hf_augment.selection.measured import Measured
from hf_augment.selection.rouge import RougeL
from hf_augment.selection.rows import Rows
from hf_augment.selection.shared_runs import SharedRuns


def contamination(rows: Rows, others: Mapping[str, list[str]], config: SelectConfig) -> Measured | None:
    """Find the longest runs of words that candidates share with rows of the evaluation splits."""
    limit = config.contamination
    if limit is None:
        return None
    by_split = {
        name: of_candidates(rows, SharedRuns([text for text in texts if text]).longest)
        for name, texts in others.items()
    }
    longest = np.fmax.reduce([np.full(len(rows.texts), np.nan), *by_split.values()])

    def reason(i: int) -> str:
        return next(
            (f"{limit} words in a row of the {name} split" for name, found in by_split.items() if found[i] >= limit),
            "",
        )

    asked = f"fewer than {limit} words in a row in common with a row of an evaluation split"
    return Measured({"evaluation_words": longest.tolist()}, reason, {"contamination": asked})


def copied_words(rows: Rows, config: SelectConfig) -> Measured | None:
    """Find the longest runs of words that candidates copy from real rows."""
    limit = config.copied_words
    if limit is None:
        return None
    found = of_candidates(rows, SharedRuns([rows.texts[i] for i in rows.gold]).longest)
    asked = f"{limit} words in a row in common with a real row at most"
    dropped = f"copies more than {limit} words in a row of a gold row"
    return Measured(
        {"copied_words": found.tolist()}, lambda i: dropped if found[i] > limit else "", {"copied words": asked}
    )


def rouge_l(rows: Rows, config: SelectConfig) -> Measured | None:
    """Find the highest ROUGE-L of candidates to a real row."""
    limit = config.rouge_l
    if limit is None:
        return None
    found = of_candidates(rows, RougeL([rows.texts[i] for i in rows.gold]).best)
    asked = f"ROUGE-L (F1) below {limit:g} to each real row"
    dropped = "copy of a gold row by ROUGE-L"
    return Measured({"rouge_l": found.tolist()}, lambda i: dropped if found[i] >= limit else "", {"ROUGE-L": asked})


def of_candidates(rows: Rows, measure: Callable[[Sequence[str]], Sequence[float]]) -> np.ndarray:
    """Measure each different text of the candidates once; NaN for the originals and for what has no text."""
    found = np.full(len(rows.texts), np.nan)
    usable = [i for i in rows.candidates if rows.texts[i]]
    texts = sorted({rows.texts[i] for i in usable})
    by_text = dict(zip(texts, measure(texts), strict=True))
    found[usable] = [by_text[rows.texts[i]] for i in usable]
    return found
