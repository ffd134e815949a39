"""Our part of a card: it stands between two markers, and whatever stands outside is left alone."""

import json
import re
from collections.abc import Mapping
from typing import Any, NamedTuple

from hf_augment.sources import read_metadata

BEGIN = "<!-- hf-augment: begin -->"
END = "<!-- hf-augment: end -->"
INCOMPLETE = "status: incomplete"
_UNFINISHED = (
    f"<!-- {INCOMPLETE} -->\n> **Status: incomplete.** Files are missing here, or belong to different runs: a push is "
    "under way, or was interrupted. The same `hf-augment push` finishes it."
)
_BLOCK = re.compile(re.escape(BEGIN) + r".*?" + re.escape(END), re.DOTALL)
_NOTES = re.compile(r"<!-- notes: (\{.*?\}) -->")


class Card(NamedTuple):
    """
    What we say of a repository.

    Args:
        metadata (`dict`): The YAML at the top.
        text (`str`): Markdown.
    """

    metadata: dict[str, Any]
    text: str


def whole(card: Card, there: str, notes: Mapping[str, Any]) -> str:
    """
    Put our part into the card that is there.

    Args:
        card ([`Card`]): What we say.
        there (`str`): The card that is there; empty if there is none.
        notes (`Mapping`): What the next push has to know, JSON-shaped.
    """
    return _put(card, there, f"{_noted(card, notes)}\n\n{card.text.strip()}")


def unfinished(card: Card, there: str, notes: Mapping[str, Any]) -> str:
    """
    Put into the card that is there that what it stands beside is not whole.

    Args:
        card ([`Card`]): Its metadata hold already: a licence must stand beside the first file.
        there (`str`): The card that is there; empty if there is none.
        notes (`Mapping`): What the next push has to know, JSON-shaped.
    """
    return _put(card, there, f"{_noted(card, notes)}\n{_UNFINISHED}")


def has_block(text: str) -> bool:
    """Return whether a card has a part of ours."""
    return _BLOCK.search(text) is not None


def is_unfinished(text: str) -> bool:
    """Return whether our part of a card says that a push is not finished."""
    found = _BLOCK.search(text)
    return found is not None and f"<!-- {INCOMPLETE} -->" in found[0]


def read_notes(text: str) -> dict[str, Any]:
    """Return the notes in our part of a card; empty if there are none."""
    block = _BLOCK.search(text)
    found = _NOTES.search(block[0]) if block else None
    try:
        notes = json.loads(found[1]) if found else {}
    except ValueError:
        return {}
    return notes if isinstance(notes, dict) else {}


def _noted(card: Card, notes: Mapping[str, Any]) -> str:
    said = json.dumps({**notes, "metadata": card.metadata}, sort_keys=True)
    return f"<!-- notes: {said.replace('>', chr(92) + 'u003e')} -->"  # no "-->" may stand in a comment


def _put(card: Card, there: str, inside: str) -> str:
    from huggingface_hub.repocard import REGEX_YAML_BLOCK
    from huggingface_hub.utils import yaml_dump

    front = REGEX_YAML_BLOCK.search(there)
    rest = there[front.end() :] if front else there
    before = _read_yaml(front[2]) if front else {}
    merged = merge(before, card.metadata, read_notes(there).get("metadata") or {})
    top = front[2].rstrip("\r\n") if front and merged == before else yaml_dump(merged, sort_keys=False).strip()
    for marker in (BEGIN, END):  # a recipe may quote them
        inside = inside.replace(marker, marker.replace(": ", ":  "))
    block = f"{BEGIN}\n{inside}\n{END}"
    if _BLOCK.search(rest):
        rest = _BLOCK.sub(lambda _: block, rest, count=1)
    else:
        rest = f"\n{block}\n" + (f"\n{rest.strip()}\n" if rest.strip() else "")
    return f"---\n{top}\n---\n{rest}"


def _read_yaml(text: str) -> dict[str, Any]:
    import yaml

    try:
        found = read_metadata(text)
    except yaml.YAMLError as error:
        raise ValueError(
            f"The card on the Hub has metadata that are no YAML: {' '.join(str(error).split())} Correct its README.md."
        ) from error
    return found if isinstance(found, dict) else {}


def merge(there: Mapping[str, Any], ours: Mapping[str, Any], before: Mapping[str, Any]) -> dict[str, Any]:
    """
    Bring metadata up to date, and keep what others changed since.

    Args:
        there (`Mapping`): What stands there.
        ours (`Mapping`): What we say now.
        before (`Mapping`): What we said last time.

    Returns:
        `dict`: A value that somebody changed stays; a list loses what we no longer say and gains what is new.
    """
    found = dict(there)
    for name in [*ours, *(name for name in before if name not in ours)]:
        old, new, now = before.get(name), ours.get(name), there.get(name)
        if isinstance(now, list) and isinstance(new or old, list):
            old, new = old or [], new or []
            kept = [item for item in now if item not in old or item in new]
            value = kept + [item for item in new if item not in kept and item not in old]
        else:
            value = new if now is None or now == old else now
        if value in (None, []):
            found.pop(name, None)
        else:
            found[name] = value
    return found
