"""`hf-augment cache`: what is remembered between runs, whether it is sound, and how it is made less."""

import re
import time
from collections import defaultdict
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from hf_augment.engine import cache
from hf_augment.engine.digests import cache_folder
from hf_augment.engine.store import Store, count
from hf_augment.record import read_json

_AGES = {"h": 3600, "d": 86_400, "w": 604_800}
_HEX = re.compile(r"[0-9a-f]{32,}")
_SHOWN = 12  # characters of an identity


@dataclass(frozen=True)
class Group:
    """
    What one transform, encoder or file of vectors has left.

    Args:
        kind (`str`): `outputs`, `embeddings` or `vocabularies`.
        by (`str`): The transform or encoder.
        identity (`str`): What decides it, as a digest; `hf-augment cache --prune --identity` takes it.
        models (`list[str]`): The models behind it, by the digest of their files, or by name if a server has them.
        entries (`int`): How many outputs, texts or words; those that two processes wrote count twice.
        files (`int`): Their number, other formats and damaged ones included.
        unread (`int`): How many of these are of another version of the library, damaged or unfinished.
        bytes (`int`): What they take on disk.
        used (`float`): When one was last written or found useful, in seconds since 1970.
        kept (`bool`): Whether the limit does not count, since nobody would write the same again.
    """

    kind: str
    by: str
    identity: str
    models: list[str]
    entries: int
    files: int
    unread: int
    bytes: int
    used: float
    kept: bool


def groups() -> list[Group]:
    """Return what there is, the most recently used first."""
    found: dict[Path, list[cache.Piece]] = defaultdict(list)
    for piece in cache.pieces():
        found[_place(piece)].append(piece)
    return sorted((_group(place, those) for place, those in found.items()), key=lambda group: -group.used)


def listing() -> list[str]:
    """Return lines that say what there is."""
    found = groups()
    most, total = cache.limit(), sum(group.bytes for group in found)
    allowed = "no limit" if most == float("inf") else f"limit {size(most)}"
    lines = [f"{cache_folder()}: {size(total)}, {allowed} (HF_AUGMENT_CACHE_LIMIT)"]
    if not found:
        return [*lines, "Nothing is remembered."]
    rows = [("kind", "by", "identity", "entries", "files", "size", "last used", "")]
    for group in found:
        notes = [f"model {', '.join(group.models)}"] if group.models else []
        notes += [f"{group.unread} files of another version, damaged or unfinished"] if group.unread else []
        notes += ["answers of a server, which the limit leaves alone"] if group.kept else []
        row = (group.kind, group.by, group.identity[:_SHOWN], f"{group.entries:,}", f"{group.files}")
        rows.append((*row, size(group.bytes), _date(group.used), "; ".join(notes)))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    numbers = (3, 4, 5)
    for row in rows:
        cells = [
            cell.rjust(width) if i in numbers else cell.ljust(width)
            for i, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        lines.append("  ".join(cells).rstrip())
    return lines


def as_json() -> dict[str, Any]:
    """Return what there is, in the shape of JSON."""
    most = cache.limit()
    limit = None if most == float("inf") else int(most)
    return {"folder": str(cache_folder()), "limit": limit, "groups": [asdict(group) for group in groups()]}


def prune(older_than: str | None = None, everything: bool = False, identity: str | None = None) -> list[str]:
    """
    Delete what is remembered: what a limit does not leave room for, or what is asked for.

    What a running process writes to stays.

    Args:
        older_than (`str`, *optional*): What was not used for this long: hours, days or weeks, `"12h"`, `"30d"`, `"8w"`.
        everything (`bool`, *optional*, defaults to `False`): All of it.
        identity (`str`, *optional*): What has this identity, or one that begins so.

    Returns:
        `list[str]`: Lines that say what was deleted.

    Raises:
        `ValueError`: No such age or identity, or all is asked for and less at the same time.
    """
    found = list(cache.pieces())
    if everything and (older_than or identity):
        raise ValueError("--all leaves nothing for --older-than and --identity to choose from. Leave it out.")
    if not (everything or older_than or identity):
        gone = cache.prune_to(cache.limit(), found)
        return [_deleted(gone)]
    if identity is not None:
        found = [piece for piece in found if _digest(_place(piece)).startswith(identity.lower())]
        if not found or not identity:
            there = ", ".join(sorted({group.identity[:_SHOWN] for group in groups()})) or "none"
            raise ValueError(f"--identity: nothing remembered has the identity {identity!r}. There are: {there}.")
    if older_than is not None:
        oldest = time.time() - _seconds(older_than)
        found = [piece for piece in found if piece.used < oldest]
    gone = [piece for piece in found if cache.delete(piece)]
    stays = len(found) - len(gone)
    return [_deleted(gone)] + ([f"{stays} files stay: processes are writing to them."] if stays else [])


def verify() -> tuple[list[str], bool]:
    """
    Read everything and compare it with its checksums; what is damaged is set aside, as a run would do.

    Returns:
        `tuple[list[str], bool]`: Lines that say what was found, and whether all is sound.
    """
    found = [piece for piece in cache.pieces() if piece.path.name.endswith(cache.ENDINGS[piece.kind])]
    sound = dict.fromkeys(cache.KINDS, 0)
    damaged: list[Path] = []
    for folder in sorted({piece.path.parent for piece in found if piece.kind == "outputs"}):
        entries, bad = Store(folder).check()
        sound["outputs"] += entries
        damaged += bad
    for piece in sorted((piece for piece in found if piece.kind != "outputs"), key=lambda piece: piece.path):
        entries = _rows(piece.path) or 0
        if _CHECKS[piece.kind](piece.path):
            sound[piece.kind] += entries
        else:
            damaged.append(piece.path)
    lines = [f"{count:,} {_UNIT[kind]} are sound." for kind, count in sound.items()]
    return lines + [f"damaged: {path}" for path in damaged], not damaged


def size(count: float) -> str:
    """Write a number of bytes with a unit."""
    for unit, scale in (("TB", 10**12), ("GB", 10**9), ("MB", 10**6), ("kB", 10**3)):
        if count >= scale:
            return f"{count / scale:.1f} {unit}"
    return f"{count:.0f} B"


def _check_embeddings(path: Path) -> bool:
    from hf_augment.engine.embeddings import check  # with it comes torch

    return check(path)


def _check_vocabulary(path: Path) -> bool:
    from hf_augment.engine.vocabulary import check

    return check(path)


_CHECKS = {"embeddings": _check_embeddings, "vocabularies": _check_vocabulary}
_UNIT = {"outputs": "outputs of transforms", "embeddings": "embedded texts", "vocabularies": "words with vectors"}


def _place(piece: cache.Piece) -> Path:
    return piece.path.parent if piece.kind != "vocabularies" else piece.path.with_name(piece.path.name.split(".")[0])


def _digest(place: Path) -> str:
    return place.name.rpartition("-")[2]


def _group(place: Path, found: list[cache.Piece]) -> Group:
    counts = [_entries(piece) for piece in found]
    described = read_json(place / "identity.json")
    described = described if isinstance(described, dict) else {}
    models = [str(value) for key, value in described.items() if "model" in key and isinstance(value, str)]
    return Group(
        kind=found[0].kind,
        by=str(described.get("name") or place.name.rpartition("-")[0] or "?"),
        identity=_digest(place),
        models=[model[:_SHOWN] if _HEX.fullmatch(model) else model for model in models],
        entries=sum(count or 0 for count in counts),
        files=len(found),
        unread=sum(count is None for count in counts),
        bytes=sum(piece.size for piece in found),
        used=max(piece.used for piece in found),
        kept=any(piece.kept for piece in found),
    )


def _entries(piece: cache.Piece) -> int | None:
    """Count what a file holds; `None` if this version of the library does not read it."""
    if not piece.path.name.endswith(cache.ENDINGS[piece.kind]):
        return None
    return count(piece.path) if piece.kind == "outputs" else _rows(piece.path)


def _rows(path: Path) -> int | None:
    import numpy as np

    try:
        return len(np.load(path, mmap_mode="r", allow_pickle=False))
    except (OSError, ValueError, TypeError, EOFError):
        return None


def _seconds(age: str) -> float:
    found = re.fullmatch(r"(\d+(?:\.\d+)?)([hdw])", age.strip().lower())
    if not found:
        raise ValueError(f"--older-than: expected hours, days or weeks, e.g. 12h, 30d or 8w, got {age!r}.")
    return float(found[1]) * _AGES[found[2]]


def _deleted(gone: list[cache.Piece]) -> str:
    return f"Deleted {len(gone)} files, {size(sum(piece.size for piece in gone))}."


def _date(seconds: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M", time.localtime(seconds))
