"""Trains an encoder-decoder that writes a translation, or a summary, of what it reads."""

from collections.abc import Mapping, Sequence
from typing import Any

import torch

from hf_augment import metrics
from hf_augment.blocks import StudyConfig
from hf_augment.classifiers.examples import Examples
from hf_augment.engine.decoding import Sampling
from hf_augment.engine.seq2seq import Seq2Seq, end_tokens, rewrite
from hf_augment.learners.small_seq2seq import small_seq2seq
from hf_augment.learners.training import IGNORED, Learner, learn, load, mean_loss, most_tokens, sound

SMALL = "seq2seq"  # what is made from scratch


def train_seq2seq(
    train: Examples, validation: Examples, test: Examples, *, task: str, **options: Any
) -> dict[str, Any]:
    """
    Train an encoder-decoder to translate or to summarize; the best step is that of the lowest validation loss.

    Only that step decodes, greedily, once the validation and once the test rows: a decoding takes as long as many
    training steps. BLEU and chrF are shares of 1, as all scores of a study are.

    Args:
        train ([`Examples`]): `texts` are sources, `labels` targets; of a list of targets, as summaries may have, the
            first one is trained on and the nearest one counts.
        validation ([`Examples`]): Real rows, which choose the step.
        test ([`Examples`]): Real rows, which score it.
        task (`str`): `"translation"` or `"summarization"`.
        **options: As for [`learn`]: `config`, `seed`, `max_steps`, `output_dir`.
    """
    return learn(task, Writer, train, validation, test, **options)


class Writer(Learner):
    """An encoder-decoder."""

    def __init__(self, data: Mapping[str, Examples], config: StudyConfig):
        from transformers import AutoModelForSeq2SeqLM, DataCollatorForSeq2Seq

        self.score_texts = _translated if config.task == "translation" else _summarized
        self.score_texts(["a"], ["a"])  # what it lacks is said now, not after the training
        if config.classifier == SMALL:
            known = [sound(text) for text in (*data["train"].texts, *map(_first, data["train"].labels))]
            positions = max(config.max_length, config.max_new_tokens)
            self.model, self.tokenizer = small_seq2seq(known, config.hidden_size, positions)
        else:
            self.model, self.tokenizer = load(AutoModelForSeq2SeqLM, config)
        self.collate = DataCollatorForSeq2Seq(self.tokenizer, self.model, label_pad_token_id=IGNORED)
        read, written = (
            most_tokens(self.model, self.tokenizer, most) for most in (config.max_length, config.max_new_tokens)
        )
        self.sampling = Sampling(max_new_tokens=written, temperature=0)
        self.targets = {split: data[split].labels for split in ("validation", "test")}
        self.encoded = {split: self._encode(rows, read, written) for split, rows in data.items()}
        self.rows = self.encoded.pop("train")

    @torch.inference_mode()
    def measure(self) -> dict[str, float]:
        in_order = sorted(self.encoded["validation"], key=lambda row: len(row["input_ids"]))
        return {"loss": mean_loss(self, in_order)}

    @torch.inference_mode()
    def score(self, split: str) -> dict[str, float]:
        rows = self.encoded[split]
        sources, written = [row["input_ids"] for row in rows], [""] * len(rows)
        ends = end_tokens(Seq2Seq(self.model, self.tokenizer))
        for row, found in rewrite(self.model, sources, [0] * len(rows), self.sampling, ends):
            written[row] = self.tokenizer.decode(found.tokens, skip_special_tokens=True).strip()
        in_order = sorted(rows, key=lambda row: len(row["input_ids"]))
        return {**self.score_texts(written, self.targets[split]), "loss": mean_loss(self, in_order)}

    def _encode(self, rows: Examples, read: int, written: int) -> list[dict[str, Any]]:
        sources = self.tokenizer([sound(text) for text in rows.texts], truncation=True, max_length=read)
        targets = self.tokenizer(
            text_target=[sound(_first(target)) for target in rows.labels], truncation=True, max_length=written
        )
        columns = (sources["input_ids"], sources["attention_mask"], targets["input_ids"])
        return [
            {"input_ids": ids, "attention_mask": mask, "labels": labels}
            for ids, mask, labels in zip(*columns, strict=True)
        ]


def _first(target: str | Sequence[str]) -> str:
    return target if isinstance(target, str) else target[0]


def _translated(texts: list[str], targets: Sequence[Any]) -> dict[str, float]:
    scores = {"predictions": texts, "references": list(targets)}
    return {name: metrics.load(name).compute(**scores)[name] / 100 for name in ("bleu", "chrf")}


def _summarized(texts: list[str], targets: Sequence[Any]) -> dict[str, float]:
    return metrics.load("rouge").compute(predictions=texts, references=list(targets))
