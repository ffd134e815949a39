from collections.abc import Mapping, Sequence
from typing import Any

from hf_augment.tasks.agreement import gone, shared, unsupported
from hf_augment.tasks.task import Pair, Task, unusable
from hf_augment.transform import Row


class Summarization(Task):
    """
    A document and its summary; either may be a list: of the document's sentences, of several references.

    Numbers, placeholders and names of a summary that the document holds stand in the rewritten document too; a
    rewritten summary has none that the document does not hold, unless it had it before. In a list, what is blank or
    no text stays as it is.
    """

    name = "summarization"
    fields = ("document", "summary")
    roles: Mapping[str, tuple[str, ...]] = {
        "document": ("document", "article", "dialogue", "source", "text", "report"),
        "summary": ("summary", "highlights", "target", "abstract", "headline"),
    }
    offers = ("document", "summary")

    def rows(self, values: Sequence[Any], read: bool = True) -> Sequence[Row] | str:
        texts = dict(zip(("document", "summary"), map(_listed, values), strict=True))
        other = "summary" if self.field == "document" else "document"
        own, given = texts[self.field], _usable(texts[other])
        if not given:
            return f"{other}: {_problem(texts[other])}"
        if not read and self.field == "document" and isinstance(values[0], list):
            return "the document is a list of sentences: join them to have it written anew"
        places = self._places(own)
        if not places or (read and unusable(own[places[0]])):
            return _problem(own)
        context = {other: given[0] if other == "summary" else " ".join(given)}
        own = [own[place] if isinstance(own[place], str) else "" for place in places]
        return [Row(text, None, context, shared(text, given)) for text in own]

    def check(self, values, place, row, written) -> str:
        if self.field == "summary":
            lost = unsupported(written.text, [row.text, row.context["document"]])
            return "a number or name that the document does not hold" if lost else ""
        return (
            "the summary speaks of what is gone" if gone(row.text, written.text, _usable(_listed(values[1]))) else ""
        )

    def put(self, values, written) -> dict[str, Any]:
        old = values[0 if self.field == "document" else 1]
        new = list(_listed(old))
        places = self._places(new)
        for place, (_, outcome) in written.items():
            new[places[place]] = outcome.text
        return {self.columns[self.field]: new if isinstance(old, list) else new[0]}

    def pair(self, values: Sequence[Any]) -> Pair | None:
        document, summary = (_usable(_listed(value)) for value in values)
        return Pair(" ".join(document), summary) if document and summary else None

    @staticmethod
    def _places(own: Sequence[Any]) -> list[int]:
        """Find what is rewritten: the texts of a list, or its blanks where it has none."""
        return [i for i, text in enumerate(own) if not unusable(text)] or list(range(len(own)))


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _usable(texts: Sequence[Any]) -> list[str]:
    return [text for text in texts if not unusable(text)]


def _problem(texts: Sequence[Any]) -> str:
    return unusable(texts[0]) if texts else "no text"
