"""Mentions give way to others of their type: from a table or a list, as many as asked for, never to themselves."""

import json
from collections import Counter

import pytest
from datasets import ClassLabel, Dataset, DatasetDict, Features, List, Value
from datasets.fingerprint import Hasher
from hypothesis import given
from hypothesis import strategies as st

from hf_augment import Augment, Compose, MentionSwap, RandomSwap
from hf_augment.streams import row_key, stream
from hf_augment.tasks import bind_task
from hf_augment.transform import Declined, Row, Written
from tests.contract import assert_only_edited

TASK = "token-classification"
TOKENS = ["Anna", "Bell", "flew", "from", "Paris", "to", "New", "York", "with", "Li", "."]
TAGS = ["B-PER", "I-PER", "O", "O", "B-LOC", "O", "B-LOC", "I-LOC", "O", "B-PER", "O"]
MENTIONS = {"PER": ["Jean-Luc de la Tour", "ANNA bell", "McBo"], "LOC": ["Oslo", "paris"]}


def row_of(tokens=TOKENS, tags=TAGS) -> Row:
    (row,) = bind_task(TASK, ["tokens", "tags"]).rows([tokens, tags])
    return row


def written(swap: MentionSwap, row: Row | None = None, copies: int = 1) -> list[Written | Declined]:
    row = row or row_of()
    return swap.apply([row] * copies, [stream(0, swap.name, row_key(row.text), copy) for copy in range(copies)])


def split(tokens=(TOKENS,), tags=(TAGS,)) -> Dataset:
    return Dataset.from_dict({"tokens": list(tokens), "ner_tags": list(tags)})


def put_in(outcome: Written) -> list[str]:
    return [edit.new for edit in outcome.notes["edits"][0]]


def test_a_mention_is_swapped_for_another_one_of_its_type_in_the_case_of_the_table():
    put = Counter()
    for outcome in written(MentionSwap(mentions=MENTIONS, rate=1.0), copies=400):
        assert_only_edited(row_of().text, outcome)
        put.update(zip(["Anna Bell", "Paris", "New York", "Li"], put_in(outcome), strict=True))
    assert set(put) == {
        *(("Anna Bell", new) for new in ("Jean-Luc de la Tour", "McBo")),  # not for itself, in whatever case
        ("Paris", "Oslo"),
        *(("New York", new) for new in ("Oslo", "paris")),
        *(("Li", new) for new in MENTIONS["PER"]),
    }
    for new in MENTIONS["PER"]:
        assert put["Li", new] == pytest.approx(400 / 3, abs=40)


@pytest.mark.parametrize(("rate", "count"), [(0.0, 1), (0.25, 1), (0.5, 2), (0.8, 3), (1.0, 4)])
def test_the_rate_is_a_share_of_the_mentions(rate, count):
    assert {len(put_in(outcome)) for outcome in written(MentionSwap(mentions=MENTIONS, rate=rate), copies=50)} == {
        count
    }


def test_what_is_reserved_stays():
    swap = MentionSwap(mentions=MENTIONS, rate=1.0, reserved=["york"], protect=["Li"])
    assert all("New York" in outcome.text and "Li ." in outcome.text for outcome in written(swap, copies=20))
    everything = MentionSwap(mentions=MENTIONS, protect=[".+"])
    assert written(everything) == [Declined("nothing to change")]


def test_why_there_is_no_copy_is_said():
    swap = MentionSwap(mentions={"PER": ["Bo"]})
    assert written(swap, row_of(["a", "room"], ["O", "O"])) == [Declined("no mentions")]
    assert written(swap, Row("Anna left")) == [Declined("no mentions")]
    assert written(swap, row_of(["Oslo", "is", "far"], ["S-LOC", "O", "O"])) == [
        Declined("no mentions to put in for LOC")
    ]
    assert written(swap, row_of(["BO", "left"], ["B-PER", "O"])) == [Declined("nothing to change")]


def test_mentions_are_still_found_after_other_steps():
    chain = Compose(transforms=[RandomSwap(rate=0.5), MentionSwap(mentions=MENTIONS, rate=1.0), RandomSwap()])
    out = Augment(chain, task=TASK, copies=30)(dict(split()[:]))
    assert len(out["tokens"]) == 31
    assert all("mention_swap" in by for by in out["augmented_by"][1:])
    assert out["augmented_by"].count("random_swap+mention_swap+random_swap") > 20  # two swaps can undo each other
    for tokens, tags in zip(out["tokens"][1:], out["ner_tags"][1:], strict=True):
        row = row_of(tokens, tags)
        assert row.context["types"] == ["PER", "LOC", "LOC", "PER"]
        mentions = [row.text[slice(*span)] for span in row.fixed]
        assert all(new in MENTIONS[kind] for new, kind in zip(mentions, row.context["types"], strict=True))


WORDS = st.text(st.characters(codec="utf-8", exclude_categories=["Z", "C"]), min_size=1, max_size=5)
PHRASES = st.lists(WORDS, min_size=1, max_size=3).map(" ".join)


@given(st.dictionaries(st.sampled_from(["PER", "LOC"]), st.lists(PHRASES, min_size=1, max_size=4), min_size=1))
def test_any_mentions(mentions):
    out = Augment(MentionSwap(mentions=mentions, rate=1.0), task=TASK, copies=3)(dict(split()[:]))
    for tokens, tags, copy in zip(out["tokens"], out["ner_tags"], out["copy"], strict=True):
        row = row_of(tokens, tags)
        assert row.context["types"] == ["PER", "LOC", "LOC", "PER"]
        for span, old, kind in zip(
            row.fixed, ("Anna Bell", "Paris", "New York", "Li"), row.context["types"], strict=True
        ):
            new = row.text[slice(*span)]
            assert new == old or (copy and new in mentions[kind])
    assert len(out["tokens"]) == 4 or out["declined"][0]


# -- the table ---------------------------------------------------------------------------------------------------------


def test_the_table_holds_each_mention_once_by_type(tmp_path):
    tokens = [TOKENS, ["PARIS", "called", "Paris"], ["paris"], None, [], ["x"], ["Li", "li", "Li"]]
    tags = [TAGS, ["B-LOC", "O", "B-LOC"], ["B-LOC"], ["O"], [], ["O", "O"], ["B-PER", "O", "B-PER"]]
    folder = MentionSwap.fit(split(tokens, tags), tmp_path / "mentions")
    found = json.loads((tmp_path / "mentions" / "mentions.json").read_text())
    assert folder == str(tmp_path / "mentions")
    assert found["mentions"] == {"LOC": ["New York", "Paris"], "PER": ["Anna Bell", "Li"]}
    assert found["left_out"] == {"no tokens": 2, "not one tag a token": 1}


def test_the_table_reads_numbers_streams_and_other_names(tmp_path):
    names = ["O", "B-PER", "I-PER", "B-LOC", "I-LOC"]
    numbers = [[names.index(tag) for tag in TAGS]]
    features = Features({"pieces": List(Value("string")), "fine": List(ClassLabel(names=names))})
    given = Dataset.from_dict({"pieces": [TOKENS], "fine": numbers}, features=features)
    expected = MentionSwap(table=MentionSwap.fit(split(), tmp_path / "a")).references()
    for name, dataset, more in (
        ("numbers", given, {}),
        ("stream", given.to_iterable_dataset(), {}),
        ("names", Dataset.from_dict({"pieces": [TOKENS], "fine": numbers}), {"label_names": names}),
    ):
        folder = MentionSwap.fit(dataset, tmp_path / name, tokens="pieces", tags="fine", **more)
        assert MentionSwap(table=folder).references() == expected, name


def test_the_order_of_the_rows_changes_no_table(tmp_path):
    rows = split([["Bo", "x"], ["BO", "x"], ["Bo", "y"], TOKENS], [["B-PER", "O"]] * 3 + [TAGS])
    again = rows.select([3, 1, 0, 2])
    one, two = MentionSwap.fit(rows, tmp_path / "one"), MentionSwap.fit(again, tmp_path / "two")
    assert MentionSwap(table=one).references() == MentionSwap(table=two).references()


def test_fitting_again_is_noticed(tmp_path):
    folder = MentionSwap.fit(split(), tmp_path / "mentions")
    before, texts = Hasher.hash(MentionSwap(table=folder)), written(MentionSwap(table=folder), copies=5)
    MentionSwap.fit(split([["Bo", "saw", "Rome"]], [["B-PER", "O", "B-LOC"]]), folder)
    assert Hasher.hash(MentionSwap(table=folder)) != before
    assert written(MentionSwap(table=folder), copies=5) != texts


def test_a_saved_augment_notices_another_table(tmp_path):
    folder = MentionSwap.fit(split(), tmp_path / "mentions")
    augment = Augment(MentionSwap(table=folder), task=TASK)
    augment.save_pretrained(tmp_path / "augment")
    assert Augment.from_pretrained(tmp_path / "augment") == augment
    MentionSwap.fit(split([["Bo"]], [["B-PER"]]), folder)
    with pytest.raises(ValueError, match=r"other files behind it \(transform\.table\)"):
        Augment.from_pretrained(tmp_path / "augment")
    with pytest.raises(ValueError, match=r"mention_swap: table: .* is on this machine alone"):
        augment.push_to_hub("me/mentions")


def test_wrong_uses_are_named(tmp_path):
    with pytest.raises(ValueError, match="expected a table or mentions, got neither"):
        MentionSwap()
    with pytest.raises(ValueError, match="expected a table or mentions, got both"):
        MentionSwap(table="mentions", mentions=MENTIONS)
    with pytest.raises(ValueError, match="mentions: 'PER': expected mentions, got"):
        MentionSwap(mentions={"PER": ["Bo", " "]})
    with pytest.raises(ValueError, match="from 0 to 1"):
        MentionSwap(mentions=MENTIONS, rate=2)
    with pytest.raises(
        ValueError, match=r"'mention_swap' makes no sense in the task 'text-classification': it reads the types"
    ):
        Augment(MentionSwap(mentions=MENTIONS), text="text")
    with pytest.raises(TypeError, match=r"dataset\['train'\]"):
        MentionSwap.fit(DatasetDict({"train": split(), "test": split()}), tmp_path / "mentions")
    with pytest.raises(TypeError, match="Expected a Dataset"):
        MentionSwap.fit([{"tokens": TOKENS}], tmp_path / "mentions")
    with pytest.raises(ValueError, match="Did you mean 'tokens'"):
        MentionSwap.fit(split(), tmp_path / "mentions", tokens="token")
    with pytest.raises(ValueError, match="no mention to make a table of"):
        MentionSwap.fit(split([["a"]], [["O"]]), tmp_path / "mentions")
    (tmp_path / "empty").mkdir()
    (tmp_path / "empty" / "notes.txt").write_text("nothing")
    with pytest.raises(FileNotFoundError, match="holds no mentions"):
        written(MentionSwap(table=str(tmp_path / "empty")))
