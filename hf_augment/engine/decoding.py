"""Samples from a causal language model so that a row's tokens do not depend on its batch."""

import inspect
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from transformers import DynamicCache

from hf_augment.engine.batching import in_batches

# Tokens (prompt and new, padding included) that are decoded together. More does not pay on a CPU; a GPU that cannot
# hold them halves the batch.
TOKENS_TOGETHER = {"cpu": 8_192, "cuda": 262_144}
_TOP = 1_024  # candidates that top-p looks at before it looks at the whole vocabulary
_GAMMA, _TOKEN = -7046029254386353131, -4417276706812531889  # odd 64-bit constants, as signed integers


@dataclass(frozen=True)
class Sampling:
    """
    How the next token is drawn; `temperature`, then `top_k`, then `top_p`, as in `transformers`.

    Args:
        max_new_tokens (`int`): Tokens after which a row is cut.
        min_new_tokens (`int`, *optional*, defaults to `0`): Until then the end token is barred.
        temperature (`float`, *optional*, defaults to `1.0`): 0 takes the likeliest token.
        top_k (`int`, *optional*, defaults to `0`): Only the k likeliest tokens; 0 means all.
        top_p (`float`, *optional*, defaults to `1.0`): Only the likeliest tokens that together have that probability.
    """

    max_new_tokens: int
    min_new_tokens: int = 0
    temperature: float = 1.0
    top_k: int = 0
    top_p: float = 1.0


class Completion(NamedTuple):
    """The new tokens of one row, without the prompt and the end token, and whether the end token came."""

    tokens: list[int]
    finished: bool


def decode(
    model: Any, prompts: Sequence[Sequence[int]], keys: Sequence[int], sampling: Sampling, end: Sequence[int]
) -> Iterator[tuple[int, Completion]]:
    """
    Continue prompts.

    Rows are sorted by length and decoded in batches of about equal cost; those that finish leave the batch. The
    noise of a draw is keyed by (row, step, token), so batching moves a row's tokens only where two perturbed
    scores tie within float error.

    Args:
        model (`PreTrainedModel`): A causal language model, in evaluation mode.
        prompts (`Sequence[Sequence[int]]`): Token ids, at least one a row.
        keys (`Sequence[int]`): The 64-bit key of each row's stream.
        sampling (`Sampling`): How tokens are drawn.
        end (`Sequence[int]`): The ids of the tokens that end a text.

    Yields:
        `tuple[int, Completion]`: The position of a prompt and what continues it, batch by batch.
    """

    def run(batch: list[int]) -> list[Completion]:
        return _decode_batch(model, [prompts[row] for row in batch], [keys[row] for row in batch], sampling, end)

    lengths = [len(prompt) + sampling.max_new_tokens for prompt in prompts]
    together = TOKENS_TOGETHER.get(model.device.type, TOKENS_TOGETHER["cuda"])
    count = lambda found: sum(len(completion.tokens) for completion in found)  # noqa: E731
    for batch, found in in_batches(lengths, run, together, "generate", tokens=count):
        yield from zip(batch, found, strict=True)


@torch.inference_mode()
def _decode_batch(
    model: Any, prompts: list[Sequence[int]], keys: list[int], sampling: Sampling, end: Sequence[int]
) -> list[Completion]:
    device = model.device
    longest = max(map(len, prompts))
    ids = torch.tensor([[0] * (longest - len(prompt)) + list(prompt) for prompt in prompts], device=device)
    mask = torch.tensor([[0] * (longest - len(p)) + [1] * len(p) for p in prompts], device=device)
    position = mask.cumsum(1).sub(1).clamp(min=0)
    row_keys = torch.tensor([_signed(key) for key in keys], device=device)
    ends = torch.tensor(list(end), device=device, dtype=torch.long)
    alive = torch.arange(len(prompts), device=device)  # the row that stands at each place of the running batch
    accepted = inspect.signature(model.forward).parameters
    cache = DynamicCache(config=model.config)
    drawn = [[] for _ in prompts]
    finished = [False] * len(prompts)
    for step in range(sampling.max_new_tokens):
        inputs = {"input_ids": ids, "attention_mask": mask, "past_key_values": cache, "use_cache": True}
        inputs |= {"position_ids": position} if "position_ids" in accepted else {}
        inputs |= {"logits_to_keep": 1} if "logits_to_keep" in accepted else {}
        logits = model(**inputs).logits[:, -1].float()
        if step < sampling.min_new_tokens:
            logits[:, ends] = -torch.inf
        tokens = next_tokens(logits, row_keys, step, sampling)
        ended = torch.isin(tokens, ends)
        for row, token, stop in zip(alive.tolist(), tokens.tolist(), ended.tolist(), strict=True):
            if finished[row]:
                continue
            if stop:
                finished[row] = True
            else:
                drawn[row].append(token)
        going = [place for place, row in enumerate(alive.tolist()) if not finished[row]]
        if not going:
            break
        position = position[:, -1:] + 1
        mask = torch.cat([mask, mask.new_ones(len(mask), 1)], dim=1)
        ids = tokens[:, None]
        if len(going) <= 0.75 * len(alive):  # less often than at every end: leaving copies the cache
            places = torch.tensor(going, device=device)
            cache.batch_select_indices(places)
            ids, mask, position = ids[places], mask[places], position[places]
            row_keys, alive = row_keys[places], alive[places]
    return [Completion(tokens, stop) for tokens, stop in zip(drawn, finished, strict=True)]


def next_tokens(logits: torch.Tensor, keys: torch.Tensor, step: int, sampling: Sampling) -> torch.Tensor:
    """
    Draw one token a row by the Gumbel-max trick, over the tokens that truncation leaves.

    Args:
        logits (`torch.Tensor` of shape `(rows, vocabulary)`): Scores of the next token.
        keys (`torch.LongTensor` of shape `(rows,)`): The key of each row's stream.
        step (`int`): How many tokens the rows have drawn before.
        sampling (`Sampling`): Temperature and truncation.

    Returns:
        `torch.LongTensor` of shape `(rows,)`.
    """
    if sampling.temperature == 0:
        return logits.argmax(-1)
    scores, tokens = _survivors(logits.double() / sampling.temperature, sampling)
    best = (scores + gumbel(keys, step, tokens)).argmax(-1, keepdim=True)
    return tokens.gather(1, best)[:, 0]


def _survivors(scores: torch.Tensor, sampling: Sampling) -> tuple[torch.Tensor, torch.Tensor]:
    vocabulary = scores.shape[1]
    if not sampling.top_k and sampling.top_p >= 1:
        return scores, torch.arange(vocabulary, device=scores.device).expand_as(scores)
    if sampling.top_k:
        scores, tokens = scores.topk(min(sampling.top_k, vocabulary))
        total = scores.logsumexp(-1, keepdim=True)
    else:
        total = scores.logsumexp(-1, keepdim=True)
        most = min(_TOP, vocabulary)
        top, tokens = scores.topk(most)
        if most < vocabulary and bool(((top - total).exp().sum(-1) < sampling.top_p).any()):
            top, tokens = scores.sort(-1, descending=True)
        scores = top
    if sampling.top_p < 1:
        probability = (scores - total).exp()
        before = probability.cumsum(-1) - probability
        scores = scores.masked_fill(before >= sampling.top_p, -torch.inf)
    return scores, tokens


def gumbel(keys: torch.Tensor, step: int, tokens: torch.Tensor) -> torch.Tensor:
    """
    Return Gumbel noise that depends on (row, step, token) alone.

    Args:
        keys (`torch.LongTensor` of shape `(rows,)`): The key of each row's stream.
        step (`int`): The position in the output.
        tokens (`torch.LongTensor` of shape `(rows, candidates)`): The candidates' ids.

    Returns:
        `torch.DoubleTensor` of shape `(rows, candidates)`.
    """
    rows = _mix(keys + _signed((step + 1) * _GAMMA))
    bits = _mix(rows[:, None] ^ (tokens * _TOKEN))
    uniform = (_shift(bits, 11).double() + 0.5) * 2.0**-53
    return -torch.log(-torch.log(uniform))


def _mix(state: torch.Tensor) -> torch.Tensor:
    """Scramble 64 bits as `streams.mix` does, in signed arithmetic, which wraps around alike."""
    state = (state ^ _shift(state, 30)) * -4658895280553007687
    state = (state ^ _shift(state, 27)) * -7723592293110705685
    return state ^ _shift(state, 31)


def _shift(bits: torch.Tensor, by: int) -> torch.Tensor:
    return (bits >> by) & ((1 << (64 - by)) - 1)  # torch shifts the sign in


def _signed(bits: int) -> int:
    bits %= 1 << 64
    return bits - (1 << 64) if bits >= 1 << 63 else bits
