"""The comparison for tasks other than classification, end to end on tiny rows."""

import json
import math
from dataclasses import replace

import pytest
from datasets import load_from_disk

from hf_augment import Augment, RandomDelete, RandomSwap, metrics
from hf_augment.blocks import StudyConfig
from hf_augment.classifiers.examples import Examples
from hf_augment.publish.pushing import push
from hf_augment.recipe import load_recipe
from hf_augment.rounds import WRITTEN, with_written
from hf_augment.run import run
from hf_augment.selection.by_hand import row_ids
from hf_augment.splits import make_splits
from hf_augment.studies import study
from hf_augment.study import paired, tables
from hf_augment.study.arms import make_arms
from hf_augment.study.comparison import compare
from hf_augment.study.plot import plot
from tests import tiny, tiny_tasks

SIZES = {"max_length": 64, "max_new_tokens": 12, "hidden_size": 8, "batch_size": 8}
CONFIG = StudyConfig(**SIZES, epochs=1, evaluations=1, seeds=(0, 1), learning_rate=0.01)
TASKS = sorted(set(metrics.OF_TASKS) - {"text-classification"})


@pytest.fixture(scope="module")
def settings(tmp_path_factory):
    encoder = str(tiny_tasks.encoder(tmp_path_factory.mktemp("encoder")))
    generator = str(tiny.causal_lm(tmp_path_factory.mktemp("generator"), prompt=None))
    of_task = {"translation": "seq2seq", "summarization": "seq2seq", "dialogue": generator}
    return {task: replace(CONFIG, classifier=of_task.get(task, encoder)) for task in TASKS}


def splits(task):
    gold = tiny_tasks.rows(task, 0, 12)
    written = gold.map(Augment(RandomSwap(rate=0.5), task=task, copies=1), batched=True)
    if "declined" in written.column_names and all(by == "original" for by in written["augmented_by"]):
        written = gold.map(Augment(RandomDelete(rate=0.5), task=task, copies=1), batched=True)
    return gold, written, tiny_tasks.rows(task, 24, 28), tiny_tasks.rows(task, 32, 36)


@pytest.mark.parametrize("task", TASKS)
def test_any_task_is_compared_with_and_without_augmented_rows(task, settings, tmp_path):
    found = compare(*splits(task), config=settings[task], output=tmp_path, task=task)
    report = found.report
    assert list(report["arms"]) == ["gold", "gold_matched", "duplicated", "augmented"]
    assert {row["metric"] for row in report["rows"]} == set(metrics.OF_TASKS[task])
    assert report["arms"]["augmented"]["rows"] == report["arms"]["duplicated"]["rows"] > 12
    assert f"{metrics.OF_TASKS[task][0]} " in found.reading
    assert task.capitalize() in found.to_markdown()
    assert all((folder / "config.json").exists() for folder in found.classifiers.values())
    plot(report, tmp_path / "comparison.png")
    assert (tmp_path / "comparison.png").stat().st_size > 1000
    cells = {file: file.stat().st_mtime_ns for file in (tmp_path / "cells").iterdir()}
    assert compare(*splits(task), config=settings[task], output=tmp_path, task=task).report == report
    assert {file: file.stat().st_mtime_ns for file in (tmp_path / "cells").iterdir()} == cells, (
        "nothing is trained twice"
    )


def test_the_tuned_arm_is_chosen_by_what_the_task_is_ranked_by(settings, tmp_path):
    config = replace(settings["question-answering"], seeds=(0,), tune_learning_rates=(0.001,))
    report = compare(*splits("question-answering"), config=config, output=tmp_path / "qa", task="question-answering")
    assert "gold_tuned" in report.report["arms"]
    assert "Validation f1 × 100" in report.to_markdown()
    config = replace(settings["translation"], seeds=(0,), tune_learning_rates=(0.001,))
    report = compare(*splits("translation"), config=config, output=tmp_path / "mt", task="translation")
    grid = report.report["tuning"]["grid"]
    losses = {name: point["validation"]["0"]["loss"] for name, point in grid.items()}
    assert report.report["tuning"]["chosen"]["0"] == min(losses, key=losses.get)
    assert "Validation loss. Bold: chosen for that seed (the lower the better)" in report.to_markdown()


# Rows


def test_rows_are_repeated_evenly_where_there_are_no_classes():
    gold = Examples([["q", f"c{n}"] for n in range(4)], [{"text": [], "answer_start": []}] * 4, 0)
    added = Examples([["q", "new"]] * 6, [{"text": [], "answer_start": []}] * 6, 0)
    arms = make_arms(gold, added, replace(CONFIG, classifier="any").for_task("question-answering"))
    repeated = [context for _, context in arms["duplicated"].rows.texts]
    assert sorted(repeated.count(f"c{n}") for n in range(4)) == [2, 2, 3, 3]


def test_originals_that_are_no_gold_rows_are_refused(settings, tmp_path):
    gold, written, validation, test = splits("question-answering")
    with pytest.raises(ValueError, match="of the 12 originals in augmented_train are not in gold_train"):
        compare(
            gold.select(range(8)), written, validation, test, output=tmp_path,
            config=settings["question-answering"], task="question-answering",
        )  # fmt: skip
    only_added = written.filter(lambda row: row["augmented_by"] != "original")
    with pytest.raises(ValueError, match="holds no originals, and rows for question-answering are not traced"):
        compare(
            gold, only_added, validation, test, output=tmp_path,
            config=settings["question-answering"], task="question-answering",
        )  # fmt: skip


def test_inputs_that_score_too_are_counted(settings, tmp_path):
    gold, written, validation, _ = splits("token-classification")
    found = compare(
        gold, written, validation, gold.select(range(3)), config=replace(settings["token-classification"], seeds=(0,)),
        output=tmp_path, task="token-classification",
    )  # fmt: skip
    assert found.report["overlaps"]["gold"] == {"rows": 12, "validation": 0, "test": 3}


def test_columns_may_be_called_otherwise(settings, tmp_path):
    gold, written, validation, test = (
        rows.rename_columns({"source": "english", "target": "german"}) for rows in splits("translation")
    )
    config = replace(settings["translation"], seeds=(0,))
    columns = {"source": "english", "target": "german"}
    found = compare(
        gold, written, validation, test, config=config, output=tmp_path, task="translation", columns=columns
    )
    assert found.report["evaluated_on"] == {"validation": 4, "test": 4}
    with pytest.raises(ValueError, match="needs a column for its 'source'"):
        compare(gold, written, validation, test, config=config, output=tmp_path, task="translation")


# Less is better


def scored(metric, **arms):
    return [
        {"arm": arm, "seed": seed, "metric": metric, "value": value}
        for arm, values in arms.items()
        for seed, value in enumerate(values)
    ]


def test_a_fall_of_perplexity_is_a_gain_and_a_rise_is_none():
    gold, low, high = [20.0, 21.0, 20.5], [15.1, 16.0, 15.4], [25.2, 26.0, 25.7]
    fell = paired.reading(paired.differences(scored("perplexity", gold=gold, augmented=low)), "perplexity", 3)
    assert fell.startswith("A gain against every control: perplexity -5.0 against gold (-5.")
    assert "(less is better, mean over 3 seeds" in fell
    assert "points" not in fell
    rose = paired.reading(paired.differences(scored("perplexity", gold=gold, augmented=high)), "perplexity", 3)
    assert rose.startswith("A loss against gold: perplexity +5.1")
    accuracy = [[value / 100 for value in values] for values in (gold, low)]
    fell = paired.reading(
        paired.differences(scored("accuracy", gold=accuracy[0], augmented=accuracy[1])), "accuracy", 3
    )
    assert fell.startswith("A loss against gold: accuracy -5.0")


def test_a_study_chooses_and_recommends_what_has_less_perplexity():
    def rows(method, arm, values):
        named = {"classifier": "lm", "shots": None, "method": method, "arm": arm, "metric": "perplexity", "seed": 0}
        return [named | {"split": split, "validation": value, "test": value} for split, value in enumerate(values)]

    control = rows(None, "gold_tuned", [20.0, 21.0, 22.0]) + rows(None, "gold", [21.0, 22.0, 23.0])
    duplicated = [row for name in ("good", "bad") for row in rows(name, "duplicated", [20.0, 21.5, 22.0])]
    scores = (
        control
        + duplicated
        + rows("good", "augmented", [15.0, 16.5, 17.1])
        + rows("bad", "augmented", [30.0, 31.5, 32.1])
    )
    differences = tables.differences(scores)
    counts = {
        (row["method"], row["against"]): (row["wins"], row["losses"], row["worst"]["split"]) for row in differences
    }
    assert counts["good", "gold_tuned"] == (3, 0, "1"), "the smallest fall is the worst"
    assert counts["bad", "gold_tuned"][:2] == (0, 3)
    [pick] = tables.chosen(scores, differences, "perplexity", {})
    assert pick["method"] == "good"
    verdict = tables.verdict([pick], differences, "perplexity", 3)
    assert verdict.startswith("Augment, for 1 of 1 settings (test perplexity (less is better)")
    bad = tables.verdict([{**pick, "method": "bad"}], differences, "perplexity", 3)
    assert bad.startswith("Do not augment")


def test_perplexity_is_written_as_it_is(settings, tmp_path):
    found = compare(*splits("dialogue"), config=settings["dialogue"], output=tmp_path, task="dialogue")
    mean = next(row["mean"] for row in found.report["table"] if (row["arm"], row["metric"]) == ("gold", "perplexity"))
    line = next(line for line in found.to_markdown().splitlines() if line.startswith("| gold |"))
    assert f"| {mean:.1f}" in line
    assert "(perplexity as it is; less is better)" in found.to_markdown()
    for row in found.report["rows"]:
        assert math.isfinite(row["value"])
    assert json.dumps(found.report, allow_nan=False)


# Recipes


RECIPE = """
output: {folder}/out
data: {{path: {folder}/rows, task: {task}}}
augment: {{pipeline: [{{name: {transform}, rate: 0.5}}], copies: 1{field}}}
study: {{classifier: {classifier}, hidden_size: 8, max_length: 64, max_new_tokens: 12, epochs: 1, evaluations: 1,
  batch_size: 8, seeds: [0]}}
"""
MANY = """
output: {folder}/study
data: {{path: {folder}/rows, task: {task}, validation_split: null, shots: 8, validation_share: 0.3}}
methods:
  swap: {{augment: {{pipeline: [{{name: random_swap, rate: 0.5}}]{field}}}}}
  case: {{augment: {{pipeline: [{{name: random_delete, rate: 0.3}}], copies: 2{field}}}}}
study: {{splits: 2, classifier: {classifier}, hidden_size: 8, max_length: 64, max_new_tokens: 12, epochs: 1,
  evaluations: 1, batch_size: 8, seeds: [0]}}
"""
FIELDS = {"question-answering": "context", "translation": "source", "summarization": "document", "dialogue": "user"}


def write(folder, task, settings, text):
    for name, edges in {"train": (0, 16), "validation": (16, 20), "test": (20, 24)}.items():
        (folder / "rows").mkdir(exist_ok=True)
        tiny_tasks.rows(task, *edges).to_json(folder / "rows" / f"{name}.jsonl")
    field = f", field: {FIELDS[task]}" if task in FIELDS else ""
    transform = "random_delete" if task == "token-classification" else "random_swap"
    known = {"folder": folder, "task": task, "classifier": settings[task].classifier, "field": field}
    (folder / "recipe.yaml").write_text(text.format(transform=transform, **known), encoding="utf-8")
    return str(folder / "recipe.yaml")


@pytest.mark.parametrize("task", TASKS)
def test_a_recipe_of_any_task_ends_in_a_comparison(task, settings, tmp_path):
    told = []
    recipe = run(write(tmp_path, task, settings, RECIPE), report=told.append)
    assert recipe.study.metrics == (metrics.OF_TASKS[task] if task != "text-classification" else ())
    assert (tmp_path / "out" / "comparison.md").exists()
    assert (tmp_path / "out" / "comparison.png").exists()
    assert metrics.OF_TASKS[task][0] in told[0]


@pytest.mark.parametrize("task", TASKS)
def test_a_study_of_any_task_ends_in_a_report(task, settings, tmp_path):
    found = study(write(tmp_path, task, settings, MANY), jobs=1, report=lambda line: None)
    assert found["metric"] == metrics.OF_TASKS[task][0]
    assert {row["method"] for row in found["differences"]} == {"swap", "case"}
    assert all(example["text"] for example in found["examples"])
    page, text = ((tmp_path / "study" / name).read_text(encoding="utf-8") for name in ("report.html", "study.md"))
    less = "less is better, so a gain is below zero"
    for written in (page, text):
        assert (less in written) == (task == "dialogue")


def test_a_study_shows_the_field_that_is_written_and_its_review_can_be_applied(settings, tmp_path):
    file = write(tmp_path, "question-answering", settings, MANY)
    method = "{augment: {pipeline: [{name: random_swap, rate: 0.5}]}, select: {encoder: null, near_duplicate: null, agreement: false}}"
    only = ["data.field=context", f"methods={{swap: {method}}}", "study.splits=1"]
    found = study(file, only, jobs=1, report=lambda line: None)
    assert all("lives in" in example["source"] for example in found["examples"]), "contexts, not questions"
    rows = load_from_disk(str(tmp_path / "study" / "shots-8" / "split-0" / "swap" / "dataset"))["train"]
    ids = [example["id"] for example in found["examples"]]
    assert len(set(ids)) == len(ids)
    recipe = load_recipe(found["review"]["recipe"])
    assert set(ids) <= set(row_ids(with_written(rows, recipe), WRITTEN))


def test_methods_that_write_different_fields_train_generators_of_their_own(settings, tmp_path):
    train = "train: {model: embedded:generator, prompt: '{history} {text}'}"
    methods = ", ".join(
        f"{name}: {{augment: {{pipeline: [{{name: generate}}]{field}}}, {train}}}"
        for name, field in {"user": "", "same": ", field: user", "reply": ", field: reply"}.items()
    )
    file = write(tmp_path, "dialogue", settings, MANY)
    [split, *_] = make_splits(load_recipe(file, [f"methods={{{methods}}}"]))
    steps = split.steps()
    assert [name for name, own in steps.items() if own.train is not None] == ["user", "reply"]
    assert steps["same"].augment.pipeline[0]["model"] == str(steps["user"].generator)


def test_what_a_recipe_of_another_task_cannot_have_is_said(settings, tmp_path):
    def message(**changes):
        file = write(tmp_path, "translation", settings, RECIPE)
        with pytest.raises((ValueError, TypeError)) as found:
            load_recipe(file, [f"{name.replace('__', '.')}={value}" for name, value in changes.items()])
        return str(found.value)

    assert "data: label: select.per_label needs the label column, got null" in message(select="{per_label: 3}")
    assert "data: label: augment.per_label needs the label column, got null" in message(
        augment="{pipeline: [{name: random_swap}], per_label: 3}"
    )
    assert "study: gate: is for classifiers, and the task is translation" in message(study__gate="{folds: 2}")
    assert "Write columns: {ROLE: source}" in message(data__text="source")
    assert "unknown task 'translate'. Did you mean 'translation'?" in message(data__task="translate")
    assert "study: metrics: unknown metric 'rouge'" in message(study__metrics="[rouge]")
    assert "'lstm' names classes, and the task is translation. Write 'seq2seq', or the" in message(
        study__classifier="lstm"
    )
    assert "study: task: got 'summarization', and data.task is 'translation'" in message(study__task="summarization")


def test_cards_are_of_classifiers(settings, tmp_path):
    file = write(tmp_path, "translation", settings, RECIPE)
    with pytest.raises(ValueError, match=r"cards are written of classifiers.*data.task is translation.*push_to_hub"):
        push(file, dry_run=True)
