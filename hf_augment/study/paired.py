"""What scores of several arms over the same seeds, or the same splits, say, and what they do not."""

import statistics
from collections.abc import Mapping, Sequence
from typing import Any

from hf_augment.study.numbers import direction, factor, unit

TREATED = "augmented"
LEVEL = 0.95


def table(rows: Sequence[Mapping[str, Any]], unit: str = "seed") -> list[dict[str, Any]]:
    """
    Summarise each arm and metric over the seeds.

    Args:
        rows (`Sequence[Mapping]`): One score each: `arm`, `seed`, `metric`, `value`.
        unit (`str`, *optional*, defaults to `"seed"`): What is repeated, and the key that tells repeats apart.

    Returns:
        `list[dict]`: `arm`, `metric`, `mean`, `std` (of the sample; `None` with one seed), `seeds` (how many).
    """
    scores: dict[tuple[str, str], list[float]] = {}
    for row in rows:
        scores.setdefault((row["arm"], row["metric"]), []).append(row["value"])
    return [
        {"arm": arm, "metric": metric, "mean": statistics.mean(found), "std": spread_of(found), f"{unit}s": len(found)}
        for (arm, metric), found in scores.items()
    ]


def differences(rows: Sequence[Mapping[str, Any]], unit: str = "seed") -> list[dict[str, Any]]:
    """
    Subtract each other arm from the augmented one, seed by seed.

    Args:
        rows (`Sequence[Mapping]`): As for `table`.
        unit (`str`, *optional*, defaults to `"seed"`): As for `table`; what is paired.

    Returns:
        `list[dict]`: `metric`, `against`, `by_seed`, `mean`, `std`, and `interval`: the t-interval of the mean, `None`
        where there is none (one seed, or the same difference at every seed).
    """
    values = {(row["arm"], row["metric"], row[unit]): row["value"] for row in rows}
    metrics = dict.fromkeys(row["metric"] for row in rows)
    others = [arm for arm in dict.fromkeys(row["arm"] for row in rows) if arm != TREATED]
    found = []
    for metric in metrics:
        for other in others:
            gains = {
                str(repeat): value - values[other, metric, repeat]
                for (arm, name, repeat), value in values.items()
                if arm == TREATED and name == metric
            }
            mean, std = statistics.mean(gains.values()), spread_of(list(gains.values()))
            spread = {"mean": mean, "std": std, "interval": t_interval(list(gains.values()))}
            found.append({"metric": metric, "against": other, f"by_{unit}": gains, **spread})
    return found


def t_interval(values: Sequence[float]) -> list[float] | None:
    """Return the 95 % t-interval of the mean; `None` for one value, or for equal ones, which show no spread."""
    from scipy import stats

    if len(values) < 2 or max(values) - min(values) < 1e-12:
        return None
    half = stats.t.ppf(0.5 + LEVEL / 2, len(values) - 1) * statistics.stdev(values) / len(values) ** 0.5
    mean = statistics.mean(values)
    return [mean - float(half), mean + float(half)]


def bootstrap_interval(values: Sequence[float]) -> list[float] | None:
    """Return the 95 % percentile interval of the mean over 10,000 resamples of the values; `None` for one value."""
    import numpy as np
    from scipy import stats

    if len(values) < 2:
        return None
    drawn = stats.bootstrap(
        (values,), np.mean, n_resamples=10_000, confidence_level=LEVEL, method="percentile", random_state=0
    )
    return [float(drawn.confidence_interval.low), float(drawn.confidence_interval.high)]


def wilcoxon(values: Sequence[float]) -> float | None:
    """Return the two-sided p-value of Wilcoxon's signed-rank test; `None` where fewer than two values differ from 0."""
    from scipy import stats

    differing = [value for value in (round(value, 12) for value in values) if value]  # 0.3 - 0.1 is no 0.2 otherwise
    return float(stats.wilcoxon(differing).pvalue) if len(differing) > 1 else None


def holm(p_values: Sequence[float | None]) -> list[float | None]:
    """
    Correct p-values for how many there are (Holm 1979); `None` stays, and counts as one that was tried.

    Args:
        p_values (`Sequence[float or None]`): One for each method that was tried.
    """
    found: list[float | None] = [None] * len(p_values)
    largest = 0.0
    known = sorted((value, place) for place, value in enumerate(p_values) if value is not None)
    for rank, (value, place) in enumerate(known):
        found[place] = largest = max(largest, min(1.0, (len(p_values) - rank) * value))
    return found


def outcomes(gains: Mapping[str, float], metric: str) -> dict[str, Any]:
    """
    Count wins, ties and losses, and name the worst.

    Args:
        gains (`Mapping[str, float]`): The method's score minus that of the control, by split.
        metric (`str`): Of which more, or less, is better.
    """
    better = {split: direction(metric) * gain for split, gain in gains.items()}
    worst = min(better, key=better.__getitem__)
    wins, losses = sum(gain > 1e-12 for gain in better.values()), sum(gain < -1e-12 for gain in better.values())
    return {
        "wins": wins,
        "ties": len(gains) - wins - losses,
        "losses": losses,
        "worst": {"split": worst, "value": gains[worst]},
    }


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
    listed = "; ".join(f"{points(row['mean'], metric)} against {row['against']}{_interval(row)}" for row in compared)
    if seeds == 1:
        return f"One seed says nothing about chance: {metric} {listed}. Add seeds."
    above = [row["against"] for row in compared if side(row) > 0]
    below = [row["against"] for row in compared if side(row) < 0]
    if below:
        verdict = f"A loss against {enumerated(below)}" + (f", a gain against {enumerated(above)}" if above else "")
    elif len(above) == len(compared):
        verdict = "A gain against every control"
    elif above:
        verdict = f"A gain against {enumerated(above)} only, so it is not shown that the augmented rows made it"
    else:
        verdict = "No difference shown"
    points_ = " points" if direction(metric) > 0 else ""
    widths = [row["interval"][1] - row["interval"][0] for row in compared if row["interval"]]
    width = (
        f" With {seeds} seeds the intervals are up to {factor(metric) * max(widths):.1f}{points_} wide."
        if widths
        else ""
    )
    return (
        f"{verdict}: {metric} {listed} ({unit(metric)}, mean over {seeds} seeds, 95 % t-interval).{width} "
        "This is about training seeds on one split, not about other data."
    )


def spread_of(values: Sequence[float]) -> float | None:
    """Return the standard deviation of a sample; `None` of one value."""
    return statistics.stdev(values) if len(values) > 1 else None


def side(row: Mapping[str, Any]) -> int:
    """Return 1 if the interval of a difference lies wholly on the better side of zero, -1 if on the worse, else 0."""
    low, high = row["interval"] or (0.0, 0.0)
    return direction(row["metric"]) * ((low > 0) - (high < 0))


def points(value: float, metric: str) -> str:
    """Write a difference of scores, in points if the metric is a share."""
    return f"{factor(metric) * value:+.1f}"


def _interval(row: Mapping[str, Any]) -> str:
    edges = [points(edge, row["metric"]) for edge in row["interval"] or ()]
    return f" ({' to '.join(edges)})" if edges else " (no interval)"


def enumerated(names: Sequence[str]) -> str:
    """Write names as a sentence does."""
    return " and ".join(filter(None, [", ".join(names[:-1]), names[-1]]))
