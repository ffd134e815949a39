"""What a training starts from: a model that is there, or one from random weights; and its tokenizer."""

import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from hf_augment.blocks import TrainConfig
from hf_augment.engine.prompt import PromptFormat
from hf_augment.engine.resources import identity, locate, read_lm
from hf_augment.engine.scratch import new_model, own_tokenizer

_TOKENIZER_TEXTS = 1_000_000  # more change no merge worth having


def describe_base(config: TrainConfig) -> dict[str, Any] | None:
    """Return what a record says about the model that is fine-tuned; `None` for one from random weights."""
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


def start_model(config: TrainConfig, prompt: PromptFormat, rows: Any, arguments: Any) -> tuple[Any, Any]:
    """
    Load or make the model and the tokenizer of a training.

    Args:
        config ([`TrainConfig`]): The `train` block.
        prompt ([`PromptFormat`]): What goes before a text.
        rows (`Dataset` or `IterableDataset`): What a new tokenizer learns from.
        arguments (`TrainingArguments`): Their folder keeps a new tokenizer.

    Returns:
        `tuple`: The model, with adapters if they are asked for, and the tokenizer.

    Raises:
        `ValueError`: They do not fit each other, or lack a token that the objective needs.
    """
    if config.scratch is None:
        model, tokenizer = read_lm(locate(config.model, config.revision), config.objective)
    else:
        with arguments.main_process_first(desc="train the tokenizer"):
            tokenizer = own_tokenizer(_written(rows, prompt), config.scratch, Path(arguments.output_dir) / "tokenizer")
        model = new_model(config.scratch, tokenizer)
    if config.objective == "masked":
        model.sparse_prediction = True  # ModernBERT then scores the vocabulary where a token is masked, and only there
        if tokenizer.mask_token_id is None:
            raise ValueError(f"The tokenizer of {config.model!r} has no mask_token. Use a masked language model.")
    if tokenizer.eos_token_id is None and (config.objective == "causal" or config.packed):  # BERT has none
        raise ValueError(
            f"The tokenizer of {config.model!r} has no eos_token, so no text could end. Use another model."
        )
    size = model.get_input_embeddings().num_embeddings
    if len(tokenizer) > size:  # growing the model silently would add tokens that it never learnt
        raise ValueError(
            f"The tokenizer of {config.model!r} has {len(tokenizer)} tokens, its model only {size}. "
            "Take both from the same place."
        )
    tokenizer.padding_side = "right"
    if tokenizer.pad_token_id is None:  # the attention mask tells padding from the end of a text
        tokenizer.pad_token = tokenizer.eos_token
    model.config.pad_token_id = tokenizer.pad_token_id
    if model.can_generate():
        model.generation_config.pad_token_id = tokenizer.pad_token_id
    return (_with_adapters(model) if config.lora else model), tokenizer


def _written(rows: Any, prompt: PromptFormat) -> Iterator[str]:
    for row in itertools.islice(rows, _TOKENIZER_TEXTS):
        yield prompt.prefix(row["label"], row)  # or a label would be spelt letter by letter
        yield prompt.gap + row["text"]


def _with_adapters(model: Any) -> Any:
    try:
        from peft import LoraConfig, get_peft_model
    except ImportError as error:
        raise ImportError("train: lora: needs the package peft. Run pip install 'hf-augment[lora]'.") from error
    return get_peft_model(model, LoraConfig(task_type="CAUSAL_LM"))
