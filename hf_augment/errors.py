"""Words for errors: what was given, what is possible, what to write instead."""

from collections.abc import Iterable
from difflib import get_close_matches


def unknown(kind: str, given: object, possible: Iterable[str], advice: str = "") -> str:
    """
    Say that a name is not known, which one was probably meant, and which there are.

    Args:
        kind (`str`): What the name should have named, e.g. `"transform"`.
        given (`object`): The name as the user wrote it.
        possible (`Iterable[str]`): The names that exist.
        advice (`str`, *optional*, defaults to `""`): A last sentence, for a way out that is not in the list.
    """
    possible = sorted(str(name) for name in possible)
    near = get_close_matches(str(given), possible, n=1, cutoff=0.5)
    guess = f" Did you mean {near[0]!r}?" if near else ""
    listed = ", ".join(possible) if possible else "none"
    return f"unknown {kind} {given!r}.{guess} Available: {listed}.{' ' + advice if advice else ''}"


def one_split(given: object, verb: str) -> str:
    """Say that `verb` takes one split and why a whole `DatasetDict` is refused."""
    splits = list(given)
    return (
        f"Expected one split to {verb}, got a DatasetDict with the splits {splits}. Pass the training split, "
        f"e.g. dataset[{'train' if 'train' in splits else splits[0] if splits else 'train'!r}]: "
        "scores on augmented validation or test rows say nothing about real text."
    )
