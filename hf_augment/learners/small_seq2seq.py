"""A small encoder-decoder from random weights, and its tokenizer from the training texts."""

from collections.abc import Sequence
from typing import Any

LAYERS, HEADS = 2, 4
_VOCABULARY = 8192  # at most
_SMALL = 1000  # texts; below, a word seen once is worth a token of its own
_PAD, _START, _END = "<pad>", "<s>", "</s>"


def small_seq2seq(texts: Sequence[str], hidden_size: int, positions: int) -> tuple[Any, Any]:
    """
    Make a Transformer of two layers on each side, BART's (Lewis et al. 2020, arxiv.org/abs/1910.13461), and a tokenizer.

    The tokenizer is a byte-level BPE that keeps case: nothing is out of vocabulary, and a text comes back as it was.

    Args:
        texts (`Sequence[str]`): Sources and targets that it is trained on, never others. A repeated one counts once.
        hidden_size (`int`): The width, a multiple of 4.
        positions (`int`): Tokens of the longest source or target.

    Returns:
        `tuple`: The model, its weights drawn from torch's global generator, and the tokenizer.
    """
    from transformers import BartConfig, BartForConditionalGeneration

    if hidden_size % HEADS:
        raise ValueError(f"study: hidden_size: 'seq2seq' needs a multiple of {HEADS}, got {hidden_size}.")
    tokenizer = _train_tokenizer(list(dict.fromkeys(texts)), positions)
    sides = ("encoder", "decoder")
    config = BartConfig(
        vocab_size=len(tokenizer),
        d_model=hidden_size,
        max_position_embeddings=positions,
        **{f"{side}_layers": LAYERS for side in sides},
        **{f"{side}_attention_heads": HEADS for side in sides},
        **{f"{side}_ffn_dim": 4 * hidden_size for side in sides},
        pad_token_id=tokenizer.pad_token_id,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        decoder_start_token_id=tokenizer.bos_token_id,
        forced_eos_token_id=None,
    )
    return BartForConditionalGeneration(config), tokenizer


def _train_tokenizer(texts: list[str], positions: int) -> Any:
    from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
    from transformers import PreTrainedTokenizerFast

    tokenizer = Tokenizer(models.BPE())
    tokenizer.normalizer = normalizers.NFC()
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=True)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=_VOCABULARY,
        min_frequency=1 if len(texts) < _SMALL else 2,
        special_tokens=[_PAD, _START, _END],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    end = [(_END, tokenizer.token_to_id(_END))]
    tokenizer.post_processor = processors.TemplateProcessing(single=f"$A {_END}", special_tokens=end)
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        pad_token=_PAD,
        bos_token=_START,
        eos_token=_END,
        model_max_length=positions,
        model_input_names=["input_ids", "attention_mask"],
        clean_up_tokenization_spaces=False,
    )
