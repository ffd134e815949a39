"""Sentence encoders made on the spot: one that compares bags of words, and one with attention."""

from collections.abc import Iterable
from pathlib import Path

import torch

UNUSED = "[UNK]"


def bag_of_words(folder: Path, texts: Iterable[str], width: int = 128, layers: int = 0, limit: int = 64) -> Path:
    """
    Write a BERT whose vectors, without layers, are means of random word vectors: texts that share words are near.

    Words that are not in `texts` are all one word to it.
    """
    from transformers import BertConfig, BertModel

    tokenizer = _tokenizer(texts)
    torch.manual_seed(0)
    model = BertModel(
        BertConfig(
            vocab_size=tokenizer.get_vocab_size(),
            hidden_size=width,
            num_hidden_layers=layers,
            num_attention_heads=2,
            intermediate_size=32,
            max_position_embeddings=limit,
            initializer_range=1.0,
        )
    )
    if not layers:
        with torch.no_grad():
            model.embeddings.position_embeddings.weight.zero_()
            model.embeddings.token_type_embeddings.weight.zero_()
    model.save_pretrained(folder)
    tokenizer.save(str(folder / "tokenizer.json"))
    return folder


def _tokenizer(texts: Iterable[str]):
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers

    splitter = pre_tokenizers.Whitespace()
    words = {word for text in texts for word, _ in splitter.pre_tokenize_str(text.lower())}
    vocabulary = {word: number for number, word in enumerate([UNUSED, *sorted(words)])}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token=UNUSED))
    tokenizer.normalizer = normalizers.Lowercase()
    tokenizer.pre_tokenizer = splitter
    return tokenizer
