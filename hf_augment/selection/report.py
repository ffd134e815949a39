"""What a selection did, in numbers and in words."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from hf_augment.blocks import SelectConfig
from hf_augment.selection.by_hand import ACCEPT, REJECT
from hf_augment.selection.calibration import BINS
from hf_augment.selection.decisions import Decided
from hf_augment.selection.length import Window
from hf_augment.selection.measured import Measured
from hf_augment.selection.quota import quotas
from hf_augment.selection.rows import Rows
from hf_augment.selection.scores import Scores


def report(
    rows: Rows,
    decided: Decided,
    scores: Scores,
    measured: Sequence[Measured],
    config: SelectConfig,
    hand: Mapping[int, str] | None,
) -> dict[str, Any]:
    """Return what a selection counted and asked, JSON-shaped; the arguments are what `select` had in hand."""
    dropped = decided.dropped
    found = {
        "originals": len(rows.real),
        "candidates": len(rows.candidates),
        "kept": sum(not dropped[i] for i in rows.candidates),
        "dropped": _reasons(dropped, rows.candidates),
        "labels": _labels(rows, dropped, config),
        "judge": _judge(scores),
        "thresholds": _thresholds(scores, config, decided.window, len(rows.gold), measured),
    }
    scored = {name: _spread(values, rows) for step in measured for name, values in step.columns.items()}
    found |= {"scores": scored} if scored else {}
    if hand is not None:
        found["by_hand"] = {
            "accepted": sum(decision == ACCEPT for decision in hand.values()),
            "rejected": sum(decision == REJECT for decision in hand.values()),
            "refused": sum(decision == ACCEPT and bool(dropped[i]) for i, decision in hand.items()),
        }
    return found


def summary(found: Mapping[str, Any]) -> list[str]:
    """
    Say in a few lines what a selection did.

    Args:
        found (`Mapping`): What `report` returned, with `rounds`, a list, if there were any.
    """
    rounds = len(found.get("rounds", ()))
    several = f" in {rounds} {'round' if rounds == 1 else 'rounds'}" if rounds else ""
    lines = [f"{found['candidates']:8d} candidates written{several}", f"{found['kept']:8d} kept"]
    lines += [f"{found['relabelled']:8d} given another label by the judge"] if found.get("relabelled") else []
    by_count = sorted(found["dropped"].items(), key=lambda pair: (-pair[1], pair[0]))
    lines += [f"{count:8d} dropped: {reason}" for reason, count in by_count]
    lines += [
        f"{facts['lacking']:8d} lacking of the {facts['kept'] + facts['lacking']} wanted for {label!r}"
        for label, facts in found["labels"].items()
        if facts.get("lacking")
    ]
    hand = found.get("by_hand")
    if hand is not None:
        refused = f", {hand['refused']} of them in vain" if hand["refused"] else ""
        lines.append(f"by hand:    {hand['accepted']} accepted{refused}, {hand['rejected']} rejected")
    judge = found["judge"]
    return [*lines, f"judge:      {judge['says']}"]


def _reasons(dropped: list[str], candidates: list[int]) -> dict[str, int]:
    return dict(sorted(Counter(dropped[i] for i in candidates if dropped[i]).items()))


def _labels(rows: Rows, dropped: list[str], config: SelectConfig) -> dict[str, dict[str, Any]]:
    counted: dict[str, dict[str, Any]] = {}
    wanted = quotas(rows, config)
    for name in sorted(set(rows.labels) - {""}):
        own = [i for i in rows.candidates if rows.labels[i] == name]
        kept = sum(not dropped[i] for i in own)
        originals = sum(rows.labels[i] == name for i in rows.real)
        counted[name] = {
            "originals": originals,
            "candidates": len(own),
            "kept": kept,
            "dropped": _reasons(dropped, own),
        }
        if wanted is not None:
            counted[name]["lacking"] = max(0, wanted[name] - kept)
    return counted


def _judge(scores: Scores) -> dict[str, Any]:
    judge = scores.judge
    if judge is None:
        return {"trusted": False, "says": f"none: {scores.why_not}"}
    rows = len(judge.out_of_fold)
    right = (
        f"{100 * judge.accuracy:.1f} % of {rows} real rows that it did not see, {100 * judge.chance:.1f} % by chance"
    )
    verdict = "trusted" if judge.trusted else "distrusted, so nothing depended on it"
    found = {
        "trusted": judge.trusted,
        "says": f"{verdict}: right on {right} (p = {judge.p_value:.2g})",
        "accuracy": judge.accuracy,
        "chance": judge.chance,
        "p_value": judge.p_value,
        "rows": rows,
        "folds": len(judge.models),
        "C": judge.costs,
    }
    if judge.calibration is not None:
        found["calibration"] = {
            "temperature": judge.calibration.temperature,
            "expected_error_before": judge.calibration.before,
            "expected_error_after": judge.calibration.after,
            "bins": BINS,
        }
        found["says"] += (
            f"; calibrated by the temperature {judge.calibration.temperature:.3g}: expected error "
            f"{100 * judge.calibration.before:.1f} % before, {100 * judge.calibration.after:.1f} % after"
        )
    return found


def _spread(values: Sequence[float], rows: Rows) -> dict[str, float]:
    """Return quantiles of the candidates' scores."""
    import numpy as np

    own = np.array([values[i] for i in rows.candidates], dtype=float)
    own = own[~np.isnan(own)]
    marks = {"lowest": 0.0, "quartile_1": 0.25, "median": 0.5, "quartile_3": 0.75, "highest": 1.0}
    return {name: float(np.quantile(own, mark)) for name, mark in marks.items()} if len(own) else {}


def _thresholds(
    scores: Scores, config: SelectConfig, window: Window | None, gold: int, measured: Sequence[Measured]
) -> dict[str, str]:
    """Say what each step asked of a row."""
    said = {"duplicates": "same words in the same order, whatever their case and punctuation"}
    if window is not None:
        low, high = config.length
        said["length"] = f"{window.low} to {window.high} words, the quantiles {low:g} and {high:g} of {gold} real rows"
    if config.near_duplicate is not None:
        said["near duplicates"] = f"cosine similarity of {config.near_duplicate:g} or more"
    if config.jaccard is not None:
        unit = f"{config.shingle_size} {config.shingles}"
        said["shingles"] = f"Jaccard similarity of {config.jaccard:g} or more of the runs of {unit}"
    for step in measured:
        said |= step.asked
    asks = "given to the row" if config.relabel else "asked of the row"
    asked = {"agreement": f"the label that the judge finds likeliest is {asks}"} if config.agreement else {}
    if config.confidence:
        asked["confidence"] = f"a probability of {config.confidence:g} or more for the label"
    if not scores.trusted:
        asked = dict.fromkeys(asked, f"not applied: {scores.why_not or 'the judge is not clearly better than chance'}")
    said |= asked
    if config.per_label is not None or config.balance:
        order = "the likeliest first" if scores.trusted else "drawn by lot"
        asked = f"{config.per_label} rows" if config.per_label is not None else "as many rows as the largest"
        said["quota"] = f"{asked} of each label{', real ones included' if config.balance else ''}, {order}"
    if config.diversity:
        said["diversity"] = f"{config.diversity:g} of what a row counts is how unlike the kept rows of its label it is"
    return said
