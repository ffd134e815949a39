"""Masked language models made on the spot, of the kinds that cut words differently; their weights are random."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import torch

from tests import tiny

TEXTS = [text for text, _ in tiny.ROWS]
KINDS = ("wordpiece", "byte-level", "roberta", "sentencepiece")


def bert(
    folder: Path,
    texts: Sequence[str] = TEXTS,
    vocabulary: int = 90,
    layers: int = 2,
    width: int = 32,
    heads: int = 2,
    context: int = 64,
) -> Path:
    """Write a BERT that reads lower-case WordPiece, as `bert-base-uncased` does."""
    from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors
    from transformers import BertConfig, BertForMaskedLM, BertTokenizerFast

    normalizer, splitter = normalizers.BertNormalizer(lowercase=True), pre_tokenizers.BertPreTokenizer()
    cut = [splitter.pre_tokenize_str(normalizer.normalize_str(text)) for text in texts]
    counted = Counter(word for words in cut for word, _ in words)
    letters = sorted(set("".join(counted)))
    # By hand: where two pieces are equally frequent, the trainer of tokenizers takes now one and now the other.
    known = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *letters, *(f"##{letter}" for letter in letters)]
    known += [word for word, _ in sorted(counted.items(), key=lambda item: (-item[1], item[0])) if len(word) > 1]
    tokenizer = Tokenizer(
        models.WordPiece({token: i for i, token in enumerate(known[:vocabulary])}, unk_token="[UNK]")
    )
    tokenizer.normalizer, tokenizer.pre_tokenizer = normalizer, splitter
    tokenizer.decoder = decoders.WordPiece(prefix="##")
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    BertTokenizerFast(tokenizer_object=tokenizer, model_max_length=context).save_pretrained(folder)
    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=tokenizer.get_vocab_size(),
        hidden_size=width,
        num_hidden_layers=layers,
        num_attention_heads=heads,
        intermediate_size=4 * width,
        max_position_embeddings=context,
        initializer_range=0.02 if width > 32 else 0.5,  # or all words are equally likely to the tiny ones
    )
    BertForMaskedLM(config).save_pretrained(folder)
    return folder


def roberta(folder: Path, texts: Sequence[str] = TEXTS) -> Path:
    """Write a RoBERTa: byte-level BPE that tells a first word from a later one, and positions that begin behind 1."""
    from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, processors, trainers
    from transformers import RobertaConfig, RobertaForMaskedLM, RobertaTokenizerFast

    special = ["<s>", "<pad>", "</s>", "<unk>", AddedToken("<mask>", lstrip=True, special=True)]
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=500, special_tokens=special, initial_alphabet=alphabet, show_progress=False
    )
    tokenizer.train_from_iterator(texts, trainer)
    tokenizer.post_processor = processors.RobertaProcessing(("</s>", 2), ("<s>", 0), add_prefix_space=False)
    RobertaTokenizerFast(tokenizer_object=tokenizer).save_pretrained(folder)
    torch.manual_seed(0)
    config = RobertaConfig(
        vocab_size=tokenizer.get_vocab_size(),
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=64,
        max_position_embeddings=66,
        pad_token_id=1,
        bos_token_id=0,
        eos_token_id=2,
        initializer_range=0.5,
    )
    RobertaForMaskedLM(config).save_pretrained(folder)
    return folder


def xlm_roberta(folder: Path, texts: Sequence[str] = TEXTS) -> Path:
    """Write an XLM-R: SentencePiece that marks the beginning of a word, with capitals."""
    from transformers import XLMRobertaConfig, XLMRobertaForMaskedLM, XLMRobertaTokenizer

    words = sorted({word.strip(".,") for text in texts for word in text.split()})
    letters = sorted(set("".join(texts)) - {" "})
    scores = dict.fromkeys(["<s>", "<pad>", "</s>", "<unk>"], 0.0)
    scores |= dict.fromkeys(["▁", *letters], -12.0) | dict.fromkeys([f"▁{word}" for word in words], -5.0)
    tokenizer = XLMRobertaTokenizer(vocab=[*scores.items(), ("<mask>", 0.0)])
    tokenizer.save_pretrained(folder)
    torch.manual_seed(0)
    config = XLMRobertaConfig(
        vocab_size=len(tokenizer),
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=64,
        max_position_embeddings=66,
        pad_token_id=1,
        bos_token_id=0,
        eos_token_id=2,
        initializer_range=0.5,
    )
    XLMRobertaForMaskedLM(config).save_pretrained(folder)
    return folder


def masked_lm(folder: Path, kind: str) -> str:
    """Write a model of one of the `KINDS` unless it is there, and return what to call it."""
    if kind == "byte-level":
        return "embedded:masked"
    if not folder.is_dir():
        {"wordpiece": bert, "roberta": roberta, "sentencepiece": xlm_roberta}[kind](folder)
    return str(folder)
