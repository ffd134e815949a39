from collections import Counter

import pytest
from datasets import Dataset, DatasetDict

from hf_augment import Augment, RandomSwap, plan

ROWS = Dataset.from_dict({"text": [f"one two three {i}" for i in range(10)], "label": ["a"] * 8 + ["b"] * 2})


def by_label(planned) -> dict:
    counts = Counter()
    for label, copies in zip(planned["label"], planned["copies"], strict=True):
        counts[label] += copies
    return dict(counts)


def test_total_is_drawn_with_replacement():
    planned = plan(ROWS, total=10_000)
    assert sum(planned["copies"]) == 10_000
    assert max(planned["copies"]) < 1_150
    assert min(planned["copies"]) > 850
    assert planned["copies"] != plan(ROWS, total=10_000, seed=1)["copies"]
    assert planned["copies"] == plan(ROWS, total=10_000)["copies"]


def test_per_label_and_its_top_up():
    assert by_label(plan(ROWS, per_label=30)) == {"a": 30, "b": 30}
    assert by_label(plan(ROWS, per_label=30, have={"a": 28, "b": 40})) == {"a": 2, "b": 0}


def test_balance_fills_up_to_the_most_frequent_label():
    assert by_label(plan(ROWS, balance=True)) == {"a": 0, "b": 6}


@pytest.mark.parametrize(("rows", "copies"), [(500, 16), (501, 8), (2000, 8), (2001, 4), (9000, 4)])
def test_eda_amount_follows_the_size(rows, copies):
    assert set(plan(Dataset.from_dict({"text": ["x"] * rows}), eda=True)["copies"]) == {copies}


def test_the_column_drives_augment():
    out = plan(ROWS, per_label=5).map(Augment(RandomSwap(), text="text", copies="copies"), batched=True)
    assert len(out) == 10 + 10
    assert "copies" in out.column_names


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({}, "exactly one of"),
        ({"total": 5, "balance": True}, r"got \['total', 'balance'\]"),
        ({"total": -1}, "whole number from 0 up, got -1"),
        ({"total": 2.5}, "whole number from 0 up, got 2.5"),
        ({"per_label": 3, "label": "lable"}, "No column 'lable' of labels"),
        ({"total": 3, "have": {"a": 1}}, "goes with per_label="),
        ({"per_label": 3, "have": {"c": 1}}, r"have= names the labels \['c'\]"),
    ],
)
def test_bad_amounts(arguments, message):
    with pytest.raises(ValueError, match=message):
        plan(ROWS, **arguments)


def test_only_one_split_is_planned():
    with pytest.raises(TypeError, match="Pass the training split"):
        plan(DatasetDict({"train": ROWS}), total=1)
    with pytest.raises(TypeError, match="whose rows can be counted"):
        plan(ROWS.to_iterable_dataset(), total=1)
    with pytest.raises(ValueError, match="already has a column 'copies'"):
        plan(plan(ROWS, total=1), total=1)


@pytest.mark.parametrize("kind", [None, "numpy", "torch"])
def test_plans_do_not_depend_on_the_format(kind):
    numbered = Dataset.from_dict({"text": ["x"] * 10, "label": [0] * 8 + [1] * 2})
    assert (
        plan(numbered.with_format(kind), per_label=10).with_format(None)["copies"]
        == plan(numbered, per_label=10)["copies"]
    )


def test_rows_without_a_label_get_no_copies():
    holes = Dataset.from_dict({"text": ["x"] * 4, "label": [0.5, None, float("nan"), 0.5]})
    assert plan(holes, per_label=6)["copies"][1:3] == [0, 0]
    lists = Dataset.from_dict({"text": ["x"] * 3, "label": [["a", "b"], [], ["a"]]})
    assert [bool(copies) for copies in plan(lists, per_label=2)["copies"]] == [True, False, True]


def test_an_empty_dataset_is_planned_or_refused():
    empty = ROWS.select([])
    assert plan(empty, balance=True).features["copies"].dtype == "int64"
    with pytest.raises(ValueError, match="has no rows to draw 3 from"):
        plan(empty, total=3)
