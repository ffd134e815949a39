"""What scores of several arms over the same seeds say, and what they do not."""

import statistics
from collections.abc import Mapping, Sequence
from typing import Any

TREATED = "augmented"
LEVEL = 0.95


def table(rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """
    Summarise each arm and metric over the seeds.

    Args:
        rows (`Sequence[Mapping]`): One score each: `arm`, `seed`, `metric`, `value`.

    Returns:
        `list[dict]`: `arm`, `metric`, `mean`, `std` (of the sample; `None` with one seed), `seeds` (how many).
    """
    scores: dict[tuple[str, str], list[float]] = {}
    for row in rows:
        scores.setdefault((row["arm"], row["metric"]), []).append(row["value"])
    return [
        {"arm": arm, "metric": metric, "mean": statistics.mean(found), "std": _std(found), "seeds": len(found)}
        for (arm, metric), found in scores.items()
    ]


def differences(rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """
    Subtract each other arm from the augmented one, seed by seed.

    Args:
        rows (`Sequence[Mapping]`): As for `table`.

    Returns:
        `list[dict]`: `metric`, `against`, `by_seed`, `mean`, `std`, and `interval`: the t-interval of the mean, `None`
        where there is none (one seed, or the same difference at every seed).
    """
    values = {(row["arm"], row["metric"], row["seed"]): row["value"] for row in rows}
    metrics = dict.fromkeys(row["metric"] for row in rows)
    others = [arm for arm in dict.fromkeys(row["arm"] for row in rows) if arm != TREATED]
    found = []
    for metric in metrics:
        for other in others:
            by_seed = {
                str(seed): value - values[other, metric, seed]
                for (arm, name, seed), value in values.items()
                if arm == TREATED and name == metric
            }
            gains = list(by_seed.values())
            spread = {"mean": statistics.mean(gains), "std": _std(gains), "interval": t_interval(gains)}
            found.append({"metric": metric, "against": other, "by_seed": by_seed, **spread})
    return found


def t_interval(values: Sequence[float]) -> list[float] | None:
    """Return the 95 % t-interval of the mean; `None` for one value, or for equal ones, which show no spread."""
    from scipy import stats

    if len(values) < 2 or max(values) - min(values) < 1e-12:
        return None
    half = stats.t.ppf(0.5 + LEVEL / 2, len(values) - 1) * statistics.stdev(values) / len(values) ** 0.5
    mean = statistics.mean(values)
    return [mean - float(half), mean + float(half)]


def reading(found: Sequence[Mapping[str, Any]], metric: str, seeds: int) -> str:
    """
    Say in one line what the differences support, and no more.

    A gain counts as shown only where it is above every control, the one trained for as many steps and the one with
    the gold rows repeated included.

    Args:
        found (`Sequence[Mapping]`): What `differences` returned.
        metric (`str`): The metric to speak of.
        seeds (`int`): How many seeds there are.
    """
    compared = [row for row in found if row["metric"] == metric]
    listed = "; ".join(f"{_points(row['mean'])} against {row['against']}{_interval(row)}" for row in compared)
    if seeds == 1:
        return f"One seed says nothing about chance: {metric} {listed}. Add seeds."
    above = [row["against"] for row in compared if row["interval"] and row["interval"][0] > 0]
    below = [row["against"] for row in compared if row["interval"] and row["interval"][1] < 0]
    if below:
        verdict = f"A loss against {_and(below)}" + (f", a gain against {_and(above)}" if above else "")
    elif len(above) == len(compared):
        verdict = "A gain against every control"
    elif above:
        verdict = f"A gain against {_and(above)} only, so it is not shown that the augmented rows made it"
    else:
        verdict = "No difference shown"
    widths = [row["interval"][1] - row["interval"][0] for row in compared if row["interval"]]
    width = f" With {seeds} seeds the intervals are up to {100 * max(widths):.1f} points wide." if widths else ""
    return (
        f"{verdict}: {metric} {listed} (points, mean over {seeds} seeds, 95 % t-interval).{width} "
        "This is about training seeds on one split, not about other data."
    )


def markdown(report: Mapping[str, Any]) -> str:
    """
    Write a comparison as Markdown.

    Args:
        report (`Mapping`): What `comparison.json` holds.
    """
    metrics = list(dict.fromkeys(row["metric"] for row in report["table"]))
    cells = {(row["arm"], row["metric"]): row for row in report["table"]}
    seeds = [str(seed) for seed in report["seeds"]]
    config, evaluated = report["config"], report["evaluated_on"]
    lines = ["# Comparison", "", report["reading"], "", "## Scores", ""]
    lines += _head("arm", "rows", "steps", *metrics, "seconds a seed")
    for arm, facts in report["arms"].items():
        scores = [_mean_std(cells[arm, metric]) for metric in metrics]
        seconds = statistics.mean(facts["seconds"].values())
        lines.append(_line(arm, facts["rows"], facts["steps"], *scores, f"{seconds:.1f}"))
    scored = (
        f"Classifier {config['classifier']!r}. Test ({evaluated['test']} rows), values × 100, mean ± sample standard "
        f"deviation over the seeds {', '.join(seeds)}. The best of {config['evaluations']} evaluations on validation "
        f"({evaluated['validation']} rows) was scored."
    )
    lines += ["", scored, "", f"## {TREATED.capitalize()} minus the other arms, seed by seed", ""]
    lines += _head("metric", "against", *(f"seed {seed}" for seed in seeds), "mean ± std", "95 % interval")
    for row in report["differences"]:
        gains = [_points(row["by_seed"][seed]) for seed in seeds]
        interval = " to ".join(map(_points, row["interval"])) if row["interval"] else "none"
        lines.append(_line(row["metric"], row["against"], *gains, _mean_std(row, sign="+"), interval))
    lines += ["", "## Overlap with the evaluation splits", "", *_overlap_lines(report["overlaps"]), ""]
    return "\n".join(lines)


def _overlap_lines(overlaps: Mapping[str, Mapping[str, int]]) -> list[str]:
    return [
        f"- {counts['test']} of the {counts['rows']} {kind} rows have exactly the text of a test row, "
        f"{counts['validation']} that of a validation row. None was dropped."
        for kind, counts in overlaps.items()
    ]


def _std(values: Sequence[float]) -> float | None:
    return statistics.stdev(values) if len(values) > 1 else None


def _points(value: float) -> str:
    return f"{100 * value:+.1f}"


def _interval(row: Mapping[str, Any]) -> str:
    return (
        f" ({_points(row['interval'][0])} to {_points(row['interval'][1])})" if row["interval"] else " (no interval)"
    )


def _mean_std(row: Mapping[str, Any], sign: str = "") -> str:
    spread = "" if row["std"] is None else f" ± {100 * row['std']:.1f}"
    return f"{100 * row['mean']:{sign}.1f}{spread}"


def _and(names: Sequence[str]) -> str:
    return " and ".join(filter(None, [", ".join(names[:-1]), names[-1]]))


def _head(*names: str) -> list[str]:
    return [_line(*names), _line(*["---"] * len(names))]


def _line(*cells: object) -> str:
    return "| " + " | ".join(str(cell) for cell in cells) + " |"
