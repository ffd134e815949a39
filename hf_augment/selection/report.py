"""What a selection did, in numbers and in words."""

from collections import Counter
from collections.abc import Mapping
from typing import Any

from hf_augment.blocks import SelectConfig
from hf_augment.selection.length import Window
from hf_augment.selection.rows import Rows
from hf_augment.selection.scores import Scores


def report(
    rows: Rows, dropped: list[str], scores: Scores, window: Window | None, config: SelectConfig
) -> dict[str, Any]:
    """Return what a selection counted and asked, JSON-shaped; the arguments are what `select` had in hand."""
    return {
        "originals": len(rows.real),
        "candidates": len(rows.candidates),
        "kept": sum(not dropped[i] for i in rows.candidates),
        "dropped": _reasons(dropped, rows.candidates),
        "labels": _labels(rows, dropped, config),
        "judge": _judge(scores),
        "thresholds": _thresholds(scores, config, window, len(rows.gold)),
    }


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
    judge = found["judge"]
    return [*lines, f"judge:      {judge['says']}"]


def _reasons(dropped: list[str], candidates: list[int]) -> dict[str, int]:
    return dict(sorted(Counter(dropped[i] for i in candidates if dropped[i]).items()))


def _labels(rows: Rows, dropped: list[str], config: SelectConfig) -> dict[str, dict[str, Any]]:
    counted: dict[str, dict[str, Any]] = {}
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
        if config.per_label is not None:
            counted[name]["lacking"] = config.per_label - kept
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
    return {
        "trusted": judge.trusted,
        "says": f"{verdict}: right on {right} (p = {judge.p_value:.2g})",
        "accuracy": judge.accuracy,
        "chance": judge.chance,
        "p_value": judge.p_value,
        "rows": rows,
        "folds": len(judge.models),
        "C": judge.costs,
    }


def _thresholds(scores: Scores, config: SelectConfig, window: Window | None, gold: int) -> dict[str, str]:
    """Say what each step asked of a row."""
    said = {"duplicates": "same words in the same order, whatever their case and punctuation"}
    if window is not None:
        low, high = config.length
        said["length"] = f"{window.low} to {window.high} words, the quantiles {low:g} and {high:g} of {gold} real rows"
    if config.near_duplicate is not None:
        said["near duplicates"] = f"cosine similarity of {config.near_duplicate:g} or more"
    asks = "given to the row" if config.relabel else "asked of the row"
    asked = {"agreement": f"the label that the judge finds likeliest is {asks}"} if config.agreement else {}
    if config.confidence:
        asked["confidence"] = f"a probability of {config.confidence:g} or more for the label"
    if not scores.trusted:
        asked = dict.fromkeys(asked, f"not applied: {scores.why_not or 'the judge is not clearly better than chance'}")
    said |= asked
    if config.per_label is not None:
        order = "the likeliest first" if scores.trusted else "drawn by lot"
        said["quota"] = f"{config.per_label} rows of each label, {order}"
    return said
