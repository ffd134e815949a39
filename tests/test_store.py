"""Remembered outputs: a model is asked once for each row, whoever asks, and nothing is lost or mixed up."""

import json
import multiprocessing
import os
import signal
import sqlite3
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
from datasets import Dataset

from hf_augment import Augment, Compose, RandomSwap
from hf_augment.edits import Edit
from hf_augment.engine import cache as cache_module
from hf_augment.engine import store
from hf_augment.engine.store import Store
from hf_augment.model_transform import ModelEditTransform, ModelTransform
from hf_augment.streams import row_key, stream
from hf_augment.transform import Declined, Row, Written

ASKED: list[str] = []


@dataclass(frozen=True, kw_only=True)
class Echo(ModelTransform):
    """Say the text again, with a number drawn."""

    suffix: str = "!"
    file: str = ""

    def references(self):
        return {"file": Path(self.file).read_text() if self.file else ""}

    def write(self, rows, streams):
        for i in reversed(range(len(rows))):
            ASKED.append(rows[i].text)
            if rows[i].text == "server is down":
                yield i, Declined("no answer", passing=True)
            elif rows[i].text == "bad row":
                yield i, Declined("nothing to say")
            elif rows[i].text == "broken model":
                raise RuntimeError("the model broke")
            else:
                yield i, Written(f"{rows[i].text} {streams[i].below(1000)}{self.suffix}", "echo")


@dataclass(frozen=True, kw_only=True)
class First(ModelEditTransform):
    """Put X in the place of the first word."""

    def find_edits(self, rows, streams):
        for i, row in enumerate(rows):
            ASKED.append(row.text)
            found = self.words(row)
            yield i, [Edit(*found[0], "X")] if found else Declined("no words")


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("HF_AUGMENT_REMEMBER", "1")
    monkeypatch.setenv("HF_AUGMENT_CACHE", str(tmp_path / "cache"))
    ASKED.clear()
    cache_module._said.clear()
    yield tmp_path / "cache"
    store._open.clear()


def apply(transform, texts, label=None, seed=0):
    rows = [Row(text, label) for text in texts]
    return transform.apply(rows, [stream(seed, transform.name, row_key(text), 1) for text in texts])


TEXTS = [f"text number {i}" for i in range(50)]


def test_the_second_time_nobody_is_asked():
    first = apply(Echo(), TEXTS)
    assert sorted(ASKED) == sorted(TEXTS)
    ASKED.clear()
    assert apply(Echo(), TEXTS[::-1]) == first[::-1]
    assert ASKED == []


def test_only_what_is_missing_is_asked_for():
    first = apply(Echo(), TEXTS)
    ASKED.clear()
    more = apply(Echo(), ["a new one", *TEXTS, "and another"])
    assert sorted(ASKED) == ["a new one", "and another"]
    assert more[1:-1] == first


def test_a_new_process_finds_them_too(cache):
    first = apply(Echo(), TEXTS)
    store._open.clear()  # as a new process, which has nothing open
    ASKED.clear()
    assert apply(Echo(), TEXTS) == first
    assert ASKED == []


@pytest.mark.parametrize(
    "other",
    [
        lambda: apply(Echo(suffix="?"), ["text"]),
        lambda: apply(Echo(), ["text"], label="positive"),
        lambda: apply(Echo(), ["text"], seed=1),
        lambda: Echo().apply([Row("text", None, {"question": "?"})], [stream(0, Echo.name, row_key("text"), 1)]),
        lambda: Echo().apply([Row("text")], [stream(0, Echo.name, row_key("text"), 2)]),
    ],
    ids=["parameter", "label", "seed", "context", "copy"],
)
def test_whatever_decides_the_text_is_part_of_the_key(other):
    apply(Echo(), ["text"])
    ASKED.clear()
    other()
    assert ASKED == ["text"]


def test_a_file_behind_a_reference_that_changes_is_another_model(tmp_path):
    (tmp_path / "weights").write_text("a")
    transform = Echo(file=str(tmp_path / "weights"))
    apply(transform, ["text"])
    (tmp_path / "weights").write_text("b")
    ASKED.clear()
    apply(transform, ["text"])
    assert ASKED == ["text"]
    (tmp_path / "copy").write_text("b")
    apply(Echo(file=str(tmp_path / "copy")), ["text"])
    assert ASKED == ["text"], "a copy of the same file is the same model"


def test_equal_rows_of_a_batch_are_asked_for_once():
    found = apply(Echo(), ["twice", "once", "twice"])
    assert sorted(ASKED) == ["once", "twice"]
    assert found[0] == found[2] != found[1]


def test_a_decline_is_remembered_unless_it_passes():
    first = apply(Echo(), ["bad row", "server is down"])
    ASKED.clear()
    assert (
        apply(Echo(), ["bad row", "server is down"])
        == first
        == [
            Declined("nothing to say"),
            Declined("no answer", passing=True),
        ]
    )
    assert ASKED == ["server is down"]


def test_what_was_written_before_an_error_is_kept():
    with pytest.raises(RuntimeError, match="broke"):
        apply(Echo(), ["broken model", *TEXTS])
    ASKED.clear()
    store._open.clear()
    apply(Echo(), TEXTS)
    assert ASKED == []


def test_edits_come_back_as_edits():
    texts = ["one two", "...", "\ud83d half a pair"[1:], "Café ❤️ x"]
    first = apply(First(), texts)
    again = apply(First(), texts)
    assert again == first
    assert isinstance(again[0].notes["edits"][0][0], Edit)
    assert len(ASKED) == len(texts)


def test_inside_a_pipeline_the_text_of_the_step_before_counts():
    pipeline = Compose(transforms=[RandomSwap(), First()])
    first = apply(pipeline, TEXTS)
    ASKED.clear()
    assert apply(pipeline, TEXTS) == first
    assert ASKED == []


def test_a_map_of_two_processes_leaves_two_files_and_the_next_none(cache, tmp_path):
    given = Dataset.from_dict({"text": TEXTS})
    augment = Augment(Echo(), text="text", copies=2)
    whole = given.map(augment, batched=True, num_proc=2, batch_size=10, load_from_cache_file=False)
    files = sorted(cache.rglob("*.sqlite"))
    assert 1 <= len(files) <= 2
    total = sum(sqlite3.connect(file).execute("SELECT count(*) FROM outputs").fetchone()[0] for file in files)
    assert total == 100
    again = given.map(augment, batched=True, load_from_cache_file=False)
    assert again["text"] == whole["text"]
    assert ASKED == [], "this process asked nobody"
    assert sorted(cache.rglob("*.sqlite")) == files


def test_a_file_whose_writer_is_gone_is_taken_over(tmp_path):
    for i in range(3):
        writer = Store(tmp_path)
        writer.write([(bytes([i]), [f"output {i}"])])
        writer.commit()
        writer._lock.release()
    assert len(list(tmp_path.glob("*.sqlite"))) == 1
    assert Store(tmp_path).read([b"\0", b"\1", b"\2"]) == {bytes([i]): [f"output {i}"] for i in range(3)}


def test_two_writers_see_each_other(tmp_path):
    one, two = Store(tmp_path), Store(tmp_path)
    one.write([(b"1", ["one"])])
    two.write([(b"2", ["two"])])
    one.commit(), two.commit()
    assert len(list(tmp_path.glob("*.sqlite"))) == 2
    assert one.read([b"1", b"2"]) == two.read([b"2", b"1"]) == {b"1": ["one"], b"2": ["two"]}


def test_more_keys_than_a_query_takes(tmp_path):
    writer = Store(tmp_path)
    keys = [i.to_bytes(16, "big") for i in range(2 * store._TOGETHER + 7)]
    writer.write([(key, [i]) for i, key in enumerate(keys)])
    writer.commit()
    assert Store(tmp_path).read(keys) == {key: [i] for i, key in enumerate(keys)}


def test_where_nothing_can_be_written_the_work_goes_on(cache):
    cache.parent.mkdir(exist_ok=True)
    cache.write_text("a file where the folder should be")
    with pytest.warns(RuntimeWarning, match="Nothing is remembered.*HF_AUGMENT_CACHE"):
        found = apply(Echo(), TEXTS)
    assert all(isinstance(outcome, Written) for outcome in found)


def test_it_can_be_turned_off(monkeypatch, cache):
    monkeypatch.setenv("HF_AUGMENT_REMEMBER", "0")
    assert apply(Echo(), TEXTS) == apply(Echo(), TEXTS)
    assert len(ASKED) == 2 * len(TEXTS)
    assert not cache.exists()


def test_the_folder_says_what_it_holds(cache):
    apply(Echo(), ["text"])
    [file] = cache.rglob("identity.json")
    assert json.loads(file.read_text())["suffix"] == "!"


KILLED = """
import os, signal, sys
from pathlib import Path
from hf_augment.engine import cache as cache_module
from hf_augment.engine import store
store.COMMIT_EVERY = 0
writer = store.Store(Path(sys.argv[1]))
for i in range(1000):
    writer.write([(i.to_bytes(4, "big"), ["x" * 1000])])
    if i == int(sys.argv[2]):
        os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_kill_loses_nothing_that_was_committed(tmp_path):
    for at in (0, 1, 100, 500):
        done = subprocess.run([sys.executable, "-c", KILLED, str(tmp_path), str(at)], check=False)
        assert done.returncode == -signal.SIGKILL
        keys = [i.to_bytes(4, "big") for i in range(at + 1)]
        assert len(Store(tmp_path).read(keys)) == at + 1
    assert len(list(tmp_path.glob("*.sqlite"))) == 1


def _child(folder: str) -> None:
    transform = Echo()
    apply(transform, ["of the child"])
    os._exit(0 if len(list(Path(folder).rglob("*.sqlite"))) == 2 else 1)


def test_a_forked_child_does_not_write_to_its_parents_file(cache):
    apply(Echo(), ["of the parent"])  # keeps its file, and its lock, open
    child = multiprocessing.get_context("fork").Process(target=_child, args=(str(cache),))
    child.start()
    child.join()
    assert child.exitcode == 0
    apply(Echo(), ["of the parent, later"])
    ASKED.clear()
    assert len(apply(Echo(), ["of the parent", "of the child", "of the parent, later"])) == 3
    assert ASKED == []
