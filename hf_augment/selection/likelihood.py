"""The likelihood ratio: how much likelier a text is under its label than at large."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from hf_augment.blocks import SelectConfig
from hf_augment.blocks.select import LikelihoodConfig
from hf_augment.selection.measured import Measured
from hf_augment.selection.rows import Rows

_LOGITS = 32_000_000  # scores that a batch may come to: 128 MB in fp32
_PLAIN = "{text}"


class Likelihood(NamedTuple):
    """The log-probability of a text, in nats, and of how many tokens."""

    nats: float
    tokens: int


def likelihood_ratio(rows: Rows, config: SelectConfig, known: dict[Any, Likelihood]) -> Measured | None:
    """
    Measure log P(x|y) - log P(x), per token, of each candidate by a causal language model that writes for a label.

    P(x) is the mean of P(x|y) over all labels, or what a base model says. A text longer than the model reads is read in
    windows that overlap by half.

    Args:
        rows ([`Rows`]): The augmented dataset.
        config ([`SelectConfig`]): What is asked.
        known (`dict`): What the models said before; what they say now is added.
    """
    asked = config.likelihood
    if asked is None:
        return None
    if asked.model is None:
        raise ValueError(
            "select: likelihood: model: expected a causal language model that writes for a label, got null. Name one, "
            "or add a 'train' block to the recipe."
        )
    usable = [i for i in rows.candidates if rows.texts[i] and rows.labels[i]]
    texts = sorted({rows.texts[i] for i in usable})
    by_label = _by_label(asked, sorted({rows.labels[i] for i in [*rows.gold, *usable]} - {""}), texts, known)
    if asked.base is None:
        total = {text: _mean([found[text].nats for found in by_label.values()]) for text in texts}
    else:
        base = _ask(asked.base, asked.base_revision, _PLAIN, None, texts, known)
        total = {text: base[text].nats for text in texts}
    ratios = np.full(len(rows.texts), np.nan)
    for i in usable:
        own = by_label[rows.labels[i]][rows.texts[i]]
        ratios[i] = (own.nats - total[rows.texts[i]]) / max(own.tokens, 1)
    least = _least(asked, rows, usable, ratios)
    says = [f"{least[label]:.4g} for {label!r}" for label in sorted(least)]
    limit = f"{asked.least:g}" if asked.least is not None else f"the quantile {asked.quantile:g}: " + ", ".join(says)
    against = "the mean over all labels" if asked.base is None else f"the base model {asked.base!r}"
    return Measured(
        {"likelihood_ratio": ratios.tolist()},
        lambda i: "not likelier under its label" if ratios[i] < least.get(rows.labels[i], -np.inf) else "",
        {"likelihood": f"log P(x|y) - log P(x) a token, against {against}, of at least {limit}"},
    )


def _least(asked: LikelihoodConfig, rows: Rows, usable: Sequence[int], ratios: np.ndarray) -> dict[str, float]:
    labels = sorted({rows.labels[i] for i in usable})
    if asked.least is not None:
        return dict.fromkeys(labels, asked.least)
    own = {label: [ratios[i] for i in usable if rows.labels[i] == label] for label in labels}
    return {label: _from_below(sorted(found), asked.quantile) for label, found in own.items()}


def _from_below(ratios: Sequence[float], share: float) -> float:
    """Return what the others reach when that share of the ratios, the lowest, is left out."""
    left_out = int(share * len(ratios))
    return ratios[left_out] if left_out < len(ratios) else np.inf


def _mean(nats: Sequence[float]) -> float:
    """Return the logarithm of the mean probability."""
    highest = max(nats)
    return highest + float(np.log(np.mean(np.exp(np.array(nats) - highest))))


def _by_label(
    asked: LikelihoodConfig, labels: Sequence[str], texts: Sequence[str], known: dict
) -> dict[str, Mapping[str, Likelihood]]:
    from hf_augment.engine.resources import load_causal_lm

    saved = load_causal_lm(asked.model, asked.revision).prompt
    if asked.prompt is None and saved is None:
        raise ValueError(
            f"select: likelihood: the model {asked.model!r} carries no prompt format (hf_augment.json), so how a label "
            "leads to a text is unknown. Train it with `hf-augment train RECIPE`, or write prompt: '{label}: {text}'."
        )
    template = asked.prompt or saved.template
    if "{label}" not in template:
        raise ValueError(
            f"select: likelihood: the prompt {template!r} of the model {asked.model!r} has no {{label}}, so every label "
            "is as likely. Name a model that writes for a label."
        )
    labels = sorted({*labels, *(saved.labels if saved is not None else ())})
    return {label: _ask(asked.model, asked.revision, template, label, texts, known) for label in labels}


def _ask(
    model: str, revision: str | None, template: str, label: str | None, texts: Sequence[str], known: dict
) -> dict[str, Likelihood]:
    """Return the likelihoods of texts under a label, by text."""
    from hf_augment.engine.prompt import PromptFormat
    from hf_augment.engine.resources import identity, load_causal_lm

    lm = load_causal_lm(model, revision)
    prompt = PromptFormat(template, lm.prompt.labels if lm.prompt is not None else ())
    key = ("likelihood", identity(model, revision), template, label)
    new = [text for text in texts if (*key, text) not in known]
    if new:
        start = prompt.encode_prompt(lm.tokenizer, label)
        found = log_likelihoods(lm.model, start, prompt.encode_texts(lm.tokenizer, new))
        known.update({(*key, text): Likelihood(*one) for text, one in zip(new, found, strict=True)})
    return {text: known[(*key, text)] for text in texts}


def log_likelihoods(model: Any, prompt: Sequence[int], texts: Sequence[Sequence[int]]) -> list[tuple[float, int]]:
    """
    Return for each text its log-probability after a prompt, in nats, and the number of its tokens.

    Args:
        model (`PreTrainedModel`): A causal language model, in evaluation mode.
        prompt (`Sequence[int]`): Token ids, at least one.
        texts (`Sequence[Sequence[int]]`): The token ids of each text.
    """
    import torch

    from hf_augment.engine.batching import in_batches

    room = getattr(model.config, "max_position_embeddings", 1 << 30) - len(prompt)
    if room < 2:
        raise ValueError(
            f"select: likelihood: the prompt takes {len(prompt)} tokens, which leaves no room for a text. Shorten it."
        )
    windows = [(row, *window) for row, text in enumerate(texts) for window in _windows(len(text), room)]
    totals = np.zeros(len(texts))

    @torch.inference_mode()
    def run(batch: list[int]) -> list[float]:
        rows = [[*prompt, *texts[row][start:end]] for row, start, _, end in (windows[place] for place in batch)]
        longest = max(map(len, rows))
        ids = torch.tensor([row + [0] * (longest - len(row)) for row in rows], device=model.device)
        mask = torch.tensor([[1] * len(row) + [0] * (longest - len(row)) for row in rows], device=model.device)
        logits = model(input_ids=ids, attention_mask=mask).logits
        found = []
        for place, row in enumerate(rows):
            _, start, new, _ = windows[batch[place]]
            first = len(prompt) + new - start
            scores = logits[place, first - 1 : len(row) - 1].float().log_softmax(-1)
            found.append(float(scores.gather(1, ids[place, first : len(row), None]).double().sum()))
        return found

    lengths = [len(prompt) + end - start for _, start, _, end in windows]
    for batch, found in in_batches(lengths, run, _LOGITS // model.config.vocab_size, "likelihood", "text"):
        for place, nats in zip(batch, found, strict=True):
            totals[windows[place][0]] += nats
    return [(float(nats), len(text)) for nats, text in zip(totals, texts, strict=True)]


def _windows(length: int, room: int) -> list[tuple[int, int, int]]:
    """Return for each window where it starts, where what is new to it starts, and where it ends."""
    windows, start, read = [], 0, 0
    while read < length:
        end = min(start + room, length)
        windows.append((start, read, end))
        read, start = end, end - room // 2
    return windows
