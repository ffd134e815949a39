"""The comparison as Markdown."""

import statistics
from collections.abc import Mapping
from typing import Any

from hf_augment.blocks.study import CLASSIFY
from hf_augment.study.numbers import factor
from hf_augment.study.paired import TREATED, enumerated, points

ARMS = {
    "gold": "the real rows alone.",
    "gold_matched": "the real rows alone, for as many steps as `augmented`.",
    "gold_tuned": "the real rows alone, at the learning rate and for the steps that did best on validation; no other arm "
    "is tuned.",
    "duplicated": "the real rows, repeated to as many as `augmented` has, for as many steps.",
    "augmented": "the real and the augmented rows.",
}
RANKING = {  # what a step, and the tuned arm, is chosen by on validation rows
    "accuracy": "of equal accuracies the one with the lower loss",
    "f1": "of equal F1 scores the one with the lower loss",
    "loss": "the lower the better",
}


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
    lines += head("arm", "rows", "steps", *metrics, "seconds a seed")
    for arm, facts in report["arms"].items():
        scores = [_mean_std(cells[arm, metric]) for metric in metrics]
        seconds = statistics.mean(facts["seconds"].values())
        lines.append(line(arm, facts["rows"], _steps(facts["steps"]), *scores, f"{seconds:.1f}"))
    plain = [metric for metric in metrics if factor(metric) == 1]
    times = f" ({enumerated(plain)} as it is; less is better)" if plain else ""
    task = config.get("task") or CLASSIFY
    kind = "Classifier" if task == CLASSIFY else f"{task.capitalize()} by"
    scored = (
        f"{kind} {config['classifier']!r}. Test ({evaluated['test']} rows), values × 100{times}, mean ± sample standard "
        f"deviation over the seeds {', '.join(seeds)}. The best of {config['evaluations']} evaluations on validation "
        f"({evaluated['validation']} rows) was scored."
    )
    lines += ["", scored, "", *(f"- `{arm}`: {ARMS[arm]}" for arm in report["arms"])]
    lines += ["", f"## {TREATED.capitalize()} minus the other arms, seed by seed", ""]
    lines += head("metric", "against", *(f"seed {seed}" for seed in seeds), "mean ± std", "95 % interval")
    for row in report["differences"]:
        gains = [points(row["by_seed"][seed], row["metric"]) for seed in seeds]
        interval = " to ".join(points(edge, row["metric"]) for edge in row["interval"] or ()) or "none"
        lines.append(line(row["metric"], row["against"], *gains, _mean_std(row, sign="+"), interval))
    if report["tuning"]:
        lines += ["", "## What `gold_tuned` chose from", "", *_tuning_lines(report["tuning"], seeds)]
    lines += ["", "## Overlap with the evaluation splits", "", *_overlap_lines(report["overlaps"]), ""]
    return "\n".join(lines)


def _overlap_lines(overlaps: Mapping[str, Mapping[str, int]]) -> list[str]:
    return [
        f"- {counts['test']} of the {counts['rows']} {kind} rows have exactly the text of a test row, "
        f"{counts['validation']} that of a validation row. None was dropped."
        for kind, counts in overlaps.items()
    ]


def _tuning_lines(tuning: Mapping[str, Any], seeds: list[str]) -> list[str]:
    lines = head("learning rate", "steps", *(f"seed {seed}" for seed in seeds))
    told = next(iter(tuning["grid"].values()))["validation"][seeds[0]]
    ranked = next(name for name in RANKING if name in told)
    for name, point in tuning["grid"].items():
        found = [point["validation"][seed][ranked] for seed in seeds]
        scores = [f"{score:.3f}" if ranked == "loss" else f"{100 * score:.1f}" for score in found]
        marked = [
            f"**{score}**" if tuning["chosen"][seed] == name else score
            for seed, score in zip(seeds, scores, strict=True)
        ]
        lines.append(line(f"{point['learning_rate']:g}", point["steps"], *marked))
    told = (
        f"Validation {ranked}{'' if ranked == 'loss' else ' × 100'}. Bold: chosen for that seed "
        f"({RANKING[ranked]}), and scored on test. Its seconds above are those of all of them."
    )
    return [*lines, "", told]


def _steps(steps: int | Mapping[str, int]) -> str:
    if isinstance(steps, int):
        return str(steps)
    return " or ".join(map(str, sorted(set(steps.values()))))  # the tuned arm's, by seed


def _mean_std(row: Mapping[str, Any], sign: str = "") -> str:
    times = factor(row["metric"])
    spread = "" if row["std"] is None else f" ± {times * row['std']:.1f}"
    return f"{times * row['mean']:{sign}.1f}{spread}"


def head(*names: str) -> list[str]:
    """Begin a table."""
    return [line(*names), line(*["---"] * len(names))]


def line(*cells: object) -> str:
    """Write a row of a table."""
    return "| " + " | ".join(str(cell) for cell in cells) + " |"
