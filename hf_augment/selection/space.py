"""Where texts lie: their embeddings, held once and read in blocks."""

from collections.abc import Iterable, Sequence

import numpy as np

from hf_augment.blocks import SelectConfig

TOGETHER = 65_536  # texts that are tokenised, or judged, at once


class Picked:
    """
    Some rows of a matrix, copied when they are read.

    Args:
        matrix (`np.ndarray` or [`Picked`]): The matrix.
        rows (`np.ndarray`): Which of its rows.
    """

    def __init__(self, matrix: "np.ndarray | Picked", rows: np.ndarray):
        self._matrix, self._rows = matrix, rows

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, which: slice | np.ndarray) -> np.ndarray:
        return self._matrix[self._rows[which]]


class Space:
    """
    The embeddings of texts, computed in an order that does not depend on theirs.

    Args:
        texts (`Iterable[str]`): The texts; `""` is none.
        config ([`SelectConfig`]): Names the encoder.
        known (`dict[str, np.ndarray]`, *optional*): Embeddings by text; those that lack are added.
    """

    def __init__(self, texts: Iterable[str], config: SelectConfig, known: dict[str, np.ndarray] | None = None):
        from hf_augment.engine.encoder import load_encoder

        encoder = load_encoder(config.encoder, config.revision)
        self.identity = encoder.identity
        keep = known is not None
        known = known if keep else {}
        texts = sorted({text for text in texts if text})
        new = [text for text in texts if text not in known]
        for top in range(0, len(new), TOGETHER):
            batch = new[top : top + TOGETHER]
            known.update(zip(batch, encoder.embed(batch), strict=True))
        self._place = {text: row for row, text in enumerate(texts)}
        self._vectors = np.stack([known[text] for text in texts])
        if keep:
            known.update(zip(texts, self._vectors, strict=True))  # views, so that nothing is held twice

    def of(self, texts: Sequence[str]) -> Picked:
        """Return the embeddings of some of the texts."""
        return Picked(self._vectors, np.array([self._place[text] for text in texts], dtype=np.int64))
