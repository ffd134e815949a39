from collections import Counter
from dataclasses import dataclass
from typing import ClassVar

import pytest
from datasets import Dataset

from hf_augment import Augment, Compose, OneOf, RandomSwap, Sometimes, Written
from hf_augment.edits import splice
from hf_augment.streams import stream
from hf_augment.transform import Declined, Row, Transform
from tests.contract import TEXTS, outcomes, rows

SWAP = RandomSwap(rate=0.5, reserved=["soup"])
FEW = RandomSwap(rate=0.01)


def test_compose_says_who_spoke_and_keeps_each_steps_edits():
    both = Compose(transforms=[SWAP, FEW])
    for row, outcome in zip(rows(), outcomes(both, rows()), strict=True):
        if isinstance(outcome, Written):
            assert outcome.by == "random_swap+random_swap"
            text = row.text
            for edits in outcome.notes["edits"]:
                text = splice(text, edits)
            assert text == outcome.text


def test_steps_of_the_same_kind_draw_differently():
    given = [Row(f"{TEXTS[0]} ({i})") for i in range(300)]
    undone = sum(
        outcome == Declined("nothing to change") for outcome in outcomes(Compose(transforms=[FEW, FEW]), given)
    )
    assert undone < 15, "the second swap undoes the first"


def test_compose_declines_only_if_every_step_does():
    never = Sometimes(transform=SWAP, rate=0)
    assert outcomes(Compose(transforms=[never, SWAP]), rows())[0].by == "random_swap"
    assert outcomes(Compose(transforms=[never, never]), rows())[0] == Declined("not drawn")


def test_one_of_draws_by_weight():
    choice = OneOf(transforms=[SWAP, Sometimes(transform=SWAP, rate=0)], weights=[3, 1])
    declined = sum(outcome == Declined("not drawn") for outcome in outcomes(choice, rows(1000)))
    assert 200 < declined < 300


def test_sometimes_keeps_its_rate():
    drawn = Counter(type(outcome).__name__ for outcome in outcomes(Sometimes(transform=FEW, rate=0.3), rows(1000)))
    assert 230 < drawn["Written"] < 330


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Compose(transforms=[]), "at least one transform"),
        (lambda: OneOf(transforms=[SWAP], weights=[1, 2]), "expected 1 numbers"),
        (lambda: OneOf(transforms=[SWAP], weights=[0]), "not all 0"),
        (lambda: Sometimes(transform=SWAP, rate=2), "from 0 to 1"),
    ],
)
def test_bad_combinations(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_combinators_take_transforms_only():
    with pytest.raises(TypeError, match="expected Transform, got 'swap'"):
        Compose(transforms=["swap"])


@dataclass(frozen=True, kw_only=True)
class TurnRound(Transform):
    """Write the other label."""

    reads: ClassVar[tuple[str, ...]] = ("text", "label")

    def apply(self, rows, streams):
        other = {"good": "bad", "bad": "good"}
        return [Written(f"{row.text} ({row.label})", self.name, {"label": other[row.label]}) for row in rows]


def test_a_later_step_reads_the_label_that_an_earlier_one_wrote():
    pipeline = Compose(transforms=[TurnRound(), TurnRound(), TurnRound()])
    (outcome,) = pipeline.apply([Row("text", "good")], [stream(0, pipeline.name, b"", 1)])
    assert outcome.text == "text (good) (bad) (good)"
    assert outcome.also == {"label": "bad"}


@dataclass(frozen=True, kw_only=True)
class WritesElsewhere(Transform):
    """Write a field that no column holds."""

    def apply(self, rows, streams):
        return [Written(f"{row.text}!", self.name, {"summry": "short"}) for row in rows]


def test_a_field_without_a_column_is_named():
    augment = Augment(WritesElsewhere(), text="text")
    given = Dataset.from_dict({"text": ["a"], "summary": ["b"]})
    with pytest.raises(ValueError, match=r"writes a field that no column holds.*'summry'.*'summary'"):
        given.map(augment, batched=True)
