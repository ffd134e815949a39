"""The losses of a training as a picture."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any


def picture(figures: Mapping[str, Any], file: Path) -> None:
    """
    Draw the losses over the tokens seen.

    Args:
        figures (`Mapping`): What `figures.json` holds.
        file (`Path`): The PNG to write; equal figures give equal bytes.
    """
    from matplotlib.figure import Figure  # no pyplot: nothing here needs a display or global state

    figure = Figure(figsize=(6, 3.2), layout="constrained")
    axes = figure.subplots()
    for name, mark, color in (("train", "-", "tab:blue"), ("held_out", "o-", "tab:orange")):
        points = figures["curve"].get(name, [])
        axes.plot(
            [x / 1e6 for x, _ in points],
            [y for _, y in points],
            mark,
            color=color,
            label=name.replace("_", " "),
            markersize=4,
            linewidth=1.5,
        )
    axes.set_xlabel("tokens seen, millions")
    axes.set_ylabel("nats a token")
    axes.grid(alpha=0.3)
    axes.legend(frameon=False)
    axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(file, dpi=90, metadata={"Software": None})  # without the version, equal figures give equal bytes
