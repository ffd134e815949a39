"""Selection in a recipe: choose, write more of what a label lacks, choose again."""

import dataclasses
import math
from pathlib import Path
from typing import Any

from hf_augment.apply import augment_dataset
from hf_augment.candidates import augmented_by
from hf_augment.planning import COPIES, plan
from hf_augment.provenance import ORIGINAL, PROVENANCE, count
from hf_augment.recipe import Recipe
from hf_augment.record import Record
from hf_augment.saved import once, refuse_foreign
from hf_augment.selection.rows import read_labels
from hf_augment.selection.select import VERSION, select, untouched
from hf_augment.streams import row_key, stream

ROUND = "round"


def select_rows(recipe: Recipe, candidates: Any, record: Record) -> Any:
    """
    Decide on the augmented rows of a recipe into `OUTPUT/dataset`, unless that is there.

    Where the quota of a label is not filled, more rows are written from the same originals with another seed, up to
    `rounds` rounds in all; each round's rows stay on disk, so that a killed run goes on. All of them are in the
    dataset, which has, beside the columns of `select`, the integer `round` (0 for an original): together with
    `source_id` and `copy` it tells rows apart.

    Args:
        recipe ([`Recipe`]): With a `select` block.
        candidates (`DatasetDict`): The augmented dataset: what the first round wrote.
        record ([`Record`]): Takes the facts: those of the `augment` step are there already.

    Returns:
        `DatasetDict`: All splits.
    """
    from hf_augment.engine.encoder import locate_encoder
    from hf_augment.engine.resources import identity

    folder = Path(recipe.output) / "dataset"
    refuse_foreign(folder, recipe.data.path)
    first = record.facts["augment"]
    made_from = {
        "candidates": first["made_from"],
        "select": dataclasses.asdict(recipe.select),
        "encoder": identity(str(locate_encoder(recipe.select.encoder, recipe.select.revision))),
        "seed": recipe.seed,
        "version": VERSION,
    }
    dataset, facts = once(folder, made_from, lambda: _in_rounds(recipe, candidates, first))
    record.add("select", facts)
    return dataset


def _in_rounds(recipe: Recipe, candidates: Any, first: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
    from datasets import concatenate_datasets

    config = recipe.select
    columns = {"text": recipe.data.text, "label": recipe.data.label, "label_names": recipe.data.label_names}
    evaluation = {name: split for name, split in candidates.items() if name != "train"}
    train = _numbered(candidates["train"], 1)
    gold = train.select([i for i, by in enumerate(train["augmented_by"]) if by == ORIGINAL])
    gold = gold.remove_columns([*PROVENANCE, ROUND])
    rounds = [{"seed": recipe.seed, **{name: first[name] for name in ("rows_by", "declined_by_reason")}}]
    vectors: dict[str, Any] = {}
    while True:
        chosen = select(train, **columns, config=config, evaluation=evaluation, seed=recipe.seed, vectors=vectors)
        lacking = {name: facts["lacking"] for name, facts in chosen.report["labels"].items() if facts.get("lacking")}
        if not lacking or len(rounds) == config.rounds:
            break
        more, facts = _one_more(recipe, gold, lacking, len(rounds) + 1, first["made_from"])
        rounds.append(facts)
        train = concatenate_datasets([train, _numbered(more, len(rounds))])
    splits = {name: untouched(_numbered(split, 0)) for name, split in evaluation.items()}
    dataset = type(candidates)({"train": chosen.dataset, **splits})
    return dataset, {**chosen.report, "rounds": rounds}


def _one_more(
    recipe: Recipe, gold: Any, lacking: dict[str, int], number: int, before: str
) -> tuple[Any, dict[str, Any]]:
    """Write candidates for the labels that lack some."""
    seed = stream(recipe.seed, "round", row_key([number]), 0).below(1 << 31)
    augment = dataclasses.replace(augmented_by(recipe), seed=seed, copies=COPIES)
    wanted = {name: math.ceil(count * recipe.select.oversample) for name, count in lacking.items()}
    most = max(wanted.values())
    names = read_labels(gold, recipe.data.label, recipe.data.label_names)
    values = {name: value for name, value in zip(names, gold[recipe.data.label], strict=True) if name}
    have = {value: most - wanted.get(name, 0) for name, value in values.items()}

    def make() -> tuple[Any, dict[str, Any]]:
        to_write = plan(gold, per_label=most, have=have, label=recipe.data.label, seed=seed)
        written = augment_dataset(to_write, augment).remove_columns(COPIES)
        facts = count(written["augmented_by"], written["declined"])
        return written.select([i for i, by in enumerate(written["augmented_by"]) if by != ORIGINAL]), facts

    folder = Path(recipe.output) / "candidates" / f"round-{number}"
    refuse_foreign(folder, recipe.data.path)
    made_from = {"before": before, "augment": augment.identity(), "wanted": wanted}
    more, facts = once(folder, made_from, make)
    return more, {"seed": seed, "wanted": wanted, **{name: facts[name] for name in ("rows_by", "declined_by_reason")}}


def _numbered(rows: Any, number: int) -> Any:
    from datasets import Value

    numbers = [0 if by == ORIGINAL else number for by in rows["augmented_by"]]
    return rows.add_column(ROUND, numbers, feature=Value("int64"))
