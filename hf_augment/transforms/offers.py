"""What a transform would put in the place of each word of a text, as single choices."""

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from hf_augment.compose import OneOf, Sometimes
from hf_augment.edits import Edit, Editing, splice
from hf_augment.streams import Stream
from hf_augment.transform import Declined, Row, Transform
from hf_augment.transforms.characters import pieces
from hf_augment.words import Span

if TYPE_CHECKING:
    from hf_augment.classifiers.attack import Candidate

_ARTICLES = {"a", "an"}


def edits_words(transform: Transform) -> bool:
    """Say whether a transform notes one list of edits of the row's text for each text that it writes."""
    if isinstance(transform, OneOf):
        return all(map(edits_words, transform.transforms))
    return edits_words(transform.transform) if isinstance(transform, Sometimes) else isinstance(transform, Editing)


def offers(
    transform: Transform,
    draws: int,
    rows: Sequence[Row],
    streams: Sequence[Stream],
    taken: Sequence[Sequence[Span]],
) -> list["list[Candidate] | Declined"]:
    """
    Collect what a transform does to each word of some rows.

    Args:
        transform (`Transform`): One that `edits_words`.
        draws (`int`): How often it is asked.
        rows (`Sequence[Row]`): The rows.
        streams (`Sequence[Stream]`): One for each row.
        taken (`Sequence[Sequence[tuple[int, int]]]`): For each row, the spans that no edit may touch.

    Returns:
        `list[list[Candidate] | Declined]`: For each row its candidates, the words in random order, or why the next run
        may have some where this one has not.

    Raises:
        `ValueError`: The transform changes more than the text, such as the label.
    """
    from hf_augment.classifiers.attack import Candidate

    found: list[dict[Any, Candidate]] = [{} for _ in rows]
    down: dict[int, Declined] = {}
    cuts = [pieces(row.text, 1) for row in rows]
    for draw in range(draws):
        drawn = [stream.child(f"{draw}:{transform.name}") for stream in streams]
        for place, outcome in enumerate(transform.apply(rows, drawn)):
            if isinstance(outcome, Declined):
                if outcome.passing:
                    down[place] = outcome
                continue
            if outcome.also:
                raise ValueError(
                    f"adversarial: candidates: {outcome.by!r} changes the {', '.join(outcome.also)} with the text, and "
                    "what an attack writes keeps it. Leave the option that does so out, for 'antonym' its 'flip'."
                )
            text, [edits] = rows[place].text, outcome.notes["edits"]
            for start, end, own in _by_word(text, cuts[place], edits):
                reach = min(start, own[0].start), end
                if any(left < reach[1] and reach[0] < right for left, right in taken[place]):
                    continue
                inside = [Edit(at - start, to - start, put) for at, to, put in own if at >= start]
                new = splice(text[start:end], inside)
                found[place].setdefault((start, end, new), Candidate(start, end, new, tuple(own)))
    return [down.get(place) or _shuffled(list(found[place].values()), streams[place]) for place in range(len(rows))]


def _by_word(text: str, cuts: Sequence[Span], edits: Sequence[Edit]) -> Iterator[tuple[int, int, list[Edit]]]:
    """Put the edits of one draw together that belong to one word, an article with the word that asked for it."""
    ends = [end for _, end in cuts]
    groups: list[tuple[int, int, list[Edit]]] = []
    for edit in edits:
        start, end = _word(cuts, ends, edit)
        if groups and start < groups[-1][1]:
            left, right, own = groups.pop()
            start, end, own = min(start, left), max(end, right), [*own, edit]
        else:
            own = [edit]
        groups.append((start, end, own))
    article: list[Edit] = []
    for (start, end, own), (behind, _, _) in pairwise([*groups, (len(text), len(text), [])]):
        if _is_article(text, own) and text[end:behind].isspace() and behind < len(text):
            article = own
        else:
            yield start, end, [*article, *own]
            article = []


def _is_article(text: str, edits: Sequence[Edit]) -> bool:
    old, new = text[edits[0].start : edits[0].end].lower(), edits[0].new.lower()
    return len(edits) == 1 and {old, new} == _ARTICLES


def _word(cuts: Sequence[Span], ends: Sequence[int], edit: Edit) -> Span:
    """Find the words that an edit lies in or adds letters to; what it leaves alone makes it a place of its own."""
    start, end = edit.start, edit.end
    longer = start == end and edit.new[:1].isalnum(), start == end and edit.new[-1:].isalnum()
    for left, right in cuts[bisect_left(ends, start) :]:
        if left > end or (left == end and not longer[1]):
            break
        if right > edit.start or (right == edit.start and longer[0]):
            start, end = min(start, left), max(end, right)
    return start, end


def _shuffled(candidates: "list[Candidate]", stream: Stream) -> "list[Candidate]":
    places = list(dict.fromkeys((one.start, one.end) for one in candidates))
    rank = {places[place]: number for number, place in enumerate(stream.sample(len(places), len(places)))}
    return sorted(candidates, key=lambda one: rank[one.start, one.end])
