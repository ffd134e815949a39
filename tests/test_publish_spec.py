"""An `Augment` as a file: it comes back as the same value, and what it needs comes with it or is asked for first."""

import json
import os
from pathlib import Path

import pytest
from datasets import Dataset
from datasets.fingerprint import Hasher

from hf_augment import Augment, Compose, Generate, MaskedLM, Prompt, RandomSwap, SimilarSentence, Synonym, Typo
from hf_augment.publish import spec
from hf_augment.publish.access import refuse_secrets
from hf_augment.publish.spec import SPEC_FILE, local_references
from tests.loopback_hub import LoopbackHub
from tests.stories import told

WRITE = "hf_" + "WrItEwRiTe" * 4
RULES = Compose(transforms=[Synonym(rate=0.3), Typo(rate=0.1)])
ROWS = {"text": ["The room was quiet, and the staff helpful!", "A good day."], "label": ["good", "bad"]}


def rows(augment: Augment) -> list[dict]:
    return Dataset.from_dict(ROWS).map(augment, batched=True).to_list()


@pytest.mark.parametrize(
    "augment",
    [
        Augment(RULES, text="text", copies=3, seed=5),
        Augment(RandomSwap(rate=0.4), text=["text"], label="label", copies="copies", keep_original=False, key="id"),
        Augment(MaskedLM(model="embedded:masked"), text="text", label_names=["a", "b"]),
    ],
)
def test_a_folder_gives_the_same_value_back(augment, tmp_path):
    augment.save_pretrained(tmp_path / "new" / "folder")
    again = Augment.from_pretrained(tmp_path / "new" / "folder")
    assert again == augment
    assert Hasher.hash(again) == Hasher.hash(augment)
    first = (tmp_path / "new" / "folder" / SPEC_FILE).read_bytes()
    again.save_pretrained(tmp_path / "new" / "folder")
    assert (tmp_path / "new" / "folder" / SPEC_FILE).read_bytes() == first


def test_it_writes_the_same_rows(tmp_path):
    augment = Augment(RULES, text="text", copies=3)
    augment.save_pretrained(tmp_path)
    assert rows(Augment.from_pretrained(str(tmp_path))) == rows(augment)


def test_a_model_that_has_changed_is_noticed(tmp_path):
    SimilarSentence.fit(Dataset.from_dict(ROWS), tmp_path / "pool", text="text", label="label")
    Augment(SimilarSentence(pool=str(tmp_path / "pool")), text="text", label="label").save_pretrained(tmp_path)
    Augment.from_pretrained(tmp_path)
    SimilarSentence.fit(Dataset.from_dict({**ROWS, "text": ["Other", "rows"]}), tmp_path / "pool2", text="text")
    for file in (tmp_path / "pool").iterdir():
        file.unlink()
    for file in (tmp_path / "pool2").iterdir():
        file.rename(tmp_path / "pool" / file.name)
    with pytest.raises(ValueError, match=r"other files behind it \(transform.pool\), so other rows"):
        Augment.from_pretrained(tmp_path)


def test_what_is_no_spec_is_said(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"holds no augment.json"):
        Augment.from_pretrained(tmp_path)
    (tmp_path / SPEC_FILE).write_text("{}", encoding="utf-8")
    with pytest.raises(ValueError, match="is no spec of an Augment"):
        Augment.from_pretrained(tmp_path)
    with pytest.raises(FileNotFoundError, match=r"no augment.json came from the model repository of that name"):
        Augment.from_pretrained("nobody/nothing")


def test_folders_of_this_machine_are_found_wherever_they_stand(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "quick brown").mkdir()  # a word of a rule is no reference
    assert list(local_references(RULES)) == []
    assert list(local_references(MaskedLM(model="embedded:masked"))) == []
    SimilarSentence.fit(Dataset.from_dict(ROWS), "pool", text="text", label="label")
    nested = Compose(transforms=[Typo(reserved=["quick brown"]), Compose(transforms=[SimilarSentence(pool="pool")])])
    assert list(local_references(nested)) == [("similar_sentence", "pool", "pool")]
    with pytest.raises(ValueError, match=r"similar_sentence: pool: 'pool' is on this machine alone. Push it first"):
        Augment(nested, text="text", label="label").push_to_hub("me/mine")


@pytest.mark.parametrize("name", ["me", "me/a b", "a/b/c", "me/-x", "me/x..y"])
def test_a_name_that_the_hub_does_not_take_is_said_before_anything_is_asked(name):
    with pytest.raises(ValueError, match=r"no name for a model on the Hub|does not say whose model"):
        Augment(RULES, text="text").push_to_hub(name)


# What a stranger's spec may not do

ASKING = Prompt(model="m", endpoint="http://evil.example/v1")


@pytest.mark.parametrize(
    "transform",
    [ASKING, Compose(transforms=[Typo(), Compose(transforms=[ASKING])])],
    ids=["alone", "nested"],
)
@pytest.mark.parametrize("kind", ["model", "dataset"])
def test_what_the_hub_says_is_not_sent_rows_and_key(transform, kind, monkeypatch, tmp_path):
    augment = Augment(transform, text="text")
    document = json.loads(json.dumps(spec.described(augment)))
    monkeypatch.setattr(spec, "_fetched", lambda *asked: document)
    with pytest.raises(
        ValueError, match=r"evil/augment names the endpoint 'http://evil.example/v1'.*from_spec"
    ) as said:
        Augment.from_pretrained("evil/augment", repo_type=kind)
    assert "\n" not in str(said.value)
    assert Augment.from_spec(document["spec"]) == augment  # who has read it may
    augment.save_pretrained(tmp_path)
    assert Augment.from_pretrained(tmp_path) == augment
    card = spec._card(augment, "me/mine", None).text
    assert "Augment.from_spec" in card
    assert "from_pretrained" not in card


def test_a_word_called_endpoint_is_none():
    labels = {"endpoint": "where a line ends", "start": ""}
    augment = Augment(Prompt(model="m", prompt="contrast", labels=labels), text="text", label="label")
    assert list(spec.endpoints(augment.to_spec())) == []


@pytest.mark.parametrize("name", ["HF_AUGMENT_API_KEY", "OPENAI_API_KEY"])
def test_the_key_of_an_endpoint_is_not_pushed(name, monkeypatch):
    monkeypatch.setenv(name, "sk-of-mine-123")
    with pytest.raises(ValueError, match=rf"the card holds the value of \${name}, so nothing was pushed") as said:
        refuse_secrets("the card", "Bearer sk-of-mine-123", None)
    assert "sk-of" not in str(said.value)
    refuse_secrets("the card", "sk-of-others-123", None)
    monkeypatch.setenv(name, "EMPTY")  # as servers that want no key are told
    refuse_secrets("the card", "EMPTY", None)


# On the Hub


def push_twice() -> str:
    augment = Augment(RULES, text="text", copies=3)
    address = augment.push_to_hub("me/mine", license="mit")
    augment.push_to_hub("me/mine", license="mit")
    return address


def pull() -> list[dict]:
    return rows(Augment.from_pretrained("me/mine"))


def pull_a_stranger() -> str:
    from huggingface_hub import HfApi

    spec = Augment(RULES, text="text").to_spec()
    spec["transform"]["transforms"][0]["name"] = "os.path:join"
    document = json.dumps({"spec": spec, "identity": {}}).encode()
    HfApi().create_repo("me/strange")
    HfApi().upload_file(path_or_fileobj=document, path_in_repo=SPEC_FILE, repo_id="me/strange")
    said = []
    for call in (Augment.from_pretrained, lambda name: Augment(RULES, text="text").push_to_hub(name)):
        try:
            call("me/strange")
        except (ValueError, FileExistsError) as error:
            said.append(str(error))
    return said


def push_a_private_word() -> str:
    try:
        Augment(Typo(reserved=[os.environ["HF_TOKEN"]]), text="text").push_to_hub("me/secret")
    except ValueError as error:
        return str(error)
    return "pushed"


@pytest.mark.slow
def test_on_the_hub_it_is_one_commit_and_writes_the_same_rows(tmp_path):
    with LoopbackHub({WRITE: ("me", "write")}) as hub:
        environment = hub.environment(tmp_path, WRITE)
        assert told(push_twice, environment) == f"{hub.url}/me/mine"
        assert hub.commits("model", "me/mine") == ["initial commit", "Push an Augment"]
        assert hub.private("model", "me/mine")
        card = hub.files("model", "me/mine")["README.md"].decode()
        assert "license: mit\n" in card
        assert 'augment = Augment.from_pretrained("me/mine")' in card
        assert told(pull, environment) == rows(Augment(RULES, text="text", copies=3))
        loading, pushing = told(pull_a_stranger, environment)
        assert "names 'os.path:join', which would have to be imported" in loading
        assert "holds what hf-augment did not push (augment.json)" in pushing
        said = told(push_a_private_word, environment)
        assert "holds what looks like an access token" in said
        assert WRITE not in said
        assert ("model", "me/secret") not in hub.repos


def test_a_generator_in_a_folder_is_refused(tmp_path):
    shelf = Path(__file__).parent.parent / "hf_augment" / "embedded" / "generator"
    augment = Augment(Generate(model=str(shelf)), text="text", label="label")
    with pytest.raises(ValueError, match=r"generate: model: .* is on this machine alone"):
        augment.push_to_hub("me/mine")
    augment.save_pretrained(tmp_path)
    assert Augment.from_pretrained(tmp_path) == augment
