"""Trains one classifier, keeps its best step by gold validation rows, and scores that step on test rows."""

import copy
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from hf_augment.blocks import StudyConfig
from hf_augment.blocks.study import CLASSIFY
from hf_augment.classifiers.arguments import training_arguments
from hf_augment.classifiers.examples import Examples, class_names, read_examples
from hf_augment.classifiers.keep_best import KeepBest
from hf_augment.classifiers.lstm import LSTMConfig, LSTMForSequenceClassification
from hf_augment.classifiers.scoring import row_scores
from hf_augment.classifiers.stages import WEIGHT, StudyTrainer, first_stage, weights, with_fresh_head
from hf_augment.classifiers.tokenizer import train_tokenizer


def train_classifier(
    train: Any,
    validation: Any,
    test: Any,
    *,
    text: str,
    label: str,
    config: StudyConfig,
    seed: int,
    max_steps: int,
    label_names: Sequence[str] | None = None,
    output_dir: str | Path | None = None,
    tokenizer: Any = None,
    added: int = 0,
    per_row: bool = False,
) -> dict[str, Any]:
    """
    Train a classifier for a fixed number of steps and score the step that was best on the validation rows.

    The test rows are looked at once, after the choice. Rows without a text or a label are skipped and counted. On one
    CPU the same call gives the same numbers and the same weights.

    Args:
        train (`Dataset`): The training rows.
        validation (`Dataset`): Real rows, which choose the step.
        test (`Dataset`): Real rows, which score it.
        text (`str`): The text column.
        label (`str`): The label column: `ClassLabel`, strings or whole numbers.
        config ([`StudyConfig`]): The classifier, its optimisation and the metrics.
        seed (`int`): Decides weights, order of the rows and dropout.
        max_steps (`int`): Optimiser steps, those of both stages if there are two. The learning rate falls linearly to
            0 over them.
        label_names (`Sequence[str]`, *optional*): The names of integer labels that carry none.
        output_dir (`str` or `Path`, *optional*): Save the best model with its tokenizer there, in `model`.
        tokenizer (`PreTrainedTokenizerFast`, *optional*): For the LSTM; by default trained on the training texts.
        added (`int`, *optional*, defaults to `0`): How many of the last training rows are augmented.
        per_row (`bool`, *optional*, defaults to `False`): Add `test_rows`: for each test row whether it was read
            rightly, 1 or 0, and the probability of its label.

    Returns:
        `dict`: `validation` and `test` (the metrics, and `loss`), `best_step`, `steps`, `history` (the evaluations),
        `rows`, `skipped`, `seconds`, `label_names`, `device`, `model` (the folder, or `None`).
    """
    from transformers import set_seed

    from hf_augment import metrics

    if max_steps < 1:
        raise ValueError(f"max_steps: expected at least 1, got {max_steps!r}.")
    config = config.for_task(CLASSIFY)
    scores = metrics.combine(config.metrics)
    names = class_names(train, label, label_names)
    splits = {
        split: read_examples(rows, text=text, label=label, names=names, label_names=label_names, split=split)
        for split, rows in {"train": train, "validation": validation, "test": test}.items()
    }
    if config.classifier == "features":
        from hf_augment.classifiers.features import train_features

        counts = weights(len(splits["train"].texts), added, config)
        return train_features(splits, names, config, counts, added, output_dir, per_row)
    start = time.perf_counter()
    set_seed(seed)
    model, tokenizer = _load(config, names, tokenizer, splits["train"].texts)
    encoded = {split: _encode(rows, tokenizer, config.max_length) for split, rows in splits.items()}
    if added and config.synthetic_weight != 1:
        counts = weights(len(encoded["train"]), added, config)
        encoded["train"] = [{**row, WEIGHT: count} for row, count in zip(encoded["train"], counts, strict=True)]
    in_order = sorted(range(len(encoded["test"])), key=lambda row: len(encoded["test"][row]["input_ids"]))
    for split in ("validation", "test"):
        encoded[split].sort(key=lambda row: len(row["input_ids"]))  # the less padding, the faster
    first, encoded["train"], before = first_stage(encoded["train"], added, max_steps, config)
    best = KeepBest(max_steps - before, config.evaluations, f"{config.classifier}, seed {seed}")
    with tempfile.TemporaryDirectory() as nothing_is_left_here:
        if before:
            _trainer(model, tokenizer, {"train": first}, config, seed, before, None, nothing_is_left_here).train()
            model = with_fresh_head(model, lambda: _load(config, names, None, ())[0])
        steps = max_steps - before
        trainer = _trainer(model, tokenizer, encoded, config, seed, steps, best, nothing_is_left_here)
        trainer.train()
        model.load_state_dict(best.weights)
        scored = {split: _score(trainer, encoded[split], scores) for split in ("validation", "test")}
        if per_row:
            logits = torch.from_numpy(trainer.predict(encoded["test"]).predictions)
            found = dict(zip(in_order, logits.double().softmax(-1).numpy(), strict=True))
            scored["test_rows"] = row_scores([found[row] for row in range(len(found))], splits["test"].labels)
    folder = None
    if output_dir is not None:
        folder = Path(output_dir) / "model"
        model.save_pretrained(folder)
        tokenizer.save_pretrained(folder)
    return {
        **scored,
        "best_step": best.step,
        "steps": max_steps,
        "history": best.history,
        "rows": {split: len(rows.texts) for split, rows in splits.items()},
        "skipped": {split: rows.skipped for split, rows in splits.items()},
        "seconds": round(time.perf_counter() - start, 3),
        "label_names": names,
        "device": str(trainer.args.device),
        "model": None if folder is None else str(folder),
    }


def _load(config: StudyConfig, names: Sequence[str], tokenizer: Any, texts: Sequence[str]) -> tuple[Any, Any]:
    """Make the LSTM, or load a checkpoint; a head that does not fit the classes is drawn anew."""
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    classes = {"id2label": dict(enumerate(names)), "label2id": {name: i for i, name in enumerate(names)}}
    if config.classifier == "lstm":
        tokenizer = train_tokenizer(texts) if tokenizer is None else copy.deepcopy(tokenizer)
        if tokenizer.pad_token is None:  # GPT-2's has none; the attention mask tells padding from the end of a text
            tokenizer.pad_token = tokenizer.eos_token
        size = {"vocab_size": len(tokenizer), "hidden_size": config.hidden_size}
        size = LSTMConfig(pad_token_id=tokenizer.pad_token_id, **size, **classes)
        return LSTMForSequenceClassification(size), tokenizer
    from hf_augment.classifiers.checkpoint import locate_classifier

    if tokenizer is not None:
        raise ValueError(f"The classifier {config.classifier!r} has a tokenizer of its own. Leave 'tokenizer' out.")
    folder = locate_classifier(config.classifier, config.revision)
    safely = {"trust_remote_code": False, "local_files_only": True}
    model = AutoModelForSequenceClassification.from_pretrained(
        folder, use_safetensors=True, dtype=torch.float32, ignore_mismatched_sizes=True, **classes, **safely
    )
    return model, AutoTokenizer.from_pretrained(folder, **safely)


def _encode(examples: Examples, tokenizer: Any, max_length: int) -> list[dict[str, Any]]:
    longest = min(max_length, tokenizer.model_max_length)
    encoded = tokenizer(examples.texts, truncation=True, max_length=longest)
    rows = zip(*encoded.values(), strict=True)
    return [
        {**dict(zip(encoded, row, strict=True)), "labels": number}
        for row, number in zip(rows, examples.labels, strict=True)
    ]


def _trainer(model, tokenizer, encoded, config: StudyConfig, seed: int, max_steps: int, best, folder: str) -> Any:
    from transformers import DataCollatorWithPadding, PrinterCallback

    arguments = training_arguments(config, seed, max_steps, folder)
    trainer = StudyTrainer(
        schedule_steps=config.schedule_steps,
        smoothing=config.label_smoothing,
        epsilon=config.adversarial_epsilon,
        gradients=config.adversarial_steps,
        model=model,
        args=arguments,
        train_dataset=encoded["train"],
        eval_dataset=encoded.get("validation"),
        data_collator=DataCollatorWithPadding(tokenizer),
        compute_metrics=lambda found: {"accuracy": float((found.predictions.argmax(-1) == found.label_ids).mean())},
        callbacks=[best] if best else [],
    )
    trainer.remove_callback(PrinterCallback)  # it prints to stdout, where a command's answer goes
    return trainer


def _score(trainer: Any, rows: list[dict[str, Any]], scores: Any) -> dict[str, float]:
    found = trainer.predict(rows)
    numbers = scores.compute(predictions=found.predictions.argmax(-1), references=found.label_ids)
    return {**{name: float(value) for name, value in numbers.items()}, "loss": float(found.metrics["test_loss"])}
