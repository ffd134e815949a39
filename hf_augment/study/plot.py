"""The comparison as a picture."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hf_augment.metrics import LOWER
from hf_augment.study.numbers import factor


def plot(report: Mapping[str, Any], file: Path) -> None:
    """
    Draw each arm's test scores, one dot a seed and a bar at the mean.

    Args:
        report (`Mapping`): What `comparison.json` holds.
        file (`Path`): The PNG to write.
    """
    from matplotlib.figure import Figure  # no pyplot: nothing here needs a display or global state

    metric = report["rows"][0]["metric"]
    arms = list(report["arms"])
    figure = Figure(figsize=(7, 0.7 * len(arms) + 1.2), layout="constrained")
    axes = figure.subplots()
    for place, arm in enumerate(reversed(arms)):
        scores = [
            factor(metric) * row["value"] for row in report["rows"] if row["arm"] == arm and row["metric"] == metric
        ]
        mean = sum(scores) / len(scores)
        color = "tab:orange" if arm == "augmented" else "tab:blue"
        axes.plot(scores, [place] * len(scores), "o", color=color, alpha=0.5, markersize=7)
        axes.plot([mean, mean], [place - 0.28, place + 0.28], "-", color=color, linewidth=3)
        axes.annotate(f"{mean:.1f}", (mean, place + 0.32), ha="center", va="bottom", fontsize=9)
    labels = [f"{arm.replace('_', ' ')}\n{report['arms'][arm]['rows']} rows" for arm in reversed(arms)]
    axes.set_yticks(range(len(arms)), labels)
    axes.set_ylim(-0.6, len(arms) - 0.2)
    axes.set_xlabel(
        f"test {metric}, {'less is better' if metric in LOWER else '%'} ({report['evaluated_on']['test']} rows; a dot a seed, a bar at the mean)"
    )
    axes.grid(axis="x", alpha=0.3)
    axes.spines[["top", "right"]].set_visible(False)
    file.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(file, dpi=150, metadata={"Software": None})  # without the version, equal results give equal bytes
