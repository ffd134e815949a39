"""Decisions by hand: read strictly, applied to the rows that they name, before all others."""

import json

import pytest
from datasets import load_from_disk

from hf_augment import SelectConfig, select
from hf_augment.candidates import augment
from hf_augment.cli import app
from hf_augment.recipe import load_recipe
from hf_augment.rounds import check_models, select_rows
from hf_augment.run import start_record
from hf_augment.selection.by_hand import Decisions, check_made_from, read_decisions, row_ids
from tests import tiny
from tests.test_selection import CANDIDATES, GOLD, LABELS, augmented, rows_of
from tests.tiny_encoder import bag_of_words

QUIET = {"encoder": None, "near_duplicate": None, "agreement": False, "length": None}


def chosen(candidates, decide, evaluation=None, gold=None, **settings):
    """Select with decisions on candidates by their number, from 1."""
    given = augmented(candidates, gold)
    ids = [name for name, by in zip(row_ids(given, "text"), given["augmented_by"], strict=True) if by != "original"]
    config = SelectConfig(**{**QUIET, **settings})
    by_hand = {ids[number - 1]: decision for number, decision in decide.items()}
    return select(given, text="text", label="label", config=config, evaluation=evaluation, by_hand=by_hand)


def said(selection) -> list[tuple[str, str]]:
    return [(row["dropped"], row["by_hand"]) for row in selection.dataset if row["augmented_by"] != "original"]


def test_a_row_is_named_by_source_round_and_copy():
    given = augmented(CANDIDATES[:2])
    [source] = {row["source_id"] for row in given if row["augmented_by"] != "original"}
    ids = row_ids(given, "text")
    parts = [name.rsplit("-", 1) for name in ids[:3]]
    assert [name for name, _ in parts] == [f"{source}-0-0", f"{source}-1-1", f"{source}-1-2"]
    assert all(len(digest) == 8 for _, digest in parts)
    assert row_ids(given.add_column("round", [3] * len(given)), "text")[1].startswith(f"{source}-3-1-")
    other = given.map(lambda row: {"text": row["text"] + "!"})
    assert not set(ids) & set(row_ids(other, "text"))


def test_what_is_accepted_stays_and_what_is_rejected_goes():
    candidates = [("one", LABELS[0]), (GOLD[4][0], LABELS[0]), *CANDIDATES[:2]]
    found = chosen(candidates, {1: "accept", 2: "accept", 3: "reject"}, length=[0.05, 0.95])
    assert said(found) == [
        ("", "kept by hand"),
        ("", "kept by hand"),
        ("dropped by hand", "dropped by hand"),
        ("", ""),
    ]
    assert found.report["by_hand"] == {"accepted": 2, "rejected": 1, "refused": 0}
    assert found.report["dropped"] == {"dropped by hand": 1}


def test_an_accepted_row_comes_before_better_ones():
    text, label = CANDIDATES[0]
    found = chosen([(text, label), (text.upper(), label), *CANDIDATES[2:]], {2: "accept"}, per_label=1)
    rows = [row for row in found.dataset if row["selected"] and row["label"] == 0 and row["augmented_by"] == "test"]
    assert [row["text"] for row in rows] == [text.upper()]
    assert said(found)[0] == ("duplicate of a candidate", "")


def test_more_may_be_accepted_than_the_quota_holds():
    found = chosen(CANDIDATES[:10], {1: "accept", 3: "accept"}, per_label=1)
    assert found.report["labels"]["negative"] | {"dropped": {}} == {
        "originals": 15,
        "candidates": 5,
        "kept": 2,
        "lacking": 0,
        "dropped": {},
    }


def test_no_hand_lets_evaluation_rows_or_empty_ones_in():
    candidates = [CANDIDATES[0], (None, LABELS[0]), CANDIDATES[1]]
    evaluation = {"test": rows_of(CANDIDATES[0][0].upper())}
    found = chosen(candidates, {1: "accept", 2: "accept", 3: "accept"}, evaluation)
    assert said(found) == [("duplicate of a row of the test split", ""), ("no text", ""), ("", "kept by hand")]
    assert found.report["by_hand"]["refused"] == 2


def test_decisions_on_other_rows_are_errors():
    given = augmented(CANDIDATES[:2])
    config, ids = SelectConfig(**QUIET), row_ids(given, "text")

    def decide(by_hand):
        return select(given, text="text", label="label", config=config, by_hand=by_hand)

    with pytest.raises(
        ValueError, match=r"1 of 2 rows are not there.*unknown row 'abc-1-1'.*SOURCE_ID-ROUND-COPY-TEXT"
    ):
        decide({"abc-1-1": "accept", ids[1]: "accept"})
    with pytest.raises(ValueError, match="is an original, which always stays"):
        decide({ids[0]: "reject"})
    with pytest.raises(ValueError, match="expected 'accept' or 'reject', got 'maybe'"):
        decide({ids[1]: "maybe"})
    names = given.features["label"].names
    twice = given.select([0, 1, 1]).map(lambda row, i: {"label": [0, 0, len(names) - 1][i]}, with_indices=True)
    given = twice
    with pytest.raises(ValueError, match=r"2 different rows have the id.*augment.key"):
        decide({row_ids(twice, "text")[1]: "reject"})


GOOD = {"version": 1, "made_from": "abc", "decisions": {"x-1-1": "accept"}}


@pytest.mark.parametrize(
    ("document", "match"),
    [
        ("{", "is no JSON file"),
        ("[]", r"expected \{\"version\": 1"),
        (json.dumps({**GOOD, "version": 2}), "has the version 2, and this release reads 1"),
        (json.dumps({**GOOD, "more": 1}), "expected"),
        (json.dumps({**GOOD, "made_from": None}), "expected"),
        (json.dumps({**GOOD, "decisions": {"x-1-1": "yes"}}), "row 'x-1-1': expected 'accept' or 'reject', got 'yes'"),
        (json.dumps({**GOOD, "decisions": {"x-1-1": ["accept"]}}), "expected 'accept' or 'reject'"),
        (json.dumps({**GOOD, "decisions": []}), "expected decisions by row id"),
    ],
)
def test_files_that_say_something_else_are_errors(tmp_path, document, match):
    (tmp_path / "d.json").write_text(document, encoding="utf-8")
    with pytest.raises((ValueError, TypeError), match=match):
        read_decisions(tmp_path / "d.json")


def test_a_file_is_read_and_belongs_to_its_rows(tmp_path):
    with pytest.raises(FileNotFoundError, match="there is no file"):
        read_decisions(tmp_path / "d.json")
    (tmp_path / "d.json").write_text(json.dumps(GOOD), encoding="utf-8")
    found = read_decisions(tmp_path / "d.json")
    assert found == Decisions("abc", {"x-1-1": "accept"})
    check_made_from(found, ["abc", "def"])
    with pytest.raises(ValueError, match="made from the rows 'abc', and this recipe's are 'def'"):
        check_made_from(found, ["def"])


# In a recipe

RECIPE = """
output: {folder}/out
data: {{path: {folder}/rows, test_split: null}}
augment: {{pipeline: [{{name: random_delete, rate: 0.4}}]}}
select: {{per_label: 30, oversample: 1, rounds: 4, length: null, near_duplicate: null, agreement: false, encoder: null}}
"""


@pytest.fixture
def recipe(tmp_path) -> str:
    tiny.write_rows(tmp_path / "rows", train=40)
    (tmp_path / "select.yaml").write_text(RECIPE.format(folder=tmp_path), encoding="utf-8")
    return str(tmp_path / "select.yaml")


def run(recipe: str, *overrides: str):
    loaded = load_recipe(recipe, overrides)
    record = start_record(loaded, recipe, list(overrides))
    return select_rows(loaded, augment(loaded, record), record)["train"], record.facts


def _loaded(recipe: str, *overrides: str):
    loaded = load_recipe(recipe, overrides)
    record = start_record(loaded, recipe, list(overrides))
    return loaded, augment(loaded, record), record


def command(*words: str) -> None:
    app([*words], standalone_mode=False)


@pytest.mark.slow
def test_decisions_are_carried_out_over_all_rounds(recipe, tmp_path, capsys):
    before, facts = run(recipe, "select.length=[0.2, 1]")
    assert len(facts["select"]["rounds"]) > 1
    settings = ("--set", "select.length=[0.2, 1]")
    ids = dict(zip(row_ids(before, "text"), before, strict=True))
    last = max(row["round"] for row in ids.values())
    kept = [name for name, row in ids.items() if row["selected"] and row["round"] == last]
    out = [name for name, row in ids.items() if row["dropped"] == "too short"]
    decisions = {kept[0]: "reject", out[0]: "accept"}
    for made_from in (facts["augment"]["made_from"], facts["select"]["made_from"]):
        document = {"version": 1, "made_from": made_from, "decisions": decisions}
        (tmp_path / "d.json").write_text(json.dumps(document), encoding="utf-8")
        command("select", recipe, *settings, "--decisions", str(tmp_path / "d.json"))
        assert "by hand:    1 accepted, 1 rejected" in capsys.readouterr().out
        splits = load_from_disk(str(tmp_path / "out" / "dataset"))
        found = {name: row for name, row in zip(row_ids(splits["train"], "text"), splits["train"], strict=True)}  # noqa: C416
        assert (found[kept[0]]["dropped"], found[kept[0]]["selected"]) == ("dropped by hand", False)
        assert (found[out[0]]["by_hand"], found[out[0]]["selected"]) == ("kept by hand", True)
        assert set(ids) <= set(found)
        assert splits["validation"].column_names == splits["train"].column_names
    again = select_rows(*_loaded(recipe, "select.length=[0.2, 1]"))["train"]
    assert again["selected"] == splits["train"]["selected"], "what a person decided outlives the next run"
    with pytest.warns(UserWarning, match="decides on the rows"):
        other = select_rows(*_loaded(recipe, "select.length=[0.3, 1]"))["train"]
    assert "by_hand" not in other.column_names
    (tmp_path / "out" / "decisions.json").unlink()
    command("select", recipe, *settings)
    again = load_from_disk(str(tmp_path / "out" / "dataset"))["train"]
    assert "by_hand" not in again.column_names
    assert again["selected"] == before["selected"]
    document["made_from"] = "0" * 64
    (tmp_path / "d.json").write_text(json.dumps(document), encoding="utf-8")
    with pytest.raises(ValueError, match="made from the rows '0000"):
        command("select", recipe, *settings, "--decisions", str(tmp_path / "d.json"))


@pytest.mark.slow
def test_rounds_even_classes_out(recipe):
    found, facts = run(recipe, "select.per_label=null", "select.balance=true", "data.shots_per_label=null")
    assert all(own["lacking"] == 0 for own in facts["select"]["labels"].values())
    kept = [row["label"] for row in found if row["selected"]]
    assert kept.count("negative") == kept.count("positive") == 20


@pytest.mark.slow
def test_the_generator_of_the_recipe_tells_likelihoods(recipe, tmp_path):
    text = RECIPE.format(folder=tmp_path) + 'train: {model: "embedded:generator", prompt: "{label}: {text}"}\n'
    (tmp_path / "select.yaml").write_text(text, encoding="utf-8")
    tiny.causal_lm(tmp_path / "out" / "generator")
    settings = ("select.likelihood.quantile=0.2", "select.per_label=null", "augment.copies=2")
    check_models(load_recipe(recipe, settings))
    found, facts = run(recipe, *settings)
    assert 10 <= facts["select"]["dropped"]["not likelier under its label"] <= 16
    tiny.causal_lm(tmp_path / "out" / "generator", seed=5)
    other, facts_of_other = run(recipe, *settings)
    assert facts_of_other["select"]["made_from"] != facts["select"]["made_from"]
    assert list(other["likelihood_ratio"]) != list(found["likelihood_ratio"])


def test_models_that_are_not_there_are_said_ahead(recipe, tmp_path):
    with pytest.raises(FileNotFoundError, match="nowhere"):
        check_models(load_recipe(recipe, ["select.toxicity={model: /nowhere, label: toxic}"]))
    with pytest.raises(FileNotFoundError, match="nowhere"):
        check_models(load_recipe(recipe, ["select.encoder=/nowhere"]))
    bag_of_words(tmp_path / "encoder", ["one"])
    check_models(load_recipe(recipe, [f"select.encoder={tmp_path}/encoder", "select.jaccard=0.8"]))
