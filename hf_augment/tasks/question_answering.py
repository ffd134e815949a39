from collections.abc import Mapping, Sequence
from itertools import zip_longest
from typing import Any

from hf_augment.spans import follow
from hf_augment.tasks.agreement import gone, shared, unsupported
from hf_augment.tasks.task import Pair, Task, unusable
from hf_augment.transform import Row, Written
from hf_augment.words import Span, phrase_pattern

_PARTS = ("text", "answer_start", "answer_end")


class QuestionAnswering(Task):
    """
    A question, a context and where the answers stand in it, as in SQuAD; no answers where there is none to find.

    Every answer of a rewritten context stands at its `answer_start`. Numbers and names of the question that the
    context holds stand in the rewritten context too; a rewritten question has none that the context does not hold,
    unless it had it before, and does not tell an answer.
    """

    name = "question-answering"
    fields = ("question", "context")
    roles: Mapping[str, tuple[str, ...]] = {
        "question": ("question",),
        "context": ("context", "passage", "paragraph"),
        "answers": ("answers", "answer"),
    }
    offers = ("question", "context", "answer")

    def rows(self, values: Sequence[Any], read: bool = True) -> Sequence[Row] | str:
        question, context, answers = values
        own, other = (question, context) if self.field == "question" else (context, question)
        if read and (problem := unusable(own)):
            return problem
        if problem := unusable(other):
            return f"{'context' if self.field == 'question' else 'question'}: {problem}"
        own = own if isinstance(own, str) else ""
        found = _answers(answers)
        if isinstance(found, str):
            return found
        if isinstance(context, str) and context and not _stand(found, context):
            return "an answer does not stand at its answer_start"
        asked = {"answer": found[0][0] if found else ""}
        if self.field == "question":
            return [Row(own, None, {"context": context, **asked}, shared(own, [context]))]
        spans = _spans(found) if own else []
        return [Row(own, None, {"question": question, **asked}, tuple(sorted({*spans, *shared(own, [question])})))]

    def check(self, values, place, row, written) -> str:
        if self.field == "question":
            if unsupported(written.text, [row.text, row.context["context"]]):
                return "a number or name that the context does not hold"
            told = any(_tells(written.text, text) and not _tells(row.text, text) for text, _ in _answers(values[2]))
            return "the question tells the answer" if told else ""
        if self._moved(values, row, written) is None:
            return "answer lost"
        return "the question speaks of what is gone" if gone(row.text, written.text, [row.context["question"]]) else ""

    def put(self, values, written) -> dict[str, Any]:
        [(row, outcome)] = written.values()
        if self.field == "question":
            return {self.columns["question"]: outcome.text}
        answers, starts = values[2], self._moved(values, row, outcome)
        changed = {self.columns["context"]: outcome.text}
        return {**changed, self.columns["answers"]: _with_starts(answers, starts)} if starts else changed

    def pair(self, values: Sequence[Any]) -> Pair | None:
        question, context, answers = values
        if unusable(question) or unusable(context):
            return None
        found = _answers(answers)
        if isinstance(found, str) or not _stand(found, context):
            return None
        texts, starts = [text for text, _ in found], [start for _, start in found]
        return Pair([question, context], {"text": texts, "answer_start": starts})

    def _moved(self, values: Sequence[Any], row: Row, written: Written) -> list[int] | None:
        """Return where the answers start now; `None` if one of them is lost."""
        found = _answers(values[2])
        if not row.text:  # a new context for a row without one: each answer is to stand there once
            places = [written.text.find(text) if written.text.count(text) == 1 else -1 for text, _ in found]
            return None if -1 in places else places
        spans = follow(row.text, _spans(found), written)
        right = all(span and written.text[slice(*span)] == text for span, (text, _) in zip(spans, found, strict=True))
        return [start for start, _ in spans] if right else None


def _answers(answers: Any) -> list[tuple[str, int]] | str:
    """Read the texts and starts of the answers, none where the question has none; or say what is wrong with them."""
    if isinstance(answers, Mapping):
        found = list(zip_longest(*(_listed(answers.get(name)) for name in _PARTS)))
    elif answers is None or (isinstance(answers, list) and all(isinstance(answer, Mapping) for answer in answers)):
        found = [tuple(answer.get(name) for name in _PARTS) for answer in answers or ()]
    else:
        return "answers that are no dicts of text and answer_start"
    for text, start, end in found:
        if not isinstance(text, str) or not isinstance(start, int) or not text:
            return "an answer without text or answer_start"
        if end is not None and not isinstance(end, int):
            return "an answer_end that is no number"
    return [(text, start) for text, start, _ in found]


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [] if value is None else [value]


def _stand(found: Sequence[tuple[str, int]], context: str) -> bool:
    return all(start >= 0 and context.startswith(text, start) for text, start in found)


def _tells(question: str, answer: str) -> bool:
    """Say whether the words of an answer stand in a question, in any case."""
    return bool(answer.strip()) and phrase_pattern([answer]).search(question) is not None


def _spans(found: Sequence[tuple[str, int]]) -> list[Span]:
    return [(start, start + len(text)) for text, start in found]


def _with_starts(answers: Any, starts: Sequence[int]) -> Any:
    """Return the answers in the shape that they have, with their starts, and their ends if they tell them, moved."""
    if not isinstance(answers, Mapping):
        return [_at(answer, start) for answer, start in zip(answers, starts, strict=True)]
    if not isinstance(answers["answer_start"], list):
        return _at(answers, starts[0])
    changed = {"answer_start": list(starts)}
    if isinstance(answers.get("answer_end"), list):
        moved = zip(answers["answer_end"], answers["answer_start"], starts, strict=False)  # there may be fewer ends
        changed["answer_end"] = [_end(end, before, now) for end, before, now in moved]
    return {**answers, **changed}


def _at(answer: Mapping[str, Any], start: int) -> dict[str, Any]:
    end = {"answer_end": _end(answer["answer_end"], answer["answer_start"], start)} if "answer_end" in answer else {}
    return {**answer, "answer_start": start, **end}


def _end(end: int | None, before: int, now: int) -> int | None:
    return None if end is None else end - before + now
