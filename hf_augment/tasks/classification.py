from collections.abc import Mapping, Sequence
from typing import Any

from hf_augment.tasks.task import Columns, Pair, Task, unusable
from hf_augment.transform import Row

PAIRS = (("premise", "hypothesis"), ("sentence1", "sentence2"), ("question1", "question2"))
SECOND = "text 1"


class TextClassification(Task):
    """A text, or several such as premise and hypothesis, that belong to a label."""

    name = "text-classification"
    fields = ("text",)
    roles: Mapping[str, tuple[str, ...]] = {"text": ("text", "sentence", "content")}
    labelled = True

    @classmethod
    def find(cls, given: Columns, columns: Sequence[str], features: Mapping[str, Any] | None) -> Columns:
        if "text" not in given and not set(cls.roles["text"]) & set(columns):
            for first, second in PAIRS:
                if first in columns and second in columns:
                    return {"text": first, SECOND: second}
        return given if SECOND in given else super().find(given, columns, features)

    def identity(self, values: Sequence[Any]) -> Any:
        return values[0] if len(values) == 1 else list(values)

    def rows(self, values: Sequence[Any], read: bool = True) -> Sequence[Row] | str:
        if read:
            for text in values:
                if problem := unusable(text):
                    return problem
            return [Row(text) for text in values]
        return [Row(text if isinstance(text, str) else "") for text in values]

    def check(self, values, place, row, written) -> str:
        return ""

    def put(self, values, written) -> dict[str, Any]:
        names = self.reads()
        return {names[place]: outcome.text for place, (_, outcome) in written.items()}

    def pair(self, values: Sequence[Any]) -> Pair | None:
        return Pair(self.identity(values), None) if not any(map(unusable, values)) else None
