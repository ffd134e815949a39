"""Classifiers made on the spot: an LSTM that is easily led astray, and ones that were trained on two kinds of words."""

from pathlib import Path

import torch

NAMES = ["negative", "positive"]


def wavering(folder: Path) -> Path:
    """Write an LSTM with random weights, about as often on the one side as on the other, that a word can turn."""
    from hf_augment.classifiers import LSTMConfig, LSTMForSequenceClassification, train_tokenizer
    from tests.contract import TEXTS

    tokenizer = train_tokenizer(TEXTS, size=500)
    torch.manual_seed(3)
    names = dict(enumerate(NAMES))
    size = LSTMConfig(
        vocab_size=len(tokenizer),
        embedding_size=16,
        hidden_size=16,
        id2label=names,
        label2id={name: number for number, name in names.items()},
    )
    model = LSTMForSequenceClassification(size).eval()
    with torch.no_grad():
        model.embed_tokens.weight.mul_(20)
        logits = model(**tokenizer(TEXTS, padding=True, return_tensors="pt")).logits
        model.classifier.bias[1] += (logits[:, 0] - logits[:, 1]).median()
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def bert(folder: Path, texts: list[str], layers: int = 1, classes: int = 2) -> Path:
    """Write a tiny BERT classifier with random weights and a tokenizer that knows the texts."""
    from transformers import BertConfig, BertForSequenceClassification

    from hf_augment.classifiers import train_tokenizer

    tokenizer = train_tokenizer(texts, size=500)
    tokenizer.save_pretrained(folder)
    torch.manual_seed(0)
    size = {"hidden_size": 32, "num_hidden_layers": layers, "num_attention_heads": 2, "intermediate_size": 64}
    limit = {"max_position_embeddings": 64, "initializer_range": 0.2, "pad_token_id": tokenizer.pad_token_id}
    config = BertConfig(vocab_size=len(tokenizer), num_labels=classes, **limit, **size)
    BertForSequenceClassification(config).save_pretrained(folder)
    return folder


def bart(folder: Path, texts: list[str]) -> Path:
    """Write a tiny encoder-decoder of three classes with random weights, and a tokenizer that ends each text."""
    from tokenizers import processors
    from transformers import BartConfig, BartForSequenceClassification

    from hf_augment.classifiers import train_tokenizer

    tokenizer = train_tokenizer(texts, size=500)
    tokenizer.add_special_tokens({"eos_token": "</s>"})
    end = [("</s>", tokenizer.eos_token_id)]
    tokenizer.backend_tokenizer.post_processor = processors.TemplateProcessing(single="$A </s>", special_tokens=end)
    tokenizer.save_pretrained(folder)
    torch.manual_seed(2)
    size = {"d_model": 32, "init_std": 0.3, "max_position_embeddings": 256}
    for part in ("encoder", "decoder"):
        size |= {f"{part}_layers": 1, f"{part}_attention_heads": 2, f"{part}_ffn_dim": 32}
    tokens = {"pad_token_id": tokenizer.pad_token_id, "bos_token_id": tokenizer.pad_token_id}
    tokens |= dict.fromkeys(("eos_token_id", "decoder_start_token_id"), tokenizer.eos_token_id)
    config = BartConfig(vocab_size=len(tokenizer), **size, **tokens)
    BartForSequenceClassification(config).save_pretrained(folder)
    return folder
