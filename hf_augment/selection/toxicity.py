"""Toxicity: what a text classifier that somebody names takes for toxic."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from hf_augment.blocks import SelectConfig
from hf_augment.blocks.select import ToxicityConfig
from hf_augment.errors import unknown
from hf_augment.selection.copying import of_candidates
from hf_augment.selection.measured import Measured
from hf_augment.selection.rows import Rows

_LONGEST = 512  # tokens of a window, special ones included
_TOGETHER = 4_096  # tokens of a batch, padding included


def toxicity(rows: Rows, config: SelectConfig, known: dict[Any, float]) -> Measured | None:
    """
    Measure how probably each candidate is toxic, of a long text the window where it is most.

    Args:
        rows ([`Rows`]): The augmented dataset.
        config ([`SelectConfig`]): Names the model and its label.
        known (`dict`): What the model said before; what it says now is added.
    """
    asked = config.toxicity
    if asked is None:
        return None
    found = of_candidates(rows, lambda texts: _remembered(asked, texts, known))
    return Measured(
        {"toxicity": found.tolist()},
        lambda i: "toxic" if found[i] >= asked.threshold else "",
        {"toxicity": f"a probability of {asked.label!r} below {asked.threshold:g} by {asked.model!r}"},
    )


def _remembered(asked: ToxicityConfig, texts: Sequence[str], known: dict[Any, float]) -> list[float]:
    from hf_augment.engine.resources import identity

    key = ("toxicity", identity(asked.model, asked.revision), asked.label)
    new = [text for text in texts if (*key, text) not in known]
    if new:
        known.update(zip(((*key, text) for text in new), probabilities(asked, new), strict=True))
    return [known[(*key, text)] for text in texts]


def probabilities(asked: ToxicityConfig, texts: Sequence[str]) -> list[float]:
    """Return the probability of the toxic label for each text."""
    import torch

    from hf_augment.engine.batching import in_batches

    model, tokenizer = _load(asked)
    names = {str(name): int(number) for number, name in model.config.id2label.items()}
    if asked.label not in names:
        raise ValueError(
            f"select: toxicity: label: the model {asked.model!r}: " + unknown("label", asked.label, names)
        )
    apart = model.config.problem_type == "multi_label_classification" or model.config.num_labels == 1
    windows = _windows(model, tokenizer, texts)
    found = np.zeros(len(texts))

    @torch.inference_mode()
    def run(batch: list[int]) -> list[float]:
        rows = [windows[place][1] for place in batch]
        longest = max(1, *map(len, rows))
        fill = tokenizer.pad_token_id or 0
        ids = torch.tensor([row + [fill] * (longest - len(row)) for row in rows], device=model.device)
        mask = torch.tensor([[1] * len(row) + [0] * (longest - len(row)) for row in rows], device=model.device)
        logits = model(input_ids=ids, attention_mask=mask).logits.double()
        chances = logits.sigmoid() if apart else logits.softmax(-1)
        return chances[:, names[asked.label]].tolist()

    for batch, chances in in_batches([len(ids) for _, ids in windows], run, _TOGETHER, "toxicity", "text"):
        for place, chance in zip(batch, chances, strict=True):
            found[windows[place][0]] = max(found[windows[place][0]], chance)
    return found.tolist()


def _load(asked: ToxicityConfig) -> tuple[Any, Any]:
    import torch
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    import hf_augment.classifiers  # noqa: F401 - our LSTM is a model like any other
    from hf_augment.engine.resources import locate, one_thread_in_workers, require_safetensors

    one_thread_in_workers()
    folder = locate(asked.model, asked.revision)
    require_safetensors(folder)
    safely = {"trust_remote_code": False, "local_files_only": True}
    model = AutoModelForSequenceClassification.from_pretrained(
        folder, dtype=torch.float32, use_safetensors=True, **safely
    )
    tokenizer = AutoTokenizer.from_pretrained(folder, **safely)
    return model.to("cuda" if torch.cuda.is_available() else "cpu").eval(), tokenizer


def _windows(model: Any, tokenizer: Any, texts: Sequence[str]) -> list[tuple[int, list[int]]]:
    """Cut texts into what the model reads at once, windows that overlap by half, each with its text's place."""
    if not tokenizer.is_fast:
        raise ValueError(
            f"select: toxicity: model: a {type(tokenizer).__name__} cannot cut long texts into windows. Name a model "
            "with a fast tokenizer (tokenizer.json)."
        )
    places = getattr(getattr(model.base_model, "embeddings", None), "position_embeddings", None)
    unused = getattr(places, "padding_idx", None)  # RoBERTa counts positions from behind there
    positions = getattr(model.config, "max_position_embeddings", None)
    positions = _LONGEST if positions is None else positions - (0 if unused is None else unused + 1)
    limit = min(_LONGEST, positions, tokenizer.model_max_length)
    found = tokenizer(
        [text.encode("utf-8", "replace").decode("utf-8") for text in texts],
        truncation=True,
        max_length=limit,
        stride=max(0, limit - tokenizer.num_special_tokens_to_add()) // 2,
        return_overflowing_tokens=True,
        verbose=False,
    )
    return list(zip(found["overflow_to_sample_mapping"], found["input_ids"], strict=True))
