"""Translation: the layouts of the Hub, and pairs that stay pairs."""

import pytest
from datasets import Dataset, Features, Translation, TranslationVariableLanguages, Value

from hf_augment import Augment, EntitySwap, RandomSwap, Typo
from hf_augment.tasks import bind_task
from hf_augment.tasks.agreement import marks
from hf_augment.transform import Written
from tests.rewriters import MoreOfIt

SWAP = RandomSwap(rate=0.5)
EN, DE, FR = (
    "the small house is very old indeed",
    "das kleine haus ist wirklich sehr alt",
    "la petite maison est fort vieille",
)


def nested(languages: list[str], **texts) -> Dataset:
    features = Features({"id": Value("int64"), "translation": Translation(languages=languages)})
    return Dataset.from_dict({"id": [1], "translation": [texts]}, features=features)


def changed(out, column: str = "translation") -> set[str]:
    [old, new] = out[column]
    return {name for name in old if old[name] != new[name]}


def test_two_columns_by_role_or_by_language():
    for source, target in (("source", "target"), ("src", "tgt"), ("en", "de"), ("en_XX", "de_DE"), ("en", "id")):
        for beside in ({}, {"id": [1]}, {"idx": [1], "url": ["x"]}):
            if target == "id" and beside:  # Indonesian is told by its pair alone
                continue
            given = Dataset.from_dict({**beside, source: [EN], target: [DE]})
            out = given.map(Augment(SWAP, task="translation"), batched=True)
            assert out[source][1] != EN
            assert out[target] == [DE, DE]
            out = given.map(Augment(SWAP, task="translation", field="target"), batched=True)
            assert out[source] == [EN, EN]
            assert out[target][1] != DE


def test_one_language_that_is_named_leaves_the_other():
    given = Dataset.from_dict({"en": [EN], "de": [DE]})
    out = given.map(Augment(SWAP, task="translation", columns={"source": "de"}), batched=True)
    assert out["en"] == [EN, EN]
    assert out["de"][1] != DE
    with pytest.raises(ValueError, match=r"unknown column 'fr'.*Available: de, en"):
        given.map(Augment(SWAP, task="translation", columns={"source": "fr"}), batched=True)
    with pytest.raises(ValueError, match=r"needs a column for its 'source'.*columns=\{'source': 'en'\}"):
        Dataset.from_dict({"en": [EN], "de": [DE], "fr": [FR]}).map(Augment(SWAP, task="translation"), batched=True)


@pytest.mark.parametrize("kind", [None, "numpy", "torch"])
def test_nested_in_one_column(kind):
    given = nested(["en", "de"], en=EN, de=DE).with_format(kind)
    out = given.map(Augment(SWAP, task="translation"), batched=True).with_format(None)
    assert changed(out) == {"de"}  # `datasets` sorts the languages
    assert out.features["translation"] == given.features["translation"]
    swapped = Augment(SWAP, task="translation", columns={"source": "en"})
    assert changed(given.map(swapped, batched=True).with_format(None)) == {"en"}
    [row] = nested(["en", "de"], en=EN, de=DE).to_iterable_dataset().map(swapped)
    assert row["translation"] == given.map(swapped, batched=True).with_format(None)[1]["translation"]


def test_of_more_than_two_languages_two_are_named():
    given = nested(["en", "de", "fr"], en=EN, de=DE, fr=FR)
    with pytest.raises(ValueError, match=r"holds the languages \['de', 'en', 'fr'\]. Say which two: columns="):
        given.map(Augment(SWAP, task="translation"), batched=True)
    with pytest.raises(ValueError, match="Say which two"):
        given.map(Augment(SWAP, task="translation", columns={"source": "fr"}), batched=True)
    named = Augment(SWAP, task="translation", columns={"source": "fr", "target": "en"})
    assert changed(given.map(named, batched=True)) == {"fr"}
    with pytest.raises(ValueError, match=r"source: unknown language 'it'.*Available: de, en, fr"):
        given.map(Augment(SWAP, task="translation", columns={"source": "it", "target": "en"}), batched=True)
    empty = nested(["en", "de", "fr"], en=EN, de=None, fr=FR)
    lacking = Augment(SWAP, task="translation", columns={"source": "en", "target": "de"})
    assert empty.map(lacking, batched=True)["declined"][:] == ["target: text is None"]


def test_a_nested_column_of_another_name():
    given = nested(["en", "de"], en=EN, de=DE).rename_column("translation", "pair")
    named = Augment(SWAP, task="translation", columns={"translation": "pair", "source": "en"})
    assert changed(given.map(named, batched=True), "pair") == {"en"}
    with pytest.raises(ValueError, match=r"translation: unknown column 'pairs'. Did you mean 'pair'"):
        given.map(Augment(SWAP, task="translation", columns={"translation": "pairs"}), batched=True)


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        (None, "no translation"),
        ("x", "no translation"),
        ({}, "a translation of nothing"),
        ({"en": EN}, "a translation of en"),
        ({"en": EN, "de": None}, "target: text is None"),
        ({"en": "", "de": DE}, "text is empty"),
        ({"en": 7, "de": DE}, "text is not a string"),
        ({"en": EN, "de": "half a pair \ud83d"}, "target: text is not valid Unicode"),
        ({"en": EN, "de": "x" * 2_000_000}, "target: text is longer than 1000000 characters"),
    ],
)
def test_what_is_wrong_with_a_row_is_said(row, reason):
    for columns in ({}, {"source": "en", "target": "de"}):
        out = Augment(SWAP, task="translation", columns=columns)({"translation": [{"en": EN, "de": DE}, row]})
        assert out["translation"][-1] == row
        assert out["declined"] == ["", "", reason]


def test_languages_that_vary_from_row_to_row_are_declined():
    features = Features({"translation": TranslationVariableLanguages(languages=["de", "en"])})
    given = Dataset.from_dict({"translation": [{"en": EN, "de": DE}]}, features=features)
    out = given.map(Augment(SWAP, task="translation"), batched=True)
    assert out["declined"][:] == ["a translation of language, translation"]


def test_a_number_is_the_same_in_any_language():
    assert list(marks("1,000.5 and 1.000,5").values()) == ["1000.5"] * 2
    assert list(marks("1,000 or 1.000 or 1\u202f000").values()) == ["1000"] * 3
    assert list(marks("1.5 is 1,5 and not 15").values()) == ["1.5", "1.5", "15"]
    assert list(marks("٣ is 3").values()) == ["3", "3"]
    assert list(marks("see http://a.org/b?c=1. Or a.b@c.org!").values()) == ["http://a.org/b?c=1", "a.b@c.org"]


def test_what_both_sides_write_alike_is_not_edited_on_one():
    pair = {
        "source": "John saw {name} at 10:30 in Paris , they say it was late",
        "target": "John sah {name} um 10:30 in Paris",
    }
    for transform in (EntitySwap(rate=1.0), Typo(rate=1.0), RandomSwap(rate=1.0)):
        out = Augment(transform, task="translation", copies=5)({name: [text] for name, text in pair.items()})
        for text in out["source"]:
            assert all(word in text for word in ("John", "{name}", "10:30", "Paris")), (transform, text)


def test_a_pair_that_no_longer_agrees_is_declined():
    given = {"source": ["they paid 1,000 euros for it"], "target": ["sie zahlten 1.000 euro dafür"]}
    out = Augment(MoreOfIt(), task="translation", copies=30)(given)
    assert "numbers or placeholders no longer agree" in out["declined"][0]
    assert all("70" not in text for text in out["source"])


@pytest.mark.parametrize("nothing", ["", None, "  "])
def test_what_fills_an_empty_side_holds_all_numbers_of_the_other(nothing):
    task = bind_task("translation", ["source", "target"], field="source")
    values = [nothing, "Das Zimmer kostet 80 Euro."]
    [row] = task.rows(values, read=False)
    assert task.check(values, 0, row, Written("The room costs 80 euros.", "said")) == ""
    said = task.check(values, 0, row, Written("The room costs euros.", "said"))
    assert said == "numbers or placeholders no longer agree"
    [row] = task.rows(["The room costs euros.", values[1]])
    assert task.check(values, 0, row, Written("The place costs euros.", "said")) == "", "it was so before"
