"""Functions of a test file that run in a process of their own, where the clients read `HF_ENDPOINT` anew."""

import importlib
import json
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent


def told(story: Callable[..., Any], environment: Mapping[str, str], *arguments: str) -> Any:
    """Run a function and return what it returns, which JSON can hold."""
    done = start(story, environment, *arguments)
    assert done.returncode == 0, done.stderr[-4000:]
    return json.loads(done.stdout.splitlines()[-1])


def start(story: Callable[..., Any], environment: Mapping[str, str], *arguments: str) -> subprocess.CompletedProcess:
    """Run a function and return how that ended."""
    return subprocess.run(
        [sys.executable, "-m", "tests.stories", story.__module__, story.__name__, *arguments],
        env=dict(environment),
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )


if __name__ == "__main__":
    print("\n" + json.dumps(getattr(importlib.import_module(sys.argv[1]), sys.argv[2])(*sys.argv[3:])))
