"""The main job, end to end at toy size: what it leaves, what it does not do twice, what a kill costs."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from datasets import load_from_disk

from hf_augment import rounds
from hf_augment.run import run as run_recipe
from tests import tiny
from tests.test_readme import ROOT, SMALL
from tests.tiny_encoder import bag_of_words

pytestmark = pytest.mark.slow


KILLED = """
import os, signal, sys
from hf_augment import cli, run
from hf_augment.study.cells import Cell

def kill():
    os.kill(os.getpid(), signal.SIGKILL)

if sys.argv.pop(1) == "after the generator":
    run.augment = lambda *args: kill()
else:
    finish = Cell.finish
    Cell.finish = lambda *args: (finish(*args), kill())
cli.main()
"""


def start(folder: Path, *python: str) -> subprocess.CompletedProcess:
    words = [sys.executable, *(python or ("-m", "hf_augment.cli")), "run", "quickstart"]
    return subprocess.run(
        [*words, *(word for setting in SMALL for word in ("--set", setting))],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )


def finish(done: subprocess.CompletedProcess) -> str:
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout


@pytest.fixture(scope="module")
def done(tmp_path_factory) -> tuple[Path, str]:
    folder = tmp_path_factory.mktemp("run")
    out = finish(start(folder))
    return folder / "runs" / "quickstart", out


def facts(output: Path) -> dict:
    return json.loads((output / "record.json").read_text(encoding="utf-8"))


def test_it_says_where_everything_is(done):
    output, out = done
    for name in ("generator", "dataset", "classifier", "comparison.md", "comparison.png", "record.json"):
        assert f"runs/quickstart/{name}\n" in out
        assert (output / name).exists()
    assert "| augmented |" in out
    assert "{'loss'" not in out


def test_the_record_counts_what_the_dataset_holds(done):
    output, _ = done
    record, train = facts(output), load_from_disk(str(output / "dataset"))["train"]
    assert record["augment"]["rows"] == len(train)
    assert record["augment"]["rows_by"]["original"] == 12
    assert sum(record["augment"]["rows_by"].values()) == len(train)
    made = record["augment"]["rows_by"].get("generate", 0)
    assert (
        made + sum(record["augment"]["declined_by_reason"].values()) == 2 * 2 * 3
    )  # labels, wanted of each, oversample
    assert record["train"]["generator"] == record["augment"]["identity"]["transform"]["model"]
    assert record["data"]["splits"]["train"]["rows"] == 12
    assert record["recipe"]["set"] == SMALL
    assert set(record["seconds"]) == {"train", "augment", "select", "study"}
    assert record["environment"]["packages"]["datasets"]


def test_labels_and_originals_are_those_of_the_source(done):
    output, _ = done
    dataset = load_from_disk(str(output / "dataset"))
    assert {split: set(rows["augmented_by"]) for split, rows in dataset.items() if split != "train"} == {
        "validation": {"original"},
        "test": {"original"},
    }
    source = [json.loads(line) for line in (ROOT / "hf_augment/embedded/reviews/train.jsonl").read_text().splitlines()]
    known = {row["text"]: row["label"] for row in source}
    for row in dataset["train"]:
        assert (row["text"] in known) == (row["copy"] == 0)
        assert row["copy"] or known[row["text"]] == row["label"]


def test_a_second_run_does_nothing_again(done):
    output, out = done
    before = {file: file.stat().st_mtime_ns for file in output.rglob("*") if file.suffix in (".arrow", ".safetensors")}
    assert finish(start(output.parent.parent)) == out
    after = {file: file.stat().st_mtime_ns for file in output.rglob("*") if file.suffix in (".arrow", ".safetensors")}
    assert after == before


def test_killed_twice_it_ends_with_the_same_scores(done, tmp_path):
    output, _ = done
    killed = tmp_path / "runs" / "quickstart"
    for when in ("after the generator", "after a cell"):
        done = start(tmp_path, "-c", KILLED, when)
        assert done.returncode == -signal.SIGKILL, done.stderr[-3000:]
    assert len(list((killed / "cells").iterdir())) == 1
    finish(start(tmp_path))
    for run in (output, killed):
        assert (run / "comparison.json").exists()
    rows = [json.loads((run / "comparison.json").read_text())["rows"] for run in (output, killed)]
    assert rows[0] == rows[1]
    texts = [load_from_disk(str(run / "dataset"))["train"]["text"] for run in (output, killed)]
    assert texts[0] == texts[1]


# With a selection: rules instead of a generator, a tiny encoder, 20 originals of each label

SELECTED = """
# Deletes words, selects, compares.
output: {folder}/out
data: {{path: {folder}/rows, test_split: null}}
augment: {{pipeline: [{{name: random_delete, rate: 0.4}}]}}
select: {{per_label: 30, oversample: 1, rounds: 4, length: null, near_duplicate: null, encoder: {folder}/encoder}}
"""
QUOTA = 30


@pytest.fixture
def selecting(tmp_path) -> str:
    tiny.write_rows(tmp_path / "rows", train=40)
    bag_of_words(tmp_path / "encoder", [text for text, _ in tiny.ROWS])
    (tmp_path / "select.yaml").write_text(SELECTED.format(folder=tmp_path), encoding="utf-8")
    return str(tmp_path / "select.yaml")


def test_rounds_fill_the_quota_and_all_rows_stay(selecting, tmp_path):
    said: list[str] = []
    run_recipe(selecting, report=said.append)
    dataset = load_from_disk(str(tmp_path / "out" / "dataset"))
    train, report = dataset["train"], facts(tmp_path / "out")["select"]
    copies = train.filter(lambda row: row["augmented_by"] != "original")
    assert len(report["rounds"]) > 1
    assert set(copies["round"]) == set(range(1, len(report["rounds"]) + 1))
    assert len(set(zip(*(copies[name] for name in ("source_id", "round", "copy")), strict=True))) == len(copies)
    assert len(copies) == sum(facts["rows_by"]["random_delete"] for facts in report["rounds"])
    kept = copies.filter(lambda row: row["selected"])
    assert {label: kept["label"].count(label) for label in tiny.WORDS} == dict.fromkeys(tiny.WORDS, QUOTA)
    assert report["candidates"] == len(copies)
    assert f"{len(copies):8d} candidates written in {len(report['rounds'])} rounds" in said
    assert f"{2 * QUOTA:8d} kept" in said
    for reason, number in report["dropped"].items():
        assert f"{number:8d} dropped: {reason}" in said
        assert copies["dropped"].count(reason) == number
    originals = train.filter(lambda row: row["augmented_by"] == "original")
    source = [json.loads(line)["text"] for line in (tmp_path / "rows" / "train.jsonl").read_text().splitlines()]
    assert list(originals["text"]) == source
    assert set(originals["round"]) == {0}
    assert dataset["validation"].features == train.features
    assert set(dataset["validation"]["selected"]) == {True}
    assert set(facts(tmp_path / "out")["seconds"]) == {"augment", "select"}


def test_no_more_rounds_than_asked_and_what_is_lacking_is_said(selecting, tmp_path):
    said: list[str] = []
    run_recipe(selecting, ["select.rounds=1"], report=said.append)
    report = facts(tmp_path / "out")["select"]
    assert len(report["rounds"]) == 1
    lacking = {name: label["lacking"] for name, label in report["labels"].items()}
    assert max(lacking.values()) > 0
    for name, number in lacking.items():
        assert (f"{number:8d} lacking of the {QUOTA} wanted for {name!r}" in said) == (number > 0)


def stamps(folder: Path) -> dict[Path, int]:
    return {file: file.stat().st_mtime_ns for file in folder.rglob("*.arrow")}


def test_what_is_selected_is_not_selected_again_and_other_settings_ask_the_same_candidates(selecting, tmp_path):
    output, first, again = tmp_path / "out", [], []
    run_recipe(selecting, report=first.append)
    before = stamps(output)
    run_recipe(selecting, report=again.append)
    assert again == first
    assert stamps(output) == before
    run_recipe(selecting, ["select.agreement=false"], report=again.append)
    after = stamps(output)
    candidates = {file for file in after if file.is_relative_to(output / "candidates" / "round-1")}
    assert candidates
    assert all(after[file] == before[file] for file in candidates)
    assert any(after[file] != stamp for file, stamp in before.items() if file.is_relative_to(output / "dataset"))


def test_an_amount_that_is_stated_is_the_first_round(selecting, tmp_path):
    run_recipe(selecting, ["augment.copies=2", "select.per_label=null"], report=lambda line: None)
    report = facts(tmp_path / "out")["select"]
    assert len(report["rounds"]) == 1
    assert report["candidates"] == 80 - sum(facts(tmp_path / "out")["augment"]["declined_by_reason"].values())
    assert "lacking" not in report["labels"]["negative"]


def test_a_run_killed_between_rounds_writes_no_round_again(selecting, tmp_path, monkeypatch):
    run_recipe(selecting, ["output=" + str(tmp_path / "undisturbed")], report=lambda line: None)
    select, calls = rounds.select, []

    def killed(*args, **kwargs):
        calls.append(args)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return select(*args, **kwargs)

    monkeypatch.setattr(rounds, "select", killed)
    with pytest.raises(KeyboardInterrupt):
        run_recipe(selecting, report=lambda line: None)
    monkeypatch.setattr(rounds, "select", select)
    before = stamps(tmp_path / "out" / "candidates")
    assert {file.parent.name for file in before} >= {"round-2"}
    run_recipe(selecting, report=lambda line: None)
    after = stamps(tmp_path / "out" / "candidates")
    assert {file: after[file] for file in before} == before
    ends = [load_from_disk(str(tmp_path / name / "dataset"))["train"] for name in ("undisturbed", "out")]
    assert ends[0].to_list() == ends[1].to_list()


def test_the_classifier_sees_the_selected_rows_only(selecting, tmp_path):
    rows = tmp_path / "rows"
    (rows / "test.jsonl").write_text((rows / "validation.jsonl").read_text(encoding="utf-8"), encoding="utf-8")
    study = "study={seeds: [0], epochs: 1, evaluations: 1, metrics: [accuracy]}"
    run_recipe(
        selecting,
        ["data.test_split=test", study, "select.per_label=5", "select.oversample=2"],
        report=lambda line: None,
    )
    report = json.loads((tmp_path / "out" / "comparison.json").read_text(encoding="utf-8"))
    assert report["arms"]["gold"]["rows"] == 40
    assert report["arms"]["augmented"]["rows"] == 50
    kept = facts(tmp_path / "out")["select"]
    assert kept["kept"] == 10
    assert kept["candidates"] > 10
    assert set(kept["compared_with"]) == {"validation", "test"}


def test_an_encoder_that_is_not_there_is_said_before_anything_is_made(selecting, tmp_path):
    with pytest.raises(FileNotFoundError, match="nowhere"):
        run_recipe(selecting, [f"select.encoder={tmp_path}/nowhere"], report=lambda line: None)
    assert not (tmp_path / "out").exists()


def test_the_steps_one_by_one_end_where_the_run_does(selecting, tmp_path):
    def command(verb: str) -> subprocess.CompletedProcess:
        words = [sys.executable, "-m", "hf_augment.cli", verb, selecting]
        return subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=False)

    early = command("select")
    assert early.returncode == 2
    assert "does not hold the augmented rows of this recipe" in early.stderr
    assert "Run hf-augment augment first" in early.stderr
    for verb, place in (("augment", "candidates"), ("select", "dataset")):
        done = command(verb)
        assert done.returncode == 0, done.stderr
        assert f"out/{place}\n" in done.stdout
    assert " kept\n" in done.stdout
    run_recipe(selecting, ["output=" + str(tmp_path / "whole")], report=lambda line: None)
    ends = [load_from_disk(str(tmp_path / name / "dataset"))["train"] for name in ("out", "whole")]
    assert ends[0].to_list() == ends[1].to_list()
