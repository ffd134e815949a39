"""Trains a reader that marks the answer to a question in a text, or says that there is none."""

from collections.abc import Mapping, Sequence
from statistics import mean
from typing import Any, ClassVar, NamedTuple

import numpy as np
import torch

from hf_augment.blocks import StudyConfig
from hf_augment.classifiers.examples import Examples
from hf_augment.learners import squad
from hf_augment.learners.training import Learner, learn, load, most_tokens, sound

TASK = "question-answering"
LONGEST_ANSWER = 30  # tokens
_LEAST = 32  # tokens of a window: a question may take half of it


def train_reader(train: Examples, validation: Examples, test: Examples, **options: Any) -> dict[str, Any]:
    """
    Train an encoder with a head for questions on rows of SQuAD's kind; the best step is that of the highest F1.

    Long texts are read in windows of at most `max_length` tokens, a quarter of which two share. Where training rows
    without an answer are among the others, the reader may find none, as in SQuAD 2.0.

    Args:
        train ([`Examples`]): `texts` are `[question, context]`, `labels` are `{"text": [...], "answer_start": [...]}`,
            with empty lists for a question without an answer. The first answer is trained on, the nearest one counts.
        validation ([`Examples`]): Real rows, which choose the step.
        test ([`Examples`]): Real rows, which score it.
        **options: As for [`learn`]: `config`, `seed`, `max_steps`, `output_dir`.
    """
    return learn(TASK, Reader, train, validation, test, **options)


class Window(NamedTuple):
    """What the model reads at once: its inputs, whose row it is of, and for each token its characters, if of the text."""

    inputs: dict[str, Any]
    row: int
    places: list[tuple[int, int] | None]


class Reader(Learner):
    """An encoder that scores each token as the first and as the last one of the answer."""

    measures: ClassVar = ("f1", "loss")

    def __init__(self, data: Mapping[str, Examples], config: StudyConfig):
        from transformers import AutoModelForQuestionAnswering, DataCollatorWithPadding

        self.model, self.tokenizer = load(AutoModelForQuestionAnswering, config)
        self.longest = most_tokens(self.model, self.tokenizer, config.max_length)
        if self.longest < _LEAST:
            raise ValueError(f"study: max_length: a reader needs at least {_LEAST} tokens, got {self.longest}.")
        self.collate = DataCollatorWithPadding(self.tokenizer)
        self.data = {split: [[sound(part) for part in pair] for pair in rows.texts] for split, rows in data.items()}
        self.right = {split: rows.labels for split, rows in data.items()}
        self.windows = {split: self._windows(pairs, self.right[split]) for split, pairs in self.data.items()}
        self.rows = [window.inputs for window in self.windows.pop("train")]
        self.may_find_none = any(not answers["text"] for answers in self.right["train"])
        for own in self.windows.values():
            own.sort(key=lambda window: len(window.inputs["input_ids"]))  # the less padding, the faster

    def measure(self) -> dict[str, float]:
        found = self.score("validation")
        return {name: found[name] for name in self.measures}

    @torch.inference_mode()
    def score(self, split: str) -> dict[str, float]:
        answers, loss = self._answers(split)
        right = [own["text"] for own in self.right[split]]
        pairs = list(zip(answers, right, strict=True))
        return {
            "f1": mean(squad.f1(*pair) for pair in pairs),
            "exact_match": mean(squad.exact_match(*pair) for pair in pairs),
            "loss": loss,
        }

    def _windows(self, pairs: Sequence[Sequence[str]], right: Sequence[Mapping[str, Any]]) -> list[Window]:
        questions = self._shortened([question for question, _ in pairs])
        encoded = self.tokenizer(
            questions,
            [context for _, context in pairs],
            truncation="only_second",
            max_length=self.longest,
            stride=self.longest // 4,
            return_overflowing_tokens=True,
            return_offsets_mapping=True,
        )
        rows, offsets = encoded.pop("overflow_to_sample_mapping"), encoded.pop("offset_mapping")
        found = []
        for place, row in enumerate(rows):
            inputs = {name: values[place] for name, values in encoded.items()}
            of_context = [part == 1 for part in encoded.sequence_ids(place)]
            places = [own if inside else None for own, inside in zip(offsets[place], of_context, strict=True)]
            first, last = _marked(places, right[row]) or (self._nowhere(inputs["input_ids"]),) * 2
            found.append(Window({**inputs, "start_positions": first, "end_positions": last}, row, places))
        return found

    def _shortened(self, questions: list[str]) -> list[str]:
        """Cut a question off that would leave less than half a window to the text."""
        encoded = self.tokenizer(questions, add_special_tokens=False, return_offsets_mapping=True)["offset_mapping"]
        most = self.longest // 2 - self.tokenizer.num_special_tokens_to_add(pair=True)
        return [
            question if len(places) <= most else question[: places[most - 1][1]]
            for question, places in zip(questions, encoded, strict=True)
        ]

    def _nowhere(self, ids: Sequence[int]) -> int:
        """Return the token that stands for no answer."""
        return list(ids).index(self.tokenizer.cls_token_id) if self.tokenizer.cls_token_id in ids else 0

    def _answers(self, split: str) -> tuple[list[str], float]:
        """Return each row's answer, the best over its windows, and the loss over windows."""
        windows = self.windows[split]
        best: list[tuple[float, str]] = [(-np.inf, "")] * len(self.data[split])
        none = np.full(len(best), np.inf)
        total, done = 0.0, 0
        for batch in self.batches([window.inputs for window in windows]):
            right = [batch.pop(name) for name in ("start_positions", "end_positions")]
            output = self.model(**batch)
            each = [output.start_logits.float(), output.end_logits.float()]
            for scores, places in zip(each, right, strict=True):
                total += float(torch.nn.functional.cross_entropy(scores, places, reduction="sum")) / 2
            scored = zip(*(scores.double().cpu().numpy() for scores in each), strict=True)
            for window, (first, last) in zip(windows[done:], scored, strict=False):
                context = self.data[split][window.row][1]
                best[window.row] = max(
                    best[window.row], _best_span(window, first, last, context), key=lambda own: own[0]
                )
                nowhere = self._nowhere(window.inputs["input_ids"])
                none[window.row] = min(none[window.row], first[nowhere] + last[nowhere])
            done += len(right[0])
        answers = [
            "" if self.may_find_none and none[row] >= score else answer for row, (score, answer) in enumerate(best)
        ]
        return answers, total / len(windows)


def _marked(places: Sequence[tuple[int, int] | None], right: Mapping[str, Any]) -> tuple[int, int] | None:
    """Return the first and the last token of the first answer; `None` if it does not lie in the window as a whole."""
    if not right["text"]:
        return None
    start = right["answer_start"][0]
    end = start + len(right["text"][0])
    inside = [token for token, place in enumerate(places) if place and place[0] < end and place[1] > start]
    if not inside or places[inside[0]][0] > start or places[inside[-1]][1] < end:
        return None
    return inside[0], inside[-1]


def _best_span(window: Window, first: np.ndarray, last: np.ndarray, context: str) -> tuple[float, str]:
    """Return the best score of any span of the text in a window, and the span."""
    tokens = [token for token, place in enumerate(window.places) if place and place[1] > place[0]]
    if not tokens:
        return -np.inf, ""
    begins, ends = first[tokens], last[tokens]
    best = (-np.inf, 0, 0)
    for further in range(min(LONGEST_ANSWER, len(tokens))):
        scores = begins[: len(tokens) - further] + ends[further:]
        place = int(scores.argmax())
        best = max(best, (float(scores[place]), place, place + further), key=lambda own: own[0])
    score, start, end = best
    return score, context[window.places[tokens[start]][0] : window.places[tokens[end]][1]]
