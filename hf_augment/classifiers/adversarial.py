"""What makes a classifier sturdier while it is trained: embeddings moved against it, and labels that are less sure."""

from contextlib import nullcontext
from typing import Any

import torch
from transformers import Trainer

from hf_augment.classifiers.victim import embeddings_of

_REACH = 2.5  # of several steps: together they could go so many times as far as they may (Madry et al.)


class AdversarialTrainer(Trainer):
    """
    A `Trainer` whose training loss is the mean of two: for the rows, and for the worst that lies near them.

    The embeddings of a row are moved by a vector that raises its loss and is, over all its tokens, at most `epsilon`
    long: one gradient is the fast gradient method as Miyato et al. 2017 carry it to text
    (huggingface.co/papers/1605.07725), several are projected gradient descent (Madry et al. 2018,
    huggingface.co/papers/1706.06083), from the row itself on. Evaluation is as ever.

    Args:
        smoothing (`float`, *optional*, defaults to `0.0`): The share of the label that is spread over all classes.
        epsilon (`float`, *optional*, defaults to `0.0`): The length; 0 leaves the plain loss.
        gradients (`int`, *optional*, defaults to `1`): How many the vector follows.
        kwargs: As for `transformers.Trainer`.
    """

    def __init__(self, *, smoothing: float = 0.0, epsilon: float = 0.0, gradients: int = 1, **kwargs: Any):
        super().__init__(**kwargs)
        self.smoothing, self.epsilon, self.gradients = smoothing, epsilon, gradients

    def compute_loss(self, model, inputs, return_outputs=False, num_items_in_batch=None):
        if not model.training or not (self.smoothing or self.epsilon):
            return super().compute_loss(model, inputs, return_outputs, num_items_in_batch=num_items_in_batch)
        plain = self.accelerator.unwrap_model(model)
        with embeddings_of(plain) if self.epsilon else nullcontext() as seen:
            outputs = model(**inputs)
        loss = self._loss(outputs, inputs)
        if self.epsilon:
            [slope] = torch.autograd.grad(loss, seen, retain_graph=True)
            with embeddings_of(plain, self._worst(model, plain, inputs, slope)):
                loss = (loss + self._loss(model(**inputs), inputs)) / 2
        return (loss, outputs) if return_outputs else loss

    def _loss(self, outputs: Any, inputs: dict[str, Any]) -> torch.Tensor:
        return torch.nn.functional.cross_entropy(outputs.logits, inputs["labels"], label_smoothing=self.smoothing)

    def _worst(self, model: Any, plain: Any, inputs: dict[str, Any], slope: torch.Tensor) -> torch.Tensor:
        """Follow the gradients, the first of which is known, without leaving the ball."""
        change = torch.zeros_like(slope)
        length = self.epsilon if self.gradients == 1 else self.epsilon * _REACH / self.gradients
        for step in range(self.gradients):
            if step:
                with embeddings_of(plain, change) as seen:
                    loss = self._loss(model(**inputs), inputs)
                [slope] = torch.autograd.grad(loss, seen)
            change = shortened(change + length * unit(slope), self.epsilon)
        return change


def unit(rows: torch.Tensor) -> torch.Tensor:
    """Scale each row, over its tokens and their dimensions, to length 1; a row of zeros stays."""
    return rows / _lengths(rows).clamp(min=torch.finfo(rows.dtype).tiny)


def shortened(rows: torch.Tensor, longest: float) -> torch.Tensor:
    """Scale rows that are longer than `longest` down to it."""
    return rows * (longest / _lengths(rows).clamp(min=torch.finfo(rows.dtype).tiny)).clamp(max=1)


def _lengths(rows: torch.Tensor) -> torch.Tensor:
    return rows.flatten(1).norm(dim=1).reshape(-1, *[1] * (rows.dim() - 1))
