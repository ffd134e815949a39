from collections.abc import Mapping, Sequence
from itertools import zip_longest
from typing import Any

from hf_augment.spans import follow
from hf_augment.tasks.agreement import shared, unsupported
from hf_augment.tasks.task import Pair, Task, unusable
from hf_augment.transform import Row, Written
from hf_augment.words import Span


class QuestionAnswering(Task):
    """
    A question, a context and where the answers stand in it, as in SQuAD; no answers where there is none to find.

    Every answer of a rewritten context stands at its `answer_start`. Numbers and names of the question that the
    context holds stand in the rewritten context too; a rewritten question has none that the context does not hold,
    unless it had it before, and does not tell the answer.
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
        if isinstance(context, str):
            for text, start in found:
                if not isinstance(text, str) or not isinstance(start, int) or not text:
                    return "an answer without text or answer_start"
                if context[start : start + len(text)] != text or start < 0:
                    return "an answer does not stand at its answer_start"
        asked = {"answer": found[0][0] if found else ""}
        if self.field == "question":
            return [Row(own, None, {"context": context, **asked}, shared(own, [context]))]
        spans = _spans(found) if isinstance(context, str) else []
        return [Row(own, None, {"question": question, **asked}, tuple(sorted({*spans, *shared(own, [question])})))]

    def check(self, values, place, row, written) -> str:
        if self.field == "question":
            context, answer = row.context["context"], row.context["answer"]
            if unsupported(written.text, [row.text, context]):
                return "a number or name that the context does not hold"
            told = answer.casefold() in written.text.casefold() and answer.casefold() not in row.text.casefold()
            return "the question tells the answer" if answer and told else ""
        if self._moved(values, row, written) is None:
            return "answer lost"
        question = row.context["question"]
        if unsupported(question, [written.text]) - unsupported(question, [row.text]):
            return "the question speaks of what is gone"
        return ""

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
        if any(
            not text or not isinstance(start, int) or context[start : start + len(text)] != text
            for text, start in found
        ):
            return None
        return Pair(
            [question, context], {"text": [text for text, _ in found], "answer_start": [start for _, start in found]}
        )

    def _moved(self, values: Sequence[Any], row: Row, written: Written) -> list[int] | None:
        """Return where the answers start now; `None` if one of them is lost."""
        found = _answers(values[2])
        if not row.text:  # a new context for a row without one: each answer is to stand there once
            places = [written.text.find(text) if written.text.count(text) == 1 else -1 for text, _ in found]
            return None if -1 in places else places
        spans = follow(row.text, _spans(found), written)
        right = all(span and written.text[slice(*span)] == text for span, (text, _) in zip(spans, found, strict=True))
        return [start for start, _ in spans] if right else None


def _answers(answers: Any) -> list[tuple[str, int]]:
    """Read the texts and starts of the answers; none where the question has none."""
    if isinstance(answers, Mapping):
        return list(zip_longest(answers.get("text") or [], answers.get("answer_start") or []))
    return [(answer.get("text"), answer.get("answer_start")) for answer in answers or []]


def _spans(found: Sequence[tuple[str, int]]) -> list[Span]:
    return [(start, start + len(text)) for text, start in found]


def _with_starts(answers: Any, starts: Sequence[int]) -> Any:
    if not isinstance(answers, Mapping):
        return [_moved_to(answer, start) for answer, start in zip(answers, starts, strict=True)]
    ends = {}
    if answers.get("answer_end"):
        ends["answer_end"] = [
            old - before + now
            for old, before, now in zip(answers["answer_end"], answers["answer_start"], starts, strict=True)
        ]
    return {**answers, "answer_start": list(starts), **ends}


def _moved_to(answer: Mapping[str, Any], start: int) -> dict[str, Any]:
    end = {"answer_end": answer["answer_end"] - answer["answer_start"] + start} if "answer_end" in answer else {}
    return {**answer, "answer_start": start, **end}
