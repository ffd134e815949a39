"""What a run made goes to the Hub and comes back: equal rows, equal answers, nothing by halves, no token anywhere."""

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.loopback_hub import LoopbackHub
from tests.stories import ROOT, told

pytestmark = pytest.mark.slow

WRITE = "hf_" + "WrItEwRiTe" * 4
READ = "hf_" + "ReAdReAdRe" * 4
TOKENS = {WRITE: ("me", "write"), READ: ("me", "read")}
KINDS = {"quickstart-generator": "model", "quickstart-augmented": "dataset", "quickstart-classifier": "model"}
INCOMPLETE = b"status: incomplete"


@pytest.fixture(scope="module")
def run(tmp_path_factory) -> Path:
    """The quickstart at toy size."""
    from tests.test_run import finish, start

    folder = tmp_path_factory.mktemp("publish")
    finish(start(folder))
    return folder / "runs" / "quickstart"


def command(environment: dict[str, str], *words: str, folder: Path = ROOT) -> subprocess.CompletedProcess:
    return subprocess.run(
        [sys.executable, "-m", "hf_augment.cli", *words],
        env={**environment, "PYTHONPATH": str(ROOT)},
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )


def all_files(hub: LoopbackHub) -> dict[str, dict[str, bytes]]:
    return {repo_id.split("/")[1]: hub.files(kind, repo_id) for kind, repo_id in hub.repos}


# The round trip


def loaded(folder: str) -> dict:
    """What public calls give back, beside what lies in the folder of the run."""
    from datasets import load_dataset, load_from_disk
    from transformers import pipeline

    import hf_augment.classifiers  # noqa: F401  the line that the card prints

    run = Path(folder)
    there, here = load_dataset("me/quickstart-augmented"), load_from_disk(str(run / "dataset"))
    model = run / "classifier" / "augmented" / "model"
    texts = there["test"]["text"][:]
    asked = [
        pipeline("text-classification", model=str(name))(texts, top_k=None)
        for name in ("me/quickstart-classifier", model)
    ]
    best = [max(answers, key=lambda answer: answer["score"])["label"] for answers in asked[0]]
    return {
        "features": {split: rows.features == here[split].features for split, rows in there.items()},
        "rows": {split: str(rows.to_list()) == str(here[split].to_list()) for split, rows in there.items()},  # NaN
        "answers": asked[0] == asked[1],
        "accuracy": sum(map(str.__eq__, best, there["test"]["label"][:])) / len(best),
    }


def loaded_by_its_own_code(folder: str) -> dict:
    import torch
    from datasets import load_dataset
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    name = "me/quickstart-classifier"
    model = AutoModelForSequenceClassification.from_pretrained(name, trust_remote_code=True).eval()
    tokenizer = AutoTokenizer.from_pretrained(name)
    texts = load_dataset("me/quickstart-augmented", split="test")["text"][:]
    with torch.no_grad():
        found = model(**tokenizer(texts, padding=True, truncation=True, max_length=128, return_tensors="pt")).logits
    return {"ours": "hf_augment" in sys.modules, "labels": found.argmax(1).tolist(), "module": type(model).__module__}


def written(folder: str) -> dict:
    """The rows that the generator on the Hub writes, and those of its folder."""
    from datasets import load_dataset

    from hf_augment import Augment, Generate

    rows = load_dataset("me/quickstart-augmented", split="test").select_columns(["text", "label"])
    found = []
    for model in ("me/quickstart-generator", f"{folder}/generator"):
        augment = Augment(Generate(model=model, max_new_tokens=12, allow_unfinished=True), text="text", label="label")
        found.append(rows.map(augment, batched=True).to_list())
    spec = Augment.from_pretrained("me/quickstart-augmented", repo_type="dataset")
    return {"rows": found, "spec": spec.transform.model}


def test_what_is_pushed_comes_back_equal(run, tmp_path):
    with LoopbackHub(TOKENS) as hub:
        writer = hub.environment(tmp_path / "writer", WRITE)
        done = command(writer, "push", str(run), "--to", "me")
        assert done.returncode == 0, done.stderr[-3000:]
        for name, kind in KINDS.items():
            assert f"/{name}\n" in done.stdout
            assert hub.private(kind, f"me/{name}")
            assert INCOMPLETE not in hub.files(kind, f"me/{name}")["README.md"]
        assert [item["id"].split("/")[1] for item in hub.collections[0]["items"]] == list(KINDS)
        assert hub.collections[0]["private"]
        heads = {name: yaml.safe_load(files["README.md"].split(b"---\n")[1]) for name, files in all_files(hub).items()}
        assert {name: head.get("license") for name, head in heads.items()} == {
            **dict.fromkeys(KINDS),
            "quickstart-augmented": "apache-2.0",  # as the card of the source says
        }
        assert all(path.suffix != ".bin" for files in all_files(hub).values() for path in map(Path, files))

        reader = {**hub.environment(tmp_path / "reader", READ), "OMP_NUM_THREADS": "1"}
        found = told(loaded, reader, str(run))
        record = json.loads((run / "record.json").read_text(encoding="utf-8"))
        (score,) = [row["value"] for row in record["study"]["rows"] if row["arm"] == "augmented"]
        assert found == {
            "features": dict.fromkeys(("train", "validation", "test"), True),
            "rows": dict.fromkeys(("train", "validation", "test"), True),
            "answers": True,
            "accuracy": score,
        }
        own = told(loaded_by_its_own_code, reader, str(run))
        assert not own["ours"]
        assert own["module"].startswith("transformers_modules.")
        texts = told(written, {**reader, "HF_AUGMENT_REMEMBER": "0"}, str(run))
        assert texts["rows"][0] == texts["rows"][1]
        assert any(row["augmented_by"] == "generate" for row in texts["rows"][0])
        assert texts["spec"] == "me/quickstart-generator"

        before = {name: hub.commits(kind, f"me/{name}") for name, kind in KINDS.items()}
        assert command(writer, "push", str(run), "--to", "me").returncode == 0
        assert {name: hub.commits(kind, f"me/{name}") for name, kind in KINDS.items()} == before
        assert len(hub.collections) == 1

        said = done.stdout + done.stderr
        pushed = b"".join(content for files in all_files(hub).values() for content in files.values())
        written_here = b"".join(path.read_bytes() for path in run.rglob("*") if path.is_file())
        cached = b"".join(path.read_bytes() for path in (tmp_path / "writer").rglob("*") if path.is_file())
        for token in TOKENS:
            assert token not in said
            assert all(token.encode() not in place for place in (pushed, written_here, cached))
        assert str(tmp_path).encode() not in pushed
        assert str(run).encode() not in pushed


def test_a_dry_run_shows_everything_and_sends_nothing(run, tmp_path):
    with LoopbackHub(TOKENS) as hub:
        before = (run / "record.json").read_bytes()
        done = command(hub.environment(tmp_path), "push", str(run), "--to", "me/mine", "--dry-run")
        assert done.returncode == 0, done.stderr
        inside = command(hub.environment(tmp_path), "push", ".", "--to", "me/mine", "--dry-run", folder=run)
        assert inside.stdout == done.stdout, inside.stderr
        assert hub.calls == []
        assert (run / "record.json").read_bytes() == before
    for name in ("dataset me/mine-augmented", "model me/mine-classifier", "model me/mine-generator"):
        assert f"{name} (private, if it is new)" in done.stdout
    for name in ("data/train-*.parquet", "model.safetensors", "lstm.py", "hf-augment/record.json", "README.md"):
        assert f"  {name}" in done.stdout
    assert "    import hf_augment.classifiers" in done.stdout
    assert done.stdout.endswith("Nothing was sent.\n")


def test_real_rows_stay_at_home_when_asked(run, tmp_path):
    from datasets import load_from_disk

    gold = {text for split in load_from_disk(str(run / "dataset")).values() for text in split["text"]}
    gold -= {row["text"] for row in load_from_disk(str(run / "dataset"))["train"] if row["copy"]}
    with LoopbackHub(TOKENS) as hub:
        environment = hub.environment(tmp_path, WRITE)
        done = command(environment, "push", str(run), "--to", "me", "--without-gold", "--public")
        assert done.returncode == 0, done.stderr
        assert not hub.private("dataset", "me/quickstart-augmented")
        rows = told(rows_on_the_hub, environment)
        assert set(rows) == {"train"}
        assert rows["train"]
        assert all(row["augmented_by"] != "original" and row["text"] not in gold for row in rows["train"])
        card = hub.files("dataset", "me/quickstart-augmented")["README.md"].decode()
        assert "**100.0% of the training rows are synthetic**" in card
        assert "The real rows are left out" in card
        # What has been public once stays in the history.
        assert command(environment, "push", str(run), "--to", "me/other").returncode == 0
        done = command(environment, "push", str(run), "--to", "me/other", "--without-gold")
        assert done.returncode == 2
        assert "was pushed with real rows before, and its history keeps them" in done.stderr


def rows_on_the_hub() -> dict:
    from datasets import load_dataset

    return {split: rows.to_list() for split, rows in load_dataset("me/quickstart-augmented").items()}


# What can go wrong


def refused(environment: dict[str, str], *words: str) -> str:
    done = command(environment, "push", *words)
    assert done.returncode == 2, done.stdout
    lines = done.stderr.strip().splitlines()
    assert lines[-1].startswith("error: "), done.stderr
    assert "Traceback" not in done.stderr
    assert not any(token in done.stdout + done.stderr for token in TOKENS)
    return lines[-1]


def test_whoever_may_not_is_told_so_in_one_line(run, tmp_path):
    with LoopbackHub(TOKENS) as hub:
        free = {**hub.environment(tmp_path / "free"), "HF_HUB_DISABLE_IMPLICIT_TOKEN": "0"}
        mine = hub.environment(tmp_path / "mine", WRITE)
        assert "There is no Hugging Face token" in refused(free, str(run), "--to", "me")
        assert "does not accept this token" in refused({**free, "HF_TOKEN": "hf_nobody"}, str(run), "--to", "me")
        assert "can only read" in refused(hub.environment(tmp_path, READ), str(run), "--to", "me")
        assert "'me/quick start-generator' is no name" in refused(mine, str(run), "--to", "me/quick start")
        assert "does not let this token write there" in refused(mine, str(run), "--to", "you")
        assert "Nothing says where to push dataset and classifier" in refused(mine, str(run))
        assert "no record of a run" in refused(mine, str(tmp_path), "--to", "me")
        assert "made with other settings" in refused(mine, "quickstart", "--set", f"output={run}", "--to", "me")
        assert "HF_HUB_OFFLINE=1" in refused({**mine, "HF_HUB_OFFLINE": "1"}, str(run), "--to", "me")
        assert hub.repos == []
        secret = [str(run), "--to", "me", "--set", f"publish.license={WRITE}"]
        assert "holds what looks like an access token" in refused(mine, *secret)
        assert hub.repos == []
        hub.fail("validate-yaml", 400)
        assert "error: The Hub does not take what it was sent: " in refused(mine, str(run), "--to", "me/refused")
        told(somebody_else_pushed, mine)
        assert "holds what hf-augment did not push (notes.txt)" in refused(mine, str(run), "--to", "me")
        assert [name for _, name in hub.repos] == ["me/refused-generator", "me/quickstart-classifier"]
        long = shutil.copytree(run, tmp_path / ("q" * 70))
        assert command(mine, "push", str(long), "--to", "me/long").returncode == 0
        assert hub.collections[-1]["title"] == 60 * "q"
        done = command({**mine, "HF_DEBUG": "1"}, "push", str(run), "--to", "you")
        assert "Traceback" in done.stderr
        assert WRITE not in done.stderr + done.stdout


def somebody_else_pushed() -> None:
    from huggingface_hub import HfApi

    HfApi().create_repo("me/quickstart-classifier")
    HfApi().upload_file(path_or_fileobj=b"mine", path_in_repo="notes.txt", repo_id="me/quickstart-classifier")


@contextlib.contextmanager
def on_a_hub(waits: tuple[float, ...] = ()) -> Iterator[LoopbackHub]:
    """A Hub for this very process, in which nothing of the clients may have been imported yet."""
    with tempfile.TemporaryDirectory() as cache, LoopbackHub(TOKENS) as hub:
        environment = hub.environment(cache, WRITE)
        os.environ.clear()
        os.environ.update(environment)
        import logging
        import time

        from datasets import disable_progress_bars

        from hf_augment.publish import retry

        logging.disable()
        disable_progress_bars()
        retry.WAITS = waits
        time.sleep = lambda seconds: None  # nor are the client's own tries worth waiting for
        yield hub


def edited_meanwhile(folder: str) -> dict[str, Any]:
    """Cards that somebody edits between two pushes, and in the middle of one."""
    with on_a_hub((0.0,)) as hub:
        from huggingface_hub import DatasetCard, HfApi

        from hf_augment.publish import push, pushing

        name, found = "me/quickstart-augmented", {}

        def edit(words: str, tag: str) -> None:
            card = DatasetCard.load(name)
            card.text += f"\n{words}\n"
            card.data.tags.append(tag)
            card.push_to_hub(name, commit_message=words)

        def pushed(*settings: str) -> None:
            push(folder, settings, to="me", report=lambda line: None)
            found[f"push {sum(one.startswith('push') for one in found) + 1}"] = hub.commits("dataset", name)[1:]

        pushed()
        edit("By hand.", "mine")
        pushed()
        pushed("publish.license=mit")
        api = HfApi()
        api.upload_file(path_or_fileobj=b"x", path_in_repo="theirs.txt", repo_id=name, repo_type="dataset")
        pushed("publish.license=mit")
        api.delete_file("data/test-00000-of-00001.parquet", name, repo_type="dataset")
        pushed("publish.license=mit")
        found["files"] = sorted(hub.files("dataset", name))
        fill = pushing._fill
        pushing._fill = lambda api, parcel, *rest: (edit("In between.", "theirs"), fill(api, parcel, *rest))
        pushing.make_parcels, make = only_the_dataset(pushing.make_parcels), pushing.make_parcels
        pushed("publish.license=apache-2.0")
        pushing._fill, pushing.make_parcels = fill, make
        card = DatasetCard(hub.files("dataset", name)["README.md"].decode())
        return {**found, "text": card.text, "tags": card.data.tags, "license": card.data.license}


def only_the_dataset(make: Callable) -> Callable:
    return lambda *arguments: [parcel for parcel in make(*arguments) if parcel.splits]


def test_what_others_write_on_the_card_stays(run, tmp_path):
    copied = shutil.copytree(run, tmp_path / "quickstart")
    found = told(edited_meanwhile, dict(os.environ), str(copied))
    first = ["Push begins: incomplete", "Push the rows", "Push files", "Push is complete"]
    assert found["push 1"] == first
    assert found["push 2"] == [*first, "By hand."]  # nothing of ours has changed
    more = [
        "Push begins: incomplete",
        "Push files",
        "Push is complete",
    ]  # the record says mit now, the rows are the same
    assert found["push 3"] == [*first, "By hand.", *more]
    assert len(found["push 4"]) == len(found["push 3"]) + 1  # a file of theirs
    rows = ["Push begins: incomplete", "Push the rows", "Push is complete"]  # which somebody had taken away
    assert found["push 5"][len(found["push 4"]) + 1 :] == rows
    assert {"theirs.txt", "data/test-00000-of-00001.parquet"} <= set(found["files"])
    assert found["push 6"] == [*found["push 5"], more[0], "In between.", *more[1:]]
    assert found["tags"] == ["synthetic", "hf-augment", "mine", "theirs"]
    assert found["license"] == "apache-2.0"
    assert found["text"].endswith("<!-- hf-augment: end -->\n\nBy hand.\n\nIn between.\n")
    assert "status: incomplete" not in found["text"]


def refused_for_now(folder: str) -> dict[str, Any]:
    """Commits that the Hub does not take at once."""
    with on_a_hub((0.0, 0.0)) as hub:
        from hf_augment.publish import push

        found = {}
        for status in (429, 500, 503, 412, 409):
            for after in range(3):
                hub.fail("/commit/main", status, after=after)
                push(folder, to=f"me/of-{status}-{after}", report=lambda line: None)
                found[f"{status} {after}"] = hub.commits("dataset", f"me/of-{status}-{after}-augmented")[1:]
        hub.fail("/commit/main", 503, times=3)
        try:
            push(folder, to="me/too-often", report=lambda line: None)
        except ConnectionError as error:
            found["too often"] = str(error)
        hub.fail("POST /api/collections", 403)
        said: list[str] = []
        push(folder, to="me/apart", report=said.append)
        found["no collection"] = said[0]
        found["503 3"] = hub.commits("dataset", "me/apart-augmented")[1:]
        hub.fail("/commit/main", 403, times=1)
        try:
            push(folder, to="me/never", report=lambda line: None)
        except PermissionError as error:
            found["never"] = str(error)
        return found


def test_a_commit_is_tried_again_unless_that_is_no_use(run, tmp_path):
    copied = shutil.copytree(run, tmp_path / "quickstart")
    found = told(refused_for_now, dict(os.environ), str(copied))
    assert "There is no collection 'quickstart': this token may" in found.pop("no collection")
    assert "503" in found["too often"]
    assert "the same command goes on from here" in found.pop("too often")
    assert "does not let this token write there" in found.pop("never")
    whole = ["Push begins: incomplete", "Push the rows", "Push files", "Push is complete"]
    assert found == dict.fromkeys(found, whole)
    assert len(found) == 16


def cut_at_each_request(folder: str, after_effect: str) -> dict[str, Any]:
    """Push with the connection cut at the n-th request, for each n, and again; each time to other names."""
    with on_a_hub() as hub:
        from hf_augment.publish import push

        def pushed(name: str) -> None:
            hub.forget_uploads()
            push(folder, to=f"me/{name}", report=lambda line: None)

        def held(name: str) -> dict[str, dict[str, bytes]]:
            return {
                repo_id.removeprefix(f"me/{name}-"): hub.files(kind, repo_id)
                for kind, repo_id in hub.repos
                if repo_id.startswith(f"me/{name}-")
            }

        pushed("warm")
        before = len(hub.calls)
        pushed("n000")  # as long as the names to come, or sizes would differ
        requests, whole = hub.calls[before:], held("n000")
        failed, wrong = 0, []
        for n, request in enumerate(requests, 1):
            if after_effect == "after" and request.startswith(("GET", "HEAD")):
                continue  # which have none
            name = f"n{n:03d}"
            hub.drop(n, after_effect=after_effect == "after")
            try:
                pushed(name)
            except ConnectionError:
                failed += 1
            for kind, files in held(name).items():
                unmarked = "README.md" in files and INCOMPLETE not in files["README.md"]
                if unmarked and set(files) != set(whole[kind]):
                    wrong.append(f"{n}: {kind} looks whole with {sorted(files)}")
            pushed(name)
            again = held(name)
            for kind, files in whole.items():
                expected = {path: content.replace(b"n000", name.encode()) for path, content in files.items()}
                unlike = [path for path in {*expected, *again[kind]} if not alike(path, expected, again[kind])]
                if unlike:
                    wrong.append(f"{n}: {kind} differs in {unlike}")
            items = [one["items"] for one in hub.collections]
            if sum(item["id"].startswith(f"me/{name}-") for found in items for item in found) != len(KINDS):
                wrong.append(f"{n}: the collection lacks something")
        return {"requests": requests, "failed": failed, "wrong": wrong}


def alike(path: str, expected: dict[str, bytes], found: dict[str, bytes]) -> bool:
    if path == "README.md":  # the digests in it are those of other names
        without = [[line for line in one[path].splitlines() if b"<!-- notes" not in line] for one in (expected, found)]
        return without[0] == without[1] and INCOMPLETE not in found[path]
    return expected.get(path) == found.get(path)


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_connection_cut_at_any_request_is_made_good_by_the_next_push(run, tmp_path, when):
    copied = tmp_path / "quickstart"
    shutil.copytree(run, copied)
    found = told(cut_at_each_request, dict(os.environ), str(copied), when)
    assert found["wrong"] == []
    for part in (
        "whoami",
        "repos/create",
        "preupload",
        "PUT /lfs",
        "commit/main",
        "collections/",
        "GET /api/datasets",
    ):
        assert any(part in request for request in found["requests"]), part
    assert found["failed"] > 20


@pytest.mark.parametrize("request_", ["commit/main", "PUT /lfs", "api/collections"])
def test_a_push_that_is_killed_is_finished_by_the_same_command(run, tmp_path, request_):
    with LoopbackHub(TOKENS) as hub:
        assert (
            command(hub.environment(tmp_path / "whole", WRITE), "push", str(run), "--to", "me/again").returncode == 0
        )
        requests = [n for n, call in enumerate(hub.calls, 1) if request_ in call]
        counted = requests[-1 if request_ == "commit/main" else 0]  # before the last card, or at the first
        whole = all_files(hub)
    with LoopbackHub(TOKENS) as hub:
        environment = hub.environment(tmp_path / "mine", WRITE)
        words = [sys.executable, "-m", "hf_augment.cli", "push", str(run), "--to", "me/again"]
        process = subprocess.Popen(
            words,
            env={**environment, "PYTHONPATH": str(ROOT)},
            cwd=ROOT,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        hub.drop(counted, also=lambda: os.kill(process.pid, signal.SIGKILL))
        assert process.wait() == -signal.SIGKILL
        marked = [name for name, files in all_files(hub).items() if INCOMPLETE in files.get("README.md", b"")]
        assert marked
        assert all(name.startswith("again-") for name in marked)
        assert command(environment, *words[3:]).returncode == 0
        files = all_files(hub)
        assert not any(INCOMPLETE in own["README.md"] for own in files.values())
        assert {name: set(own) for name, own in files.items()} == {name: set(own) for name, own in whole.items()}
