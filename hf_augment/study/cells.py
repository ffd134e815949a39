"""One arm trained with one seed: what decides its result, and the file that holds it."""

import functools
import hashlib
import json
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

from hf_augment import __version__
from hf_augment.engine import resources
from hf_augment.record import read_json, write_json


class Cell:
    """
    A result that is trained once and then found on disk.

    Args:
        arm (`str`): The arm.
        seed (`int`): The seed.
        decided_by (`Mapping`): Whatever else decides the result, JSON-shaped. A change of it makes another cell.
        output (`Path`): The comparison's folder.
        saved (`bool`): Whether the trained model is kept, in `classifier`.
    """

    def __init__(self, arm: str, seed: int, decided_by: Mapping[str, Any], output: Path, saved: bool):
        self.arm, self.seed = arm, seed
        versions = {"hf_augment": __version__, "torch": _version("torch"), "transformers": _version("transformers")}
        self.key = digest({**decided_by, "arm": arm, "seed": seed, "versions": versions})
        self.file = output / "cells" / f"{arm}-seed{seed}-{self.key[:16]}.json"
        self.folder = output / "classifier" / arm if saved else None

    def finished(self) -> dict[str, Any] | None:
        """Return the result if it is on disk and, where its model is kept, that is there and unchanged."""
        found = read_json(self.file)
        if not isinstance(found, dict) or found.get("key") != self.key:
            return None
        kept = self.folder is None or found["model_identity"] == self._model_identity()
        return found["result"] if kept else None

    def finish(self, result: Mapping[str, Any]) -> dict[str, Any]:
        """Write the result, after the model that it speaks of, and return what was written."""
        kept = {name: value for name, value in result.items() if name != "model"}
        named = {"arm": self.arm, "seed": self.seed, "key": self.key, "model_identity": self._model_identity()}
        write_json(self.file, {**named, "result": kept})
        return kept

    def _model_identity(self) -> str | None:
        if self.folder is None:
            return None
        try:
            return resources.identity(str(self.folder / "model"))
        except FileNotFoundError:
            return "absent"


_version = functools.cache(version)  # each look takes milliseconds, and a study has thousands of cells


def digest(document: Any) -> str:
    """Return the SHA-256 of a JSON-shaped value."""
    return hashlib.sha256(json.dumps(document, sort_keys=True).encode()).hexdigest()
