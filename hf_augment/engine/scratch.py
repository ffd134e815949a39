"""A language model from random weights, and its tokenizer from the training texts."""

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from hf_augment.blocks import ScratchConfig

END = "<|endoftext|>"
MASK = "<|mask|>"
_ATTENTION = ("full_attention", "sliding_attention")


def own_tokenizer(texts: Iterable[str], config: ScratchConfig, folder: Path) -> Any:
    """
    Return the tokenizer of a training run: from its folder, or trained on the texts and put there.

    Args:
        texts (`Iterable[str]`): The training texts.
        config (`ScratchConfig`): See `train_tokenizer`.
        folder (`Path`): Where it is kept for a run that goes on, and for other processes.
    """
    from transformers import AutoTokenizer

    if not folder.is_dir():
        unfinished = folder.with_name(f"{folder.name}.{os.getpid()}.tmp")
        train_tokenizer(texts, config).save_pretrained(unfinished)
        unfinished.rename(folder)
    return AutoTokenizer.from_pretrained(folder)


def train_tokenizer(texts: Iterable[str], config: ScratchConfig) -> Any:
    """
    Train a byte-level BPE tokenizer: every text can be written with it, and none is lost.

    Args:
        texts (`Iterable[str]`): The training texts.
        config (`ScratchConfig`): `vocabulary`, `context`, and `architecture`: for a masked model there is a mask
            token, and each text stands between two end tokens.

    Returns:
        `PreTrainedTokenizerFast`: With one special token that ends a text, begins one and fills batches up.
    """
    from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, processors, trainers
    from transformers import PreTrainedTokenizerFast

    masked = config.architecture == "modernbert"
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=masked)
    tokenizer.decoder = decoders.ByteLevel()
    # A mask stands for a word and the space before it, as byte-level BPE writes words.
    mask = {"mask_token": AddedToken(MASK, lstrip=True, special=True)} if masked else {}
    trainer = trainers.BpeTrainer(
        vocab_size=config.vocabulary,
        min_frequency=2,
        special_tokens=[END, *mask.values()],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    if masked:
        ends = {"special_tokens": [(END, tokenizer.token_to_id(END))]}
        tokenizer.post_processor = processors.TemplateProcessing(
            single=f"{END} $A {END}", pair=f"{END} $A {END} $B {END}", **ends
        )
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        bos_token=END,
        eos_token=END,
        pad_token=END,
        **mask,
        model_max_length=config.context,
        clean_up_tokenization_spaces=False,  # a text comes back byte for byte
    )


def new_model(config: ScratchConfig, tokenizer: Any) -> Any:
    """
    Make a model with random weights, drawn from torch's global generator.

    Args:
        config (`ScratchConfig`): Architecture and size.
        tokenizer (`PreTrainedTokenizerBase`): What it reads and writes.
    """
    from transformers import (
        GPT2Config,
        GPT2LMHeadModel,
        LlamaConfig,
        LlamaForCausalLM,
        ModernBertConfig,
        ModernBertForMaskedLM,
    )

    end = tokenizer.eos_token_id
    shared = {"vocab_size": len(tokenizer), "bos_token_id": end, "eos_token_id": end, "pad_token_id": end}
    if config.architecture == "gpt2":
        return GPT2LMHeadModel(
            GPT2Config(
                n_positions=config.context,
                n_embd=config.width,
                n_layer=config.layers,
                n_head=config.heads,
                resid_pdrop=config.dropout,
                embd_pdrop=config.dropout,
                attn_pdrop=config.dropout,
                **shared,
            )
        )
    if config.architecture == "modernbert":
        return ModernBertForMaskedLM(
            ModernBertConfig(
                max_position_embeddings=config.context,
                hidden_size=config.width,
                intermediate_size=config.width
                * 2,  # gated, so three matrices of it where BERT has two of 4 times width
                num_hidden_layers=config.layers,
                num_attention_heads=config.heads,
                # The usual base for sequences this short; ModernBERT's own is made for 8,192 tokens.
                rope_parameters={kind: {"rope_type": "default", "rope_theta": 10_000.0} for kind in _ATTENTION},
                global_attn_every_n_layers=1,  # no sequence is long enough to look at a part of it only
                attention_dropout=config.dropout,
                embedding_dropout=config.dropout,
                mlp_dropout=config.dropout,
                cls_token_id=end,
                sep_token_id=end,
                **shared,
            )
        )
    return LlamaForCausalLM(
        LlamaConfig(
            max_position_embeddings=config.context,
            hidden_size=config.width,
            intermediate_size=max(32, config.width * 8 // 3 // 32 * 32),  # as many weights as GPT-2's 4 times width
            num_hidden_layers=config.layers,
            num_attention_heads=config.heads,
            num_key_value_heads=config.heads,
            tie_word_embeddings=True,  # a small model would spend half its weights on a second vocabulary
            **shared,
        )
    )
