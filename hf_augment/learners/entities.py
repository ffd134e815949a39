"""Entities in tags such as IOB2, and how many of them were found: as conlleval counts (Tjong Kim Sang and De Meulder 2003)."""

from collections.abc import Sequence

from hf_augment.tasks.token_classification import kind_of, mentions

Entity = tuple[int, int, str]  # first token, the one after the last, kind


def entities(tags: Sequence[str]) -> list[Entity]:
    """
    Return the entities of a row.

    Args:
        tags (`Sequence[str]`): `"B-PER"`, `"I-PER"`, ..., and `"O"`; also IOB1, IOBES, BMES and BILOU, as in the
            task, and prefixes alone. What continues nothing
            begins an entity. Of tags without such a prefix, a run of equal ones is an entity.
    """
    return [(first, last + 1, kind_of(tags[first])) for first, last in mentions(tags)]


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
