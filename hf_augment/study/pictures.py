"""
Where everything in the pictures of a report stands; the templates draw it.

Places are percentages of the picture's width and height, so that a picture fits any screen while its text keeps its
size. Places from the top: 0 is the upper edge.
"""

import itertools
import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from hf_augment.study import numbers, views
from hf_augment.study.scale import Scale, ticks

MARKS = ("circle", "square", "diamond", "triangle", "cross", "down", "plus", "star")
DASHES = ("", "7 4", "2 4", "9 3 2 3", "12 4")


def forest(study: Mapping[str, Any]) -> dict[str, Any] | None:
    """
    Return the forest plot: the gain of each method over each control, with its interval and each split's gain.

    Args:
        study (`Mapping`): What `study.json` holds.
    """
    controls = views.deciding(study)
    found = [row for row in study.get("differences") or () if row["metric"] == study["metric"]]
    rows = [row for row in found if row["against"] in controls]
    if not rows:
        return None
    seen = [number for row in rows for number in _numbers(row)]
    marked = ticks(min(0.0, *seen), max(0.0, *seen))
    scale = Scale(marked[0], marked[-1], (1.5, 98.5))
    panels = []
    for classifier, shots in views.settings(study):
        own = [row for row in rows if (row["classifier"], row["shots"]) == (classifier, shots)]
        own.sort(key=lambda row: controls.index(row["against"]))
        named = dict.fromkeys(row["method"] for row in own)
        found = [
            {"name": name, "lines": [_line(row, scale, controls) for row in own if row["method"] == name]}
            for name in named
        ]
        if found:
            panels.append({"name": views.setting(classifier, shots), "methods": found})
    return {
        "ticks": [{"at": scale(number), "label": _tick(number, study["metric"])} for number in marked],
        "zero": scale(0.0),
        "panels": panels,
        "controls": [{**_look(i, name), "dash": ""} for i, name in enumerate(controls)],
        "intervals": any(row["interval"] for row in rows),
    }


def _numbers(row: Mapping[str, Any]) -> Iterable[float]:
    yield row["mean"]
    yield from row["interval"] or ()
    yield from (row.get("by_split") or {}).values()


def _line(row: Mapping[str, Any], scale: Scale, controls: list[str]) -> dict[str, Any]:
    interval = row["interval"]
    return _look(controls.index(row["against"]), row["against"]) | {
        "mean": scale(row["mean"]),
        "interval": [scale(edge) for edge in interval] if interval else None,
        "dots": sorted(scale(value) for value in (row.get("by_split") or {}).values()),
        "gain": numbers.gain(row["mean"], row["metric"]),
        "span": numbers.span(interval, row["metric"]),
    }


def _tick(number: float, metric: str) -> str:
    return "0" if abs(number) < 1e-12 else f"{numbers.factor(metric) * number:+g}".replace("-", "−")


def curve(study: Mapping[str, Any]) -> dict[str, Any] | None:
    """
    Return the learning curve: the mean score of each arm and method by the number of shots: rows per class, or in all where there are none.

    Args:
        study (`Mapping`): What `study.json` holds.
    """
    rows = [row for row in study.get("table") or () if row["metric"] == study["metric"] and row["shots"] is not None]
    shots = sorted({row["shots"] for row in rows})
    if len(shots) < 2:
        return None
    per_arm = Counter(arm for arm, _ in {(row["arm"], row["method"]) for row in rows})
    # A control that each method has its own of would be as many lines again.
    rows = [dict(row, bar=_bar(row)) for row in rows if row["arm"] == "augmented" or per_arm[row["arm"]] == 1]
    across = Scale(math.log(shots[0]), math.log(shots[-1]), (8, 92))
    lines = list(dict.fromkeys((row["arm"], row["method"]) for row in rows))
    lines.sort(key=lambda line: line[0] == "augmented")
    looks = _looks(lines)
    panels = []
    for classifier in dict.fromkeys(row["classifier"] for row in rows):
        own = {(row["arm"], row["method"], row["shots"]): row for row in rows if row["classifier"] == classifier}
        marked = ticks(min(row["bar"][0] for row in own.values()), max(row["bar"][1] for row in own.values()), 6)
        up = Scale(marked[0], marked[-1], (100, 0))
        drawn = []
        for number, (arm, method) in enumerate(lines):
            aside = 1.3 * (number - (len(lines) - 1) / 2)  # so that the bars of one number of shots do not overlap
            found = [(across(math.log(n)) + aside, own[arm, method, n]) for n in shots if (arm, method, n) in own]
            drawn.append(_series(looks[arm, method], found, up))
        labels = [{"at": up(number), "label": f"{numbers.factor(study['metric']) * number:g}"} for number in marked]
        panels.append({"name": classifier, "lines": [line for line in drawn if line["points"]], "up": labels})
    return {
        "panels": panels,
        "across": [{"at": across(math.log(n)), "label": f"{n:,}"} for n in shots],
        "legend": [looks[line] for line in lines],
    }


def _look(number: int, name: str) -> dict[str, Any]:
    look = {"tone": f"s{number % 8}", "mark": MARKS[number % len(MARKS)], "dash": DASHES[number % len(DASHES)]}
    return look | {"name": name}


def _looks(lines: Sequence[tuple[str, str | None]]) -> dict[tuple[str, str | None], dict[str, Any]]:
    """Return a look for each line: methods solid and coloured, for it is them a reader looks for; the others not."""
    methods = [line for line in lines if line[0] == "augmented"]
    others = [line for line in lines if line[0] != "augmented"]
    # The first two colours are those of the controls in the forest plot.
    solid = {
        line: {**_look(i, line[1] or line[0]), "tone": f"s{(i + 2) % 8}", "dash": ""} for i, line in enumerate(methods)
    }
    plain = {
        line: {**_look(i, line[0]), "tone": "control", "dash": DASHES[1 + i % 4]} for i, line in enumerate(others)
    }
    return solid | plain


def _series(look: Mapping[str, Any], found: Sequence[tuple[float, Mapping[str, Any]]], up: Scale) -> dict[str, Any]:
    points = [
        {
            "x": round(x, 2),
            "y": up(row["mean"]),
            "bar": [up(edge) for edge in row["bar"]] if row["bar"][0] < row["bar"][1] else None,
            "shots": f"{row['shots']:,}",
            "score": numbers.score(row["mean"], row["std"], row["metric"]),
            "title": f"{look['name']}, {row['shots']:,} shots: {numbers.score(row['mean'], row['std'], row['metric'])}",
        }
        for x, row in found
    ]
    return {**look, "points": points, "legs": list(itertools.pairwise(points))}


def _bar(row: Mapping[str, Any]) -> tuple[float, float]:
    """Return the 95 % t-interval of a mean."""
    from scipy import stats

    if row["std"] is None or row["splits"] < 2:
        return row["mean"], row["mean"]
    half = float(stats.t.ppf(0.975, row["splits"] - 1)) * row["std"] / row["splits"] ** 0.5
    return row["mean"] - half, row["mean"] + half
