import re
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from hf_augment.errors import unknown
from hf_augment.tasks.agreement import MOST_RATIO, disagreement, lopsided, marks
from hf_augment.tasks.task import Columns, Pair, Task, unusable
from hf_augment.transform import Row
from hf_augment.words import Span, words

_LANGUAGE = re.compile(r"[a-z]{2,3}([-_][A-Za-z]{2,4})?")
_NOT_LANGUAGES = (
    "doc",
    "id",
    "idx",
    "key",
    "set",
    "url",
)  # columns that look like one; Indonesian is told by its pair
_SIDES = ("source", "target")


class Translation(Task):
    """
    A source and its translation: in two columns, or nested in one, as the feature `Translation` has them.

    Numbers and placeholders that stood on both sides still do, none stands on one side alone that did not before, and
    neither side is more than three times as long as the other, where that was so. A side that was empty is held to all
    numbers and placeholders of the other. A name that both sides write alike is not edited on one of them.
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
            known = _languages_of(features, nested)
            for side in _SIDES if known else ():
                if side in given and given[side] not in known:
                    raise ValueError(f"columns: {side}: " + unknown("language", given[side], known))
            return {**given, "translation": nested}
        usual = any(name in columns for name in cls.roles["source"])
        languages = [name for name in columns if _LANGUAGE.fullmatch(name)]
        if len(languages) != 2:
            languages = [name for name in languages if name not in _NOT_LANGUAGES]
        left = [language for language in languages if language not in given.values()]
        missing = [side for side in _SIDES if side not in given]
        if not usual and len(languages) == 2 and len(left) == len(missing):
            given = {**given, **dict(zip(missing, left, strict=True))}
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
        return [Row(text, None, {other: given}, _alike(text, given))]

    def check(self, values, place, row, written) -> str:
        [other] = row.context.values()
        said = written.text.removeprefix(written.notes.get("tag", ""))
        had = row.text.strip()  # a side that was empty agreed with nothing, which is no excuse for what fills it
        if disagreement(said, other) - (disagreement(row.text, other) if had else Counter()):
            return "numbers or placeholders no longer agree"
        if lopsided(said, other) > max(MOST_RATIO, lopsided(row.text, other) if had else 0):
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
        if any(language not in values[0] for language in languages.values()):
            return f"a translation of {', '.join(map(str, values[0])) or 'nothing'}"
        return {side: values[0][language] for side, language in languages.items()}

    def _languages(self, nested: Mapping[str, Any]) -> dict[str, str]:
        known = _languages_of(self.features, self.columns["translation"]) or list(nested)
        given = {side: self.columns[side] for side in _SIDES if side in self.columns}
        left = [language for language in known if language not in given.values()]
        if len(given) < 2 and len(left) > 2 - len(given):
            raise ValueError(
                f"The column {self.columns['translation']!r} holds the languages {known}. Say which two: "
                f"columns={{'source': {known[0]!r}, 'target': {known[-1]!r}}}."
            )
        return {side: given.get(side) or (left.pop(0) if left else side) for side in _SIDES}


def _alike(text: str, other: str) -> tuple[Span, ...]:
    """Find the numbers and placeholders of a text that stand in its translation, and the words that do in capitals."""
    there = set(marks(other).values()) | {other[start:end] for start, end in words(other) if other[start].isupper()}
    capitals = {span: text[slice(*span)] for span in words(text) if text[span[0]].isupper()}
    return tuple(sorted(span for span, what in (capitals | marks(text)).items() if what in there))


def _languages_of(features: Mapping[str, Any] | None, column: str) -> list[str]:
    """Read off the languages of a nested column, in the order in which its rows hold them; none if it is not known."""
    feature = (features or {}).get(column)
    if isinstance(feature, Mapping):
        return list(feature)
    return sorted(getattr(feature, "languages", None) or ())  # as the feature `Translation` stores them
