import re
from collections.abc import Mapping, Sequence
from typing import Any

from hf_augment.errors import unknown
from hf_augment.tasks.agreement import MOST_RATIO, disagreement, lopsided, marks
from hf_augment.tasks.task import Columns, Pair, Task, unusable
from hf_augment.transform import Row

_LANGUAGE = re.compile(r"[a-z]{2,3}([-_][A-Za-z]{2,4})?")
_SIDES = ("source", "target")


class Translation(Task):
    """
    A source and its translation: in two columns, or nested in one, as the feature `Translation` has them.

    Numbers and placeholders that stood on both sides still do, none stands on one side alone that did not before, and
    neither side is more than three times as long as the other, where that was so.
    """

    name = "translation"
    fields = _SIDES
    roles: Mapping[str, tuple[str, ...]] = {"source": ("source", "src"), "target": ("target", "tgt")}
    more_roles = ("translation",)
    offers = _SIDES

    @classmethod
    def find(cls, given: Columns, columns: Sequence[str], features: Mapping[str, Any] | None) -> Columns:
        nested = given.get("translation", "translation")
        if "translation" in given and nested not in columns:
            raise ValueError("columns: translation: " + unknown("column", nested, columns))
        if nested in columns and not set(given.values()) & (set(columns) - {nested}):
            return {**given, "translation": nested}
        languages = [name for name in columns if _LANGUAGE.fullmatch(name)]
        usual = any(name in columns for name in cls.roles["source"])
        if not given and not usual and len(languages) == 2:
            return dict(zip(_SIDES, languages, strict=True))
        return super().find(given, columns, features)

    @classmethod
    def offered(cls, field: str) -> tuple[str, ...]:
        return (*super().offered(field), "translation")  # of the field: what stands on the other side

    def reads(self) -> tuple[str, ...]:
        nested = self.columns.get("translation")
        return (nested,) if nested else super().reads()

    def rows(self, values: Sequence[Any], read: bool = True) -> Sequence[Row] | str:
        sides = self._sides(values)
        if isinstance(sides, str):
            return sides
        other = _SIDES[self.field == "source"]
        text, given = sides[self.field], sides[other]
        if read and (problem := unusable(text)):
            return problem
        if problem := unusable(given):
            return f"{other}: {problem}"
        text = text if isinstance(text, str) else ""
        there = set(marks(given).values())
        return [Row(text, None, {other: given}, tuple(span for span, mark in marks(text).items() if mark in there))]

    def check(self, values, place, row, written) -> str:
        [other] = row.context.values()
        said = written.text.removeprefix(written.notes.get("tag", ""))
        if disagreement(said, other) - disagreement(row.text, other):
            return "numbers or placeholders no longer agree"
        if lopsided(said, other) > max(MOST_RATIO, lopsided(row.text, other) if row.text else 0):
            return "one side is too long for the other"
        return ""

    def put(self, values, written) -> dict[str, Any]:
        [(_, outcome)] = written.values()
        nested = self.columns.get("translation")
        if nested is None:
            return {self.columns[self.field]: outcome.text}
        return {nested: {**values[0], self._languages(values[0])[self.field]: outcome.text}}

    def pair(self, values: Sequence[Any]) -> Pair | None:
        sides = self._sides(values)
        if isinstance(sides, str) or any(map(unusable, sides.values())):
            return None
        return Pair(sides["source"], sides["target"])

    def _sides(self, values: Sequence[Any]) -> dict[str, Any] | str:
        if "translation" not in self.columns:
            return dict(zip(_SIDES, values, strict=True))
        if not isinstance(values[0], Mapping):
            return "no translation"
        languages = self._languages(values[0])
        return {side: values[0].get(language) for side, language in languages.items()}

    def _languages(self, nested: Mapping[str, Any]) -> dict[str, str]:
        known = list(nested)
        given = {side: self.columns[side] for side in _SIDES if side in self.columns}
        for side, language in given.items():
            if language not in known:
                raise ValueError(f"columns: {side}: " + unknown("language", language, known))
        left = [language for language in known if language not in given.values()]
        if len(given) < 2 and len(known) != 2:
            raise ValueError(
                f"The column {self.columns['translation']!r} holds the languages {known}. Say which two: "
                f"columns={{'source': {known[0]!r}, 'target': {known[-1]!r}}}."
            )
        return {side: given.get(side) or left.pop(0) for side in _SIDES}
