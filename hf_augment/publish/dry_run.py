"""What a push would send, looked through before it goes."""

import os
from collections.abc import Callable, Sequence

from hf_augment.publish.access import refuse_secrets
from hf_augment.publish.block import whole
from hf_augment.publish.parcels import Parcel

_TEXTS = (".json", ".md", ".yaml", ".html")


def check_texts(parcel: Parcel, token: str) -> None:
    """Raise a `ValueError` if a text of a parcel holds a token."""
    refuse_secrets(f"the card of {parcel.place.id}", whole(parcel.card, "", {}), token)
    for name, file in parcel.files.items():
        if name.endswith(_TEXTS):
            text = file if isinstance(file, bytes) else file.read_bytes()
            refuse_secrets(name, text.decode("utf-8", "replace"), token)


def say_what_would_go(
    parcels: Sequence[Parcel], title: str | None, private: bool, report: Callable[[str], None]
) -> None:
    """
    Show every file and every card.

    Args:
        parcels (`Sequence[Parcel]`): What would go.
        title (`str`, *optional*): Of the collection.
        private (`bool`): Whether new repositories would be private.
        report (`Callable[[str], None]`): Takes the lines.
    """
    for parcel in parcels:
        report(f"{parcel.place} ({'private' if private else 'public'}, if it is new)")
        for name, rows in (parcel.splits or {}).items():
            report(f"  data/{name}-*.parquet  {len(rows)} rows: {', '.join(rows.column_names)}")
        for name, file in parcel.files.items():
            report(f"  {name}  {len(file) if isinstance(file, bytes) else os.path.getsize(file)} bytes")
        report("  README.md")
        report("".join(f"    {line}".rstrip() + "\n" for line in whole(parcel.card, "", {}).splitlines()).rstrip("\n"))
    if title:
        report(f"collection {title!r} of {', '.join(str(parcel.place) for parcel in parcels)}")
    report("Nothing was sent.")
