"""The main job, end to end at toy size: what it leaves, what it does not do twice, what a kill costs."""

import contextlib
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from datasets import load_from_disk

from tests.test_readme import ROOT, SMALL

pytestmark = pytest.mark.slow


def start(folder: Path, *settings: str) -> subprocess.Popen:
    sets = [word for setting in (*SMALL, *settings) for word in ("--set", setting)]
    return subprocess.Popen(
        [sys.executable, "-m", "hf_augment.cli", "run", "quickstart", *sets],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        start_new_session=True,
    )


def finish(process: subprocess.Popen) -> str:
    out, err = process.communicate()
    assert process.returncode == 0, err[-3000:]
    return out


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
    assert made + sum(record["augment"]["declined_by_reason"].values()) == 8
    assert record["train"]["generator"] == record["augment"]["identity"]["transform"]["model"]
    assert record["data"]["splits"]["train"]["rows"] == 12
    assert record["recipe"]["set"] == SMALL
    assert set(record["seconds"]) == {"train", "augment", "study"}
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
    for mark in (killed / "generator" / "training.json", killed / "cells"):
        process = start(tmp_path)
        while not (mark.exists() and (mark.is_file() or any(mark.iterdir()))):
            with contextlib.suppress(subprocess.TimeoutExpired):
                pytest.fail(f"ended before it could be killed: {process.communicate(timeout=0.05)}")
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
    finish(start(tmp_path))
    for run in (output, killed):
        assert (run / "comparison.json").exists()
    rows = [json.loads((run / "comparison.json").read_text())["rows"] for run in (output, killed)]
    assert rows[0] == rows[1]
    texts = [load_from_disk(str(run / "dataset"))["train"]["text"] for run in (output, killed)]
    assert texts[0] == texts[1]
