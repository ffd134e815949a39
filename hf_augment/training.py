"""
Train the language model of a recipe: fine-tune a causal or masked one on its rows, or pretrain one from scratch.

One device:

    accelerate launch -m hf_augment.training recipes/quickstart.yaml

Four devices:

    accelerate launch --num_processes 4 -m hf_augment.training recipes/quickstart.yaml

Two machines of eight devices, on each of them with its rank; the recipe's output lies on a disk that both share:

    accelerate launch --num_machines 2 --num_processes 16 --machine_rank 0 --main_process_ip HOST \
        --main_process_port 29500 -m hf_augment.training recipes/quickstart.yaml

Two processes without a GPU, of which `accelerate launch` starts only one, whatever it is asked:

    torchrun --nproc_per_node 2 -m hf_augment.training recipes/quickstart.yaml

N processes with batches of B rows see, step by step, the very rows that one process with batches of N·B sees: the
Trainer's defaults deal the batches of one shuffled order out in turn. Only an epoch's last batch, where rows are
lacking, is filled up with rows from its beginning.

`--set train.epochs=1` and the like override the recipe. Killed at any moment, the same command goes on from the
newest readable checkpoint; once all is done, it says so.
"""

import argparse
import dataclasses
import functools
import math
import os
import shutil
import sys
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import torch
from accelerate.utils import broadcast_object_list
from transformers import (
    DataCollatorForSeq2Seq,
    EarlyStoppingCallback,
    ProgressCallback,
    Trainer,
    TrainingArguments,
    set_seed,
)

from hf_augment.base_model import describe_base, start_model
from hf_augment.blocks import TrainConfig
from hf_augment.blocks.study import CLASSIFY
from hf_augment.data import describe, load_data
from hf_augment.engine.checkpoints import FOLDER, RECORD, prepare
from hf_augment.engine.prompt import IGNORED, PromptFormat
from hf_augment.engine.resources import identity
from hf_augment.errors import unknown
from hf_augment.examples import closed_set, tokenize, usable_rows
from hf_augment.launch import fewer_processes
from hf_augment.masking import MaskedTrainer
from hf_augment.recipe import Recipe, load_recipe
from hf_augment.record import environment, write_json
from hf_augment.streaming import BUFFER, source_identity, stream_texts
from hf_augment.tasks import check_field

SCHEMA = 1
# torch's fused attention goes backward so slowly on a CPU that plain attention trains a third faster (two thousand
# tokens a step, Llama-style 4 x 192); its memory grows with the square of the length.
_SHORT = 512
_OURS = ("output_dir", "seed", "data_seed", "resume_from_checkpoint")  # resuming relies on them


def train(recipe: Recipe) -> dict[str, Any] | None:
    """
    Train the generator of a recipe into `OUTPUT/generator`.

    Args:
        recipe ([`Recipe`]): With a `train` block.

    Returns:
        `dict`, *optional*: What was written to `training.json`; `None` if there was nothing left to do.
    """
    config, folder = recipe.train, recipe.generator
    if config is None:
        raise ValueError(
            "The recipe has no 'train' block, so there is nothing to train. Add one with 'model' or 'scratch'."
        )
    arguments = training_arguments(config, folder / FOLDER, recipe.seed)

    # Load
    if streamed := recipe.data.streaming:
        data, contents = stream_texts(recipe.data, recipe.preprocess), source_identity(recipe.data)
    else:
        data = load_data(recipe.data, recipe.preprocess, recipe.seed)
        splits = describe(data, recipe.data)["splits"]
        contents = {name: split["sha256"] for name, split in splits.items() if name != "test"}
        if recipe.data.task != CLASSIFY:
            contents |= {"task": recipe.data.task, "field": check_field(recipe.data.task, recipe.data.field)}
    base = describe_base(config)
    settings = _settings(config, recipe.seed, contents, base)
    # One process decides for all: another one would find the folder that this one is clearing.
    start = prepare(folder, settings, arguments.world_size) if arguments.process_index == 0 else None
    [start] = broadcast_object_list([start])
    if arguments.process_index == 0:
        for message in filter(None, (start.why, fewer_processes(arguments.world_size))):
            _say(message)
    if start.finished:
        return None

    # Prompt
    rows, skipped = data if streamed else {}, {}
    for split in () if streamed else ("train", "validation"):
        rows[split], skipped[split] = usable_rows(data[split], recipe.data, config.prompt)
    labels = () if streamed else closed_set(data["train"], rows["train"], recipe.data, config.prompt)
    prompt = PromptFormat(config.prompt, labels, config.longest_prompt)

    # Model
    set_seed(recipe.seed)
    model, tokenizer = start_model(config, prompt, rows["train"], arguments)

    # Tokenize
    context = getattr(model.config.get_text_config(), "max_position_embeddings", None)
    longest = min(config.max_length, context or config.max_length)
    if prompt.longest is not None:  # a model that reads less has less room for prompts, too
        prompt = dataclasses.replace(prompt, longest=min(prompt.longest, max(1, longest * 3 // 4)))
    tokens = {split: tokenize(part, prompt, tokenizer, config, longest, split) for split, part in rows.items()}
    if arguments.use_cpu and longest <= _SHORT:
        model.set_attn_implementation("eager")
    if streamed:
        # One pass without end: the Trainer, which cannot count a stream, would go on within the first pass alone.
        tokens["train"] = tokens["train"].shuffle(seed=recipe.seed, buffer_size=BUFFER).repeat(None)
    _set_pace(arguments, config, 0 if streamed else len(tokens["train"]))

    # Train
    kind = functools.partial(MaskedTrainer, share=config.mask_share) if config.objective == "masked" else Trainer
    trainer = kind(
        model=model,
        args=arguments,
        train_dataset=tokens["train"],
        eval_dataset=tokens["validation"],
        processing_class=tokenizer,
        data_collator=DataCollatorForSeq2Seq(tokenizer, label_pad_token_id=IGNORED),
        callbacks=[EarlyStoppingCallback(config.patience)] if config.patience else None,
    )
    if trainer.pop_callback(ProgressCallback) is not None:
        trainer.add_callback(_Progress())
    began = time.perf_counter()
    trainer.train(resume_from_checkpoint=start.checkpoint)
    seconds = time.perf_counter() - began

    # Save
    _save(trainer, tokenizer, prompt, folder, config.lora)

    # Record
    if arguments.process_index != 0:
        return None
    known = ["validation"] if streamed else list(rows)
    record = {
        "schema": SCHEMA,
        "settings": settings,
        "base": base,
        "generator": identity(str(folder)),
        # Of a stream nobody knows the length, nor what was left out.
        "rows": {split: {"used": len(rows[split]), "skipped": skipped.get(split)} for split in known},
        "tokens": {split: sum(map(len, tokens[split]["input_ids"])) for split in known},
        "steps": trainer.state.global_step,
        "epochs": trainer.state.epoch,
        "train_loss": _last(trainer.state.log_history, "loss"),
        "eval_loss": trainer.state.best_metric,
        "best_step": trainer.state.best_global_step,
        "log": trainer.state.log_history,
        "resumed_from": start.checkpoint and Path(start.checkpoint).name,
        "seconds": round(seconds, 3),
        "processes": arguments.world_size,
        "parameters": model.num_parameters(),
        "environment": environment(),
    }
    write_json(folder / RECORD, record)
    shutil.rmtree(folder / FOLDER)
    return record


class _Progress(ProgressCallback):
    """Shows the losses beside the bar, where the Trainer's own prints each as a line on standard output."""

    def __init__(self):
        super().__init__()
        self.losses: dict[str, str] = {}

    def on_log(self, args, state, control, logs=None, **kwargs):
        named = {"loss": "loss", "eval_loss": "validation"}
        self.losses |= {named[name]: f"{float(value):.3f}" for name, value in logs.items() if name in named}
        if self.training_bar is not None:
            self.training_bar.set_postfix(self.losses, refresh=False)


def training_arguments(config: TrainConfig, checkpoints: Path, seed: int) -> TrainingArguments:
    """
    Translate a `train` block, line by line.

    Args:
        config ([`TrainConfig`]): The block.
        checkpoints (`Path`): Where checkpoints go.
        seed (`int`): Of the order of rows, dropout and new weights.
    """
    known = {field.name for field in dataclasses.fields(TrainingArguments)}
    for name in config.extra:
        if name in _OURS:
            raise ValueError(f"train: extra: {name!r} follows from the recipe's 'output' and 'seed'. Set those.")
        if name not in known:
            raise ValueError("train: extra: " + unknown("argument of TrainingArguments", name, known))
    when = "steps" if config.evaluations else "epoch"
    ours = {
        "num_train_epochs": config.epochs,
        "max_steps": config.max_steps or -1,
        "learning_rate": config.learning_rate,
        "weight_decay": config.weight_decay,
        "warmup_steps": config.warmup_steps,
        "lr_scheduler_type": config.schedule,
        "per_device_train_batch_size": config.batch_size,
        "per_device_eval_batch_size": config.batch_size,
        "gradient_accumulation_steps": config.accumulation,
        "eval_strategy": when,
        "save_strategy": when,
        "save_total_limit": 2,  # the best and the newest
        "load_best_model_at_end": True,
        "use_cpu": not torch.accelerator.is_available(),  # or bf16 is refused there
        "report_to": "none",
        "disable_tqdm": False,
    }
    return TrainingArguments(output_dir=str(checkpoints), seed=seed, data_seed=seed, **{**ours, **config.extra})


def _set_pace(arguments: TrainingArguments, config: TrainConfig, rows: int) -> None:
    """Turn a number of evaluations into a number of steps between them, and log about a hundred times."""
    batches = math.ceil(rows / (arguments.train_batch_size * arguments.world_size))
    updates = math.ceil(batches / arguments.gradient_accumulation_steps)
    steps = config.max_steps or math.ceil(config.epochs * updates)
    if config.evaluations:
        arguments.eval_steps = arguments.save_steps = math.ceil(steps / config.evaluations)
    if "logging_steps" not in config.extra:
        arguments.logging_steps = math.ceil(steps / 100)


def _settings(config: TrainConfig, seed: int, contents: dict[str, str], base: dict[str, Any] | None) -> dict[str, Any]:
    """Return what decides the weights: contents in the place of names, so that a moved file trains nothing anew."""
    train = dataclasses.asdict(config)
    del train["revision"]
    if train["max_prompt_length"] is None:  # it is new, and what was trained without it stays trained
        del train["max_prompt_length"]
    return {"train": {**train, "model": base and base["identity"]}, "seed": seed, "data": contents}


def _save(trainer: Trainer, tokenizer: Any, prompt: PromptFormat, folder: Path, lora: bool) -> None:
    if lora:
        trainer.model = trainer.accelerator.unwrap_model(trainer.model).merge_and_unload()
    trainer.save_model(str(folder))
    if trainer.args.process_index == 0:
        tokenizer.save_pretrained(folder)
        prompt.save(folder)
        (folder / "training_args.bin").unlink(missing_ok=True)  # a pickle; what it says stands in the record


def _last(log: Iterable[dict[str, Any]], key: str) -> float | None:
    return next((entry[key] for entry in reversed(list(log)) if key in entry), None)


def _say(message: str) -> None:
    sys.stderr.write(f"{message}\n")


def main(argv: Sequence[str] | None = None) -> int:
    """Train the generator of the recipe that the command line names; return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m hf_augment.training", description="Train a recipe's generator.")
    parser.add_argument("recipe", help="a YAML file, or the name of a recipe that ships with the package")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="override a setting")
    given = parser.parse_args(argv)
    try:
        train(load_recipe(given.recipe, given.set))
    except (ValueError, TypeError, OSError, ImportError) as error:
        if os.environ.get("HF_DEBUG") == "1":
            raise
        _say(f"error: {error}")
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
