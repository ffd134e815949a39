"""Models small enough to be made on the spot: two layers, width 32, and a tokenizer trained on fifty lines."""

import functools
import json
from pathlib import Path

import torch

from hf_augment.blocks import ScratchConfig
from hf_augment.engine.prompt import PromptFormat
from hf_augment.engine.scratch import new_model, train_tokenizer

CONTEXT = 64
THINGS = ("film", "book", "hotel", "lamp", "soup")
WORDS = {
    "negative": (
        "dull and far too long",
        "a waste of money",
        "broken after a day",
        "cold, and so were they",
        "not for me",
    ),
    "positive": (
        "a joy from start to end",
        "worth every cent",
        "as good as new",
        "warm and bright",
        "just what I wanted",
    ),
}
ROWS = [(f"The {thing} was {words}.", label) for label in WORDS for thing in THINGS for words in WORDS[label]]
PROMPT = PromptFormat("{label}: {text}", tuple(WORDS))


def config(architecture: str = "gpt2", vocabulary: int = 400) -> ScratchConfig:
    return ScratchConfig(
        architecture=architecture, layers=2, width=32, heads=2, vocabulary=vocabulary, context=CONTEXT
    )


@functools.cache
def tokenizer():
    """A byte-level BPE tokenizer trained on `ROWS`; do not change it."""
    return train_tokenizer([" " + text for text, _ in ROWS], config())


def causal_lm(folder: Path, architecture: str = "gpt2", prompt: PromptFormat | None = PROMPT, seed: int = 0) -> Path:
    """Write a causal language model with random weights, `"gpt2"` or `"llama"`, as our training leaves one."""
    torch.manual_seed(seed)
    new_model(config(architecture), tokenizer()).save_pretrained(folder)
    tokenizer().save_pretrained(folder)
    if prompt is not None:
        prompt.save(folder)
    return folder


def encode(prompt: PromptFormat, tokenizer, label: str | None, text: str, max_length: int) -> dict[str, list[int]]:
    """Tokenise one training example."""
    examples = prompt.encode_examples(tokenizer, [label], [text], max_length)
    return {name: rows[0] for name, rows in examples.items()}


def write_rows(folder: Path, train: int = 32, validation: int = 8) -> Path:
    """Write rows of both labels as `train.jsonl` and `validation.jsonl`, and return the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    mixed = [row for pair in zip(ROWS[:25], ROWS[25:], strict=True) for row in pair]
    for name, rows in (("train", mixed[:train]), ("validation", mixed[-validation:])):
        lines = [json.dumps({"text": text, "label": label}) for text, label in rows]
        (folder / f"{name}.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return folder
