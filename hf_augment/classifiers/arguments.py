"""How the `Trainer` of a study runs: for a number of steps, with nothing saved, logged or printed."""

import torch
from transformers import TrainingArguments

from hf_augment.blocks import StudyConfig


def training_arguments(config: StudyConfig, seed: int, max_steps: int, folder: str) -> TrainingArguments:
    """
    Return the arguments of one training.

    Args:
        config ([`StudyConfig`]): The optimisation.
        seed (`int`): Decides the order of the rows, and dropout.
        max_steps (`int`): Optimiser steps.
        folder (`str`): What `Trainer` wants, and leaves empty.
    """
    arguments = TrainingArguments(
        output_dir=folder,
        max_steps=max_steps,
        learning_rate=config.learning_rate,
        warmup_steps=config.warmup_steps,
        weight_decay=config.weight_decay,
        per_device_train_batch_size=config.batch_size,
        per_device_eval_batch_size=64,
        seed=seed,
        data_seed=seed,
        save_strategy="no",
        logging_strategy="no",
        report_to="none",
        disable_tqdm=True,
        dataloader_pin_memory=torch.cuda.is_available(),
    )
    if arguments.n_gpu > 1:
        arguments._n_gpu = 1  # Trainer would multiply the batch by the devices, and steps would mean something else
    return arguments
