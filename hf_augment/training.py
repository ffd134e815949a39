"""
Train the generator of a recipe: fine-tune a causal language model on its rows, or pretrain one from scratch.

One device:

    accelerate launch -m hf_augment.training recipes/quickstart.yaml

Four devices:

    accelerate launch --num_processes 4 -m hf_augment.training recipes/quickstart.yaml

Two machines of eight devices, on each of them with its rank; the recipe's output lies on a disk that both share:

    accelerate launch --num_machines 2 --num_processes 16 --machine_rank 0 --main_process_ip HOST \
        --main_process_port 29500 -m hf_augment.training recipes/quickstart.yaml

Two processes without a GPU, of which `accelerate launch` starts only one, whatever it is asked:

    torchrun --nproc_per_node 2 -m hf_augment.training recipes/quickstart.yaml

`--set train.epochs=1` and the like override the recipe. Killed at any moment, the same command goes on from the
newest readable checkpoint; once all is done, it says so.
"""

import argparse
import dataclasses
import math
import os
import shutil
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import psutil
import torch
from accelerate.utils import broadcast_object_list
from datasets import Dataset, Features, List, Value
from transformers import (
    AutoModelForCausalLM,
    AutoTokenizer,
    DataCollatorForSeq2Seq,
    EarlyStoppingCallback,
    Trainer,
    TrainingArguments,
    set_seed,
)

from hf_augment.data import describe, load_data
from hf_augment.engine.checkpoints import FOLDER, RECORD, prepare
from hf_augment.engine.prompt import IGNORED, PromptFormat
from hf_augment.engine.resources import identity, locate, require_safetensors
from hf_augment.engine.scratch import new_model, train_tokenizer
from hf_augment.errors import unknown
from hf_augment.recipe import Recipe, TrainConfig, load_recipe
from hf_augment.record import environment, write_json
from hf_augment.tasks import verbalise

SCHEMA = 1
_OURS = ("output_dir", "seed", "data_seed", "resume_from_checkpoint")  # resuming relies on them
_TOKENS = Features({"input_ids": List(Value("int32")), "labels": List(Value("int64"))})


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
    data = load_data(recipe.data, recipe.preprocess, recipe.seed)
    contents = {
        name: split["sha256"] for name, split in describe(data, recipe.data)["splits"].items() if name != "test"
    }
    base = _base(config)
    settings = _settings(config, recipe.seed, contents, base)
    # One process decides for all: another one would find the folder that this one is clearing.
    start = prepare(folder, settings, arguments.world_size) if arguments.process_index == 0 else None
    [start] = broadcast_object_list([start])
    _say(arguments, start.why)
    if start.finished:
        return None

    # Prompt
    rows, skipped = {}, {}
    for split in ("train", "validation"):
        rows[split], skipped[split] = usable_rows(data[split], recipe, config.prompt)
    labels = sorted(set(rows["train"]["label"])) if "{label}" in config.prompt else []
    prompt = PromptFormat(config.prompt, tuple(labels))

    # Model
    set_seed(recipe.seed)
    model, tokenizer = _model(config, rows["train"]["text"], folder / FOLDER, arguments)

    # Tokenize
    longest = min(config.max_length, model.config.max_position_embeddings)
    tokens = {split: _tokenize(part, prompt, tokenizer, longest, split) for split, part in rows.items()}
    _set_pace(arguments, config, len(tokens["train"]))

    # Train
    trainer = Trainer(
        model=model,
        args=arguments,
        train_dataset=tokens["train"],
        eval_dataset=tokens["validation"],
        processing_class=tokenizer,
        data_collator=DataCollatorForSeq2Seq(tokenizer, label_pad_token_id=IGNORED),
        callbacks=[EarlyStoppingCallback(config.patience)] if config.patience else None,
    )
    began = time.perf_counter()
    trainer.train(resume_from_checkpoint=start.checkpoint)
    seconds = time.perf_counter() - began

    # Save
    _save(trainer, tokenizer, prompt, folder, config.lora)

    # Record
    if arguments.process_index != 0:
        return None
    record = {
        "schema": SCHEMA,
        "settings": settings,
        "base": base,
        "generator": identity(str(folder)),
        "rows": {split: {"used": len(rows[split]), "skipped": dict(skipped[split])} for split in rows},
        "tokens": {split: _count(part) for split, part in tokens.items()},
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


def _base(config: TrainConfig) -> dict[str, Any] | None:
    if config.model is None:
        return None
    folder = locate(config.model, config.revision).resolve()
    commit = folder.name if folder.parent.name == "snapshots" else None
    return {
        "model": config.model,
        "revision": config.revision,
        "commit": commit,
        "identity": identity(config.model, config.revision),
    }


def _settings(config: TrainConfig, seed: int, contents: dict[str, str], base: dict[str, Any] | None) -> dict[str, Any]:
    """Return what decides the weights: contents in the place of names, so that a moved file trains nothing anew."""
    train = dataclasses.asdict(config)
    del train["revision"]
    return {"train": {**train, "model": base and base["identity"]}, "seed": seed, "data": contents}


def usable_rows(dataset: Dataset, recipe: Recipe, template: str) -> tuple[Dataset, Counter[str]]:
    """
    Keep the rows that can be trained on, with two columns, `text` and the label's name, `label`.

    Args:
        dataset (`Dataset`): A split.
        recipe ([`Recipe`]): Its `data` block names the columns.
        template (`str`): Where it has no `{label}`, none is needed.

    Returns:
        `tuple`: The rows, and how many were left out by reason.
    """
    texts = dataset[recipe.data.text]
    kept, skipped = {"text": [], "label": []}, Counter()
    names = getattr(dataset.features.get(recipe.data.label), "names", None)
    labels = dataset[recipe.data.label] if "{label}" in template else [""] * len(dataset)
    for text, value in zip(texts, labels, strict=True):
        label = verbalise(value, names, recipe.data.label)
        if not isinstance(text, str):
            skipped["text is None" if text is None else "text is not a string"] += 1
        elif not text.strip():
            skipped["text is empty"] += 1
        elif label is None:
            skipped["no label"] += 1
        else:
            kept["text"].append(text)
            kept["label"].append(label)
    if not kept["text"]:
        raise ValueError(
            f"No row of {len(dataset)} can be trained on: {dict(skipped)}. Check data.text and data.label."
        )
    return Dataset.from_dict(kept), skipped


def _model(
    config: TrainConfig, texts: Sequence[str], checkpoints: Path, arguments: TrainingArguments
) -> tuple[Any, Any]:
    if config.scratch is not None:
        tokenizer = _own_tokenizer(config, texts, checkpoints / "tokenizer", arguments)
        model = new_model(config.scratch, tokenizer)
    else:
        folder = locate(config.model, config.revision)
        require_safetensors(folder)
        safely = {"trust_remote_code": False, "local_files_only": True}
        tokenizer = AutoTokenizer.from_pretrained(folder, **safely)
        model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32, use_safetensors=True, **safely)
    if tokenizer.eos_token_id is None:
        raise ValueError(
            f"The tokenizer of {config.model!r} has no eos_token, so no text could end. Use another model."
        )
    if len(tokenizer) > model.get_input_embeddings().num_embeddings:
        raise ValueError(
            f"The tokenizer of {config.model!r} has {len(tokenizer)} tokens, its model only "
            f"{model.get_input_embeddings().num_embeddings}. Take both from the same place."
        )
    tokenizer.padding_side = "right"
    if tokenizer.pad_token_id is None:  # a new token would need a new row of weights; the mask hides this one as well
        tokenizer.pad_token = tokenizer.eos_token
    model.config.pad_token_id = model.generation_config.pad_token_id = tokenizer.pad_token_id
    return (_with_adapters(model) if config.lora else model), tokenizer


def _own_tokenizer(config: TrainConfig, texts: Sequence[str], folder: Path, arguments: TrainingArguments) -> Any:
    with arguments.main_process_first(desc="tokenizer"):
        if not folder.is_dir():
            lead = config.prompt.removesuffix("{text}")[-1:]
            tokenizer = train_tokenizer((lead + text if lead.isspace() else text for text in texts), config.scratch)
            unfinished = folder.with_name(f"{folder.name}.{os.getpid()}.tmp")
            tokenizer.save_pretrained(unfinished)
            unfinished.rename(folder)
    return AutoTokenizer.from_pretrained(folder)


def _with_adapters(model: Any) -> Any:
    try:
        from peft import LoraConfig, get_peft_model
    except ImportError as error:
        raise ImportError("train: lora: needs the package peft. Run pip install 'hf-augment[lora]'.") from error
    return get_peft_model(model, LoraConfig(task_type="CAUSAL_LM"))


def _tokenize(rows: Dataset, prompt: PromptFormat, tokenizer: Any, longest: int, split: str) -> Dataset:
    return rows.map(
        lambda row: prompt.encode_example(tokenizer, row["label"], row["text"], longest),
        remove_columns=rows.column_names,
        features=_TOKENS,
        keep_in_memory=True,
        new_fingerprint=split,  # nothing is looked up by it, and hashing a tokenizer takes time
        desc=f"tokenize {split}",
    )


def _save(trainer: Trainer, tokenizer: Any, prompt: PromptFormat, folder: Path, lora: bool) -> None:
    if lora:
        trainer.model = trainer.accelerator.unwrap_model(trainer.model).merge_and_unload()
    trainer.save_model(str(folder))
    if trainer.args.process_index == 0:
        tokenizer.save_pretrained(folder)
        prompt.save(folder)
        (folder / "training_args.bin").unlink(missing_ok=True)  # a pickle; what it says stands in the record


def _count(tokens: Dataset) -> int:
    return sum(len(ids) for ids in tokens["input_ids"])


def _last(log: Iterable[dict[str, Any]], key: str) -> float | None:
    return next((entry[key] for entry in reversed(list(log)) if key in entry), None)


def _say(arguments: TrainingArguments, message: str) -> None:
    if message and arguments.process_index == 0:
        print(message, file=sys.stderr, flush=True)


def launch(recipe: str, overrides: Sequence[str] = (), accelerate_flags: Sequence[str] = ()) -> int:
    """
    Train in processes of their own, under `accelerate launch`.

    Args:
        recipe (`str`): The recipe's path or name.
        overrides (`Sequence[str]`, *optional*): Settings such as `"train.epochs=1"`.
        accelerate_flags (`Sequence[str]`, *optional*): Flags of `accelerate launch`, e.g. `["--num_processes", "4"]`.

    Returns:
        `int`: The exit status: 0 if all went well.
    """
    settings = [word for override in overrides for word in ("--set", override)]
    # This Python's accelerate, not the one that PATH finds; --quiet spares the launcher's own traceback.
    launcher = [sys.executable, "-m", "accelerate.commands.launch", "--quiet", *accelerate_flags]
    return subprocess.run([*launcher, "-m", "hf_augment.training", str(recipe), *settings], check=False).returncode


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
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
