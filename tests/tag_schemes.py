"""Tag schemes as their papers define them, apart from the library's own reading: what is valid, and which mentions there are."""

from collections.abc import Callable, Sequence

Mention = tuple[str, int, int]  # type, first token, last token
SCHEMES = ("IOB1", "IOB2", "IOBES", "BILOU", "BMES", "plain")


def encode(scheme: str, length: int, mentions: Sequence[Mention]) -> list[str]:
    """Write the tags of mentions, which are in order and do not overlap."""
    tags = ["O"] * length
    end, last_kind = -2, ""
    for kind, first, last in mentions:
        for i, letter in zip(range(first, last + 1), _letters(scheme, last - first + 1), strict=True):
            tags[i] = f"{letter}-{kind}" if letter else kind
        if scheme == "IOB1" and first == end + 1 and kind == last_kind:
            tags[first] = f"B-{kind}"
        end, last_kind = last, kind
    return tags


def _letters(scheme: str, count: int) -> list[str]:
    inner = count - 2
    many: dict[str, Callable[[], list[str]]] = {
        "IOB1": lambda: ["I"] * count,
        "IOB2": lambda: ["B"] + ["I"] * (count - 1),
        "IOBES": lambda: ["S"] if count == 1 else ["B", *["I"] * inner, "E"],
        "BILOU": lambda: ["U"] if count == 1 else ["B", *["I"] * inner, "L"],
        "BMES": lambda: ["S"] if count == 1 else ["B", *["M"] * inner, "E"],
        "plain": lambda: [""] * count,
    }
    return many[scheme]()


def decode(scheme: str, tags: Sequence[str]) -> list[Mention]:
    """Read the mentions of valid tags; an `AssertionError` says what is not valid."""
    found: list[Mention] = []
    for i, tag in enumerate(tags):
        before = tags[i - 1] if i else "O"
        if tag == "O":
            assert before[:2] not in ("B-", "I-", "M-") or scheme in ("IOB1", "IOB2", "plain"), f"open at {i}: {tags}"
            continue
        letter, kind = ("", tag) if scheme == "plain" else (tag[0], tag[2:])
        assert scheme == "plain" or tag[1] == "-", tag
        same = found and found[-1][2] == i - 1 and found[-1][0] == kind
        if scheme == "plain":
            goes_on = same
        elif scheme == "IOB1":
            assert letter in "IB", tag
            assert letter == "I" or same, f"B without a neighbour of its type at {i}: {tags}"
            goes_on = same and letter == "I"
        elif scheme == "IOB2":
            assert letter in "IB", tag
            goes_on = letter == "I"
            assert not goes_on or same, f"I without B at {i}: {tags}"
        else:
            inside, last, single = {"IOBES": "IES", "BILOU": "ILU", "BMES": "MES"}[scheme]
            assert letter in ("B", inside, last, single), tag
            open_before = before[0] in ("B", inside) and before != "O"
            goes_on = letter in (inside, last)
            assert goes_on == open_before, f"{tag} at {i}: {tags}"
            assert not goes_on or same, f"another type at {i}: {tags}"
        if goes_on:
            found[-1] = (kind, found[-1][1], i)
        else:
            found.append((kind, i, i))
    if scheme in ("IOBES", "BILOU", "BMES") and tags and tags[-1] != "O":
        assert tags[-1][0] in {"IOBES": "ES", "BILOU": "LU", "BMES": "ES"}[scheme], f"open at the end: {tags}"
    return found


def names(scheme: str, kinds: Sequence[str]) -> list[str]:
    """List all tags of a scheme."""
    letters = {"IOB1": "IB", "IOB2": "BI", "IOBES": "BIES", "BILOU": "BILU", "BMES": "BMES", "plain": ""}[scheme]
    if scheme == "plain":
        return ["O", *kinds]
    return ["O", *(f"{letter}-{kind}" for kind in kinds for letter in letters)]
