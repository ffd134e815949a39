"""The loopback Hub against the real client libraries, each story in a process of its own."""

import hashlib
import json
import os
import socket
import subprocess
import sys
import tempfile
import threading
import urllib.error
import urllib.parse
import urllib.request
from base64 import b64encode
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.loopback_hub import LoopbackHub

ROOT = Path(__file__).parent.parent
TOKENS = {"hf_write": ("me", "write"), "hf_read": ("me", "read"), "hf_other": ("you", "write")}
ROWS = {"train": (["a", "b", "c"], [0, 1, 0]), "test": (["d"], [1])}


def told(story: Callable, environment: dict[str, str]) -> Any:
    """Run a function of this file in a fresh process, where `HF_ENDPOINT` is read anew; gives what it returns."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.test_loopback_hub", story.__name__],
        env=environment,
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert not any(token in done.stdout + done.stderr for token in TOKENS)
    return json.loads(done.stdout.splitlines()[-1])


def error_of(call: Callable[[], Any]) -> list:
    """Name the exception that a call raises, and the HTTP status in it."""
    try:
        call()
    except Exception as error:  # noqa: BLE001  whichever it is
        return [type(error).__name__, getattr(getattr(error, "response", None), "status_code", None)]
    return ["nothing", None]


def dataset_dict():
    from datasets import ClassLabel, Dataset, DatasetDict, Features, Value

    features = Features({"text": Value("string"), "label": ClassLabel(names=["bad", "good"])})
    return DatasetDict(
        {
            split: Dataset.from_dict({"text": texts, "label": labels}, features)
            for split, (texts, labels) in ROWS.items()
        }
    )


def tiny_model():
    import torch
    from transformers import BertConfig, BertForSequenceClassification

    torch.manual_seed(0)
    sizes = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 16}
    return BertForSequenceClassification(BertConfig(vocab_size=50, **sizes))


def weights(model) -> str:
    tensors = sorted(model.state_dict().items())
    return hashlib.sha256(b"".join(name.encode() + tensor.numpy().tobytes() for name, tensor in tensors)).hexdigest()


def pushes() -> dict:
    from datasets import load_dataset
    from huggingface_hub import DatasetCard, HfApi

    from hf_augment.classifiers import train_tokenizer

    dataset_dict().push_to_hub("me/words", private=True)
    again = dataset_dict().push_to_hub("me/words", private=True)
    card = DatasetCard.load("me/words")
    card.data.license = "mit"
    card.push_to_hub("me/words")
    load_dataset("me/words", streaming=True, split="train").push_to_hub("me/streamed")

    model, tokenizer = tiny_model(), train_tokenizer(["a few words", "and a few more"], size=300)
    model.push_to_hub("me/model", private=True)
    tokenizer.push_to_hub("me/model")

    api = HfApi()
    api.create_collection("My words", description="What belongs together", private=True, exists_ok=True)
    collection = api.create_collection("My words", exists_ok=True)
    api.add_collection_item(collection.slug, "me/words", "dataset", note="the rows")
    api.add_collection_item(collection.slug, "me/words", "dataset", exists_ok=True)
    api.add_collection_item(collection.slug, "me/model", "model")
    twice = error_of(lambda: api.add_collection_item(collection.slug, "me/model", "model"))
    absent = error_of(lambda: api.add_collection_item(collection.slug, "me/absent", "model"))
    api.update_collection_metadata(collection.slug, title="Our words")
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "sub").mkdir()
        (Path(folder) / "sub" / "a.txt").write_text("a")
        (Path(folder) / "b.bin").write_bytes(b"b" * 100)
        api.upload_folder(folder_path=folder, repo_id="me/model", commit_message="A folder")
    api.delete_file("b.bin", "me/model", commit_message="One less")
    return {
        "again": again.oid == api.repo_info("me/words", repo_type="dataset", revision=again.oid).sha,
        "weights": weights(model),
        "vocabulary": tokenizer.get_vocab(),
        "slug": collection.slug,
        "twice": twice,
        "absent": absent,
    }


def loads() -> dict:
    from datasets import load_dataset
    from huggingface_hub import DatasetCard, HfApi, HfFileSystem
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    api = HfApi()
    found = load_dataset("me/words")
    streamed = load_dataset("me/words", streaming=True, split="train")
    collection = api.get_collection(api.get_collection(os.environ["SLUG"]).slug)
    card = DatasetCard.load("me/words")
    return {
        "rows": {split: [rows["text"][:], rows["label"][:]] for split, rows in found.items()},
        "features": found["train"].features == dataset_dict()["train"].features,
        "streamed": [list(row.values()) for row in streamed],
        "streamed to the Hub": [list(row.values()) for row in load_dataset("me/streamed", split="train")],
        "card": [card.data.license, card.data.to_dict()["dataset_info"]["splits"][0]["num_examples"]],
        "weights": weights(AutoModelForSequenceClassification.from_pretrained("me/model")),
        "vocabulary": AutoTokenizer.from_pretrained("me/model").get_vocab(),
        "collection": [collection.slug, collection.title, collection.description, collection.private],
        "items": [[item.item_id, item.item_type, item.note] for item in collection.items],
        "files": sorted(api.list_repo_files("me/model")),
        "sub": [file.path for file in api.list_repo_tree("me/model", "sub")],
        "paths": [file.path for file in api.get_paths_info("me/model", ["sub", "sub/a.txt", "absent"])],
        "part": HfFileSystem().read_block("models/me/model/sub/a.txt", 0, 1).decode(),
        "commits": [commit.title for commit in api.list_repo_commits("me/model")],
        "refs": [branch.name for branch in api.list_repo_refs("me/model").branches],
    }


@pytest.mark.slow
def test_what_one_process_pushes_another_loads(tmp_path):
    with LoopbackHub(TOKENS) as hub:
        pushed = told(pushes, hub.environment(tmp_path / "pushes", token="hf_write"))
        before = len(hub.calls)
        loaded = told(loads, {**hub.environment(tmp_path / "loads", token="hf_read"), "SLUG": pushed["slug"]})
        assert hub.private("dataset", "me/words")
        assert hub.private("model", "me/model")
        # The second push made no commit.
        assert len(hub.commits("dataset", "me/words")) == 3, hub.commits("dataset", "me/words")
        assert hub.commits("model", "me/model")[-2:] == ["A folder", "One less"]
        assert set(hub.files("dataset", "me/words")) == {
            *(".gitattributes", "README.md", "data/train-00000-of-00001.parquet", "data/test-00000-of-00001.parquet")
        }
        assert hub.files("model", "me/model")["sub/a.txt"] == b"a"
        assert [collection["title"] for collection in hub.collections] == ["Our words"]
        assert hub.repos == [("dataset", "me/words"), ("dataset", "me/streamed"), ("model", "me/model")]
        assert {call.split()[0] for call in hub.calls[before:]} == {"GET", "HEAD", "POST"}  # paths-info is a POST
    assert loaded["rows"] == {split: list(rows) for split, rows in ROWS.items()}
    assert loaded["features"]
    assert (
        loaded["streamed"] == loaded["streamed to the Hub"] == [list(row) for row in zip(*ROWS["train"], strict=True)]
    )
    assert loaded["card"] == ["mit", 3]
    assert loaded["weights"] == pushed["weights"]
    assert loaded["vocabulary"] == pushed["vocabulary"]
    assert loaded["collection"][1:] == ["Our words", "What belongs together", True]
    assert loaded["collection"][0].split("-")[-1] == pushed["slug"].split("-")[-1]
    assert loaded["items"] == [["me/words", "dataset", "the rows"], ["me/model", "model", None]]
    assert loaded["files"] == sorted(hub.files("model", "me/model"))
    assert loaded["sub"] == ["sub/a.txt"]
    assert loaded["paths"] == ["sub/a.txt", "sub"]
    assert loaded["part"] == "a"
    assert loaded["commits"][:2] == ["One less", "A folder"]
    assert loaded["refs"] == ["main"]
    assert pushed["again"]
    assert pushed["twice"] == ["HfHubHTTPError", 409]
    assert pushed["absent"] == ["RepositoryNotFoundError", 404]


def is_refused() -> dict:
    from datasets import load_dataset
    from huggingface_hub import HfApi, hf_hub_download

    def upload(api: HfApi) -> Callable:
        return lambda: api.upload_file(path_or_fileobj=b"x", path_in_repo="x", repo_id="me/private")

    mine, anonymous, strange = (HfApi(token=token) for token in ("hf_write", False, "hf_strange"))
    reader, other = (HfApi(token=token) for token in ("hf_read", "hf_other"))
    mine.create_repo("me/private", private=True)
    mine.create_repo("me/public")
    mine.upload_file(path_or_fileobj=b"x", path_in_repo="x", repo_id="me/public")
    dataset_dict().push_to_hub("me/words", private=True, token="hf_write")
    return {
        "me": [api.whoami()["name"] for api in (mine, reader, other)],
        "exists": error_of(lambda: mine.create_repo("me/private")),
        "anonymous": {
            "whoami": error_of(lambda: HfApi(token="hf_strange").whoami()),
            "info": error_of(lambda: anonymous.repo_info("me/private")),
            "public": anonymous.repo_info("me/public").private,
            "download": error_of(lambda: hf_hub_download("me/private", ".gitattributes", token=False)),
            "load": error_of(lambda: load_dataset("me/words", token=False)),
            "create": error_of(lambda: anonymous.create_repo("me/new")),
            "upload": error_of(upload(anonymous)),
            "push": error_of(lambda: dataset_dict().push_to_hub("me/new", token=False)),
            "collection": error_of(lambda: anonymous.create_collection("new", namespace="me")),
        },
        "unknown token": {
            "info": error_of(lambda: strange.repo_info("me/public")),
            "create": error_of(lambda: strange.create_repo("me/new", exist_ok=True)),
            "push": error_of(lambda: dataset_dict().push_to_hub("me/new", token="hf_strange")),
        },
        "read-only token": {
            "info": reader.repo_info("me/private").private,
            "create": error_of(lambda: reader.create_repo("me/new")),
            "create again": error_of(lambda: reader.create_repo("me/private", exist_ok=True)),
            "upload": error_of(upload(reader)),
            "push": error_of(lambda: dataset_dict().push_to_hub("me/new", token="hf_read")),
            "push again": error_of(lambda: dataset_dict().push_to_hub("me/words", token="hf_read")),
            "collection": error_of(lambda: reader.create_collection("new")),
        },
        "another user": {
            "info": error_of(lambda: other.repo_info("me/private")),
            "create": error_of(lambda: other.create_repo("me/new")),
            "upload": error_of(lambda: other.upload_file(path_or_fileobj=b"y", path_in_repo="x", repo_id="me/public")),
        },
        "absent": {
            "repo": error_of(lambda: mine.repo_info("me/absent")),
            "revision": error_of(lambda: mine.repo_info("me/public", revision="v9")),
            "file": error_of(lambda: hf_hub_download("me/public", "absent", token="hf_write")),
        },
    }


@pytest.mark.slow
def test_whoever_may_not_gets_the_exception_that_the_hub_would_raise(tmp_path):
    plain = "HfHubHTTPError"
    with LoopbackHub(TOKENS) as hub:
        found = told(is_refused, hub.environment(tmp_path))
        assert hub.repos == [("model", "me/private"), ("model", "me/public"), ("dataset", "me/words")]
        assert len(hub.commits("dataset", "me/words")) == 2
    assert found["me"] == ["me", "me", "you"]
    assert found["exists"] == [plain, 409]
    assert found["anonymous"] == {
        "whoami": [plain, 401],
        "info": ["RepositoryNotFoundError", 401],
        "public": False,
        "download": ["RepositoryNotFoundError", 401],
        "load": ["DatasetNotFoundError", None],
        "create": [plain, 401],
        "upload": ["RepositoryNotFoundError", 401],
        "push": [plain, 401],
        "collection": [plain, 401],
    }
    assert found["unknown token"] == {"info": [plain, 401], "create": [plain, 401], "push": [plain, 401]}
    assert found["read-only token"] == {
        "info": True,
        "create": [plain, 403],
        "create again": ["nothing", None],
        "upload": [plain, 403],
        "push": [plain, 403],
        "push again": [plain, 403],
        "collection": [plain, 403],
    }
    assert found["another user"] == {
        "info": ["RepositoryNotFoundError", 404],
        "create": [plain, 403],
        "upload": [plain, 403],
    }
    assert found["absent"] == {
        "repo": ["RepositoryNotFoundError", 404],
        "revision": ["RevisionNotFoundError", 404],
        "file": ["RemoteEntryNotFoundError", 404],
    }


def changes_its_mind() -> dict:
    from huggingface_hub import HfApi

    api, found = HfApi(), {}
    found["short name"] = api.create_repo("short").repo_id
    api.upload_file(path_or_fileobj=b"1", path_in_repo="a.txt", repo_id="me/short", commit_message="one")
    api.create_tag("me/short", tag="v1")
    api.create_branch("me/short", branch="draft")
    api.upload_file(path_or_fileobj=b"2", path_in_repo="a.txt", repo_id="me/short", commit_message="two")
    api.upload_file(path_or_fileobj=b"3", path_in_repo="a.txt", repo_id="me/short", revision="draft")
    read = lambda revision: Path(api.hf_hub_download("me/short", "a.txt", revision=revision)).read_text()  # noqa: E731
    found["revisions"] = [read(revision) for revision in ("main", "v1", "draft")]
    found["bad card"] = error_of(
        lambda: api.upload_file(path_or_fileobj=b"---\na: [\n---\n", path_in_repo="README.md", repo_id="me/short")
    )
    found["public"] = api.repo_info("me/short").private
    api.update_repo_settings("me/short", private=True)
    api.move_repo("me/short", "me/long")
    found["moved"] = [api.repo_exists(name) for name in ("me/short", "me/long")]
    slug = api.create_collection("All", description="x" * 150).slug
    found["long"] = error_of(lambda: api.create_collection("Other", description="x" * 151))
    api.create_repo("me/second")
    for name in ("me/long", "me/second"):
        items = api.add_collection_item(slug, name, "model").items
    api.update_collection_item(slug, items[1].item_object_id, position=0, note="first")
    found["items"] = [[item.item_id, item.note, item.position] for item in api.get_collection(slug).items]
    api.delete_collection_item(slug, items[1].item_object_id)
    api.delete_repo("me/second")
    return found


@pytest.mark.slow
def test_what_can_be_made_can_be_changed(tmp_path):
    with LoopbackHub(TOKENS) as hub:
        found = told(changes_its_mind, hub.environment(tmp_path, token="hf_write"))
        assert hub.repos == [("model", "me/long")]
        assert hub.private("model", "me/long")
        assert hub.commits("model", "me/long") == ["initial commit", "one", "two"]
        assert [[item["id"] for item in one["items"]] for one in hub.collections] == [["me/long"]]
    assert found == {
        "short name": "me/short",
        "revisions": ["2", "1", "3"],
        "bad card": ["ValueError", None],
        "public": False,
        "moved": [False, True],
        "long": ["BadRequestError", 400],
        "items": [["me/second", "first", 0], ["me/long", None, 1]],
    }


def meets_faults() -> dict:
    with tempfile.TemporaryDirectory() as folder, LoopbackHub(TOKENS) as hub:
        environment = hub.environment(folder, token="hf_write")
        os.environ.clear()
        os.environ.update(environment)  # before the clients are imported
        from huggingface_hub import HfApi

        api, found = HfApi(), {}
        api.create_repo("me/words", repo_type="dataset", private=True)

        def upload(content: str, name: str = "a.txt", **more: Any) -> Callable:
            return lambda: api.upload_file(
                path_or_fileobj=content.encode(),
                path_in_repo=name,
                repo_id="me/words",
                repo_type="dataset",
                commit_message=content,
                **more,
            )

        def noted(name: str, call: Callable) -> None:
            before = len(hub.calls)
            raised, calls = error_of(call), hub.calls[before:]
            found[name] = [*raised, hub.commits("dataset", "me/words")[-1], len(calls) - len(set(calls))]

        first = api.repo_info("me/words", repo_type="dataset").sha
        noted("parent", upload("1", parent_commit=first))
        noted("old parent", upload("2", parent_commit=first))
        for status in (503, 429):
            hub.fail("POST /api/datasets/me/words/commit/main", status)
            noted(f"commit {status}", upload("3"))
        hub.fail("PUT /lfs/", 503)
        noted("put 503", upload("4", "a.bin"))
        hub.fail("preupload", 429)
        noted("preupload 429", upload("5"))
        hub.fail("preupload", 500, after=1)
        noted("preupload 500, not yet", upload("6"))
        noted("preupload 500, now", upload("7"))
        hub.drop(1)
        noted("info dropped", lambda: api.repo_info("me/words", repo_type="dataset"))
        hub.drop(2)
        noted("commit dropped before", upload("8"))
        hub.drop(2, after_effect=True)
        noted("commit dropped after", upload("9"))
        noted("the same again", upload("9"))
        hub.fail("/commit/", 412)
        for name in ("datasets, 412", "datasets, again"):
            noted(name, lambda: dataset_dict().push_to_hub("me/words", commit_message="10"))
            found[name].pop()  # each split asks `preupload` anew
        return found


@pytest.mark.slow
def test_faults_reach_the_clients_and_leave_what_they_should(tmp_path):
    plain, cut, fine = "HfHubHTTPError", "RemoteProtocolError", "nothing"
    assert told(meets_faults, {**os.environ, "HF_HUB_OFFLINE": "0"}) == {
        # Exception, status, title of the last commit, how often a request was sent again.
        "parent": [fine, None, "1", 0],
        "old parent": [plain, 412, "1", 0],
        "commit 503": [plain, 503, "1", 0],  # a commit is not tried again
        "commit 429": [plain, 429, "1", 0],
        "put 503": [fine, None, "4", 1],  # the way to it is
        "preupload 429": [fine, None, "5", 1],
        "preupload 500, not yet": [fine, None, "6", 0],
        "preupload 500, now": [fine, None, "7", 1],
        "info dropped": [cut, None, "7", 0],
        "commit dropped before": [cut, None, "7", 0],
        "commit dropped after": [cut, None, "9", 0],
        "the same again": [fine, None, "9", 0],
        "datasets, 412": [plain, 412, "9"],  # it means to try again, and looks for the status in the wrong exception
        "datasets, again": [fine, None, "10"],
    }


def pushes_until_killed() -> None:
    dataset_dict().push_to_hub("me/words", private=True)


@pytest.mark.slow
def test_a_client_can_be_killed_at_a_request(tmp_path):
    with LoopbackHub(TOKENS) as hub:
        killed = subprocess.Popen(
            [sys.executable, "-m", "tests.test_loopback_hub", pushes_until_killed.__name__],
            env=hub.environment(tmp_path, token="hf_write"),
            cwd=ROOT,
            stderr=subprocess.DEVNULL,
        )
        hub.drop(2, after_effect=True, also=killed.kill)
        assert killed.wait(120) < 0
        assert hub.calls == ["GET /api/datasets/me/words", "POST /api/repos/create"]
        assert hub.private("dataset", "me/words")
        assert list(hub.files("dataset", "me/words")) == [".gitattributes"]


def asked(url: str, method: str = "GET", body: bytes | None = None, **headers: str) -> tuple[int, bytes, dict]:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    try:
        with urllib.request.urlopen(urllib.request.Request(url, body, named, method=method), timeout=30) as found:
            return found.status, found.read(), dict(found.headers)
    except urllib.error.HTTPError as error:
        return error.code, error.read(), dict(error.headers)


COMMIT = "/api/models/me/model/commit/main"


def commit_body(title: str, path: str, content: bytes) -> bytes:
    operations = [
        {"key": "header", "value": {"summary": title}},
        {"key": "file", "value": {"path": path, "encoding": "base64", "content": b64encode(content).decode()}},
    ]
    return "\n".join(json.dumps(operation) for operation in operations).encode()


def commit(hub: LoopbackHub, title: str, path: str, content: bytes) -> int:
    body = commit_body(title, path, content)
    return asked(f"{hub.url}{COMMIT}", "POST", body, Authorization="Bearer hf_write")[0]


@pytest.fixture
def hub():
    with LoopbackHub(TOKENS) as hub:
        made = {"name": "model", "type": "model"}
        asked(f"{hub.url}/api/repos/create", "POST", json.dumps(made).encode(), Authorization="Bearer hf_write")
        yield hub


@pytest.mark.parametrize(
    ("wanted", "status", "part", "where"),
    [
        ("bytes=0-1", 206, b"01", "bytes 0-1/10"),
        ("bytes=7-", 206, b"789", "bytes 7-9/10"),
        ("bytes=-2", 206, b"89", "bytes 8-9/10"),
        ("bytes=8-99", 206, b"89", "bytes 8-9/10"),
        ("bytes=10-", 416, None, "bytes */10"),
    ],
)
def test_parts_of_a_file(hub, wanted, status, part, where):
    commit(hub, "digits", "a/digits.txt", b"0123456789")
    found, content, headers = asked(f"{hub.url}/me/model/resolve/main/a/digits.txt", Range=wanted)
    assert (found, headers["Content-Range"]) == (status, where)
    assert part is None or content == part


def test_a_head_tells_what_a_get_gives(hub):
    commit(hub, "digits", "digits.txt", b"0123456789")
    status, content, headers = asked(f"{hub.url}/me/model/resolve/main/digits.txt", "HEAD")
    assert (status, content, headers["Content-Length"]) == (200, b"", "10")
    assert headers["ETag"] == '"ad471007bd7f5983d273b9584e5629230150fd54"'  # what `git hash-object` says
    assert asked(f"{hub.url}/me/model/resolve/{headers['X-Repo-Commit']}/digits.txt")[1] == b"0123456789"


def test_commits_at_once_are_all_kept(hub):
    def many(worker: int) -> None:
        for i in range(10):
            assert commit(hub, f"{worker} {i}", f"{worker}/{i}.txt", b"x") == 200

    workers = [threading.Thread(target=many, args=(worker,)) for worker in range(8)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert len(hub.files("model", "me/model")) == 81
    assert sorted(hub.commits("model", "me/model")[1:]) == sorted(f"{a} {b}" for a in range(8) for b in range(10))


def test_half_a_request_has_no_effect(hub):
    address = urllib.parse.urlsplit(hub.url)
    body = commit_body("half", "b.txt", b"b")
    head = f"POST {COMMIT} HTTP/1.1\r\nAuthorization: Bearer hf_write\r\nContent-Length: {len(body) + 1}\r\n\r\n"
    with socket.create_connection((address.hostname, address.port)) as client:
        client.sendall(head.encode() + body)
        client.shutdown(socket.SHUT_WR)
        assert client.recv(1) == b""
    assert commit(hub, "after it", "a.txt", b"a") == 200
    assert hub.commits("model", "me/model") == ["initial commit", "after it"]


def test_a_limit_on_the_rate_says_when_to_come_back(hub):
    hub.fail("GET /api/models/", 429)
    status, _, headers = asked(f"{hub.url}/api/models/me/model")
    assert (status, headers["Retry-After"]) == (429, "0")
    assert asked(f"{hub.url}/api/models/me/model")[0] == 200


def test_closing_leaves_nothing_behind():
    before = threading.active_count()
    with LoopbackHub() as hub:
        asked(f"{hub.url}/api/models/me/model")
    assert threading.active_count() == before
    with pytest.raises(urllib.error.URLError):
        asked(f"{hub.url}/api/models/me/model")


def test_what_the_hub_keeps_names_no_token(hub, tmp_path):
    asked(f"{hub.url}/api/models/me/model?token=hf_write", Authorization="Bearer hf_wrong")
    assert not any(token in repr((hub.calls, hub.collections, hub.files("model", "me/model"))) for token in TOKENS)
    assert not any(token in repr(hub.environment(tmp_path)) for token in TOKENS)


if __name__ == "__main__":
    json.dump(globals()[sys.argv[1]](), sys.stdout)
