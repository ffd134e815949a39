"""The blocks of a recipe: what each setting means, and which values it takes."""

import dataclasses
from typing import Any, Literal

from hf_augment.errors import unknown
from hf_augment.fields import between
from hf_augment.metrics import METRICS


@dataclasses.dataclass(frozen=True, kw_only=True)
class DataConfig:
    """
    The labelled data.

    Args:
        path (`str`): A Hub id, `embedded:reviews`, a csv, jsonl or parquet file, a folder of such files named after
            their splits, or a folder written by `save_to_disk`.
        name (`str`, *optional*): The configuration of a Hub dataset.
        revision (`str`, *optional*): A commit, branch or tag of a Hub dataset.
        text (`str`, *optional*, defaults to `"text"`): The text column.
        label (`str`, *optional*, defaults to `"label"`): The label column; `null` for texts without labels, from
            which only P(text) can be learnt.
        label_names (`list[str]`, *optional*): Names of integer labels that carry none.
        train_split, validation_split, test_split (`str`, *optional*): The splits. Without a validation split,
            `validation_share` of the training rows is set aside before anything else happens. An absent test split
            is an error for `study` only.
        validation_share (`float`, *optional*, defaults to `0.1`): See above; drawn by `seed`, label by label.
        shots_per_label (`int`, *optional*): Keep only that many training rows of each label, drawn by `seed`.
        validation_shots_per_label, test_shots_per_label (`int`, *optional*): The same for the other splits.
        streaming (`bool`, *optional*, defaults to `False`): Read texts while training, in bounded memory, rather than
            all of them before: for pretraining on more than a disk holds. Needs `label: null` and `train.max_steps`.
        validation_rows (`int`, *optional*, defaults to `1000`): How many texts of a streamed validation split are
            evaluated on; without such a split, the first texts of the training split, which are not trained on.
    """

    path: str
    name: str | None = None
    revision: str | None = None
    text: str = "text"
    label: str | None = "label"
    label_names: tuple[str, ...] | None = None
    train_split: str = "train"
    validation_split: str | None = "validation"
    test_split: str | None = "test"
    validation_share: float = 0.1
    shots_per_label: int | None = None
    validation_shots_per_label: int | None = None
    test_shots_per_label: int | None = None
    streaming: bool = False
    validation_rows: int = 1000

    def __post_init__(self):
        if self.streaming and self.label is not None:
            raise ValueError(
                f"data: streaming: is for texts without labels, but label is {self.label!r}. Write label: null, or "
                "streaming: false."
            )
        _positive(self.validation_rows, "data: validation_rows")
        between(self.validation_share, 0.01, 0.9, "data: validation_share")
        for name in ("shots_per_label", "validation_shots_per_label", "test_shots_per_label"):
            _positive(getattr(self, name), f"data: {name}")


@dataclasses.dataclass(frozen=True, kw_only=True)
class PreprocessConfig:
    """
    What is done to every text before anything else; nothing unless asked.

    Args:
        strip_html (`bool`): Take tags out and resolve entities; a bare `<` stays.
        unicode_nfc (`bool`): Compose characters (Unicode NFC).
        whitespace (`bool`): One space for each run of white space, none at the ends.
        lower_case (`bool`): Lower-case.
    """

    strip_html: bool = False
    unicode_nfc: bool = False
    whitespace: bool = False
    lower_case: bool = False


@dataclasses.dataclass(frozen=True, kw_only=True)
class ScratchConfig:
    """
    A language model to pretrain from random weights, and its byte-level BPE tokenizer.

    Args:
        architecture (`str`, *optional*, defaults to `"gpt2"`): `"gpt2"` or `"llama"`, which write; or `"modernbert"`,
            which fills in masked words.
        layers, width, heads (`int`, *optional*): The size of the model.
        vocabulary (`int`, *optional*, defaults to `4096`): Tokens, trained on the training texts.
        context (`int`, *optional*, defaults to `256`): The longest sequence, in tokens.
        dropout (`float`, *optional*, defaults to `0.0`): Dropout while training (not for `"llama"`, which has none
            but in its attention).
    """

    architecture: Literal["gpt2", "llama", "modernbert"] = "gpt2"
    layers: int = 4
    width: int = 128
    heads: int = 4
    vocabulary: int = 4096
    context: int = 256
    dropout: float = 0.0

    def __post_init__(self):
        for name in ("layers", "width", "heads", "context"):
            _positive(getattr(self, name), f"train: scratch: {name}")
        if self.vocabulary < 300:
            raise ValueError(
                f"train: scratch: vocabulary: expected at least 300 (256 bytes and some merges), got {self.vocabulary}."
            )
        if self.width % self.heads:
            raise ValueError(
                f"train: scratch: width {self.width} is not a multiple of heads {self.heads}. Write e.g. width: {self.heads * 32}."
            )


@dataclasses.dataclass(frozen=True, kw_only=True)
class TrainConfig:
    """
    The generator: a causal language model that learns P(text | label); or a masked one.

    Args:
        model (`str`, *optional*): What to fine-tune: a Hub id, a folder, or `embedded:generator`.
        scratch (`ScratchConfig`, *optional*): Instead of `model`: pretrain one on the texts.
        objective (`str`, *optional*, defaults to `"causal"`): `"causal"`: learn to write; `"masked"`: learn to fill in
            masked tokens (Devlin et al. 2019, huggingface.co/papers/1810.04805). A prompt is never masked.
        mask_share (`float`, *optional*, defaults to `0.3`): The share of tokens that `"masked"` hides, of which 80 %
            become the mask token, 10 % another token and 10 % stay.
        packed (`bool`, *optional*, defaults to `False`): Join texts, an end token after each, and cut the whole into
            sequences of `max_length` tokens, so that none is padding: for pretraining. Needs a prompt without `{label}`.
        revision (`str`, *optional*): A commit, branch or tag of a Hub model.
        prompt (`str`, *optional*, defaults to `"{label}: {text}"`): How a label leads to a text; ends with `{text}`.
            Without `{label}` the model learns P(text), which is what pretraining wants.
        epochs (`float`, *optional*, defaults to `3.0`): Passes over the training rows.
        max_steps (`int`, *optional*): Optimiser steps, instead of epochs.
        learning_rate (`float`, *optional*, defaults to `5e-5`), weight_decay (`float`), warmup_steps (`int`),
            schedule (`str`, *optional*, defaults to `"linear"`), batch_size (`int`, rows a device and step),
            accumulation (`int`, steps summed before an update), max_length (`int`, tokens kept of a row): as in
            `transformers.TrainingArguments`.
        patience (`int`, *optional*): Stop after that many evaluations without a better validation loss. The best
            weights are kept in any case.
        evaluations (`int`, *optional*, defaults to `0`): Evaluations (and checkpoints) in all; 0 means one an epoch.
        lora (`bool`, *optional*, defaults to `False`): Train low-rank adapters and merge them (extra `lora`).
        extra (`dict`, *optional*): Further arguments for `transformers.TrainingArguments`, e.g. `bf16: true`.
    """

    model: str | None = None
    scratch: ScratchConfig | None = None
    revision: str | None = None
    objective: Literal["causal", "masked"] = "causal"
    mask_share: float = 0.3
    packed: bool = False
    prompt: str = "{label}: {text}"
    epochs: float = 3.0
    max_steps: int | None = None
    learning_rate: float = 5e-5
    weight_decay: float = 0.0
    warmup_steps: int = 0
    schedule: str = "linear"
    batch_size: int = 8
    accumulation: int = 1
    max_length: int = 128
    patience: int | None = None
    evaluations: int = 0
    lora: bool = False
    extra: dict[str, Any] = dataclasses.field(default_factory=dict)

    def __post_init__(self):
        if (self.model is None) == (self.scratch is None):
            raise ValueError(
                "train: expected either 'model' (to fine-tune) or 'scratch' (to pretrain), got "
                + ("neither." if self.model is None else "both.")
            )
        if not self.prompt.endswith("{text}") or self.prompt.count("{text}") != 1:
            raise ValueError(
                f"train: prompt: expected a template that ends with {{text}}, got {self.prompt!r}. Write e.g. '{{label}}: {{text}}'."
            )
        if self.scratch is not None and (self.scratch.architecture == "modernbert") != (self.objective == "masked"):
            raise ValueError(
                f"train: scratch: architecture: {self.scratch.architecture!r} cannot learn the objective "
                f"{self.objective!r}. Write 'modernbert' with 'masked', 'gpt2' or 'llama' with 'causal'."
            )
        if self.packed and "{label}" in self.prompt:
            raise ValueError(
                f"train: packed: joins texts without their labels, but the prompt is {self.prompt!r}. Write prompt: "
                "' {text}', or packed: false."
            )
        between(self.mask_share, 0.01, 0.9, "train: mask_share")
        for name in ("max_steps", "batch_size", "accumulation", "max_length", "patience"):
            _positive(getattr(self, name), f"train: {name}")
        _above_zero(self.epochs, "train: epochs")
        _above_zero(self.learning_rate, "train: learning_rate")
        for name in ("warmup_steps", "evaluations", "weight_decay"):
            between(getattr(self, name), 0, 1 << 40, f"train: {name}")


@dataclasses.dataclass(frozen=True, kw_only=True)
class AugmentConfig:
    """
    The augmentation of the training split.

    Args:
        pipeline (`list`): Specs of transforms, applied one after the other. `generate` without `model` takes the
            generator that the recipe trains.
        copies (`int`, *optional*): Copies of each row; or, through `plan`:
        total, per_label (`int`), balance, eda (`bool`): How many copies in all, for each label, enough to balance
            the labels, or as many as the EDA paper recommends.
        key (`str`, *optional*): An id column, where rows of equal content are wanted apart.
    """

    pipeline: tuple[dict[str, Any], ...]
    copies: int | None = None
    total: int | None = None
    per_label: int | None = None
    balance: bool = False
    eda: bool = False
    key: str | None = None

    def __post_init__(self):
        if not self.pipeline:
            raise ValueError(
                "augment: pipeline: expected at least one transform, got an empty list. Write e.g. [{name: eda}]."
            )
        ways = {name: getattr(self, name) for name in ("copies", "total", "per_label", "balance", "eda")}
        given = [name for name, value in ways.items() if value not in (None, False)]
        if len(given) > 1:
            raise ValueError(f"augment: expected one of {list(ways)}, got {given}.")
        for name in ("copies", "total", "per_label"):
            _positive(ways[name], f"augment: {name}")


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
            _positive(getattr(self, name), f"select: {name}")
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


@dataclasses.dataclass(frozen=True, kw_only=True)
class StudyConfig:
    """
    The comparison: one classifier with the gold rows, with each twice, and with gold and augmented rows.

    Args:
        classifier (`str`, *optional*, defaults to `"lstm"`): `"lstm"`, or a Hub id or folder of any encoder that
            `AutoModelForSequenceClassification` loads.
        revision (`str`, *optional*): A commit, branch or tag of a Hub model.
        hidden_size (`int`, *optional*, defaults to `256`): The width of the LSTM's state (`"lstm"` only). Halving it
            takes half the time.
        seeds (`list[int]`, *optional*, defaults to `[0, 1, 2]`): Each arm is trained once with each.
        epochs (`float`, *optional*, defaults to `10.0`): Passes over the gold rows without augmentation.
        evaluations (`int`, *optional*, defaults to `10`): Evaluations on gold validation rows; the best is kept.
        learning_rate, batch_size, max_length, weight_decay: as in `transformers.TrainingArguments`.
        tune_learning_rates (`list[float]`, *optional*): Adds an arm with the gold rows alone, tuned for each seed on
            validation rows: these learning rates and `learning_rate`, each for the steps of the gold and of the
            augmented arm.
        metrics (`list[str]`, *optional*, defaults to `["accuracy", "f1"]`): Modules of `hf_augment.metrics`.
    """

    classifier: str = "lstm"
    revision: str | None = None
    hidden_size: int = 256
    seeds: tuple[int, ...] = (0, 1, 2)
    epochs: float = 10.0
    evaluations: int = 10
    learning_rate: float = 1e-3
    weight_decay: float = 0.0
    batch_size: int = 16
    max_length: int = 128
    tune_learning_rates: tuple[float, ...] = ()
    metrics: tuple[str, ...] = ("accuracy", "f1")

    def __post_init__(self):
        for name in ("hidden_size", "evaluations", "batch_size", "max_length"):
            _positive(getattr(self, name), f"study: {name}")
        _above_zero(self.epochs, "study: epochs")
        _above_zero(self.learning_rate, "study: learning_rate")
        for rate in self.tune_learning_rates:
            _above_zero(rate, "study: tune_learning_rates")
        between(self.weight_decay, 0, 1e6, "study: weight_decay")
        if len(set(self.seeds)) != len(self.seeds) or not self.seeds or min(self.seeds) < 0:
            raise ValueError(f"study: seeds: expected different whole numbers from 0 up, got {list(self.seeds)}.")
        if not self.metrics:
            raise ValueError(f"study: metrics: expected at least one of {sorted(METRICS)}, got an empty list.")
        for name in self.metrics:
            if name not in METRICS:
                raise ValueError("study: metrics: " + unknown("metric", name, METRICS))


def _positive(value: int | None, where: str) -> None:
    if value is not None and value < 1:
        raise ValueError(f"{where}: expected at least 1, got {value!r}.")


def _above_zero(value: float, where: str) -> None:
    if not 0 < value < float("inf"):
        raise ValueError(f"{where}: expected a number above 0, got {value!r}.")
