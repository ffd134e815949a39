"""The longest common subsequence of two texts, a whole row of the table at a time."""

from collections.abc import Sequence


def places(tokens: Sequence[str]) -> dict[str, int]:
    """Return where each token stands, as the bits of a number: what `common_subsequence` compares with."""
    found: dict[str, int] = {}
    for place, token in enumerate(tokens):
        found[token] = found.get(token, 0) | 1 << place
    return found


def common_subsequence(found: dict[str, int], length: int, tokens: Sequence[str]) -> int:
    """
    Return the length of the longest common subsequence, a whole row of the table at a time.

    Each bit says that the row does not grow there (Hyyrö 2004, "Bit-parallel LCS-length computation revisited").

    Args:
        found (`dict[str, int]`): The `places` of the one text.
        length (`int`): Its tokens.
        tokens (`Sequence[str]`): The other text.
    """
    whole = (1 << length) - 1
    row = whole
    for token in tokens:
        match = row & found.get(token, 0)
        row = ((row + match) | (row - match)) & whole
    return length - row.bit_count()
