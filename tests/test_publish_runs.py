"""What a push makes of runs of all kinds, shown by dry runs: nothing leaves this machine, nor do its paths."""

import json
import re
import shutil
from pathlib import Path

import pytest

import hf_augment
from hf_augment.blocks import PublishConfig
from hf_augment.provenance import PROVENANCE
from hf_augment.publish.facts import published, read_record, read_rows
from hf_augment.publish.places import fit_to_be_read, places_here, without_places
from hf_augment.recipe import load_recipe, parse_recipe
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


def test_what_changes_no_result_clears_no_record(ran, tmp_path):
    text = RULES.format(folder=ran).replace(f"{ran}/out", f"{tmp_path}/out")
    recipe, file = tmp_path / "r.yaml", tmp_path / "out" / "record.json"
    recipe.write_text(text, encoding="utf-8")
    run(str(recipe), report=lambda line: None)
    write_json(file, {**read_json(file), "seconds": {"augment": 99.0}})
    changed = f"{text}publish: {{dataset: me/x}}  # a comment\n"
    recipe.write_text(changed, encoding="utf-8")
    run(str(recipe), ["publish.license=mit"], report=lambda line: None)
    found = read_json(file)
    assert found["seconds"] == {"augment": 99.0}
    assert (found["recipe"]["text"], found["recipe"]["set"]) == (changed, ["publish.license=mit"])
    run(str(recipe), ["augment.copies=1"], report=lambda line: None)
    assert read_json(file)["seconds"]["augment"] < 99.0
    for damaged in ("something", {**found["recipe"], "text": "a: ["}, {**found["recipe"], "text": 3}):
        write_json(file, {"recipe": damaged, "seconds": {"augment": 99.0}})
        run(str(recipe), report=lambda line: None)
        assert read_json(file)["seconds"]["augment"] < 99.0


def test_the_record_knows_how_the_source_names_its_splits(tmp_path):
    recipe = titled(tmp_path)
    run(str(recipe), report=lambda line: None)
    _, _, told = pushed_without_gold(recipe)
    assert told["splits"] == {"train": "train", "validation": "validation", "test": None}


def test_no_folder_of_this_machine_is_told(ran):
    text = shown(ran / "out", to="me")
    assert str(ran) not in text
    assert str(Path.home()) not in text
    assert "output: out\n" in text
    assert "path: rows," in text


def test_only_whole_folders_are_replaced():
    words = {"/home/ann": "~", "/srv": ".", "runs/x/generator": "me/gen", "/data/mine.csv": "mine.csv", "/": "no"}
    said = '"/home/ann/a", /srv, /srvlogs https://hub/srv "runs/x/generator" my-runs/x/generator /data/mine.csv\n/home/ann'
    expected = '"~/a", ., /srvlogs https://hub/srv "me/gen" my-runs/x/generator mine.csv\n~'
    assert without_places(said, words) == expected


def sent(folder: Path) -> list[str]:
    """The record and the recipe that a push would send, as texts."""
    recipe = load_recipe(str(folder / "r.yaml"))
    record = read_record(recipe)
    record["publish"] = published(recipe, record, PublishConfig(), {"generator": None}, None)
    found = fit_to_be_read(record, places_here(recipe, record, None))
    return [json.dumps(found), found["recipe"]["text"]]


PLACES = """
output: {folder}/out
data: {{path: {folder}/rows, test_split: null}}
train: {{model: "{far}/base//model/", extra: {{deepspeed: {far}/deep.json}}}}
augment:
  pipeline:
    - {{name: one_of, transforms: [{{name: synonym, table: {far}/words.txt}}, {{name: generate, model: {far}/writer}}]}}
select: {{encoder: {far}/encoder}}
"""


@pytest.fixture
def elsewhere(ran, tmp_path) -> tuple[Path, Path]:
    """A folder with the record of a run that needs files of another one, and that one."""
    folder, far = tmp_path / "here", tmp_path / "secret place"
    shutil.copytree(ran / "rows", folder / "rows")
    for name in ("base/model", "writer", "encoder"):
        (far / name).mkdir(parents=True)
        (far / name / "weights.txt").write_text("", encoding="utf-8")
    for name in ("words.txt", "deep.json"):
        (far / name).write_text("good\tfine\n", encoding="utf-8")
    text = PLACES.format(folder=folder, far=far)
    (folder / "r.yaml").write_text(text, encoding="utf-8")
    recipe = load_recipe(str(folder / "r.yaml"))
    told = {"file": "r.yaml", "text": text, "set": [f"select.encoder={far}/encoder"]}
    spec = {"task": "text-classification", "transform": recipe.transform().to_spec()}
    augment = {"spec": spec, "identity": {str(far): 1}, "made_from": "x"}
    write_json(
        folder / "out" / "record.json", {"recipe": told, "data": {"path": f"{folder}/rows"}, "augment": augment}
    )
    return folder, far


def test_no_file_that_a_recipe_names_is_told(elsewhere):
    folder, far = elsewhere
    record = read_json(folder / "out" / "record.json")
    record["augment"]["identity"] = {}
    write_json(folder / "out" / "record.json", record)
    for text in sent(folder):
        assert str(far) not in text
        assert str(folder) not in text
        for name in ("model/", "deep.json", "words.txt", "writer", "encoder"):
            assert name in text


def test_keys_are_no_places_and_a_path_among_them_is_refused(elsewhere):
    folder, far = elsewhere
    with pytest.raises(ValueError, match=r"on this machine, in augment.identity, so nothing was pushed") as caught:
        sent(folder)
    assert repr(str(far)) in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "comment", ["# see {}.", "# ({}, or so)", "# in {}/words.txt and elsewhere", "# file://{}", "# /no such, {}"]
)
def test_a_path_that_nothing_stands_for_is_refused(comment, elsewhere, tmp_path):
    folder, _ = elsewhere
    (tmp_path / "other").mkdir()
    record = read_json(folder / "out" / "record.json")
    record["augment"]["identity"] = {}
    record["recipe"]["text"] += comment.format(tmp_path / "other")
    write_json(folder / "out" / "record.json", record)
    with pytest.raises(
        ValueError, match=rf"tell of '{tmp_path}/other', .* in recipe.text, so nothing was pushed"
    ) as caught:
        sent(folder)
    assert "\n" not in str(caught.value)


def test_what_only_looks_like_a_path_is_none(tmp_path):
    said = 'and/or, </tmp>, a / b, /., /..., https://tmp/root, 1/2, "/no such file", "/tmp/no such file", ~/tmp, C:\\nothing, <br /> 50 km/h'
    record = {"said": [said], "publish": {"examples": [{"text": f"I keep it in {tmp_path}."}]}}
    assert fit_to_be_read(record, {str(tmp_path): "x"}) == record  # rows go along as they are
    assert fit_to_be_read({"a": {"C:\\b": 'C:\\b\\c "'}}, {"C:\\b": "b"}) == {"a": {"C:\\b": 'b\\c "'}}


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
    assert str(tmp_path) not in text
    assert "pool: pool," in text


# Without real rows

TITLED = """
output: {folder}/out
data: {{path: {folder}/rows, test_split: null, validation_split: validation}}
augment: {{pipeline: [{{name: random_delete, rate: 0.3}}], copies: 3}}
"""


def titled(folder: Path) -> Path:
    """A recipe for rows of three words with a title, whose copies repeat rows of either split now and then."""
    (folder / "rows").mkdir()
    for split, rows in {"train": tiny.ROWS[::2], "validation": tiny.ROWS[1::5]}.items():
        lines = [
            json.dumps({"text": text, "title": f"SECRET {text}", "label": label, "id": f"{split} {i} SECRET"})
            for i, (text, label) in enumerate(rows)
        ]
        (folder / "rows" / f"{split}.jsonl").write_text("\n".join(lines), encoding="utf-8")
    (folder / "r.yaml").write_text(TITLED.format(folder=folder), encoding="utf-8")
    return folder / "r.yaml"


def pushed_without_gold(recipe: Path, *settings: str) -> tuple[list, list, dict]:
    """All rows of a run, those that a push without real rows sends, and what its record says of them."""
    from datasets import load_from_disk

    recipe = load_recipe(str(recipe), settings)
    record = read_record(recipe)
    splits = read_rows(recipe, record, False)
    assert list(splits) == ["train"]
    places = {"dataset": "me/x", "classifier": None, "generator": None}
    told = published(recipe, record, PublishConfig(include_gold=False), places, splits)
    everything = load_from_disk(str(Path(recipe.output) / "dataset"))
    return [row for split in everything.values() for row in split], list(splits["train"]), told


def test_without_gold_no_other_column_of_a_real_row_goes(tmp_path):
    recipe = titled(tmp_path)
    run(str(recipe), report=lambda line: None)
    _, rows, _ = pushed_without_gold(recipe)
    assert rows
    assert all(set(row) == {"text", "label", *PROVENANCE} for row in rows)
    assert all(row["label"] in tiny.WORDS for row in rows)
    text = shown(recipe, to="me", include_gold=False)
    assert "SECRET" not in text
    assert "The other columns of the source are left out" in text
    assert "title" in shown(recipe, to="me")
    run(str(recipe), ["augment.key=id"], report=lambda line: None)
    _, rows, _ = pushed_without_gold(recipe, "augment.key=id")
    assert rows
    assert "SECRET" not in json.dumps(rows)  # an id is a column of a real row too
    assert len({row["source_id"] for row in rows}) > 1


def test_without_gold_no_text_of_a_real_row_goes(tmp_path):
    from datasets import Dataset

    from hf_augment import SimilarSentence

    recipe = titled(tmp_path)
    evaluation = [json.loads(line)["text"] for line in (tmp_path / "rows/validation.jsonl").read_text().splitlines()]
    others = ["A sentence of nobody's.", "Another of the kind!"]
    pool = Dataset.from_dict({"text": [evaluation[0].upper(), evaluation[1], tiny.ROWS[0][0], *others]})
    SimilarSentence.fit(pool, tmp_path / "pool", text="text")
    step = "{name: similar_sentence, pool: %s, same_label: false, threshold: -1, temperature: 100}" % (
        tmp_path / "pool"
    )
    settings = [f"augment.pipeline=[{step}]"]
    run(str(recipe), settings, report=lambda line: None)
    everything, rows, told = pushed_without_gold(recipe, *settings)
    assert {row["text"] for row in rows} == set(others)
    repeated = sum(row["augmented_by"] != "original" for row in everything) - len(rows)
    assert repeated > 0
    assert told["left_out"] == {"selection dropped them": 0, "they say what a real row says": repeated}
    assert {row["text"] for row in told["examples"]} <= set(others)
    text = shown(recipe, *settings, to="me", include_gold=False)
    assert f"{repeated} written rows are left out too: {repeated} because they say what a real row says." in text
    only = Dataset.from_dict({"text": [tiny.ROWS[0][0], evaluation[1]]})
    SimilarSentence.fit(only, tmp_path / "pool", text="text")
    run(str(recipe), settings, report=lambda line: None)
    with pytest.raises(ValueError, match=r"Without the real rows there is none: of .* say what a real row says"):
        shown(recipe, *settings, to="me", include_gold=False)


def test_without_gold_no_row_goes_that_selection_dropped(tmp_path):
    recipe = titled(tmp_path)
    settings = ["select={encoder: null, near_duplicate: null, agreement: false, copied_words: 3}"]
    run(str(recipe), settings, report=lambda line: None)
    everything, rows, told = pushed_without_gold(recipe, *settings)
    dropped = [row for row in everything if row["augmented_by"] != "original" and not row["selected"]]
    assert dropped
    assert rows
    assert all(row["selected"] for row in rows)
    assert {"selected", "dropped", "copied_words", "round"} < set(rows[0])
    assert "title" not in rows[0]
    assert told["left_out"]["selection dropped them"] == len(dropped)
    assert f"{len(dropped)} because selection dropped them" in shown(recipe, *settings, to="me", include_gold=False)


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
    (tmp_path / "README.md").write_text("---\nlicense: mit\nlanguage: [no, en]\n---\n", encoding="utf-8")
    assert read_card(str(tmp_path), None) == {"license": "mit", "language": ["no", "en"]}  # Norwegian
    (tmp_path / "README.md").write_text("---\nlanguage: no\n---\n", encoding="utf-8")
    assert read_card(str(tmp_path), None) == {"language": "no"}
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
