import re
from collections.abc import Callable, Mapping, Sequence
from itertools import zip_longest
from typing import Any

from hf_augment.spans import follow
from hf_augment.tasks.agreement import gone, shared, unsupported
from hf_augment.tasks.task import Pair, Task, unusable, within
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

    def cleaned(self, values, clean) -> dict[str, Any]:
        question, context, answers = (within(value, clean) for value in values)
        found = _answers(values[2])
        names = [self.columns[role] for role in ("question", "context", "answers")]
        changed = dict(zip(names, (question, context, values[2]), strict=True))
        if isinstance(found, str) or not found or (context, answers) == (values[1], values[2]):
            return changed
        starts = [_cleaned_start(values[1], text, start, clean) for text, start in found]
        cleaned = _answers(answers)
        if isinstance(
            cleaned, str
        ):  # nothing is left of an answer that stood nowhere: no row to learn from either way
            return changed
        grown = [len(new) - len(old) for (new, _), (old, _) in zip(cleaned, found, strict=True)]
        return {**changed, self.columns["answers"]: _with_starts(answers, starts, grown)}

    def group(self, values: Sequence[Any]) -> Any:
        return values[1]  # whoever has learnt from a context knows something of its other questions

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
        if not starts:
            return changed
        return {**changed, self.columns["answers"]: _with_starts(answers, starts, [0] * len(starts))}

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
    """
    Return the answers in the shape that they have, with their starts, and their ends if they tell them, moved.

    Args:
        answers (`dict` or `list[dict]`): The answers.
        starts (`Sequence[int]`): Where each starts now.
        grown (`Sequence[int]`): By how many characters each is longer than before.
    """
    if not isinstance(answers, Mapping):
        return [_at(*told) for told in zip(answers, starts, grown, strict=True)]
    if not isinstance(answers["answer_start"], list):
        return _at(answers, starts[0], grown[0])
    changed = {"answer_start": list(starts)}
    if isinstance(answers.get("answer_end"), list):
        moved = zip(
            answers["answer_end"], answers["answer_start"], starts, grown, strict=False
        )  # fewer ends may be told
        changed["answer_end"] = [_end(*told) for told in moved]
    return {**answers, **changed}


def _at(answer: Mapping[str, Any], start: int, more: int) -> dict[str, Any]:
    moved = {**answer, "answer_start": start}
    if "answer_end" in answer:
        moved["answer_end"] = _end(answer["answer_end"], answer["answer_start"], start, more)
    return moved


def _end(end: int | None, before: int, now: int, more: int) -> int | None:
    return None if end is None else end - before + now + more
