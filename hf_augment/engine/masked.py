"""Asks a masked language model for words: all blanks of many texts in few passes, whole words only."""

from collections.abc import Callable, Collection, Iterator, Sequence
from typing import Any, NamedTuple

import torch

from hf_augment.engine.blanks import Blanks
from hf_augment.engine.decoding import Sampling, gumbel, next_tokens
from hf_augment.engine.masked_model import MaskedLM, ask, load_masked_lm

__all__ = ["Blanks", "Candidates", "MaskedLM", "Question", "draw", "fill", "load_masked_lm", "score"]

_PIECES = 8  # tokens at most of a word that is scored

Barred = Sequence[Sequence[Collection[str]]]


class Candidates(NamedTuple):
    """Words for one blank, the likeliest first, with the logarithms of their probabilities in the whole vocabulary."""

    words: list[str]
    scores: list[float]


class Question(NamedTuple):
    """
    How likely are some words at one place of a text?

    Args:
        text (`str`): The text.
        span (`tuple[int, int]`): The place, in characters; what stands there is hidden.
        words (`Sequence[str]`): The words.
        label (`str`, *optional*): The label's name, for a model that was trained to read it before the text.
    """

    text: str
    span: tuple[int, int]
    words: Sequence[str]
    label: str | None = None


def fill(
    lm: MaskedLM, rows: Sequence[Blanks], top: int = 50, barred: Barred | None = None, never: Collection[str] = ()
) -> Iterator[tuple[int, list[Candidates]]]:
    """
    Find the likeliest words for blanks; the blanks of one text are all hidden at once.

    Args:
        lm ([`MaskedLM`]): The model.
        rows (`Sequence[Blanks]`): The texts. A label is read only by a model that was trained with labels.
        top (`int`, *optional*, defaults to `50`): How many words a blank gets.
        barred (`Sequence`, *optional*): For each text and blank, the words, in lower case, that may not stand there.
        never (`Collection[str]`, *optional*): Words, in lower case, that may stand nowhere.

    Yields:
        `tuple[int, list[Candidates]]`: The position of a text, in any order, and words for each of its blanks.
    """
    words = lm.vocabulary.words

    def read(scores: torch.Tensor, asked: list[tuple[int, int]]) -> list[Candidates]:
        found, columns = scores.topk(min(top, len(words)))
        return [
            Candidates([words[column] for column in some[:possible]], of[:possible])
            for some, of, possible in zip(
                columns.tolist(), found.tolist(), found.isfinite().sum(-1).tolist(), strict=True
            )
        ]

    yield from _ask_for_words(lm, rows, read, barred, never)


def draw(
    lm: MaskedLM,
    rows: Sequence[Blanks],
    keys: Sequence[Sequence[int]],
    sampling: Sampling,
    barred: Barred | None = None,
    never: Collection[str] = (),
) -> Iterator[tuple[int, list[str | None]]]:
    """
    Draw a word for each blank by the Gumbel-max trick, so that it does not depend on the batch.

    Args:
        lm ([`MaskedLM`]): The model.
        rows (`Sequence[Blanks]`): The texts, as for `fill`.
        keys (`Sequence[Sequence[int]]`): For each text and blank, the 64-bit key of its stream.
        sampling ([`Sampling`]): Temperature and truncation, among the whole words that are not barred.
        barred (`Sequence`, *optional*): As for `fill`.
        never (`Collection[str]`, *optional*): As for `fill`.

    Yields:
        `tuple[int, list[str | None]]`: The position of a text, in any order, and a word for each of its blanks; `None`
        where all are barred.
    """
    words = lm.vocabulary.words

    def read(scores: torch.Tensor, asked: list[tuple[int, int]]) -> list[str | None]:
        own = [keys[row][blank] for row, blank in asked]
        signed = torch.tensor([key - (1 << 64) if key >> 63 else key for key in own], device=scores.device)
        columns = _pick(scores, signed, sampling)
        possible = scores.gather(1, columns[:, None])[:, 0].isfinite()
        return [words[i] if one else None for i, one in zip(columns.tolist(), possible.tolist(), strict=True)]

    yield from _ask_for_words(lm, rows, read, barred, never)


def _pick(scores: torch.Tensor, keys: torch.Tensor, sampling: Sampling) -> torch.Tensor:
    """Draw as `next_tokens` does, which turns all scores into doubles first: here a row is a blank, and most are."""
    if not sampling.top_k or sampling.temperature == 0:
        return next_tokens(scores, keys, 0, sampling)
    best, columns = scores.topk(min(sampling.top_k, scores.shape[1]))
    best = best.double() / sampling.temperature
    if sampling.top_p < 1:
        probability = best.softmax(-1)
        best.masked_fill_(probability.cumsum(-1) - probability >= sampling.top_p, -torch.inf)
    return columns.gather(1, (best + gumbel(keys, 0, columns)).argmax(-1, keepdim=True))[:, 0]


def score(lm: MaskedLM, questions: Sequence[Question]) -> Iterator[tuple[int, list[float]]]:
    """
    Tell how likely words are at their places: log P(word | text around it, label).

    A word of several tokens is hidden as that many masks, and the logarithms of its tokens add up; masks can be
    compared with words of as many tokens only with care, but well under several labels. One that takes more than 8
    tokens scores minus infinity.

    Args:
        lm ([`MaskedLM`]): The model.
        questions (`Sequence[Question]`): The texts, places, words, and labels.

    Yields:
        `tuple[int, list[float]]`: The position of a question, in any order, and the score of each of its words.
    """
    pieces = _pieces(lm, questions)
    runs: list[tuple[int, int]] = []  # a question, and the number of masks that it is asked with
    for number, found in enumerate(pieces):
        runs += [(number, count) for count in sorted({len(ids) for ids in found}) if 0 < count <= _PIECES]
    scores = [[-torch.inf] * len(found) for found in pieces]
    waiting = [sum(number == other for other, _ in runs) for number in range(len(pieces))]
    yield from ((number, scores[number]) for number, left in enumerate(waiting) if not left)
    rows = [Blanks(questions[number].text, [questions[number].span], questions[number].label) for number, _ in runs]

    def read(logits: torch.Tensor, asked: list[tuple[int, int]]) -> list[list[float]]:
        known = logits.log_softmax(-1)
        found, place = [], 0
        while place < len(asked):
            number, count = runs[asked[place][0]]
            own = [ids for ids in pieces[number] if len(ids) == count]
            picked = known[place : place + count].gather(1, torch.tensor(own, device=known.device).T)
            found += [picked.sum(0).tolist()] + [[]] * (count - 1)
            place += count
        return found

    for run, [found, *_] in ask(lm, rows, read, [count for _, count in runs]):
        number, count = runs[run]
        answers = iter(found)
        scores[number] = [
            next(answers) if len(ids) == count else known
            for ids, known in zip(pieces[number], scores[number], strict=True)
        ]
        waiting[number] -= 1
        if not waiting[number]:
            yield number, scores[number]


def _pieces(lm: MaskedLM, questions: Sequence[Question]) -> list[list[list[int]]]:
    """Tokenise the words of questions as they would be in their places: behind a space, or not."""
    near = [[(one.text[one.span[0] - 1] if one.span[0] else " ") + word for word in one.words] for one in questions]
    every = list(dict.fromkeys(snippet for some in near for snippet in some))
    if not every:
        return [[] for _ in questions]
    found = lm.tokenizer(
        every, add_special_tokens=False, split_special_tokens=True, return_offsets_mapping=True, verbose=False
    )
    ids = {
        snippet: [token for token, (_, end) in zip(tokens, offsets, strict=True) if end > 1]
        for snippet, tokens, offsets in zip(every, found["input_ids"], found["offset_mapping"], strict=True)
    }
    return [[ids[snippet] for snippet in some] for some in near]


def _ask_for_words(
    lm: MaskedLM, rows: Sequence[Blanks], read: Callable, barred: Barred | None, never: Collection[str]
) -> Iterator[tuple[int, list[Any]]]:
    """Ask for blanks, showing `read` the scores of the words that are allowed, `-inf` for the others."""
    vocabulary = lm.vocabulary
    spaced, glued = (ids.to(lm.model.device) for ids in (vocabulary.spaced, vocabulary.glued))
    nowhere = [vocabulary.columns[word] for word in never if word in vocabulary.columns]

    def read_words(logits: torch.Tensor, asked: list[tuple[int, int]]) -> list[Any]:
        scores = _best_form(logits, spaced)
        places = [rows[row].spans[blank][0] for row, blank in asked]
        close = [i for i, (row, _) in enumerate(asked) if not vocabulary.is_spaced(rows[row].text, places[i])]
        if close:
            scores[close] = _best_form(logits[close], glued)
        scores -= logits.logsumexp(-1, keepdim=True)
        scores[:, nowhere] = -torch.inf
        if barred is not None:
            found = [
                (i, vocabulary.columns[word])
                for i, (row, blank) in enumerate(asked)
                for word in barred[row][blank]
                if word in vocabulary.columns
            ]
            if found:
                scores[[i for i, _ in found], [column for _, column in found]] = -torch.inf
        return read(scores, asked)

    yield from ask(lm, rows, read_words)


def _best_form(logits: torch.Tensor, forms: torch.Tensor) -> torch.Tensor:
    """Take the likeliest of a word's spellings, film, Film and FILM."""
    scores = logits.index_select(1, forms[0])
    for ids in forms[1:]:
        others = (ids != forms[0]).nonzero()[:, 0]
        scores[:, others] = torch.maximum(scores[:, others], logits[:, ids[others]])
    return scores
