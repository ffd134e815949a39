"""What a similar word has to pass in its sentence: the look of an encoder, and of a masked model that knows labels."""

from collections.abc import Sequence
from typing import Any, Protocol

from hf_augment.transform import Row
from hf_augment.transforms.word_drafts import Option


class Test(Protocol):
    """Lets some words pass; `reason` says why a row has no new text if none does."""

    reason: str

    def refuses(self, row: Row) -> str:
        """Return why nothing could pass in a row, or the empty string."""

    def passing(self, options: Sequence[Option], choices: Sequence[list[str]]) -> list[list[str]]:
        """Return, for each option, which of these choices may stand there, in their order."""


def load_tests(settings: Any) -> list[Test]:
    """Load what the settings of a [`SimilarWord`] ask for, the encoder first."""
    tests: list[Test] = []
    if settings.source == "context":
        tests.append(InContext(settings.model, settings.revision, settings.least))
    if settings.guard is not None:
        tests.append(TrueToLabel(settings.guard, settings.guard_margin))
    return tests


class InContext:
    """
    Passes a word whose contextual vector is near that of the word it replaces.

    Args:
        model (`str`): As for `locate_encoder`.
        revision (`str`, *optional*): A commit, branch or tag of a Hub model.
        least (`float`): The cosine similarity of the two.
    """

    reason = "no word is similar enough"

    def __init__(self, model: str, revision: str | None, least: float):
        from hf_augment.engine.contextual import load_reader

        self.reader = load_reader(model, revision)
        self.least = least

    def refuses(self, row: Row) -> str:
        return ""

    def passing(self, options: Sequence[Option], choices: Sequence[list[str]]) -> list[list[str]]:
        from hf_augment.engine.contextual import Place

        places, owners = [], []
        for number, option in enumerate(options):
            asked = choices[number] if option.vector is not None else [None, *choices[number]]
            owners += [(number, new) for new in asked]
            places += [
                Place(option.row.text, *option.span) if new is None else Place(*option.put(new)) for new in asked
            ]
        vectors = dict(self.reader.vectors(places))
        left: list[list[str]] = [[] for _ in options]
        for place, (number, new) in enumerate(owners):
            if new is None:
                options[number].vector = vectors[place]
            elif float(options[number].vector @ vectors[place]) >= self.least:
                left[number].append(new)
        return left


class TrueToLabel:
    """
    Passes a word that is as likely under the row's label as under every other one.

    Args:
        guard (`str`): A masked language model that was trained with labels.
        margin (`float`): By how much more likely, as a difference of logarithms.

    Raises:
        `ValueError`: The model was not trained with labels.
    """

    reason = "no similar word fits the label"

    def __init__(self, guard: str, margin: float):
        from hf_augment.engine.masked import load_masked_lm

        self.lm = load_masked_lm(guard)
        self.margin = margin
        prompt = self.lm.prompt
        if prompt is None or not prompt.conditional or len(prompt.labels) < 2:
            raise ValueError(
                f"similar_word: guard: the masked language model {guard!r} was not trained with labels. Train one with "
                "`hf-augment train recipes/masked-conditional.yaml`, on your rows, or leave guard out."
            )

        self.labels = prompt.labels

    def refuses(self, row: Row) -> str:
        known = row.label in self.labels
        return "" if known else f"the guard knows no label {row.label!r}, only {', '.join(self.labels)}"

    def passing(self, options: Sequence[Option], choices: Sequence[list[str]]) -> list[list[str]]:
        from hf_augment.engine.masked import Question, score

        questions = [
            Question(option.row.text, option.span, words, label)
            for option, words in zip(options, choices, strict=True)
            for label in self.labels
        ]
        scores = dict(score(self.lm, questions))
        left: list[list[str]] = []
        for number, (option, words) in enumerate(zip(options, choices, strict=True)):
            of = {label: scores[number * len(self.labels) + place] for place, label in enumerate(self.labels)}
            own = of.pop(option.row.label)
            left.append(
                [
                    word
                    for word, here, *others in zip(words, own, *of.values(), strict=True)
                    if here - max(others) >= self.margin
                ]
            )
        return left
