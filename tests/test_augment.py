import dataclasses
import pickle

import pytest
from datasets import (
    ClassLabel,
    Dataset,
    DatasetDict,
    Features,
    IterableDataset,
    List,
    Value,
    concatenate_datasets,
    load_from_disk,
)
from datasets.fingerprint import Hasher
from hypothesis import given, settings
from hypothesis import strategies as st

from hf_augment import Augment, Compose, RandomSwap, Sometimes, Written
from hf_augment.apply import augment_dataset
from hf_augment.transform import Transform
from tests.contract import NAMES, TEXTS, augment_with, dataset

SWAP = RandomSwap(rate=0.3)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Shout(Transform):
    """Say the label aloud."""

    name = "tests.test_augment:Shout"
    reads = ("label",)

    def apply(self, rows, streams):
        return [
            Written(f"{row.label}! {stream.below(1000)}", self.name) for row, stream in zip(rows, streams, strict=True)
        ]


def listed(rows) -> list[dict]:
    return sorted((dict(row) for row in rows), key=lambda row: (row["source_id"], row["copy"], str(row)))


def test_each_row_is_followed_by_its_copies():
    out = dataset().map(augment_with(SWAP, copies=3), batched=True)
    for i in range(len(out)):
        assert out[i]["augmented_by"] == ("original" if out[i]["copy"] == 0 else "random_swap")
    first = out.filter(lambda row: row["id"] == 0)
    assert first["copy"] == [0, 1, 2, 3]
    assert first["text"][0] == TEXTS[0]
    assert len(set(first["source_id"])) == 1
    assert len(set(first["text"])) == 4


def test_without_originals_a_declined_row_stays():
    out = dataset(["ok", "one two three"]).map(augment_with(SWAP, keep_original=False, copies=2), batched=True)
    assert out["text"][0] == "ok"
    assert out["declined"] == ["nothing to change; nothing to change", "", ""]
    assert out["augmented_by"] == ["original", "random_swap", "random_swap"]


def test_without_originals_the_first_copy_carries_the_reasons():
    some = Sometimes(transform=SWAP, rate=0.5)
    out = dataset(["one two three four five"] * 1).map(augment_with(some, keep_original=False, copies=8), batched=True)
    assert "original" not in out["augmented_by"]
    assert out["declined"][0].count("not drawn") == 8 - len(out)
    assert set(out["declined"][1:]) <= {""}


def test_unbatched_rewrites_in_place():
    out = dataset(["one two three", "ok"]).map(augment_with(SWAP, copies=1))
    assert out["copy"] == [1, 0]
    assert out["declined"] == ["", "nothing to change"]
    assert out["text"][0] != "one two three"


def test_growth_needs_batches():
    with pytest.raises(ValueError, match=r"copies=2 makes rows.*batched=True"):
        dataset().map(augment_with(SWAP))


def test_copies_may_be_a_column():
    given = dataset(TEXTS[:4]).add_column("copies", [0, 1, 2, 3])
    out = given.map(augment_with(SWAP, copies="copies"), batched=True)
    assert [out["id"].count(i) - 1 for i in range(4)] == [0, 1, 2, 3]
    with pytest.raises(ValueError, match=r"'copies' says -1 copies"):
        dataset(TEXTS[:1]).add_column("copies", [-1]).map(augment_with(SWAP, copies="copies"), batched=True)


def test_zero_copies_only_add_the_columns():
    out = dataset([*TEXTS, None]).map(augment_with(SWAP, copies=0), batched=True)
    assert out["text"] == [*TEXTS, None]
    assert set(out["declined"]) == {""}


@pytest.mark.parametrize("batch_size", [1, 7, 1000, None])
def test_batch_size_changes_nothing(batch_size):
    whole = dataset().map(augment_with(SWAP), batched=True)
    assert listed(dataset().map(augment_with(SWAP), batched=True, batch_size=batch_size)) == listed(whole)


@pytest.mark.slow
def test_processes_order_shards_and_streams_change_nothing():
    given = dataset([f"{text} {i}" for i in range(20) for text in TEXTS])
    augment = augment_with(SWAP)
    whole = listed(given.map(augment, batched=True))
    assert listed(given.map(augment, batched=True, num_proc=2)) == whole
    assert listed(given.shuffle(seed=3).map(augment, batched=True)) == whole
    shards = [given.shard(5, i, contiguous=False).map(augment, batched=True) for i in range(5)]
    assert listed(concatenate_datasets(shards)) == whole
    stream = given.to_iterable_dataset(num_shards=3)
    streamed = stream.map(augment, batched=True, batch_size=11, features=augment.features(stream.features))
    assert listed(streamed) == whole
    assert listed(streamed.shuffle(seed=1, buffer_size=50)) == whole
    assert streamed.features == given.map(augment, batched=True).features


def test_equal_rows_get_equal_copies_unless_a_key_tells_them_apart():
    given = dataset(["one two three four five six"] * 2)
    same = given.map(augment_with(SWAP), batched=True)
    assert same["text"][1:3] == same["text"][4:6]
    apart = given.map(augment_with(SWAP, key="id"), batched=True)
    assert apart["text"][1:3] != apart["text"][4:6]
    assert apart["source_id"] == ["0", "0", "0", "1", "1", "1"]


def test_another_seed_writes_other_texts():
    assert (
        dataset().map(augment_with(SWAP), batched=True)["text"]
        != dataset().map(augment_with(SWAP, seed=1), batched=True)["text"]
    )


def test_two_text_columns_are_rewritten_together():
    given = Dataset.from_dict({"premise": ["one two three", "ok"], "hypothesis": ["one two three", "four five six"]})
    out = given.map(Augment(SWAP, text=["premise", "hypothesis"], copies=1), batched=True)
    first, second = out[1], out[3]
    assert first["premise"] != "one two three" != first["hypothesis"]
    assert second["premise"] == "ok"
    assert second["hypothesis"] != "four five six"


def test_nested_columns_and_their_types_survive():
    features = Features(
        {
            "text": Value("large_string"),
            "tags": List(ClassLabel(names=["x", "y"])),
            "meta": {"when": Value("timestamp[s]"), "scores": List(Value("float32"))},
        }
    )
    rows = {"text": ["one two three"], "tags": [[0, 1]], "meta": [{"when": None, "scores": [0.5]}]}
    out = Dataset.from_dict(rows, features=features).map(Augment(SWAP, text="text"), batched=True)
    assert {name: out.features[name] for name in features} == features
    assert out["tags"] == [[0, 1], [0, 1]]
    assert out["meta"][1] == {"when": None, "scores": [0.5]}


@pytest.mark.parametrize("kind", ["numpy", "arrow", "torch"])
def test_the_dataset_may_have_a_format(kind):
    plain = dataset().map(augment_with(SWAP), batched=True)
    formatted = dataset().with_format(kind).map(augment_with(SWAP), batched=True)
    assert formatted.with_format(None).to_dict() == plain.to_dict()
    assert formatted.features == plain.features


def test_a_format_without_columns_of_arrow_is_refused():
    with pytest.raises(TypeError, match=r"got DataFrame.*with_format\(None\)"):
        dataset().with_format("pandas").map(augment_with(SWAP), batched=True)


def test_a_label_is_read_by_name():
    out = dataset(["a", "b"]).map(Augment(Shout(), text="text", label="label", copies=1), batched=True)
    assert out["text"][1].startswith("negative!")
    assert out["text"][3].startswith("positive!")
    assert out["label"] == [0, 0, 1, 1]


def test_streams_learn_label_names_by_bind():
    stream = dataset(["a", "b"]).to_iterable_dataset()
    augment = Augment(Shout(), text="text", label="label", copies=1)
    with pytest.raises(ValueError, match=r"augment\.bind\(dataset\)"):
        list(stream.map(augment, batched=True, features=augment.features(stream.features)))
    bound = augment.bind(stream)
    assert bound.label_names == tuple(NAMES)
    out = list(stream.map(bound, batched=True, features=bound.features(stream.features)))
    assert [row["text"].split("!")[0] for row in out if row["copy"]] == NAMES


def test_unnamed_labels_matter_only_to_who_reads_them():
    given = Dataset.from_dict({"text": ["one two three"], "label": [1]})
    assert len(given.map(Augment(SWAP, text="text", label="label"), batched=True)) == 2
    with pytest.raises(ValueError, match="label_names="):
        given.map(Augment(Shout(), text="text", label="label"), batched=True)
    named = Augment(Shout(), text="text", label="label", label_names=["bad", "good"])
    assert given.map(named, batched=True)["text"][1].startswith("good!")


def test_a_row_without_label_is_declined_by_who_reads_it():
    given = dataset(["a", "b"]).map(lambda row: {"label": -1 if row["text"] == "a" else 1})
    out = given.map(Augment(Shout(), text="text", label="label"), batched=True)
    assert out["declined"] == ["no label", "", ""]


def test_rows_of_a_label_alone_need_a_key():
    given = dataset([None, ""])
    out = given.map(Augment(Shout(), text="text", label="label"), batched=True)
    assert out["declined"] == ["text is None", "text is empty"]
    keyed = given.map(Augment(Shout(), text="text", label="label", key="id", keep_original=False), batched=True)
    assert [text.split("!")[0] for text in keyed["text"]] == NAMES


def test_unbatched_streams_tell_a_row_by_what_is_no_list():
    stream = dataset(TEXTS[:3]).to_iterable_dataset()
    assert [row["copy"] for row in stream.map(augment_with(SWAP, copies=1))] == [1, 1, 1]
    lists = IterableDataset.from_generator(lambda: iter([{"text": ["a", "list"], "label": "x", "id": 1}]))
    [row] = lists.map(augment_with(SWAP, copies=1))
    assert (row["text"], row["declined"]) == (["a", "list"], "text is not a string")
    unclear = IterableDataset.from_generator(lambda: iter([{"text": ["a", "list"], "label": ["x"]}]))
    with pytest.raises(TypeError, match=r"every column is a list.*batched=True"):
        list(unclear.map(augment_with(SWAP, copies=1)))


def test_a_missing_column_is_named():
    with pytest.raises(
        ValueError, match=r"No column 'sentence' to augment: the dataset has \['text', 'label', 'id'\]"
    ):
        dataset().map(Augment(SWAP, text="sentence"), batched=True)


def test_a_second_augment_is_told_how_to_go_on():
    once = dataset().map(augment_with(SWAP), batched=True)
    with pytest.raises(ValueError, match=r"Compose\(transforms"):
        once.map(augment_with(SWAP), batched=True)


def test_a_transform_that_reads_the_label_wants_its_column():
    with pytest.raises(ValueError, match="label='label'"):
        Augment(Shout(), text="text")


def test_a_dataset_dict_is_refused_with_the_reason():
    splits = DatasetDict({"train": dataset(), "test": dataset()})
    with pytest.raises(TypeError, match=r"Pass the training split, e\.g\. dataset\['train'\]"):
        augment_with(SWAP).bind(splits)


def test_only_the_training_split_of_a_dataset_dict_is_augmented(tmp_path):
    splits = DatasetDict({"train": dataset(), "test": dataset(TEXTS[:3])})
    out = augment_dataset(splits, augment_with(SWAP))
    assert len(out["train"]) > 2 * len(TEXTS)
    assert out["test"]["text"] == TEXTS[:3]
    assert set(out["test"]["augmented_by"]) == {"original"}
    assert out["train"].features == out["test"].features
    out.save_to_disk(str(tmp_path / "out"))
    assert load_from_disk(str(tmp_path / "out"))["train"].features == out["train"].features


def test_an_empty_dataset_gets_the_columns():
    empty = dataset().select([])
    out = augment_dataset(empty, augment_with(SWAP))
    assert len(out) == 0
    assert out.features == augment_with(SWAP).features(empty.features)


def test_the_hash_follows_what_decides_the_output():
    augment = augment_with(SWAP)
    changed = [
        dataclasses.replace(augment, seed=1),
        dataclasses.replace(augment, copies=3),
        dataclasses.replace(augment, keep_original=False),
        dataclasses.replace(augment, key="id"),
        augment_with(RandomSwap(rate=0.4)),
        augment_with(RandomSwap(rate=0.3, reserved=["soup"])),
        augment_with(Compose(transforms=[SWAP])),
    ]
    assert len({Hasher.hash(other) for other in [augment, *changed]}) == len(changed) + 1
    assert Hasher.hash(augment_with(RandomSwap(rate=0.3))) == Hasher.hash(augment)
    assert pickle.loads(pickle.dumps(augment)) == augment == Augment.from_spec(augment.to_spec())


@pytest.mark.slow
def test_a_second_map_is_a_cache_hit_in_another_process_too(tmp_path):
    import os
    import subprocess
    import sys

    dataset().save_to_disk(str(tmp_path / "data"))
    code = (
        "import sys; from datasets import load_from_disk; from tests.contract import augment_with;"
        "from hf_augment import RandomSwap;"
        "out = load_from_disk(sys.argv[1]).map(augment_with(RandomSwap(rate=0.3)), batched=True);"
        "print(out.cache_files[0]['filename'], os.stat(out.cache_files[0]['filename']).st_mtime_ns)"
    )
    found = set()
    for salt in ("1", "2"):
        environment = {**os.environ, "PYTHONHASHSEED": salt}
        command = [sys.executable, "-c", "import os;" + code, str(tmp_path / "data")]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
        found.add(done.stdout)
    out = load_from_disk(str(tmp_path / "data")).map(augment_with(SWAP), batched=True)
    file = out.cache_files[0]["filename"]
    found.add(f"{file} {os.stat(file).st_mtime_ns}\n")
    assert len(found) == 1, found


ANYTHING = st.one_of(
    st.none(),
    st.text(max_size=40),
    st.text(alphabet="ab \ud800\udfff\u200d\u0301\u05d0\u202e\U0001f468", max_size=20),
    st.sampled_from(["", " ", "\n", "one two three four", "我喜欢 the film", "\U0001f468\u200d\U0001f469 ok then"]),
    st.integers(),
    st.lists(st.text(max_size=3), max_size=2),
)


@settings(max_examples=300, deadline=None)
@given(st.lists(ANYTHING, min_size=1, max_size=12), st.integers(0, 3), st.booleans())
def test_no_row_is_lost_whatever_it_holds(texts, copies, keep):
    given_rows = {"text": texts, "id": list(range(len(texts)))}
    out = Augment(SWAP, text="text", copies=copies, keep_original=keep)(given_rows)
    assert set(out["id"]) == set(range(len(texts))) or not keep
    for i, text in enumerate(texts):
        mine = [j for j, source in enumerate(out["id"]) if source == i]
        written = [j for j in mine if out["copy"][j]]
        reasons = sum(len(out["declined"][j].split("; ")) for j in mine if out["declined"][j])
        bad = not isinstance(text, str) or not text.strip()
        assert not (bad and written)
        assert copies == 0 or len(written) + reasons == copies or (reasons == 1 and not written)
        assert all(out["text"][j] == text for j in mine if not out["copy"][j])


def test_an_unbatched_map_refuses_planned_growth():
    given = dataset(TEXTS[:2]).add_column("copies", [1, 2])
    with pytest.raises(ValueError, match=r"copies=2 makes rows.*batched=True"):
        given.map(augment_with(SWAP, copies="copies"))


@pytest.mark.parametrize("kind", ["numpy", "torch"])
def test_an_id_is_the_same_in_every_format(kind):
    given = dataset(TEXTS[:3])
    plain = given.map(augment_with(SWAP, copies=1, key="id"))
    assert (
        given.with_format(kind).map(augment_with(SWAP, copies=1, key="id")).with_format(None).to_dict()
        == plain.to_dict()
    )


def test_other_splits_need_not_have_all_columns():
    train = dataset(TEXTS[:3]).add_column("copies", [1, 1, 1])
    splits = DatasetDict({"train": train, "test": dataset(TEXTS[3:5]).remove_columns(["id", "label"])})
    out = augment_dataset(splits, Augment(Shout(), text="text", label="label", key="id", copies="copies"))
    assert set(out["train"].column_names) - set(out["test"].column_names) == {"id", "label"}
    assert out["test"]["text"] == TEXTS[3:5]
    assert len(out["train"]) == 6


@pytest.mark.slow
def test_a_batch_may_grow_beyond_two_gibibytes():
    import pyarrow as pa

    table = pa.table({"text": ["one two three four"], "image": pa.array([b"x" * 24_000_000])})
    out = Augment(SWAP, text="text", copies=99)(table)
    assert out.num_rows == 100
    assert out.nbytes > 2**31


@pytest.mark.parametrize("text", [["text", "text"], ["text", ""], [], ""])
def test_text_columns_are_named_and_different(text):
    with pytest.raises(ValueError, match="expected a column or a list of different columns"):
        Augment(SWAP, text=text)


def test_a_spec_of_other_versions_is_refused():
    spec = augment_with(SWAP).to_spec()
    assert Augment.from_spec(spec) == augment_with(SWAP)
    with pytest.raises(ValueError, match="written by the versions"):
        Augment.from_spec({**spec, "versions": {**spec["versions"], "streams": 0}})


def test_specs_may_stand_for_transforms():
    assert Compose(transforms=[{"name": "random_swap", "rate": 0.3}]) == Compose(transforms=[SWAP])
    with pytest.raises(ValueError, match="no transform: expected a subclass"):
        Augment({"name": "json:loads"}, text="text")


def test_what_is_not_read_may_be_anything():
    given = {"text": [["a", "list"], None, 7], "label": NAMES + NAMES[:1], "id": [1, 2, 3]}

    class Reads(Shout):
        """Look at the text, which is a string whatever the row holds."""

        def apply(self, rows, streams):
            return [Written(f"{row.label} {row.text!r}", self.name) for row in rows]

    out = Augment(Reads(), text="text", label="label", key="id", keep_original=False)(given)
    assert out["text"] == ["negative ''", "positive ''", "negative ''"]
