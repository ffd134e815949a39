"""One side of a translation from the other: back-translation of monolingual targets, forward translation, tags."""

import pytest
from datasets import Dataset

from hf_augment import Augment, Compose, Synonym, Translate, Typo, build
from tests.tiny_seq2seq import translator

TARGETS = ["The soup was cold, and so were they.", "Room 12 was dull.", "...", "A waste of money!"]


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return str(translator(tmp_path_factory.mktemp("model") / "there"))


def pairs(sources, targets):
    return Dataset.from_dict({"source": sources, "target": targets})


def written(out):
    return [row for row in out if row["copy"] > 0]


@pytest.mark.parametrize("nothing", [None, ""])
def test_monolingual_targets_become_pairs(model, nothing):
    augment = Augment(Translate(model=model), task="translation", field="source", copies=2)
    out = pairs([nothing] * 4, TARGETS).cast_column("source", Dataset.from_dict({"x": [""]}).features["x"])
    out = out.map(augment, batched=True)
    new = written(out)
    assert {row["augmented_by"] for row in new} == {"translate"}
    assert all(row["source"] and row["source"] != row["target"] for row in new)
    assert {row["target"] for row in new} <= set(TARGETS)
    assert all("12" in row["source"] for row in new if "12" in row["target"])
    assert "no words" in {row["declined"] for row in out if row["target"] == "..."}.pop()


def test_the_other_way_round_the_target_is_written(model):
    augment = Augment(Translate(model=model), task="translation", field="target")
    [row] = written(pairs([TARGETS[0]], ["gone"]).map(augment, batched=True))
    assert row["source"] == TARGETS[0]
    assert row["target"] not in (TARGETS[0], "gone")


def test_nested_translations_too(model):
    rows = Dataset.from_dict({"translation": [{"en": "", "de": TARGETS[0]}]})
    augment = Augment(Translate(model=model), task="translation", field="source")
    [row] = written(rows.map(augment, batched=True))
    assert row["translation"]["de"] == TARGETS[0]
    assert row["translation"]["en"]


def test_a_tag_marks_sources_and_is_no_part_of_them(model):
    augment = Augment(Translate(model=model, tag="<BT> "), task="translation", field="source")
    plain = Augment(Translate(model=model), task="translation", field="source")
    given = pairs([""], [TARGETS[1]])
    [tagged], [same] = written(given.map(augment, batched=True)), written(given.map(plain, batched=True))
    assert tagged["source"] == "<BT> " + same["source"]
    with pytest.raises(ValueError, match="marks sources that were written, and here targets are"):
        Augment(Translate(model=model, tag="<BT> "), task="translation", field="target")(
            {"source": ["A waste."], "target": [""]}
        )


def test_noise_may_follow(model):
    noised = Compose(transforms=[Translate(model=model), Typo(rate=0.5)])
    [row] = written(pairs([""], [TARGETS[0]]).map(Augment(noised, task="translation", field="source"), batched=True))
    assert row["augmented_by"] == "translate+typo"


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda model: Augment(Translate(model=model), text="text"),
            "'translate' makes no sense in the task 'text-classification': it reads the translation of a row, and this",
        ),
        (
            lambda model: Augment(Translate(model=model), task="summarization"),
            "it reads the translation of a row, and this task has none",
        ),
        (lambda model: Translate(model=model, to_language="de"), "'from_language' and 'to_language' belong together"),
        (lambda model: Translate(model=model, beams=0), "translate: beams"),
    ],
)
def test_what_makes_no_sense_is_refused(model, make, message):
    with pytest.raises(ValueError, match=message):
        make(model)


def test_it_needs_no_text_and_a_pipeline_that_begins_otherwise_does(model):
    assert Translate(model=model).reads == ("translation",)
    both = build({"name": "compose", "transforms": [Synonym().to_spec(), Translate(model=model).to_spec()]})
    assert both.reads == ("text", "translation")
