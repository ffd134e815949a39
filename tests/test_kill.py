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
COMMIT_EVERY = 0.5 if KILLS > 3 else 0.02  # what a kill may cost has to fit into a short run


def count(file: Path) -> int:
    return sum(map(int, file.read_text().split())) if file.exists() else 0


def start(rows: Path, folder: Path, counts: Path) -> subprocess.Popen:
    environment = {
        **os.environ,
        "HF_AUGMENT_REMEMBER": "1",
        "HF_AUGMENT_CACHE": str(folder / "hf_augment"),
        "HF_DATASETS_CACHE": str(folder / "datasets"),
    }
    return subprocess.Popen(
        [sys.executable, "-m", "tests.killed_map", rows, folder / "out.json", counts, str(COMMIT_EVERY)],
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        cwd=Path(__file__).parent.parent,
        start_new_session=True,  # its workers are killed with it
    )


def kill_when_asked(process: subprocess.Popen, counts: Path, enough: int) -> None:
    while count(counts) < enough:
        try:
            _, said = process.communicate(timeout=0.005)
        except subprocess.TimeoutExpired:
            continue
        pytest.fail(f"it ended before it could be killed: {said.decode()[-2000:]}")
    os.killpg(process.pid, signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    process.stderr.close()


@pytest.mark.slow
def test_killed_again_and_again_it_ends_with_the_same_rows(tmp_path):
    rows = tmp_path / "rows.jsonl"
    texts = [f"{TEXTS[i % len(TEXTS)]} It was a long visit, number {i}." for i in range(ROWS)]
    rows.write_text("\n".join(json.dumps({"text": text}) for text in texts))
    for name in ("undisturbed", "killed"):
        (tmp_path / name).mkdir()
    whole = start(rows, tmp_path / "undisturbed", tmp_path / "whole")
    _, said = whole.communicate()
    assert whole.returncode == 0, said.decode()
    asked = count(tmp_path / "whole")
    assert asked >= ROWS
    for run in range(KILLS):
        counts = tmp_path / f"run-{run}"
        kill_when_asked(start(rows, tmp_path / "killed", counts), counts, asked // (KILLS + 2))
        assert not (tmp_path / "killed" / "out.json").exists()
    last = start(rows, tmp_path / "killed", tmp_path / "last")
    _, said = last.communicate()
    assert last.returncode == 0, said.decode()
    runs = [count(tmp_path / name) for name in (*(f"run-{run}" for run in range(KILLS)), "last")]
    print(f"rows asked of the model: {asked} undisturbed, {sum(runs)} in {KILLS} killed runs and the last one: {runs}")
    assert runs[-1] < asked
    first, second = (json.loads((tmp_path / name / "out.json").read_text()) for name in ("undisturbed", "killed"))
    assert len(first["text"]) > 1.9 * ROWS
    assert first == second
