"""Pretraining from texts alone: packed sequences, a masked objective, and texts that are streamed."""

import json

import pyarrow.parquet as pq
import pytest
import torch
import yaml
from datasets import Dataset
from hypothesis import given
from hypothesis import strategies as st
from transformers import pipeline

from hf_augment import training
from hf_augment.blocks import DataConfig, PreprocessConfig, ScratchConfig, TrainConfig
from hf_augment.engine.prompt import PromptFormat
from hf_augment.engine.resources import identity, read_lm
from hf_augment.engine.scratch import new_model, train_tokenizer
from hf_augment.examples import pack, tokenize
from hf_augment.masking import hide
from hf_augment.recipe import load_recipe
from hf_augment.streaming import source_identity, stream_texts
from tests import tiny
from tests.test_training import equal, killed_at, losses

MASKED = {"architecture": "modernbert", "layers": 2, "width": 32, "heads": 2, "vocabulary": 400, "context": 64}
KINDS = {
    "causal": {"scratch": {**MASKED, "architecture": "llama"}},
    "masked": {"scratch": {**MASKED, "dropout": 0.1}, "objective": "masked"},
}


def write_recipe(folder, name="run", kind="causal", data=(), **train):
    rows = folder / "rows"
    if not rows.is_dir():
        tiny.write_rows(rows)
    settings = {
        "output": str(folder / name),
        "data": {"path": str(rows), "label": None, "test_split": None, **dict(data)},
        "train": {
            "prompt": " {text}",
            "packed": True,
            "max_steps": 12,
            "batch_size": 4,
            "max_length": 16,
            "learning_rate": 5e-3,
            "extra": {"logging_steps": 1},
            **KINDS[kind],
            **train,
        },
    }
    file = folder / f"{name}.yaml"
    file.write_text(yaml.safe_dump(settings))
    return str(file)


def train(path):
    recipe = load_recipe(path)
    training.train(recipe)
    return json.loads((recipe.generator / "training.json").read_text()), recipe.generator


STREAMED = {"streaming": True, "validation_rows": 5}


# Packing


@given(st.lists(st.lists(st.integers(1, 50), max_size=9), max_size=20), st.integers(1, 12))
def test_packing_keeps_every_token_in_order(texts, length):
    packed = pack(texts, 0, length)
    assert [token for row in packed for token in row] == [token for text in texts for token in (*text, 0)]
    assert all(len(row) == length for row in packed[:-1])
    assert all(packed)


def test_packed_sequences_read_as_the_texts_with_an_end_after_each():
    rows = Dataset.from_list([{"text": text, "label": None} for text, _ in tiny.ROWS[:3]])
    config = TrainConfig(prompt=" {text}", packed=True, scratch=ScratchConfig())
    packed = tokenize(rows, PromptFormat(" {text}"), tiny.tokenizer(), config, 16, "train")
    joined = [token for row in packed["input_ids"] for token in row]
    assert tiny.tokenizer().decode(joined) == "".join(f" {text}<|endoftext|>" for text, _ in tiny.ROWS[:3])
    assert packed["labels"] == packed["input_ids"]  # every token is learnt, the end that parts two texts included


# The masked objective


def test_a_prompt_and_an_end_are_never_hidden():
    tokenizer = train_tokenizer([text for text, _ in tiny.ROWS], ScratchConfig(**MASKED))
    rows = Dataset.from_list([{"text": text, "label": label} for text, label in tiny.ROWS])
    config = TrainConfig(objective="masked", mask_share=0.9, scratch=ScratchConfig(**MASKED))
    prompt = PromptFormat("{label}: {text}", ("negative", "positive"))
    tokens = tokenize(rows, prompt, tokenizer, config, 64, "train")
    draws = torch.Generator().manual_seed(0)
    hidden = asked = 0
    for (_, label), ids, labels in zip(tiny.ROWS, tokens["input_ids"], tokens["labels"], strict=True):
        seen, wanted = hide(torch.tensor([ids]), torch.tensor([labels]), 0.9, tokenizer, draws)
        start = len(prompt.encode_prompt(tokenizer, label))
        assert seen[0, :start].tolist() == ids[:start]
        assert seen[0, -1] == ids[-1] == tokenizer.eos_token_id
        assert set(wanted[0, :start].tolist()) == {wanted[0, -1].item()} == {-100}
        kept = wanted[0] == -100
        assert seen[0][kept].tolist() == torch.tensor(ids)[kept].tolist()
        assert wanted[0][~kept].tolist() == torch.tensor(ids)[~kept].tolist()
        hidden += (~kept).sum().item()
        asked += len(ids) - start - 1
    assert 0.85 < hidden / asked < 0.95


def test_hidden_tokens_meet_three_fates():
    tokenizer = train_tokenizer([text for text, _ in tiny.ROWS], ScratchConfig(**MASKED))
    ids = torch.full((100, 100), 300)
    seen, wanted = hide(ids, ids, 0.3, tokenizer, torch.Generator().manual_seed(0))
    chosen = wanted != -100
    shares = [share.float().mean().item() for share in (seen[chosen] == tokenizer.mask_token_id, seen[chosen] == 300)]
    assert chosen.float().mean().item() == pytest.approx(0.3, abs=0.02)
    assert shares == pytest.approx([0.8, 0.1], abs=0.02)
    one = torch.tensor([[5, 6]])
    for seed in range(20):  # a batch in which nothing is asked has no loss
        _, wanted = hide(one, one, 0.01, tokenizer, torch.Generator().manual_seed(seed))
        assert (wanted != -100).any()


def test_every_evaluation_hides_the_same_tokens(tmp_path):
    record, _ = train(write_recipe(tmp_path, kind="masked", learning_rate=1e-12, max_steps=4, evaluations=2))
    first, second = (entry["eval_loss"] for entry in record["log"] if "eval_loss" in entry)
    assert first == pytest.approx(second, abs=1e-6)


@pytest.mark.slow
def test_a_masked_model_learns_to_fill_in_words_and_loads_as_any_other(tmp_path):
    texts = ["The soup was cold.", "A lamp is bright.", "We read old books."]
    (tmp_path / "rows").mkdir()
    for split in ("train", "validation"):
        lines = [json.dumps({"text": text}) for text in texts * 8]
        (tmp_path / "rows" / f"{split}.jsonl").write_text("\n".join(lines))
    settings = {"packed": False, "max_steps": 1000, "evaluations": 1, "batch_size": 12, "learning_rate": 3e-3}
    settings |= {"scratch": MASKED, "mask_share": 0.2}
    record, folder = train(write_recipe(tmp_path, kind="masked", **settings))
    assert record["eval_loss"] < losses(record)[0] / 2
    fill = pipeline("fill-mask", model=str(folder), device="cpu", top_k=1)
    said = [fill(text)[0]["token_str"] for text in ("The soup <|mask|> cold.", "A lamp <|mask|> bright.")]
    assert said == [" was", " is"]
    model, tokenizer = read_lm(folder, "masked")
    assert not model.config.sparse_prediction  # a trick of training; scores of all tokens are what users expect
    ids = tokenizer("The lamp was warm.", return_tensors="pt")
    assert model(**ids).logits.shape == (*ids.input_ids.shape, len(tokenizer))
    assert ids.input_ids[0, 0] == ids.input_ids[0, -1] == tokenizer.eos_token_id


def test_the_masked_tokenizer_gives_texts_back():
    tokenizer = train_tokenizer([text for text, _ in tiny.ROWS], ScratchConfig(**MASKED))
    text = "The lamp — çà et là — was 灯.\n"
    assert tokenizer.decode(tokenizer(text).input_ids, skip_special_tokens=True) == " " + text
    before, after = (tokenizer(text).input_ids for text in ("a <|mask|> film", "a<|mask|> film"))
    assert before == after  # the mask stands for the space too
    assert before.count(tokenizer.mask_token_id) == 1


# Runs


@pytest.mark.parametrize("data", [{}, STREAMED], ids=["read", "streamed"])
@pytest.mark.parametrize("kind", KINDS)
def test_the_same_recipe_gives_the_same_weights(tmp_path, kind, data):
    (record, one), (_, two) = (train(write_recipe(tmp_path, name, kind, data, max_steps=3)) for name in ("one", "two"))
    assert identity(str(one)) == identity(str(two)) == record["generator"]
    assert record["steps"] == 3
    assert losses(record)[-1] < 6.5


@pytest.mark.slow
@pytest.mark.parametrize("data", [{}, STREAMED], ids=["read", "streamed"])
@pytest.mark.parametrize("kind", KINDS)
def test_killed_and_started_again_it_ends_with_the_same_bits(tmp_path, kind, data):
    path = write_recipe(tmp_path, "killed", kind, data, max_steps=60, evaluations=10)
    killed_at(15, path)
    record, folder = train(path)
    assert record["resumed_from"] == "checkpoint-12"
    undisturbed, other = train(write_recipe(tmp_path, "undisturbed", kind, data, max_steps=60, evaluations=10))
    assert equal(folder, other)
    assert losses(record) == losses(undisturbed)


# Streams


def test_a_stream_holds_the_usable_texts_and_sets_the_first_aside(tmp_path):
    texts = ["One.", None, "  ", "Two &amp; more.", "Three.", "", "Four."]
    pq.write_table(Dataset.from_dict({"body": texts}).data.table, tmp_path / "train.parquet")
    config = DataConfig(path=str(tmp_path), text="body", label=None, streaming=True, validation_rows=2)
    splits = stream_texts(config, PreprocessConfig(strip_html=True))
    assert splits["validation"]["text"][:] == ["One.", "Two & more."]
    assert [row["text"] for row in splits["train"]] == ["Three.", "Four."]
    assert [row["text"] for row in splits["train"]] == ["Three.", "Four."]  # a second epoch


def test_a_validation_split_is_used_and_cut(tmp_path):
    tiny.write_rows(tmp_path)
    config = DataConfig(path=str(tmp_path), label=None, streaming=True, validation_rows=3)
    splits = stream_texts(config, PreprocessConfig())
    lines = (tmp_path / "validation.jsonl").read_text().splitlines()
    assert splits["validation"]["text"][:] == [json.loads(line)["text"] for line in lines[:3]]
    assert len(list(splits["train"])) == 32


def test_a_changed_file_is_another_source(tmp_path):
    tiny.write_rows(tmp_path)
    config = DataConfig(path=str(tmp_path), label=None, streaming=True)
    before = source_identity(config)
    assert source_identity(config) == before
    with open(tmp_path / "train.jsonl", "a") as file:
        file.write('{"text": "One more.", "label": "positive"}\n')
    assert source_identity(config) != before


def test_a_streamed_run_says_what_it_cannot_know(tmp_path):
    record, _ = train(write_recipe(tmp_path, data=STREAMED, max_steps=2))
    assert record["rows"] == {"validation": {"used": 5, "skipped": None}}
    assert set(record["tokens"]) == {"validation"}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"data": {"streaming": True}, "max_steps": None, "epochs": 1}, "trains for a number of steps"),
        ({"data": {"streaming": True, "label": "label"}}, "is for texts without labels, but label is 'label'"),
        ({"kind": "masked", "objective": "causal"}, "'modernbert' cannot learn the objective 'causal'"),
        ({"objective": "masked"}, "'llama' cannot learn the objective 'masked'"),
        ({"prompt": "{label}: {text}", "data": {"label": "label"}}, "packed: joins texts without their labels"),
        ({"kind": "masked", "lora": True}, "lora: adapters are for the objective 'causal'"),
        ({"mask_share": 0}, "mask_share: expected a number from 0.01"),
    ],
)
def test_what_cannot_be_is_said_before_anything_is_read(tmp_path, change, message):
    with pytest.raises(ValueError, match=message):
        load_recipe(write_recipe(tmp_path, **change))


def test_no_column_of_that_name_in_a_stream(tmp_path, capsys):
    path = write_recipe(tmp_path, data={**STREAMED, "text": "txt"})
    assert training.main([path]) == 2
    assert "data: text: unknown column 'txt'. Did you mean 'text'" in capsys.readouterr().err


def test_a_model_without_mask_is_no_masked_model(tmp_path, capsys):
    model = tmp_path / "model"
    tokenizer = train_tokenizer([text for text, _ in tiny.ROWS], ScratchConfig(**MASKED))
    new_model(ScratchConfig(**MASKED), tokenizer).save_pretrained(model)
    tiny.tokenizer().save_pretrained(model)
    path = write_recipe(tmp_path, kind="masked", model=str(model), scratch=None)
    assert training.main([path]) == 2
    assert "has no mask_token. Use a masked language model." in capsys.readouterr().err
