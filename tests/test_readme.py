"""The README keeps its word: its code runs, its commands work, its table is complete."""

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from hf_augment.metrics import METRICS
from hf_augment.registry import TRANSFORMS, transform_class

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
YAML = re.findall(r"```yaml\n(.*?)```", README, re.DOTALL)
BLOCKS = re.findall(r"<!-- run -->\n```python\n(.*?)```(?:\n\n```text\n(.*?)```)?", README, re.DOTALL)


def run(command: list[str], folder: Path) -> subprocess.CompletedProcess:
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, env=environment)


@pytest.mark.parametrize("block", range(len(BLOCKS)))
def test_examples_run_and_print_what_they_say(block, tmp_path):
    code, expected = BLOCKS[block]
    (tmp_path / "example.py").write_text(code, encoding="utf-8")
    done = run([sys.executable, "example.py"], tmp_path)
    assert done.returncode == 0, done.stderr
    assert not expected or done.stdout == expected


def test_the_table_is_what_the_registry_says(tmp_path):
    script = ROOT / "scripts" / "transform_table.py"
    done = run([sys.executable, str(script), "--check"], tmp_path)
    assert done.returncode == 0, f"{done.stderr}{script.relative_to(ROOT)} writes the table anew."
    table = README.partition("<!-- transforms: ")[2].partition("<!-- /transforms -->")[0]
    for name in TRANSFORMS:
        cls = transform_class(name)
        first = cls.__doc__.strip().splitlines()[0].replace("|", "\\|")
        (row,) = re.findall(rf"^\| `{name}` \| .+$", table, re.MULTILINE)
        assert row.startswith(f"| `{name}` | {cls.__name__} | {first} | {cls.needs} | ")
        assert re.fullmatch(r"–|[\d,.]+", row.split("|")[-2].strip())


def test_links_lead_somewhere():
    for target in re.findall(r"\]\((?!https?://)([^)#]+)\)", README):
        assert (ROOT / target).exists(), target
    assert re.findall(r"\]\((recipes/[\w.-]+\.png)\)", README), "the picture of the result"


@pytest.mark.slow
def test_the_recipe_of_your_own_works(tmp_path):
    (tmp_path / "mine.yaml").write_text(YAML[0], encoding="utf-8")
    rows = [
        f"a {word} day at the {place},{stars}" for word, stars in (("bad", 1), ("good", 5)) for place in "abcdefgh"
    ]
    (tmp_path / "mine.csv").write_text("\n".join(["review,stars", *rows]), encoding="utf-8")
    command = [sys.executable, "-m", "hf_augment.cli", "augment", "mine.yaml", "--set", "study=null"]
    done = run(command, tmp_path)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "runs" / "mine" / "dataset").is_dir()


@pytest.mark.slow
def test_the_study_of_your_own_works(tmp_path):
    (tmp_path / "study.yaml").write_text(YAML[1], encoding="utf-8")
    for name, start in (("train", 0), ("test", 40)):
        rows = [
            f"day {i} was {word},{label}"
            for i in range(start, start + 20)
            for word, label in (("bad", 0), ("fine", 1))
        ]
        (tmp_path / "mydata").mkdir(exist_ok=True)
        (tmp_path / "mydata" / f"{name}.csv").write_text("\n".join(["text,label", *rows]), encoding="utf-8")
    small = ["data.shots_per_label=8", "data.validation_shots_per_label=4", "data.validation_split=null"]
    small += ["data.validation_share=0.3", "study.splits=1", "study.epochs=1", "methods.masked.select.per_label=2"]
    small += ["study.evaluations=1", "study.gate.folds=2", "study.hidden_size=8"]
    command = [sys.executable, "-m", "hf_augment.cli", "study", "study.yaml"]
    done = run(command + [word for setting in small for word in ("--set", setting)], tmp_path)
    assert done.returncode == 0, done.stderr[-3000:]
    assert {path.name for path in (tmp_path / "runs/study").iterdir()} >= {"report.html", "study.md", "gated"}
    assert "train lstm (gold" in done.stdout


def test_all_metrics_and_recipes_are_named():
    for name in METRICS:
        assert f"`{name}`" in README, name
    named = [re.escape(word).replace(r"\*", ".*") for word in re.findall(r"`([\w*-]+\.yaml)`", README)]
    for file in (ROOT / "recipes").glob("*.yaml"):
        assert any(re.fullmatch(pattern, file.name) for pattern in named), file.name


def test_ci_runs_the_two_commands():
    script = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    for mark in ("main-job", "tests"):
        assert f"<!-- {mark} -->\n```bash\n" in README
        assert f"command_after {mark}" in script


COMMANDS = list(re.findall(r"\| `((?:hf-augment|accelerate launch) [^`]+)` \|", README))
SMALL = [
    "data.shots_per_label=6",
    "data.validation_shots_per_label=6",
    "data.test_shots_per_label=6",
    "train.max_steps=3",
]
SMALL += [
    "select.per_label=2",
    "select.rounds=1",
    "study.seeds=[0]",
    "study.epochs=1",
    "study.evaluations=1",
    "study.metrics=[accuracy]",
]


def in_this_python(command: str) -> list[str]:
    words = shlex.split(command)
    modules = {"hf-augment": ["hf_augment.cli"], "accelerate": ["accelerate.commands.launch"]}
    return [sys.executable, "-m", *modules[words[0]], *words[1 if words[0] == "hf-augment" else 2 :]]


def test_the_commands_are_found():
    assert len(COMMANDS) == 10


@pytest.mark.slow
def test_the_commands_work_in_their_order(tmp_path):
    (tmp_path / "recipes").symlink_to(ROOT / "recipes")
    settings = [word for setting in SMALL for word in ("--set", setting)]
    early = [*in_this_python("hf-augment preview quickstart"), *settings]
    done = run(early, tmp_path)
    assert done.returncode == 2
    assert "is not trained yet. Run hf-augment train first." in done.stderr
    for command in COMMANDS:
        words = in_this_python(command) + ([] if command.split()[-1] in ("list", "cache") else settings)
        done = run(words, tmp_path)
        assert done.returncode == 0, f"{command}: {done.stderr[-3000:]}"


@pytest.mark.slow
def test_the_commands_for_models_of_your_own_work(tmp_path):
    for name in ("recipes", "scripts"):
        (tmp_path / name).symlink_to(ROOT / name)
    things, words = ("film", "book", "hotel", "lamp"), ("dull", "warm", "bright", "cold", "fine")
    texts = [f"The {thing} number {i} was {word}." for i in range(60) for thing in things for word in words]
    pq.write_table(pa.table({"text": texts}), tmp_path / "texts.parquet")
    (block,) = re.findall(r"## Models of your own\n.*?```bash\n(.*?)```", README, re.DOTALL)
    pieces, training = block.strip().splitlines()
    done = run([sys.executable, *shlex.split(pieces)[1:]], tmp_path)
    assert done.returncode == 0, done.stderr
    assert "validation: 1000 texts" in done.stdout
    small = ["train.max_steps=2", "train.evaluations=1", "train.scratch.width=32", "train.scratch.heads=2"]
    small += ["train.scratch.layers=1", "train.scratch.vocabulary=400"]
    for kind in ("causal", "masked"):
        words = in_this_python(training.replace("causal", kind))
        done = run(words + [word for setting in small for word in ("--set", setting)], tmp_path)
        assert done.returncode == 0, done.stderr[-3000:]
        assert (tmp_path / f"runs/pretrain-{kind}/generator/training.json").is_file()
