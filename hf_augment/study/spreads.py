"""Where the histograms of the scores and the map of the texts stand, as in `pictures`."""

from collections.abc import Mapping, Sequence
from typing import Any

from hf_augment.study import views
from hf_augment.study.scale import Scale

KINDS = ("gold", "kept", "dropped")
ASPECT = 4 / 3  # of a map, as in page.css


def histograms(study: Mapping[str, Any]) -> list[dict[str, Any]]:
    """
    Return how the scores of the rows are spread, for each method and score: one strip each for gold, kept and dropped.

    Args:
        study (`Mapping`): What `study.json` holds.
    """
    found = study.get("selection") or {}
    return [
        {"method": method, "score": name.replace("_", " "), **_histogram(facts)}
        for method in views.methods(study)
        for name, facts in sorted(((found.get(method) or {}).get("histograms") or {}).items())
        if any(sum(facts.get(kind) or ()) for kind in KINDS)
    ]


def _histogram(facts: Mapping[str, Any]) -> dict[str, Any]:
    edges, counts = facts["edges"], {kind: facts[kind] for kind in KINDS if sum(facts.get(kind) or ())}
    across = Scale(edges[0], edges[-1])
    tallest = max(count / sum(own) for own in counts.values() for count in own)
    strips = []
    for kind, own in counts.items():
        bars = [
            {
                "x": across(low),
                "width": round(across(high) - across(low), 2),
                "height": round(100 * count / sum(own) / tallest, 2),
                "title": f"{low:g} to {high:g}: {count:,} of {sum(own):,} {kind} rows",
            }
            for low, high, count in zip(edges, edges[1:], own, strict=False)
            if count
        ]
        most = max(range(len(own)), key=own.__getitem__)
        peak = f"{100 * own[most] / sum(own):.0f} % in {edges[most]:.2g} to {edges[most + 1]:.2g}"
        shares = [100 * count / sum(own) / tallest for count in own]
        strips.append({"kind": kind, "rows": f"{sum(own):,}", "peak": peak, "bars": bars, "shares": shares})
    middle = (edges[0] + edges[-1]) / 2
    return {"strips": strips, "labels": [f"{edge:.2g}" for edge in (edges[0], middle, edges[-1])]}


def maps(study: Mapping[str, Any]) -> list[dict[str, Any]]:
    """
    Return the map of each method: its rows, those kept and those dropped, among the gold rows.

    Args:
        study (`Mapping`): What `study.json` holds.
    """
    found = study.get("map") or {}
    return [{"method": name, **_map(found[name])} for name in views.methods(study) if found.get(name)]


def _map(points: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    (left, right), (low, high) = (_reach([point[axis] for point in points]) for axis in "xy")
    half = max(high - low, (right - left) / ASPECT) / 2  # one unit for both axes: distances are what is to be seen
    across = Scale((left + right) / 2 - half * ASPECT, (left + right) / 2 + half * ASPECT, (2, 98))
    up = Scale((low + high) / 2 - half, (low + high) / 2 + half, (98, 2))
    drawn = [
        {"kind": kind, "x": across(point["x"]), "y": up(point["y"]), "label": point["label"], "text": point["text"]}
        for kind in reversed(KINDS)  # what is drawn last lies on top
        for point in points
        if point["kind"] == kind
    ]
    counts = {kind: sum(point["kind"] == kind for point in points) for kind in KINDS}
    return {"points": drawn, "counts": {kind: n for kind, n in counts.items() if n}}


def _reach(numbers: Sequence[float]) -> tuple[float, float]:
    low, high = min(numbers), max(numbers)
    return (low, high) if high - low > 1e-9 else (low - 0.5, high + 0.5)
