"""
Put a trained generator into the package: weights in fp16, and a card made from its training record.

    python scripts/embed_generator.py runs/standin/generator hf_augment/embedded/generator
"""

import argparse
import shutil
import sys
from pathlib import Path

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from hf_augment.engine.prompt import PROMPT_FILE
from hf_augment.record import read_json

CARD = """---
license: apache-2.0
language: en
library_name: transformers
pipeline_tag: text-generation
tags: [hf-augment]
---

# The embedded generator

A decoder of {parameters:,} weights that writes short English review sentences. It is here so that the first command
of `hf_augment` runs without a network, and to be fine-tuned: on its own it knows how reviews sound, not much more.
Load it as `embedded:generator`.

| | |
|---|---|
| architecture | {architecture}, {layers} layers, width {width}, {vocabulary} byte-level BPE tokens, {context} positions |
| file | fp16 safetensors, {megabytes:.1f} MB; loads as fp32 on a CPU |
| made by | `hf-augment train recipes/pretrain-standin.yaml --set data.path=pieces.parquet` of this repository, from random weights |
| trained on | {rows:,} pieces of one to four sentences cut from unlabelled film reviews of the IMDB set (Maas et al. 2011) |
| | with `scripts/make_pieces.py`; no review of that set's labelled train or test part is among them |
| tokens seen | {tokens_seen:,} ({steps:,} steps) |
| held-out loss | {loss:.3f} nats a token, on {validation} pieces |

Limits: film reviews of the 2000s, with their opinions and prejudices; grammar often holds for a clause and then
drifts; nothing it says is a fact. It is no basis for anything but examples and tests.
"""


def main() -> None:
    """Convert the folder named first into the folder named second."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[1])
    parser.add_argument("trained", type=Path)
    parser.add_argument("embedded", type=Path)
    given = parser.parse_args()
    record = read_json(given.trained / "training.json")
    if record is None:
        sys.exit(f"error: {given.trained} holds no training.json: train it to the end first")
    shutil.rmtree(given.embedded, ignore_errors=True)
    model = AutoModelForCausalLM.from_pretrained(given.trained, dtype=torch.float16)
    model.save_pretrained(given.embedded)
    AutoTokenizer.from_pretrained(given.trained).save_pretrained(given.embedded)
    shutil.copy(given.trained / PROMPT_FILE, given.embedded)
    card = CARD.format(
        parameters=record["parameters"],
        architecture=model.config.model_type,
        layers=model.config.num_hidden_layers,
        width=model.config.hidden_size,
        vocabulary=model.config.vocab_size,
        context=model.config.max_position_embeddings,
        megabytes=(given.embedded / "model.safetensors").stat().st_size / 1e6,
        rows=record["rows"]["train"]["used"],
        tokens_seen=round(record["tokens"]["train"] * record["epochs"]),
        steps=record["steps"],
        loss=record["eval_loss"],
        validation=record["rows"]["validation"]["used"],
    )
    (given.embedded / "README.md").write_text(card, encoding="utf-8")


if __name__ == "__main__":
    main()
