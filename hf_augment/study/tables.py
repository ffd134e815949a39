"""From the scores of all cells to means, paired differences, and the method that validation chooses."""

import statistics
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from hf_augment.study import numbers, paired
from hf_augment.study.paired import TREATED

Row = Mapping[str, Any]
_OF_A_SETTING = ("classifier", "shots", "metric")


def by_split(scores: Sequence[Row], field: str = "test") -> dict[tuple, dict[int, float]]:
    """
    Return the score of each arm on each split: the mean over its seeds.

    Args:
        scores (`Sequence[Mapping]`): One score each, as in `study.json`.
        field (`str`, *optional*, defaults to `"test"`): `"test"` or `"validation"`.

    Returns:
        `dict`: By classifier, shots, metric, method and arm; then by split.
    """
    found: dict[tuple, dict[int, list[float]]] = defaultdict(lambda: defaultdict(list))
    for row in scores:
        key = (*(row[name] for name in _OF_A_SETTING), row["method"], row["arm"])
        found[key][row["split"]].append(row[field])
    return {key: {split: statistics.mean(own) for split, own in rows.items()} for key, rows in found.items()}


def table(scores: Sequence[Row], facts: Mapping[tuple, Sequence[Mapping[str, float]]]) -> list[dict[str, Any]]:
    """
    Summarise each arm over the splits.

    Args:
        scores (`Sequence[Mapping]`): As for `by_split`.
        facts (`Mapping[tuple, Sequence]`): By classifier, shots, method and arm, the `rows`, `steps` and `seconds` of
            its trainings, whose means the table shows.
    """
    found = []
    for (classifier, shots, metric, method, arm), own in by_split(scores).items():
        values, known = list(own.values()), facts[classifier, shots, method, arm]
        means = {name: statistics.mean(fact[name] for fact in known) for name in ("rows", "steps", "seconds")}
        named = {"classifier": classifier, "shots": shots, "method": method, "arm": arm, "metric": metric}
        spread = {"mean": statistics.mean(values), "std": paired.spread_of(values), "splits": len(values)}
        found.append({**named, **spread, **means})
    return found


def differences(scores: Sequence[Row]) -> list[dict[str, Any]]:
    """
    Subtract every control from every method, split by split.

    Args:
        scores (`Sequence[Mapping]`): As for `by_split`.
    """
    found = by_split(scores)
    rows = []
    for (classifier, shots, metric, method, arm), own in found.items():
        if arm != TREATED:
            continue
        for other in ("gold", "gold_matched", "gold_tuned", "duplicated"):
            setting = (classifier, shots, metric)
            control = found.get((*setting, method, other), found.get((*setting, None, other)))
            if control is None:
                continue
            gains = {str(split): value - control[split] for split, value in own.items()}
            values = list(gains.values())
            named = {"classifier": classifier, "shots": shots, "method": method, "against": other, "metric": metric}
            spread = {"mean": statistics.mean(values), "std": paired.spread_of(values), "by_split": gains}
            spread |= {"bootstrap": paired.bootstrap_interval(values), "interval": paired.t_interval(values)}
            rows.append({**named, **spread, "p_value": paired.wilcoxon(values), **paired.outcomes(gains, metric)})
    return _with_holm(rows)


def _with_holm(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Correct over the methods that were tried against the same control."""
    families: dict[tuple, list[dict[str, Any]]] = defaultdict(list)
    for row in rows:
        families[tuple(row[name] for name in (*_OF_A_SETTING, "against"))].append(row)
    for family in families.values():
        for row, value in zip(family, paired.holm([row["p_value"] for row in family]), strict=True):
            row["holm"] = value
    return rows


def chosen(
    scores: Sequence[Row], found: Sequence[Row], metric: str, folds: Mapping[tuple, float]
) -> list[dict[str, Any]]:
    """
    Choose a method for each classifier and number of shots, without a look at test rows.

    Args:
        scores (`Sequence[Mapping]`): As for `by_split`.
        found (`Sequence[Mapping]`): What `differences` returned.
        metric (`str`): Which metric of the validation rows chooses.
        folds (`Mapping[tuple, float]`): By classifier, shots and method, the mean gain on rows that the gate held out;
            where it is there, it chooses instead, since it was measured on rows that chose no step.
    """
    means: dict[tuple, dict[str, float]] = defaultdict(dict)
    for (classifier, shots, name, method, arm), own in by_split(scores, "validation").items():
        if name == metric and arm == TREATED:
            means[classifier, shots][method] = statistics.mean(own.values())
    rows = []
    for (classifier, shots), validation in means.items():
        held_out = {method: folds.get((classifier, shots, method)) for method in validation}
        by_folds = None not in held_out.values()
        better = (
            held_out if by_folds else {name: numbers.direction(metric) * mean for name, mean in validation.items()}
        )
        best = max(better, key=better.__getitem__)
        of_best = {
            row["against"]: row
            for row in found
            if (row["classifier"], row["shots"], row["method"], row["metric"]) == (classifier, shots, best, metric)
        }
        why = "the gold rows that the gate held out" if by_folds else "the mean over validation rows of all splits"
        tried = f"of {len(validation)} methods " if len(validation) > 1 else ""
        said = "; ".join(gain(row) for row in of_best.values() if row["against"] in ("gold_tuned", "duplicated"))
        rows.append(
            {
                "classifier": classifier,
                "shots": shots,
                "method": best,
                "by": "folds" if by_folds else "validation",
                "validation": validation[best],
                "says": f"{best!r}, chosen {tried}by {why}: test {metric} {said}.",
            }
        )
    return rows


def gain(row: Row) -> str:
    """Say one difference in words."""
    interval = " to ".join(paired.points(edge, row["metric"]) for edge in row["interval"] or ()) or "none"
    corrected = "" if row["holm"] is None else f", Holm p = {row['holm']:.2g}"
    return (
        f"{paired.points(row['mean'], row['metric'])} against {row['against']} (95 % interval {interval}{corrected})"
    )


def verdict(picks: Sequence[Row], found: Sequence[Row], metric: str, splits: int) -> str:
    """
    Say in one sentence what the chosen methods support.

    A method is recommended for a classifier only where it lies above the tuned control and above repeated gold rows,
    each with an interval on the better side of zero.

    Args:
        picks (`Sequence[Mapping]`): What `chosen` returned.
        found (`Sequence[Mapping]`): What `differences` returned.
        metric (`str`): The metric.
        splits (`int`): How many splits there are.
    """
    if splits == 1:
        means = "; ".join(_told(pick, found, metric) for pick in picks)
        return f"One split says nothing about chance: {means} (test {metric}, {numbers.unit(metric)}). Add splits."
    good, bad = [], []
    for pick in picks:
        rows = _controls(pick, found, metric)
        above = rows and all(paired.side(row) > 0 for row in rows)
        (good if above else bad).append(pick)
    unit = f"test {metric} {'in points' if numbers.direction(metric) > 0 else '(less is better)'}, mean over {splits} splits and 95 % t-interval"
    if not good:
        means = "; ".join(_told(pick, found, metric) for pick in bad)
        return f"Do not augment: no gain shown against both tuned and repeated gold rows ({unit}): {means}."
    means = "; ".join(_told(pick, found, metric) for pick in good)
    others = f" Not shown for {paired.enumerated([_setting(pick) for pick in bad])}." if bad else ""
    return f"Augment, for {len(good)} of {len(picks)} settings ({unit}): {means}.{others}"


def _controls(pick: Row, found: Sequence[Row], metric: str) -> list[Row]:
    wanted = (pick["classifier"], pick["shots"], pick["method"], metric)
    names = ("gold_tuned", "duplicated")
    own = (row for row in found if row["against"] in names)
    return [row for row in own if tuple(row[name] for name in ("classifier", "shots", "method", "metric")) == wanted]


def _setting(pick: Row) -> str:
    shots = "" if pick["shots"] is None else f" at {pick['shots']} shots"
    return f"{pick['classifier']}{shots}"


def _told(pick: Row, found: Sequence[Row], metric: str) -> str:
    gains = ", ".join(
        f"{paired.points(row['mean'], metric)} against {row['against']}"
        + (f" ({' to '.join(paired.points(edge, metric) for edge in row['interval'])})" if row["interval"] else "")
        for row in _controls(pick, found, metric)
    )
    return f"{pick['method']} with {_setting(pick)} {gains}"
