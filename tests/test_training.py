import functools
import json
import os
import shutil
import signal
import subprocess
import sys

import pytest
import torch
import yaml
from safetensors.torch import load_file

from hf_augment import training
from hf_augment.engine.prompt import IGNORED, PromptFormat
from hf_augment.engine.resources import identity, load_causal_lm
from hf_augment.launch import launch
from hf_augment.recipe import load_recipe
from tests import tiny

SCRATCH = {"architecture": "gpt2", "layers": 2, "width": 32, "heads": 2, "vocabulary": 400, "context": 64}
BASIC = {"batch_size": 8, "learning_rate": 5e-3, "epochs": 3, "max_length": 64, "extra": {"logging_steps": 1}}


def write_recipe(folder, name="run", rows=None, **train):
    """Write a recipe and return its path; the keys given go into its `train` block."""
    rows = rows or tiny.write_rows(folder / "rows")
    if "model" not in train:
        train.setdefault("scratch", SCRATCH)
    file = folder / f"{name}.yaml"
    settings = {"output": str(folder / name), "data": {"path": str(rows)}, "train": {**BASIC, **train}}
    file.write_text(yaml.safe_dump(settings))
    return str(file)


@pytest.fixture
def recipe(tmp_path):
    return functools.partial(write_recipe, tmp_path)


@pytest.fixture
def model(tmp_path):
    return str(tiny.causal_lm(tmp_path / "model"))


def train(path, *overrides):
    """Train in this process, and return the record and the folder of the generator."""
    recipe = load_recipe(path, overrides)
    training.train(recipe)
    return json.loads((recipe.generator / "training.json").read_text()), recipe.generator


def losses(record):
    return [entry["loss"] for entry in record["log"] if "loss" in entry]


def weights(folder):
    return load_file(folder / "model.safetensors")


def validation(folder):
    """The rows that the generator in a folder was evaluated on."""
    lines = (folder.parent.parent / "rows" / "validation.jsonl").read_text().splitlines()
    return [(row["text"], row["label"]) for row in map(json.loads, lines)]


def equal(one, other):
    one, other = weights(one), weights(other)
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


def command(path, *launcher):
    return [sys.executable, *(launcher or ["-m"]), "hf_augment.training", path]


# What is learnt


@pytest.mark.slow
def test_a_generator_learns_its_labels(recipe, model):
    record, folder = train(recipe(model=model, epochs=12))
    assert losses(record)[-1] < 0.5 * losses(record)[0]
    assert record["eval_loss"] < 0.6 * next(entry["eval_loss"] for entry in record["log"] if "eval_loss" in entry)
    loaded = load_causal_lm(str(folder))
    assert loaded.prompt == PromptFormat("{label}: {text}", ("negative", "positive"))
    right, wrong = (_loss(loaded, lambda label, flip=flip: _other(label) if flip else label) for flip in (False, True))
    assert right + 0.1 < wrong
    assert record["base"]["identity"] == identity(model)
    assert record["generator"] == identity(str(folder))


def _other(label):
    return {"negative": "positive", "positive": "negative"}[label]


def _loss(loaded, relabel=lambda label: label, rows=tiny.ROWS, prompt_too=False):
    """The mean loss of a token of the texts, computed by hand."""
    total = count = 0
    for text, label in rows:
        example = tiny.encode(loaded.prompt, loaded.tokenizer, relabel(label), text, 64)
        ids = torch.tensor([example["input_ids"]])
        with torch.no_grad():
            scores = loaded.model(input_ids=ids).logits.log_softmax(-1)
        for place, target in enumerate(example["labels"]):
            if place and (target != IGNORED or prompt_too):
                total -= scores[0, place - 1, example["input_ids"][place]].item()
                count += 1
    return total / count


def test_the_loss_leaves_the_prompt_out(recipe, model):
    record, folder = train(recipe(model=model, epochs=2))
    loaded = load_causal_lm(str(folder))
    rows = validation(folder)
    assert record["eval_loss"] == pytest.approx(_loss(loaded, rows=rows), abs=1e-4)
    assert abs(record["eval_loss"] - _loss(loaded, rows=rows, prompt_too=True)) > 0.05


@pytest.mark.slow
def test_accumulated_batches_equal_a_large_one(recipe, model):
    one, _ = train(recipe("one", model=model, batch_size=8))
    two, _ = train(recipe("two", model=model, batch_size=4, accumulation=2))
    assert one["steps"] == two["steps"] == 12
    assert losses(two) == pytest.approx(losses(one), abs=1e-4)
    other, _ = train(recipe("three", model=model, batch_size=4))
    assert len(losses(other)) == 24


@pytest.mark.parametrize("architecture", ["gpt2", "llama"])
def test_pretraining_from_nothing_but_texts_is_the_same_twice(recipe, architecture):
    settings = {"scratch": {**SCRATCH, "architecture": architecture}, "prompt": " {text}", "max_steps": 3}
    (record, one), (_, two) = (train(recipe(name, **settings)) for name in ("one", "two"))
    assert record["steps"] == 3
    assert record["generator"] == identity(str(one)) == identity(str(two))
    loaded = load_causal_lm(str(one))
    assert loaded.model.config.model_type == architecture
    assert loaded.prompt == PromptFormat(" {text}")
    text = "The lamp — çà et là — was 灯.\n"
    assert loaded.tokenizer.decode(loaded.tokenizer(text).input_ids) == text
    assert len(loaded.tokenizer) <= 400


def test_the_best_weights_are_kept_and_patience_ends(recipe, model):
    record, folder = train(recipe(model=model, epochs=30, patience=2, learning_rate=3e-2))
    evaluations = {entry["step"]: entry["eval_loss"] for entry in record["log"] if "eval_loss" in entry}
    assert record["eval_loss"] == min(evaluations.values())
    assert record["steps"] == record["best_step"] + 2 * 4 < 30 * 4
    again = _loss(load_causal_lm(str(folder)), rows=validation(folder))
    assert again == pytest.approx(record["eval_loss"], abs=1e-4)


@pytest.mark.parametrize(("number", "steps"), [(0, [4, 8, 12]), (1, [12]), (2, [6, 12]), (5, [3, 6, 9, 12])])
def test_evaluations_are_spread_over_the_run(recipe, model, number, steps):
    record, _ = train(recipe(model=model, evaluations=number))
    assert [entry["step"] for entry in record["log"] if "eval_loss" in entry] == steps


# What lies there afterwards


def test_the_folder_holds_the_generator_and_nothing_else(recipe, model):
    record, folder = train(recipe(model=model, epochs=1))
    assert sorted(path.name for path in folder.iterdir()) == [
        *("config.json", "generation_config.json", "hf_augment.json", "model.safetensors"),
        *("tokenizer.json", "tokenizer_config.json", "training.json"),
    ]
    assert record["rows"] == {"train": {"used": 32, "skipped": {}}, "validation": {"used": 8, "skipped": {}}}
    assert record["processes"] == 1
    assert record["tokens"]["train"] > 32 * 5
    assert record["environment"]["packages"]["torch"] == torch.__version__


def test_rows_without_text_or_label_are_skipped_and_counted(recipe, model, tmp_path):
    rows = tiny.write_rows(tmp_path / "rows")
    bad = [("negative", None), ("positive", " \n"), (None, "Fine.")]
    with open(rows / "train.jsonl", "a") as file:
        file.writelines(json.dumps({"text": text, "label": label}) + "\n" for label, text in bad)
    record, _ = train(recipe(model=model, rows=rows, epochs=1))
    assert record["rows"]["train"] == {"used": 32, "skipped": {"text is None": 1, "text is empty": 1, "no label": 1}}


@pytest.mark.slow
def test_max_length_stops_at_what_the_model_reads(recipe, model, tmp_path):
    rows = tiny.write_rows(tmp_path / "rows")
    with open(rows / "train.jsonl", "a") as file:
        file.write(json.dumps({"text": "word " * 500, "label": "negative"}) + "\n")
    long, _ = train(recipe("long", rows=rows, model=model, epochs=1))
    plain, _ = train(recipe("plain", model=model, epochs=1))
    assert long["tokens"]["train"] - plain["tokens"]["train"] == tiny.CONTEXT
    short, _ = train(recipe("short", model=model, epochs=1, max_length=12))
    assert short["tokens"]["train"] == 32 * 12


# Going on


def test_what_is_finished_is_not_done_again(recipe, model, capsys):
    path = recipe(model=model, epochs=1)
    _, folder = train(path)
    before = {file.name: file.stat().st_mtime_ns for file in folder.iterdir()}
    capsys.readouterr()
    assert training.main([path]) == 0
    assert "nothing to do" in capsys.readouterr().err
    assert {file.name: file.stat().st_mtime_ns for file in folder.iterdir()} == before


def test_a_model_that_moved_is_still_the_same(recipe, model, capsys, tmp_path):
    train(recipe(model=model, epochs=1))
    moved = str(shutil.move(model, tmp_path / "moved"))
    capsys.readouterr()
    train(recipe(model=moved, epochs=1))
    assert "nothing to do" in capsys.readouterr().err


@pytest.mark.parametrize("change", ["train.learning_rate=1e-3", "seed=1", "rows", "base"])
def test_other_settings_start_anew_and_say_which(recipe, model, capsys, tmp_path, change):
    path = recipe(model=model, epochs=1)
    first, folder = train(path)
    overrides = []
    if change == "rows":
        tiny.write_rows(tmp_path / "rows", train=30)
    elif change == "base":
        tiny.causal_lm(tmp_path / "model", seed=1)
    else:
        overrides = [change]
    capsys.readouterr()
    second, _ = train(path, *overrides)
    said = capsys.readouterr().err
    named = {"rows": "data.train: ", "base": "train.model: ", "seed=1": "seed: 0 → 1"}
    assert named.get(change, "train.learning_rate: 0.005 → 0.001") in said
    assert "starting anew" in said
    assert first["generator"] != second["generator"]
    assert identity(f"{folder}.previous") == first["generator"]


@pytest.fixture(scope="module")
def killed(tmp_path_factory):
    """A run that died when all was trained and nothing saved; its recipe, a copy of it, and what it would have been."""
    folder = tmp_path_factory.mktemp("killed")
    model = str(tiny.causal_lm(folder / "model"))
    path = write_recipe(folder, "run", model=model, evaluations=4)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(training, "_save", lambda *args: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            train(path)
    copy = shutil.copytree(folder / "run", folder / "copy")
    return path, copy, train(write_recipe(folder, "undisturbed", model=model, evaluations=4))


@pytest.fixture
def unfinished(killed):
    """The recipe of a run that died, its checkpoints, and record and folder of the same run left alone."""
    path, copy, undisturbed = killed
    generator = load_recipe(path).generator
    shutil.rmtree(generator.parent)
    shutil.copytree(copy, generator.parent)
    checkpoints = generator / "checkpoints"
    assert sorted(folder.name for folder in checkpoints.glob("checkpoint-*")) == ["checkpoint-12", "checkpoint-9"]
    return path, checkpoints, undisturbed


def _cut(file):
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])


def _flip(file):
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 255
    file.write_bytes(content)


@pytest.mark.parametrize(
    ("name", "damage"),
    [
        ("trainer_state.json", os.remove),
        ("trainer_state.json", _cut),
        ("model.safetensors", _cut),
        ("model.safetensors", os.remove),
        ("optimizer.pt", _cut),
        ("optimizer.pt", _flip),
        ("scheduler.pt", _cut),
        ("rng_state.pth", _cut),
    ],
)
def test_a_damaged_checkpoint_gives_way_to_the_one_before(unfinished, name, damage, capsys):
    path, checkpoints, (undisturbed, other) = unfinished
    damage(checkpoints / "checkpoint-12" / name)
    record, folder = train(path)
    assert record["resumed_from"] == "checkpoint-9"
    assert "Going on from" in capsys.readouterr().err
    assert equal(folder, other)
    assert losses(record) == losses(undisturbed)


def test_a_run_killed_after_its_last_checkpoint_is_only_saved(unfinished):
    path, _, (undisturbed, other) = unfinished
    record, folder = train(path)
    assert record["resumed_from"] == "checkpoint-12"
    assert equal(folder, other)
    assert (record["steps"], record["eval_loss"]) == (undisturbed["steps"], undisturbed["eval_loss"])


def test_without_any_readable_checkpoint_the_run_starts_over(unfinished):
    path, checkpoints, _ = unfinished
    for folder in checkpoints.glob("checkpoint-*"):
        os.remove(folder / "trainer_state.json")
    record, _ = train(path)
    assert record["resumed_from"] is None
    assert record["steps"] == 12


def test_checkpoints_of_other_settings_are_not_mixed_in(unfinished, capsys):
    path, *_ = unfinished
    record, _ = train(path, "train.epochs=1")
    assert "train.epochs: 3.0 → 1.0" in capsys.readouterr().err
    assert record["resumed_from"] is None
    assert record["steps"] == 4


def test_files_of_other_origin_are_left_alone(recipe, model, tmp_path, capsys):
    path = recipe(model=model)
    kept = load_recipe(path).generator / "thesis.txt"
    kept.parent.mkdir(parents=True)
    kept.write_text("irreplaceable")
    assert training.main([path]) == 2
    assert "holds files that no training by hf-augment left: ['thesis.txt']" in capsys.readouterr().err
    assert kept.read_text() == "irreplaceable"


KILLED = """
import os, signal, sys
from transformers import TrainerCallback, trainer
from hf_augment import training

class Kill(TrainerCallback):
    def on_step_end(self, args, state, control, **kwargs):
        if state.global_step == int(sys.argv[2]):
            os.kill(os.getpid(), signal.SIGKILL)

trainer.DEFAULT_CALLBACKS.append(Kill)
training.main([sys.argv[1]])
"""


def killed_at(step, path):
    """Train in a process of its own that is killed after a step."""
    words = [sys.executable, "-c", KILLED, path, str(step)]
    done = subprocess.run(words, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, check=False)
    assert done.returncode == -signal.SIGKILL, done.stderr


@pytest.mark.slow
def test_killed_and_started_again_it_ends_with_the_same_bits(recipe):
    settings = {"epochs": 25, "evaluations": 20, "scratch": {**SCRATCH, "dropout": 0.1}}
    path = recipe(**settings)
    killed_at(13, path)
    assert not (load_recipe(path).generator / "training.json").exists()
    record, folder = train(path)
    assert record["resumed_from"] == "checkpoint-10"
    undisturbed, other = train(recipe("undisturbed", **settings))
    assert undisturbed["resumed_from"] is None
    assert record["steps"] == undisturbed["steps"] == 100
    assert equal(folder, other)
    assert identity(str(folder)) == identity(str(other))
    assert losses(record) == losses(undisturbed)


# Several processes, and the launcher


@pytest.mark.slow
def test_two_processes_equal_one_with_their_common_batch(recipe, model):
    single, _ = train(recipe("single", model=model, batch_size=8))
    path = recipe("double", model=model, batch_size=4)
    run = ["-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2", "-m"]
    process = subprocess.Popen(command(path, *run), stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True)
    try:
        _, said = process.communicate(timeout=300)
    finally:
        process.terminate()  # not killed: it takes its workers along
    assert process.returncode == 0, said
    folder = load_recipe(path).generator
    double = json.loads((folder / "training.json").read_text())
    assert (single["processes"], double["processes"]) == (1, 2)
    assert len(losses(double)) == len(losses(single)) == 12
    apart = max(abs(a - b) for a, b in zip(losses(double), losses(single), strict=True))
    print(f"largest difference of a step's loss: {apart:.2e}")
    assert apart < 1e-4
    assert double["eval_loss"] == pytest.approx(single["eval_loss"], abs=1e-4)


@pytest.mark.slow
def test_accelerate_launch_trains_and_owns_up_to_fewer_processes(recipe, model, capfd):
    path = recipe(model=model)
    assert launch(path, ["train.epochs=1"], ["--cpu", "--num_processes", "2"]) == 0
    assert "asked for 2 processes and started 1" in (said := capfd.readouterr().err)
    assert f"torchrun --nproc_per_node 2 -m hf_augment.training {path} --set train.epochs=1" in said
    record, folder = train(path, "train.epochs=1")
    assert record["steps"] == 4
    assert load_causal_lm(str(folder)).prompt is not None
    assert launch(path, ["train.epochs=0"], ["--cpu"]) != 0
    assert "error: " in (said := capfd.readouterr().err)
    assert "Traceback" not in said


# Errors, and extras


@pytest.mark.parametrize(
    ("extra", "message"),
    [
        ({"learning_rte": 1}, "unknown argument of TrainingArguments 'learning_rte'. Did you mean 'learning_rate'"),
        ({"output_dir": "x"}, "'output_dir' follows from the recipe's 'output' and 'seed'"),
    ],
)
def test_extra_arguments_are_read_strictly(recipe, model, capsys, extra, message):
    assert training.main([recipe(model=model, extra=extra)]) == 2
    assert message in capsys.readouterr().err


def test_a_recipe_that_trains_nothing_says_so(recipe, tmp_path, capsys):
    (tmp_path / "other.yaml").write_text(f"output: {tmp_path}/other\ndata: {{path: rows}}\n")
    assert training.main([str(tmp_path / "other.yaml")]) == 2
    assert "no 'train' block" in capsys.readouterr().err


def test_lower_precision_on_request(recipe, model):
    record, folder = train(recipe(model=model, epochs=1, extra={"bf16": True}))
    assert record["steps"] == 4
    assert {tensor.dtype for tensor in weights(folder).values()} == {torch.float32}


def test_adapters_without_their_package_name_the_extra(recipe, model, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "peft", None)
    assert training.main([recipe(model=model, lora=True)]) == 2
    assert "pip install 'hf-augment[lora]'" in capsys.readouterr().err


def test_adapters_are_merged(recipe, model):
    pytest.importorskip("peft")
    record, folder = train(recipe(model=model, lora=True, epochs=6))
    assert losses(record)[-1] < losses(record)[0]
    assert weights(folder).keys() == load_file(f"{model}/model.safetensors").keys()
    assert not (folder / "adapter_config.json").exists()
    loaded = load_causal_lm(str(folder))
    again = _loss(loaded, rows=validation(folder))
    assert again == pytest.approx(record["eval_loss"], abs=1e-3)
