"""What is remembered keeps to its limit, and `hf-augment cache` shows it, makes it less and checks it."""

import json
import os
import socket
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from filelock import FileLock
from typer.testing import CliRunner

from hf_augment import Prompt
from hf_augment.cli import app
from hf_augment.engine import cache, store
from hf_augment.engine.store import Store
from tests.benchmarks.store import entries
from tests.test_cli import command

HERE = socket.gethostname()
DAY = 86_400.0


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("HF_AUGMENT_REMEMBER", "1")
    monkeypatch.setenv("HF_AUGMENT_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("HF_AUGMENT_CACHE_LIMIT", raising=False)
    monkeypatch.setattr(cache, "_written", None)
    cache._said.clear()
    cache._touched.clear()
    yield tmp_path / "cache"
    store._open.clear()


def leave(path: Path, size: int, days: float) -> Path:
    """Leave a file that was last used some days ago."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"x" * size)
    used(path, days)
    return path


def used(path: Path, days: float) -> None:
    os.utime(path, (time.time() - days * DAY,) * 2)


def own(folder: Path, name: str) -> Path:
    return folder / "outputs" / name / f"{HERE}-{name}.v2.sqlite"


def names(folder: Path) -> set[str]:
    return {piece.path.name for piece in cache.pieces()}


def ended(place: Path, start: int, count: int) -> Path:
    """Write outputs as a process that has ended since, and return the file."""
    before = set(place.glob("*.sqlite"))
    writer = Store(place)
    writer.write(entries(start, count))
    writer.commit()
    writer._stop_writing()
    return (set(place.glob("*.sqlite")) - before or before).pop()


# The limit


@pytest.mark.parametrize(
    ("given", "size"),
    [(None, 20e9), ("20GB", 20e9), ("1.5 tb", 1.5e12), ("500MB", 5e8), ("7kb", 7e3), ("100", 100), ("none", np.inf)],
)
def test_the_limit_is_a_size(monkeypatch, given, size):
    if given is not None:
        monkeypatch.setenv("HF_AUGMENT_CACHE_LIMIT", given)
    assert cache.limit() == size


def test_a_limit_that_is_none_is_said_before_the_work(monkeypatch):
    monkeypatch.setenv("HF_AUGMENT_CACHE_LIMIT", "much")
    with pytest.raises(ValueError, match=r"HF_AUGMENT_CACHE_LIMIT: expected a size, e\.g\. 20GB .* got 'much'"):
        store.open_store("echo", "{}")


def test_the_least_recently_used_goes_first_of_whatever_kind(folder):
    leave(own(folder, "a"), 1000, days=5)
    leave(folder / "embeddings" / "b" / "b.v2.npy", 1000, days=4)
    leave(folder / "vocabularies" / "model-c.npy", 1000, days=3)
    leave(folder / "vocabularies" / "model-c.json", 10, days=3)
    leave(own(folder, "d"), 1000, days=2)
    leave(own(folder, "e"), 1000, days=0)
    gone = cache.prune_to(2500)
    assert [piece.path.name for piece in gone] == [f"{HERE}-a.v2.sqlite", "b.v2.npy", "model-c.npy"]
    assert names(folder) == {f"{HERE}-d.v2.sqlite", f"{HERE}-e.v2.sqlite"}
    assert not (folder / "vocabularies").exists() or not os.listdir(folder / "vocabularies")
    assert cache.prune_to(2500) == []


def test_what_was_read_lately_stays(folder):
    old, older = (ended(folder / "outputs" / name, 0, 50) for name in ("old", "older"))
    used(old, 3)
    used(older, 4)
    assert Store(older.parent).read([key for key, _ in entries(7, 1)])
    cache.prune_to(older.stat().st_size * 1.2)
    assert names(folder) == {older.name}


def test_what_a_process_writes_to_stays(folder):
    busy = leave(own(folder, "a"), 1000, days=9)
    idle = leave(own(folder, "b"), 1000, days=1)
    with FileLock(busy.with_suffix(".lock")):
        assert [piece.path for piece in cache.prune_to(10)] == [idle]
    assert [piece.path for piece in cache.prune_to(10)] == [busy]


def test_what_another_machine_touched_within_a_day_stays(folder):
    for days, name in ((0.5, "young"), (2, "old")):
        leave(folder / "outputs" / name / "elsewhere-1.v2.sqlite", 1000, days)
    leave(folder / "outputs" / "v1" / f"{HERE}-0.v1.sqlite", 1000, days=0.5)
    leave(folder / "embeddings" / "b" / "b.v2.elsewhere-7.tmp", 1000, days=0.5)
    assert [piece.path.parent.name for piece in cache.prune_to(10)] == ["old"]


def test_answers_of_a_server_go_only_when_they_are_asked_to(folder):
    answers = Prompt(model="m", endpoint="http://localhost:1")._store()
    assert answers.folder != Prompt(model="n", endpoint="http://localhost:1")._store().folder
    file = ended(answers.folder, 0, 50)
    used(file, 100)
    leave(own(folder, "a"), 1000, days=1)
    with pytest.warns(RuntimeWarning, match="answers of servers.*HF_AUGMENT_CACHE_LIMIT"):
        cache.prune_to(10)
    assert names(folder) == {file.name}
    assert run("--prune", "--older-than", "30d")[1].startswith("Deleted 1 files")
    assert names(folder) == set()


def test_a_run_keeps_to_the_limit_while_it_writes(folder, monkeypatch):
    monkeypatch.setenv("HF_AUGMENT_CACHE_LIMIT", "500KB")
    monkeypatch.setattr(store, "COMMIT_EVERY", 0.0)
    leave(own(folder, "before"), 150_000, days=3)
    one, most = Store(folder / "outputs" / "now"), 0
    for start in range(0, 6_000, 100):
        one.write(entries(start, 100))
        most = max(most, sum(piece.size for piece in cache.pieces()))
        latest = dict(entries(start, 100))
        assert one.read(list(latest)) == latest
    assert 400_000 < most < 600_000
    assert f"{HERE}-before.v2.sqlite" not in names(folder)
    assert len(one._readers) < 40, "what was pruned is closed"
    assert len(one.read([key for key, _ in entries(0, 100)])) == 0, "the oldest is gone"


def test_a_file_that_is_pruned_under_a_reader_is_asked_again_nowhere(folder):
    file = ended(folder / "outputs" / "a", 0, 50)
    reader = Store(file.parent)
    whole = dict(entries(0, 50))
    assert reader.read(list(whole)) == whole
    assert [piece.path for piece in cache.prune_to(10)] == [file]
    assert reader.read(list(whole)) == {}
    reader.write(whole.items())
    assert reader.read(list(whole)) == whole
    assert Store(file.parent).folder.exists()


# The command


def run(*arguments: str) -> tuple[int, str]:
    found = CliRunner().invoke(app, ["cache", *arguments])
    return found.exit_code, found.output or str(found.exception)


@pytest.fixture
def two(folder) -> list[str]:
    """Two transforms' outputs, the second one's 10 days old; their identities."""
    for name, model in (("masked_lm", "ab" * 32), ("infill", "cd" * 32)):
        one = store.open_store(name, json.dumps({"name": name, "model": model}))
        file = ended(one.folder, 0, 50 if name == "infill" else 200)
        if name == "infill":
            used(file, 10)
    leave(folder / "embeddings" / ("e" * 32) / "x.npy", 100, days=50)
    return [one.folder.name.rpartition("-")[2] for one in store._open.values()]


def test_it_lists_what_there_is(two, folder):
    status, output = run()
    assert status == 0
    head, columns, masked, infill, embedded = output.splitlines()
    assert head.startswith(f"{folder}: ")
    assert "limit 20.0 GB" in head
    assert columns.split()[:4] == ["kind", "by", "identity", "entries"]
    assert masked.split()[:4] == ["outputs", "masked_lm", two[0][:12], "200"]
    assert masked.endswith("model abababababab")
    assert time.strftime("%Y-%m-%d") in masked
    assert infill.split()[:4] == ["outputs", "infill", two[1][:12], "50"]
    assert "another version" in embedded


def test_the_list_as_json(two):
    found = json.loads(run("--json")[1])
    assert found["limit"] == 20e9
    first = found["groups"][0]
    assert (first["by"], first["entries"], first["identity"], first["kept"]) == ("masked_lm", 200, two[0], False)


def test_nothing_is_listed_where_nothing_is(folder):
    assert run()[1].splitlines()[1:] == ["Nothing is remembered."]
    assert run("--prune", "--all") == (0, "Deleted 0 files, 0 B.\n")
    assert run("--verify")[0] == 0
    assert not folder.exists()


def left() -> list[str]:
    return sorted(group["by"] for group in json.loads(run("--json")[1])["groups"])


@pytest.mark.parametrize(
    ("arguments", "stays"),
    [
        (["--prune"], ["?", "infill", "masked_lm"]),
        (["--prune", "--older-than", "30d"], ["infill", "masked_lm"]),
        (["--prune", "--older-than", "1w"], ["masked_lm"]),
        (["--prune", "--all"], []),
    ],
)
def test_it_prunes_what_it_is_told_to(two, arguments, stays):
    assert run(*arguments)[0] == 0
    assert left() == stays


def test_it_prunes_an_identity(two):
    assert run("--prune", "--identity", two[0][:8])[0] == 0
    assert left() == ["?", "infill"]


def test_it_prunes_to_the_limit(two, folder, monkeypatch):
    (file,) = folder.glob("outputs/masked_lm-*/*.sqlite")
    monkeypatch.setenv("HF_AUGMENT_CACHE_LIMIT", f"{file.stat().st_size * 1.2:.0f}")
    assert run("--prune")[0] == 0
    assert left() == ["masked_lm"]


def test_it_says_what_stays(two, folder):
    (file,) = folder.glob("outputs/masked_lm-*/*.sqlite")
    with FileLock(file.with_suffix(".lock")):
        status, output = run("--prune", "--all")
    assert (status, output.splitlines()[1]) == (0, "1 files stay: processes are writing to them.")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--all"], "belong to --prune"),
        (["--older-than", "30d"], "belong to --prune"),
        (["--prune", "--verify"], "Give one of them"),
        (["--prune", "--older-than", "soon"], "--older-than: expected hours, days or weeks, e.g. 12h, 30d or 8w, got"),
        (["--prune", "--identity", "zz"], "nothing remembered has the identity 'zz'. There are: "),
        (["--prune", "--all", "--identity", "ab"], "--all leaves nothing"),
    ],
)
def test_bad_options_delete_nothing(two, arguments, message):
    status, output = run(*arguments)
    assert status != 0
    assert message in output
    assert len(left()) == 3


def test_it_verifies(two, folder):
    vectors = np.ones((4, 3), dtype=np.float32)
    place = folder / "vocabularies"
    place.mkdir()
    np.save(place / "model-1.npy", vectors)
    (place / "model-1.json").write_text('["a", "b", "c", "d"]')
    status, output = run("--verify")
    assert (status, output.splitlines()) == (
        0,
        ["250 outputs of transforms are sound.", "0 embedded texts are sound.", "4 words with vectors are sound."],
    )


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_it_finds_damage_and_sets_it_aside(two, folder):
    (file,) = folder.glob("outputs/masked_lm-*/*.sqlite")
    content = bytearray(file.read_bytes())
    content[content.index(b"output 77 ") + 2] ^= 1
    file.write_bytes(content)
    status, output = run("--verify")
    assert status == 1
    assert output.splitlines()[-1] == f"damaged: {file}"
    assert not file.exists()
    assert run("--verify")[1].splitlines()[0] == "249 outputs of transforms are sound."
    assert run("--verify")[0] == 0


def test_the_command_says_how_it_is_used(folder):
    done = command("cache", "--help")
    assert done.returncode == 0
    for word in ("--prune", "--older-than", "--all", "--identity", "--verify", "HF_AUGMENT_CACHE_LIMIT"):
        assert word in done.stdout
    done = command("cache", "--all")
    assert (done.returncode, done.stderr[:7]) == (2, "error: ")
    done = command("cache", HF_AUGMENT_CACHE_LIMIT="a lot")
    assert (done.returncode, done.stdout) == (2, "")
    assert "got 'a lot'" in done.stderr


def test_damage_ends_the_command_with_1(folder):
    file = ended(folder / "outputs" / "a-1", 0, 50)
    file.write_bytes(b"no database " * 500)
    done = command("cache", "--verify")
    assert done.returncode == 1, (done.stderr, sys.executable)
    assert str(file) in done.stderr
