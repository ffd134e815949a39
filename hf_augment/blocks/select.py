"""The `select` block: which rows are kept."""

import dataclasses
from collections.abc import Mapping
from typing import Literal

from hf_augment.fields import between, positive, read


@dataclasses.dataclass(frozen=True, kw_only=True)
class LikelihoodConfig:
    """
    How much likelier a text has to be under its label than at large, in nats a token: log P(x|y) - log P(x).

    Args:
        model (`str`, *optional*): A causal language model that writes for a label; in a recipe, the generator that it
            trains by default.
        revision (`str`, *optional*): A commit, branch or tag of a model on the Hub.
        prompt (`str`, *optional*): A template such as `"{label}: {text}"`, for models that carry none.
        base (`str`, *optional*): The causal language model of P(x), best the one that the first was trained from;
            `null` takes the mean of P(x|y) over all labels.
        base_revision (`str`, *optional*): A commit, branch or tag of that one.
        least (`float`, *optional*): Rows below this ratio are dropped.
        quantile (`float`, *optional*): That share of each label's rows, those of the lowest ratios, is dropped.
            Exactly one of `least` and `quantile` is given.
    """

    model: str | None = None
    revision: str | None = None
    prompt: str | None = None
    base: str | None = None
    base_revision: str | None = None
    least: float | None = None
    quantile: float | None = None

    def __post_init__(self):
        if (self.least is None) == (self.quantile is None):
            raise ValueError(
                f"select: likelihood: expected exactly one of 'least' and 'quantile', got least={self.least!r} and "
                f"quantile={self.quantile!r}. Write e.g. least: 0, or quantile: 0.25."
            )
        if self.quantile is not None:
            between(self.quantile, 0, 1, "select: likelihood: quantile")


@dataclasses.dataclass(frozen=True, kw_only=True)
class ToxicityConfig:
    """
    Which rows a text classifier takes for toxic.

    Args:
        model (`str`): A folder or Hub id of a text-classification model.
        label (`str`): Its label that stands for toxic.
        revision (`str`, *optional*): A commit, branch or tag of a model on the Hub.
        threshold (`float`, *optional*, defaults to `0.5`): From this probability of that label on, a row is dropped.
    """

    model: str
    label: str
    revision: str | None = None
    threshold: float = 0.5

    def __post_init__(self):
        between(self.threshold, 0, 1, "select: toxicity: threshold")


@dataclasses.dataclass(frozen=True, kw_only=True)
class SelectConfig:
    """
    Which of the augmented rows are kept; whatever it measures against, it learns from the real training rows alone.

    In a recipe of another task than `text-classification` it is the field that is written which is measured and compared,
    and nothing that rests on labels may be asked for: lengths, repetitions, what was copied, and toxicity remain.

    Args:
        per_label (`int`, *optional*): Rows kept of each label, the likeliest ones; `null` keeps all that pass.
        balance (`bool`, *optional*, defaults to `False`): Whether real rows count too: each label is to end with
            `per_label` rows, real and kept together; without `per_label`, with as many as the most frequent label has
            real ones.
        diversity (`float`, *optional*, defaults to `0.0`): How much it counts that a row is unlike those of its label
            that are kept already, from 0 (the likeliest rows fill the quota) to 1 (the most unlike ones do): maximal
            marginal relevance (Carbonell and Goldstein 1998, doi.org/10.1145/290941.291025).
        length (`list[float]`, *optional*, defaults to `[0.05, 0.95]`): Keep rows whose number of words lies between
            these quantiles of the real rows; `null` for any length.
        near_duplicate (`float`, *optional*, defaults to `0.9`): From this cosine similarity on, a row is taken for a
            repetition of a real row, of an evaluation row, or of a better augmented one; `null` drops only exact ones.
        jaccard (`float`, *optional*): The same by what is written instead of what is meant: from this Jaccard
            similarity of their shingles on. Found by MinHash (Broder 1997, doi.org/10.1109/SEQUEN.1997.666900), so it
            is the way for hundreds of thousands of rows; needs the extra `dedup`.
        shingles (`str`, *optional*, defaults to `"characters"`): What shingles are made of: `"characters"` or
            `"words"`.
        shingle_size (`int`, *optional*, defaults to `5`): How many of those make a shingle.
        contamination (`int`, *optional*): From so many words in a row that stand in a row of an evaluation split on, a
            row is dropped: 8 to 13 are usual (Brown et al. 2020, huggingface.co/papers/2005.14165).
        copied_words (`int`, *optional*): The most words in a row that may stand in a real row.
        rouge_l (`float`, *optional*): From this ROUGE-L (F1) to a real row on, a row is dropped as a copy of it: 0.6 to
            0.7 are usual (Lin 2004, aclanthology.org/W04-1013; Wang et al. 2022, huggingface.co/papers/2212.10560).
        similarity_band (`list[float]`, *optional*): The lowest and the highest cosine similarity that a row may have
            to the nearest real row of its label.
        likelihood (`dict`, *optional*): How much likelier a text has to be under its label than at large; see
            [`LikelihoodConfig`].
        toxicity (`dict`, *optional*): Which rows a classifier takes for toxic; see [`ToxicityConfig`].
        agreement (`bool`, *optional*, defaults to `True`): Whether a classifier trained on the real rows has to give
            a row its own label: a row of another one is dropped, or with `false` kept. One that is not better than
            chance is not asked.
        relabel (`bool`, *optional*, defaults to `False`): Whether a row gets the label that this classifier finds
            likeliest, rather than being dropped for it: worth it where the classifier knows labels much better than
            the generator does (Chung et al. 2023, huggingface.co/papers/2306.04140).
        confidence (`float`, *optional*, defaults to `0.0`): The least probability that it has to give to the label.
        calibrate (`bool`, *optional*, defaults to `False`): Whether its probabilities are scaled by a temperature that
            is fitted on real rows it did not see (Guo et al. 2017, huggingface.co/papers/1706.04599).
        trust (`float`, *optional*, defaults to `0.05`): How probable the judge's hits on real rows it did not see may
            be by chance; above, it is asked nothing. Twenty rows can hardly show what a good encoder knows: there 0.5
            asks it wherever it seems better than chance at all.
        folds (`int`, *optional*, defaults to `5`): Parts of the real rows: so many classifiers judge together, each
            trained without one part and measured on it. Fewer where a label has fewer rows.
        encoder (`str`, *optional*): The sentence encoder, a Hub id or a folder; `all-MiniLM-L6-v2` by default, which
            the extra `offline` brings along. `null` for none: then nothing that compares meanings may be asked for.
        revision (`str`, *optional*): A commit, branch or tag of an encoder on the Hub.
        rounds (`int`, *optional*, defaults to `3`): With a quota, how often `run` generates at most: the first
            time, and then for what a label still lacks.
        oversample (`float`, *optional*, defaults to `4.0`): With a quota, how many rows are generated for each that
            is wanted, in every round. An amount in the `augment` block takes its place in the first.
    """

    per_label: int | None = None
    balance: bool = False
    diversity: float = 0.0
    length: tuple[float, ...] | None = (0.05, 0.95)
    near_duplicate: float | None = 0.9
    jaccard: float | None = None
    shingles: Literal["characters", "words"] = "characters"
    shingle_size: int = 5
    contamination: int | None = None
    copied_words: int | None = None
    rouge_l: float | None = None
    similarity_band: tuple[float, ...] | None = None
    likelihood: LikelihoodConfig | None = None
    toxicity: ToxicityConfig | None = None
    agreement: bool = True
    relabel: bool = False
    confidence: float = 0.0
    calibrate: bool = False
    trust: float = 0.05
    folds: int = 5
    encoder: str | None = "sentence-transformers/all-MiniLM-L6-v2"
    revision: str | None = None
    rounds: int = 3
    oversample: float = 4.0

    def __post_init__(self):
        for name, block in (("likelihood", LikelihoodConfig), ("toxicity", ToxicityConfig)):
            if isinstance(getattr(self, name), Mapping):
                object.__setattr__(self, name, read(block, getattr(self, name), f"select: {name}"))
        for name in ("per_label", "rounds", "shingle_size", "contamination", "copied_words"):
            positive(getattr(self, name), f"select: {name}")
        if self.length is not None and not (len(self.length) == 2 and 0 <= self.length[0] < self.length[1] <= 1):
            raise ValueError(
                f"select: length: expected two quantiles, the lower one first, got {list(self.length)}. "
                "Write e.g. [0.05, 0.95], or null for any length."
            )
        band = self.similarity_band
        if band is not None and not (len(band) == 2 and -1 <= band[0] < band[1] <= 1):
            raise ValueError(
                f"select: similarity_band: expected two cosine similarities, the lower one first, got {list(band)}. "
                "Write e.g. [0.3, 0.95], or null for any."
            )
        for name in ("near_duplicate", "jaccard", "rouge_l"):
            if getattr(self, name) is not None:
                between(getattr(self, name), 0.01, 1, f"select: {name}")
        if self.jaccard is not None:
            between(self.jaccard, 0.3, 1, "select: jaccard")  # below, an index finds nearly every pair
        if self.relabel and not self.agreement:
            raise ValueError(
                "select: relabel: asks the classifier that agreement: false leaves out. Write agreement: true, or "
                "relabel: false."
            )
        between(self.diversity, 0, 1, "select: diversity")
        if self.diversity and self.per_label is None and not self.balance:
            raise ValueError(
                "select: diversity: says which rows fill a quota, and there is none. Write per_label: N, or "
                "diversity: 0."
            )
        between(self.confidence, 0, 1, "select: confidence")
        between(self.trust, 0, 1, "select: trust")
        between(self.folds, 2, 100, "select: folds")
        between(self.oversample, 1, 1000, "select: oversample")
        if self.encoder is None and self.compares:
            raise ValueError(
                f"select: encoder: null leaves nothing to compare meanings with, as {list(self.compares)} ask. Name an "
                "encoder, or leave these out (near_duplicate: null, agreement: false)."
            )

    @property
    def compares(self) -> tuple[str, ...]:
        """The names of what is asked for and needs the encoder."""
        names = ("near_duplicate", "similarity_band", "diversity", "agreement", "confidence", "calibrate")
        return tuple(name for name in names if getattr(self, name))
