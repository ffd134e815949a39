"""Texts with gaps, what an encoder-decoder model makes of them, and the edits that follow from it."""

import re
from bisect import bisect_left
from collections.abc import Sequence
from typing import Any, NamedTuple

from hf_augment.edits import Edit
from hf_augment.sentences import sentences
from hf_augment.transform import Declined, Row
from hf_augment.windows import TOO_LONG, NotUsable, costs, encode, longest_input, pack, read_back, without_start
from hf_augment.words import Span, outside

_TOO_LONG = f"{TOO_LONG} or max_new_tokens allows"
KEPT = 0.75  # of the words that were not masked; what keeps fewer is another text
_PIECE = re.compile(r"\w+(?:['’-]\w+)*|[^\w\s]")


def sentinels(tokenizer: Any) -> list[int]:
    """Return the ids of a tokenizer's sentinels in their order; none for a model that knows none."""
    known, found = tokenizer.get_vocab(), []
    for number in range(1_000):
        names = (f"<extra_id_{number}>", f"▁<extra_id_{number}>")  # mT5 has them as pieces
        token = next((known[name] for name in names if name in known), None)
        if token is None:
            break
        found.append(token)
    return found


class Window(NamedTuple):
    """A piece of a row's text as the model reads it, and the gaps in it, in characters of the row's text."""

    start: int
    end: int
    prefix: str
    ids: list[int]
    gaps: list[Span]


class Filler:
    """
    What goes into a model and what comes out: from rows to masked windows, and from tokens back to edits.

    Args:
        model (`PreTrainedModel`): An encoder-decoder model.
        tokenizer (`PreTrainedTokenizerBase`): Its tokenizer, with sentinels or a mask token.
        separator (`str`, *optional*): What stands between the label and the text; `None`: the label is left out.
        longest_window (`int`): Tokens of a window at most, if the model reads as many.
    """

    def __init__(self, model: Any, tokenizer: Any, separator: str | None, longest_window: int):
        self.tokenizer, self.separator = tokenizer, separator
        self.longest = longest_input(model, tokenizer)
        self.room = min(self.longest, longest_window)
        self.sentinels = sentinels(tokenizer)
        if not tokenizer.is_fast or (len(self.sentinels) < 2 and tokenizer.mask_token_id is None):
            raise ValueError(
                "infill: the model's tokenizer has neither a mask token nor sentinels such as <extra_id_0>, or cannot "
                "say where its tokens stand in a text. Take a model of the BART or the T5 family."
            )

    def windows(self, row: Row, gaps: list[Span]) -> list[Window] | Declined:
        """Mask the gaps and cut the text into windows of whole sentences; those without a gap are left out."""
        if self.separator is not None and row.label is None:
            return Declined("no label")
        prefix = "" if self.separator is None else f"{row.label}{self.separator}"
        spans = sentences(row.text) if gaps else []
        sizes = costs(self.tokenizer, row.text, spans)
        starts = [start for start, _ in gaps]
        place = [(bisect_left(starts, start), bisect_left(starts, end)) for start, end in spans]  # of sentences' gaps
        room = self.room - len(encode(self.tokenizer, prefix).input_ids)
        most = len(self.sentinels) - 1 if self.sentinels else room
        counts = [last - first for first, last in place]
        packed = pack([((a, n), (b, n)) for (a, b), n in zip(sizes, counts, strict=True)], (room, most))
        if packed is None:
            return Declined(_TOO_LONG)
        found = [
            self._mask(row.text, prefix, (spans[a][0], spans[b - 1][1]), gaps[place[a][0] : place[b - 1][1]])
            for a, b in packed
        ]
        if any(len(window.ids) > self.longest for window in found):
            return Declined(_TOO_LONG)
        return [window for window in found if window.gaps]

    def _mask(self, text: str, prefix: str, span: Span, gaps: list[Span]) -> Window:
        whole, shift = prefix + text[slice(*span)], len(prefix) - span[0]
        encoded = encode(self.tokenizer, whole).encodings[0]
        tokens = encoded.offsets
        ids, masked, done, token = [], [], 0, 0
        for gap in gaps:
            left, right = gap[0] + shift, gap[1] + shift
            while token < len(tokens) and tokens[token][1] <= left:
                token += 1
            first = token
            while token < len(tokens) and tokens[token][0] < right and tokens[token][1] > left:
                token += 1
            # A token that holds more than the gap and white space would hide what is not written anew.
            if first == token or whole[tokens[first][0] : tokens[token - 1][1]].strip() != whole[left:right]:
                continue
            ids += [*encoded.ids[done:first], self._mark(len(masked))]
            masked.append(gap)
            done = token
        return Window(*span, prefix, [*ids, *encoded.ids[done:]], masked)

    def _mark(self, number: int) -> int:
        return self.sentinels[number] if self.sentinels else self.tokenizer.mask_token_id

    def read(self, text: str, window: Window, completion: Any, taken: list[Span]) -> list[Edit] | Declined:
        """Make edits of what the model wrote for a window of a text, or say what is wrong with it."""
        tokens = without_start(self.tokenizer, completion.tokens)
        try:
            if self.sentinels:
                return self._fillings(text, window, tokens, completion.finished)
            if not completion.finished:
                raise NotUsable("unfinished")
            return self._aligned(text, window, read_back(self.tokenizer, tokens), taken)
        except NotUsable as problem:
            return Declined(str(problem))

    def _fillings(self, text: str, window: Window, tokens: Sequence[int], finished: bool) -> list[Edit]:
        number = {token: place for place, token in enumerate(self.sentinels)}
        found: list[list[int]] = []
        for token in tokens:
            place = number.get(token)
            if place is None and found:
                found[-1].append(token)
            elif place != len(found):
                raise NotUsable("a sentinel is missing or doubled")
            elif place == len(window.gaps):  # it closes the last filling: what follows fills nothing
                finished = True
                break
            else:
                found.append([])
        if not finished:
            raise NotUsable("unfinished")
        if len(found) < len(window.gaps):
            raise NotUsable("a sentinel is missing or doubled")
        edits = [
            Edit(*gap, read_back(self.tokenizer, filling)) for gap, filling in zip(window.gaps, found, strict=True)
        ]
        return [edit for edit in edits if edit.new != text[edit.start : edit.end]]

    def _aligned(self, text: str, window: Window, written: str, taken: list[Span]) -> list[Edit]:
        prefix = window.prefix.strip()
        if not written.startswith(prefix):
            raise NotUsable("lost the label")
        edits = align(text, window, written[len(prefix) :])
        if len(outside([(edit.start, edit.end) for edit in edits], taken)) < len(edits):
            raise NotUsable("changed protected words")
        return edits


def align(text: str, window: Window, written: str) -> list[Edit]:
    """Find the edits that make of a window what was written for it; white space stays where both have some."""
    written = written.strip()
    old, new = _pieces(text, window.start, window.end), _pieces(written, 0, len(written))
    seen = set(outside(old, window.gaps))
    weights = [2 if piece in seen else 1 for piece in old]
    pairs = _common([text[a:b] for a, b in old], weights, [written[a:b] for a, b in new])
    if sum(old[i] in seen for i, _ in pairs) < KEPT * len(seen):
        raise NotUsable("lost the text")
    edits, i, j = [], 0, 0
    for next_i, next_j in [*pairs, (len(old), len(new))]:
        if i < next_i or j < next_j:
            gone = _surrounded(old, i, next_i, window.start, window.end)
            come = _surrounded(new, j, next_j, 0, len(written))
            edits.append(_edit(text, gone, written, come))
        i, j = next_i + 1, next_j + 1
    return edits


def _common(old: list[str], weights: list[int], new: list[str]) -> list[tuple[int, int]]:
    """Find the heaviest common subsequence: pairs of places, in order."""
    below = [0] * (len(new) + 1)
    best = [below]  # of what begins at a place of `old` (from the last) and one of `new`
    for word, weight in zip(reversed(old), reversed(weights), strict=True):
        row = [0] * (len(new) + 1)
        for j in range(len(new) - 1, -1, -1):
            row[j] = max(below[j], row[j + 1], below[j + 1] + weight if word == new[j] else 0)
        best.append(row)
        below = row
    best.reverse()
    pairs, i, j = [], 0, 0
    while i < len(old) and j < len(new):
        if old[i] == new[j] and best[i][j] == best[i + 1][j + 1] + weights[i]:
            pairs.append((i, j))
            i, j = i + 1, j + 1
        elif best[i + 1][j] == best[i][j]:
            i += 1
        else:
            j += 1
    return pairs


def _pieces(text: str, start: int, end: int) -> list[Span]:
    return [match.span() for match in _PIECE.finditer(text, start, end)]


def _surrounded(pieces: list[Span], first: int, last: int, start: int, end: int) -> tuple[int, int, int, int]:
    """Find where the white space before some pieces begins, where they do, where they end, and where what follows does."""
    before = pieces[first - 1][1] if first else start
    after = pieces[last][0] if last < len(pieces) else end
    return (before, pieces[first][0], pieces[last - 1][1], after) if first < last else (before, after, after, after)


def _edit(text: str, old: tuple[int, int, int, int], written: str, new: tuple[int, int, int, int]) -> Edit:
    left, right = text[old[0] : old[1]], text[old[2] : old[3]]
    new_left, words, new_right = written[new[0] : new[1]], written[new[1] : new[2]], written[new[2] : new[3]]
    if not words:  # what goes leaves one of the spaces around it
        return Edit(old[0], old[3], (left or right or new_left) if new_left else "")
    if old[1] == old[2]:  # what comes shares the space that was there
        if left and not new_left:
            return Edit(old[0], old[1], words + (left if new_right else ""))
        return Edit(old[0], old[1], (left or new_left if new_left else "") + words + new_right)
    start, end = (old[1], old[2])
    if bool(left) != bool(new_left):
        start, words = old[0], new_left + words
    if bool(right) != bool(new_right):
        end, words = old[3], words + new_right
    return Edit(start, end, words)
