"""The `train.scratch` block: a model from random weights."""

import dataclasses
from typing import Literal

from hf_augment.fields import positive


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
            positive(getattr(self, name), f"train: scratch: {name}")
        if self.vocabulary < 300:
            raise ValueError(
                f"train: scratch: vocabulary: expected at least 300 (256 bytes and some merges), got {self.vocabulary}."
            )
        if self.width % self.heads:
            raise ValueError(
                f"train: scratch: width {self.width} is not a multiple of heads {self.heads}. Write e.g. width: {self.heads * 32}."
            )
