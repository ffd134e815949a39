"""What all learners share: a number of steps, the best of which is kept by validation rows, and scored on test rows."""

import math
import tempfile
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

import torch
from transformers import PrinterCallback, set_seed

from hf_augment.blocks import StudyConfig
from hf_augment.classifiers.arguments import training_arguments
from hf_augment.classifiers.checkpoint import locate_classifier
from hf_augment.classifiers.examples import Examples
from hf_augment.classifiers.keep_best import KeepBest
from hf_augment.classifiers.stages import StudyTrainer
from hf_augment.engine.resources import require_safetensors

IGNORED = -100  # the label of a token that no loss counts
_TOGETHER = 64  # rows that are read together while nothing is learnt


class Learner(ABC):
    """
    A model for one task with its rows: `model`, `tokenizer`, `rows` to train on and what `collate` makes of them.

    Args:
        data (`Mapping[str, Examples]`): The rows: `train`, `validation`, `test`.
        config ([`StudyConfig`]): The model, its optimisation and the metrics.
    """

    measures: ClassVar[tuple[str, ...]] = ("loss",)  # what `measure` returns, and the step is chosen by
    model: Any
    tokenizer: Any
    rows: list[dict[str, Any]]
    collate: Callable[[list[dict[str, Any]]], Mapping[str, torch.Tensor]]

    @abstractmethod
    def __init__(self, data: Mapping[str, Examples], config: StudyConfig):
        """Make the model, and encode the rows for it."""

    @abstractmethod
    def measure(self) -> dict[str, float]:
        """Return what the model, as it is now, makes of the validation rows."""

    @abstractmethod
    def score(self, split: str) -> dict[str, float]:
        """Return all numbers that the task is scored by, and `loss`."""

    def batches(self, rows: Sequence[Mapping[str, Any]]) -> Iterator[dict[str, torch.Tensor]]:
        """Collate rows in their order, on the model's device."""
        for at in range(0, len(rows), _TOGETHER):
            yield {
                name: value.to(self.model.device) for name, value in self.collate(rows[at : at + _TOGETHER]).items()
            }


def learn(
    task: str,
    kind: type[Learner],
    train: Examples,
    validation: Examples,
    test: Examples,
    *,
    config: StudyConfig,
    seed: int,
    max_steps: int,
    output_dir: str | Path | None = None,
) -> dict[str, Any]:
    """
    Train a model for a fixed number of steps and score the step that was best on the validation rows.

    The test rows are looked at once, after the choice. On one CPU the same call gives the same numbers.

    Args:
        task (`str`): What the rows are for.
        kind (`type[Learner]`): What is trained.
        train ([`Examples`]): The training rows.
        validation ([`Examples`]): Real rows, which choose the step.
        test ([`Examples`]): Real rows, which score it.
        config ([`StudyConfig`]): The model, its optimisation and the metrics.
        seed (`int`): Decides new weights, order of the rows and dropout.
        max_steps (`int`): Optimiser steps.
        output_dir (`str` or `Path`, *optional*): Save the best model with its tokenizer there, in `model`.

    Returns:
        `dict`: `validation` and `test` (the metrics, and `loss`), `best_step`, `steps`, `history` (the evaluations),
        `rows`, `skipped`, `seconds`, `device`, `model` (the folder, or `None`).
    """
    if max_steps < 1:
        raise ValueError(f"max_steps: expected at least 1, got {max_steps!r}.")
    config = config.for_task(task)
    data = {"train": train, "validation": validation, "test": test}
    for split, rows in data.items():
        if not rows.texts:
            raise ValueError(f"There are no {split} rows for {task}, {rows.skipped} were skipped.")
    start = time.perf_counter()
    set_seed(seed)
    learner = kind(data, config)
    best = KeepBest(max_steps, config.evaluations, f"{config.classifier}, seed {seed}", learner.measures)
    with tempfile.TemporaryDirectory() as nothing_is_left_here:
        trainer = _Measured(
            learner=learner,
            schedule_steps=config.schedule_steps,
            model=learner.model,
            args=training_arguments(config, seed, max_steps, nothing_is_left_here),
            train_dataset=learner.rows,
            data_collator=learner.collate,
            callbacks=[best],
        )
        trainer.remove_callback(PrinterCallback)  # it prints to stdout, where a command's answer goes
        trainer.train()
    learner.model.load_state_dict(best.weights)
    learner.model.eval()
    scored = {}
    for split in ("validation", "test"):
        found = learner.score(split)
        scored[split] = {name: float(found[name]) for name in (*config.metrics, "loss")}
    folder = None
    if output_dir is not None:
        folder = Path(output_dir) / "model"
        learner.model.save_pretrained(folder)
        learner.tokenizer.save_pretrained(folder)
    return {
        **scored,
        "best_step": best.step,
        "steps": max_steps,
        "history": best.history,
        "rows": {split: len(rows.texts) for split, rows in data.items()},
        "skipped": {split: rows.skipped for split, rows in data.items()},
        "seconds": round(time.perf_counter() - start, 3),
        "device": str(trainer.args.device),
        "model": None if folder is None else str(folder),
    }


class _Measured(StudyTrainer):
    """A trainer that lets the learner evaluate: F1 of answers or entities is no mean over batches."""

    def __init__(self, *, learner: Learner, **kwargs: Any):
        super().__init__(**kwargs)
        self.learner = learner

    def evaluate(self, *args: Any, **kwargs: Any) -> dict[str, float]:
        self.model.eval()
        with torch.inference_mode():
            found = {f"eval_{name}": value for name, value in self.learner.measure().items()}
        self.control = self.callback_handler.on_evaluate(self.args, self.state, self.control, found)
        return found


def load(kind: Any, config: StudyConfig, **options: Any) -> tuple[Any, Any]:
    """
    Load a checkpoint in fp32 and its tokenizer, from safetensors only; a head that is not there is drawn anew.

    Args:
        kind (`type`): A class of `transformers` such as `AutoModelForQuestionAnswering`.
        config ([`StudyConfig`]): Its `classifier` and `revision` name the checkpoint.
        **options: Further ones of `from_pretrained`.
    """
    from transformers import AutoTokenizer

    folder = locate_classifier(config.classifier, config.revision)
    require_safetensors(folder)
    safely = {"trust_remote_code": False, "local_files_only": True}
    model = kind.from_pretrained(folder, use_safetensors=True, dtype=torch.float32, **options, **safely)
    return model, AutoTokenizer.from_pretrained(folder, **safely)


def most_tokens(model: Any, tokenizer: Any, wanted: int) -> int:
    """Return how many tokens a model reads at most, if no more than `wanted` are to be read."""
    positions = getattr(model.config, "max_position_embeddings", None) or 0
    places = getattr(getattr(model.base_model, "embeddings", None), "position_embeddings", None)
    unused = getattr(places, "padding_idx", None)  # RoBERTa counts positions from behind there
    positions -= 0 if unused is None else unused + 1
    return min(wanted, tokenizer.model_max_length, positions if positions > 0 else wanted)


def sound(text: str) -> str:
    """Replace halves of surrogate pairs, which tokenizers refuse, character by character."""
    return text.encode("utf-8", "replace").decode("utf-8")


def mean_loss(learner: Learner, rows: Sequence[Mapping[str, Any]], ahead: int = 0) -> float:
    """
    Return the mean negative log-likelihood of all labelled tokens of all rows, whatever batches they are read in.

    Args:
        learner ([`Learner`]): Whose model reads them.
        rows (`Sequence[Mapping]`): With `labels`, of which [`IGNORED`] ones do not count.
        ahead (`int`, *optional*, defaults to `0`): How many places before its label a token's scores stand; 1 for a
            causal language model.
    """
    total, count = 0.0, 0
    for batch in learner.batches(rows):
        labels = batch.pop("labels")[:, ahead:]
        logits = learner.model(**batch).logits[:, : labels.shape[1]].float()
        losses = torch.nn.functional.cross_entropy(
            logits.transpose(1, 2), labels, reduction="sum", ignore_index=IGNORED
        )
        total += float(losses)
        count += int((labels != IGNORED).sum())
    return total / count if count else math.nan
