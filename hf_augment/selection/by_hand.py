"""A person's decisions on single rows, which overrule the others."""

import json
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from hf_augment.errors import unknown
from hf_augment.record import write_json
from hf_augment.selection.rows import Rows, read_texts
from hf_augment.streams import row_key

VERSION = 1
ACCEPT, REJECT = "accept", "reject"
KEPT, REJECTED = "kept by hand", "dropped by hand"
COLUMN = "by_hand"
_SHOWN = 3


class Decisions(NamedTuple):
    """
    What a file of decisions says.

    Args:
        made_from (`str`): What identifies the rows that the person saw.
        decisions (`Mapping[str, str]`): `"accept"` or `"reject"` by the id of a row, see `row_ids`.
    """

    made_from: str
    decisions: Mapping[str, str]


def read_decisions(path: str | Path) -> Decisions:
    """
    Read a file of decisions, which the review page of a report saves.

    Args:
        path (`str`): JSON: `{"version": 1, "made_from": "...", "decisions": {"ID": "accept" or "reject", ...}}`.

    Raises:
        `FileNotFoundError`: There is no such file.
        `ValueError`: It holds something else.
    """
    expected = f'{{"version": {VERSION}, "made_from": "...", "decisions": {{"ID": "accept" or "reject"}}}}'
    try:
        found = json.loads(Path(path).read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise FileNotFoundError(
            f"--decisions: there is no file {str(path)!r}. The report's review page saves one."
        ) from error
    except (OSError, ValueError) as error:
        raise ValueError(f"--decisions: {str(path)!r} is no JSON file: {error}. Expected {expected}.") from error
    keys = {"version", "made_from", "decisions"}
    if not isinstance(found, dict) or set(found) != keys or not isinstance(found["made_from"], str):
        given = sorted(found) if isinstance(found, dict) else found
        raise ValueError(f"--decisions: {str(path)!r}: expected {expected}, got {given!r}.")
    if found["version"] is True or found["version"] != VERSION:
        raise ValueError(
            f"--decisions: {str(path)!r} has the version {found['version']!r}, and this release reads {VERSION}. Save "
            "the decisions anew from a report that this release writes."
        )
    check_decisions(found["decisions"], f"--decisions: {str(path)!r}")
    return Decisions(found["made_from"], found["decisions"])


def keep_decisions(decisions: Decisions, path: Path) -> None:
    """Write a file of decisions, as `read_decisions` reads it."""
    write_json(path, {"version": VERSION, "made_from": decisions.made_from, "decisions": dict(decisions.decisions)})


def check_decisions(decisions: Any, where: str) -> None:
    """Raise a `TypeError` or `ValueError` unless each decision is to accept or to reject."""
    if not isinstance(decisions, Mapping):
        raise TypeError(f"{where}: expected decisions by row id, got {decisions!r}.")
    for row, decision in decisions.items():
        if decision not in (ACCEPT, REJECT):
            raise ValueError(f"{where}: row {row!r}: expected {ACCEPT!r} or {REJECT!r}, got {decision!r}.")


def check_made_from(decisions: Decisions, rows: Collection[str]) -> None:
    """Raise a `ValueError` unless the decisions are about the rows that one of these digests identifies."""
    if decisions.made_from not in rows:
        raise ValueError(
            f"--decisions: made from the rows {decisions.made_from!r}, and this recipe's are "
            f"{' or '.join(map(repr, rows))}: other settings, other data, or another generator. Review the report of "
            "this run, or go back to the settings of that one."
        )


def row_ids(dataset: Any, text: str) -> list[str]:
    """
    Name each row of an augmented dataset: `"SOURCE_ID-ROUND-COPY-TEXT"`, e.g. `"90c1…-1-2-5f0e1d2c"`.

    The last part is a digest: should another text stand there one day, no decision is about it.

    Args:
        dataset (`Dataset`): With the columns of `Augment`, and `round` if it was written in several; else that is 1,
            and 0 for an original.
        text (`str`): The text column.
    """
    plain = dataset.with_format(None)
    copies = list(plain["copy"])
    rounds = list(plain["round"]) if "round" in dataset.column_names else [int(copy > 0) for copy in copies]
    names = zip(plain["source_id"], rounds, copies, read_texts(dataset, text), strict=True)
    return [f"{source}-{number}-{copy}-{row_key(said).hex()[:8]}" for source, number, copy, said in names]


def apply_decisions(decisions: Mapping[str, str], ids: Sequence[str], rows: Rows) -> dict[int, str]:
    """
    Find the rows that decisions are about.

    Args:
        decisions (`Mapping[str, str]`): By the id of a row.
        ids (`Sequence[str]`): The id of each row.
        rows ([`Rows`]): The rows.

    Returns:
        `dict[int, str]`: The decision by the position of a row.

    Raises:
        `ValueError`: A row that is not there, that is an original, or that is not the only one of its id.
    """
    if not decisions:
        return {}
    candidates = set(rows.candidates)
    named: dict[str, list[int]] = defaultdict(list)
    for i, name in enumerate(ids):
        if name in decisions:
            named[name].append(i)
    missing = sorted(set(decisions) - set(named))
    if missing:
        known = [ids[i] for i in rows.candidates[:_SHOWN]]
        raise ValueError(
            f"--decisions: {len(missing)} of {len(decisions)} rows are not there, e.g. "
            + unknown("row", missing[0], [*known, "..."] if len(rows.candidates) > _SHOWN else known)
            + " A row's id is SOURCE_ID-ROUND-COPY-TEXT."
        )
    for name, found in named.items():
        if found[0] not in candidates:
            raise ValueError(
                f"--decisions: row {name!r} is an original, which always stays. Decide on augmented rows only."
            )
        if len({(rows.texts[i], rows.labels[i]) for i in found}) > 1:
            raise ValueError(
                f"--decisions: {len(found)} different rows have the id {name!r}, because their originals have the same "
                "text. Name an id column in augment.key and augment again."
            )
    return {i: decisions[name] for name, found in named.items() for i in found}
