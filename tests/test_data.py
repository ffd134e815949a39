"""Labelled data from everywhere: the same rows, the splits, the draws, and errors that say what to write."""

import csv
import hashlib
import json
import os
import subprocess
import sys
import threading
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from datasets import ClassLabel, Dataset, DatasetDict, Features, Value

from hf_augment.blocks import DataConfig, PreprocessConfig
from hf_augment.data import describe, load_data

PLAIN = PreprocessConfig()
AWKWARD = ["NA", "None", "null", "3.5", 'with "quotes", and commas', "line\nbreak", "<b>x</b>", "caf\u00e9 \u2603"]


def rows(prefix: str, number: int = 20) -> list[dict]:
    texts = [f"{prefix} row {i}" for i in range(number - len(AWKWARD))] + [f"{text}" for text in AWKWARD]
    return [{"text": f"{text}", "label": ("good", "bad")[i % 2]} for i, text in enumerate(texts)]


TRAIN, TEST = rows("train", 40), rows("test", 20)


def write(path: Path, content: list[dict]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix in (".csv", ".tsv"):
        with path.open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, content[0], delimiter="\t" if path.suffix == ".tsv" else ",")
            writer.writeheader()
            writer.writerows(content)
    elif path.suffix == ".parquet":
        Dataset.from_list(content).to_parquet(path)
    elif path.suffix == ".json":
        path.write_text(json.dumps(content), encoding="utf-8")
    else:
        path.write_text("".join(json.dumps(row) + "\n" for row in content), encoding="utf-8")
    return path


def load(path, preprocess=PLAIN, seed=0, **settings):
    return load_data(DataConfig(path=str(path), **settings), preprocess, seed)


def told(dataset) -> list[tuple]:
    """The rows as (text, label name), in any order."""
    feature = dataset.features["label"]
    named = feature.names if isinstance(feature, ClassLabel) else None
    said = (
        (row["text"], row["label"] if named is None or row["label"] is None else named[row["label"]])
        for row in dataset
    )
    return sorted(said, key=lambda row: (row[0] or "", str(row[1])))


def pairs(content: list[dict]) -> list[tuple]:
    return sorted((row["text"], row["label"]) for row in content)


SUFFIXES = [".csv", ".tsv", ".jsonl", ".json", ".parquet"]


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_file_of_any_format_holds_the_same_rows(tmp_path, suffix):
    data = load(write(tmp_path / f"reviews{suffix}", TRAIN))
    assert sorted(told(data["train"]) + told(data["validation"])) == pairs(TRAIN)
    assert set(data) == {"train", "validation"}
    assert told(data["validation"]) == told(load(write(tmp_path / "other.jsonl", TRAIN))["validation"])


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_folder_of_splits(tmp_path, suffix):
    write(tmp_path / f"train{suffix}", TRAIN)
    write(tmp_path / "dev.jsonl", TEST[:8])
    write(tmp_path / f"test{suffix}", TEST)
    (tmp_path / "README.md").write_text("not a table")
    data = load(tmp_path, validation_split="dev")
    assert [told(data[split]) for split in ("train", "validation", "test")] == [
        pairs(TRAIN),
        pairs(TEST[:8]),
        pairs(TEST),
    ]


def test_a_folder_of_shards(tmp_path):
    write(tmp_path / "train-00000-of-00002.parquet", TRAIN[:30])
    write(tmp_path / "train-00001-of-00002.parquet", TRAIN[30:])
    write(tmp_path / "validation.csv", TEST)
    assert told(load(tmp_path)["train"]) == pairs(TRAIN)


def test_what_save_to_disk_wrote(tmp_path):
    DatasetDict({"train": Dataset.from_list(TRAIN), "test": Dataset.from_list(TEST)}).save_to_disk(tmp_path / "both")
    Dataset.from_list(TRAIN).with_format("numpy").save_to_disk(tmp_path / "one")
    both, one = load(tmp_path / "both"), load(tmp_path / "one")
    assert told(both["test"]) == pairs(TEST)
    assert told(both["train"]) == told(one["train"])
    assert set(one) == {"train", "validation"}


def test_nothing_is_written_beside_a_saved_dataset_that_is_read_only(tmp_path, monkeypatch):
    Dataset.from_list(TRAIN).save_to_disk(tmp_path)
    there = sorted(tmp_path.iterdir())
    monkeypatch.setattr(os, "access", lambda path, mode: False)  # root may write everywhere, whatever the mode says
    assert load(tmp_path, PreprocessConfig(lower_case=True))["train"]["text"][0].islower()
    assert sorted(tmp_path.iterdir()) == there


def test_embedded_reviews():
    data = load("embedded:reviews")
    assert {split: len(data[split]) for split in data} == {"train": 704, "validation": 192, "test": 576}
    assert data["train"].column_names == ["text", "label", "domain"]


def test_labels_keep_their_kind(tmp_path):
    integers = [{**row, "label": i % 2} for i, row in enumerate(TRAIN)]
    path = write(tmp_path / "integers.csv", integers)
    assert load(path)["train"].features["label"] == Value("int64")
    named = load(path, label_names=("good", "bad"))
    assert named["train"].features["label"] == ClassLabel(names=["good", "bad"])
    assert sorted(told(named["train"]) + told(named["validation"])) == pairs(TRAIN)
    strings = load(write(tmp_path / "strings.csv", TRAIN), label_names=("good", "bad"))
    assert told(strings["train"]) == told(named["train"])

    features = Features({"text": Value("string"), "label": ClassLabel(names=["good", "bad"])})
    Dataset.from_list(integers, features=features).to_parquet(tmp_path / "classes.parquet")
    assert load(tmp_path / "classes.parquet")["train"].features["label"] == features["label"]


def test_an_empty_cell_does_not_make_floats_of_named_labels(tmp_path):
    path = tmp_path / "gap.csv"
    path.write_text("text,label\n" + "".join(f"row {i},{i % 2}\n" for i in range(20)) + "unlabelled,\n")
    data = load(path, label_names=("good", "bad"))
    everything = told(data["train"]) + told(data["validation"])
    assert Counter(label for _, label in everything if label) == {"good": 10, "bad": 10}
    assert "unlabelled" in data["train"]["text"]


def test_the_validation_rows_are_a_share_of_each_label(tmp_path):
    content = [{"text": f"text {i}", "label": "rare" if i % 10 == 0 else "common"} for i in range(400)]
    path = write(tmp_path / "data.jsonl", content)
    data = load(path, validation_share=0.25)
    assert Counter(data["validation"]["label"]) == {"common": 90, "rare": 10}
    assert sorted(told(data["train"]) + told(data["validation"])) == pairs(content)
    assert told(load(path, validation_share=0.25)["validation"]) == told(data["validation"])
    assert told(load(path, validation_share=0.25, seed=1)["validation"]) != told(data["validation"])


def test_equal_texts_are_set_aside_together(tmp_path):
    # Also where their labels differ, and where they are equal only after preprocessing.
    content = [
        {"text": f"Text {i // 4}" if i % 2 else f"text {i // 4}", "label": "ab"[i % 3 == 0]} for i in range(400)
    ]
    path = write(tmp_path / "data.jsonl", content)
    for seed in range(3):
        data = load(path, PreprocessConfig(lower_case=True), seed=seed, validation_share=0.3)
        train, validation = set(data["train"]["text"]), set(data["validation"]["text"])
        assert not train & validation
        assert 0.25 < len(data["validation"]) / 400 < 0.35


def test_a_label_of_one_text_stays_in_training(tmp_path):
    content = [*TRAIN, {"text": "single", "label": "odd"}, {"text": "single", "label": "odd"}]
    data = load(write(tmp_path / "data.jsonl", content), validation_share=0.5)
    assert Counter(data["train"]["label"])["odd"] == 2
    with pytest.raises(ValueError, match="no label has two different texts"):
        load(write(tmp_path / "two.jsonl", [{"text": "a", "label": "x"}, {"text": "b", "label": "y"}]))


def test_shots_depend_on_the_rows_not_on_their_order(tmp_path):
    content = [{"text": f"text {i % 150}", "label": "abc"[i % 3]} for i in range(300)]
    shuffled = sorted(content, key=lambda row: hashlib.sha256(row["text"].encode()).digest())
    settings = {"shots_per_label": 7, "validation_shots_per_label": 3}
    forward = load(write(tmp_path / "forward.jsonl", content), **settings)
    backward = load(write(tmp_path / "backward.csv", shuffled[::-1]), **settings)
    for split, number in (("train", 7), ("validation", 3)):
        assert Counter(forward[split]["label"]) == dict.fromkeys("abc", number)
        assert told(forward[split]) == told(backward[split])
    assert told(load(tmp_path / "forward.jsonl", seed=1, **settings)["train"]) != told(forward["train"])


def test_more_shots_add_to_fewer():
    few, many = (Counter(told(load("embedded:reviews", shots_per_label=n)["train"])) for n in (10, 25))
    assert few < many
    assert many.total() == 50


def test_test_shots_and_no_test_split(tmp_path):
    assert len(load("embedded:reviews", test_shots_per_label=5)["test"]) == 10
    write(tmp_path / "train.csv", TRAIN)
    assert set(load(tmp_path, test_shots_per_label=5)) == {"train", "validation"}
    write(tmp_path / "test.csv", TEST)
    assert set(load(tmp_path, test_split=None)) == {"train", "validation"}


def test_rows_without_a_label_or_text_are_kept_and_not_drawn(tmp_path):
    features = Features({"text": Value("string"), "label": ClassLabel(names=["good", "bad"])})
    content = {
        "text": [f"text {i}" for i in range(40)] + ["no label", "missing", None, " "],
        "label": [i % 2 for i in range(40)] + [-1, None, 0, 1],
    }
    Dataset.from_dict(content, features=features).to_parquet(tmp_path / "data.parquet")
    data = load(tmp_path / "data.parquet")
    assert len(data["train"]) + len(data["validation"]) == 44
    assert {"no label", "missing", None, " "} <= set(data["train"]["text"])
    drawn = load(tmp_path / "data.parquet", shots_per_label=18)["train"]
    assert not {"no label", "missing", None, " "} & set(drawn["text"])
    described = describe(data, DataConfig(path="x"))["splits"]["train"]["labels"]
    assert described == {"": 2, "bad": 19, "good": 19}


def test_preprocessing_comes_first_in_every_split(tmp_path):
    content = [{"text": f"<b>TEXT</b> {i}", "label": "ab"[i % 2], "note": "<b>"} for i in range(20)]
    for split in ("train", "validation", "test"):
        write(tmp_path / f"{split}.jsonl", content)
    data = load(tmp_path, PreprocessConfig(strip_html=True, lower_case=True))
    for split in data:
        assert data[split]["text"][3] == "text 3"
        assert set(data[split]["note"]) == {"<b>"}


def test_other_column_names(tmp_path):
    path = write(tmp_path / "data.csv", [{"sms": row["text"], "kind": row["label"], "id": 1} for row in TRAIN])
    data = load(path, text="sms", label="kind", shots_per_label=3)
    assert data["train"].column_names == ["sms", "kind", "id"]
    assert len(data["train"]) == 6


def test_the_description_is_of_content():
    config = DataConfig(path="embedded:reviews", shots_per_label=5)
    data = load_data(config, PLAIN, 0)
    facts = describe(data, config)
    assert (facts["path"], facts["name"], facts["commit"]) == ("embedded:reviews", None, None)
    assert facts["splits"]["train"]["rows"] == 10
    assert facts["splits"]["train"]["labels"] == {"negative": 5, "positive": 5}
    lines = [json.dumps([row["text"], row["label"]], separators=(",", ":")) + "\n" for row in data["train"]]
    assert facts["splits"]["train"]["sha256"] == hashlib.sha256("".join(lines).encode()).hexdigest()
    assert describe(load_data(config, PLAIN, 1), config) != facts
    json.dumps(facts)


def test_the_same_content_is_described_alike_from_any_format(tmp_path):
    found = []
    for suffix in SUFFIXES:
        config = DataConfig(path=str(write(tmp_path / f"data{suffix}", TRAIN)))
        found.append(describe(load_data(config, PLAIN, 0), config)["splits"])
    assert all(splits == found[0] for splits in found)


def raises(kind, *words):
    """Expect an error whose message holds all the words, and starts with the key that it is about."""
    return pytest.raises(kind, match="(?s)^data: " + "".join(f"(?=.*{word})" for word in words))


def test_errors_about_the_source(tmp_path):
    with raises(FileNotFoundError, "no file or folder 'reviews/train.csv'", str(Path.cwd())):
        load("reviews/train.csv")
    with raises(FileNotFoundError, "'embedded:review'", "Did you mean 'embedded:reviews'"):
        load("embedded:review")
    with raises(FileNotFoundError, "holds no table", "train.csv"):
        load(tmp_path)
    with raises(ValueError, "cannot read .*notes.txt", ".parquet"):
        (tmp_path / "notes.txt").write_text("text")
        load(tmp_path / "notes.txt")
    with raises(ValueError, "revision", "local"):
        load(write(tmp_path / "local.csv", TRAIN), revision="main")
    with raises(ValueError, "several formats"):
        write(tmp_path / "twice" / "train.csv", TRAIN)
        write(tmp_path / "twice" / "train.jsonl", TRAIN)
        load(tmp_path / "twice")
    with raises(ConnectionError, "'no-such/dataset'", "no file or folder"):
        load("no-such/dataset")  # the suite is offline
    with raises(ConnectionError, "revision", "'v1'", "Write the commit"):
        load("no-such/dataset", revision="v1")


@pytest.mark.parametrize(
    ("name", "content", "why"),
    [
        ("broken.csv", b'text,label\n"a,0\nb,1\n', "no readable csv file: .*EOF inside string"),
        ("broken.jsonl", b'{"text": "a", "label": "b"}\n{"text"\n', "no readable JSON file"),
        ("broken.parquet", b"not parquet", "no readable parquet file"),
        ("latin.csv", b"text,label\n\xe9t\xe9,0\n", "no readable csv file: .*utf-8"),
        ("empty.csv", b"", "no readable csv file: No columns"),
        ("head.csv", b"text,label\n", "has no rows"),
    ],
)
def test_unreadable_files(tmp_path, name, content, why):
    (tmp_path / name).write_bytes(content)
    with raises(ValueError, name, why):
        load(tmp_path / name)


def test_errors_about_splits_columns_and_labels(tmp_path):
    write(tmp_path / "train.csv", TRAIN)
    write(tmp_path / "test.csv", TEST)
    with raises(ValueError, "validation_split", "unknown split 'dev'", "test, train"):
        load(tmp_path, validation_split="dev")
    with raises(ValueError, "train_split", "Did you mean 'train'"):
        load(tmp_path, train_split="trian")
    with raises(ValueError, "test_split", "must differ", "null"):
        load(tmp_path, test_split="train")
    with raises(ValueError, "label: train split", "unknown column 'lable'", "Did you mean 'label'", "text"):
        load(tmp_path, label="lable")
    with raises(ValueError, "text: train split", "unknown column 'sentence'"):
        load(tmp_path, text="sentence")
    with raises(ValueError, "shots_per_label", "got 30", "only 20 usable rows", "'bad'", "at most 20"):
        load(tmp_path, validation_split="test", test_split=None, shots_per_label=30)
    with raises(ValueError, "test_shots_per_label", "got 11", "test split has only 10"):
        load(tmp_path, test_shots_per_label=11)
    with raises(ValueError, "at least two labels", "only 'good'", "20 rows"):
        load(write(tmp_path / "one.csv", TRAIN[::2]))
    with raises(ValueError, "'bad' in the train split is none of the 2 labels"):
        load(tmp_path, label_names=("good", "evil"))


def test_labels_must_mean_the_same_in_all_splits(tmp_path):
    def parquet(split, names, labels):
        features = Features({"text": Value("string"), "label": ClassLabel(names=names)})
        content = {"text": [f"{split} {i}" for i in range(len(labels))], "label": labels}
        Dataset.from_dict(content, features=features).to_parquet(tmp_path / f"{split}.parquet")

    parquet("train", ["good", "bad"], [0, 1] * 10)
    parquet("test", ["bad", "good"], [0, 1])
    with raises(ValueError, "test split names its labels"):
        load(tmp_path)
    (tmp_path / "test.parquet").unlink()
    write(tmp_path / "test.csv", [{"text": "a", "label": 0}, {"text": "b", "label": 1}])
    assert load(tmp_path)["test"].features["label"] == ClassLabel(names=["good", "bad"])
    write(tmp_path / "test.csv", [{"text": "a", "label": 0}, {"text": "b", "label": 2}])
    with raises(ValueError, "the label 2 in the test split is none of the 2 labels"):
        load(tmp_path)


# The Hub: a server on this machine that has one dataset with two commits.

OLD, NEW = "a" * 40, "b" * 40
FILES = {
    OLD: {"train.csv": "text,label\n" + "".join(f"old {i},{'xy'[i % 2]}\n" for i in range(20))},
    NEW: {"train.csv": "text,label\n" + "".join(f"new {i},{'xy'[i % 2]}\n" for i in range(20))},
}
NAMES = {"main": NEW, "v1": OLD, OLD: OLD, NEW: NEW}


class _Hub(BaseHTTPRequestHandler):
    def log_message(self, *arguments):
        pass

    def answer(self, body=b"", status=200, **headers):
        body = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_response(status)
        for name, value in {"Content-Length": len(body), **headers}.items():
            self.send_header(name.replace("_", "-"), str(value))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def do_GET(self):
        parts = self.path.partition("?")[0].strip("/").split("/")
        parts = parts[1:] if parts[0] == "api" else parts
        if parts[1:3] != ["me", "reviews"]:
            return self.answer(status=404, X_Error_Code="RepoNotFound")
        what, commit = parts[3:5] if len(parts) > 4 else ("revision", "main")
        if commit not in NAMES:
            return self.answer(status=404, X_Error_Code="RevisionNotFound")
        commit = NAMES[commit]
        files, headers = FILES[commit], {"X_Repo_Commit": commit}
        if what == "revision":
            siblings = [{"rfilename": name} for name in files]
            return self.answer({"id": "me/reviews", "sha": commit, "siblings": siblings, "tags": [], "private": False})
        if what == "tree":
            entries = [{"type": "file", "path": n, "size": len(c), "oid": commit[:8] + n} for n, c in files.items()]
            return self.answer([] if parts[5:] else entries)
        content = files.get("/".join(parts[5:]))
        if what != "resolve" or content is None:
            return self.answer(status=404, X_Error_Code="EntryNotFound", **headers)
        return self.answer(content.encode(), ETag=f'"{commit}"', **headers)

    do_HEAD = do_GET

    def do_POST(self):
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.answer([{"type": "file", "path": "train.csv", "size": 9, "oid": "0" * 40}])


_LOAD = """
import json, sys
from hf_augment.data import describe, load_data
from hf_augment.blocks import DataConfig, PreprocessConfig
for settings in json.load(sys.stdin):
    config = DataConfig(**{"path": "me/reviews", **settings})
    try:
        data = load_data(config, PreprocessConfig(lower_case=True), 0)
        print(json.dumps([describe(data, config)["commit"], data["train"]["text"][0].split()[0]]))
    except Exception as error:
        print(json.dumps(f"{type(error).__name__}: {error}"))
"""


@pytest.fixture
def hub(tmp_path):
    """A function that loads in a process of its own, since huggingface_hub reads its settings once."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Hub)
    threading.Thread(target=server.serve_forever, daemon=True).start()

    def load(*configs, offline=False):
        settings = {
            "HF_ENDPOINT": f"http://127.0.0.1:{server.server_address[1]}",
            "HF_HOME": str(tmp_path),
            "HF_DATASETS_CACHE": str(tmp_path / "datasets"),
            "HF_HUB_DISABLE_XET": "1",
            "HF_HUB_OFFLINE": str(int(offline)),
            "NO_PROXY": "127.0.0.1",
        }
        command = [sys.executable, "-c", _LOAD]
        done = subprocess.run(
            command,
            input=json.dumps(configs),
            env={**os.environ, **settings},
            stdout=subprocess.PIPE,
            text=True,
            check=True,
            timeout=120,
        )
        return [json.loads(line) for line in done.stdout.splitlines()]

    yield load
    server.shutdown()
    server.server_close()


@pytest.mark.slow
def test_the_hub_is_loaded_at_a_commit_that_the_record_names(hub):
    newest, tagged, pinned, *problems = hub(
        {}, {"revision": "v1"}, {"revision": OLD}, {"path": "me/nothing"}, {"revision": "v9"}, {"name": "other"}
    )
    assert newest == [NEW, "new"]
    assert tagged == pinned == [OLD, "old"]
    assert problems[0].startswith("FileNotFoundError: data: path: 'me/nothing' is neither a file or folder")
    assert problems[1].startswith(
        "ValueError: data: revision: the dataset 'me/reviews' has no commit, branch or tag 'v9'"
    )
    assert "BuilderConfig 'other' not found" in problems[2]


@pytest.mark.slow
def test_offline_the_cache_serves_the_commit_that_it_has_and_no_other(hub):
    assert hub({}) == [[NEW, "new"]]
    anything, same, other = hub({}, {"revision": NEW}, {"revision": OLD}, offline=True)
    assert anything == same == [NEW, "new"]
    assert other.startswith(
        f"ConnectionError: data: revision: the Hub does not answer, and the cache has 'me/reviews' at {NEW}"
    )


def test_texts_need_no_labels(tmp_path):
    (tmp_path / "texts.jsonl").write_text(
        "".join(f'{{"text": "sentence {i}"}}\n' for i in range(40)), encoding="utf-8"
    )
    config = DataConfig(path=str(tmp_path / "texts.jsonl"), label=None, shots_per_label=20)
    data = load_data(config, PreprocessConfig(), seed=0)
    assert {split: len(rows) for split, rows in data.items()} == {"train": 20, "validation": 4}
    assert describe(data, config)["splits"]["train"]["labels"] == {"": 20}
