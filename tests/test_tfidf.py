"""Words that say little give way to words that say little, as often as the formula says."""

import json
import math
from collections import Counter

import pytest
from datasets import Dataset, DatasetDict
from datasets.fingerprint import Hasher

from hf_augment import TfIdf
from hf_augment.streams import row_key, stream
from hf_augment.transform import Declined, Row, Written

DOCUMENTS = [
    "the soup was cold and the bread was old",
    "the film was long and the cast was fine",
    "the train was late and we were cold",
    "a good film and a good cast, the critics said",
    "we were late and the soup was gone",
    "critics liked the film and we liked the cast",
    "we ate bread and soup on the train",
]
ROW = Row("the film was long and the soup was cold")


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    return TfIdf.fit(Dataset.from_dict({"text": DOCUMENTS}), tmp_path_factory.mktemp("tfidf") / "table", text="text")


def written(transform: TfIdf, row: Row = ROW, copies: int = 1) -> list[Written | Declined]:
    drawn = [stream(0, transform.name, row_key(row.text), copy) for copy in range(copies)]
    return transform.apply([row] * copies, drawn)


def idf(word: str) -> float:
    return math.log((1 + len(DOCUMENTS)) / (1 + sum(word in text.replace(",", "").split() for text in DOCUMENTS)))


def test_a_word_is_chosen_with_the_weight_of_the_formula(table):
    words = ROW.text.split()
    scores = [words.count(word) / len(words) * idf(word) for word in words]
    weights = [max(scores) - score for score in scores]
    chosen: Counter = Counter()
    for outcome in written(TfIdf(table=table, rate=0.01), copies=6000):
        (edits,) = outcome.notes["edits"]
        chosen[len(ROW.text[: edits[0].start].split())] += 1
    for place, weight in enumerate(weights):
        assert chosen[place] / 6000 == pytest.approx(weight / sum(weights), abs=0.025), words[place]


def test_the_word_that_says_most_stays(table):
    assert all("long" in outcome.text for outcome in written(TfIdf(table=table, rate=1.0), copies=200))


def test_what_is_put_in_is_drawn_with_the_weight_of_the_formula(table):
    said = Counter(word for text in DOCUMENTS for word in text.replace(",", "").split())
    held = Counter(word for text in DOCUMENTS for word in set(text.replace(",", "").split()))
    scores = {word: count * idf(word) for word, count in said.items() if held[word] > 1}
    weights = {word: max(scores.values()) - score for word, score in scores.items()}
    drawn: Counter = Counter()
    for outcome in written(TfIdf(table=table, rate=0.01, action="insert"), copies=6000):
        drawn[outcome.notes["edits"][0][0].new.strip()] += 1
    assert set(drawn) <= set(weights)
    for word, weight in weights.items():
        assert drawn[word] / 6000 == pytest.approx(weight / sum(weights.values()), abs=0.025), word


@pytest.mark.parametrize(("rate", "count"), [(0.0, 1), (0.25, 2), (0.5, 4)])
@pytest.mark.parametrize("action", ["substitute", "insert"])
def test_the_rate_is_a_share_of_the_words(table, action, rate, count):
    for outcome in written(TfIdf(table=table, rate=rate, action=action), copies=50):
        assert len(outcome.notes["edits"][0]) == count


def test_capitals_and_articles_follow(table):
    found = written(TfIdf(table=table, rate=1.0), Row("The zebra saw A LATE Zebra."), copies=100)
    texts = {outcome.text for outcome in found}
    assert all(text[0].isupper() and "zebra" in text and "Zebra" in text for text in texts)
    assert any(outcome.text.split()[4].isupper() for outcome in found)


def test_rare_words_are_not_put_in_unless_asked_for(tmp_path, table):
    rare = {"ate", "gone", "old"}
    everything = TfIdf.fit(Dataset.from_dict({"text": DOCUMENTS}), tmp_path / "all", text="text", min_documents=1)

    def put(folder: str) -> set[str]:
        transform = TfIdf(table=folder, action="insert")
        return {outcome.notes["edits"][0][0].new.strip() for outcome in written(transform, copies=2000)}

    assert not put(table) & rare
    assert put(everything) >= rare


def test_text_of_equal_words_is_declined(table):
    assert written(TfIdf(table=table), Row("zebra zebra")) == [Declined("nothing to change")]


def test_fitting_again_is_noticed(tmp_path):
    folder = TfIdf.fit(Dataset.from_dict({"text": DOCUMENTS}), tmp_path / "table", text="text")
    again = TfIdf.fit(Dataset.from_dict({"text": DOCUMENTS[::-1]}), tmp_path / "again", text="text")
    assert TfIdf(table=folder).references() == TfIdf(table=again).references()
    before, texts = Hasher.hash(TfIdf(table=folder)), written(TfIdf(table=folder, rate=0.5), copies=20)
    TfIdf.fit(Dataset.from_dict({"text": ["cats sleep", "cats purr", "dogs sleep", "dogs run"]}), folder, text="text")
    assert Hasher.hash(TfIdf(table=folder)) != before
    assert written(TfIdf(table=folder, rate=0.5), copies=20) != texts


def test_the_table_counts(table, tmp_path):
    dataset = Dataset.from_dict({"text": ["The cat.", "the dog", None, " ", "the end"]})
    folder = TfIdf.fit(dataset, tmp_path / "table", text="text")
    found = json.loads((tmp_path / "table" / "tfidf.json").read_text())
    assert folder == str(tmp_path / "table")
    assert (found["documents"], found["words"]) == (3, ["cat", "dog", "end", "the"])
    assert (found["documents_with"], found["occurrences"]) == ([1, 1, 1, 3], [1, 1, 1, 3])
    assert found["left_out"] == {"no text": 2}


def test_wrong_uses_are_named(tmp_path, table):
    dataset = Dataset.from_dict({"text": DOCUMENTS})
    with pytest.raises(TypeError, match=r"dataset\['train'\]"):
        TfIdf.fit(DatasetDict({"train": dataset, "test": dataset}), tmp_path / "table", text="text")
    with pytest.raises(ValueError, match="Did you mean 'text'"):
        TfIdf.fit(dataset, tmp_path / "table", text="texts")
    with pytest.raises(ValueError, match="no word occurs in 9 of 7 texts"):
        TfIdf.fit(dataset, tmp_path / "table", text="text", min_documents=9)
    with pytest.raises(ValueError, match="from 0 to 1"):
        TfIdf(table=table, rate=2)
    (tmp_path / "empty").mkdir()
    (tmp_path / "empty" / "notes.txt").write_text("nothing")
    with pytest.raises(FileNotFoundError, match="holds no TF-IDF table"):
        written(TfIdf(table=str(tmp_path / "empty")))
