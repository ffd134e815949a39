"""Killed at random moments, a study loses no finished cell, and ends with the very table of an undisturbed one."""

import contextlib
import json
import os
import random
import select
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests import tiny_study

KILLS = int(os.environ.get("KILLS", "3"))  # KILLS=20 pytest -s tests/test_study_kill.py for the long run


class Forks:
    """The process that starts studies."""

    def __init__(self, recipe: str, output: Path):
        self.output = output
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.killed_study", recipe, str(output)],
            cwd=Path(__file__).parent.parent,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )

    def start(self) -> int:
        print("study.splits=2 study.classifiers.lstm.seeds=[0]", file=self.process.stdin, flush=True)
        return int(self.process.stdout.readline())

    def end(self) -> int:
        return int(self.process.stdout.readline().removeprefix("done "))

    def ended(self) -> bool:
        return bool(select.select([self.process.stdout], [], [], 0)[0])

    def files(self) -> int:
        """How far it is."""
        return sum(len(names) for _, _, names in os.walk(self.output))

    def moments(self, count: int, draws: random.Random) -> list[int]:
        """Draw moments of the run that has ended, as numbers of files that were there, in order."""
        written = sorted(file.stat().st_mtime for file in self.output.rglob("*") if file.is_file())
        times = [draws.uniform(written[0], written[-1]) for _ in range(count)]
        return sorted(sum(moment <= time for moment in written) for time in times)

    def cells(self) -> dict[str, int]:
        """The finished cells, and when each was written."""
        return {file.name: file.stat().st_mtime_ns for file in (self.output / "cells").glob("*.json")}

    def close(self) -> None:
        self.process.stdin.close()
        self.process.stdout.close()
        self.process.wait()


@pytest.mark.slow
def test_killed_at_random_moments_it_ends_in_the_same_table(tmp_path):
    recipe = tiny_study.write(tmp_path)
    undisturbed, killed = Forks(recipe, tmp_path / "undisturbed"), Forks(recipe, tmp_path / "killed")
    undisturbed.start()
    assert undisturbed.end() == 0, (tmp_path / "undisturbed.txt").read_text()
    whole = undisturbed.files()
    draws, finished, found = random.Random(0), {}, []
    # In order, or the first one that comes late would leave all others to the end of the study.
    moments = undisturbed.moments(KILLS, draws)
    while moments:
        before, later = killed.files(), draws.uniform(0, 0.2)
        child = killed.start()
        while killed.files() < moments[0] and not killed.ended():
            time.sleep(0.001)
        time.sleep(later)  # in the middle of something
        with contextlib.suppress(ProcessLookupError):
            os.kill(child, signal.SIGKILL)
        status, cells = killed.end(), killed.cells()
        assert cells.items() >= finished.items(), "a finished cell was lost or trained again"
        finished = cells
        if status == signal.SIGKILL:
            del moments[0]
            found.append((before, killed.files(), len(cells)))
        else:  # it had ended: the others begin anew
            assert status == 0, (tmp_path / "killed.txt").read_text()
            shutil.rmtree(tmp_path / "killed")
            finished = {}
    killed.start()
    assert killed.end() == 0
    assert killed.cells().items() >= finished.items()
    print(f"{KILLS} kills; files before and after, and cells: {found}; in the end {whole}, {len(killed.cells())}")
    ends = [json.loads((tmp_path / name / "study.json").read_text()) for name in ("undisturbed", "killed")]
    for end in ends:
        end["settings"].pop("set")
        end["review"].pop("recipe")
    assert tiny_study.without_seconds(ends[0]) == tiny_study.without_seconds(ends[1])
    undisturbed.close()
    killed.close()
