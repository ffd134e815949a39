"""The `train` block: the language model."""

import dataclasses
from typing import Any, Literal

from hf_augment.blocks.scratch import ScratchConfig
from hf_augment.fields import above_zero, between, positive, template_fields


@dataclasses.dataclass(frozen=True, kw_only=True)
class TrainConfig:
    """
    The generator: a causal language model that learns P(text | label), or P(field | the rest); or a masked one.

    Args:
        model (`str`, *optional*): What to fine-tune: a Hub id, a folder, or `embedded:generator`.
        scratch (`ScratchConfig`, *optional*): Instead of `model`: pretrain one on the texts.
        objective (`str`, *optional*, defaults to `"causal"`): `"causal"`: learn to write; `"masked"`: learn to fill in
            masked tokens (Devlin et al. 2019, huggingface.co/papers/1810.04805). A prompt is never masked.
        mask_share (`float`, *optional*, defaults to `0.3`): The share of tokens that `"masked"` hides, of which 80 %
            become the mask token, 10 % another token and 10 % stay.
        packed (`bool`, *optional*, defaults to `False`): Join texts, an end token after each, and cut the whole into
            sequences of `max_length` tokens, so that none is padding: for pretraining. Needs the prompt `" {text}"`.
        revision (`str`, *optional*): A commit, branch or tag of a Hub model.
        prompt (`str`, *optional*, defaults to `"{label}: {text}"`): How a label leads to a text; ends with `{text}`.
            Without `{label}` the model learns P(text), which is what pretraining wants. In other tasks it holds what
            the field is conditioned on: `"{source} => {text}"` where the target of a translation is written,
            `"{document}\\nTL;DR: {text}"`, `"{context}\\nanswer: {answer}\\nquestion: {text}"`,
            `"{history}\\nassistant: {text}"`, and the other way round. Labels that repeat, or are named by the
            dataset, are a closed set, and the generator is asked for no others; labels that are texts are not.
        max_prompt_length (`int`, *optional*): Tokens of a prompt at most, by default three quarters of `max_length`:
            where a prompt is longer, its longest field is shortened, a history to its end, anything else to its
            beginning, in training as in generation. A label is never shortened.
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
    max_prompt_length: int | None = None
    patience: int | None = None
    evaluations: int = 0
    lora: bool = False
    extra: dict[str, Any] = dataclasses.field(default_factory=dict)

    @property
    def longest_prompt(self) -> int | None:
        """Tokens of a prompt at most; `None` where it holds nothing that could be shortened."""
        if not template_fields(self.prompt):
            return None
        return self.max_prompt_length or max(1, self.max_length * 3 // 4)

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
        if self.lora and self.objective == "masked":
            raise ValueError("train: lora: adapters are for the objective 'causal', got 'masked'. Write lora: false.")
        fields = template_fields(self.prompt)
        if self.packed and ("{label}" in self.prompt or fields):
            raise ValueError(
                f"train: packed: joins texts without their labels, but the prompt is {self.prompt!r}. Write prompt: "
                "' {text}', or packed: false."
            )
        if self.objective == "masked" and fields:
            raise ValueError(
                f"train: prompt: a masked model is asked with the label alone, got {self.prompt!r}. Take {list(fields)} "
                "out, or write objective: causal."
            )
        if self.max_prompt_length is not None and not (fields and 1 <= self.max_prompt_length < self.max_length):
            raise ValueError(
                f"train: max_prompt_length: expected a prompt with fields, such as '{{source}} => {{text}}', and a number "
                f"from 1 to {self.max_length - 1}, below max_length; got {self.max_prompt_length} for {self.prompt!r}."
            )
        between(self.mask_share, 0.01, 0.9, "train: mask_share")
        for name in ("max_steps", "batch_size", "accumulation", "max_length", "patience"):
            positive(getattr(self, name), f"train: {name}")
        above_zero(self.epochs, "train: epochs")
        above_zero(self.learning_rate, "train: learning_rate")
        for name in ("warmup_steps", "evaluations", "weight_decay"):
            between(getattr(self, name), 0, 1 << 40, f"train: {name}")
