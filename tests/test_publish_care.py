"""A push takes nothing away from others, shows nobody what was to stay private, and leaves nothing that only looks whole."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from hf_augment.blocks import PublishConfig
from hf_augment.publish import parcels, push
from hf_augment.publish.block import Card, whole
from hf_augment.publish.facts import name_of, names
from hf_augment.publish.parcels import Parcel
from hf_augment.publish.places import fit_to_be_read, places_here, without_places
from hf_augment.publish.repository import Place, State, refuse_foreign
from hf_augment.recipe import parse_recipe
from hf_augment.run import run
from tests import tiny
from tests.loopback_hub import LoopbackHub
from tests.stories import told

TOKEN = "hf_" + "WrItEwRiTe" * 4
RULES = """
output: {folder}/out
data: {{path: {folder}/rows, test_split: null}}
augment: {{pipeline: [{{name: random_delete, rate: 0.4}}], copies: 2}}
"""
NAME = "me/out-augmented"


@pytest.fixture(scope="module")
def ran(tmp_path_factory) -> Path:
    """A run of rules."""
    folder = tmp_path_factory.mktemp("rules")
    tiny.write_rows(folder / "rows", train=12)
    (folder / "rules.yaml").write_text(RULES.format(folder=folder), encoding="utf-8")
    run(str(folder / "rules.yaml"), report=lambda line: None)
    return folder / "out"


def tried(folder: str, *settings: str, to: str = "me", **options) -> str:
    """Push, and return what was said, or the one line of the error."""
    said: list[str] = []
    try:
        push(folder, settings, to=to, report=said.append, **options)
    except (OSError, ValueError) as error:
        return f"{type(error).__name__}: {error}"  # a full match of a pattern sees that it is one line
    return "\n".join(said)


def on_a_hub(story: Callable, folder: Path, *arguments: str):
    """Carry out a story, and return what it tells, and the Hub as it is then."""
    with LoopbackHub({TOKEN: ("me", "write")}) as hub:
        return told(story, hub.environment(folder, TOKEN), *arguments), hub


# What others put under data/


def with_files_of_others(folder: str) -> list[str]:
    from huggingface_hub import HfApi

    from hf_augment.publish import pushing

    def put(path: str) -> None:
        HfApi().upload_file(path_or_fileobj=b"theirs", path_in_repo=path, repo_id=NAME, repo_type="dataset")

    found = [tried(folder)]
    put("data/human.csv")
    found.append(tried(folder))  # nothing of ours has changed
    put("data/notes/test-00000-of-00001.parquet")
    put("data/test-00000-of-00001.parquet")  # a split that this run has not
    found.append(tried(folder, "publish.license=mit"))
    for path in ("data/human.csv", "data/notes/test-00000-of-00001.parquet", "data/test-00000-of-00001.parquet"):
        HfApi().delete_file(path, NAME, repo_type="dataset")
    fill = pushing._fill
    pushing._fill = lambda *rest: (put("data/late.csv"), fill(*rest))
    found.append(tried(folder, "publish.license=mit"))
    pushing._fill = fill
    HfApi().delete_file("data/late.csv", NAME, repo_type="dataset")
    found.append(tried(folder, "publish.license=mit"))
    return found


@pytest.mark.slow
def test_what_others_put_under_data_stays(ran, tmp_path):
    found, hub = on_a_hub(with_files_of_others, tmp_path, str(ran))
    first, again, changed, meanwhile, last = found
    assert first == again == last
    assert re.fullmatch(
        r"FileExistsError: The dataset me/out-augmented holds what hf-augment did not push \(data/human.csv, "
        r"data/notes/test-00000-of-00001.parquet, data/test-00000-of-00001.parquet\).* another name\.",
        changed,
    )
    assert "(data/late.csv)" in meanwhile
    titles = hub.commits("dataset", NAME)
    assert titles.count("Push begins: incomplete") == 2  # the first, and the one that was met by a late file
    assert titles[-1] == "Push is complete"


def with_fewer_splits(folder: str, old: str) -> list[str]:
    """Push a run that has lost a split since, on top of a card that notes the splits, or of one from before."""
    from datasets import load_from_disk

    from hf_augment.publish import pushing

    notes = pushing.read_notes
    found = [tried(folder)]
    if old == "old":
        pushing.read_notes = lambda card: {name: value for name, value in notes(card).items() if name != "splits"}
    pushing.read_rows = lambda *rest: type(rows := load_from_disk(f"{folder}/dataset"))({"train": rows["train"]})
    return [*found, tried(folder)]


@pytest.mark.slow
@pytest.mark.parametrize("old", ["old", "new"])
def test_a_split_that_a_run_no_longer_has_is_ours_to_take_away(ran, tmp_path, old):
    (first, again), hub = on_a_hub(with_fewer_splits, tmp_path, str(ran), old)
    assert first == again
    shards = [name for name in hub.files("dataset", NAME) if name.startswith("data/")]
    assert shards == ["data/train-00000-of-00001.parquet"]


# Private by default


def into_other_repositories(folder: str) -> list[str]:
    from huggingface_hub import HfApi

    HfApi().create_repo(NAME, repo_type="dataset", private=False)
    found = [tried(folder), tried(folder, "publish.private=false"), tried(folder, private=False), tried(folder)]
    HfApi().update_repo_settings(NAME, repo_type="dataset", private=True)
    return [*found, tried(folder), tried(folder, private=False)]


@pytest.mark.slow
def test_what_is_to_be_private_is_not_pushed_where_all_can_see_it(ran, tmp_path):
    found, hub = on_a_hub(into_other_repositories, tmp_path, str(ran))
    address = f"{hub.url}/datasets/{NAME}"
    refused = (
        "ValueError: The dataset me/out-augmented is public, and what is pushed is to be private. Pass --public "
        "(publish.private: false) if all may see it, make the repository private in its settings on the Hub, or push to "
        "another name."
    )
    kept = f"dataset {NAME} is private as before: a push changes no such thing.\n{address}"
    assert found == [refused, address, address, refused, address, kept]
    # Nothing was written before it was said so.
    first = next(i for i, call in enumerate(hub.calls) if call.startswith("POST") and "/commit/" in call)
    assert sum("whoami" in call for call in hub.calls[:first]) == 2


# One repository, one thing


@pytest.mark.parametrize("classifier", ["me/films", "me/Films"])
def test_two_models_do_not_go_to_one_name(classifier, tmp_path):
    for file in ("generator/training.json", "dataset/dataset_dict.json"):
        (tmp_path / file).parent.mkdir()
        (tmp_path / file).write_text("{}", encoding="utf-8")
    recipe = parse_recipe(f"output: {tmp_path}\ndata: {{path: x}}\ntrain: {{model: m}}", "x.yaml")
    record = {"augment": {}, "train": {}, "study": {"classifiers": {"augmented": "x"}}}
    with pytest.raises(ValueError, match="classifier and generator are both to go to 'me/films', where one would"):
        names(recipe, record, PublishConfig(classifier=classifier, generator="me/films"), None)
    with pytest.raises(ValueError, match="are both to go to"):
        names(recipe, record, PublishConfig(generator=f"{classifier}-classifier"), classifier)
    # A dataset and a model may share a name: the Hub keeps them apart.
    found = names(recipe, record, PublishConfig(dataset="me/films", generator="me/films"), None)
    assert found == {"dataset": "me/films", "generator": "me/films", "classifier": None}


def test_what_we_pushed_as_something_else_is_not_written_over():
    def held(notes: dict) -> State:
        return State("abc", whole(Card({}, "# Ours"), "", notes), {"config.json": "1"}, True)

    place = Place("model", "me/films")
    refuse_foreign(place, held({"kind": "generator"}), "generator")
    refuse_foreign(place, held({}), "generator")  # pushed before the notes told
    with pytest.raises(
        FileExistsError, match=r"model me/films holds what .* pushed as 'generator', and this is 'augment'"
    ):
        refuse_foreign(place, held({"kind": "generator"}), "augment")


def one_on_the_other(folder: str) -> list[str]:
    from hf_augment import Augment, RandomSwap
    from hf_augment.publish import pushing

    Augment(RandomSwap(), text="text").push_to_hub("me/films")
    make = pushing.make_parcels
    model = [
        Parcel("classifier", Place("model", name), Card({}, "# A model"), {}) for name in ("me/films", "me/other")
    ]
    found = []
    for parcel in model:
        pushing.make_parcels = lambda *rest, parcel=parcel: [*make(*rest), parcel]
        found.append(tried(folder))
    try:
        Augment(RandomSwap(), text="text").push_to_hub("me/other")
    except FileExistsError as error:
        found.append(str(error))
    return found


@pytest.mark.slow
def test_an_augment_and_a_model_do_not_share_a_repository(ran, tmp_path):
    (first, second, third), hub = on_a_hub(one_on_the_other, tmp_path, str(ran))
    assert "me/films holds what hf-augment pushed as 'augment', and this is 'classifier'" in first
    assert second.endswith(f"{hub.url}/me/other")
    assert "me/other holds what hf-augment pushed as 'classifier', and this is 'augment'" in third


# Whole models


@pytest.mark.parametrize(
    ("lacking", "what"), [("config.json", r"config\.json"), ("model.safetensors", r"weights \(\*\.safetensors\)")]
)
def test_a_model_that_lacks_something_is_not_pushed(lacking, what, tmp_path):
    tiny.causal_lm(tmp_path)
    assert {"config.json", "model.safetensors", "tokenizer.json"} <= set(parcels._model(tmp_path))
    (tmp_path / lacking).unlink()
    with pytest.raises(
        FileNotFoundError, match=rf"holds no {what}, so it is no whole model. Write hf-augment run again."
    ):
        parcels._model(tmp_path)
    with pytest.raises(FileNotFoundError, match=r"holds no config\.json"):
        parcels._model(tmp_path / "nowhere")


# The names of a folder


@pytest.mark.parametrize("place", [".", "../out"])
def test_the_folder_goes_by_any_of_its_names(place, ran, monkeypatch):
    expected = tried(str(ran), dry_run=True)
    monkeypatch.chdir(ran)
    assert tried(place, dry_run=True) == expected


@pytest.mark.parametrize("name", ["2024", "latest"])
def test_the_name_of_a_folder_is_no_setting_and_that_of_a_link_its_own(name, ran, tmp_path, monkeypatch):
    (tmp_path / name).symlink_to(ran)
    monkeypatch.chdir(tmp_path)
    assert f"dataset me/{name}-augmented (private" in tried(name, dry_run=True)


def test_a_run_that_was_made_in_its_own_folder_keeps_the_keys_of_its_record(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    text = "output: .\ndata: {path: x}\ntrain: {model: m}\naugment: {pipeline: [{name: generate}]}\n"
    recipe = parse_recipe(text, "x.yaml")
    record = {
        "recipe": {"text": text, "file": "x.yaml", "set": []},
        "generator": {"says": "The generator wrote it.", "folder": f"{tmp_path}/generator"},
    }
    words = places_here(recipe, record, "me/gen")
    told = {"says": "The generator wrote it.", "folder": "./generator"}
    assert fit_to_be_read(record, words) == {**record, "generator": told}
    assert without_places("generator", words) == "me/gen"  # where the spec names it, it is the whole text
    assert name_of(recipe) == tmp_path.name
