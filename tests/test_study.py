"""A study from its recipe to its report: what runs where, what is shared, what goes on, what is refused."""

import json
import re
from pathlib import Path

import pytest
import yaml

import hf_augment.classifiers
from hf_augment.cli import app
from hf_augment.recipe import load_recipe
from hf_augment.run import run
from hf_augment.splits import make_folds, make_splits, methods_of
from hf_augment.studies import study
from hf_augment.study.tuning import TUNED
from tests import tiny_study

ONE = """
seed: 5
output: OUT
data: {path: "rows/{split}", shots_per_label: 4, validation_shots_per_label: 4}
augment: {pipeline: [{name: random_swap}]}
study: {splits: 2, shots: [2, 3]}
"""
GENERATOR = "{model: embedded:generator, epochs: 1}"
SHARED = f"""
output: OUT
data: {{path: embedded:reviews}}
methods:
  plain: {{train: {GENERATOR}, augment: {{pipeline: [{{name: generate}}]}}}}
  other: {{train: {{model: embedded:generator, epochs: 2}}, augment: {{pipeline: [{{name: generate}}]}}}}
  select: {{train: {GENERATOR}, augment: {{pipeline: [{{name: generate}}]}}, select: {{per_label: 2}}}}
  masked: {{train: {{model: embedded:masked, objective: masked}}, augment: {{pipeline: [{{name: masked_lm}}]}}}}
study: {{}}
"""


def written(tmp_path, text):
    file = tmp_path / "a.yaml"
    file.write_text(text, encoding="utf-8")
    return str(file)


# Recipes


def test_a_split_is_the_recipe_with_another_seed_file_and_rows(tmp_path):
    splits = make_splits(load_recipe(written(tmp_path, ONE)))
    assert [(split.shots, split.number) for split in splits] == [(2, 0), (2, 1), (3, 0), (3, 1)]
    last = splits[-1].recipe
    assert (last.seed, last.data.path, last.output) == (6, "rows/1", str(Path("OUT/shots-3/split-1")))
    assert (last.data.shots_per_label, last.data.validation_shots_per_label) == (3, 3)
    assert list(splits[0].methods) == ["augmented"]
    whole = make_splits(load_recipe(written(tmp_path, ONE), ["data.validation_shots_per_label=null"]))
    assert whole[0].recipe.data.validation_shots_per_label is None
    alone = make_splits(load_recipe(written(tmp_path, ONE), ["study.shots=[]"]))
    assert [split.shots for split in alone] == [4, 4]


def test_methods_ask_the_generator_that_they_train_and_share_it(tmp_path):
    (split,) = make_splits(load_recipe(written(tmp_path, SHARED)))
    steps = split.steps()
    asked = {name: steps[name].transform().model for name in steps}
    own = {name: str(Path(f"OUT/shots-all/split-0/{name}/generator")) for name in steps}
    assert asked == {**own, "select": own["plain"]}
    assert [name for name, recipe in steps.items() if recipe.train is None] == ["select"]


BAD = {
    "a method's unknown key": (
        "methods={a: {augmment: {}}}",
        r"methods\.a: unknown key 'augmment'. Did you mean 'augment'",
    ),
    "a method without augment": ("methods={a: {select: {}}}", r"methods\.a: the key 'augment' is missing"),
    "an option of the controls": (
        "methods={a: {augment: {pipeline: [{name: eda}]}, study: {learning_rate: 1}}}",
        r"unknown option of augmented rows 'learning_rate'",
    ),
    "a method's bad transform": (
        "methods={a: {augment: {pipeline: [{name: edda}]}}}",
        r"methods: a: unknown transform 'edda'. Did you mean 'eda'",
    ),
    "a method that trains the wrong kind": (
        f"methods={{a: {{train: {GENERATOR}, augment: {{pipeline: [{{name: masked_lm}}]}}}}}}",
        r"'masked_lm' names no model, and what the recipe trains has the objective 'causal'",
    ),
    "a method that is no folder": ("methods={'../a': {augment: {pipeline: [{name: eda}]}}}", r"is to name a folder"),
    "no methods": ("methods={}", r"methods: expected at least one"),
    "steps beside methods": (
        "augment={pipeline: [{name: eda}]}",
        r"methods: each has blocks of its own. Move 'augment'",
    ),
    "no splits": ("study.splits=0", r"study: splits: expected at least 1, got 0"),
    "equal shots": ("study.shots=[5, 5]", r"study: shots: expected different numbers"),
    "a classifier's unknown key": (
        "study.classifiers={a: {epoch: 1}}",
        r"study: classifiers: a: unknown key 'epoch'. Did you mean 'epochs'",
    ),
    "a classifier's bad value": ("study.classifiers={a: {epochs: -1}}", r"study: classifiers: a: epochs: expected"),
    "a classifier's splits": ("study.classifiers={a: {splits: 2}}", r"'splits' is of the study as a whole"),
    "a classifier that is no name": ("study.classifiers={'../a': {}}", r"classifiers: '../a' is to name files"),
    "a classifier's metrics": ("study.classifiers={a: {metrics: [f1]}}", r"'metrics' is of the study as a whole"),
    "a method that is the gate's": (
        "methods={search: {augment: {pipeline: [{name: eda}]}}}",
        r"'search' is what the gate calls its own choice",
    ),
    "a method's bad option": (
        "methods={a: {augment: {pipeline: [{name: eda}]}, study: {two_stage: 5}}}",
        r"methods: a: study: two_stage: expected a number from 0.01",
    ),
    "a method's option of another kind": (
        "methods={a: {augment: {pipeline: [{name: eda}]}, study: {synthetic_weight: high}}}",
        r"methods: a: study: synthetic_weight: expected float, got 'high'",
    ),
    "a gate of one fold": ("study.gate={folds: 1}", r"study: gate: folds: expected a number from 2"),
    "a gate's unknown measure": ("study.gate={measure: f1}", r"measure: expected one of \['accuracy'"),
    "a share above one": ("study.two_stage=2", r"study: two_stage: expected a number from 0.01"),
    "a schedule of nothing": ("study.schedule_steps=0", r"study: schedule_steps: expected at least 1"),
}


@pytest.mark.parametrize("kind", BAD)
def test_a_bad_recipe_gets_one_message_that_names_the_key(kind, tmp_path):
    override, message = BAD[kind]
    with pytest.raises((ValueError, TypeError)) as caught:
        load_recipe(written(tmp_path, SHARED), [override])
    assert re.search(message, str(caught.value)), str(caught.value)


@pytest.mark.parametrize(
    ("recipe", "change", "named"),
    [
        (SHARED, "seed=0", "methods"),
        (ONE, "seed=0", r"study\.splits"),
        (ONE, "study={}", r"data\.path with \{split\}"),
        (ONE, "study={classifiers: {a: {}}}", r"study\.classifiers"),
        (ONE, "study={gate: {}}", r"study\.gate"),
    ],
    ids=["methods", "splits", "files", "classifiers", "gate"],
)
def test_run_tells_to_use_study(recipe, change, named, tmp_path):
    with pytest.raises(ValueError, match=rf"{named} .*Write hf-augment study "):
        run(written(tmp_path, recipe), [change], report=lambda line: None)


def test_settings_of_classifiers_are_those_of_the_study_with_their_own():
    from hf_augment.blocks import StudyConfig

    several = StudyConfig(epochs=3, seeds=(4,), classifiers={"a": {}, "b": {"epochs": "1e1", "seeds": [1, 2]}})
    found = several.each()
    assert (found["a"].epochs, found["a"].seeds) == (3, (4,))
    assert (found["b"].epochs, found["b"].seeds) == (10.0, (1, 2))
    assert StudyConfig(classifier="some/model").each().keys() == {"model"}


# A whole study, with trainings that take no time


@pytest.fixture(scope="module")
def recipe(tmp_path_factory):
    return tiny_study.write(tmp_path_factory.mktemp("study"))


@pytest.fixture
def trainings(monkeypatch):
    """Stands in for the training of the LSTM: what it finds depends on rows, steps, rate and seed alone."""
    import hashlib

    real, calls = hf_augment.classifiers.train_classifier, []

    def train(train, validation, test, *, config, seed, max_steps, per_row, **options):
        calls.append((config.classifier, len(train), max_steps, config.learning_rate, seed))
        if config.classifier == "features":
            own = {"config": config, "seed": seed, "max_steps": max_steps, "per_row": per_row}
            return real(train, validation, test, **own, **options)
        content = f"{train['text'][:]} {test['text'][:]} {calls[-1]}".encode()
        draw = hashlib.sha256(content).digest()
        scores = {"accuracy": draw[0] / 255, "loss": 1.0}
        found = {"validation": {"accuracy": draw[1] / 255, "loss": 1.0}, "test": scores, "best_step": 1}
        rows = [[byte % 2, byte / 255] for byte in draw[: len(test)]]
        found["history"] = [{"step": 1, **found["validation"]}]
        return {**found, "seconds": 0.5, "steps": max_steps, **({"test_rows": rows} if per_row else {})}

    monkeypatch.setattr(hf_augment.classifiers, "train_classifier", train)
    return calls


def carry_out(recipe, output, *changes):
    said = []
    found = study(recipe, [f"output={output}", *changes], 1, report=said.append)
    return found, said


def test_a_study_from_recipe_to_report(recipe, trainings, tmp_path):
    found, said = carry_out(recipe, tmp_path / "out")
    assert found == json.loads((tmp_path / "out" / "study.json").read_text())
    lstm = {(row["method"], row["arm"]) for row in found["scores"] if row["classifier"] == "lstm"}
    own = {(method, arm) for method in ("swap", "delete") for arm in ("gold_matched", "duplicated", "augmented")}
    assert lstm == {(None, "gold"), (None, TUNED)} | own
    features = {(row["method"], row["arm"]) for row in found["scores"] if row["classifier"] == "features"}
    assert features == {pair for pair in lstm if pair[1] != "gold_matched"}
    assert len(found["scores"]) == 3 * (2 * len(lstm) + len(features))
    rows = {(row["method"], row["arm"]): row["rows"] for row in found["table"] if row["classifier"] == "lstm"}
    assert rows[None, "gold"] == rows[None, TUNED] == rows["swap", "gold_matched"] == 10
    assert rows["swap", "augmented"] == rows["swap", "duplicated"] == 10 + found["methods"]["swap"]["rows_added"]
    assert {row["against"] for row in found["differences"] if row["classifier"] == "features"} == {
        "gold",
        "duplicated",
        TUNED,
    }
    assert found["settings"]["shots"] == [5]
    assert found["selection"]["delete"]["rows"]["gold"] == 10
    assert found["overlaps"]["swap"]["rows"] == 3 * found["methods"]["swap"]["rows_added"]
    assert {cost["what"] for cost in found["cost"]} == {
        "augment",
        "select",
        "classifier lstm",
        "classifier features",
    }
    assert {example["method"] for example in found["examples"]} == {"swap", "delete"}
    assert found["verdict"] in said
    assert any(line.startswith("generation: 2 methods (swap, delete) on 3 splits; 0 of 3 on disk") for line in said)
    assert any(re.match(r"classifier lstm: \d+ cells, 0 on disk, the rest about \d+ s", line) for line in said)


def test_equal_cells_are_trained_once_and_nothing_twice(recipe, trainings, tmp_path):
    first, _ = carry_out(recipe, tmp_path / "out")
    cells = list((tmp_path / "out" / "cells").glob("*.json"))
    probes = 4  # of the LSTM, before there is anything to measure by
    lstm = [call for call in trainings if call[0] == "lstm"]
    assert len(cells) == len(lstm) - 2 * probes + sum(call[0] == "features" for call in trainings)
    gold = 2 * 2  # rates, and steps for 10, 20 and 30 rows: what `gold_tuned` chooses from, `gold` and `gold_matched`
    assert sum(file.name.startswith("lstm-") for file in cells) == 3 * 2 * (gold + 2 * 2)
    del trainings[:]
    again, said = carry_out(recipe, tmp_path / "out")
    assert not trainings
    assert again == first
    assert any("3 of 3 on disk" in line for line in said)


def test_more_splits_train_only_what_is_new(recipe, trainings, tmp_path):
    carry_out(recipe, tmp_path / "out", "study.splits=1")
    before = {file: file.stat().st_mtime_ns for file in (tmp_path / "out").rglob("cells/*.json")}
    found, _ = carry_out(recipe, tmp_path / "out", "study.splits=2")
    assert {file: file.stat().st_mtime_ns for file in before} == before
    assert found["settings"]["splits"] == [0, 1]


def test_each_method_leaves_a_recipe_that_runs_alone(recipe, trainings, tmp_path):
    carry_out(recipe, tmp_path / "out", "study.splits=1")
    folder = tmp_path / "out" / "shots-5" / "split-0" / "delete"
    own = load_recipe(str(folder / "recipe.yaml"))
    assert own.output == str(folder)
    assert own.study is None
    assert yaml.safe_load((folder / "recipe.yaml").read_text())["select"]["agreement"] is False
    before = {file: file.stat().st_mtime_ns for file in folder.rglob("*.arrow")}
    run(str(folder / "recipe.yaml"), report=lambda line: None)
    assert {file: file.stat().st_mtime_ns for file in folder.rglob("*.arrow")} == before


def test_options_of_a_method_are_those_of_its_augmented_arm(recipe, trainings, tmp_path, monkeypatch):
    seen, train = [], hf_augment.classifiers.train_classifier

    def noted(*splits, config, added, **options):
        seen.append((config.synthetic_weight, added))
        return train(*splits, config=config, added=added, **options)

    monkeypatch.setattr(hf_augment.classifiers, "train_classifier", noted)
    changes = (
        "study.splits=1",
        "methods.swap.study={synthetic_weight: 0.5}",
        "study.classifiers={lstm: {seeds: [0]}}",
    )
    found, _ = carry_out(recipe, tmp_path / "out", *changes)
    added = int(found["methods"]["swap"]["rows_added"])
    assert {pair for pair in seen if pair[1]} == {(0.5, added), (1.0, int(found["methods"]["delete"]["rows_added"]))}
    assert (0.5, 0) not in seen


def test_the_gate_runs_the_pipelines_without_the_rows_that_it_holds_out(recipe, trainings, tmp_path):
    from datasets import load_from_disk

    found, _ = carry_out(recipe, tmp_path / "out", "study.splits=1", "study.gate={folds: 2, repeats: 2}")
    parts = sorted((tmp_path / "out" / "shots-5" / "split-0" / "folds").glob("repeat-*/fold-*"))
    assert len(parts) == 4
    for part in parts:
        data = load_from_disk(str(part / "data"))
        assert len(data["train"]) + len(data["validation"]) + len(data["test"]) == 16
        for method in ("swap", "delete"):
            written = load_from_disk(str(part / method / "dataset"))["train"]
            assert len(written) > len(data["train"])
            originals = written.filter(lambda row: row["augmented_by"] == "original")
            assert originals["text"][:] == data["train"]["text"][:]
            assert not set(originals["text"]) & set(data["test"]["text"])
    entries = {(row["classifier"], row["method"]): row for row in found["gate"]}
    assert entries.keys() == {(name, own) for name in ("lstm", "features") for own in ("swap", "delete", "search")}
    means = {(row["classifier"], row["method"]): row for row in found["differences"] if row["against"] == TUNED}
    for (name, method), row in entries.items():
        gains = {split: own["test_gain"] for split, own in row["by_split"].items()}
        assert row["augmented_in"] == sum(own["augment"] for own in row["by_split"].values())
        gated = [gain if row["by_split"][split]["augment"] else 0 for split, gain in gains.items()]
        assert row["mean_against_tuned"] == pytest.approx(sum(gated))
        if method != "search":
            assert gains == pytest.approx(means[name, method]["by_split"])
            assert {own["rows"] for own in row["by_split"].values()} == {16}
    for pick in found["chosen"]:
        assert pick["by"] == "folds"


def test_nothing_written_is_no_augmentation(recipe, trainings, tmp_path):
    """A selection that lets nothing pass must not stop the other splits."""
    change = "methods.delete.select.length=[0.0, 0.0001]"
    refuse = "methods.delete.augment={pipeline: [{name: random_delete, rate: 1.0}], copies: 1}"
    found, _ = carry_out(recipe, tmp_path / "out", "study.splits=1", change, refuse)
    assert found["methods"]["delete"]["rows_added"] == 0
    (row,) = [
        row
        for row in found["differences"]
        if (row["classifier"], row["method"], row["against"]) == ("features", "delete", TUNED)
    ]
    assert row["mean"] == 0


def test_folds_keep_the_roles_of_the_rows(recipe, tmp_path):
    (split, *_) = make_splits(load_recipe(recipe, [f"output={tmp_path / 'out'}"]))
    gold = split.data()
    for part in make_folds(split, 3, 1):
        data = part.data()
        texts = {
            role: [gold[role]["text"][place.row] for place in part.held_out if place.split == role] for role in gold
        }
        assert data["test"]["text"][:] == [*texts["train"], *texts["validation"]]
        for role in ("train", "validation"):
            assert data[role]["text"][:] == [text for text in gold[role]["text"] if text not in texts[role]]
            assert data[role].features == gold[role].features


def test_what_is_missing_is_said_before_anything_is_made(recipe, tmp_path):
    def refused(*changes):
        with pytest.raises((ValueError, FileNotFoundError)) as caught:
            carry_out(recipe, tmp_path / "out", *changes)
        assert not (tmp_path / "out").exists()
        return str(caught.value)

    assert "nowhere" in refused("study.classifiers={a: {classifier: ./nowhere}}")
    assert "nowhere" in refused("methods.delete.select.encoder=./nowhere")
    assert "test_split" in refused("data.test_split=null")
    assert "has no 'study' block" in refused("study=null")


def test_the_pages_are_written(recipe, trainings, tmp_path):
    pytest.importorskip("hf_augment.study.page")
    pytest.importorskip("hf_augment.study.study_markdown")
    found, _ = carry_out(recipe, tmp_path / "out", "study.splits=2")
    for name in ("study.md", "report.html"):
        assert "swap" in (tmp_path / "out" / name).read_text(encoding="utf-8")
    assert methods_of(load_recipe(recipe)).keys() == found["methods"].keys()


def test_equal_splits_are_refused(recipe, trainings, tmp_path):
    """The same rows three times are one observation, and would get an interval as if they were three."""
    change = ("data.shots_per_label=null", "data.validation_shots_per_label=null")
    with pytest.raises(ValueError, match=r"the splits 0 and 1 have the very same training and validation rows"):
        carry_out(recipe, tmp_path / "out", *change, "study.splits=2")
    carry_out(recipe, tmp_path / "out", *change, "study.splits=1")


def test_a_gate_with_nothing_to_hold_out_is_refused(recipe, trainings, tmp_path):
    change = ("data.shots_per_label=1", "data.validation_shots_per_label=1", "study.splits=1", "study.gate={folds: 5}")
    with pytest.raises(ValueError, match="a split has too few"):
        carry_out(recipe, tmp_path / "out", *change)


def test_a_shared_generator_tells_likelihoods_too(recipe):
    train, augment = "{model: embedded:generator, max_steps: 2}", "{pipeline: [{name: generate}]}"
    likelihood = f"{{train: {train}, augment: {augment}, select: {{likelihood: {{quantile: 0.2}}}}}}"
    (split, *_) = make_splits(
        load_recipe(recipe, [f"methods={{one: {{train: {train}, augment: {augment}}}, two: {likelihood}}}"])
    )
    steps = split.steps()
    assert steps["two"].train is None
    assert steps["two"].select.likelihood.model == str(steps["one"].generator)


def test_decisions_by_hand_outlive_the_next_study(recipe, trainings, tmp_path):
    found, _ = carry_out(recipe, tmp_path / "out", "study.splits=1")
    shown = next(row for row in found["examples"] if row["method"] == "delete" and row["kept"])
    document = {
        "version": 1,
        "made_from": found["review"]["made_from"],
        "decisions": {shown["id"]: "reject"},
    }
    (tmp_path / "decisions.json").write_text(json.dumps(document), encoding="utf-8")
    app(["select", found["review"]["recipe"], "--decisions", str(tmp_path / "decisions.json")], standalone_mode=False)
    again, _ = carry_out(recipe, tmp_path / "out", "study.splits=1")
    assert again["methods"]["delete"]["rows_added"] == found["methods"]["delete"]["rows_added"] - 1
    assert again["selection"]["delete"]["dropped"]["dropped by hand"] == 1
    with pytest.raises(ValueError, match="select by that"):
        app(["select", recipe, "--decisions", str(tmp_path / "decisions.json")], standalone_mode=False)


def test_no_encoder_where_none_is_needed(recipe, trainings, tmp_path):
    found, _ = carry_out(recipe, tmp_path / "out", "study.splits=1", "methods.delete.select.encoder=null")
    assert found["methods"]["delete"]["rows_added"] > 0


@pytest.mark.slow
def test_two_jobs_find_what_one_finds(recipe, tmp_path):
    settings = ("study.splits=1", "study.classifiers.lstm.seeds=[0]")
    alone, _ = carry_out(recipe, tmp_path / "alone", *settings)
    several = study(recipe, [f"output={tmp_path / 'several'}", *settings], 2, report=lambda line: None)
    for found in (alone, several):
        found["settings"].pop("set")
        found["review"].pop("recipe")
    assert tiny_study.without_seconds(alone) == tiny_study.without_seconds(several)


@pytest.mark.slow
def test_two_methods_of_a_split_train_their_generator_once(trainings, tmp_path):
    generate = "{pipeline: [{name: generate, max_new_tokens: 8, allow_unfinished: true}], copies: 1}"
    train = "{model: embedded:generator, max_steps: 2, max_length: 32}"
    select = "{likelihood: {quantile: 0.2}, near_duplicate: null, agreement: false, encoder: null}"
    text = f"""
output: {tmp_path}/out
data: {{path: embedded:reviews, shots_per_label: 3, validation_shots_per_label: 3, test_shots_per_label: 3}}
methods:
  one: {{train: {train}, augment: {generate}}}
  two: {{train: {train}, augment: {generate}, study: {{two_stage: 0.5}}}}
  three: {{train: {train}, augment: {generate}, select: {select}}}
study: {{seeds: [0], epochs: 1, evaluations: 1, metrics: [accuracy]}}
"""
    found = study(written(tmp_path, text), [], 1, report=lambda line: None)
    folder = tmp_path / "out" / "shots-3" / "split-0"
    assert (folder / "one" / "generator" / "training.json").is_file()
    assert not (folder / "two" / "generator").exists()
    assert found["methods"]["one"]["rows_added"] == found["methods"]["two"]["rows_added"] > 0
    assert {(row["what"], row["method"]) for row in found["cost"] if row["method"]} == {
        ("train generator", "one"),
        ("augment", "one"),
        ("augment", "two"),
        ("augment", "three"),
        ("select", "three"),
    }
    steps = json.loads((folder / "one" / "record.json").read_text())["steps"]
    study(written(tmp_path, text), [], 1, report=lambda line: None)
    assert json.loads((folder / "one" / "record.json").read_text())["steps"] == steps  # not those of looking
