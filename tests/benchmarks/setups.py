"""What `tests.benchmarks.transforms` gives to those transforms whose golden case takes a model made on the spot."""

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any

from datasets import Dataset, load_dataset

from hf_augment.engine.resources import locate

Setup = tuple[dict[str, Any], str]  # the parameters, and what the figure is for
REVIEWS = "embedded:reviews"


def reviews(split: str = "train") -> Dataset:
    """Return a split of the embedded reviews."""
    return load_dataset("json", data_files=str(locate(REVIEWS) / f"{split}.jsonl"), split="train")


def setup(name: str, models: argparse.Namespace, folder: Path) -> Setup | None:
    """
    Return the parameters of a transform and a few words about them, `None` where its model is not at hand.

    Args:
        name (`str`): The transform.
        models (`argparse.Namespace`): The folders that the command line names.
        folder (`Path`): An empty folder for what is fitted.
    """
    return SETUPS[name](models, folder)


def _pool(models: argparse.Namespace, folder: Path) -> Setup:
    from hf_augment import SimilarSentence

    SimilarSentence.fit(reviews(), folder / "pool", text="text", label="label")
    return {"pool": str(folder / "pool")}, f"all-MiniLM-L6-v2, a pool of the {len(reviews())} embedded reviews"


def _table(models: argparse.Namespace, folder: Path) -> Setup:
    from hf_augment import TfIdf

    TfIdf.fit(reviews(), folder / "table", text="text")
    return {"table": str(folder / "table")}, f"a table of the {len(reviews())} embedded reviews"


def _mentions(models: argparse.Namespace, folder: Path) -> Setup:
    from hf_augment import MentionSwap
    from tests.contract import tagged

    tokens, tags = zip(*map(tagged, reviews()["text"]), strict=True)
    MentionSwap.fit(Dataset.from_dict({"tokens": tokens, "ner_tags": tags}), folder / "mentions")
    return {
        "table": str(folder / "mentions")
    }, "half the words of the embedded reviews, tagged as if they were mentions"


def _victim(models: argparse.Namespace, folder: Path) -> Setup:
    from hf_augment.blocks import StudyConfig
    from hf_augment.classifiers import train_classifier

    config = StudyConfig(hidden_size=128, learning_rate=2e-3, evaluations=2)
    splits = [reviews(split).class_encode_column("label") for split in ("train", "validation", "test")]
    options = {"text": "text", "label": "label", "config": config, "seed": 0, "max_steps": 200}
    found = train_classifier(*splits, **options, output_dir=folder)
    return {"victim": found["model"]}, "an LSTM; all-MiniLM-L6-v2 measures similarity"


def _chat(models: argparse.Namespace, folder: Path) -> Setup | None:
    from tests.benchmarks.endpoint import ASK

    return _given(models.chat, "model", "`embedded:generator`, taught to answer by tests.benchmarks.endpoint", **ASK)


def _infiller(models: argparse.Namespace, folder: Path) -> Setup | None:
    return _given(models.infiller, "model", "the infiller of tests.benchmarks.infill")


def _compressor(models: argparse.Namespace, folder: Path) -> Setup | None:
    return _given(models.compressor, "model", "the compressor of tests.benchmarks.infill")


def _translator(models: argparse.Namespace, folder: Path) -> Setup | None:
    from tests.benchmarks.translator import target

    prefixes = {"forward_prefix": target("de"), "backward_prefix": target("en")}
    return _given(models.translator, "forward", "the translator of tests.benchmarks.translator", **prefixes)


def _given(model: Path | None, field: str, what: str, **others: Any) -> Setup | None:
    return None if model is None else ({field: str(model), **others}, what)


SETUPS: dict[str, Callable[[argparse.Namespace, Path], Setup | None]] = {
    "abstract": _compressor,
    "adversarial": _victim,
    "back_translate": _translator,
    "infill": _infiller,
    "mention_swap": _mentions,
    "prompt": _chat,
    "similar_sentence": _pool,
    "tfidf": _table,
}
