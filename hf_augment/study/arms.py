"""The arms of a comparison, and what may not get into them."""

import json
import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from hf_augment.blocks import StudyConfig
from hf_augment.blocks.study import CLASSIFY
from hf_augment.errors import one_split
from hf_augment.provenance import ORIGINAL
from hf_augment.streams import row_key

if TYPE_CHECKING:
    from hf_augment.classifiers.examples import Examples


class Arm(NamedTuple):
    """What one classifier is trained on, for how many steps, at which rate; and how many rows, the last, are augmented."""

    rows: "Examples"
    steps: int
    learning_rate: float
    added: int = 0


def provenance(augmented_train: Any) -> tuple[Any, Any]:
    """
    Split an augmented dataset into its originals and the rows that were added.

    Args:
        augmented_train (`Dataset`): What `dataset.map(Augment(...), batched=True)` returned, or, with the column
            `selected`, what `select` made of it: then the rows that it dropped do not count as added.

    Raises:
        `ValueError`: It does not say which rows are which, or nothing was added.
    """
    if isinstance(augmented_train, Mapping):
        raise TypeError(one_split(augmented_train, "compare"))
    if "augmented_by" not in getattr(augmented_train, "column_names", ()):
        raise ValueError(
            "augmented_train has no column 'augmented_by', which tells added rows from originals. Pass the dataset "
            "that dataset.map(Augment(...), batched=True) returns."
        )
    originals, written, added = parts(augmented_train)
    if written and not len(added):
        raise ValueError(
            f"None of the {len(written)} augmented rows was selected, so there is nothing to compare. The column "
            "'dropped' says why."
        )
    if not len(added):
        raise ValueError(
            f"All {len(augmented_train)} rows of augmented_train are originals, so there is nothing to compare. Its "
            "column 'declined' says why no copies were written."
        )
    return originals, added


def parts(augmented_train: Any) -> tuple[Any, list[int], Any]:
    """Return the originals, where the augmented rows stand, and those of them that were selected."""
    by = augmented_train["augmented_by"]
    originals = augmented_train.select([i for i, name in enumerate(by) if name == ORIGINAL])
    written = [i for i, name in enumerate(by) if name != ORIGINAL]
    kept = list(augmented_train["selected"]) if "selected" in augmented_train.column_names else [True] * len(by)
    return originals, written, augmented_train.select([i for i in written if kept[i]])


def only_originals(rows: Any, split: str) -> None:
    """Raise a `ValueError` if a split that must be real holds augmented rows."""
    if "augmented_by" in rows.column_names:
        written = sum(name != ORIGINAL for name in rows["augmented_by"])
        if written:
            raise ValueError(
                f"{written} of the {len(rows)} {split} rows are augmented. Scores on augmented rows say nothing about "
                f"real text; pass rows.filter(lambda row: row['augmented_by'] == {ORIGINAL!r})."
            )


def only_gold(originals: "Examples", gold: "Examples") -> None:
    """Raise a `ValueError` if originals of the augmented dataset are no gold rows."""
    known = set(map(_key, zip(gold.texts, gold.labels, strict=True)))
    strange = [row for row in zip(originals.texts, originals.labels, strict=True) if _key(row) not in known]
    if strange:
        raise ValueError(
            f"{len(strange)} of the {len(originals.texts)} originals in augmented_train are not in gold_train, e.g. "
            f"{str(strange[0][0])[:80]!r}. Augment the very rows that are passed as gold_train: others would give the "
            "augmented arm more real data than the rest."
        )


def only_from_gold(added: Any, gold: "Examples", task: str) -> None:
    """Raise a `ValueError` if rows, of which no original is at hand, do not say that they come from gold rows."""
    if task != CLASSIFY:
        raise ValueError(
            f"augmented_train holds no originals, and rows for {task} are not traced without them. Pass the augmented "
            "dataset with its originals: Augment(..., keep_original=True)."
        )
    known = {row_key(text).hex() for text in gold.texts}
    strange = sum(source not in known for source in added["source_id"])
    if strange:
        raise ValueError(
            f"{strange} of the {len(added)} added rows come from no row of gold_train, or from one that only an id "
            "column names. Pass the augmented dataset with its originals: Augment(..., keep_original=True)."
        )


def make_arms(gold: "Examples", added: "Examples", config: StudyConfig) -> dict[str, Arm]:
    """
    Make the arms that the settings of the recipe are trained with.

    Args:
        gold ([`Examples`]): The real training rows.
        added ([`Examples`]): The augmented ones.
        config ([`StudyConfig`]): Its `epochs` and `batch_size` decide the steps, its `task` whether there are classes.

    Returns:
        `dict[str, Arm]`: By name. `"features"`, which has no steps, has no `gold_matched`.
    """
    augmented = gold._replace(texts=gold.texts + added.texts, labels=gold.labels + added.labels)
    total, in_order = len(augmented.texts), list(range(len(gold.texts)))
    if config.task in (None, CLASSIFY):
        in_order.sort(key=gold.labels.__getitem__)  # keeps the shares of the classes
    repeated = [in_order[i * len(in_order) // total] for i in range(total)]
    duplicated = gold._replace(texts=[gold.texts[i] for i in repeated], labels=[gold.labels[i] for i in repeated])
    few, many = steps_for(len(gold.texts), config), steps_for(total, config)
    arms = {
        "gold": Arm(gold, few, config.learning_rate),
        "gold_matched": Arm(gold, many, config.learning_rate),
        "duplicated": Arm(duplicated, many, config.learning_rate),
        "augmented": Arm(augmented, many, config.learning_rate, len(added.texts)),
    }
    return {name: arm for name, arm in arms.items() if name != "gold_matched" or config.classifier != "features"}


def steps_for(rows: int, config: StudyConfig) -> int:
    """Return the optimiser steps that `epochs` passes over some rows are."""
    if config.whole_epochs:
        return math.ceil(math.ceil(rows / config.batch_size) * config.epochs)
    return math.ceil(rows * config.epochs / config.batch_size)


def overlap(data: Mapping[str, Any], kind: str) -> dict[str, int]:
    """Count training rows whose text, or other input, is exactly that of an evaluation row."""
    inputs = {split: list(map(_key, data[split].texts)) for split in (kind, "validation", "test")}
    counts = {split: sum(map(set(inputs[split]).__contains__, inputs[kind])) for split in ("validation", "test")}
    return {"rows": len(inputs[kind]), **counts}


def _key(value: Any) -> str:
    """Write a JSON-shaped input or output as a string, which sets can hold."""
    return json.dumps(value, sort_keys=True)
