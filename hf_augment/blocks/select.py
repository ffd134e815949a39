"""The `select` block: which rows are kept."""

import dataclasses

from hf_augment.fields import between, positive


@dataclasses.dataclass(frozen=True, kw_only=True)
class SelectConfig:
    """
    Which of the augmented rows are kept; whatever it measures against, it learns from the real training rows alone.

    Args:
        per_label (`int`, *optional*): Rows kept of each label, the likeliest ones; `null` keeps all that pass.
        length (`list[float]`, *optional*, defaults to `[0.05, 0.95]`): Keep rows whose number of words lies between
            these quantiles of the real rows; `null` for any length.
        near_duplicate (`float`, *optional*, defaults to `0.9`): From this cosine similarity on, a row is taken for a
            repetition of a real row, of an evaluation row, or of a better augmented one; `null` drops only exact ones.
        agreement (`bool`, *optional*, defaults to `True`): Whether a classifier trained on the real rows has to give
            a row its own label. One that is not better than chance is not asked.
        relabel (`bool`, *optional*, defaults to `False`): Whether a row gets the label that this classifier finds
            likeliest, rather than being dropped for it: worth it where the classifier knows labels much better than
            the generator does (Chung et al. 2023, huggingface.co/papers/2306.04140).
        confidence (`float`, *optional*, defaults to `0.0`): The least probability that it has to give to the label.
        folds (`int`, *optional*, defaults to `5`): Parts of the real rows: so many classifiers judge together, each
            trained without one part and measured on it. Fewer where a label has fewer rows.
        encoder (`str`, *optional*): The sentence encoder, a Hub id or a folder; `all-MiniLM-L6-v2` by default, which
            the extra `offline` brings along.
        revision (`str`, *optional*): A commit, branch or tag of an encoder on the Hub.
        rounds (`int`, *optional*, defaults to `3`): With `per_label`, how often `run` generates at most: the first
            time, and then for what a label still lacks.
        oversample (`float`, *optional*, defaults to `4.0`): With `per_label`, how many rows are generated for each that
            is wanted, in every round. An amount in the `augment` block takes its place in the first.
    """

    per_label: int | None = None
    length: tuple[float, ...] | None = (0.05, 0.95)
    near_duplicate: float | None = 0.9
    agreement: bool = True
    relabel: bool = False
    confidence: float = 0.0
    folds: int = 5
    encoder: str = "sentence-transformers/all-MiniLM-L6-v2"
    revision: str | None = None
    rounds: int = 3
    oversample: float = 4.0

    def __post_init__(self):
        for name in ("per_label", "rounds"):
            positive(getattr(self, name), f"select: {name}")
        if self.length is not None and not (len(self.length) == 2 and 0 <= self.length[0] < self.length[1] <= 1):
            raise ValueError(
                f"select: length: expected two quantiles, the lower one first, got {list(self.length)}. "
                "Write e.g. [0.05, 0.95], or null for any length."
            )
        if self.near_duplicate is not None:
            between(self.near_duplicate, 0.01, 1, "select: near_duplicate")
        if self.relabel and not self.agreement:
            raise ValueError(
                "select: relabel: asks the classifier that agreement: false leaves out. Write agreement: true, or "
                "relabel: false."
            )
        between(self.confidence, 0, 1, "select: confidence")
        between(self.folds, 2, 100, "select: folds")
        between(self.oversample, 1, 1000, "select: oversample")
