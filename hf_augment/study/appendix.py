"""What a report says at its end: what the study cost, and how it can be run again."""

import json
from collections.abc import Mapping
from typing import Any

from hf_augment.study.numbers import duration
from hf_augment.study.views import methods, whole


def costs(study: Mapping[str, Any]) -> dict[str, Any]:
    """Return what each step cost, and all of them."""
    rows = study.get("cost") or []
    tokens = [row["tokens"] for row in rows if row["tokens"] is not None]
    return {
        "rows": [
            {
                "what": row["what"],
                "method": row["method"] or "",
                "seconds": f"{row['seconds']:,.1f}",
                "tokens": "–" if row["tokens"] is None else f"{row['tokens']:,}",
            }
            for row in rows
        ],
        "seconds": f"{sum(row['seconds'] for row in rows):,.1f}",
        "tokens": f"{sum(tokens):,}" if tokens else "–",
        "time": duration(sum(row["seconds"] for row in rows)),
    }


def transforms(study: Mapping[str, Any]) -> list[list[Any]]:
    """Return what each method is, and how many rows it added."""
    found = study.get("methods") or {}
    return [
        [name, found[name].get("transform") or "", _amount(found[name].get("rows_added"))]
        for name in methods(study)
        if name in found
    ]


def settings_lists(study: Mapping[str, Any]) -> list[tuple[str, list[list[str]]]]:
    """Return the settings of the study and of each classifier: names, and pairs of a setting and its value."""
    asked = {
        name: value for name, value in (study.get("settings") or {}).items() if name not in ("recipe", "versions")
    }
    versions = (study.get("settings") or {}).get("versions") or {}
    lists = [
        ("Study", asked),
        *((f"Classifier {name}", own) for name, own in sorted((study.get("classifiers") or {}).items())),
    ]
    return [
        (
            name,
            [
                [key, value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)]
                for key, value in sorted(own.items())
            ],
        )
        for name, own in [*lists, ("Versions", versions)]
        if own
    ]


def _amount(number: float | None) -> str:
    return "–" if number is None else whole(number)
