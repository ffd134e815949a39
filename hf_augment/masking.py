"""The masked objective: which tokens a model is asked for, and what it sees in their place."""

from typing import Any

import torch
from transformers import Trainer

from hf_augment.engine.prompt import IGNORED


class MaskedTrainer(Trainer):
    """
    A `Trainer` that hides tokens when a batch is trained on, not when it is collated.

    The loader collates ahead of the step, so masks drawn there would not be those of a run that goes on from a
    checkpoint. Each evaluation hides the same tokens.

    Args:
        share (`float`): The share of tokens that are hidden; the other arguments are those of `Trainer`. The `labels`
            of its rows are the tokens that may be asked for, all others `IGNORED`.
    """

    def __init__(self, *, share: float, **options: Any):
        super().__init__(**options)
        self.share = share
        self.model_accepts_loss_kwargs = False  # or the loss is divided by all tokens that might have been hidden

    def compute_loss(self, model, inputs, *args, **options):
        ids, labels = inputs["input_ids"], inputs["labels"]
        draws = None if model.training else torch.Generator().manual_seed(int(ids.sum()))
        ids, labels = hide(ids, labels, self.share, self.processing_class, draws)
        return super().compute_loss(model, {**inputs, "input_ids": ids, "labels": labels}, *args, **options)


def hide(
    ids: torch.Tensor, labels: torch.Tensor, share: float, tokenizer: Any, draws: torch.Generator | None = None
) -> tuple[torch.Tensor, torch.Tensor]:
    """
    Hide tokens: of those chosen, 80 % become the mask token, 10 % another token, 10 % stay (Devlin et al. 2019).

    Args:
        ids (`torch.Tensor` of shape `(rows, tokens)`): A batch.
        labels (`torch.Tensor` of the same shape): The tokens that may be chosen; `IGNORED` elsewhere.
        share (`float`): The share that is chosen; one token at least.
        tokenizer (`PreTrainedTokenizerBase`): Has a mask token.
        draws (`torch.Generator`, *optional*): On the CPU; by default torch's own, which a checkpoint brings back.

    Returns:
        `tuple[torch.Tensor, torch.Tensor]`: What the model sees, and the labels, `IGNORED` where nothing was chosen.
    """
    lot, fate = torch.rand((2, *ids.shape), generator=draws).to(ids.device)
    others = torch.randint(len(tokenizer), ids.shape, generator=draws).to(ids.device)
    lot = lot.masked_fill(labels == IGNORED, 2.0)
    chosen = (lot < share) | ((lot == lot.min()) & (lot < 2))
    seen = ids.masked_fill(chosen & (fate < 0.8), tokenizer.mask_token_id)
    seen = torch.where(chosen & (fate >= 0.9), others.to(ids.dtype), seen)
    return seen, labels.masked_fill(~chosen, IGNORED)
