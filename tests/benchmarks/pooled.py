"""The comparisons of several splits as one: table, intervals, picture."""

from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hf_augment.errors import unknown
from hf_augment.study import paired
from hf_augment.study.markdown import head, line


def pool(reports: Mapping[int, Mapping[str, Any]], metric: str) -> dict[str, Any]:
    """
    Pool the comparisons of several splits: a split's score is the mean over its classifier seeds.

    Args:
        reports (`Mapping[int, Mapping]`): What each split's `comparison.json` holds.
        metric (`str`): Which of its metrics.
    """
    rows = []
    for split, report in reports.items():
        found = [row for row in report["rows"] if row["metric"] == metric]
        if not found:
            raise ValueError("--metric: " + unknown("metric", metric, {row["metric"] for row in report["rows"]}))
        rows += [
            {"arm": arm["arm"], "metric": metric, "split": split, "value": arm["mean"]} for arm in paired.table(found)
        ]
    tuned = Counter(name for report in reports.values() for name in report["tuning"].get("chosen", {}).values())
    return {
        "splits": len(reports),
        "test_rows": sorted({report["evaluated_on"]["test"] for report in reports.values()}),
        "arms": paired.table(rows, "split"),
        "differences": [{**row, **_outcomes(row["by_split"])} for row in paired.differences(rows, "split")],
        "tuned": dict(tuned.most_common()),
        "rows": rows,
    }


def _outcomes(gains: Mapping[str, float]) -> dict[str, Any]:
    worst = min(gains, key=gains.__getitem__)
    wins, losses = sum(gain > 1e-12 for gain in gains.values()), sum(gain < -1e-12 for gain in gains.values())
    return {
        "bootstrap": paired.bootstrap_interval(list(gains.values())),
        "wins": wins,
        "ties": len(gains) - wins - losses,
        "losses": losses,
        "worst": {"split": worst, "value": gains[worst]},
    }


def markdown(found: Mapping[str, Any]) -> str:
    """Write the pooled result as Markdown."""
    lines = ["# Does it help?", "", f"Recipe `{found['recipe']}`, data `{found['data']}`, test {found['metric']}."]
    for shots, pooled in found["shots"].items():
        lines += ["", f"## {shots} training rows for each label, splits: {pooled['splits']}", ""]
        lines += head("arm", "mean ± std over splits, %")
        for row in pooled["arms"]:
            spread = "" if row["std"] is None else f" ± {100 * row['std']:.1f}"
            lines.append(line(row["arm"], f"{100 * row['mean']:.1f}{spread}"))
        names = ("mean", "95 % bootstrap", "95 % t", "wins / ties / losses", "worst split")
        lines += ["", *head(f"{paired.TREATED} minus", *names)]
        for row in pooled["differences"]:
            results = f"{row['wins']} / {row['ties']} / {row['losses']}"
            worst = f"{paired.points(row['worst']['value'])} (split {row['worst']['split']})"
            intervals = [
                " to ".join(map(paired.points, row[name])) if row[name] else "none"
                for name in ("bootstrap", "interval")
            ]
            lines.append(line(row["against"], paired.points(row["mean"]), *intervals, results, worst))
        if pooled["tuned"]:
            listed = ", ".join(f"`{name}` ({times})" for name, times in pooled["tuned"].items())
            lines += ["", f"The tuned arm chose {listed}."]
    told = (
        "In points; a split's score is the mean over its classifier seeds. Splits differ in training rows, validation "
        "rows and what was generated, and share the test rows: the intervals are about draws of training data from this "
        "source, not about other data."
    )
    return "\n".join([*lines, "", told, ""])


def plot(found: Mapping[str, Any], file: Path) -> None:
    """Draw a forest plot: each mean difference with its bootstrap interval."""
    from matplotlib.figure import Figure

    bars = [(shots, row) for shots, pooled in found["shots"].items() for row in pooled["differences"]]
    figure = Figure(figsize=(7, 0.45 * len(bars) + 1.2), layout="constrained")
    axes = figure.subplots()
    for place, (_, row) in enumerate(reversed(bars)):
        low, high = (100 * end for end in row["bootstrap"] or (row["mean"], row["mean"]))
        axes.plot([low, high], [place, place], "-", color="tab:orange", linewidth=3, alpha=0.6)
        axes.plot([100 * gain for gain in row["by_split"].values()], [place] * len(row["by_split"]), "|", color="gray")
        axes.plot([100 * row["mean"]], [place], "o", color="tab:orange")
    axes.set_yticks(range(len(bars)), [f"{shots} a label: minus {row['against']}" for shots, row in reversed(bars)])
    axes.set_ylim(-0.6, len(bars) - 0.4)
    axes.axvline(0, color="black", linewidth=1)
    axes.set_xlabel(
        f"{paired.TREATED} minus the other arm, points of test {found['metric']}\n(mean, 95 % bootstrap interval, a stroke a split)"
    )
    axes.grid(axis="x", alpha=0.3)
    axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(file, dpi=150, metadata={"Software": None})
