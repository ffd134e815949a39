"""What ships for each task: rows that are what they say, apart from each other's splits; and recipes that read them."""

import json
from collections import Counter
from pathlib import Path

import pytest

from hf_augment.blocks import PreprocessConfig
from hf_augment.candidates import augmented_by, planned
from hf_augment.data import bound, load_data
from hf_augment.examples import usable_rows
from hf_augment.recipe import load_recipe
from hf_augment.run import check_ahead
from hf_augment.tasks import TASKS

ROOT = Path(__file__).parent.parent
SETS = ["phrases", "dialogues", "abstracts", "entities", "questions"]
RECIPES = sorted(file.stem for file in (ROOT / "recipes").glob("*.yaml"))


def loaded(name, field=None):
    recipe = load_recipe(name)
    return load_data(recipe.data, PreprocessConfig(), 0), recipe


def test_there_is_one_for_each_task():
    tasks = {load_recipe(name).data.task for name in SETS}
    assert tasks == set(TASKS) - {"text-classification"}


@pytest.mark.parametrize("name", SETS)
def test_every_row_can_be_learnt_from_and_rewritten(name):
    data, recipe = loaded(name)
    card = (ROOT / "hf_augment" / "embedded" / name / "README.md").read_text(encoding="utf-8")
    assert " | ".join(str(len(data[split])) for split in ("train", "validation", "test")) in card
    assert sum(map(len, data.values())) >= 50
    for split in data.values():
        task = bound(recipe.data, split)
        for values in zip(*(split[column] for column in task.reads()), strict=True):
            assert task.pair(values) is not None
            assert not isinstance(task.rows(values), str)


@pytest.mark.parametrize("name", SETS)
def test_no_text_stands_in_two_splits(name):
    data, _ = loaded(name)
    first = {"questions": "context", "phrases": "en", "abstracts": "document"}.get(name)
    said = [{json.dumps(row[first] if first else row) for row in split} for split in data.values()]
    assert max(Counter(text for texts in said for text in texts).values()) == 1
    everything = [row for split in data.values() for row in split]
    assert len({json.dumps(row) for row in everything}) == len(everything)


def test_answers_are_words_of_their_own():
    data, _ = loaded("questions")
    for row in (row for split in data.values() for row in split):
        [text], [start] = row["answers"]["text"], row["answers"]["answer_start"]
        around = row["context"][max(0, start - 1) : start] + row["context"][start + len(text) :][:1]
        assert not any(character.isalnum() for character in around), row
        assert row["question"].endswith("?")


def test_mentions_begin_with_b_and_sentences_end():
    data, _ = loaded("entities")
    for row in (row for split in data.values() for row in split):
        assert row["tokens"][-1] == "."
        for before, tag in zip(["O", *row["ner_tags"]], row["ner_tags"], strict=False):
            assert not tag.startswith("I-") or before[2:] == tag[2:], row


def test_dialogues_alternate():
    data, _ = loaded("dialogues")
    for row in (row for split in data.values() for row in split):
        assert [message["role"] for message in row["messages"]] == ["user", "assistant", "user", "assistant"]


@pytest.mark.parametrize("name", RECIPES)
def test_every_recipe_is_dry_run(name):
    """As far as it goes without the Hub: the data, what is trained on, and what would be asked for how many copies."""
    recipe = load_recipe(name)
    if not recipe.data.path.startswith("embedded:"):
        assert recipe.augment is None or recipe.transform()
        return
    if recipe.select is None and recipe.study is None:
        check_ahead(recipe)
    data = load_data(recipe.data, recipe.preprocess, recipe.seed)
    if recipe.train is not None:
        rows, skipped = usable_rows(data["train"], recipe.data, recipe.train.prompt)
        assert len(rows) >= len(data["train"])
        assert not skipped
    if recipe.augment is not None and recipe.train is None:
        assert augmented_by(recipe).task == recipe.data.task
    if recipe.augment is not None:
        assert len(planned(recipe, data)["train"]) == len(data["train"])


@pytest.mark.slow
def test_tags_go_with_the_words_of_a_masked_model():
    data, recipe = loaded("entities")
    some = data["train"].select(range(8))
    out = some.map(augmented_by(recipe), batched=True)
    new = [row for row in out if row["copy"]]
    assert new
    for row in new:
        assert len(row["tokens"]) == len(row["ner_tags"])
        old = next(
            one
            for one in some
            if [t for t in one["ner_tags"] if t != "O"] == [t for t in row["ner_tags"] if t != "O"]
            and set(one["tokens"]) & set(row["tokens"])
        )
        assert old
