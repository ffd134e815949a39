"""A module imports only from lower floors, and heavy packages only in the rooms that exist for them."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import hf_augment

PACKAGE = Path(__file__).parent.parent / "hf_augment"

FLOORS = {
    0: ["common_subsequence", "errors", "provenance", "publish.escape", "publish.retry", "record", "streams", "words"],
    1: [
        "engine.cache",
        "engine.digests",
        "extension",
        "fields",
        "labels",
        "metrics",
        "registry",
        "sentences",
    ],
    2: [
        *("batches", "blocks", "embedded", "engine.batching", "engine.checkpoints", "engine.prompt", "engine.store"),
        *("metrics.copy_rate", "metrics.distinct_n", "metrics.self_bleu"),
        *("metrics.type_token_ratio", "sources", "transform"),
    ],
    3: ["edits"],
    4: ["spans"],
    5: ["compose", "engine", "preprocess", "publish.block", "tasks", "windows"],
    6: [
        "base_model",
        "classifiers",
        "data",
        "launch",
        "masking",
        "model_transform",
        "publish.access",
        "publish.repository",
        "publish.spec",
        "recipe",
        "remembered",
        "streaming",
    ],
    7: [
        *("metrics.causal", "metrics.label_fidelity", "metrics.mauve", "metrics.novelty", "metrics.perplexity"),
        *("examples", "metrics.vendi_score", "transforms"),
    ],
    8: ["augment", "learners", "training"],
    9: ["planning", "saved", "selection"],
    10: ["apply", "study"],
    11: ["candidates"],
    12: ["rounds"],
    13: ["run"],
    14: ["splits"],
    15: ["forecast", "gated", "study_report"],
    16: ["studies"],
    17: ["publish"],
    18: ["cli"],
}
FLOOR = {room: floor for floor, rooms in FLOORS.items() for room in rooms}


def floor(module: str) -> int:
    parts = module.split(".")
    for length in range(len(parts), 0, -1):
        if ".".join(parts[:length]) in FLOOR:
            return FLOOR[".".join(parts[:length])]
    raise AssertionError(f"hf_augment.{module} stands on no floor: give it one in {__file__}")


def room(module: str) -> str:
    return module.split(".")[0]


def modules() -> dict[str, Path]:
    files = {file.relative_to(PACKAGE): file for file in PACKAGE.rglob("*.py")}
    return {
        ".".join(path.with_suffix("").parts).removesuffix(".__init__"): file
        for path, file in files.items()
        if str(path) != "__init__.py"
    }


def imported(file: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("hf_augment"):
            names = [f"{node.module}.{alias.name}" for alias in node.names]
            known = modules()
            found |= {name.removeprefix("hf_augment.") for name in names if name.removeprefix("hf_augment.") in known}
            if node.module != "hf_augment":
                found.add(node.module.removeprefix("hf_augment."))
        elif isinstance(node, ast.Import):
            found |= {
                alias.name.removeprefix("hf_augment.") for alias in node.names if alias.name.startswith("hf_augment.")
            }
    return found


@pytest.mark.parametrize("module", modules())
def test_imports_go_down(module):
    for other in imported(modules()[module]) - {module}:
        same_room = room(other) == room(module) and floor(other) == floor(module)
        assert floor(other) < floor(module) or same_room, (
            f"{module} (floor {floor(module)}) imports {other} (floor {floor(other)})"
        )


@pytest.mark.parametrize("name", hf_augment.__all__)
def test_no_public_name_is_a_module_too(name):
    """Importing `hf_augment.plan` would put the module where `from hf_augment import plan` looks for the function."""
    assert name not in modules()


HEAVY = {"torch", "transformers", "accelerate", "evaluate", "datasets", "sklearn", "matplotlib", "pyarrow", "pandas"}


@pytest.mark.parametrize(
    "code",
    [
        "import hf_augment",
        "import hf_augment.cli",
        "from hf_augment.registry import *; [transform_class(name) for name in TRANSFORMS]",
    ],
)
def test_the_way_in_is_light(code):
    check = f"{code}; import sys; print(sorted({HEAVY!r} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", check], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
