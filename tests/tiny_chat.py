"""A chat model whose every next token follows from the one before: a Markov chain in a Llama's clothes.

The embeddings are one-hot, attention and feed-forward add nothing, and the head holds the chain's logarithms, so what
it says is known exactly, on any machine and in any batch.
"""

import json
import math
from pathlib import Path

import torch
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

USER, ASSISTANT, END = "<|user|>", "<|assistant|>", "<|end|>"
TEMPLATE = (
    "{% for message in messages %}<|{{ 'assistant' if message.role == 'assistant' else 'user' }}|>{{ message.content }}"
    "<|end|>{% endfor %}{% if add_generation_prompt %}<|assistant|>{% endif %}"
)
OPEN, CLOSE = '{"text": "', '"}'
# What may follow what, and how often. Two answers in ten cannot be read: one is plain, one has no end quote.
CHAIN: dict[str, dict[str, float]] = {
    ASSISTANT: {OPEN: 0.7, "```json\n": 0.1, "Sure, ": 0.1, '{"text": ': 0.1},
    "```json\n": {OPEN: 1},
    "Sure, ": {"here": 1},
    "here": {" it is.": 1},
    " it is.": {END: 1},
    '{"text": ': {"here": 1},
    OPEN: {"The": 0.6, "That": 0.4},
    "The": {" soup": 0.3, " lamp": 0.3, " film": 0.4},
    "That": {" hotel": 0.5, " book": 0.5},
    **{thing: {" was": 0.6, " seemed": 0.4} for thing in (" soup", " lamp", " film", " hotel", " book")},
    " was": {" cold": 0.3, " dull": 0.3, " bright": 0.4},
    " seemed": {" new": 0.5, " old": 0.5},
    **{word: {" and": 0.5, ".": 0.5} for word in (" cold", " dull", " bright", " new", " old")},
    " and": {" was": 0.5, " seemed": 0.5},
    ".": {CLOSE: 1},
    CLOSE: {END: 0.8, "\n```": 0.2},
    "\n```": {END: 1},
}


def chat(folder: Path) -> Path:
    """Write the model and its tokenizer."""
    tokenizer = _tokenizer()
    size = len(tokenizer)
    config = LlamaConfig(
        vocab_size=size,
        hidden_size=size,
        intermediate_size=8,
        num_hidden_layers=1,
        num_attention_heads=1,
        num_key_value_heads=1,
        head_dim=4,
        max_position_embeddings=2048,
        tie_word_embeddings=False,
        eos_token_id=tokenizer.convert_tokens_to_ids(END),
        bos_token_id=None,
        pad_token_id=tokenizer.convert_tokens_to_ids(END),
    )
    torch.manual_seed(0)
    model = LlamaForCausalLM(config)
    head = torch.full((size, size), -100.0)
    for word, following in CHAIN.items():
        for then, weight in following.items():
            head[tokenizer.convert_tokens_to_ids(then), tokenizer.convert_tokens_to_ids(word)] = math.log(weight)
    with torch.no_grad():
        model.model.embed_tokens.weight.copy_(torch.eye(size))
        model.model.layers[0].self_attn.o_proj.weight.zero_()
        model.model.layers[0].mlp.down_proj.weight.zero_()
        model.lm_head.weight.copy_(head / math.sqrt(size))  # the norm makes a one-hot vector that much longer
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def _tokenizer() -> PreTrainedTokenizerFast:
    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    core = Tokenizer(models.BPE(vocab={letter: i for i, letter in enumerate(letters)}, merges=[]))
    core.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    core.decoder = decoders.ByteLevel()
    special = [USER, ASSISTANT, END]
    core.add_special_tokens([AddedToken(token, special=True) for token in special])
    words = dict.fromkeys(word for follows in CHAIN.values() for word in follows)
    core.add_tokens([AddedToken(word, normalized=False) for word in words if word not in special])
    return PreTrainedTokenizerFast(
        tokenizer_object=core,
        eos_token=END,
        pad_token=END,
        chat_template=TEMPLATE,
        clean_up_tokenization_spaces=False,
    )


def pool(folder: Path) -> Path:
    """Write a pool of examples, one of which the model says now and then."""
    texts = {
        "negative": ["The lamp was dull.", "The soup was cold.", "Nobody came to take our order for an hour."],
        "positive": [
            "That book seemed new.",
            "The film was bright.",
            "Warm rooms, kind people, and a view of the lake.",
        ],
    }
    pairs = [(label, text) for label, of in texts.items() for text in of]
    document = {"label": [label for label, _ in pairs], "text": [text for _, text in pairs]}
    (folder / "texts.json").write_text(json.dumps(document), encoding="utf-8")
    return folder
