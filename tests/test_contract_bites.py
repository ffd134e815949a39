"""The contract catches what it should: for each rule a transform that breaks it, and is caught by that rule."""

import random
from dataclasses import dataclass, field
from typing import Any, ClassVar

import pytest

from hf_augment.edits import Edit, EditTransform
from hf_augment.transform import Declined, Transform, Written
from hf_augment.transforms.random_swap import RandomSwap
from tests.contract import RULES, outcomes, rows

_generator = random.Random(0)


class Bad(Transform):
    """Say each row twice, unless a subclass does worse."""

    name: ClassVar[str] = "tests.test_contract_bites:Bad"

    def apply(self, rows, streams):
        return [self.one(row, stream) for row, stream in zip(rows, streams, strict=True)]

    def one(self, row, stream):
        return Written(f"{row.text} {stream.below(1000)}", self.name)


def bad(cls):
    cls.name = f"tests.test_contract_bites:{cls.__name__}"
    return dataclass(frozen=True, kw_only=True)(cls)


@bad
class Honest(Bad):
    pass


@bad
class GlobalRandom(Bad):
    def one(self, row, stream):
        return Written(f"{row.text} {random.random()}", self.name)


@bad
class Reseeds(Bad):
    def one(self, row, stream):
        random.seed(0)
        return Written(f"{row.text} {random.random()} {stream.below(9)}", self.name)


@bad
class ModuleGenerator(Bad):
    def one(self, row, stream):
        return Written(f"{row.text} {_generator.random()}", self.name)


@bad
class CachedOnInstance(Bad):
    calls: dict[str, Any] = field(default_factory=dict)

    def one(self, row, stream):
        self.calls["n"] = self.calls.get("n", 0) + 1
        return super().one(row, stream)


@bad
class HoldsSet(Bad):
    letters: Any = None

    def to_spec(self):
        return {**super().to_spec(), "letters": {"a", "b"}}


@bad
class HoldsModel(Bad):
    weights: Any = tuple(range(10_000))


@bad
class CrashesOnEmpty(Bad):
    def one(self, row, stream):
        return Written(
            f"{row.text.split()[0]} {row.text[0]} {stream.below(999)}" if len(row.text) < 4000 else "", self.name
        )


@bad
class BreaksSurrogates(Bad):
    def one(self, row, stream):
        return Written(f"{row.text} \ud83d {stream.below(999)}", self.name)


@bad
class DependsOnBatch(Bad):
    def apply(self, rows, streams):
        return [
            Written(f"{row.text} {len(rows)} {s.below(999)}", self.name) for row, s in zip(rows, streams, strict=True)
        ]


@bad
class DependsOnPosition(Bad):
    def apply(self, rows, streams):
        return [
            Written(f"{row.text} {i} {s.below(99)}", self.name)
            for i, (row, s) in enumerate(zip(rows, streams, strict=True))
        ]


@bad
class Repeats(Bad):
    def one(self, row, stream):
        return Written(row.text, self.name)


@bad
class SkipsRows(Bad):
    def apply(self, rows, streams):
        return super().apply(rows, streams)[:-1]


@bad
class SaysNothing(Bad):
    def one(self, row, stream):
        return Declined("never")


@bad
class IgnoresStream(Bad):
    def one(self, row, stream):
        return Written(f"{row.text} again", self.name)


@bad
class WritesEmpty(Bad):
    def one(self, row, stream):
        return Written(
            "" if "x" * 100 in row.text or "." in row.text[:1] else f"{row.text} {stream.below(99)}", self.name
        )


@bad
class WrongColumnOfNull(Bad):
    def one(self, row, stream):
        return Written(f"{row.text} {stream.below(99)}", None)


@bad
class NamesByLength(Bad):
    reads: ClassVar[tuple[str, ...]] = ("text", "label")
    seen: ClassVar[list[str]] = []

    def one(self, row, stream):
        # What a transform that keeps the label's position instead of its name would do.
        if row.label not in self.seen:
            self.seen.append(row.label)
        return Written(f"{row.text} {len(self.seen)} {stream.below(99)}", self.name)


@bad
class MovesLabels(Bad):
    def one(self, row, stream):
        return Written(f"{row.text} {stream.below(99)}", self.name, {"label": 1})


@bad
class LiesAboutEdits(EditTransform):
    def edits(self, row, stream):
        return [Edit(0, 1, str(stream.below(1000)))]

    def apply(self, rows, streams):
        return [o._replace(text=o.text.replace("  ", " ")) for o in super().apply(rows, streams)]


CAUGHT = [
    (GlobalRandom, "leaves_global_randomness_alone"),
    (GlobalRandom, "is_independent_of_the_batch"),
    (Reseeds, "leaves_global_randomness_alone"),
    (ModuleGenerator, "is_independent_of_the_batch"),
    (ModuleGenerator, "copies_differ_and_seeds_count"),
    (CachedOnInstance, "hash_survives_use"),
    (HoldsSet, "spec_round_trips"),
    (HoldsModel, "spec_round_trips"),
    (CrashesOnEmpty, "survives_awkward_rows"),
    (BreaksSurrogates, "survives_awkward_rows"),
    (WritesEmpty, "survives_awkward_rows"),
    (DependsOnBatch, "is_independent_of_the_batch"),
    (DependsOnPosition, "is_independent_of_the_batch"),
    (Repeats, "declines_rather_than_repeats"),
    (SkipsRows, "one_outcome_for_each_row"),
    (SaysNothing, "speaks_for_some"),
    (IgnoresStream, "copies_differ_and_seeds_count"),
    (WrongColumnOfNull, "speaks_for_some"),
    (NamesByLength, "reads_names_not_indices"),
    (MovesLabels, "keeps_columns_and_schema"),
    (LiesAboutEdits, "edits_tell_the_truth"),
]


@pytest.mark.parametrize("rule", RULES)
def test_an_honest_transform_passes(rule):
    RULES[rule](Honest())


@pytest.mark.parametrize(("cls", "rule"), CAUGHT, ids=lambda part: getattr(part, "__name__", part))
def test_a_bad_transform_is_caught(cls, rule):
    with pytest.raises((AssertionError, TypeError, ValueError, IndexError, UnicodeEncodeError)):
        RULES[rule](cls())


def test_every_rule_catches_somebody():
    assert {rule for _, rule in CAUGHT} == set(RULES)


def test_a_set_is_refused_where_a_transform_is_made():
    with pytest.raises(TypeError, match="a set has no order"):
        HoldsModel(weights={1, 2})


def test_a_raised_version_changes_the_hash():
    from datasets.fingerprint import Hasher

    before = Hasher.hash(Honest())
    Honest.version = 2
    try:
        assert Hasher.hash(Honest()) != before
    finally:
        Honest.version = 1


@bad
class TouchesAll(EditTransform):
    def edits(self, row, stream):
        return [Edit(0, len(row.text), "x")]


@bad
class InsertsInside(EditTransform):
    def edits(self, row, stream):
        middle = row.text.index("soup") + 2
        return [Edit(0, 0, "x"), Edit(middle, middle, "x")]


@pytest.mark.parametrize("cls", [TouchesAll, InsertsInside])
def test_edits_of_protected_spans_are_a_bug_that_shows(cls):
    with pytest.raises(AssertionError, match="edits the protected"):
        outcomes(cls(reserved=["soup"]), rows()[:1])


def test_a_subclass_is_known_by_its_own_name():
    class Mine(RandomSwap):
        """Swap words my way."""

    assert Mine.name == f"{__name__}:{Mine.__qualname__}"
    with pytest.raises(ValueError, match="calls itself 'random_swap'"):
        type("Other", (RandomSwap,), {"name": "random_swap"})()
