"""Encoder-decoder models made on the spot: of each kind with random weights, and translators whose weights are written."""

import copy
from pathlib import Path
from typing import Any

import torch

from tests.tiny import tokenizer as tiny_tokenizer

KINDS = ("marian", "t5", "bart", "m2m100")
VOCABULARY = 300
LONGEST = 96  # tokens that a translator reads
GERMAN = 290  # plays the language code in the "m2m100"


def random_model(kind: str) -> Any:
    """Make a model with random weights whose outputs have the variety of a trained one's and come to an end."""
    from transformers import AutoModelForSeq2SeqLM, BartConfig, M2M100Config, MarianConfig, T5Config

    sizes = {
        "vocab_size": VOCABULARY,
        "d_model": 32,
        "encoder_layers": 2,
        "decoder_layers": 3,
        "encoder_attention_heads": 2,
        "decoder_attention_heads": 2,
        "encoder_ffn_dim": 64,
        "decoder_ffn_dim": 64,
        "max_position_embeddings": 64,
        "init_std": 0.3,
        "forced_eos_token_id": None,
        "tie_word_embeddings": False,
    }
    pad = VOCABULARY - 1
    configs = {
        "marian": lambda: MarianConfig(
            **sizes, decoder_vocab_size=VOCABULARY, pad_token_id=pad, eos_token_id=0, decoder_start_token_id=pad
        ),
        "t5": lambda: T5Config(
            vocab_size=VOCABULARY,
            d_model=32,
            d_kv=16,
            d_ff=64,
            num_layers=2,
            num_decoder_layers=3,
            num_heads=2,
            pad_token_id=0,
            eos_token_id=1,
            decoder_start_token_id=0,
            initializer_factor=5.0,
            tie_word_embeddings=False,
        ),
        "bart": lambda: BartConfig(**sizes, pad_token_id=1, bos_token_id=0, eos_token_id=2, decoder_start_token_id=2),
        "m2m100": lambda: M2M100Config(
            **sizes, pad_token_id=1, bos_token_id=0, eos_token_id=2, decoder_start_token_id=2
        ),
    }
    torch.manual_seed(0)
    model = AutoModelForSeq2SeqLM.from_config(configs[kind]()).eval()
    settings = model.generation_config
    with torch.no_grad():
        model.lm_head.weight.normal_(std=0.5)
        if kind != "t5":
            model.get_input_embeddings().weight *= 5  # or positions count for more than words
        model.lm_head.weight[settings.eos_token_id] *= 3
    if kind == "marian":
        settings.bad_words_ids = [[pad]]
    if kind == "bart":
        settings.forced_bos_token_id = 0
    return model


def translator(folder: Path) -> Path:
    """Write a model that says, for each word it knows, the next one or one of two after it, and repeats the rest."""
    return write_translator(folder, ended(), 1)


def back_translator(folder: Path) -> Path:
    """Write the model that undoes what `translator` says most of the time."""
    return write_translator(folder, ended(), -1)


def ended() -> Any:
    """Return a byte-level BPE tokenizer that ends a text with an end token."""
    from tokenizers import processors

    tokenizer = copy.deepcopy(tiny_tokenizer())
    end = tokenizer.eos_token, tokenizer.eos_token_id
    tokenizer.backend_tokenizer.post_processor = processors.TemplateProcessing(
        single=f"$A {end[0]}", special_tokens=[end]
    )
    tokenizer.model_max_length = LONGEST
    return tokenizer


def write_translator(folder: Path, tokenizer: Any, shift: int) -> Path:
    """
    Write a BART without encoder layers whose decoder says, at each position, what stands there in the source.

    Tokens and positions are unit vectors: the attention compares positions and hands tokens on.
    """
    from transformers import BartConfig, BartForConditionalGeneration

    tokens, end = len(tokenizer), tokenizer.eos_token_id
    width = tokens + LONGEST
    model = BartForConditionalGeneration(
        BartConfig(
            vocab_size=tokens,
            d_model=width,
            encoder_layers=0,
            decoder_layers=1,
            encoder_attention_heads=1,
            decoder_attention_heads=1,
            encoder_ffn_dim=1,
            decoder_ffn_dim=1,
            max_position_embeddings=LONGEST,
            pad_token_id=tokenizer.pad_token_id,
            bos_token_id=end,
            eos_token_id=end,
            decoder_start_token_id=end,
            forced_eos_token_id=None,
        )
    )
    layer, unit = model.model.decoder.layers[0], torch.eye(width)
    with torch.no_grad():
        for name, weight in model.named_parameters():
            weight.fill_(1.0 if "norm" in name and name.endswith("weight") else 0.0)
        model.model.shared.weight.copy_(unit[:tokens])
        for side in (model.model.encoder, model.model.decoder):
            side.embed_positions.weight[2:].copy_(unit[tokens:])  # BART counts positions from 2
        positions = unit.clone()
        positions[:tokens] = 0
        layer.encoder_attn.q_proj.weight.copy_(4 * positions)
        layer.encoder_attn.k_proj.weight.copy_(positions)
        layer.encoder_attn.v_proj.weight[:tokens, :tokens].copy_(_says(tokenizer, shift))
        layer.encoder_attn.out_proj.weight.copy_(20 * unit)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def _says(tokenizer: Any, shift: int) -> torch.Tensor:
    vocabulary = tokenizer.get_vocab()
    words = [
        vocabulary[token]
        for token in sorted(vocabulary)
        if token[0] in "Ġ▁" and len(token) > 3 and token[1:].isalpha()
    ]
    says = torch.eye(len(tokenizer))
    for place, word in enumerate(words):
        says[:, word] = 0
        for weight, steps in ((1.0, 1), (0.93, 2), (0.85, 3)):
            says[words[(place + shift * steps) % len(words)], word] = weight
    return says
