"""Trains a causal language model to reply to what was said before."""

import math
from collections.abc import Mapping
from typing import Any

import torch

from hf_augment import metrics
from hf_augment.blocks import StudyConfig
from hf_augment.classifiers.examples import Examples
from hf_augment.engine.decoding import Sampling, decode
from hf_augment.engine.resources import CausalLM
from hf_augment.learners.training import IGNORED, Learner, learn, load, mean_loss, most_tokens
from hf_augment.metrics.causal import start_token, token_ids

TASK = "dialogue"
CUE = "assistant:"  # after the history, where the reply is to follow


def train_reply(train: Examples, validation: Examples, test: Examples, **options: Any) -> dict[str, Any]:
    """
    Train a causal language model on replies, given what was said before; the best step has the lowest validation loss.

    The loss is that of the reply and its end alone. `perplexity` is that of the real replies, by token of the model,
    so models with different tokenizers cannot be compared by it; `distinct_1` and `distinct_2` are those of the
    replies that the model finds likeliest, word by word.

    Args:
        train ([`Examples`]): `texts` are histories, one turn a line, such as `"user: Hello!"`; `labels` are replies.
        validation ([`Examples`]): Real rows, which choose the step.
        test ([`Examples`]): Real rows, which score it.
        **options: As for [`learn`]: `config`, `seed`, `max_steps`, `output_dir`.
    """
    return learn(TASK, Replier, train, validation, test, **options)


class Replier(Learner):
    """A causal language model, and dialogues as it reads them."""

    def __init__(self, data: Mapping[str, Examples], config: StudyConfig):
        from transformers import AutoModelForCausalLM, DataCollatorForSeq2Seq

        self.model, self.tokenizer = load(AutoModelForCausalLM, config)
        if self.tokenizer.eos_token_id is None:
            raise ValueError(
                f"study: classifier: the tokenizer of {config.classifier!r} has no eos_token, so no reply would end. "
                "Set it and save it into the model's folder."
            )
        if self.tokenizer.pad_token is None:  # the attention mask tells padding from the end of a text
            self.tokenizer.pad_token = self.tokenizer.eos_token
        self.collate = DataCollatorForSeq2Seq(self.tokenizer, label_pad_token_id=IGNORED)
        self.decodes = any(name.startswith("distinct") for name in config.metrics)
        whole = most_tokens(self.model, self.tokenizer, config.max_length + config.max_new_tokens)
        written = min(config.max_new_tokens, max(1, whole // 2))
        self.sampling = Sampling(max_new_tokens=written, temperature=0)
        self.prompts = {split: self._prompts(rows, whole - written) for split, rows in data.items()}
        self.encoded = {split: self._encode(self.prompts[split], rows, written) for split, rows in data.items()}
        self.rows = self.encoded.pop("train")

    @torch.inference_mode()
    def measure(self) -> dict[str, float]:
        in_order = sorted(self.encoded["validation"], key=lambda row: len(row["input_ids"]))
        return {"loss": mean_loss(self, in_order, ahead=1)}

    @torch.inference_mode()
    def score(self, split: str) -> dict[str, float]:
        in_order = sorted(self.encoded[split], key=lambda row: len(row["input_ids"]))
        loss = mean_loss(self, in_order, ahead=1)
        found = {"loss": loss, "perplexity": math.exp(min(loss, 700.0))}
        if self.decodes:
            orders = (1, 2)
            shares = metrics.load("distinct_n").compute(predictions=self._replies(split), n=list(orders))
            # Where nothing was written there is no share; a model that says nothing says nothing distinct.
            found |= {name: 0.0 if math.isnan(share) else share for name, share in shares.items()}
        return found

    def _prompts(self, rows: Examples, most: int) -> list[list[int]]:
        """Return the tokens before each reply; of a long history the end is kept."""
        lm = CausalLM(self.model, self.tokenizer, None)
        start = start_token(lm)
        asked = [f"{history}\n{CUE}" if history else CUE for history in rows.texts]
        return [[start, *ids[-(most - 1) :]] if most > 1 else [start] for ids in token_ids(lm, asked)]

    def _encode(self, prompts: list[list[int]], rows: Examples, most: int) -> list[dict[str, Any]]:
        replies = token_ids(CausalLM(self.model, self.tokenizer, None), [f" {reply}" for reply in rows.labels])
        found = []
        for prompt, ids in zip(prompts, replies, strict=True):
            reply = [*ids, self.tokenizer.eos_token_id][:most]
            ids, labels = [*prompt, *reply], [*[IGNORED] * len(prompt), *reply]
            found.append({"input_ids": ids, "attention_mask": [1] * len(ids), "labels": labels})
        return found

    def _replies(self, split: str) -> list[str]:
        prompts, written = self.prompts[split], [""] * len(self.prompts[split])
        ends = [self.tokenizer.eos_token_id]
        for row, found in decode(self.model, prompts, [0] * len(prompts), self.sampling, ends):
            written[row] = self.tokenizer.decode(found.tokens, skip_special_tokens=True).strip()
        return written
