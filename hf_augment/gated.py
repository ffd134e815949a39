"""What the do-no-harm gate lets through: the augmented dataset where it said yes, the gold rows alone where it said no."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from hf_augment.blocks.gate import SEARCH
from hf_augment.provenance import ORIGINAL
from hf_augment.recipe import Recipe
from hf_augment.saved import content, once, refuse_foreign
from hf_augment.splits import Split


def write_gated(recipe: Recipe, splits: Sequence[Split], gate: Sequence[Mapping[str, Any]]) -> dict[str, Path]:
    """
    Write the dataset to train each classifier on, by what the gate decided on the first split.

    Args:
        recipe ([`Recipe`]): The study.
        splits (`Sequence[Split]`): Its splits. The first one has the recipe's own seed, so it is the data that
            `hf-augment augment` would draw.
        gate (`Sequence[Mapping]`): What [`assembly.gate`] returned; of several methods the one with the largest gain on
            held-out rows is asked about.

    Returns:
        `dict[str, Path]`: By what was decided, in words, the folder, for `load_from_disk`.
    """
    by_shots: dict[int | None, Split] = {}
    for split in splits:
        by_shots.setdefault(split.shots, split)
    found = {}
    for entry in gate:
        if entry["method"] != SEARCH and len(by_shots[entry["shots"]].methods) > 1:
            continue
        split = by_shots[entry["shots"]]
        decision = entry["by_split"][str(split.number)]
        method = decision.get("method", entry["method"])
        name = entry["classifier"] + (f"-shots-{entry['shots']}" if len(by_shots) > 1 else "")
        folder = Path(recipe.output) / "gated" / name
        told = f"gold and {method}" if decision["augment"] else f"gold alone, since {method} showed no gain"
        _write(folder, split.folder / method / "dataset", decision["augment"])
        found[f"{name} ({told})"] = folder
    return found


def _write(folder: Path, source: Path, augment: bool) -> None:
    from datasets import load_from_disk

    refuse_foreign(folder, str(source))
    dataset = load_from_disk(str(source))

    def make() -> tuple[Any, dict[str, Any]]:
        train = dataset["train"]
        kept = train["selected"] if "selected" in train.column_names else [True] * len(train)
        by = train["augmented_by"]
        rows = [i for i in range(len(train)) if by[i] == ORIGINAL or (augment and kept[i])]
        splits = {**dataset, "train": train.select(rows)}
        return type(dataset)(splits), {"augment": augment, "rows": len(rows)}

    once(folder, {"rows": {name: content(rows) for name, rows in dataset.items()}, "augment": augment}, make)
