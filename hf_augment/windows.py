"""A long text as an encoder-decoder model reads it, in windows of whole sentences, and what it writes as text again."""

from collections.abc import Iterator, Sequence
from typing import Any

from hf_augment.transform import Row
from hf_augment.words import Span

TOO_LONG = "a sentence is longer than the model reads"
_ROWS = {"cpu": 128, "cuda": 4_096}
Cost = Sequence[int]  # of each resource
_USUAL = 512  # tokens; what T5 was trained on, which has no limit of its own


class NotUsable(Exception):
    """What a model wrote cannot be used, and why."""


def longest_input(model: Any, tokenizer: Any) -> int:
    """
    Return how many tokens an encoder-decoder model reads at most, special tokens included.

    Args:
        model (`PreTrainedModel`): Its positions count, where they are numbered.
        tokenizer (`PreTrainedTokenizerBase`): What it declares counts too, and 512 where neither says anything.
    """
    declared = [_positions(model, "encoder"), tokenizer.model_max_length]
    known = [length for length in declared if isinstance(length, int) and 0 < length < 1_000_000]
    return min(known, default=_USUAL)


def longest_output(model: Any, wanted: int) -> int:
    """Return how many tokens a model may write: as many as are `wanted`, if it has positions for them and two more."""
    positions = _positions(model, "decoder")
    return wanted if positions is None else max(1, min(wanted, positions - 2))


def _positions(model: Any, side: str) -> int | None:
    return getattr(getattr(model.config, side, model.config), "max_position_embeddings", None)


def together(model: Any, rows: Sequence[Row]) -> Iterator[list[int]]:
    """Yield places of rows that go through a model before others: a killed run loses those in flight, and no more."""
    order = sorted(range(len(rows)), key=lambda i: (len(rows[i].text), i))
    size = _ROWS.get(model.device.type, _ROWS["cuda"])
    for first in range(0, len(order), size):
        yield order[first : first + size]


def pack(sizes: Sequence[tuple[Cost, Cost]], room: Cost) -> list[tuple[int, int]] | None:
    """
    Put as many things as fit into each window, in their order.

    Args:
        sizes (`Sequence[tuple[Cost, Cost]]`): What each thing (a sentence) costs of each resource (tokens, ...): where
            it begins a window, and where it follows another one.
        room (`Cost`): How much of each resource a window has.

    Returns:
        `list[tuple[int, int]]`: Where each window begins, and where it ends (excluded); `None` if a thing fits none.
    """
    windows: list[tuple[int, int]] = []
    first, used = 0, [0] * len(room)
    for i, (alone, following) in enumerate(sizes):
        if not _fits(alone, room):
            return None
        total = [cost + before for cost, before in zip(following, used, strict=True)]
        if i > first and not _fits(total, room):
            windows.append((first, i))
            first = i
        used = alone if i == first else total
    return [*windows, (first, len(sizes))] if len(sizes) else windows


def _fits(costs: Cost, room: Cost) -> bool:
    return all(cost <= space for cost, space in zip(costs, room, strict=True))


def encode(tokenizer: Any, text: str) -> Any:
    """Tokenise a text as a model reads it; special tokens that it spells out ("<mask>" in a review) are letters."""
    return tokenizer(text, split_special_tokens=True, verbose=False)


def costs(tokenizer: Any, text: str, spans: Sequence[Span]) -> list[tuple[int, int]]:
    """Return how many tokens each span of a text takes where it begins a window, and with what stands before it."""
    if not spans:
        return []
    ends = [spans[0][0], *(end for _, end in spans[:-1])]
    # Byte-level tokenizers write the first word otherwise where no space stands before it.
    pieces = [text[start:end] for start, end in spans] + [
        text[before:end] for before, (_, end) in zip(ends, spans, strict=True)
    ]
    ids = tokenizer(pieces, add_special_tokens=False, split_special_tokens=True, verbose=False).input_ids
    sizes = [len(row) for row in ids]
    return list(zip(sizes[: len(spans)], sizes[len(spans) :], strict=True))


def read_back(tokenizer: Any, tokens: Sequence[int]) -> str:
    """
    Return what tokens say, without white space at the ends.

    Raises:
        `NotUsable`: They say nothing, or something that is no text.
    """
    if not set(tokenizer.all_special_ids).isdisjoint(tokens):
        raise NotUsable("special token in the text")
    text = tokenizer.decode(list(tokens), skip_special_tokens=False, clean_up_tokenization_spaces=False).strip()
    if not text:
        raise NotUsable("empty")
    if "\ufffd" in text:
        raise NotUsable("broken character")
    return text


def without_start(tokenizer: Any, tokens: list[int]) -> list[int]:
    """Take off the token that starts a text, which some models of the BART family write themselves."""
    return tokens[1:] if tokens and tokens[0] == tokenizer.bos_token_id else tokens
