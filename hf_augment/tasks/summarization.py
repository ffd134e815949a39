from collections.abc import Mapping, Sequence
from typing import Any

from hf_augment.tasks.agreement import shared, unsupported
from hf_augment.tasks.kept import lost
from hf_augment.tasks.task import Pair, Task, unusable
from hf_augment.transform import Row


class Summarization(Task):
    """
    A document and its summary; either may be a list: of the document's sentences, of several references.

    Numbers, placeholders and names of a summary that the document holds stand in the rewritten document too; a
    rewritten summary has none that the document does not hold, unless it had it before.
    """

    name = "summarization"
    fields = ("document", "summary")
    roles: Mapping[str, tuple[str, ...]] = {
        "document": ("document", "article", "dialogue", "source", "text", "report"),
        "summary": ("summary", "highlights", "target", "abstract", "headline"),
    }
    offers = ("document", "summary")

    def rows(self, values: Sequence[Any], read: bool = True) -> Sequence[Row] | str:
        texts = dict(zip(("document", "summary"), values, strict=True))
        other = "summary" if self.field == "document" else "document"
        given = _listed(texts[other])
        if problem := _first_problem(given):
            return f"{other}: {problem}"
        if isinstance(texts[self.field], list) and not read and self.field == "document":
            return "the document is a list of sentences: join them to have it written anew"
        own = _listed(texts[self.field])
        if read and (problem := _first_problem(own)):
            return problem
        own = [text if isinstance(text, str) else "" for text in own]
        context = {other: given[0] if other == "summary" else " ".join(given)}
        return [Row(text, None, context, shared(text, given)) for text in own]

    def check(self, values, place, row, written) -> str:
        if self.field == "document":
            return "the summary speaks of what is gone" if lost(row, written) else ""
        if unsupported(written.text, [row.text, row.context["document"]]):
            return "a number or name that the document does not hold"
        return ""

    def put(self, values, written) -> dict[str, Any]:
        old = values[0 if self.field == "document" else 1]
        new = [written[place][1].text if place in written else text for place, text in enumerate(_listed(old))]
        return {self.columns[self.field]: new if isinstance(old, list) else new[0]}

    def pair(self, values: Sequence[Any]) -> Pair | None:
        document, summary = map(_listed, values)
        if _first_problem(document) or _first_problem(summary):
            return None
        return Pair(" ".join(document), summary)


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _first_problem(texts: Sequence[Any]) -> str:
    return next(filter(None, map(unusable, texts)), "" if texts else "text is None")
