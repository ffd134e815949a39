"""A tokenizer for the LSTM, from the texts it is trained on."""

from collections.abc import Iterable, Sequence
from typing import Any

SMALL = 1000  # texts; below, a word seen once is worth a token of its own


def train_tokenizer(texts: Sequence[str] | Iterable[str], *, size: int = 8192) -> Any:
    """
    Train a lower-casing byte-level BPE (Sennrich et al. 2016, huggingface.co/papers/1508.07909).

    Nothing is out of vocabulary: words that the training texts lack fall into pieces, in the worst case bytes.

    Args:
        texts (`Sequence[str]`): The texts that the classifier is trained on, never others: a vocabulary of test words
            is a leak. A repeated text counts once.
        size (`int`, *optional*, defaults to `8192`): The most tokens there may be.

    Returns:
        `PreTrainedTokenizerFast`: Equal for equal texts.
    """
    from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    texts = list(dict.fromkeys(texts))
    tokenizer = Tokenizer(models.BPE())
    tokenizer.normalizer = normalizers.Sequence([normalizers.NFC(), normalizers.Lowercase()])
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=True)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=size,
        min_frequency=1 if len(texts) < SMALL else 2,
        special_tokens=["[PAD]"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, pad_token="[PAD]", model_input_names=["input_ids", "attention_mask"]
    )
