"""Encoder-decoder models whose weights are written, not learnt: what comes next depends on the last token alone."""

import copy
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch

from tests.tiny import tokenizer as tiny_tokenizer

SENTINELS = [f"<extra_id_{number}>" for number in range(12)]
LONGEST = 256
_NEVER = -50.0


def infiller(folder: Path) -> Path:
    """Write a model that says each sentinel in turn with one or two words behind it, whatever it reads."""
    tokenizer = copy.deepcopy(tiny_tokenizer())
    tokenizer.add_special_tokens({"additional_special_tokens": SENTINELS})
    marks = tokenizer.convert_tokens_to_ids(SENTINELS)
    words = _words(tokenizer)
    # The last word tells which sentinel is next, so each may only use its own share of the words.
    groups = [words[number :: len(marks)] for number in range(len(marks))]
    following = {tokenizer.pad_token_id: {marks[0]: 0.0}}
    for number, mark in enumerate(marks):
        after = marks[number + 1] if number + 1 < len(marks) else tokenizer.eos_token_id
        following[mark] = _scores(groups[number])
        following |= {word: {after: 2.0, **_scores(groups[number])} for word in groups[number]}
    return _chain(folder, tokenizer, following)


def abstractor(folder: Path) -> Path:
    """Write a model that says about seven words, whatever it reads."""
    tokenizer = copy.deepcopy(tiny_tokenizer())
    words = _words(tokenizer)
    following = {tokenizer.pad_token_id: _scores(words)}
    following |= {word: {tokenizer.eos_token_id: 2.2, **_scores(words)} for word in words}
    return _chain(folder, tokenizer, following)


def _words(tokenizer: Any) -> Sequence[int]:
    found = {token: text for text, token in tokenizer.get_vocab().items()}
    return [
        token
        for token in sorted(found)
        if found[token][0] == "Ġ" and found[token][1:].isalpha() and len(found[token]) > 3
    ]


def _scores(words: Sequence[int]) -> dict[int, float]:
    # No two alike: which of two that tie falls to top-p is up to rounding, and so to the batch.
    return {word: -0.07 * place for place, word in enumerate(words)}


def _chain(folder: Path, tokenizer: Any, following: Mapping[int, Mapping[int, float]]) -> Path:
    from transformers import BartConfig, BartForConditionalGeneration

    states: list[Mapping[int, float]] = []  # tokens that are followed by the same have the same vector
    for after in following.values():
        if after not in states:
            states.append(after)
    sizes = {
        f"{side}_{name}": 1 for side in ("encoder", "decoder") for name in ("layers", "attention_heads", "ffn_dim")
    }
    config = BartConfig(
        vocab_size=len(tokenizer),
        d_model=len(states) + 1,
        max_position_embeddings=LONGEST,
        tie_word_embeddings=False,
        bos_token_id=None,
        pad_token_id=tokenizer.pad_token_id,
        eos_token_id=tokenizer.eos_token_id,
        decoder_start_token_id=tokenizer.pad_token_id,
        forced_eos_token_id=None,
        **sizes,
    )
    model = BartForConditionalGeneration(config).eval()
    with torch.no_grad():
        for name, weight in model.named_parameters():
            weight.fill_(1.0 if name.endswith("norm.weight") or "layernorm_embedding.weight" in name else 0.0)
        for token, after in following.items():
            model.model.decoder.embed_tokens.weight[token, states.index(after)] = 1.0
        first = [next(token for token, after in following.items() if after == state) for state in states]
        ids = torch.tensor(first)[:, None]
        seen = model.model(input_ids=ids, decoder_input_ids=ids).last_hidden_state[:, 0].double()
        wanted = torch.full((len(tokenizer), len(states)), _NEVER, dtype=torch.float64)
        for state, after in enumerate(states):
            for token, score in after.items():
                wanted[token, state] = score
        model.lm_head.weight.copy_(wanted @ torch.linalg.pinv(seen.T))
    tokenizer.model_max_length = LONGEST
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder
