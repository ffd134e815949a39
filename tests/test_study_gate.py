"""The do-no-harm gate: what it holds out, what it counts, when it says yes."""

import copy
import math
from collections import Counter

import pytest
from datasets import Dataset, load_from_disk

from hf_augment.blocks import GateConfig
from hf_augment.gated import write_gated
from hf_augment.recipe import load_recipe
from hf_augment.splits import carry_out, make_folds, make_splits
from hf_augment.study.gate import Place, decide, folds, gains
from tests import tiny_study

TEXTS = {"train": [f"row {i}" for i in range(12)], "validation": [f"other {i}" for i in range(8)]}
LABELS = {"train": [i % 2 for i in range(12)], "validation": [i % 2 for i in range(8)]}


def test_every_row_is_held_out_once_and_each_part_has_its_share():
    parts = folds(TEXTS, LABELS, 4, seed=0)
    held = [place for part in parts for place in part]
    assert sorted(held) == sorted(Place(split, row) for split, own in TEXTS.items() for row in range(len(own)))
    assert [len(part) for part in parts] == [5] * 4
    for part in parts:
        assert Counter(place.split for place in part) == {"train": 3, "validation": 2}
        assert {LABELS[place.split][place.row] for place in part} == {0, 1}


def test_the_same_seed_deals_the_same_and_another_repeat_otherwise():
    assert folds(TEXTS, LABELS, 4, seed=1) == folds(TEXTS, LABELS, 4, seed=1)
    assert folds(TEXTS, LABELS, 4, seed=1) != folds(TEXTS, LABELS, 4, seed=2)
    assert folds(TEXTS, LABELS, 4, seed=1, repeat=1) != folds(TEXTS, LABELS, 4, seed=1)


def test_rows_of_the_same_words_are_held_out_together():
    texts = {"train": ["A good day.", *TEXTS["train"][1:]], "validation": ["a GOOD day", *TEXTS["validation"][1:]]}
    (part,) = [part for part in folds(texts, LABELS, 4, seed=0) if Place("train", 0) in part]
    assert Place("validation", 0) in part


def test_a_label_keeps_a_training_row_and_what_nobody_reads_is_not_held_out():
    texts = {"train": ["a", "b", "c", " "], "validation": ["d", "e"]}
    labels = {"train": [0, 1, 1, 1], "validation": [0, -1]}
    parts = folds(texts, labels, 5, seed=0)
    assert sorted(place for part in parts for place in part) == [Place("train", 1), Place("train", 2)]


def test_what_a_row_gains():
    with_rows, without = [[1, 0.9], [0, 0.2]], [[1, 0.6], [1, 0.8]]
    assert gains(with_rows, without, "accuracy") == [0.0, -1.0]
    assert gains(with_rows, without, "probability") == pytest.approx([0.3, -0.6])
    assert gains(with_rows, without, "log_loss") == pytest.approx([math.log(1.5), math.log(0.25)])
    assert gains([[1, 1.0]], [[0, 0.0]], "log_loss") == pytest.approx([math.log(1000)])  # one row does not decide


def test_it_says_yes_only_above_zero():
    config = GateConfig(level=0.9)
    clear = decide({i: [0.1 + i / 100, 0.1] for i in range(10)}, config)
    assert clear["augment"]
    assert clear["interval"][0] > 0
    assert clear["rows"] == 10
    assert not decide({i: [0.1 * (-1) ** i + 0.01] for i in range(10)}, config)["augment"]
    assert not decide({i: [-0.1 - i / 100] for i in range(10)}, config)["augment"]


def test_it_is_the_t_interval_of_the_rows_means():
    import scipy.stats

    rows = {"a": [0.1, 0.3], "b": [0.0, 0.1], "c": [0.4, 0.0]}
    expected = scipy.stats.ttest_1samp([0.2, 0.05, 0.2], 0).confidence_interval(0.8)
    found = decide(rows, GateConfig(level=0.8))
    assert found["gain"] == pytest.approx(0.15)
    assert found["interval"] == pytest.approx([expected.low, expected.high])


def test_no_spread_or_one_row_shows_nothing():
    assert decide({i: [0.0] for i in range(5)}, GateConfig()) == {
        "augment": False,
        "gain": 0.0,
        "interval": None,
        "rows": 5,
    }
    assert not decide({0: [0.5]}, GateConfig())["augment"]


def test_where_it_says_no_the_gold_rows_are_what_is_left(tmp_path):
    """What a user trains on: the rows of the method that won on the first split, or the real ones alone."""
    recipe = load_recipe(tiny_study.write(tmp_path), ["study.splits=2", "study.classifiers={lstm: {seeds: [0]}}"])
    splits = make_splits(recipe)
    for split in splits:
        carry_out(split)
    yes, no = {"augment": True, "method": "delete"}, {"augment": False, "method": "swap"}
    entry = {"classifier": "lstm", "shots": 5, "method": "search", "by_split": {"0": yes, "1": no}}
    others = [{**entry, "method": name, "by_split": {"0": no, "1": no}} for name in ("swap", "delete")]
    (said, folder), *more = write_gated(recipe, splits, [*others, entry]).items()
    assert not more
    assert said == "lstm (gold and delete)"
    gold, whole = splits[0].data(), load_from_disk(str(folder))
    written = load_from_disk(str(splits[0].folder / "delete" / "dataset"))["train"]
    selected = written.filter(lambda row: row["selected"])
    assert whole["train"]["text"][:] == selected["text"][:]
    assert len(selected) > len(gold["train"])
    assert whole["test"]["text"][:] == gold["test"]["text"][:]
    refused = copy.deepcopy(entry)
    refused["by_split"]["0"]["augment"] = False
    ((said, folder),) = write_gated(recipe, splits, [*others, refused]).items()
    assert said == "lstm (gold alone, since delete showed no gain)"
    assert load_from_disk(str(folder))["train"]["text"][:] == gold["train"]["text"][:]


def test_no_part_has_all_rows_of_a_split_and_label():
    """A validation row that says what a training row says is held out with it, and once took its whole split along."""
    texts = {"train": [f"row {i}" for i in range(6)], "validation": ["row 0", "row 1"]}
    labels = {"train": ["a", "b"] * 3, "validation": ["a", "b"]}
    for seed in range(10):
        for part in folds(texts, labels, 2, seed):
            for split in ("train", "validation"):
                for label in ("a", "b"):
                    rows = {Place(split, row) for row, own in enumerate(labels[split]) if own == label}
                    assert not rows <= set(part)
        assert folds(texts, labels, 2, seed)


def test_minus_one_is_a_class_where_classes_have_no_names(tmp_path):
    rows = [{"text": f"row {i}", "label": 1 if i % 2 else -1} for i in range(16)]
    for name, own in (("train", rows[:8]), ("validation", rows[8:]), ("test", rows)):
        Dataset.from_list(own).to_json(str(tmp_path / "rows" / f"{name}.jsonl"))
    (tmp_path / "a.yaml").write_text(
        f"output: {tmp_path}/out\ndata: {{path: {tmp_path}/rows}}\n"
        "augment: {pipeline: [{name: random_swap}]}\nstudy: {seeds: [0]}\n",
        encoding="utf-8",
    )
    (split,) = make_splits(load_recipe(str(tmp_path / "a.yaml")))
    for part in make_folds(split, 2, 1):
        assert set(part.data()["test"]["label"]) == {-1, 1}
