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
    there once, or as often as it stood in what was replaced.

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
    before, after = _places(old, wanted), _places(new, wanted)
    if len(after) == 1:
        return after[0]
    return after[before.index(span[0])] if len(before) == len(after) and span[0] in before else None


def _places(text: str, wanted: str) -> list[int]:
    """Find where `wanted` stands on its own: "in" does not stand in "within"."""
    places, place = [], text.find(wanted)
    while place >= 0:
        end = place + len(wanted)
        joined = (text[place - 1 : place].isalnum() and wanted[0].isalnum()) or (
            text[end : end + 1].isalnum() and wanted[-1].isalnum()
        )
        if not joined:
            places.append(place)
        place = text.find(wanted, place + 1)
    return places
