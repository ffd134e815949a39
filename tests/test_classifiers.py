import json
import os
import subprocess
import sys
from dataclasses import replace
from types import SimpleNamespace

import pytest
import torch
from datasets import ClassLabel, Dataset, DatasetDict, Features, Value
from hypothesis import given, settings
from hypothesis import strategies as st
from transformers import AutoTokenizer, BertConfig, BertForSequenceClassification

from hf_augment.blocks import StudyConfig
from hf_augment.classifiers import (
    LSTMConfig,
    LSTMForSequenceClassification,
    train_classifier,
    train_tokenizer,
)
from hf_augment.classifiers.keep_best import KeepBest

NAMES = ["negative", "positive"]
QUICK = StudyConfig(epochs=1, evaluations=3, batch_size=8, learning_rate=0.01)
NOUNS = ["film", "book", "meal", "room", "trip", "show"]
WORDS = {"negative": ["awful", "dull", "poor", "bad"], "positive": ["great", "fine", "lovely", "superb"]}


def toy(rows: int, start: int = 0) -> Dataset:
    """Two classes that single words tell apart."""
    columns = {"text": [], "label": []}
    for i in range(start, start + rows):
        name = NAMES[i % 2]
        columns["text"].append(f"The {NOUNS[i // 2 % 6]} was {WORDS[name][i // 2 % 4]}, visit {i // 2}")
        columns["label"].append(i % 2)
    return Dataset.from_dict(columns, features=Features({"text": Value("string"), "label": ClassLabel(names=NAMES)}))


SPLITS = (toy(24), toy(12, 100), toy(20, 200))


def train(*splits, config=QUICK, seed=0, max_steps=12, **options):
    options = {"text": "text", "label": "label", **options}
    return train_classifier(*(splits or SPLITS), config=config, seed=seed, max_steps=max_steps, **options)


def numbers(result):
    return {name: value for name, value in result.items() if name not in ("seconds", "model")}


@pytest.fixture(scope="module")
def lstm():
    torch.manual_seed(0)
    return LSTMForSequenceClassification(LSTMConfig(vocab_size=50, num_labels=3)).eval()


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    output = tmp_path_factory.mktemp("trained")
    return train(max_steps=45, output_dir=output), output


@pytest.fixture(scope="module")
def encoder(tmp_path_factory):
    """A tiny random BERT with a head for three classes, and a tokenizer."""
    folder = tmp_path_factory.mktemp("encoder")
    tokenizer = train_tokenizer(SPLITS[0]["text"], size=400)
    tokenizer.save_pretrained(folder)
    torch.manual_seed(0)
    size = {"hidden_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 64}
    config = BertConfig(vocab_size=len(tokenizer), num_labels=3, pad_token_id=tokenizer.pad_token_id, **size)
    BertForSequenceClassification(config).save_pretrained(folder)
    return folder


def in_a_fresh_process(code, *arguments, **environment):
    done = subprocess.run(
        [sys.executable, "-c", code, *map(str, arguments)],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


# The LSTM


def pad(rows, side, width):
    ids = torch.zeros(len(rows), width, dtype=torch.long)
    mask = torch.zeros_like(ids)
    for i, row in enumerate(rows):
        place = slice(0, len(row)) if side == "right" else slice(width - len(row), width)
        ids[i, place] = torch.tensor(row, dtype=torch.long)
        mask[i, place] = 1
    return {"input_ids": ids, "attention_mask": mask}


@settings(max_examples=25, deadline=None)
@given(
    rows=st.lists(st.lists(st.integers(1, 49), max_size=40), min_size=1, max_size=6),
    side=st.sampled_from(["left", "right"]),
    extra=st.integers(0, 20),
)
def test_padding_and_batch_mates_change_no_logits(lstm, rows, side, extra):
    width = max(map(len, rows)) + extra
    with torch.no_grad():
        together = lstm(**pad(rows, side, width)).logits
        for row, logits in zip(rows, together, strict=True):
            alone = lstm(**pad([row], "right", len(row))).logits[0]
            assert (alone - logits).abs().max() <= 1e-6


def test_every_token_counts_and_their_order_too(lstm):
    with torch.no_grad():
        base, first, last, order = (
            lstm(**pad([row], "right", 4)).logits for row in ([1, 2, 3], [4, 2, 3], [1, 2, 4], [2, 1, 3])
        )
    assert all((other - base).abs().max() > 1e-5 for other in (first, last, order))


def test_without_a_mask_the_padding_token_is_the_mask(lstm):
    batch = pad([[5, 6, 7], [8]], "right", 6)
    with torch.no_grad():
        assert torch.equal(lstm(**batch).logits, lstm(batch["input_ids"]).logits)


def test_what_is_masked_is_not_read(lstm):
    batch = pad([[5, 6, 7]], "right", 6)
    with torch.no_grad():
        before = lstm(**batch).logits
        batch["input_ids"][0, 3:] = 9
        assert torch.equal(lstm(**batch).logits, before)


def test_the_loss_is_the_cross_entropy_of_the_logits(lstm):
    output = lstm(**pad([[5, 6], [7, 8]], "right", 2), labels=torch.tensor([2, 0]))
    expected = -torch.log_softmax(output.logits, -1)[[0, 1], [2, 0]].mean()
    assert output.loss.item() == pytest.approx(expected.item(), abs=1e-6)


# The tokenizer


def test_a_repeated_text_counts_once_in_a_tokenizer():
    texts = ["A fine film.", "A dull book."]
    repeated = train_tokenizer([texts[0]] * 600 + [texts[1]] * 600)
    assert repeated.backend_tokenizer.to_str() == train_tokenizer(texts).backend_tokenizer.to_str()


def test_the_tokenizer_lower_cases_and_knows_every_text():
    tokenizer = train_tokenizer(["A Fine film", "a dull BOOK"])
    assert tokenizer("A FINE Film")["input_ids"] == tokenizer("a fine film")["input_ids"]
    for text in ("xylophone", "żółć 🙂", "tab\tand\nline"):
        assert tokenizer.decode(tokenizer(text)["input_ids"]).strip() == text
    assert (
        len(tokenizer("film")["input_ids"]) == 1
    )  # a word of the training texts is one token, where it stands or not
    assert len(tokenizer("xylophone")["input_ids"]) > 1


def test_the_tokenizer_keeps_to_its_size():
    texts = [" ".join(f"w{i * j % 997}" for j in range(30)) for i in range(100)]
    assert len(train_tokenizer(texts, size=500)) == 500


@pytest.mark.slow
def test_the_tokenizer_is_the_same_in_every_process():
    texts = [f"row {i} of many words {i * 7 % 13} and {i * 5 % 11}" for i in range(200)]
    code = (
        "import json, sys; from hf_augment.classifiers import train_tokenizer; "
        "json.dump(train_tokenizer(json.loads(sys.argv[1])).backend_tokenizer.to_str(), sys.stdout)"
    )
    salted = {"PYTHONHASHSEED": "7", "TOKENIZERS_PARALLELISM": "true"}
    there = in_a_fresh_process(code, json.dumps(texts), **salted)
    assert there == train_tokenizer(texts).backend_tokenizer.to_str()


# Training


@pytest.mark.slow
def test_it_learns_what_can_be_learned(trained):
    result, _ = trained
    assert result["test"]["accuracy"] >= 0.9
    assert set(result["test"]) == {"accuracy", "f1", "loss"}
    assert result["rows"] == {"train": 24, "validation": 12, "test": 20}
    assert result["steps"] == 45
    assert result["label_names"] == NAMES


@pytest.mark.slow
def test_evaluations_are_spaced_evenly_and_the_last_step_is_one():
    assert [entry["step"] for entry in train(max_steps=10)["history"]] == [3, 7, 10]
    assert [entry["step"] for entry in train(max_steps=2)["history"]] == [1, 2]


def test_the_best_step_is_scored(trained):
    result, _ = trained
    best = max(result["history"], key=lambda entry: (entry["accuracy"], -entry["loss"]))
    assert result["best_step"] == best["step"]
    assert result["validation"]["accuracy"] == best["accuracy"]
    assert result["validation"]["loss"] == pytest.approx(best["loss"], abs=1e-6)


@pytest.mark.parametrize(
    ("evaluations", "best"),
    [
        ([(0.5, 0.7), (0.8, 0.6), (0.7, 0.1)], 1),
        ([(0.8, 0.6), (0.8, 0.4), (0.8, 0.5)], 1),
        ([(0.8, 0.5), (0.8, 0.5)], 0),
        ([(0.8, float("nan")), (0.8, 2.0)], 1),
        ([(0.5, float("nan"))], 0),
    ],
    ids=["accuracy first", "then loss", "then the earlier", "a loss that is no number is last", "but kept alone"],
)
def test_which_step_is_best(evaluations, best):
    keep, model = KeepBest(10, 10, "toy"), torch.nn.Linear(1, 1)
    for step, (accuracy, loss) in enumerate(evaluations):
        torch.nn.init.constant_(model.weight, step)
        scores = {"eval_accuracy": accuracy, "eval_loss": loss}
        keep.on_evaluate(None, SimpleNamespace(global_step=step), None, scores, model)
    assert keep.step == keep.weights["weight"].item() == best


@pytest.mark.slow
def test_the_same_call_gives_the_same_numbers_and_weights(tmp_path):
    first, second = (train(output_dir=tmp_path / name) for name in ("a", "b"))
    assert numbers(first) == numbers(second)
    weights = [(tmp_path / name / "model" / "model.safetensors").read_bytes() for name in ("a", "b")]
    assert weights[0] == weights[1]
    assert numbers(train(seed=1))["history"] != first["history"]


@pytest.mark.slow
def test_the_test_rows_change_nothing_but_the_test_scores():
    usual = numbers(train())
    other = numbers(train(SPLITS[0], SPLITS[1], toy(8, 301)))
    assert {**usual, "test": 0, "rows": 0} == {**other, "test": 0, "rows": 0}
    assert usual["test"] != other["test"]


@pytest.mark.slow
def test_nothing_is_printed_and_nothing_is_left_but_the_model(tmp_path, capfd, monkeypatch):
    monkeypatch.chdir(tmp_path)
    train()
    assert list(tmp_path.iterdir()) == []
    train(output_dir=tmp_path / "out")
    assert [path.name for path in tmp_path.iterdir()] == ["out"]
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["model"]
    assert capfd.readouterr().out == ""


@pytest.mark.slow
def test_rows_without_text_or_label_are_skipped_and_counted():
    holes = {"text": ["", None, " \n", "no label", "benchmark"], "label": [0, 1, 0, None, -1]}
    rows = {name: SPLITS[0][name][:] + values for name, values in holes.items()}
    result = train(Dataset.from_dict(rows, features=SPLITS[0].features), *SPLITS[1:])
    assert result["skipped"] == {"train": 5, "validation": 0, "test": 0}
    assert numbers({**result, "skipped": 0}) == numbers({**train(), "skipped": 0})


def relabelled(dataset, values, feature):
    columns = {"text": dataset["text"][:], "label": [values[i] for i in dataset["label"]]}
    return Dataset.from_dict(columns, features=Features({"text": Value("string"), "label": feature}))


@pytest.mark.slow
def test_label_columns_of_every_kind_train_alike():
    expected = numbers(train(max_steps=2))
    strings = [relabelled(split, NAMES, Value("string")) for split in SPLITS]
    integers = [relabelled(split, [0, 1], Value("int64")) for split in SPLITS]
    swapped = [relabelled(split, [1, 0], ClassLabel(names=NAMES[::-1])) for split in SPLITS]
    assert numbers(train(*strings, max_steps=2)) == expected
    assert numbers(train(*integers, label_names=NAMES, max_steps=2)) == expected
    assert (
        numbers(train(SPLITS[0], *swapped[1:], max_steps=2)) == expected
    )  # the name counts, not its number in that split
    stars = [relabelled(split, [1, 5], Value("int64")) for split in SPLITS]
    assert numbers(train(*stars, max_steps=2)) == {**expected, "label_names": ["1", "5"]}


@pytest.mark.slow
def test_other_columns_and_names_of_columns():
    splits = [
        split.rename_columns({"text": "review", "label": "verdict"}).add_column("id", range(len(split)))
        for split in SPLITS
    ]
    assert numbers(train(*splits, text="review", label="verdict", max_steps=2)) == numbers(train(max_steps=2))


def test_what_cannot_be_trained_is_refused():
    odd = relabelled(SPLITS[2], ["negative", "mixed"], Value("string"))
    with pytest.raises(
        ValueError, match=r"test rows hold the label 'mixed'; the classes are \['negative', 'positive'\]"
    ):
        train(SPLITS[0], SPLITS[1], odd)
    with pytest.raises(TypeError, match="DatasetDict with the splits"):
        train(DatasetDict({"train": SPLITS[0]}), *SPLITS[1:])
    with pytest.raises(TypeError, match="Expected a Dataset as train, got IterableDataset"):
        train(SPLITS[0].to_iterable_dataset(), *SPLITS[1:])
    with pytest.raises(ValueError, match="No column 'sentence' in the train rows"):
        train(text="sentence")
    with pytest.raises(ValueError, match="No column 'stars' in the train rows"):
        train(label="stars")
    with pytest.raises(ValueError, match="None of the 2 validation rows"):
        train(SPLITS[0], SPLITS[1].select([0, 1]).map(lambda row: {"text": ""}), SPLITS[2])
    with pytest.raises(ValueError, match="at least two classes"):
        train(relabelled(SPLITS[0], ["same", "same"], Value("string")), *SPLITS[1:])
    with pytest.raises(TypeError, match="no classifier here"):
        train(relabelled(SPLITS[0], [0.5, 1.5], Value("float32")), *SPLITS[1:])
    with pytest.raises(ValueError, match=r"label 7 has no name: there are 2"):
        train(relabelled(SPLITS[0], [0, 7], Value("int64")), *SPLITS[1:], label_names=NAMES)
    with pytest.raises(ValueError, match=r"unknown metric 'acuracy'. Did you mean 'accuracy'"):
        train(config=replace(QUICK, metrics=("acuracy",)))


@pytest.mark.slow
def test_a_tokenizer_without_padding_serves_the_lstm_and_stays_as_it_was():
    tokenizer = train_tokenizer(SPLITS[0]["text"], size=400)
    tokenizer.pad_token, tokenizer.eos_token = None, "[PAD]"
    result = train(tokenizer=tokenizer, max_steps=45)
    assert result["test"]["accuracy"] >= 0.9
    assert tokenizer.pad_token is None


# What is saved


READ = """
import json, sys
from transformers import AutoModelForSequenceClassification, AutoTokenizer
model = AutoModelForSequenceClassification.from_pretrained(sys.argv[1], trust_remote_code={trust})
tokenizer = AutoTokenizer.from_pretrained(sys.argv[1], trust_remote_code={trust})
texts = ["The film was dull, visit 3", "a GREAT show", ""]
logits = model.eval()(**tokenizer(texts, padding=True, return_tensors="pt")).logits
json.dump([model.config.id2label[i] for i in logits.argmax(-1).tolist()] + logits.tolist(), sys.stdout)
"""


@pytest.mark.slow
def test_the_saved_model_loads_anywhere(trained, tmp_path):
    result, output = trained
    folder = output / "model"
    assert result["model"] == str(folder)
    imported = in_a_fresh_process("import hf_augment.classifiers" + READ.format(trust=None), folder)
    assert imported[:2] == ["negative", "positive"]
    carried = in_a_fresh_process(READ.format(trust=True), folder, HF_MODULES_CACHE=str(tmp_path))
    assert carried == imported
    model = LSTMForSequenceClassification.from_pretrained(folder).eval()
    tokenizer = AutoTokenizer.from_pretrained(folder)
    texts = ["The film was dull, visit 3", "a GREAT show", ""]
    with torch.no_grad():
        here = model(**tokenizer(texts, padding=True, return_tensors="pt")).logits
    assert torch.allclose(here, torch.tensor(imported[3:]), atol=1e-6)


@pytest.mark.slow
def test_the_saved_model_works_in_a_pipeline(trained):
    from transformers import pipeline

    classify = pipeline("text-classification", model=str(trained[1] / "model"), device="cpu")
    found = classify(["The book was awful, visit 1", "The meal was lovely, visit 2"], batch_size=2)
    assert [answer["label"] for answer in found] == NAMES


# Any encoder


@pytest.mark.slow
def test_an_encoder_is_fine_tuned(encoder, tmp_path):
    config = replace(QUICK, classifier=str(encoder))
    first, second = (train(config=config, max_steps=60, output_dir=tmp_path / name) for name in ("a", "b"))
    assert numbers(first) == numbers(second)
    assert first["test"]["accuracy"] >= 0.9
    saved = BertForSequenceClassification.from_pretrained(tmp_path / "a" / "model")
    assert saved.config.id2label == {0: "negative", 1: "positive"}  # three classes before
    weights = [(tmp_path / name / "model" / "model.safetensors").read_bytes() for name in ("a", "b")]
    assert weights[0] == weights[1]


@pytest.mark.slow
def test_a_classifier_that_we_trained_can_be_trained_on(trained):
    config = replace(QUICK, classifier=str(trained[1] / "model"), learning_rate=1e-6)
    assert train(config=config, max_steps=1)["test"] == pytest.approx(trained[0]["test"], abs=1e-3)


def test_an_encoder_keeps_its_own_tokenizer(encoder):
    with pytest.raises(ValueError, match="has a tokenizer of its own"):
        train(config=replace(QUICK, classifier=str(encoder)), tokenizer=train_tokenizer(["a", "b"]))


def test_a_classifier_that_is_nowhere_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match="no/where"):
        train(config=replace(QUICK, classifier="no/where"))
