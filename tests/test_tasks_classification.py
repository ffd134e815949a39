"""Texts with labels: the columns that are found, labels of every kind, and specs from before there were other tasks."""

import json
import pickle

import pytest
from datasets import ClassLabel, Dataset, Features, IterableDataset, List, Value
from datasets.fingerprint import Hasher

from hf_augment import Antonym, Augment, RandomSwap
from hf_augment.apply import augment_dataset

SWAP = RandomSwap(rate=0.5)
TEXT = "one two three four five six"


@pytest.mark.parametrize(
    ("columns", "rewritten"),
    [
        (["text"], ["text"]),
        (["sentence", "idx"], ["sentence"]),
        (["content", "title"], ["content"]),
        (["premise", "hypothesis"], ["premise", "hypothesis"]),
        (["sentence1", "sentence2"], ["sentence1", "sentence2"]),
        (["question1", "question2", "label"], ["question1", "question2"]),
    ],
)
def test_columns_are_found_by_their_usual_names(columns, rewritten):
    given = Dataset.from_dict({name: [f"{TEXT} {name}"] for name in columns})
    out = given.map(Augment(SWAP), batched=True)
    assert [name for name in columns if out[name][0] != out[name][1]] == rewritten
    assert out.to_list() == given.map(Augment(SWAP, text=rewritten), batched=True).to_list()


def test_columns_and_text_name_the_same():
    given = Dataset.from_dict({"review": [TEXT]})
    with pytest.raises(ValueError, match=r"'text'.*the dataset has \['review'\].*columns=\{'text': 'review'\}"):
        given.map(Augment(SWAP), batched=True)
    by_role = given.map(Augment(SWAP, columns={"text": "review"}), batched=True)
    assert by_role.to_list() == given.map(Augment(SWAP, text="review"), batched=True).to_list()
    with pytest.raises(ValueError, match=r"text='review' names the column already"):
        Augment(SWAP, text="review", columns={"text": "review"})
    with pytest.raises(ValueError, match=r"columns=\{'messages': 'review'\}"):
        Augment(SWAP, task="dialogue", text="review")


FLIP = Antonym(flip={"bad": "good", "good": "bad"}, least=0.0)


@pytest.mark.parametrize(
    ("feature", "labels", "flipped"),
    [
        (Value("string"), ["good", "bad", None], ["bad", "good"]),
        (ClassLabel(names=["bad", "good"]), [1, 0, -1], [0, 1]),
    ],
)
@pytest.mark.parametrize("kind", [None, "numpy"])
def test_a_label_that_turns_is_stored_as_the_column_has_it(feature, labels, flipped, kind):
    features = Features({"text": Value("string"), "label": feature})
    given = Dataset.from_dict({"text": ["a good day"] * 3, "label": labels}, features=features).with_format(kind)
    out = given.map(Augment(FLIP, label="label").bind(given), batched=True).with_format(None)
    assert [row["label"] for row in out if row["copy"]] == flipped
    assert [row["declined"] for row in out if row["declined"]] == ["no label"]


@pytest.mark.parametrize(
    ("feature", "labels"),
    [
        (Value("float32"), [0.5, None]),
        (List(ClassLabel(names=["a", "b"])), [[0, 1], []]),
        (Value("bool"), [True, None]),
    ],
)
def test_labels_that_nobody_reads_may_be_anything(feature, labels):
    features = Features({"text": Value("string"), "label": feature})
    given = Dataset.from_dict({"text": [TEXT, TEXT], "label": labels}, features=features)
    out = given.map(Augment(SWAP, label="label"), batched=True)
    assert out["label"][:] == [labels[0], labels[0], labels[1], labels[1]]
    assert out.features["label"] == feature


OLD_SPEC = {
    "transform": {"name": "random_swap", "version": 1, "protect": [], "reserved": [], "rate": 0.5},
    "text": "text",
    "label": "label",
    "task": "text-classification",
    "copies": 1,
    "keep_original": True,
    "seed": 0,
    "key": None,
    "label_names": None,
    "versions": {"augment": 1, "streams": 1, "words": 1},
}


def test_a_spec_from_before_there_were_other_tasks_is_the_same(tmp_path):
    augment = Augment(SWAP, text="text", label="label")
    assert augment.to_spec() == OLD_SPEC
    assert Augment.from_spec(OLD_SPEC) == augment
    (tmp_path / "augment.json").write_text(json.dumps({"spec": OLD_SPEC, "identity": OLD_SPEC}), encoding="utf-8")
    assert Augment.from_pretrained(tmp_path) == augment  # raises where the identity is another


@pytest.mark.parametrize(
    "settings",
    [
        {"task": "dialogue", "field": "reply"},
        {"task": "dialogue", "field": "user"},
        {"task": "translation", "columns": {"source": "en", "target": "de"}},
        {"task": "question-answering", "field": "context", "columns": {"context": "passage"}},
        {"columns": {"text": "review"}},
    ],
)
def test_an_augment_of_any_task_is_a_value(settings, tmp_path):
    augment = Augment(SWAP, **settings)
    assert Augment.from_spec(json.loads(json.dumps(augment.to_spec()))) == augment
    assert pickle.loads(pickle.dumps(augment)) == augment
    assert hash(pickle.loads(pickle.dumps(augment))) == hash(augment)
    augment.save_pretrained(tmp_path)
    assert Augment.from_pretrained(tmp_path) == augment
    assert Hasher.hash(augment) == Hasher.hash(Augment.from_spec(augment.to_spec()))
    others = [Augment(SWAP, **{**settings, "seed": 1}), Augment(SWAP, text="text")]
    assert len({Hasher.hash(one) for one in (augment, *others)}) == 3
    assert Hasher.hash(Augment(SWAP, task="dialogue")) == Hasher.hash(Augment(SWAP, task="dialogue", field="user"))


def test_a_stream_without_features_can_be_bound():
    made = IterableDataset.from_generator(lambda: iter([{"tokens": ["a"], "ner_tags": ["O"]}]))
    for task in ("text-classification", "token-classification", "dialogue"):
        augment = Augment(SWAP, task=task)
        assert augment.bind(made) == augment


def test_the_other_splits_of_another_task_get_the_columns():
    from datasets import DatasetDict

    row = {"question": [TEXT], "context": ["a b"], "answers": [{"text": ["a"], "answer_start": [0]}]}
    splits = DatasetDict(
        {"train": Dataset.from_dict(row), "test": Dataset.from_dict({"question": [TEXT], "context": ["a"]})}
    )
    out = augment_dataset(splits, Augment(SWAP, task="question-answering"))
    assert out["train"]["copy"][:] == [0, 1]
    assert out["test"]["copy"][:] == [0]
    assert out["test"]["augmented_by"][:] == ["original"]
