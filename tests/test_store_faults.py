"""Whatever happens to the files of remembered outputs, no wrong output is ever given back, and the work goes on."""

import errno
import multiprocessing
import os
import resource
import signal
import sqlite3
import tempfile
import warnings
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from hf_augment.engine import cache, embeddings, store
from hf_augment.engine.store import Store
from tests.benchmarks.store import entries, work

COUNT = 400
WORDS = dict(entries(0, COUNT))


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("HF_AUGMENT_REMEMBER", "1")
    monkeypatch.setenv("HF_AUGMENT_CACHE", str(tmp_path / "cache"))
    cache._said.clear()
    return tmp_path / "cache" / "outputs" / "echo-0"


def leave(folder: Path, count: int = COUNT) -> Path:
    """Write entries as a process that has ended since, and return its file."""
    writer = Store(folder)
    writer.write(entries(0, count))
    writer.commit()
    (file,) = folder.glob("*.sqlite")
    writer._stop_writing()
    for connection in writer._readers.values():
        connection.close()
    return file


def everything(folder: Path, within: Store | None = None) -> dict:
    """Read all entries; each that is found is the one that was written."""
    found = (within or Store(folder)).read(list(WORDS))
    assert all(WORDS[key] == output for key, output in found.items())
    return found


def overwrite(file: Path, place: int, new: bytes) -> None:
    with file.open("r+b") as opened:
        opened.seek(place)
        opened.write(new)


def flip(file: Path, place: int, mask: int = 0x01) -> None:
    overwrite(file, place, bytes([file.read_bytes()[place] ^ mask]))


def test_a_flipped_byte_in_a_value_costs_that_value_alone(folder):
    file = leave(folder)
    (output,) = [output for output in WORDS.values() if output[0].startswith("output 77 ")]
    flip(file, file.read_bytes().index(output[0].encode()) + 3)
    with pytest.warns(RuntimeWarning, match=rf"{file}.*are damaged: a checksum is wrong.*{COUNT - 1} outputs"):
        found = everything(folder)
    assert len(found) == COUNT - 1
    assert output not in found.values()
    assert not file.exists()
    assert file.with_name(f"{file.name}.damaged").exists()
    again = Store(folder)
    again.write((key, output) for key, output in WORDS.items() if key not in found)
    again.commit()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert len(everything(folder)) == COUNT, "it is rebuilt, and nothing more is said"


@pytest.mark.slow
def test_a_flipped_byte_anywhere_gives_no_wrong_output(folder):
    """Each byte of the header, and some of every page, in the file of a process that has ended."""
    file = leave(folder)
    whole = file.read_bytes()
    places = [*range(100), *range(100, len(whole), 997)]
    noticed = 0
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for place in places:
            for left in folder.iterdir():
                left.unlink()
            file.write_bytes(whole)
            flip(file, place, 0x55)
            reader = Store(folder)
            found = everything(folder, reader)
            reader.write(WORDS.items())
            reader.commit()
            noticed += any(folder.glob("*.damaged"))
            assert len(everything(folder, reader)) == COUNT, place
            reader._stop_writing()
            again = Store(folder)
            assert len(everything(folder, again)) == COUNT, place
            assert len(found) > 0 or any(folder.glob("*.damaged")) or place < 100, place
            for one in (reader, again):
                for connection in one._readers.values():
                    if connection is not None:
                        connection.close()
    assert noticed > len(places) // 3


@pytest.mark.parametrize("share", [0.0, 0.01, 0.3, 0.5, 0.99])
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_a_truncated_file_is_set_aside_and_rebuilt(folder, share):
    file = leave(folder)
    os.truncate(file, int(file.stat().st_size * share))
    one = Store(folder)
    assert len(everything(folder, one)) < COUNT
    assert share == 0.0 or [left.name for left in folder.glob("*.damaged")] == [f"{file.name}.damaged"]
    one.write(WORDS.items())
    one.commit()
    assert len(everything(folder)) == COUNT


def test_what_is_damaged_while_we_write_to_it_is_written_elsewhere(folder):
    writer = Store(folder)
    writer.write(entries(0, COUNT))
    writer.commit()
    (file,) = folder.glob("*.sqlite")
    overwrite(file, 0, b"nobody knows what this is " * 400)
    with pytest.warns(RuntimeWarning, match=f"{file.name}.*damaged"):
        everything(folder, writer)
    writer.write(WORDS.items())
    writer.commit()
    assert len(everything(folder, writer)) == len(everything(folder)) == COUNT


def test_a_damaged_file_is_left_to_the_process_that_writes_to_it(folder):
    writer = Store(folder)
    writer.write(entries(0, COUNT))
    writer.commit()
    (file,) = folder.glob("*.sqlite")
    flip(file, file.read_bytes().index(b"output 77 ") + 3)
    with pytest.warns(RuntimeWarning, match=r"not read, and stay where they are: another process"):
        everything(folder)
    assert file.exists()


def test_files_of_other_versions_are_neither_read_nor_touched(folder):
    folder.mkdir(parents=True)
    (key, output), *_ = WORDS.items()
    old = sqlite3.connect(folder / "host-0.v1.sqlite")
    old.execute("CREATE TABLE outputs (key BLOB PRIMARY KEY, output TEXT) WITHOUT ROWID")
    old.execute("INSERT INTO outputs VALUES (?, ?)", (key, '["what the first version wrote"]'))
    old.commit()
    old.close()
    (folder / "host-0.v3.sqlite").write_bytes(b"a format to come")
    before = {file.name: file.read_bytes() for file in folder.iterdir()}
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        one = Store(folder)
        assert one.read([key]) == {}
        one.write([(key, output)])
        one.commit()
        assert Store(folder).read([key]) == {key: output}
    assert before.items() <= {file.name: file.read_bytes() for file in folder.iterdir()}.items()


def test_another_table_under_our_name_is_damage(folder):
    file = leave(folder)
    other = sqlite3.connect(file)
    other.execute("ALTER TABLE outputs RENAME TO something")
    other.commit()
    other.close()
    with pytest.warns(RuntimeWarning, match=r"no such table: outputs.*\.damaged"):
        assert everything(folder) == {}


@contextmanager
def nobody():
    """Be a user who may write nowhere: root may everywhere, whatever the modes of a folder say."""
    if os.geteuid():
        yield
        return
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)


@pytest.fixture
def open_to_all(monkeypatch):
    """A cache that anybody can reach; pytest's folders are the user's own."""
    with tempfile.TemporaryDirectory() as place:
        os.chmod(place, 0o755)
        monkeypatch.setenv("HF_AUGMENT_CACHE", place)
        yield Path(place)
        for name in (place, *map(str, Path(place).rglob("*"))):
            os.chmod(name, 0o755)


def close_to_all(place: Path) -> None:
    for path in (place, *place.rglob("*")):
        path.chmod(0o555 if path.is_dir() else 0o444)


def test_in_a_read_only_folder_what_is_there_is_read_and_it_says_once_that_the_rest_is_lost(open_to_all):
    folder = open_to_all / "outputs" / "echo-0"
    leave(folder, COUNT // 2)
    close_to_all(open_to_all)
    with nobody(), warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        for _ in range(3):
            one = Store(folder)
            assert len(everything(folder, one)) == COUNT // 2
            one.write(WORDS.items())
            one.commit()
    assert [str(open_to_all) in str(warning.message) for warning in caught] == [True], [str(w.message) for w in caught]
    assert "Nothing is remembered" in str(caught[0].message)


def test_a_damaged_file_in_a_read_only_folder_is_passed_over(open_to_all):
    file = leave(open_to_all / "outputs" / "echo-0")
    overwrite(file, 0, b"x" * 4096)
    close_to_all(open_to_all)
    with nobody(), pytest.warns(RuntimeWarning, match=rf"{file}.*damaged.*stay where they are"):
        assert everything(file.parent) == {}


def _fill_the_disk(folder: str, told) -> None:
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, 300_000))
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        writer = Store(Path(folder))
        for start in range(0, 20_000, 100):
            writer.write(entries(start, 100))
            if not start % 1000:
                writer.commit()
        writer.commit()
    told.put([str(warning.message) for warning in caught])


def test_a_full_disk_is_said_once_and_spoils_nothing(folder):
    """The system refuses to let any file grow over 300 kB, as a full disk does."""
    context = multiprocessing.get_context("fork")
    told = context.SimpleQueue()
    child = context.Process(target=_fill_the_disk, args=(str(folder), told))
    child.start()
    (said,) = told.get()
    child.join()
    assert child.exitcode == 0
    assert str(folder.parent.parent) in said
    assert "Nothing is remembered" in said
    sound, damaged = Store(folder).check()
    assert sound >= 1000
    assert damaged == []
    Store(folder).write(WORDS.items())
    assert len(everything(folder)) == COUNT, "when there is room again, it goes on"


# Embeddings


class Encoder:
    asked = 0

    def embed(self, texts):
        Encoder.asked += 1
        return np.array([[len(text), ord(text[0])] for text in texts], dtype=np.float32)


@pytest.fixture
def embed(monkeypatch):
    monkeypatch.setattr(embeddings, "load_encoder", lambda *_: Encoder())
    monkeypatch.setattr(embeddings, "locate_encoder", lambda *_: Path("encoder"))
    monkeypatch.setattr(embeddings, "identity", lambda _: "1" * 64)

    def ask(texts=("a", "bb", "ccc")):
        embeddings._of_set.cache_clear()  # as a new process
        Encoder.asked = 0
        found = embeddings.embed_once(texts, "encoder")
        assert found.tolist() == [[len(text), ord(text[0])] for text in texts]
        return Encoder.asked

    return ask


def vectors() -> list[Path]:
    return [path for path in cache.cache_folder().rglob("*") if path.is_file() and ".npy" in path.name]


@pytest.mark.parametrize("damage", ["flip", "truncate", "empty", "header"])
def test_damaged_embeddings_are_set_aside_and_made_anew(embed, damage):
    assert (embed(), embed()) == (1, 0)
    (file,) = vectors()
    size = file.stat().st_size
    {
        "flip": lambda: flip(file, size - 40),
        "truncate": lambda: os.truncate(file, size // 2),
        "empty": lambda: os.truncate(file, 0),
        "header": lambda: flip(file, 3),
    }[damage]()
    with pytest.warns(RuntimeWarning, match=rf"{file}.*damaged.*{file.name}\.damaged"):
        assert embed() == 1
    assert embed() == 0
    assert sorted(vectors()) == [file, file.with_name(f"{file.name}.damaged")]


def test_embeddings_of_the_first_format_are_not_read(embed):
    embed()
    (file,) = vectors()
    file.unlink()
    np.save(file.with_name(file.name.replace(".v2", "")), np.zeros((3, 2), dtype=np.float32))
    assert embed() == 1


def test_embeddings_need_no_folder_that_can_be_written_to(embed, open_to_all):
    embed()
    close_to_all(open_to_all)
    with nobody():
        assert embed() == 0
        with pytest.warns(RuntimeWarning, match=f"Nothing is remembered in '{open_to_all}'"):
            assert embed(["new"]) == 1


def test_embeddings_on_a_full_disk(embed, monkeypatch):
    def full(path, content):
        with path.open("wb") as opened:
            opened.write(content[: len(content) // 2])
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(Path, "write_bytes", full)
        with pytest.warns(RuntimeWarning, match="Nothing is remembered.*No space left"):
            assert embed() == 1
    assert vectors() == []
    assert not list(cache.cache_folder().rglob("*.tmp"))
    assert (embed(), embed()) == (1, 0)


# Many processes


def test_a_reader_does_not_wait_for_what_is_not_committed(folder, monkeypatch):
    """Two processes that each write much, and read what the other writes, would wait for each other."""
    monkeypatch.setattr(store, "_BUSY", 0.01)
    monkeypatch.setattr(store, "COMMIT_EVERY", 60.0)
    one, two = Store(folder), Store(folder)
    for writer in (one, two):
        writer.write(entries(0, COUNT))
        writer.commit()
        writer.write((b"%d" % i, ["x" * 100_000]) for i in range(100))  # more than SQLite's cache of pages holds
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert len(everything(folder, one)) == len(everything(folder, two)) == len(everything(folder)) == COUNT


@pytest.mark.slow
def test_eight_writers_lose_nothing(folder):
    report = work(folder, writers=8, seconds=3)
    assert report["errors"] == []
    assert report["written"] > 1000
    assert (report["lost"], report["wrong"]) == (0, 0)
    assert Store(folder).check()[1] == []


@pytest.mark.slow
def test_eight_writers_and_two_that_prune_give_no_wrong_output(folder, monkeypatch):
    monkeypatch.setenv("HF_AUGMENT_CACHE_LIMIT", "4MB")
    report = work(folder, writers=8, seconds=4, pruners=2)
    assert (report["errors"], report["wrong"]) == ([], 0)
    assert report["pruned"] > 0
    assert report["size"] < 8_000_000, "a file is a sixteenth of the limit, and eight of them are in use"
    assert Store(folder).check()[1] == []


def _read_and_write(folder: str, told) -> None:
    warnings.simplefilter("ignore")
    one = Store(Path(folder))
    everything(Path(folder), one)
    one.write(WORDS.items())
    one.commit()
    told.put(len(everything(Path(folder), one)))


@pytest.mark.slow
def test_eight_processes_that_find_the_same_damage_set_it_aside_once(folder):
    file = leave(folder)
    flip(file, file.read_bytes().index(b"output 77 ") + 3)
    context = multiprocessing.get_context("fork")
    told = context.SimpleQueue()
    children = [context.Process(target=_read_and_write, args=(str(folder), told)) for _ in range(8)]
    for child in children:
        child.start()
    assert [told.get() for _ in children] == [COUNT] * 8
    for child in children:
        child.join()
    assert [left.name for left in folder.glob("*.damaged")] == [f"{file.name}.damaged"]
    assert not file.exists()
    assert Store(folder).check()[1] == []
