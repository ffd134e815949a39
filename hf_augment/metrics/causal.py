"""What a causal language model makes of texts: how unlikely it finds them, and how it represents them."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import torch

from hf_augment.engine.batching import in_batches
from hf_augment.engine.resources import CausalLM
from hf_augment.fields import positive

_LOGITS_TOGETHER = {"cpu": 1 << 25, "cuda": 1 << 30}  # tokens of a batch times the vocabulary
_USUAL = 1_024  # tokens of a window of a model that names no limit


class Window(NamedTuple):
    """Tokens that the model reads together; those from `first` on, in the window, are counted."""

    row: int
    ids: list[int]
    first: int


def losses(
    lm: CausalLM,
    texts: Sequence[Sequence[int]],
    contexts: Sequence[Sequence[int]] | None = None,
    max_length: int | None = None,
    stride: int | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """
    Return the negative log-likelihood of each text, and how many tokens it is the sum over.

    A text that is longer than the model reads is read in windows that overlap, and each token is counted once, in the
    first window that holds it.

    Args:
        lm ([`CausalLM`]): The model.
        texts (`Sequence[Sequence[int]]`): Their tokens, as of `token_ids`.
        contexts (`Sequence[Sequence[int]]`, *optional*): The tokens that stand before each text and are not counted;
            by default the token that starts a text, or ends one where the model has no other.
        max_length (`int`, *optional*): Tokens of a window; as many as the model reads.
        stride (`int`, *optional*): How far one window is from the next; half a window.

    Returns:
        `tuple[np.ndarray, np.ndarray]`: `float64` and `int64`, each of shape `(n,)`.
    """
    positive(max_length, "max_length")
    positive(stride, "stride")
    width = min(max_length or _limit(lm), _limit(lm))
    if width < 2 or (stride is not None and stride >= width):
        raise ValueError(
            f"max_length={max_length!r}, stride={stride!r}: expected windows of at least two tokens, at most the "
            f"{_limit(lm)} that the model reads, and a smaller stride. Leave them out for half a window."
        )
    before = [[start_token(lm)]] * len(texts) if contexts is None else contexts
    rows = [[*some, *ids] for some, ids in zip(before, texts, strict=True)]
    windows = [
        window
        for row, ids in enumerate(rows)
        for window in _windows(row, ids, len(before[row]), width, stride or width // 2)
    ]
    sums, counts = np.zeros(len(texts)), np.zeros(len(texts), dtype=np.int64)
    found = np.zeros(len(windows))
    together = _together(lm)
    run = lambda batch: _batch_losses(lm, [windows[i] for i in batch])  # noqa: E731
    for batch, values in in_batches([len(window.ids) for window in windows], run, together, "perplexity", "window"):
        found[batch] = values
    for window, value in zip(windows, found, strict=True):
        sums[window.row] += value
        counts[window.row] += len(window.ids) - window.first
    return sums, counts


def _windows(row: int, ids: list[int], context: int, width: int, stride: int) -> list[Window]:
    found = []
    start, counted = 0, max(1, context)  # nothing stands before the first token that could foretell it
    while counted < len(ids):
        stop = min(start + width, len(ids))
        if stop > counted:
            found.append(Window(row, ids[start:stop], counted - start))
            counted = stop
        start += stride
    return found


@torch.inference_mode()
def _batch_losses(lm: CausalLM, windows: list[Window]) -> list[float]:
    ids, mask = _padded(lm, [window.ids for window in windows])
    logits = lm.model(input_ids=ids, attention_mask=mask, use_cache=False).logits[:, :-1].float()
    told = logits.logsumexp(-1) - logits.gather(-1, ids[:, 1:, None])[..., 0]
    told = told.double().cpu()
    return [
        float(row[window.first - 1 : len(window.ids) - 1].sum()) for row, window in zip(told, windows, strict=True)
    ]


def embed_last(lm: CausalLM, texts: Sequence[str], max_length: int = 1_024) -> np.ndarray:
    """
    Represent each text by the last hidden state of its last token, as MAUVE does.

    Args:
        lm ([`CausalLM`]): The model.
        texts (`Sequence[str]`): The texts.
        max_length (`int`, *optional*, defaults to `1024`): What is longer is cut off there, or where the model must.

    Returns:
        `np.ndarray`: `float32` of shape `(n, d)`.
    """
    limit = min(max_length, _limit(lm))
    rows = [(ids or [start_token(lm)])[:limit] for ids in token_ids(lm, texts)]
    vectors: list[Any] = [None] * len(rows)
    run = lambda batch: _batch_vectors(lm, [rows[row] for row in batch])  # noqa: E731
    for batch, found in in_batches([len(ids) for ids in rows], run, _together(lm), "embed", "text"):
        for row, vector in zip(batch, found, strict=True):
            vectors[row] = vector
    return np.stack(vectors)


@torch.inference_mode()
def _batch_vectors(lm: CausalLM, rows: list[list[int]]) -> np.ndarray:
    ids, mask = _padded(lm, rows)
    states = lm.model.base_model(input_ids=ids, attention_mask=mask, use_cache=False).last_hidden_state.float()
    return states[torch.arange(len(rows)), mask.sum(1) - 1].cpu().numpy()


def _padded(lm: CausalLM, rows: list[list[int]]) -> tuple[torch.Tensor, torch.Tensor]:
    longest = max(map(len, rows))
    ids = torch.tensor([row + [0] * (longest - len(row)) for row in rows], device=lm.model.device)
    mask = torch.tensor([[1] * len(row) + [0] * (longest - len(row)) for row in rows], device=lm.model.device)
    return ids, mask


def token_ids(lm: CausalLM, texts: Sequence[str]) -> list[list[int]]:
    """Tokenise texts without special tokens; those that a text spells out are letters."""
    # Tokenizers refuse halves of surrogate pairs.
    sound = [text.encode("utf-8", "replace").decode("utf-8") for text in texts]
    return lm.tokenizer(sound, add_special_tokens=False, split_special_tokens=True, verbose=False).input_ids


def start_token(lm: CausalLM) -> int:
    """Return the token that starts a text, or ends one where the model has no other."""
    tokenizer = lm.tokenizer
    start = tokenizer.eos_token_id if tokenizer.bos_token_id is None else tokenizer.bos_token_id
    if start is None:
        raise ValueError(
            "The tokenizer of the language model has neither a bos_token nor an eos_token, so nothing stands before "
            "the first token of a text. Set tokenizer.bos_token and save it into the model's folder."
        )
    return start


def _limit(lm: CausalLM) -> int:
    positions = getattr(lm.model.config.get_text_config(), "max_position_embeddings", None)
    declared = [positions, lm.tokenizer.model_max_length]
    known = [limit for limit in declared if isinstance(limit, int) and 0 < limit < 1_000_000]
    return min(known, default=_USUAL)


def _together(lm: CausalLM) -> int:
    room = _LOGITS_TOGETHER.get(lm.model.device.type, _LOGITS_TOGETHER["cuda"])
    return max(1, room // lm.model.config.get_text_config().vocab_size)
