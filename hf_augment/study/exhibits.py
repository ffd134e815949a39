"""What a study shows of the rows themselves: what selection measured, a map, and rows beside their originals."""

from collections import Counter
from collections.abc import Mapping
from typing import Any

import numpy as np

from hf_augment.provenance import ORIGINAL
from hf_augment.streams import row_key, stream
from hf_augment.study.arms import overlap

POINTS = 400
EXAMPLES = 60  # of each method
MEASURED = ("label_probability", "similarity")
EDGES = [round(step / 10, 1) for step in range(11)]


class Shown:
    """
    The training split that a method left, as a study shows it.

    Args:
        train (`Dataset`): With the columns of [`Augment`], and those of `select` if rows were selected.
        text (`str`): The text column.
        label (`str`, *optional*): The label column, if there is one.
        seed (`int`): Draws which rows are shown.
    """

    def __init__(self, train: Any, text: str, label: str | None, seed: int):
        from hf_augment.selection.by_hand import row_ids
        from hf_augment.selection.rows import read_labels

        plain = train.with_format(None)
        self.texts = [said if isinstance(said, str) else "" for said in plain[text]]
        self.labels = read_labels(train, label, None)
        self.by = list(plain["augmented_by"])
        self.sources = list(plain["source_id"])
        self.ids = row_ids(train, text)
        self.selected = "selected" in train.column_names
        self.dropped = list(plain["dropped"]) if self.selected else [""] * len(train)
        self.scores = {name: list(plain[name]) for name in MEASURED if name in train.column_names}
        self.lots = [stream(seed, "show", row_key(name), 0).key for name in self.ids]

    def kind(self, row: int) -> str:
        """Say whether a row is `"gold"`, `"kept"` or `"dropped"`."""
        return "gold" if self.by[row] == ORIGINAL else "dropped" if self.dropped[row] else "kept"

    def selection(self) -> dict[str, Any] | None:
        """Count and spread out what selection did; `None` where there was none."""
        if not self.selected:
            return None
        kinds = [self.kind(row) for row in range(len(self.by))]
        counts = Counter(kinds)
        return {
            "rows": {name: counts[name] for name in ("gold", "kept", "dropped")},
            "dropped": dict(sorted(Counter(filter(None, self.dropped)).items())),
            "histograms": {
                name: {"edges": EDGES} | {kind: _histogram(values, kinds, kind) for kind in counts}
                for name, values in self.scores.items()
            },
        }

    def drawn(self, most: int, rows: list[int]) -> list[int]:
        """Draw some of the rows, in their order."""
        return sorted(sorted(rows, key=self.lots.__getitem__)[:most])

    def map(self, most: int = POINTS) -> list[dict[str, Any]]:
        """Place rows by the first two principal components of their sentence embeddings."""
        from sklearn.decomposition import PCA

        from hf_augment.engine.encoder import load_encoder

        rows = self.drawn(most, [row for row, text in enumerate(self.texts) if text.strip()])
        if len(rows) < 3:
            return []
        vectors = load_encoder().embed([self.texts[row] for row in rows])
        places = PCA(n_components=2, svd_solver="full").fit_transform(vectors.astype(np.float64))
        return [
            {
                "x": round(float(x), 4),
                "y": round(float(y), 4),
                "kind": self.kind(row),
                "label": self.labels[row],
                "text": self.texts[row],
            }
            for row, (x, y) in zip(rows, places, strict=True)
        ]

    def examples(self, method: str, most: int = EXAMPLES) -> list[dict[str, Any]]:
        """Show rows that were written, kept and dropped ones in equal parts where there are enough."""
        original = {
            source: text for source, text, by in zip(self.sources, self.texts, self.by, strict=True) if by == ORIGINAL
        }
        kinds = {kind: [row for row in range(len(self.by)) if self.kind(row) == kind] for kind in ("kept", "dropped")}
        fewest = min(map(len, kinds.values()))
        share = {kind: max(most // 2, most - fewest) for kind in kinds}
        rows = sorted(row for kind, own in kinds.items() for row in self.drawn(share[kind], own))
        return [
            {
                "method": method,
                "id": self.ids[row],
                "label": self.labels[row],
                "source": original.get(self.sources[row], ""),
                "text": self.texts[row],
                "by": self.by[row],
                "kept": not self.dropped[row],
                "dropped": self.dropped[row],
                "scores": {
                    name: round(float(values[row]), 4)
                    for name, values in self.scores.items()
                    if np.isfinite(values[row])
                },
            }
            for row in rows
        ]


def _histogram(values: list[float], kinds: list[str], kind: str) -> list[int]:
    own = np.array([value for value, name in zip(values, kinds, strict=True) if name == kind], dtype=float)
    counts, _ = np.histogram(np.clip(own[np.isfinite(own)], 0, 1), bins=EDGES)
    return counts.tolist()


def overlaps(added: Any, validation: Any, test: Any) -> dict[str, int]:
    """Count added rows whose text, or other input, is exactly that of an evaluation row."""
    return overlap({"added": added, "validation": validation, "test": test}, "added")


def summed(counts: list[Mapping[str, int]]) -> dict[str, int]:
    """Add up counts."""
    return {name: sum(own[name] for own in counts) for name in counts[0]}
