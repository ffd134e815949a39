import re
from collections.abc import Callable, Mapping, Sequence
from itertools import zip_longest
from typing import Any

from hf_augment.spans import follow
from hf_augment.tasks.agreement import shared, unsupported
from hf_augment.tasks.task import Pair, Task, unusable, within
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

    def cleaned(self, values, clean) -> dict[str, Any]:
        question, context, answers = (within(value, clean) for value in values)
        found = _answers(values[2])
        changed = {self.columns["question"]: question, self.columns["context"]: context}
        if not found or (context, answers) == (values[1], values[2]):
            return changed
        starts = [_cleaned_start(values[1], text, start, clean) for text, start in found]
        grown = [
            len(new) - len(old) if new and old else 0
            for (new, _), (old, _) in zip(_answers(answers), found, strict=True)
        ]
        return {**changed, self.columns["answers"]: _with_starts(answers, starts, grown)}

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
        if not starts:
            return changed
        return {**changed, self.columns["answers"]: _with_starts(answers, starts, [0] * len(starts))}

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


def _cleaned_start(context: Any, text: Any, start: Any, clean: Callable[[str], str]) -> Any:
    """Find an answer in its cleaned context; one that did not stand where it was said to is left where it was said."""
    if (
        not isinstance(context, str)
        or not isinstance(text, str)
        or not isinstance(start, int)
        or not text
        or start < 0
    ):
        return start
    if context[start : start + len(text)] != text:
        return start
    answer, cleaned = clean(text), clean(context)
    # What stands up to the end of the answer, cleaned, says about where it ends, and which of several it is.
    about = len(clean(context[: start + len(text)])) - len(answer)
    places = [found.start() for found in re.finditer(f"(?={re.escape(answer)})", cleaned)] if answer else []
    if not places:
        raise ValueError(
            f"the answer {text!r} no longer stands in its context once that is cleaned. Clean less, or take such rows "
            "out before."
        )
    return min(places, key=lambda place: abs(place - about))


def _spans(found: Sequence[tuple[str, int]]) -> list[Span]:
    return [(start, start + len(text)) for text, start in found]


def _with_starts(answers: Any, starts: Sequence[int], grown: Sequence[int]) -> Any:
    """Put the answers where they stand now, by how many characters longer than before."""
    if not isinstance(answers, Mapping):
        return [_moved_to(*given) for given in zip(answers, starts, grown, strict=True)]
    ends = {}
    if answers.get("answer_end"):
        olds = zip(answers["answer_end"], answers["answer_start"], strict=True)
        ends["answer_end"] = [
            old - before + now + more for (old, before), now, more in zip(olds, starts, grown, strict=True)
        ]
    return {**answers, "answer_start": list(starts), **ends}


def _moved_to(answer: Mapping[str, Any], start: int, more: int) -> dict[str, Any]:
    if "answer_end" not in answer:
        return {**answer, "answer_start": start}
    return {
        **answer,
        "answer_start": start,
        "answer_end": answer["answer_end"] - answer["answer_start"] + start + more,
    }
