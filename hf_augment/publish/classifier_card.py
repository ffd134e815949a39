"""The card of the classifier that was trained with the augmented rows."""

from collections.abc import Mapping
from typing import Any

from hf_augment.publish.block import Card
from hf_augment.publish.card_parts import (
    PROJECT,
    TAGS,
    cost,
    how_to_repeat,
    is_hub_id,
    licence,
    metadata,
    named_source,
    together,
    verdict,
)
from hf_augment.publish.escape import fenced, paragraphs, plain
from hf_augment.publish.facts import ARM

TASK = "text-classification"


def classifier_card(record: Mapping[str, Any]) -> Card:
    """
    Write the card.

    Args:
        record (`Mapping`): What `record.json` holds, with `publish`.
    """
    from huggingface_hub import EvalResult, ModelCardData

    data, publish = record["data"], record["publish"]
    trained_on = [publish.get("dataset"), data["path"] if is_hub_id(data) else None]
    ours = None if is_hub_id(data) else publish.get("dataset")
    tested_on = {
        "dataset_type": ours or data["path"],
        "dataset_name": data["path"],
        "dataset_config": data.get("name"),
        "dataset_split": "test" if ours else (publish.get("splits") or {}).get("test") or "test",
        "dataset_revision": data.get("commit"),
    }
    rows = record["study"]["evaluated_on"]["test"]
    results = [
        EvalResult(
            task_type=TASK,
            metric_type=metric,
            metric_value=value,
            metric_name=f"{metric} on {rows} rows, seed {seed}",
            **tested_on,
        )
        for metric, seed, value in scores(record)
    ]
    known = ModelCardData(
        **metadata(record, data=False),
        library_name="transformers",
        pipeline_tag=TASK,
        datasets=[name for name in trained_on if name] or None,
        metrics=[metric for metric, _, _ in scores(record)],
        base_model=publish.get("classifier_base"),
        tags=list(TAGS),
        model_name=publish["classifier"].split("/")[1],
        eval_results=results,
    ).to_dict()
    text = paragraphs(
        *(_what(record), verdict(record, ""), _trained(record), how_to_repeat(record), cost(record)),
        *(_limits(record), licence(record, "classifier")),
    )
    return Card(known, text)


def scores(record: Mapping[str, Any]) -> list[tuple[str, int, float]]:
    """Return metric, seed and test score of the very weights that are pushed: those of the first seed."""
    study = record["study"]
    seed = study["seeds"][0]
    return [(row["metric"], seed, row["value"]) for row in study["rows"] if (row["arm"], row["seed"]) == (ARM, seed)]


def eval_results(record: Mapping[str, Any]) -> bytes | None:
    """
    Write the scores as `.eval_results/hf-augment.yaml`; `None` where no dataset on the Hub has the rows they are for.

    Args:
        record (`Mapping`): What `record.json` holds, with `publish`.
    """
    import yaml
    from huggingface_hub import EvalResultEntry, eval_result_entries_to_yaml

    publish = record["publish"]
    if not publish.get("dataset") or "test" not in publish["rows"]:
        return None
    entries = [
        EvalResultEntry(
            dataset_id=publish["dataset"],
            task_id=metric,
            value=value,
            notes=f"{metric} on the test split, seed {seed}",
        )
        for metric, seed, value in scores(record)
    ]
    return yaml.safe_dump(eval_result_entries_to_yaml(entries), sort_keys=False).encode()


def _what(record: Mapping[str, Any]) -> str:
    name, study = record["publish"]["classifier"], record["study"]
    lstm = study["config"]["classifier"] == "lstm"
    code = ["from transformers import pipeline", ""]
    if lstm:
        code.insert(0, "import hf_augment.classifiers  # before the model is loaded: transformers has no such class")
    code += [f'classify = pipeline("text-classification", model="{name}")', 'classify("A text.")']
    own = (
        "Without `hf_augment`, `AutoModelForSequenceClassification.from_pretrained(..., trust_remote_code=True)` loads it "
        "too: the repository carries the class in `lstm.py`. Read that file first."
        if lstm
        else ""
    )
    said = "; ".join(f"{metric} {100 * value:.1f} %" for metric, _, value in scores(record))
    arm = study["arms"][ARM]
    what = "an LSTM" if lstm else f"<code>{plain(study['config']['classifier'])}</code>"
    return paragraphs(
        f"# {plain(name)}",
        f"A text classifier, {what}, trained on {named_source(record)} and on rows that {PROJECT} wrote: {arm['rows']} rows "
        f"in all. On {study['evaluated_on']['test']} real test rows: {said} (these weights, seed {study['seeds'][0]}).",
        fenced("\n".join(code), "python"),
        own,
        together(record, "classifier"),
    )


def _trained(record: Mapping[str, Any]) -> str:
    study = record["study"]
    gold, arm, seed = study["arms"]["gold"]["rows"], study["arms"][ARM], str(study["seeds"][0])
    share = (arm["rows"] - gold) / arm["rows"]
    config = study["config"]
    return (
        f"## Training\n\n{gold} real and {arm['rows'] - gold} synthetic rows: **{share:.1%} of the training rows are "
        f"synthetic**. Steps: {arm['steps']}, of which step {arm['best_step'][seed]} did best on "
        f"{study['evaluated_on']['validation']} real validation rows; {config['batch_size']} rows a step, learning rate "
        f"{config['learning_rate']:g}; {arm['seconds'][seed]:.1f} seconds."
    )


def _limits(record: Mapping[str, Any]) -> str:
    names = ", ".join(
        f"<code>{plain(name)}</code>" for name in sorted(record["data"]["splits"]["train"]["labels"]) if name
    )
    return (
        f"## Limits\n\nIt knows the labels {names} and answers with one of them whatever it is given. It was scored on "
        "one draw of the data, on texts like those it was trained on, and nowhere else. It takes over what is wrong with "
        "them, real or written."
    )
