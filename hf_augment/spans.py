"""Where spans of a text stand once it has been rewritten."""

from collections.abc import Sequence

from hf_augment.edits import Edit, splice
from hf_augment.transform import Written
from hf_augment.words import Span


def follow(text: str, spans: Sequence[Span], outcome: Written) -> list[Span | None]:
    """
    Find spans of a text again in what was written for it.

    Where the edits are known, a span that they do not touch moves with them, and one that was replaced is what it was
    replaced by. One that lies within what was replaced is looked for in the replacement, and is found if it stands
    there once, or as often as it stood in what was replaced: as words of their own, if it was that before.

    Args:
        text (`str`): The text before.
        spans (`Sequence[tuple[int, int]]`): Spans of it, none empty.
        outcome ([`Written`]): What was written.

    Returns:
        `list[tuple[int, int] | None]`: For each span where it stands now; `None` if it is lost.
    """
    found: list[Span | None] = list(spans)
    for edits in outcome.notes.get("edits") or [[Edit(0, len(text), outcome.text)]]:
        found = [span and _moved(text, span, edits) for span in found]
        text = splice(text, edits)
    return found


def still_fixed(text: str, spans: Sequence[Span], outcome: Written) -> tuple[Span, ...]:
    """
    Find which spans the next step of a pipeline may not edit, given those that this one might not.

    A span whose like stands there more often than before is all of them; one that is lost, by a step that does not edit
    but writes anew, is for the task to judge.

    Args:
        text (`str`): The text before.
        spans (`Sequence[tuple[int, int]]`): Spans of it, none empty.
        outcome ([`Written`]): What was written.
    """
    found: set[Span] = set()
    for span, now in zip(spans, follow(text, spans, outcome) if spans else (), strict=True):
        wanted = text[slice(*span)]
        found |= {now} if now else {(place, place + len(wanted)) for place in _places(outcome.text, wanted)}
    return tuple(sorted(found))


def _moved(text: str, span: Span, edits: Sequence[Edit]) -> Span | None:
    start, end = span
    shift = 0
    for first, last, new in edits:
        if first >= end:
            break
        if last <= start:
            shift += len(new) - (last - first)
        elif (first, last) == span:
            return first + shift, first + shift + len(new)
        elif first <= start and end <= last:
            place = _again(text[first:last], (start - first, end - first), new)
            return None if place is None else (first + shift + place, first + shift + place + end - start)
        else:
            return None
    return start + shift, end + shift


def _again(old: str, span: Span, new: str) -> int | None:
    """Find the words of a span of `old` in `new`."""
    wanted = old[slice(*span)]
    alone = not _is_joined(old, *span)  # part of a word, or of a script without spaces, it is looked for as such
    after = _places(new, wanted, alone)
    if len(after) == 1:
        return after[0]
    before = _places(old, wanted, alone)
    return after[before.index(span[0])] if len(before) == len(after) else None


def _places(text: str, wanted: str, alone: bool = True) -> list[int]:
    """Find where `wanted` stands, on its own if that is asked: "in" does not stand on its own in "within"."""
    places, place = [], text.find(wanted)
    while place >= 0:
        if not (alone and _is_joined(text, place, place + len(wanted))):
            places.append(place)
        place = text.find(wanted, place + 1)
    return places


def _is_joined(text: str, start: int, end: int) -> bool:
    """Say whether a span ends within a word."""
    before, after = text[start - 1 : start + 1], text[end - 1 : end + 1]
    return (start > 0 and before.isalnum()) or (len(after) == 2 and after.isalnum())
