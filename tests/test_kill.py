"""Killed again and again, a run of a model transform goes on, and ends with the very rows of an undisturbed one."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.contract import TEXTS

KILLS = int(os.environ.get("KILLS", "3"))  # KILLS=20 pytest -s tests/test_kill.py for the long run
ROWS = 150 * (KILLS + 2)
COMMIT_EVERY = 0.5 if KILLS > 3 else 0.0  # what a kill may cost has to fit into a short run

IN_FLIGHT = 60  # rows: a batch of 512 tokens in each of two processes


def count(file: Path) -> int:
    return sum(map(int, file.read_text().split())) if file.exists() else 0


def run(rows: Path, folder: Path, counts: Path, enough: int = sys.maxsize) -> subprocess.CompletedProcess:
    """Map the rows in processes that are killed when the model was asked for enough of them."""
    environment = {
        **os.environ,
        "HF_AUGMENT_REMEMBER": "1",
        "HF_AUGMENT_CACHE": str(folder / "hf_augment"),
        "HF_DATASETS_CACHE": str(folder / "datasets"),
    }
    settings = [rows, folder / "out.json", counts, str(COMMIT_EVERY), str(enough)]
    return subprocess.run(
        [sys.executable, "-m", "tests.killed_map", *settings],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        cwd=Path(__file__).parent.parent,
        start_new_session=True,  # its processes are killed together, and nobody else with them
    )


@pytest.mark.slow
def test_killed_again_and_again_it_ends_with_the_same_rows(tmp_path):
    rows = tmp_path / "rows.jsonl"
    texts = [f"{TEXTS[i % len(TEXTS)]} It was a long visit, number {i}." for i in range(ROWS)]
    rows.write_text("\n".join(json.dumps({"text": text}) for text in texts))
    for name in ("undisturbed", "killed"):
        (tmp_path / name).mkdir()
    whole = run(rows, tmp_path / "undisturbed", tmp_path / "whole")
    assert whole.returncode == 0, whole.stderr
    asked = count(tmp_path / "whole")
    assert asked >= ROWS
    for number in range(KILLS):
        done = run(rows, tmp_path / "killed", tmp_path / f"run-{number}", asked // (KILLS + 2))
        assert done.returncode == -signal.SIGKILL, done.stderr
        assert not (tmp_path / "killed" / "out.json").exists()
    last = run(rows, tmp_path / "killed", tmp_path / "last")
    assert last.returncode == 0, last.stderr
    runs = [count(tmp_path / name) for name in (*(f"run-{number}" for number in range(KILLS)), "last")]
    print(f"rows asked of the model: {asked} undisturbed, {sum(runs)} in {KILLS} killed runs and the last one: {runs}")
    assert runs[-1] < asked
    if not COMMIT_EVERY:  # else what half a second wrote is lost, too
        assert sum(runs) - asked <= IN_FLIGHT * KILLS
    first, second = (json.loads((tmp_path / name / "out.json").read_text()) for name in ("undisturbed", "killed"))
    assert len(first["text"]) > 1.9 * ROWS
    assert first == second
