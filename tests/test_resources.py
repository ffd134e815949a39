import json
import os
import shutil
import subprocess
import sys
import time

import pytest
import torch
from datasets import Dataset

from hf_augment.engine import digests, resources
from hf_augment.engine.digests import file_identity
from hf_augment.engine.prompt import PromptFormat
from hf_augment.engine.resources import identity, load_causal_lm, locate
from tests import tiny


@pytest.fixture(autouse=True)
def nothing_remembered(tmp_path, monkeypatch):
    monkeypatch.setattr(digests, "_digests", {})
    monkeypatch.setattr(resources, "_loaded", {})
    monkeypatch.setenv("HF_AUGMENT_CACHE", str(tmp_path / "cache"))
    resources._fetch.cache_clear()


@pytest.fixture
def model(tmp_path):
    return tiny.causal_lm(tmp_path / "model")


def aged(path, seconds=10):
    """Date a file back, as if it had lain there for a while."""
    then = time.time_ns() - seconds * 10**9
    os.utime(path, ns=(then, then))
    return path


def notes(tmp_path):
    return sorted((tmp_path / "cache" / "digests").glob("*"))


# Where it lies


def test_a_folder_is_itself(model):
    assert locate(str(model)) == model


def test_what_ships_with_the_package_is_named_with_a_colon():
    assert (locate("embedded:words") / "stop_words.txt").is_file()
    with pytest.raises(FileNotFoundError, match="Did you mean 'embedded:words'"):
        locate("embedded:word")


@pytest.mark.parametrize(
    "reference", ["runs/sst2/generator", "./generator", "../generator", "~/generator", "/generator"]
)
def test_what_looks_like_a_path_is_looked_for_nowhere_else(reference, monkeypatch):
    monkeypatch.setattr("huggingface_hub.snapshot_download", lambda *args, **kwargs: pytest.fail("asked the Hub"))
    with pytest.raises(FileNotFoundError, match=r"There is no folder.*(train it first|no name of a model)"):
        locate(reference)


def test_what_is_on_neither_side_says_so(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"There is no folder 'runs/generator'.*no model of that name"):
        locate("runs/generator")
    with pytest.raises(FileNotFoundError, match="at revision 'v2'"):
        locate("gpt2", "v2")
    (tmp_path / "weights.safetensors").touch()
    with pytest.raises(NotADirectoryError, match="Expected the folder that holds it"):
        locate(str(tmp_path / "weights.safetensors"))


def test_from_the_hub_come_neither_pickles_nor_code(monkeypatch, tmp_path):
    from huggingface_hub.utils import filter_repo_objects

    asked = []

    def download(repo, revision, allow_patterns, ignore_patterns):
        there = [
            *("config.json", "model.safetensors", "vocab.txt", "spiece.model", "chat_template.jinja"),
            *("pytorch_model.bin", "modeling_gpt2.py", "optimizer.pt", "onnx/model.json", "README.md", "a.pkl"),
        ]
        asked.append(
            (
                repo,
                revision,
                list(filter_repo_objects(there, allow_patterns=allow_patterns, ignore_patterns=ignore_patterns)),
            )
        )
        return str(tmp_path)

    monkeypatch.setattr("huggingface_hub.snapshot_download", download)
    for _ in range(2):
        assert locate("me/generator", "main") == tmp_path
    # Once a process: hashing an Augment must not wait for a server, nor change when somebody pushes.
    assert asked == [
        (
            "me/generator",
            "main",
            ["config.json", "model.safetensors", "vocab.txt", "spiece.model", "chat_template.jinja"],
        )
    ]


# What it is


def test_a_copy_is_the_same_and_a_byte_makes_another(model, tmp_path):
    first = identity(str(model))
    assert len(first) == 64
    copy = shutil.copytree(model, tmp_path / "copy")
    assert identity(str(copy)) == first
    weights = copy / "model.safetensors"
    content = bytearray(weights.read_bytes())
    content[-1] ^= 1
    weights.write_bytes(content)
    assert identity(str(copy)) != first
    assert identity(str(model)) == first


def test_the_copy_on_the_hub_is_the_same(model, tmp_path, monkeypatch):
    # As huggingface_hub keeps it: links to blobs, beside what a repository holds and what else was fetched from it.
    snapshot = tmp_path / "models--me--generator" / "snapshots" / ("0" * 40)
    snapshot.mkdir(parents=True)
    (tmp_path / "blobs").mkdir()
    for number, file in enumerate(sorted(model.iterdir())):
        (snapshot / file.name).symlink_to(shutil.copy(file, tmp_path / "blobs" / str(number)))
    for name in ("README.md", ".gitattributes", "pytorch_model.bin"):
        (snapshot / name).write_text("more")
    monkeypatch.setattr("huggingface_hub.snapshot_download", lambda *args, **kwargs: str(snapshot))
    assert identity("me/generator") == identity(str(model))


@pytest.mark.parametrize("name", ["config.json", "tokenizer.json", "hf_augment.json", "generation_config.json"])
def test_what_decides_outputs_counts(model, name):
    first = identity(str(model))
    document = json.loads((model / name).read_text())
    document["added"] = 1
    (model / name).write_text(json.dumps(document))
    second = identity(str(model))
    assert second != first
    (model / name).unlink()
    assert identity(str(model)) not in (first, second)


@pytest.mark.parametrize(
    "name",
    [
        "README.md",
        ".gitattributes",
        "training.json",
        "trainer_state.json",
        "training_args.bin",
        "checkpoints/checkpoint-2/model.safetensors",
    ],
)
def test_what_only_tells_of_a_model_does_not_count(model, name):
    first = identity(str(model))
    (model / name).parent.mkdir(parents=True, exist_ok=True)
    (model / name).write_text("told")
    assert identity(str(model)) == first


def test_in_a_folder_that_is_no_model_everything_counts_but_the_readme(tmp_path):
    pool = tmp_path / "pool"
    pool.mkdir()
    with pytest.raises(FileNotFoundError, match="is empty"):
        identity(str(pool))
    (pool / "texts.parquet").write_text("a")
    first = identity(str(pool))
    (pool / "README.md").write_text("b")
    assert identity(str(pool)) == first
    (pool / "vectors.npy").write_text("c")
    assert identity(str(pool)) != first


def test_equal_in_every_process(model):
    code = f"from hf_augment.engine.resources import identity; import sys; print(identity({str(model)!r}), 'torch' in sys.modules)"
    for seed in ("0", "1"):
        done = subprocess.run(
            [sys.executable, "-c", code],
            capture_output=True,
            text=True,
            check=True,
            env={**os.environ, "PYTHONHASHSEED": seed},
        )
        assert done.stdout.split() == [identity(str(model)), "False"]


# What is remembered


def test_a_digest_is_computed_once(tmp_path, monkeypatch):
    file = aged(tmp_path / "words.txt") if (tmp_path / "words.txt").write_text("cat\tfeline\n") else None
    first = file_identity(file)
    assert [json.loads(note.read_text())["sha256"] for note in notes(tmp_path)] == [first]
    monkeypatch.setattr(digests, "_digests", {})  # another process
    monkeypatch.setattr(digests.hashlib, "file_digest", lambda *args: pytest.fail("read the file again"))
    assert file_identity(str(file)) == first
    assert file_identity(file) == first


def test_a_changed_file_has_another_digest_also_of_equal_size(tmp_path):
    file = tmp_path / "words.txt"
    file.write_text("cat")
    first = file_identity(aged(file, 20))
    file.write_text("dog")
    assert file_identity(aged(file, 10)) != first
    assert len(notes(tmp_path)) == 1


def test_a_file_changed_within_one_tick_of_the_clock_is_read_again(tmp_path):
    file = tmp_path / "words.txt"
    now = time.time_ns()
    found = []
    for content in ("cat", "dog"):
        file.write_text(content)
        os.utime(file, ns=(now, now))
        found.append(file_identity(file))
    assert found[0] != found[1]
    assert notes(tmp_path) == []


def test_a_file_counts_as_young_from_when_reading_began(tmp_path, monkeypatch):
    file = tmp_path / "words.txt"
    file.write_text("cat")
    clock = [file.stat().st_mtime_ns + 10**9]
    digest = digests.hashlib.file_digest

    def slowly(*args):
        clock[0] += 10 * 10**9
        return digest(*args)

    monkeypatch.setattr(digests.time, "time_ns", lambda: clock[0])
    monkeypatch.setattr(digests.hashlib, "file_digest", slowly)
    file_identity(file)
    assert notes(tmp_path) == []
    file_identity(file)
    assert len(notes(tmp_path)) == 1


@pytest.mark.parametrize("note", ["{", "[]", '{"path": 1}', ""])
def test_a_damaged_note_is_no_note(tmp_path, note, monkeypatch):
    file = tmp_path / "words.txt"
    file.write_text("cat")
    first = file_identity(aged(file))
    notes(tmp_path)[0].write_text(note)
    monkeypatch.setattr(digests, "_digests", {})
    assert file_identity(file) == first
    assert json.loads(notes(tmp_path)[0].read_text())["sha256"] == first


def test_a_cache_that_cannot_be_written_is_no_error(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("cat")
    (tmp_path / "taken").touch()
    monkeypatch.setenv("HF_AUGMENT_CACHE", str(tmp_path / "taken"))
    assert file_identity(aged(tmp_path / "file")) == file_identity(tmp_path / "file")


@pytest.mark.slow
def test_known_digests_of_half_a_gigabyte_take_milliseconds(model, monkeypatch):
    with open(model / "model-00002.safetensors", "wb") as file:
        file.truncate(500_000_000)
    for file in model.iterdir():
        aged(file)
    start = time.perf_counter()
    first = identity(str(model))
    reading = time.perf_counter() - start
    noted, known = [], []
    for _ in range(5):  # the least of five: another process may have been at work in one of them
        monkeypatch.setattr(digests, "_digests", {})
        for taken in (noted, known):
            start = time.perf_counter()
            assert identity(str(model)) == first
            taken.append(time.perf_counter() - start)
    print(
        f"500 MB: {1000 * reading:.0f} ms read, {1000 * min(noted):.2f} ms from notes, {1000 * min(known):.2f} ms in the process"
    )
    assert min(known) <= 0.020
    assert min(noted) < 0.1 * reading


# One copy of it


@pytest.mark.parametrize("architecture", ["gpt2", "llama"])
def test_a_model_is_loaded_once_ready_to_write(tmp_path, architecture):
    folder = tiny.causal_lm(tmp_path / "model", architecture)
    loaded = load_causal_lm(str(folder))
    assert loaded.prompt == tiny.PROMPT
    assert not loaded.model.training
    assert {parameter.dtype for parameter in loaded.model.parameters()} == {torch.float32}
    assert loaded.tokenizer("The film").input_ids == tiny.tokenizer()("The film").input_ids
    assert load_causal_lm(str(folder)) is loaded
    assert load_causal_lm(str(shutil.copytree(folder, tmp_path / "copy"))) is loaded


def test_half_precision_weights_are_read_as_fp32(model):
    load_causal_lm(str(model)).model.half().save_pretrained(model)
    assert {parameter.dtype for parameter in load_causal_lm(str(model)).model.parameters()} == {torch.float32}


def test_a_model_trained_anew_into_the_same_folder_is_loaded_anew(model):
    first = load_causal_lm(str(model))
    tiny.causal_lm(model, seed=1, prompt=PromptFormat("{text}"))
    second = load_causal_lm(str(model))
    assert second.prompt == PromptFormat("{text}")
    assert not torch.equal(first.model.get_input_embeddings().weight, second.model.get_input_embeddings().weight)


def test_a_model_that_was_not_trained_by_us_has_no_prompt(tmp_path):
    assert load_causal_lm(str(tiny.causal_lm(tmp_path / "model", prompt=None))).prompt is None


def test_pickled_weights_are_refused(model):
    (model / "model.safetensors").unlink()
    torch.save({}, model / "pytorch_model.bin")
    with pytest.raises(FileNotFoundError, match=r"no weights in safetensors.*can run code.*pytorch_model.bin"):
        load_causal_lm(str(model))


def test_code_beside_the_weights_is_not_run(model):
    (model / "modeling_evil.py").write_text("raise SystemExit('ran')")
    document = json.loads((model / "config.json").read_text())
    document["auto_map"] = {"AutoModelForCausalLM": "modeling_evil.Evil"}
    (model / "config.json").write_text(json.dumps(document))
    assert type(load_causal_lm(str(model)).model).__name__ == "GPT2LMHeadModel"


def _loss(row, folder):
    model, tokenizer, prompt = load_causal_lm(folder)
    tokens = torch.tensor([prompt.encode_prompt(tokenizer, row["label"])])
    return {
        "loss": model(input_ids=tokens, labels=tokens).loss.item(),
        "threads": torch.get_num_threads(),
        "pid": os.getpid(),
    }


@pytest.mark.slow
def test_workers_of_map_neither_hang_nor_load_again(model, monkeypatch):
    torch.set_num_threads(2)
    try:
        load_causal_lm(str(model)).model(input_ids=torch.arange(64)[None])  # a parent that has used its threads
        monkeypatch.setattr(resources, "_load", lambda *args: pytest.fail("loaded again"))
        rows = Dataset.from_dict({"label": ["negative", "positive"] * 4})
        found = rows.map(_loss, fn_kwargs={"folder": str(model)}, num_proc=2)
    finally:
        torch.set_num_threads(1)
    assert set(found["threads"]) == {1}
    assert os.getpid() not in found["pid"]
    assert len(set(found["loss"])) == 2
