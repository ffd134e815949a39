"""The record of a run: JSON facts, written down when they happen."""

import json
import os
import platform
import subprocess
import time
from contextlib import contextmanager
from importlib import metadata
from pathlib import Path
from typing import Any

SCHEMA = 1
_PACKAGES = (
    *("accelerate", "datasets", "evaluate", "hf-augment", "huggingface_hub", "numpy", "scikit-learn", "torch"),
    "transformers",
)


def write_json(path: Path, document: Any) -> None:
    """Write a JSON file so that a reader, or a kill, never meets half of it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    unfinished.write_text(json.dumps(document, indent=2, sort_keys=True, ensure_ascii=False) + "\n", encoding="utf-8")
    os.replace(unfinished, path)


def read_json(path: Path) -> Any:
    """Read a JSON file; `None` if it is absent or damaged."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None


class Record:
    """
    Facts about one run, kept in a file that is complete after every `add`.

    Args:
        path (`Path`): The JSON file. What an earlier run of the same recipe wrote stays until it is written anew.
    """

    def __init__(self, path: Path):
        self.path = path
        found = read_json(path)
        self.facts: dict[str, Any] = found if isinstance(found, dict) else {}
        self.facts["schema"] = SCHEMA

    def clear(self) -> None:
        """Forget all facts."""
        self.facts = {"schema": SCHEMA}

    def add(self, name: str, facts: Any) -> None:
        """Write facts under a name, replacing what stood there."""
        self.facts[name] = facts
        write_json(self.path, self.facts)

    @contextmanager
    def timed(self, step: str):
        """Note how long a step took, under `seconds`; it keeps the longest, since finding a result takes no time."""
        start = time.perf_counter()
        yield
        took = round(time.perf_counter() - start, 3)
        known = self.facts.get("seconds", {})
        self.add("seconds", {**known, step: max(took, known.get(step, 0.0))})


def environment() -> dict[str, Any]:
    """Return versions, hardware and, in a checkout, the git commit: what a reader needs to repeat a run."""
    import torch

    accelerators = [torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())]
    return {
        "python": platform.python_version(),
        "packages": {name: _version(name) for name in _PACKAGES},
        "git_commit": _git_commit(),
        "system": f"{platform.system()} {platform.machine()}",
        "cpus": os.cpu_count(),
        "accelerators": accelerators,
    }


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def _git_commit() -> str | None:
    checkout = Path(__file__).parent.parent
    if not (checkout / ".git").exists():
        return None
    command = ["git", "-C", str(checkout), "rev-parse", "HEAD"]
    try:
        return subprocess.run(command, check=False, capture_output=True, text=True, timeout=10).stdout.strip() or None
    except (OSError, subprocess.TimeoutExpired):
        return None
