"""Cards come from the record alone: as they were last read by a person, valid, and with no number of their own."""

import copy
import json
import re
import statistics
from html.parser import HTMLParser
from typing import Any

import pytest
from huggingface_hub import DatasetCard, DatasetCardData, ModelCard
from huggingface_hub.repocard_data import model_index_to_eval_results

from hf_augment.publish.block import BEGIN, END
from hf_augment.publish.classifier_card import eval_results, scores
from tests.made_up_record import ARMS, COMMIT, GOLDEN, HOSTILE, SCORES, cards, made_up_record

KINDS = ("dataset", "classifier", "generator")
SIZES = DatasetCardData.__doc__


@pytest.fixture
def record() -> dict[str, Any]:
    return made_up_record()


@pytest.mark.parametrize("kind", KINDS)
def test_the_cards_are_what_was_read(kind, record):
    expected = (GOLDEN / f"{kind}_card.md").read_text(encoding="utf-8")
    assert cards(record)[kind] == expected, "python -m tests.made_up_record writes them anew: read what has changed"


@pytest.mark.parametrize("kind", KINDS)
def test_they_are_a_function_of_the_record_as_a_file_holds_it(kind, record):
    again = json.loads(json.dumps(record, sort_keys=True))  # which loses the order of the arms
    assert cards(again)[kind] == cards(record)[kind]


def test_the_metadata_of_the_dataset_is_what_the_hub_knows(record):
    card = DatasetCard(cards(record)["dataset"])
    assert card.data.to_dict() == {
        "language": ["en"],
        "license": "cc-by-4.0",
        "task_categories": ["text-classification"],
        "size_categories": ["1K<n<10K"],
        "source_datasets": ["you/films"],
        "tags": ["synthetic", "hf-augment"],
    }
    for rows, size in ((1, "n<1K"), (999, "n<1K"), (1000, "1K<n<10K"), (2_500_000, "1M<n<10M"), (10**13, "n>1T")):
        record["publish"]["rows"] = {"train": {"rows": rows, "synthetic": 0, "selected": 0}}
        assert DatasetCard(cards(record)["dataset"]).data.size_categories == [size]
        assert f"'{size}'" in SIZES


def test_the_metadata_of_the_models_are_what_the_hub_knows(record):
    classifier = ModelCard(cards(record)["classifier"]).data
    (result,) = classifier.eval_results
    assert (result.task_type, result.metric_type) == ("text-classification", "accuracy")
    assert result.metric_value == SCORES["augmented"][0]  # of the weights that are pushed, those of the first seed
    assert (result.dataset_type, result.dataset_split, result.dataset_revision) == ("you/films", "test", COMMIT)
    assert classifier.datasets == ["me/film-augmented", "you/films"]
    assert (classifier.pipeline_tag, classifier.library_name) == ("text-classification", "transformers")
    assert classifier.model_name == "film-classifier"
    assert model_index_to_eval_results(classifier.to_dict()["model-index"])[1] == [result]
    generator = ModelCard(cards(record)["generator"]).data
    assert (generator.pipeline_tag, generator.base_model) == ("text-generation", "small/gpt")


def test_the_score_is_of_the_split_that_it_was_measured_on(record):
    def tested_on() -> tuple[str, str]:
        (result,) = ModelCard(cards(record)["classifier"]).data.eval_results
        return result.dataset_type, result.dataset_split

    record["publish"]["splits"] = {"train": "train", "validation": "dev", "test": "heldout"}
    assert tested_on() == ("you/films", "heldout")
    record["data"] |= {"path": "mine.csv", "commit": None}
    assert tested_on() == ("me/film-augmented", "test")  # as we call it there
    record["publish"]["dataset"] = None
    assert tested_on() == ("mine.csv", "heldout")


def test_rows_without_labels_are_for_no_classifier(record):
    record["augment"]["spec"]["label"] = None
    assert DatasetCard(cards(record)["dataset"]).data.task_categories is None


def test_the_scores_stand_in_a_file_of_their_own_too(record):
    import yaml
    from huggingface_hub import parse_eval_result_entries

    (entry,) = parse_eval_result_entries(yaml.safe_load(eval_results(record)))
    assert (entry.dataset_id, entry.value) == ("me/film-augmented", SCORES["augmented"][0])
    del record["publish"]["rows"]["test"]
    assert eval_results(record) is None


@pytest.mark.parametrize("kind", KINDS)
def test_a_licence_is_never_invented(kind, record):
    load = ModelCard if kind != "dataset" else DatasetCard
    assert load(cards(record)[kind]).data.license == ("cc-by-4.0" if kind == "dataset" else None)
    record["data"]["card"] = None
    text = cards(record)[kind]
    assert load(text).data.license is None
    assert load(text).data.language is None
    assert f"No licence is known for this {kind}." in text
    record["publish"] |= {"license": "mit", "language": ["de"]}
    text = cards(record)[kind]
    assert (load(text).data.license, load(text).data.language) == ("mit", ["de"])
    assert f"The {kind} is under <code>mit</code>, says who pushed it." in text


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_not_known_is_not_said(kind, record):
    record["data"] |= {"path": "mine.csv", "commit": None, "card": None}
    record["train"]["base"] = None
    for other in set(KINDS) - {kind}:
        record["publish"][other] = None
    text = cards(record)[kind]
    assert not re.search(r"\bNone\b(?! was dropped)|\bnull\b", text)
    data = (ModelCard if kind != "dataset" else DatasetCard)(text).data.to_dict()
    assert not {"source_datasets", "datasets", "base_model", "license"} & set(data)
    assert "Pushed together" not in text


def test_a_run_that_did_less_has_a_card_too(record):
    for step in ("select", "study"):
        del record[step]
    del record["seconds"]
    text = cards_of_the_dataset(record)
    assert "Nobody selected among the written rows." in text
    assert "Nobody has compared training with and without these rows yet." in text
    assert "## Cost" not in text
    record["publish"]["study"] = {
        "verdict": "Do not augment.",
        "chosen": [{"classifier": "lstm", "says": "-0.3"}],
        "gains": True,
    }
    text = cards_of_the_dataset(record)
    assert "Do not augment.\n\n- lstm: -0.3\n\n![The gain" in text
    assert "(hf-augment/gains.png)" in text


def cards_of_the_dataset(record: dict[str, Any]) -> str:
    from hf_augment.publish.block import whole
    from hf_augment.publish.dataset_card import dataset_card

    return whole(dataset_card(record), "", {})


class Tags(HTMLParser):
    def __init__(self, text: str):
        super().__init__()
        self.found: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.found.add(tag)


def prose(text: str) -> str:
    """A card without its metadata, its comments and its code."""
    text = text.split("\n---\n", 1)[1]
    text = re.sub(r"^(`{3,})[^\n]*\n.*?\n\1$", "", text, flags=re.DOTALL | re.MULTILINE)
    return re.sub(r"<!--.*?-->", "", text, flags=re.DOTALL)


@pytest.mark.parametrize("kind", KINDS)
def test_what_others_wrote_shows_and_does_nothing(kind, record):
    text = cards(record)[kind]
    assert Tags(prose(text)).found <= {"code"}
    assert text.count(BEGIN) == text.count(END) == 1
    assert not any(mark in prose(text) for mark in ("](javascript", "](http:", "evil.example)", "<script"))
    if kind == "dataset":
        for row in HOSTILE:
            (line,) = [one for one in text.splitlines() if one.startswith("| generate |") and show(row) in show(one)]
            assert line.count("|") == 4
            assert "`" not in line


def show(text: str) -> str:
    """What a reader sees of a text."""
    import html

    return " ".join(html.unescape(text).split())


def renderings(value: Any) -> set[str]:
    """How a number of the record may stand in a card."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return set()
    found = {
        f"{value:,}",
        f"{value:g}",
        f"{value:.1f}",
        f"{value:.3f}",
        f"{100 * value:.1f}",
        f"{100 * abs(value):.1f}",
    }
    return found | {str(value)}


def leaves(value: Any) -> list[Any]:
    if isinstance(value, dict):
        value = [*value, *value.values()]
    if isinstance(value, list):
        return [leaf for part in value for leaf in leaves(part)]
    return [value]


def recomputed(record: dict[str, Any]) -> set[str]:
    """What is no number of the record, but follows from some."""
    rows, study = record["publish"]["rows"]["train"], record["study"]
    real = [split["rows"] - split["synthetic"] for split in record["publish"]["rows"].values()]
    found = {
        f"{rows['synthetic'] / rows['rows']:.1%}",
        f"{(ARMS['augmented'] - ARMS['gold']) / ARMS['augmented']:.1%}",
    }
    found |= {str(ARMS["augmented"] - ARMS["gold"]), *map(str, real), "17"}  # 13 + 4 were unfinished
    for arm, values in SCORES.items():
        found |= {f"{100 * statistics.mean(values):.1f}", f"{100 * statistics.stdev(values):.1f}"}
        found.add(f"{statistics.mean(study['arms'][arm]['seconds'].values()):.1f}")
        gains = [ours - theirs for ours, theirs in zip(SCORES["augmented"], values, strict=True)]
        found |= {f"{100 * gain:.1f}" for gain in (*gains, statistics.mean(gains))}
        found.add(f"{100 * statistics.stdev(gains):.1f}")
    trained = record["train"]
    settings = trained["settings"]["train"]
    found.add(str(settings["batch_size"] * settings["accumulation"] * trained["processes"]))
    return found | {"95", "100"}  # the level of the intervals; what scores are multiplied with


@pytest.mark.parametrize("kind", KINDS)
def test_every_number_follows_from_the_record(kind, record):
    known = recomputed(record).union(*map(renderings, leaves(record)))
    said = " ".join(leaf for leaf in leaves(record) if isinstance(leaf, str))
    known |= set(re.findall(r"[\d][\d.,]*", said))
    shown = show(re.sub(r"&#\d+;", " ", prose(cards(record)[kind])))
    shown = re.sub(r"\]\([^)]*\)|[0-9a-f]{40}", "", shown)
    numbers = {number.rstrip(".,") for number in re.findall(r"\d[\d.,]*%?", shown)}
    assert len(numbers) > 10
    strange = {one for one in numbers if one not in known and one.rstrip("%") not in known}
    assert strange == set()


@pytest.mark.parametrize(
    ("path", "line"),
    [
        ("publish.rows.train.synthetic", "| train | 1011 | 100 | 911 | 632 |"),
        ("select.kept", "633 of 910 written rows were kept."),
        ("select.dropped.too short", "| too short | 167 |"),
        ("select.rounds.1.declined_by_reason.unfinished", "| unfinished | 18 |"),
        ("study.overlaps.added.test", "3 of the 632 rows that were trained on"),
        ("seconds.augment", "| writing rows | 413.9 |"),
        ("seed", "The seed is 18."),
    ],
)
def test_a_number_that_changes_in_the_record_changes_in_the_card(path, line, record):
    changed = copy.deepcopy(record)
    *parents, last = path.split(".")
    place = changed
    for name in parents:
        place = place[int(name)] if isinstance(place, list) else place[name]
    place[last] += 1
    assert line in cards(changed)["dataset"]
    assert line not in cards(record)["dataset"]


def test_the_score_is_that_of_the_first_seed(record):
    assert scores(record) == [("accuracy", 3, 0.688)]
    text = cards(record)["classifier"]
    assert "On 872 real test rows: accuracy 68.8 % (these weights, seed 3)." in text
    assert "import hf_augment.classifiers  # before" in text


def test_the_command_is_the_exact_one(record):
    import shlex

    (command,) = re.findall(r"```bash\n(hf-augment run .*)\n```", cards(record)["generator"])
    assert shlex.split(command)[2:] == [
        *("film.yaml", "--set", "train.epochs=2", "--set", "output='a b'", "--set", f"data.revision={COMMIT}")
    ]
    assert record["recipe"]["text"].splitlines()[1] in cards(record)["generator"]
