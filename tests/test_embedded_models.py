"""The models that ship with the package are whole, and their cards tell the truth."""

import hashlib
import json
import math
import re
import shutil
import sys
import tomllib
from fnmatch import fnmatch
from pathlib import Path

import pytest
import torch
from huggingface_hub import ModelCard
from safetensors.torch import load_file
from sklearn.metrics import cohen_kappa_score

from hf_augment import sources
from hf_augment.blocks import DataConfig, PreprocessConfig
from hf_augment.data import load_data
from hf_augment.engine import digests, resources
from hf_augment.engine.resources import identity, load_causal_lm, locate, read_lm
from tests.test_resources import aged

ROOT = Path(__file__).parent.parent
EMBEDDED = ROOT / "hf_augment" / "embedded"
sys.path.insert(0, str(ROOT / "scripts"))

from loss_picture import picture  # noqa: E402
from model_card import card  # noqa: E402

MODELS = {"generator": ("causal", 14_000_000), "masked": ("masked", 7_000_000)}

models = pytest.mark.parametrize("name", MODELS)


def figures(name):
    return json.loads((EMBEDDED / name / "figures.json").read_text(encoding="utf-8"))


# What ships


@models
def test_the_weights_are_small_and_half_precision(name):
    [file] = (EMBEDDED / name).glob("*.safetensors")
    assert file.stat().st_size <= MODELS[name][1]
    assert {weights.dtype for weights in load_file(file).values()} == {torch.float16}


@models
def test_it_loads_as_fp32(name):
    model, tokenizer = read_lm(locate(f"embedded:{name}"), MODELS[name][0])
    assert {weights.dtype for weights in model.parameters()} == {torch.float32}
    assert len(tokenizer) == model.config.vocab_size
    assert resources.PromptFormat.load(EMBEDDED / name) is not None


@models
def test_the_sums_are_those_of_sha256sum(name):
    lines = (EMBEDDED / name / "SHA256SUMS").read_text(encoding="utf-8").splitlines()
    listed = {line[66:]: line[:64] for line in lines}
    assert {"model.safetensors", "config.json", "tokenizer.json", "hf_augment.json"} <= set(listed)
    for file, digest in listed.items():
        assert hashlib.sha256((EMBEDDED / name / file).read_bytes()).hexdigest() == digest


def test_a_mask_is_filled_with_a_whole_word():
    model, tokenizer = read_lm(locate("embedded:masked"), "masked")
    sentences = {
        ("I really enjoyed this film.", "film"): {"film", "movie", "one"},
        ("It was one of the best films I have ever seen.", "films"): {"films", "movies", "film", "movie", "things"},
        ("The president of the United States said so.", "States"): {"States", "Nations"},
    }
    for (sentence, word), fitting in sentences.items():
        ids = tokenizer(sentence, return_tensors="pt").input_ids
        place = tokenizer.convert_ids_to_tokens(ids[0]).index(f"\u0120{word}")
        ids[0, place] = tokenizer.mask_token_id
        with torch.inference_mode():
            said = tokenizer.decode(model(input_ids=ids).logits[0, place].argmax())
        assert said.startswith(" "), f"{said!r} continues a word"
        assert said.strip() in fitting, sentence


# Its card


@models
def test_the_card_follows_from_the_figures(name):
    found = figures(name)
    assert found["draft"] == []
    assert card(found) == (EMBEDDED / name / "README.md").read_text(encoding="utf-8")


@models
def test_the_figures_are_those_of_the_files(name):
    found, folder = figures(name), EMBEDDED / name
    model, _ = read_lm(folder, MODELS[name][0])
    assert found["identity"] == identity(str(folder))
    assert found["model"]["bytes"] == (folder / "model.safetensors").stat().st_size
    assert found["model"]["parameters"] == sum(weights.numel() for weights in model.parameters())
    assert found["model"]["context"] == model.config.max_position_embeddings


@models
def test_the_figures_fit_each_other(name):
    found, kind = figures(name), MODELS[name][0]
    told, curve, quality = found["training"], found["curve"], dict(found["measured"]["quality"])
    assert len(curve["train"]) + len(curve["held_out"]) <= 200
    assert told["eval_loss"] == pytest.approx(min(loss for _, loss in curve["held_out"]), abs=1e-4)
    assert told["tokens_seen"] == curve["held_out"][-1][0] == round(told["epochs"] * told["tokens"]["train"])
    pieces = {
        split: [part[split]["pieces"] for part in found["texts"]["sources"].values() if split in part]
        for split in ("train", "validation")
    }
    assert {split: sum(counts) for split, counts in pieces.items()} == {
        split: rows["used"] for split, rows in told["rows"].items()
    }
    ours = quality.pop(f"{kind} model")
    assert len(quality) >= 3
    if kind == "masked":
        assert ours["accuracy on held-out masked tokens"] > max(
            row["accuracy on held-out masked tokens"] for row in quality.values()
        )
        return
    bits = ours["nats per token"] * found["measured"]["asked"] / math.log(2) / found["texts"]["held_out_bytes"]
    assert ours["bits per byte"] == pytest.approx(bits, rel=1e-6)
    assert ours["bits per byte"] < min(row["bits per byte"] for row in quality.values())


def test_the_verdicts_are_those_of_the_readers():
    found = figures("generator")["samples"]
    rows = found["samples"]
    labels = [row["label"] for row in rows]
    assert {label: labels.count(label) for label in labels} == {"negative": 40, "positive": 40}
    meant = {"fluent": [True] * 80, "read_as": labels}
    for name, counted in (("fluent", "called_fluent"), ("read_as", "read_as_meant")):
        first, second = ([row[name][reader] for row in rows] for reader in (0, 1))
        hits = [
            (a == right, b == right, a == b == right) for a, b, right in zip(first, second, meant[name], strict=True)
        ]
        assert found["verdicts"][counted] == [sum(column) for column in zip(*hits, strict=True)]
        verdict = found["verdicts"][name]
        assert verdict["same"] == pytest.approx(sum(a == b for a, b in zip(first, second, strict=True)) / 80)
        kappa = cohen_kappa_score(first, second)
        assert verdict["kappa"] == pytest.approx(kappa) if verdict["kappa"] is not None else math.isnan(kappa)


@models
def test_the_picture_is_drawn_from_the_figures(name, tmp_path):
    picture(figures(name), tmp_path / "loss.png")
    drawn = (tmp_path / "loss.png").read_bytes()
    assert drawn == (EMBEDDED / name / "loss.png").read_bytes()
    assert len(drawn) < 40_000


@models
def test_the_metadata_are_the_hubs(name):
    data = ModelCard((EMBEDDED / name / "README.md").read_text(encoding="utf-8")).data
    assert (data.license, data.language, data.library_name) == ("apache-2.0", "en", "transformers")
    assert data.pipeline_tag == {"causal": "text-generation", "masked": "fill-mask"}[MODELS[name][0]]
    assert data.datasets == ["stanfordnlp/imdb"]
    assert "hf-augment" in data.tags


@models
def test_a_card_has_no_gap_and_names_its_sources(name):
    text = (EMBEDDED / name / "README.md").read_text(encoding="utf-8")
    told = text.split("<details>")[0]  # samples may say anything
    assert not re.search(r"\b(TODO|TBD|None|nan|null|placeholder|draft)\b|\{\w*\}", told)
    assert not re.search(r"(?<!\w)/(work|home|tmp|root)/", told)
    for source in ("Maas et al. 2011", "contributors", "CC BY 2.5", "make_pieces.py", "(loss.png)"):
        assert source in told


def test_the_wheel_takes_all_of_it():
    wheel = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["hatch"]["build"]["targets"]
    assert wheel["wheel"]["packages"] == ["hf_augment"]
    assert not {"exclude", "only-include", "artifacts"} & set(wheel["wheel"])
    ignored = [line.rstrip("/") for line in (ROOT / ".gitignore").read_text(encoding="utf-8").split() if line]
    for name in (*MODELS, "reviews"):
        assert (EMBEDDED / name / "SHA256SUMS").is_file()
        for file in (EMBEDDED / name).iterdir():  # hatchling leaves out what git ignores
            for part in file.relative_to(ROOT).parts:
                assert not any(fnmatch(part, pattern) for pattern in ignored), file


# What is checked when it is loaded


@pytest.fixture
def shelf(tmp_path, monkeypatch):
    """A copy of the shelf that may be damaged, and nothing remembered."""
    copy = tmp_path / "embedded"
    for name in ("generator", "reviews", "words"):
        shutil.copytree(EMBEDDED / name, copy / name)
    for file in copy.rglob("*"):
        aged(file)
    for module in (resources, sources):
        monkeypatch.setattr(module, "SHELF", copy)
    monkeypatch.setattr(digests, "_digests", {})
    monkeypatch.setattr(resources, "_loaded", {})
    monkeypatch.setenv("HF_AUGMENT_CACHE", str(tmp_path / "cache"))
    return copy


def flip(file):
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)
    return hashlib.sha256(content).hexdigest()


@pytest.mark.parametrize("name", ["model.safetensors", "config.json", "tokenizer.json", "hf_augment.json"])
def test_a_flipped_byte_is_found_and_nothing_is_loaded(shelf, name):
    locate("embedded:generator")  # as it was, and so remembered
    file = shelf / "generator" / name
    expected = hashlib.sha256(file.read_bytes()).hexdigest()
    found = flip(file)
    with pytest.raises(ValueError, match=r"Nothing was loaded\. Reinstall hf-augment") as caught:
        load_causal_lm("embedded:generator")
    for said in (str(file), f"expected SHA-256 {expected}", f"found {found}"):
        assert said in str(caught.value)
    assert resources._loaded == {}
    with pytest.raises(ValueError, match="Reinstall"):
        identity("embedded:generator")


def test_a_missing_file_is_found(shelf):
    (shelf / "generator" / "generation_config.json").unlink()
    with pytest.raises(ValueError, match=r"generation_config.json is not the file.*found no such file"):
        locate("embedded:generator")


@pytest.mark.parametrize("name", ["added_tokens.json", "model-00002.safetensors", "chat_template.jinja"])
def test_a_file_that_nobody_shipped_is_found(shelf, name):
    (shelf / "generator" / name).write_text("{}")
    with pytest.raises(ValueError, match=rf"{name} is not the file.*SHA256SUMS does not list it"):
        locate("embedded:generator")


def test_weights_without_sums_are_not_loaded(shelf):
    (shelf / "generator" / "SHA256SUMS").unlink()
    with pytest.raises(ValueError, match=r"config.json is not the file.*SHA256SUMS does not list it"):
        locate("embedded:generator")


def test_what_decides_nothing_may_change(shelf):
    (shelf / "generator" / "README.md").write_text("another card")
    (shelf / "generator" / "notes.md").touch()
    assert locate("embedded:generator") == shelf / "generator"
    assert locate("embedded:words") == shelf / "words"


def test_another_process_reads_no_weights_again(shelf, monkeypatch):
    locate("embedded:generator")
    monkeypatch.setattr(digests, "_digests", {})
    monkeypatch.setattr(digests.hashlib, "file_digest", lambda *args: pytest.fail("read the file again"))
    locate("embedded:generator")


def test_reviews_are_checked_too(shelf):
    config = DataConfig(path="embedded:reviews")
    assert len(load_data(config, PreprocessConfig(), 0)["train"]) == 704
    flip(shelf / "reviews" / "train.jsonl")
    with pytest.raises(ValueError, match=r"train.jsonl is not the file.*expected SHA-256"):
        load_data(config, PreprocessConfig(), 0)


def test_a_table_beside_the_reviews_is_found(shelf):
    (shelf / "reviews" / "more.csv").write_text("text,label\nFine.,positive\n")
    with pytest.raises(ValueError, match=r"more.csv is not the file"):
        load_data(DataConfig(path="embedded:reviews"), PreprocessConfig(), 0)
