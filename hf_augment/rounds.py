"""Selection in a recipe: choose, write more of what a label lacks, choose again."""

import dataclasses
import hashlib
import math
import warnings
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from hf_augment.apply import augment_dataset
from hf_augment.blocks import SelectConfig
from hf_augment.blocks.study import CLASSIFY
from hf_augment.candidates import augmented_by
from hf_augment.data import written_texts
from hf_augment.planning import COPIES, plan
from hf_augment.provenance import ORIGINAL, PROVENANCE, count
from hf_augment.recipe import Recipe
from hf_augment.record import Record
from hf_augment.saved import once, refuse_foreign
from hf_augment.selection.by_hand import Decisions, check_made_from, keep_decisions, read_decisions
from hf_augment.selection.rows import read_labels, read_texts
from hf_augment.selection.select import VERSION, select, untouched
from hf_augment.streams import row_key, stream
from hf_augment.transform import canonical

ROUND = "round"
WRITTEN = "the written field"  # a column for the time of a selection


def check_models(recipe: Recipe, trained: Collection[str] = ()) -> None:
    """
    Raise now what selection would raise for a model or a package that is not there.

    Args:
        recipe ([`Recipe`]): With a `select` block.
        trained (`Collection[str]`, *optional*): Folders of generators that others will have trained by then.
    """
    from hf_augment.engine.encoder import locate_encoder
    from hf_augment.engine.resources import locate

    config = config_of(recipe)
    if config.encoder is not None:
        locate_encoder(config.encoder, config.revision)
    for reference, revision in _models(config).values():
        if reference not in (str(recipe.generator), *trained):  # which are yet to be trained
            locate(reference, revision)
    if config.jaccard is not None:
        from hf_augment.selection.minhash import require_rensa

        require_rensa()


def config_of(recipe: Recipe) -> SelectConfig:
    """Return the `select` block, its likelihoods asked of the recipe's own generator if it names no model."""
    asked = recipe.select.likelihood
    if asked is None or asked.model is not None or recipe.train is None:
        return recipe.select
    return dataclasses.replace(
        recipe.select, likelihood=dataclasses.replace(asked, model=str(recipe.generator), revision=None)
    )


def select_rows(recipe: Recipe, candidates: Any, record: Record, decisions: Decisions | None = None) -> Any:
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
        decisions ([`Decisions`], *optional*): What a person decided on rows of any round, made from the candidates or
            from what was selected among them without decisions. They are kept in `OUTPUT/decisions.json`, which every
            later selection of the recipe follows until the file is deleted.

    Returns:
        `DatasetDict`: All splits.
    """
    from hf_augment.engine.encoder import locate_encoder
    from hf_augment.engine.resources import identity

    folder = Path(recipe.output) / "dataset"
    refuse_foreign(folder, recipe.data.path)
    first = record.facts["augment"]
    config = config_of(recipe)
    encoder = None if config.encoder is None else str(locate_encoder(config.encoder, config.revision))
    made_from = {
        "candidates": first["made_from"],
        "select": dataclasses.asdict(recipe.select),
        "encoder": encoder and identity(encoder),
        "models": {name: identity(*model) for name, model in _models(config).items()},
        "seed": recipe.seed,
        "version": VERSION,
    }
    about = [first["made_from"], hashlib.sha256(canonical(made_from).encode()).hexdigest()]
    kept = Path(recipe.output) / "decisions.json"
    if decisions is not None:
        check_made_from(decisions, about)
        keep_decisions(decisions, kept)
    elif kept.exists():
        decisions = read_decisions(kept)
        if decisions.made_from not in about:
            warnings.warn(
                f"{kept} decides on the rows {decisions.made_from!r}, and this recipe's are others now, so it was not "
                "followed. Review their report and decide anew, or delete the file.",
                stacklevel=2,
            )
            decisions = None
    if decisions is not None:
        made_from["by_hand"] = dict(decisions.decisions)
    dataset, facts = once(folder, made_from, lambda: _in_rounds(recipe, config, candidates, first, decisions))
    record.add("select", facts)
    return dataset


def _models(config: SelectConfig) -> dict[str, tuple[str, str | None]]:
    """Return the models that are asked beside the encoder."""
    found = {}
    if config.likelihood is not None and config.likelihood.model is not None:
        found["likelihood"] = (config.likelihood.model, config.likelihood.revision)
    if config.likelihood is not None and config.likelihood.base is not None:
        found["base"] = (config.likelihood.base, config.likelihood.base_revision)
    if config.toxicity is not None:
        found["toxicity"] = (config.toxicity.model, config.toxicity.revision)
    return found


def _in_rounds(
    recipe: Recipe, config: SelectConfig, candidates: Any, first: dict[str, Any], decisions: Decisions | None
) -> tuple[Any, dict[str, Any]]:
    from datasets import concatenate_datasets

    text = recipe.data.text if recipe.data.task == CLASSIFY else WRITTEN
    columns = {"text": text, "label": recipe.data.label, "label_names": recipe.data.label_names}
    evaluation = {name: with_written(split, recipe) for name, split in candidates.items() if name != "train"}
    vectors = _embedded(evaluation, config, text)
    asked = {
        **columns,
        "config": config,
        "evaluation": evaluation,
        "seed": recipe.seed,
        "vectors": vectors,
        "known": {},
    }
    train = with_written(_numbered(candidates["train"], 1), recipe)
    gold = train.select([i for i, by in enumerate(train["augmented_by"]) if by == ORIGINAL])
    gold = _without_written(gold.remove_columns([*PROVENANCE, ROUND]))
    rounds = [{"seed": recipe.seed, **{name: first[name] for name in ("rows_by", "declined_by_reason")}}]
    by_hand = None
    while True:
        chosen = select(train, **asked, by_hand=by_hand)
        lacking = {name: facts["lacking"] for name, facts in chosen.report["labels"].items() if facts.get("lacking")}
        if lacking and len(rounds) < config.rounds:
            more, facts = _one_more(recipe, gold, lacking, len(rounds) + 1, first["made_from"])
            rounds.append(facts)
            train = concatenate_datasets([train, with_written(_numbered(more, len(rounds)), recipe)])
        elif decisions is not None and by_hand is None:
            by_hand = decisions.decisions  # now that all rows are there which the person may have seen
        else:
            break
    new = [name for name in chosen.dataset.column_names if name not in train.column_names]
    added = {name: chosen.dataset.features[name].dtype for name in new}
    splits = {name: untouched(_numbered(_without_written(split), 0), added) for name, split in evaluation.items()}
    dataset = type(candidates)({"train": _without_written(chosen.dataset), **splits})
    return dataset, {**chosen.report, "rounds": rounds}


def with_written(rows: Any, recipe: Recipe) -> Any:
    """Add, in a task whose texts are not a column, the column `WRITTEN`: what stands in the field that is written."""
    from datasets import Value

    if recipe.data.task == CLASSIFY:
        return rows
    return rows.add_column(WRITTEN, written_texts(rows, recipe.data), feature=Value("string"))


def _without_written(rows: Any) -> Any:
    return rows.remove_columns(WRITTEN) if WRITTEN in rows.column_names else rows


def _embedded(evaluation: Mapping[str, Any], config: SelectConfig, text: str) -> dict[str, Any]:
    """Return the embeddings of the evaluation rows, which stay on disk: the runs of a study share them."""
    from hf_augment.engine.embeddings import embed_once

    found: dict[str, Any] = {}
    if config.encoder is None or config.near_duplicate is None:
        return found
    for split in evaluation.values():
        texts = sorted({known for known in read_texts(split, text) if known})
        if texts:
            found.update(zip(texts, embed_once(texts, config.encoder, config.revision), strict=True))
    return found


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
    have = {
        tuple(value) if isinstance(value, list) else value: most - wanted.get(name, 0)
        for name, value in values.items()
    }

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
