"""The similarity band: a row is to be like its label's real rows, and not too like any of them."""

import numpy as np

from hf_augment.blocks import SelectConfig
from hf_augment.selection.duplicates import nearest
from hf_augment.selection.measured import Measured
from hf_augment.selection.rows import Rows
from hf_augment.selection.space import Space


def similarity_band(rows: Rows, space: Space | None, config: SelectConfig) -> Measured | None:
    """Find each row's highest cosine similarity to a real row of its label, for a real one to another."""
    if config.similarity_band is None:
        return None
    low, high = config.similarity_band
    found = np.full(len(rows.texts), np.nan)
    for label in sorted(set(rows.labels)):
        real = [i for i in rows.gold if rows.labels[i] == label]
        own = [i for i in rows.candidates if rows.labels[i] == label and rows.texts[i]]
        vectors = space.of([rows.texts[i] for i in real])
        found[real] = nearest(vectors, vectors, itself=False)
        texts = sorted({rows.texts[i] for i in own})
        by_text = dict(zip(texts, nearest(space.of(texts), vectors).tolist(), strict=True))
        found[own] = [by_text[rows.texts[i]] for i in own]

    def reason(i: int) -> str:
        if found[i] < low:
            return "too unlike the gold rows of its label"
        return "too like a gold row of its label" if found[i] > high else ""

    asked = f"cosine similarity from {low:g} to {high:g} to the nearest real row of the label"
    return Measured({"label_similarity": found.tolist()}, reason, {"similarity band": asked})
