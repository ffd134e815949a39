import contextlib
import os
import subprocess
import sys
from pathlib import Path

import pytest

from hf_augment import TRANSFORMS

ROOT = Path(__file__).parent.parent


def command(*arguments: str, **environment: str) -> subprocess.CompletedProcess:
    return subprocess.run(
        [sys.executable, "-m", "hf_augment.cli", *arguments],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
        env={**os.environ, **environment},
    )


RECIPE = """
# Four rows from a file, one transform.
output: {folder}/out
data: {{path: {folder}/rows.csv, validation_share: 0.25}}
augment: {{pipeline: [{{name: random_swap, rate: 0.5}}], copies: 2}}
"""


@pytest.fixture
def recipe(tmp_path) -> str:
    lines = [
        f"the {word} film was long and loud,{label}"
        for word in ("first", "second", "third", "last")
        for label in ("bad", "good")
    ]
    (tmp_path / "rows.csv").write_text("text,label\n" + "\n".join(lines) + "\n", encoding="utf-8")
    (tmp_path / "swap.yaml").write_text(RECIPE.format(folder=tmp_path), encoding="utf-8")
    return str(tmp_path / "swap.yaml")


def test_help_names_the_verbs():
    done = command("--help")
    assert done.returncode == 0
    for verb in ("run", "train", "augment", "preview", "push", "register", "list", "cache"):
        assert verb in done.stdout


def test_list_names_every_transform():
    done = command("list")
    assert done.returncode == 0
    assert [line.split()[0] for line in done.stdout.splitlines()] == list(TRANSFORMS)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["run", "nowhere.yaml"], "error: No file 'nowhere.yaml'"),
        (["preview", "quickstart", "--set", "augment.pipeline=[{name: swap}]"], "unknown transform 'swap'"),
        (["preview", "quickstart", "--set", "data.path=./nowhere.csv"], "nowhere.csv"),
        (["train", "eda-sst2"], "has no 'train' block"),
    ],
)
def test_bad_input_is_one_line_and_exit_2(arguments, message):
    done = command(*arguments)
    assert done.returncode == 2
    assert message in done.stderr
    assert done.stderr.startswith("error: ")
    assert "Traceback" not in done.stderr
    assert done.stdout == ""


def test_the_traceback_shows_when_asked_for():
    done = command("run", "nowhere.yaml", HF_DEBUG="1")
    assert done.returncode != 0
    assert "Traceback" in done.stderr


@pytest.mark.slow
def test_preview_shows_and_writes_nothing(recipe, tmp_path):
    done = command("preview", recipe, "-n", "2")
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert len(lines) == 6
    assert lines[0].startswith("[original, ")
    assert lines[1].startswith("[random_swap] ")
    assert not (tmp_path / "out").exists()


@pytest.mark.slow
def test_augment_writes_the_dataset_and_its_record_once(recipe, tmp_path):
    import json

    from datasets import load_from_disk

    done = command("augment", recipe)
    assert done.returncode == 0, done.stderr
    dataset = load_from_disk(str(tmp_path / "out" / "dataset"))
    originals = dataset["train"].filter(lambda row: row["copy"] == 0)
    assert len(dataset["train"]) == 3 * len(originals)
    assert set(dataset["validation"]["augmented_by"]) == {"original"}
    record = json.loads((tmp_path / "out" / "record.json").read_text(encoding="utf-8"))
    assert record["augment"]["rows_by"] == {"original": len(originals), "random_swap": 2 * len(originals)}
    assert record["augment"]["spec"]["transform"]["name"] == "random_swap"
    made = (tmp_path / "out" / "dataset" / "dataset_dict.json").stat().st_mtime_ns
    assert command("augment", recipe).returncode == 0
    assert (tmp_path / "out" / "dataset" / "dataset_dict.json").stat().st_mtime_ns == made
    assert command("augment", recipe, "--set", "seed=1").returncode == 0
    assert (tmp_path / "out" / "dataset" / "dataset_dict.json").stat().st_mtime_ns != made


@pytest.mark.slow
def test_folders_of_other_origin_are_not_replaced(recipe, tmp_path):
    mine = tmp_path / "out" / "dataset"
    mine.mkdir(parents=True)
    (mine / "notes.txt").write_text("precious", encoding="utf-8")
    done = command("augment", recipe)
    assert done.returncode == 2
    assert "was not made by hf-augment" in done.stderr
    assert (mine / "notes.txt").read_text(encoding="utf-8") == "precious"


@pytest.mark.slow
def test_a_damaged_dataset_is_made_again(recipe, tmp_path):
    assert command("augment", recipe).returncode == 0
    for file in (tmp_path / "out" / "dataset" / "train").glob("*.arrow"):
        file.unlink()
    done = command("augment", recipe)
    assert done.returncode == 0, done.stderr
    assert list((tmp_path / "out" / "dataset" / "train").glob("*.arrow"))


def test_unknown_arguments_are_refused(recipe):
    done = command("run", recipe, "--seed", "7")
    assert done.returncode == 2
    assert "unknown arguments ['--seed', '7']" in done.stderr


def test_no_arguments_show_the_help():
    assert "preview" in command().stdout


@pytest.mark.slow
def test_a_changed_column_makes_the_dataset_anew(recipe, tmp_path):
    from datasets import load_from_disk

    table = tmp_path / "rows.csv"
    lines = table.read_text(encoding="utf-8").splitlines()
    for weight in ("1", "2"):
        with_weights = [lines[0] + ",weight", *(f"{line},{weight}" for line in lines[1:])]
        table.write_text("\n".join(with_weights) + "\n", encoding="utf-8")
        assert command("augment", recipe).returncode == 0
        assert set(load_from_disk(str(tmp_path / "out" / "dataset"))["train"]["weight"]) == {int(weight)}


@pytest.mark.slow
def test_an_interrupted_run_says_how_to_go_on(tmp_path):
    import signal

    words = [sys.executable, "-m", "hf_augment.cli", "run", "quickstart", "--set", f"output={tmp_path}"]
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # shells ignore it for jobs in the background
    process = subprocess.Popen(
        words, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    signal.signal(signal.SIGINT, before)
    # Earlier, Python may be within an import, and some of those swallow the interrupt.
    while not (tmp_path / "generator" / "checkpoints" / "settings.json").exists():
        with contextlib.suppress(subprocess.TimeoutExpired):
            pytest.fail(f"ended before it could be stopped: {process.communicate(timeout=0.05)}")
    os.killpg(process.pid, signal.SIGINT)
    _, said = process.communicate()
    assert process.returncode == 130
    assert "stopped; the same command goes on from here" in said


def test_list_says_in_which_tasks_a_transform_makes_sense():
    done = command("list", "--tasks")
    assert done.returncode == 0, done.stderr
    [row] = [line for line in done.stdout.splitlines() if line.startswith("antonym ")]
    assert row.split()[1:] == ["✓", "–", "–", "–", "–", "–"]
