"""What a push makes of runs of all kinds, shown by dry runs: nothing leaves this machine, nor do its paths."""

import re
import shutil
from pathlib import Path

import pytest

import hf_augment
from hf_augment.blocks import PublishConfig
from hf_augment.publish.places import without_places
from hf_augment.recipe import parse_recipe
from hf_augment.record import read_json, write_json
from hf_augment.run import run
from hf_augment.sources import read_card
from tests import made_up_study, tiny
from tests.loopback_hub import LoopbackHub
from tests.stories import ROOT, told

RULES = """
# Deletes words.
output: {folder}/out
data: {{path: {folder}/rows, test_split: null}}
augment: {{pipeline: [{{name: random_delete, rate: 0.4}}], copies: 2}}
"""


def shown(path: str | Path, *settings: str, **options) -> str:
    said: list[str] = []
    assert hf_augment.push(str(path), settings, dry_run=True, report=said.append, **options) == {}
    assert said[-1] == "Nothing was sent."
    return "\n".join(said)


@pytest.fixture(scope="module")
def ran(tmp_path_factory) -> Path:
    """A recipe of rules that was carried out; everything lies in the same folder."""
    folder = tmp_path_factory.mktemp("rules")
    tiny.write_rows(folder / "rows", train=12)
    (folder / "rules.yaml").write_text(RULES.format(folder=folder), encoding="utf-8")
    run(str(folder / "rules.yaml"), report=lambda line: None)
    return folder


def test_a_run_without_models_is_a_dataset_alone(ran):
    text = shown(ran / "rules.yaml", to="me")
    assert re.findall(r"^(?:dataset|model|collection) \S+", text, re.MULTILINE) == ["dataset me/out-augmented"]
    assert "  augment.json  " in text
    assert "Nobody selected among the written rows." in text
    assert "No licence is known for this dataset." in text
    record = read_json(ran / "out" / "record.json")
    assert f"| train | {record['augment']['rows']} | 12 | {record['augment']['rows'] - 12} |" in text


def test_the_folder_says_the_same_as_the_recipe(ran):
    assert shown(ran / "out", to="me/x") == shown(ran / "rules.yaml", to="me/x")


def test_a_step_that_was_found_on_disk_keeps_its_cost(ran):
    before = read_json(ran / "out" / "record.json")["seconds"]
    write_json(ran / "out" / "record.json", {**read_json(ran / "out" / "record.json"), "seconds": {"augment": 99.0}})
    run(str(ran / "rules.yaml"), report=lambda line: None)
    assert read_json(ran / "out" / "record.json")["seconds"] == {"augment": 99.0}
    assert "| writing rows | 99.0 |" in shown(ran / "out", to="me")
    assert before["augment"] < 99.0


def test_no_folder_of_this_machine_is_told(ran):
    text = shown(ran / "out", to="me")
    assert str(ran) not in text
    assert str(Path.home()) not in text
    assert "output: out\n" in text
    assert "path: rows," in text


def test_only_whole_folders_are_replaced():
    words = {"/root": "~", "/work": ".", "runs/x/generator": "me/gen", "/data/mine.csv": "mine.csv", "/": "no"}
    said = '"/root/a", /work, /workflows https://hub/work "runs/x/generator" my-runs/x/generator /data/mine.csv\n/root'
    expected = '"~/a", ., /workflows https://hub/work "me/gen" my-runs/x/generator mine.csv\n~'
    assert without_places(said, words) == expected


def test_names_and_licence_come_from_the_recipe(ran):
    text = shown(ran / "rules.yaml", "publish={dataset: we/rules, license: cc0-1.0, language: [en], private: false}")
    assert "dataset we/rules (public, if it is new)" in text
    assert "license: cc0-1.0\n" in text
    assert "language:\n    - en\n" in text
    assert "collection" not in text
    assert "collection 'Rules'" in shown(ran / "out", "publish.collection=Rules", to="me")


@pytest.mark.parametrize(
    ("settings", "error", "message"),
    [
        (["publish.classifier=me/x"], FileNotFoundError, "publish: classifier: there is none in .* to push as 'me/x'"),
        (["publish.dataset=x"], ValueError, "expected NAMESPACE/NAME, got 'x'"),
        (["publish.datasets=me/x"], ValueError, "unknown key 'datasets'. Did you mean 'dataset'"),
        (["publish.dataset=me/a..b"], ValueError, "'me/a..b' is no name for a dataset on the Hub"),
        (["publish.collection=" + 61 * "x"], ValueError, "titles of 1 to 60 characters, got 61"),
        (
            ["augment.copies=3", "publish.dataset=me/x"],
            ValueError,
            "made with other settings than .* in augment. Push",
        ),
        (
            ["output=nowhere", "publish.dataset=me/x"],
            FileNotFoundError,
            "no record of a run in nowhere. Write hf-augment",
        ),
        ([], ValueError, "Nothing says where to push dataset. Write --to NAMESPACE, or a block"),
    ],
)
def test_what_cannot_be_pushed_is_said(ran, settings, error, message):
    with pytest.raises(error, match=message):
        shown(ran / "rules.yaml", *settings)


def test_rows_that_the_record_does_not_tell_of_are_not_pushed(ran, tmp_path):
    copied = shutil.copytree(ran / "out", tmp_path / "out")
    write_json(copied / "dataset.json", {"made_from": "something else"})
    with pytest.raises(ValueError, match="holds other rows than"):
        shown(copied, to="me")


def test_a_spec_that_others_cannot_use_does_not_go_along(ran, tmp_path):
    from datasets import Dataset

    from hf_augment import SimilarSentence

    rows = [text for text, _ in tiny.ROWS]
    SimilarSentence.fit(Dataset.from_dict({"text": rows}), tmp_path / "pool", text="text")
    pool = f"augment={{pipeline: [{{name: similar_sentence, pool: {tmp_path}/pool, same_label: false}}]}}"
    settings = [f"output={tmp_path}/out", pool]
    run(str(ran / "rules.yaml"), settings, report=lambda line: None)
    text = shown(tmp_path / "out", to="me")
    assert "augment.json" not in text
    assert "what it refers to is not on the Hub" in text
    assert str(tmp_path) not in text.replace(str(tmp_path / "pool"), "")


# With a study


def test_a_study_of_the_same_recipe_goes_along(ran, tmp_path):
    copied = shutil.copytree(ran / "out", tmp_path / "out")
    study = {**made_up_study.study(), "examples": []}
    study["settings"] |= {"recipe": read_json(copied / "record.json")["recipe"]["text"], "set": []}
    write_json(copied / "study.json", study)
    for name in ("study.md", "report.html"):
        (copied / name).write_text(f"real rows {ran}", encoding="utf-8")
    text = shown(copied, to="me")
    assert "Augment with generate&#58;" in text or "Augment with generate:" in text
    for name in ("gains.png", "report.html", "study.json", "study.md"):
        assert f"  hf-augment/{name}  " in text
    assert "(hf-augment/gains.png)" in text
    alone = shown(copied, to="me", include_gold=False)
    assert "hf-augment/gains.png" in alone
    assert "report.html  " not in alone  # it shows real rows
    study["settings"]["recipe"] += "# changed since"
    write_json(copied / "study.json", study)
    assert "gains.png" not in shown(copied, to="me")


def test_the_run_of_one_method_of_a_study_is_pushed_by_its_folder(ran, tmp_path):
    folder = tmp_path / "study" / "shots-all" / "split-0" / "eda"
    shutil.copytree(ran / "out", folder)
    write_json(tmp_path / "study" / "study.json", {**made_up_study.study(), "examples": []})
    for name in ("study.md", "report.html"):
        (tmp_path / "study" / name).write_text("", encoding="utf-8")
    assert "  hf-augment/gains.png  " in shown(folder, to="me")
    several = f"""
output: {tmp_path}/study
data: {{path: {ran}/rows}}
methods: {{eda: {{augment: {{pipeline: [{{name: eda}}]}}}}}}
study: {{splits: 2}}
"""
    (tmp_path / "study.yaml").write_text(several, encoding="utf-8")
    with pytest.raises(ValueError, match=f"no one dataset to push.*e.g. hf-augment push {folder}"):
        shown(tmp_path / "study.yaml", to="me")


def test_the_block_in_the_readme_is_one():
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    (block,) = re.findall(r"```yaml\n(publish:.*?)```", readme, re.DOTALL)
    recipe = parse_recipe(f"output: x\ndata: {{path: x}}\n{block}", "README.md")
    assert isinstance(recipe.publish, PublishConfig)
    assert recipe.publish.private


# What the card of the source says


def test_the_card_of_a_source_is_noted(ran, tmp_path):
    assert read_card("embedded:reviews", None) == {"license": "apache-2.0", "language": ["en"]}
    assert read_card(str(ran / "rows"), None) is None
    assert read_card(str(ran / "rows" / "train.jsonl"), None) is None
    for text in ("no front matter", "---\na: [\n---\n", "---\n- a list\n---\n", "---\nlicense:\n---\n"):
        (tmp_path / "README.md").write_text(text, encoding="utf-8")
        assert read_card(str(tmp_path), None) is None
    (tmp_path / "README.md").write_text("---\r\nlicense: other\r\nlicense_name: mine\r\n---\r\n", encoding="utf-8")
    assert read_card(str(tmp_path), None) == {"license": "other", "license_name": "mine"}
    assert read_card("nobody/nothing", None) is None


def from_the_hub(folder: str) -> list[str]:
    """Augment a dataset of the Hub, and show what would be pushed."""
    from datasets import Dataset
    from huggingface_hub import DatasetCard, HfApi

    rows = {"text": [text for text, _ in tiny.ROWS], "label": [label for _, label in tiny.ROWS]}
    Dataset.from_dict(rows).push_to_hub("me/source")
    card = DatasetCard.load("me/source")
    card.data.license, card.data.language = "cc-by-sa-4.0", "en"
    card.push_to_hub("me/source")
    recipe = Path(folder) / "hub.yaml"
    recipe.write_text(RULES.replace("{folder}/rows", "me/source").format(folder=folder), encoding="utf-8")
    run(str(recipe), report=lambda line: None)
    return [shown(recipe, to="me"), HfApi().dataset_info("me/source").sha]


@pytest.mark.slow
def test_source_commit_and_licence_of_a_dataset_on_the_hub_stand_in_the_card(tmp_path):
    token = "hf_" + "WrItEwRiTe" * 4
    with LoopbackHub({token: ("me", "write")}) as hub:
        text, commit = told(from_the_hub, hub.environment(tmp_path / "caches", token), str(tmp_path))
    for line in ("license: cc-by-sa-4.0", "language:\n    - en", "source_datasets:\n    - me/source"):
        assert f"    {line}\n" in text
    assert f"hf-augment run hub.yaml --set data.revision={commit}\n" in text
    assert f"datasets/me/source) at commit <code>{commit}</code>" in text
    assert "The source dataset is under <code>cc-by-sa-4.0</code>, says its card, and so is this one." in text
