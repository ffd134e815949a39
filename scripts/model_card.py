"""The card of an embedded model: a pure function of its figures."""

import shlex
from collections.abc import Mapping, Sequence
from typing import Any

from model_card_measured import costs, overlap, quality, samples

SOURCES = {
    "imdb_unsup": (
        "unlabelled film reviews of the Large Movie Review Dataset (IMDB; Maas et al. 2011, "
        "[aclanthology.org/P11-1015](https://aclanthology.org/P11-1015)), without any that its labelled parts hold too"
    ),
    "wikinews": (
        "articles of [Wikinews](https://en.wikinews.org) by its contributors, under "
        "[CC BY 2.5](https://creativecommons.org/licenses/by/2.5/), cut into pieces"
    ),
}
_HUB_IDS = {"imdb_unsup": "stanfordnlp/imdb"}
# By the digest of the training pieces, the command that made them; it was run again, and made them again.
PIECES = {
    "4c32a2dadd8bcc2eb9b07b8cfebdff9e03dcbddf689df0a4cb09c9a9196a3aa7": (
        "python scripts/make_pieces.py pieces imdb_unsup.parquet wikinews.parquet:5000 --heldout 1020"
    )
}
_KINDS = {
    "causal": {
        "title": "The embedded generator",
        "task": "text-generation",
        "what": "A causal language model of {parameters:,} weights that writes short English sentences",
        "name": "embedded:generator",
        "use": (
            "It is made to be fine-tuned on P(text | label) with a few hundred labelled sentences, `train: {model: "
            "embedded:generator}` in a recipe of `hf_augment`, where there is no Hub or no time for more. On its own "
            "it knows how film reviews and news sound, not much more."
        ),
        "limits": (
            "Grammar often holds for a clause and then drifts; nothing it says is a fact. It has the opinions and "
            "prejudices of film reviews of the 2000s, and names of real people from them. Samples need selection "
            "before anything is trained on them. It reads {context} tokens and knows no language but English. It is "
            "no assistant and not meant to be shown to anybody as one."
        ),
        "loss": "each token from those before it",
    },
    "masked": {
        "title": "The embedded masked model",
        "task": "fill-mask",
        "what": "A masked language model of {parameters:,} weights that fills in missing words of English sentences",
        "name": "embedded:masked",
        "use": (
            "It is made for replacing and inserting words that fit their surroundings, offline, and for being "
            "fine-tuned on texts of your own. A mask stands for a word with the space before it. Mask token ids, not "
            "strings: in a string, the tokenizer would put a space between `<|mask|>` and a comma or full stop."
        ),
        "limits": (
            "A word that fits is no synonym: it can turn a text into its opposite, so check labels afterwards. It has "
            "the prejudices of film reviews of the 2000s and of news. It reads {context} tokens and knows no language "
            "but English. Its sentence vectors were trained for nothing."
        ),
        "loss": "masked tokens from those around them, {mask_share:.0%} of all",
    },
}


def card(figures: Mapping[str, Any]) -> str:
    """
    Write the card.

    Args:
        figures (`Mapping`): What `figures.json` holds. What a draft lacks has no section.
    """
    sections = [_head(figures), _model(figures), _data(figures), _training(figures), overlap(figures)]
    sections += [quality(figures), costs(figures), samples(figures), _licence(figures)]
    return "\n\n".join(filter(None, sections)) + "\n"


def _head(figures: Mapping[str, Any]) -> str:
    from huggingface_hub import ModelCardData

    kind, model = _KINDS[figures["objective"]], figures["model"]
    known = [_HUB_IDS[source] for source in _sources(figures) if source in _HUB_IDS]
    data = ModelCardData(
        language="en",
        license="apache-2.0",
        library_name="transformers",
        pipeline_tag=kind["task"],
        datasets=known or None,
        tags=["hf-augment", "data-augmentation"],
    )
    draft = "\n\nThis card is a draft." if figures["draft"] else ""
    return f"""---
{data.to_yaml()}
---

# {kind["title"]}

{kind["what"].format(**model)}. It ships with `hf_augment`, whose first run then
needs no network, and is loaded as `{kind["name"]}`.{draft}

**Intended use.** {kind["use"]}

**Limits.** {kind["limits"].format(**model)}"""


def _model(figures: Mapping[str, Any]) -> str:
    model = figures["model"]
    return f"""## Model

| | |
|---|---|
| architecture | {model["class"]}: {model["layers"]} layers, width {model["width"]}, {model["heads"]} heads |
| weights | {model["parameters"]:,} |
| vocabulary | {model["vocabulary"]:,} byte-level BPE tokens, trained on the same texts |
| context | {model["context"]} tokens |
| file | {model["bytes"] / 1e6:.1f} MB, fp16 safetensors; loads as fp32 |
| identity | `{figures["identity"]}` |

`SHA256SUMS` lists the files that decide what it says; `hf_augment` compares them before it loads any."""


def _sources(figures: Mapping[str, Any]) -> Sequence[str]:
    return list(figures["texts"]["sources"]) if figures.get("texts") else []


def _data(figures: Mapping[str, Any]) -> str:
    told = figures["training"]
    lines = []
    for source, splits in figures["texts"]["sources"].items() if figures.get("texts") else ():
        for split, what in (("train", "training"), ("validation", "held out")):
            if split in splits:
                part = splits[split]
                lines.append(
                    f"| {SOURCES[source]} | {what} | {part['texts']:,} | {part['pieces']:,} | {part['words']:,} |"
                )
    rows = told["rows"]
    table = "\n".join(["| source | part | texts | pieces | words |", "|---|---|---|---|---|", *lines]) + "\n\n"
    return f"""## Data

{table if lines else ""}A piece is a run of one to four sentences. Training pieces: {rows["train"]["used"]:,}, or {told["tokens"]["train"]:,} tokens;
held out: {rows["validation"]["used"]:,}, or {told["tokens"]["validation"]:,} tokens. The held-out texts were drawn first, and a piece that
stands in one of them is no training piece."""


def _training(figures: Mapping[str, Any]) -> str:
    told = figures["training"]
    settings, machine = told["settings"]["train"], told["environment"]
    changed = "".join(f" --set {shlex.quote(override)}" for override in told["overrides"])
    folder = f"hf_augment/embedded/{figures['name']}"
    measured = " --pieces pieces --overlap overlap.md --figures figures.json"
    commands = [
        *filter(None, [PIECES.get((figures.get("texts") or {}).get("sha256", {}).get("train"))]),
        f"accelerate launch -m hf_augment.training recipes/{figures['recipe']}.yaml{changed}",
        f"python scripts/embed_model.py runs/{figures['recipe']}/generator {folder}{measured}"
        + (" --samples samples.json" if figures["objective"] == "causal" else ""),
    ]
    packages = ", ".join(
        f"{name} {machine['packages'][name]}"
        for name in ("torch", "transformers", "tokenizers", "datasets")
        if machine["packages"].get(name)
    )
    since = f" since it went on from {told['resumed_from']}" if told["resumed_from"] else ""
    on = ", ".join(machine["accelerators"]) or "no accelerator"
    what = _KINDS[figures["objective"]]["loss"].format(**settings)
    return f"""## Training

From random weights, with these commands:

```bash
{chr(10).join(commands)}
```

| | |
|---|---|
| steps | {told["steps"]:,} of {settings["batch_size"] * settings["accumulation"] * told["processes"]} sequences of {settings["max_length"]} tokens; kept: step {told["best_step"]:,}, where the held-out loss was lowest |
| tokens seen | {told["tokens_seen"] / 1e6:.1f} million, {told["epochs"]:.2f} epochs |
| held-out loss | {told["eval_loss"]:.3f} nats ({what}) |
| time elapsed | {_count(round(told["seconds"] / 60), "minute", "minutes")}{since}; {_count(told["processes"], "process", "processes")} |
| machine | {machine["system"]}, {_count(machine["cpus"], "core", "cores")}, {on} |
| software | Python {machine["python"]}, {packages} |

![Loss on training and held-out text over tokens seen](loss.png)"""


def _count(number: int, one: str, more: str) -> str:
    return f"{number:,} {one if number == 1 else more}"


def _licence(figures: Mapping[str, Any]) -> str:
    lines = "The weights are under Apache-2.0."
    if "wikinews" in _sources(figures):
        lines += (
            " A part of what they were trained on is the work of the contributors of\n[Wikinews]"
            "(https://en.wikinews.org), licensed under CC BY 2.5\n([creativecommons.org/licenses/by/2.5]"
            "(https://creativecommons.org/licenses/by/2.5/)), here cut into pieces and lightly cleaned."
        )
    return f"## Licence\n\n{lines}"
