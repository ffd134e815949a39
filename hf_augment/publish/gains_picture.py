"""What a study over several splits found, as a picture that a card can show."""

import io
from collections.abc import Mapping
from typing import Any

from hf_augment.study import views


def decisive(study: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Return the gains that the verdict rests on."""
    controls = views.deciding(study)
    return [row for row in study["differences"] if row["metric"] == study["metric"] and row["against"] in controls]


def gains_picture(study: Mapping[str, Any]) -> bytes | None:
    """
    Draw the gain of each method over each control: a dot a split, a bar over the interval.

    Args:
        study (`Mapping`): What `study.json` holds.

    Returns:
        `bytes`: A PNG; `None` if there is no gain to draw.
    """
    from matplotlib.figure import Figure

    controls, rows = views.deciding(study), decisive(study)
    if not rows:
        return None
    figure = Figure(figsize=(8, 0.45 * len(rows) + 1.2), layout="constrained")
    axes = figure.subplots()
    axes.axvline(0, color="gray", linewidth=1)
    for place, row in enumerate(reversed(rows)):
        color = f"tab:{('blue', 'orange', 'green', 'red')[controls.index(row['against']) % 4]}"
        dots = [100 * gain for gain in (row.get("by_split") or {}).values()]
        axes.plot(dots, [place] * len(dots), "o", color=color, alpha=0.3, markersize=4)
        axes.plot([100 * row["mean"]], [place], "D", color=color, markersize=6)
        if row["interval"]:
            axes.plot([100 * edge for edge in row["interval"]], [place, place], "-", color=color, linewidth=3)
    axes.set_yticks(range(len(rows)), [_label(row) for row in reversed(rows)], fontsize=8)
    axes.set_ylim(-0.6, len(rows) - 0.4)
    axes.set_xlabel(
        f"gain in test {study['metric']}, points (a dot a split, a bar over the 95 % interval)", fontsize=8
    )
    axes.grid(axis="x", alpha=0.3)
    axes.spines[["top", "right"]].set_visible(False)
    held = io.BytesIO()
    figure.savefig(held, format="png", dpi=120, metadata={"Software": None})  # equal results give equal bytes
    return held.getvalue()


def _label(row: Mapping[str, Any]) -> str:
    # "$" would begin a formula.
    where = views.setting(row["classifier"], row["shots"])
    return f"{where}: {row['method']}, against {row['against']}".replace("$", r"\$")
