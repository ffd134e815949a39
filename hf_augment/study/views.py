"""What a report says of a study, ready to be set: in order, in words and in rounded numbers."""

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from hf_augment.blocks.gate import SEARCH
from hf_augment.study.numbers import direction, duration, factor, gain, p_value, score, span

CONTROLS = ("gold_tuned", "duplicated", "gold_matched", "gold")
DECIDING = 2  # of them
ARMS = {
    "gold": "the real rows alone",
    "gold_tuned": "the real rows alone, trained with the settings that did best on validation rows",
    "gold_matched": "the real rows alone, for as many steps as with augmentation",
    "duplicated": "the real rows, repeated to as many as there are with augmentation",
    "augmented": "the real rows and those that the method wrote",
}


def setting(classifier: str, shots: int | None) -> str:
    """Name a classifier and a number of shots."""
    return classifier if shots is None else f"{classifier}, {shots:,} shots"


def methods(study: Mapping[str, Any]) -> list[str]:
    """Return the names of the methods in the order in which the study tried them."""
    named = [row["method"] for part in ("table", "differences") for row in study.get(part) or () if row["method"]]
    others = [sorted(study.get(part) or ()) for part in ("methods", "selection", "map")]
    examples = [row["method"] for row in study.get("examples") or ()]
    return list(dict.fromkeys([*named, *(name for names in others for name in names), *examples]))


def metrics(study: Mapping[str, Any]) -> list[str]:
    """Return the metrics, the one that the study is about first."""
    found = [row["metric"] for row in study.get("table") or ()]
    return list(dict.fromkeys([study["metric"], *found]))


def scale(metric: str) -> str:
    """Say how the scores of a metric are written, and which way is better where that is not up."""
    return " × 100" if factor(metric) == 100 else " (less is better, so a gain is below zero)"


def unit(metric: str) -> str:
    """Say what differences of a metric are counted in."""
    return f"Points of {metric}" if factor(metric) == 100 else f"Differences of {metric}, of which less is better,"


def better(metric: str) -> str:
    """Return the side of zero on which a difference is a gain."""
    return "right" if direction(metric) > 0 else "left"


def settings(study: Mapping[str, Any]) -> list[tuple[str, int | None]]:
    """Return each pair of a classifier and a number of shots, in the order of the study."""
    rows = [*(study.get("table") or ()), *(study.get("differences") or ())]
    return list(dict.fromkeys((row["classifier"], row["shots"]) for row in rows))


def controls(study: Mapping[str, Any]) -> list[str]:
    """Return the arms that methods are compared with, those that decide first."""
    found = dict.fromkeys(row["against"] for row in study.get("differences") or ())
    return sorted(found, key=lambda name: (CONTROLS.index(name) if name in CONTROLS else len(CONTROLS), name))


def deciding(study: Mapping[str, Any]) -> list[str]:
    """Return the controls that a gain has to be shown against: tuned and repeated gold rows, else all there are."""
    found = controls(study)
    return [name for name in found if name in CONTROLS[:DECIDING]] or found


def results(study: Mapping[str, Any], metric: str, against: Sequence[str]) -> list[dict[str, Any]]:
    """
    Return the table of results: for each classifier and number of shots its arms, each with its comparisons.

    Args:
        study (`Mapping`): What `study.json` holds.
        metric (`str`): The metric.
        against (`Sequence[str]`): The controls that each method is compared with.
    """
    groups = []
    for classifier, shots in settings(study):
        own = [row for row in study.get("table") or () if _is(row, classifier, shots, metric)]
        found = [row for row in study.get("differences") or () if _is(row, classifier, shots, metric)]
        found = sorted(
            (row for row in found if row["against"] in against), key=lambda row: against.index(row["against"])
        )
        arms = [
            {
                "name": _arm(row),
                "about": _about(row),
                "meaning": ARMS.get(row["arm"], ""),
                "score": score(row["mean"], row["std"], metric),
                "method": row["arm"] == "augmented",
                "place": list(ARMS).index(row["arm"]),
                "compared": [
                    _compared(other)
                    for other in found
                    if row["arm"] == "augmented" and other["method"] == row["method"]
                ],
            }
            for row in own
        ]
        arms.sort(key=lambda arm: arm["place"])
        splits = max((row["splits"] for row in own), default=0)
        groups.append({"name": setting(classifier, shots), "splits": splits, "arms": arms})
    return [group for group in groups if group["arms"]]


def _is(row: Mapping[str, Any], classifier: str, shots: int | None, metric: str) -> bool:
    return (row["classifier"], row["shots"], row["metric"]) == (classifier, shots, metric)


def _arm(row: Mapping[str, Any]) -> str:
    if row["arm"] == "augmented":
        return row["method"] or row["arm"]
    return f"{row['arm']}, as {row['method']}" if row["method"] else row["arm"]


def _about(row: Mapping[str, Any]) -> str:
    counted = [(row[f"{name}s"], name) for name in ("row", "step") if row.get(f"{name}s") is not None]
    facts = [f"{whole(number)} {name if number == 1 else name + 's'}" for number, name in counted]
    return " · ".join(facts + ([duration(row["seconds"])] if row.get("seconds") is not None else []))


def whole(number: float) -> str:
    return f"{number:,.0f}" if math.isclose(number, round(number)) else f"{number:,.1f}"


def _compared(row: Mapping[str, Any]) -> dict[str, Any]:
    worst = row.get("worst")
    interval = row["interval"]  # splits that all gain the same have none: they show no spread
    return {
        "against": row["against"],
        "gain": gain(row["mean"], row["metric"]),
        "interval": span(row["interval"], row["metric"]),
        "bootstrap": span(row["bootstrap"], row["metric"]),
        "p": p_value(row["p_value"]),
        "holm": p_value(row["holm"]),
        "count": f"{row['wins']} / {row['ties']} / {row['losses']}",
        "worst": f"{gain(worst['value'], row['metric'])} (split {worst['split']})" if worst else "–",
        "marked": bool(interval) and (interval[0] > 0 or interval[1] < 0),
    }


def selected(study: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return for each method what was kept and dropped, the commonest reason first."""
    found = study.get("selection") or {}
    return [
        _selected(name, found[name], (study.get("overlaps") or {}).get(name))
        for name in methods(study)
        if found.get(name)
    ]


def _selected(name: str, facts: Mapping[str, Any], overlap: Mapping[str, int] | None) -> dict[str, Any]:
    rows = facts.get("rows") or {}
    dropped = sorted((facts.get("dropped") or {}).items(), key=lambda pair: (-pair[1], pair[0]))
    counted = [("kept", rows.get("kept") or 0, True), *((reason, count, False) for reason, count in dropped)]
    written = (rows.get("kept") or 0) + (rows.get("dropped") or 0) or sum(count for _, count, _ in counted)
    bars = [
        {"reason": reason, "count": f"{count:,}", "share": 100 * count / written if written else 0.0, "kept": kept}
        for reason, count, kept in counted
    ]
    return {"name": name, "gold": rows.get("gold"), "written": written, "bars": bars, "overlap": overlap}


def overlap(method: str, counts: Mapping[str, int]) -> str:
    """Say how many added rows have exactly the text of a row that scores them."""
    return (
        f"Of the {counts['rows']:,} rows that {method} added, {counts['test']:,} have exactly the text of a test row, "
        f"{counts['validation']:,} that of a validation row."
    )


def chosen(study: Mapping[str, Any]) -> list[dict[str, str]]:
    """Return which method the validation rows chose, for each classifier and number of shots."""
    return [
        {
            "setting": setting(row["classifier"], row["shots"]),
            "method": row["method"] or "no augmentation",
            "validation": score(row.get("validation"), metric=study["metric"]),
            "says": row.get("says") or "",
        }
        for row in study.get("chosen") or ()
    ]


def gate(study: Mapping[str, Any]) -> list[dict[str, str]]:
    """Return what came of asking, split by split, whether augmenting shows a gain on gold rows."""
    return [
        {
            "setting": setting(row["classifier"], row["shots"]),
            "method": "the best of each split" if row["method"] == SEARCH else row["method"] or "–",
            "augmented": f"{row['augmented_in']} of {row['splits']}",
            "gated": _with_interval(row.get("mean_against_tuned"), row.get("interval_against_tuned")),
            "always": _with_interval(row.get("always_against_tuned"), row.get("interval_always")),
        }
        for row in study.get("gate") or ()
    ]


def _with_interval(value: float | None, interval: Sequence[float] | None) -> str:
    return f"{gain(value)} ({span(interval)})" if interval else gain(value)


def cells(rows: Iterable[Mapping[str, Any]], names: Iterable[str]) -> list[list[Any]]:
    """Return some fields of each row, in this order."""
    names = list(names)
    return [[row[name] for name in names] for row in rows]
