"""Trains a tagger that names the kind of each token, and is scored by whole entities."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import torch

from hf_augment.blocks import StudyConfig
from hf_augment.classifiers.examples import Examples
from hf_augment.learners.entities import entity_scores
from hf_augment.learners.training import IGNORED, Learner, learn, load, mean_loss, most_tokens, sound
from hf_augment.tasks.token_classification import OUTSIDE

TASK = "token-classification"


def train_tagger(train: Examples, validation: Examples, test: Examples, **options: Any) -> dict[str, Any]:
    """
    Train an encoder with a head for tags; the best step is that of the highest F1 of entities.

    A token is tagged by its first piece. Rows of more than `max_length` pieces are read in parts.

    Args:
        train ([`Examples`]): `texts` are lists of tokens, `labels` lists of tags such as `"B-PER"`, `"I-PER"` and
            `"O"`. The tagger knows the tags of these rows.
        validation ([`Examples`]): Real rows, which choose the step.
        test ([`Examples`]): Real rows, which score it.
        **options: As for [`learn`]: `config`, `seed`, `max_steps`, `output_dir`.
    """
    return learn(TASK, Tagger, train, validation, test, **options)


class Tagger(Learner):
    """An encoder that scores each token as of each kind."""

    measures: ClassVar = ("f1", "loss")

    def __init__(self, data: Mapping[str, Examples], config: StudyConfig):
        from transformers import AutoModelForTokenClassification, DataCollatorForTokenClassification

        self.names = sorted({OUTSIDE, *(tag for tags in data["train"].labels for tag in tags)})
        numbers = {name: number for number, name in enumerate(self.names)}
        classes = {"id2label": dict(enumerate(self.names)), "label2id": numbers, "ignore_mismatched_sizes": True}
        self.model, self.tokenizer = load(AutoModelForTokenClassification, config, **classes)
        self.longest = most_tokens(self.model, self.tokenizer, config.max_length)
        self.collate = DataCollatorForTokenClassification(self.tokenizer, label_pad_token_id=IGNORED)
        self.right = {split: rows.labels for split, rows in data.items()}
        self.parts = {split: self._parts(rows, numbers) for split, rows in data.items()}
        self.rows = [inputs for inputs, _, _ in self.parts.pop("train")]

    def measure(self) -> dict[str, float]:
        found = self.score("validation")
        return {name: found[name] for name in self.measures}

    @torch.inference_mode()
    def score(self, split: str) -> dict[str, float]:
        right, parts = self.right[split], self.parts[split]
        predicted = [[OUTSIDE] * len(tags) for tags in right]
        rows, done = [inputs for inputs, _, _ in parts], 0
        for batch in self.batches(rows):
            batch.pop("labels")
            said = self.model(**batch).logits.argmax(-1).tolist()
            for numbers, (_, row, firsts) in zip(said, parts[done:], strict=False):
                for piece, token in firsts:
                    predicted[row][token] = self.names[numbers[piece]]
            done += len(said)
        return {**entity_scores(predicted, right), "loss": mean_loss(self, rows)}

    def _parts(
        self, rows: Examples, numbers: Mapping[str, int]
    ) -> list[tuple[dict[str, Any], int, list[tuple[int, int]]]]:
        """Return what the model reads, the shortest first: inputs, row, and which piece is the first of which token."""
        # To byte-level BPE a word after a space is another one than at the start of a text.
        space = " " if "ByteLevel" in str(self.tokenizer.backend_tokenizer.pre_tokenizer) else ""
        encoded = self.tokenizer(
            [
                [f"{space if place else ''}{sound(token)}" for place, token in enumerate(tokens)]
                for tokens in rows.texts
            ],
            is_split_into_words=True,
            truncation=True,
            max_length=self.longest,
            return_overflowing_tokens=True,
        )
        found, seen = [], set()
        for place, row in enumerate(encoded.pop("overflow_to_sample_mapping")):
            inputs = {name: values[place] for name, values in encoded.items()}
            firsts = []
            for piece, token in enumerate(encoded.word_ids(place)):
                if token is not None and (row, token) not in seen:
                    seen.add((row, token))
                    firsts.append((piece, token))
            found.append(
                (
                    {**inputs, "labels": self._labels(len(inputs["input_ids"]), firsts, rows.labels[row], numbers)},
                    row,
                    firsts,
                )
            )
        return sorted(found, key=lambda part: len(part[0]["input_ids"]))

    def _labels(
        self, length: int, firsts: Sequence[tuple[int, int]], tags: Sequence[str], numbers: Mapping[str, int]
    ) -> list[int]:
        labels = [IGNORED] * length
        for piece, token in firsts:
            labels[piece] = numbers.get(tags[token], IGNORED)  # a tag that no training row has is always missed
        return labels
