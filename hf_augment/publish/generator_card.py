"""The card of the generator that wrote rows."""

import json
from collections.abc import Mapping
from typing import Any

from hf_augment.publish.block import Card
from hf_augment.publish.card_parts import (
    PROJECT,
    cost,
    how_to_repeat,
    is_hub_id,
    licence,
    metadata,
    named_source,
    together,
)
from hf_augment.publish.escape import fenced, paragraphs, plain

_KINDS = {
    "causal": ("text-generation", "A causal language model that writes texts for a label", "Generate"),
    "masked": ("fill-mask", "A masked language model that fills words in", "MaskedLM"),
}


def generator_card(record: Mapping[str, Any]) -> Card:
    """
    Write the card.

    Args:
        record (`Mapping`): What `record.json` holds, with `publish`.
    """
    from huggingface_hub import ModelCardData

    data, trained = record["data"], record["train"]
    base = trained["base"] or {}
    known = ModelCardData(
        **metadata(record, data=False),
        library_name="transformers",
        pipeline_tag=_KINDS[trained["settings"]["train"]["objective"]][0],
        datasets=[data["path"]] if is_hub_id(data) else None,
        base_model=base["model"] if base.get("commit") else None,
        tags=["hf-augment", "data-augmentation"],
    ).to_dict()
    parts = (_what(record), _training(record), how_to_repeat(record), cost(record), _limits())
    return Card(known, paragraphs(*parts, licence(record, "generator")))


def _what(record: Mapping[str, Any]) -> str:
    name, settings = record["publish"]["generator"], record["train"]["settings"]["train"]
    _, what, transform = _KINDS[settings["objective"]]
    spec = record["augment"]["spec"] if "augment" in record else {}
    text, label = spec.get("text") or "text", spec.get("label")
    columns = f"text={json.dumps(text)}" + (f", label={json.dumps(label)}" if label else "")
    code = (
        f"from hf_augment import Augment, {transform}\n\n"
        f'augment = Augment({transform}(model="{name}"), {columns}, copies=4)\n'
        "train = train.map(augment, batched=True)"
    )
    return paragraphs(
        f"# {plain(name)}",
        f"{what}, trained by {PROJECT} on {named_source(record)}.",
        fenced(code, "python"),
        "The prompt that it was trained with travels along, in <code>hf_augment.json</code>: "
        f"<code>{plain(settings['prompt'])}</code>.",
        together(record, "generator"),
    )


def _training(record: Mapping[str, Any]) -> str:
    trained = record["train"]
    settings, base = trained["settings"]["train"], trained["base"]
    start = "random weights" if base is None else f"<code>{plain(base['model'])}</code>"
    if base and base.get("commit"):
        start += f" at commit <code>{plain(base['commit'])}</code>"
    read = [
        f"{trained['rows'][split]['used']:,} {what} ({trained['tokens'][split]:,} tokens)"
        for split, what in (("train", "real rows"), ("validation", "held out"))
        if split in trained["rows"]  # of a stream nobody knows the length
    ]
    return (
        f"## Training\n\nFrom {start}; {trained['parameters']:,} weights. {', '.join(read)}; none is synthetic. "
        f"{trained['steps']:,} steps of {settings['batch_size'] * settings['accumulation'] * trained['processes']} rows, "
        f"learning rate {settings['learning_rate']:g}; kept: step {trained['best_step']:,}, with a loss of "
        f"{trained['eval_loss']:.3f} nats a token on the held-out rows."
    )


def _limits() -> str:
    return (
        "## Limits\n\nNothing it writes is a fact, and a text that it writes for a label need not have that label: "
        "select among its samples before anything is trained on them. It can repeat what it was trained on, names "
        "included, and has the prejudices of those texts and of the model it started from. It is not meant to be shown "
        "to anybody as an assistant."
    )
