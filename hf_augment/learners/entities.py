"""Entities in IOB2 tags, and how many of them were found: as conlleval counts (Tjong Kim Sang and De Meulder 2003)."""

from collections.abc import Sequence

Entity = tuple[int, int, str]  # first token, the one after the last, kind


def entities(tags: Sequence[str]) -> list[Entity]:
    """
    Return the entities of a row.

    Args:
        tags (`Sequence[str]`): `"B-PER"`, `"I-PER"`, ..., and `"O"`. An `I-` that continues nothing begins an entity.
    """
    found: list[Entity] = []
    open_from, kind = 0, ""
    for place, tag in enumerate([*tags, "O"]):
        begins, _, own = tag.partition("-")
        goes_on = begins == "I" and own == kind
        if kind and not goes_on:
            found.append((open_from, place, kind))
            kind = ""
        if begins in ("B", "I") and own and not goes_on:
            open_from, kind = place, own
    return found


def entity_scores(predicted: Sequence[Sequence[str]], right: Sequence[Sequence[str]]) -> dict[str, float]:
    """
    Return precision, recall and F1 of the entities of all rows together; one counts only with its very edges and kind.

    Args:
        predicted (`Sequence[Sequence[str]]`): The tags of each row as they were predicted.
        right (`Sequence[Sequence[str]]`): As they are.
    """
    ours = {(row, *entity) for row, tags in enumerate(predicted) for entity in entities(tags)}
    theirs = {(row, *entity) for row, tags in enumerate(right) for entity in entities(tags)}
    shared = len(ours & theirs)
    return {
        "precision": shared / len(ours) if ours else 0.0,
        "recall": shared / len(theirs) if theirs else 0.0,
        "f1": 2 * shared / (len(ours) + len(theirs)) if shared else 0.0,
    }
