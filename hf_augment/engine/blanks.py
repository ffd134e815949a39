"""Texts with blanks: from spans in characters to token ids with masks, in windows that a model can read."""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from hf_augment.engine.prompt import PromptFormat
from hf_augment.words import Span

_LEAST = 8  # tokens of text in a window


class Blanks(NamedTuple):
    """
    A text of which a masked model is asked for some words.

    Args:
        text (`str`): The text.
        spans (`Sequence[tuple[int, int]]`): The words, in characters, in order, none overlapping another. An empty one,
            `(i, i)`, asks for a word to be put in before character `i`.
        label (`str`, *optional*): The label's name, for a model that was trained to read it before the text.
    """

    text: str
    spans: Sequence[Span]
    label: str | None = None


class Window(NamedTuple):
    """
    What a model reads at once.

    Args:
        row (`int`): The position of the text it is from.
        ids (`list[int]`): Token ids, with what stands before and after every text.
        places (`list[int]`): Where in `ids` it is asked.
        blanks (`list[int]`): Which of the text's blanks stand there.
    """

    row: int
    ids: list[int]
    places: list[int]
    blanks: list[int]


class Frame(NamedTuple):
    """
    What a model is used to see around a text.

    Args:
        before (`list[int]`): Special tokens before it, such as `[CLS]`.
        after (`list[int]`): Special tokens after it, such as `[SEP]`.
        gap (`str`): White space that its first word begins with, as words inside it do.
    """

    before: list[int]
    after: list[int]
    gap: str


def frame(tokenizer: Any, gap: str = " ") -> Frame:
    """Find out what a tokenizer puts around a text."""
    around = tokenizer("a", return_special_tokens_mask=True)
    special = around["special_tokens_mask"]
    first = special.index(0)
    last = len(special) - special[::-1].index(0)
    return Frame(around["input_ids"][:first], around["input_ids"][last:], gap)


def prefix(tokenizer: Any, prompt: PromptFormat | None, label: str | None) -> list[int]:
    """Tokenise what stands between the frame and the text: the prompt, and in it the label, where there is one."""
    if prompt is None or (prompt.conditional and label is None):
        return []
    return tokenizer(prompt.prefix(label), add_special_tokens=False, split_special_tokens=True, verbose=False)[
        "input_ids"
    ]


def windows(
    tokenizer: Any,
    around: Frame,
    rows: Sequence[Blanks],
    prefixes: Sequence[Sequence[int]],
    limit: int,
    masks: Sequence[int] | None = None,
) -> Iterator[Window]:
    """
    Turn texts into what a model reads: each blank is a mask, whatever number of tokens stood there.

    A text that is too long is cut into windows of which each reaches half-way into the next; a blank is asked where
    it has most around it, a quarter of a window at least on either side unless the text ends there.

    Args:
        tokenizer (`PreTrainedTokenizerBase`): A fast one, with a mask token.
        around ([`Frame`]): What goes around a text.
        rows (`Sequence[Blanks]`): The texts.
        prefixes (`Sequence[Sequence[int]]`): For each, the tokens that go before the text in every window.
        limit (`int`): Tokens that the model reads.
        masks (`Sequence[int]`, *optional*): For each, how many masks a blank becomes; by default one.

    Yields:
        `Window`: Those in which something is asked, row by row.
    """
    texts = {text: i for i, text in enumerate(dict.fromkeys(row.text for row in rows))}  # many may ask about the same
    encoded = tokenizer(
        [around.gap + text for text in texts],
        add_special_tokens=False,
        split_special_tokens=True,  # "[MASK]" in a text is six letters
        return_offsets_mapping=True,
        return_attention_mask=False,
        return_token_type_ids=False,
        verbose=False,
    )
    for number, row in enumerate(rows):
        head = [*around.before, *prefixes[number]]
        room = limit - len(head) - len(around.after)
        if room < _LEAST:
            raise ValueError(
                f"The prompt of {row.label!r} takes {len(prefixes[number])} of the {limit} tokens that the model "
                "reads, which leaves too few to the text. Shorten the label's name."
            )
        count = 1 if masks is None else masks[number]
        shift = len(around.gap)
        spans = [(start + shift, end + shift) for start, end in row.spans]
        text = texts[row.text]
        offsets = encoded["offset_mapping"][text]
        ids, starts = _hide(encoded["input_ids"][text], offsets, spans, tokenizer.mask_token_id, count)
        for begin, blanks in _shares(starts, len(ids), room):
            places = [starts[blank] + i - begin + len(head) for blank in blanks for i in range(count)]
            yield Window(
                number,
                [*head, *ids[begin : begin + room], *around.after],
                places,
                [blank for blank in blanks for _ in range(count)],
            )


def _hide(
    ids: list[int], offsets: list[Span], spans: list[Span], mask: int, count: int
) -> tuple[list[int], list[int]]:
    """Put masks in the place of the tokens that share a character with a span; return them, and where they start."""
    hidden: list[int] = []
    places: list[int] = []
    token = 0
    for start, end in spans:
        first = token
        while first < len(ids) and offsets[first][1] <= start:
            first += 1
        hidden += ids[token:first]
        places.append(len(hidden))
        hidden += [mask] * count
        token = first
        while start < end and token < len(ids) and offsets[token][0] < end:
            token += 1
    return hidden + ids[token:], places


def _shares(places: list[int], length: int, room: int) -> Iterator[tuple[int, list[int]]]:
    """Deal the blanks out to windows: where each window starts, and the blanks that are asked in it."""
    if length <= room:
        if places:
            yield 0, list(range(len(places)))
        return
    step = room // 2
    last = -(-(length - room) // step)
    asked: dict[int, list[int]] = {}
    for blank, place in enumerate(places):
        asked.setdefault(min(max(0, (place - room // 4) // step), last), []).append(blank)
    for window, blanks in asked.items():
        yield min(window * step, length - room), blanks
