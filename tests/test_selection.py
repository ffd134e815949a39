"""Selection: what gets in, what does not and why, and what it may depend on."""

import itertools
import json

import numpy as np
import pytest
from datasets import ClassLabel, Dataset, DatasetDict, Features, Value
from hypothesis import given
from hypothesis import strategies as st

from hf_augment import Augment, SelectConfig, select
from hf_augment.selection import duplicates
from hf_augment.selection.duplicates import distinct, nearest
from hf_augment.selection.judge import fit_judge
from hf_augment.selection.length import fit_window, length
from hf_augment.selection.rows import COLUMNS
from hf_augment.streams import row_key, stream
from hf_augment.study.arms import provenance
from hf_augment.words import same_words
from tests.tiny_encoder import bag_of_words

LABELS = ("negative", "positive")
GOOD = ("joy", "bright", "warm", "fresh", "kind", "lovely")
BAD = ("dull", "cold", "broken", "rude", "stale", "ugly")
FILLERS = ("the", "a", "room", "film", "soup", "lamp", "was", "and", "with", "very", "day", "book", "they", "all")
SAID = dict(zip(LABELS, (BAD, GOOD), strict=True))
OTHERS = ("one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve")


def sentence(number: int, label: str, name: str = "text") -> str:
    """Nine words, two of them the label's own."""
    draw = stream(0, name, row_key([number, label]), 0)
    words = [FILLERS[i] for i in draw.sample(len(FILLERS), 7)] + [SAID[label][i] for i in draw.sample(6, 2)]
    return " ".join(words[i] for i in draw.sample(9, 9))


@pytest.fixture(scope="module")
def encoder(tmp_path_factory) -> str:
    every = " ".join((*GOOD, *BAD, *FILLERS, *OTHERS))
    return str(bag_of_words(tmp_path_factory.mktemp("encoder") / "bag", [every]))


GOLD = [(sentence(i, label), label) for i in range(15) for label in LABELS]
FEATURES = Features(
    {
        "text": Value("string"),
        "label": ClassLabel(names=list(LABELS)),
        "augmented_by": Value("string"),
        "source_id": Value("string"),
        "copy": Value("int64"),
        "declined": Value("string"),
    }
)


def augmented(candidates, gold=None, features=FEATURES) -> Dataset:
    """What `map` returns: each gold row, and the candidates behind the first."""
    gold = GOLD if gold is None else gold
    ids = [row_key(text or "").hex() for text, _ in gold]
    rows = [(text, label, "original", ids[0], 0, "") for text, label in gold[:1]]
    rows += [(text, label, "test", ids[0], copy, "") for copy, (text, label) in enumerate(candidates, start=1)]
    rows += [(text, label, "original", i, 0, "") for (text, label), i in zip(gold[1:], ids[1:], strict=True)]
    return Dataset.from_dict(dict(zip(features, map(list, zip(*rows, strict=True)), strict=True)), features=features)


def chosen(encoder, candidates, evaluation=None, gold=None, **settings):
    """Select with everything off that is not asked for."""
    quiet = {"length": None, "near_duplicate": None, "agreement": False, "encoder": encoder}
    config = SelectConfig(**{**quiet, **settings})
    return select(augmented(candidates, gold), text="text", label="label", config=config, evaluation=evaluation)


def reasons(selection) -> list[str]:
    return [row["dropped"] for row in selection.dataset if row["augmented_by"] != "original"]


def rows_of(*texts: str) -> Dataset:
    return Dataset.from_dict({"text": list(texts)})


CANDIDATES = [(sentence(i, label, "new"), label) for i in range(40) for label in LABELS]
WRONG = [(sentence(i, LABELS[0], "wrong"), LABELS[1]) for i in range(10)]


@pytest.fixture(scope="module")
def usual(encoder):
    config = SelectConfig(per_label=12, encoder=encoder, near_duplicate=0.97)
    given = augmented([*CANDIDATES, *WRONG, GOLD[3], (CANDIDATES[0][0].upper(), LABELS[0])])
    evaluation = {"validation": rows_of(CANDIDATES[5][0]), "test": rows_of(CANDIDATES[7][0], CANDIDATES[8][0])}
    return given, select(given, text="text", label="label", config=config, evaluation=evaluation), config, evaluation


# Nothing vanishes


def test_every_row_is_there_with_the_decision_and_the_scores(usual):
    given, selection, _, _ = usual
    found = selection.dataset
    assert found.column_names == [*given.column_names, *COLUMNS]
    for name in given.column_names:
        assert found.data.column(name).to_pylist() == given.data.column(name).to_pylist()
    assert {name: found.features[name] for name in given.features} == dict(given.features)
    for name in COLUMNS:
        assert found.data.column(name).null_count == 0
    for row in found:
        assert row["selected"] == (row["dropped"] == "")
        assert row["selected"] or row["augmented_by"] != "original"
        assert 0 <= row["label_probability"] <= 1
        assert -1 <= row["similarity"] <= 1


def test_the_report_counts_what_the_columns_say(usual):
    _, selection, _, _ = usual
    report = json.loads(json.dumps(selection.report, allow_nan=False))
    dropped = reasons(selection)
    assert report["candidates"] == len(dropped) == report["kept"] + sum(report["dropped"].values())
    assert report["dropped"] == {reason: dropped.count(reason) for reason in set(dropped) - {""}}
    assert report["originals"] == len(GOLD)
    for name in LABELS:
        own = report["labels"][name]
        assert own["kept"] + sum(own["dropped"].values()) == own["candidates"]
        assert own["lacking"] == 12 - own["kept"]
    assert report["compared_with"] == {"validation": 1, "test": 2}
    assert len(report["encoder"]["identity"]) == 64


def test_the_same_input_gives_the_same_bytes(usual):
    given, selection, config, evaluation = usual
    again = select(given, text="text", label="label", config=config, evaluation=evaluation)
    assert again.report == selection.report
    for name in COLUMNS:
        assert again.dataset.data.column(name).to_pylist() == selection.dataset.data.column(name).to_pylist()


@pytest.mark.parametrize("seed", [1, 2])
def test_the_order_of_the_rows_decides_nothing(usual, seed):
    given, selection, config, evaluation = usual
    shuffled = given.shuffle(seed=seed)
    again = select(shuffled, text="text", label="label", config=config, evaluation=evaluation)
    found = {(row["text"], row["copy"]): tuple(row[name] for name in COLUMNS) for row in selection.dataset}
    assert {(row["text"], row["copy"]): tuple(row[name] for name in COLUMNS) for row in again.dataset} == found
    assert again.report == selection.report


# What gets in


def test_the_quota_is_exact_and_takes_the_likeliest(usual):
    _, selection, _, _ = usual
    for number, name in enumerate(LABELS):
        own = [row for row in selection.dataset if row["label"] == number and row["augmented_by"] != "original"]
        kept = [row["label_probability"] for row in own if row["selected"]]
        over = [row["label_probability"] for row in own if row["dropped"] == "over the quota"]
        assert len(kept) == 12
        assert over
        assert min(kept) >= max(over)
        assert selection.report["labels"][name]["lacking"] == 0


def test_what_a_label_lacks_is_said(encoder):
    report = chosen(encoder, CANDIDATES[:6], per_label=5).report
    assert [report["labels"][name]["lacking"] for name in LABELS] == [2, 2]


VARIANTS = (str, str.upper, str.title, "«{}»!".format, "  {}\t".format, lambda text: text.replace(" ", ", "))


@pytest.mark.parametrize("vary", VARIANTS)
@pytest.mark.parametrize("near", [None, 0.99])
def test_a_row_of_the_test_split_never_gets_in(encoder, vary, near):
    text, label = CANDIDATES[0]
    evaluation = {"validation": rows_of("something else"), "test": rows_of("more", text)}
    found = chosen(encoder, [(vary(text), label), CANDIDATES[1]], evaluation, near_duplicate=near)
    assert reasons(found) == ["duplicate of a row of the test split", ""]


def test_of_whichever_split_given(encoder):
    found = chosen(encoder, CANDIDATES[:2], {"dev": rows_of(CANDIDATES[1][0])})
    assert reasons(found) == ["", "duplicate of a row of the dev split"]


def test_gold_rows_are_not_written_again(encoder):
    found = chosen(encoder, [(GOLD[2][0].upper() + ".", LABELS[1]), CANDIDATES[0]])
    assert reasons(found) == ["duplicate of a gold row", ""]


def reordered(text: str) -> str:
    return " ".join(text.split()[::-1])


def test_near_duplicates_are_told_from_exact_ones(encoder):
    (of_gold, label), (of_test, _) = GOLD[4], CANDIDATES[9]
    evaluation = {"test": rows_of(of_test)}
    candidates = [(reordered(of_gold), label), (reordered(of_test), LABELS[1]), CANDIDATES[0]]
    found = chosen(encoder, candidates, evaluation, near_duplicate=0.98)
    assert reasons(found) == ["near duplicate of a gold row", "near duplicate of a row of the test split", ""]
    assert reasons(chosen(encoder, candidates, evaluation)) == ["", "", ""]
    assert found.dataset["similarity"][1] == pytest.approx(1, abs=1e-5)


@pytest.mark.parametrize("vary", [str.upper, reordered])
def test_of_repetitions_the_better_one_stays(encoder, vary):
    text = sentence(1, LABELS[1], "own")
    pair = [(text, LABELS[0]), (vary(text), LABELS[1])]
    for candidates in (pair, pair[::-1]):
        found = chosen(encoder, candidates, near_duplicate=0.98)
        kept = [row for row in found.dataset if row["selected"] and row["augmented_by"] != "original"]
        assert [row["label"] for row in kept] == [1]
        assert sum("duplicate of a candidate" in reason for reason in reasons(found)) == 1


def test_rows_as_long_as_real_ones_get_in(encoder):
    words = " ".join(OTHERS)
    candidates = [("one two", LABELS[0]), (words, LABELS[0]), (" ".join(words.split()[:9]), LABELS[1])]
    found = chosen(encoder, candidates, length=[0.05, 0.95])
    assert reasons(found) == ["too short", "too long", ""]
    assert found.report["thresholds"]["length"].startswith("9 to 9 words")


def test_candidates_without_a_text_or_a_label_are_no_rows_to_train_on(encoder):
    found = chosen(encoder, [(None, LABELS[0]), (" ", LABELS[0]), ("one two", None), ("three four", LABELS[1])])
    assert reasons(found) == ["no text", "no text", "no label", ""]


# The judge


def test_wrong_labels_are_found_and_named(encoder):
    found = chosen(encoder, [*CANDIDATES, *WRONG], agreement=True)
    assert found.report["judge"]["trusted"]
    assert found.report["judge"]["accuracy"] > 0.85
    dropped = reasons(found)
    assert dropped[len(CANDIDATES) :].count("label: the judge says 'negative'") >= 8
    assert sum(map(bool, dropped[: len(CANDIDATES)])) <= 8


def test_wrong_labels_are_replaced_where_that_is_asked(encoder):
    given = [*CANDIDATES, *WRONG]
    dropping = chosen(encoder, given, agreement=True)
    found = chosen(encoder, given, agreement=True, relabel=True)
    assert found.report["dropped"] == {}
    assert found.report["relabelled"] == sum(map(bool, reasons(dropping))) >= 8
    names = found.dataset.features["label"].names
    assert found.dataset.features == dropping.dataset.features
    assert found.dataset.column_names == dropping.dataset.column_names
    for before, after in zip(dropping.dataset, found.dataset, strict=True):
        if before["dropped"]:
            assert before["dropped"] == f"label: the judge says {names[after['label']]!r}"
            assert after["relabelled_from"] == names[before["label"]] != names[after["label"]]
            assert after["label_probability"] == pytest.approx(1 - before["label_probability"], abs=1e-6)
            assert after["label_probability"] > 0.5
        else:
            assert after["relabelled_from"] == ""
            assert (after["label"], after["label_probability"]) == (before["label"], before["label_probability"])


def test_a_quota_counts_the_labels_that_rows_end_with(encoder):
    found = chosen(encoder, [*CANDIDATES, *WRONG], agreement=True, relabel=True, per_label=12)
    kept = found.dataset.filter(lambda row: row["selected"] and row["augmented_by"] != "original")
    assert sorted(kept["label"]) == [0] * 12 + [1] * 12


def test_a_judge_that_knows_nothing_replaces_nothing(encoder):
    found = chosen(encoder, [*CANDIDATES, *WRONG], gold=random_labels(0), agreement=True, relabel=True)
    assert found.report["relabelled"] == 0
    assert set(found.dataset["relabelled_from"]) == {""}


@pytest.mark.parametrize("kind", ["string", "int64"])
def test_labels_are_replaced_in_the_way_the_column_writes_them(encoder, kind):
    def written(rows):
        return [(text, label if kind == "string" else 7 + LABELS.index(label)) for text, label in rows]

    features = Features({**FEATURES, "label": Value(kind)})
    config = SelectConfig(encoder=encoder, length=None, near_duplicate=None, relabel=True)
    found = select(augmented(written(WRONG), written(GOLD), features), text="text", label="label", config=config)
    assert found.report["relabelled"] >= 8
    assert set(found.dataset["label"]) == {label for _, label in written(GOLD)}


def test_confidence_is_a_threshold(encoder):
    found = chosen(encoder, CANDIDATES, confidence=0.9)
    for row in found.dataset:
        if row["augmented_by"] != "original":
            assert row["dropped"] == ("not confident" if row["label_probability"] < 0.9 else "")
    assert 0 < found.report["kept"] < len(CANDIDATES)


def random_labels(seed: int) -> list[tuple[str, str]]:
    """Labels that have nothing to do with the texts."""
    draw = stream(seed, "random labels", b"", 0)
    return [(text, draw.choice(LABELS)) for text, _ in GOLD]


@pytest.mark.parametrize("seed", range(4))
def test_a_judge_that_knows_nothing_is_not_asked(encoder, seed):
    found = chosen(encoder, [*CANDIDATES, *WRONG], gold=random_labels(seed), agreement=True, confidence=0.99)
    assert not found.report["judge"]["trusted"]
    assert "distrusted" in found.report["judge"]["says"]
    assert found.report["dropped"] == {}
    assert found.report["thresholds"]["agreement"].startswith("not applied")
    assert found.report["thresholds"]["confidence"].startswith("not applied")


def test_how_sure_it_has_to_be_is_a_setting(encoder):
    few = [row for label in LABELS for row in [row for row in GOLD if row[1] == label][:3]]
    strict = chosen(encoder, [*CANDIDATES, *WRONG], gold=few, agreement=True, trust=1e-6)
    assert not strict.report["judge"]["trusted"]
    asked = chosen(encoder, [*CANDIDATES, *WRONG], gold=few, agreement=True, trust=0.9)
    assert asked.report["judge"]["p_value"] == strict.report["judge"]["p_value"] < 0.9
    assert asked.report["judge"]["trusted"]
    assert asked.report["dropped"] != strict.report["dropped"] == {}


def test_then_the_quota_is_drawn_by_lot(encoder):
    kept = []
    for seed in (0, 1):
        config = SelectConfig(per_label=5, encoder=encoder, length=None, near_duplicate=None)
        given = augmented(CANDIDATES, random_labels(0))
        found = select(given, text="text", label="label", config=config, seed=seed)
        assert found.report["thresholds"]["quota"].endswith("drawn by lot")
        kept.append([row["text"] for row in found.dataset if row["selected"] and row["augmented_by"] != "original"])
    assert len(kept[0]) == len(kept[1]) == 10
    assert kept[0] != kept[1]


def test_repeated_gold_rows_do_not_make_a_judge_look_good(encoder):
    gold = [(text.title() if copy else text, label) for text, label in random_labels(0) for copy in range(4)]
    found = chosen(encoder, CANDIDATES[:2], gold=gold)
    assert abs(found.report["judge"]["accuracy"] - 0.5) < 0.25
    assert found.report["judge"]["rows"] == 120


def test_few_rows_of_a_label_make_fewer_folds_and_one_no_judge(encoder):
    three = [row for row in GOLD if row[1] == LABELS[0]] + [row for row in GOLD if row[1] == LABELS[1]][:3]
    assert chosen(encoder, CANDIDATES, gold=three, agreement=True).report["judge"]["folds"] == 3
    one = three[:-2]
    found = chosen(encoder, CANDIDATES, gold=one, agreement=True)
    assert found.report["judge"] == {
        "trusted": False,
        "says": "none: a judge needs two different real rows of each label, and 'positive' has 1",
    }
    assert found.report["kept"] == len(CANDIDATES)
    assert np.isnan(found.dataset["label_probability"]).all()
    assert found.dataset.data.column("label_probability").null_count == 0


def test_the_measure_is_of_rows_that_were_not_seen():
    vectors = np.eye(40, dtype=np.float32)  # nothing in common: only memory could tell the labels
    labels = [LABELS[i % 2] for i in range(40)]
    judge, _ = fit_judge(vectors, labels, [str(i) for i in range(40)], 5, 0)
    assert not judge.trusted
    assert judge.accuracy <= 0.6


def test_evaluation_rows_move_no_threshold(encoder):
    settings = {"length": (0.05, 0.95), "agreement": True, "near_duplicate": 0.98}
    long = rows_of(*(" ".join(OTHERS) * (i + 1) for i in range(30)))
    without, with_them = (
        chosen(encoder, CANDIDATES, **settings),
        chosen(encoder, CANDIDATES, {"test": long}, **settings),
    )
    assert without.report["judge"] == with_them.report["judge"]
    assert without.report["thresholds"] == with_them.report["thresholds"]
    assert reasons(without) == reasons(with_them)


# Every kind of dataset


def test_names_strings_and_numbers_of_labels_are_alike(encoder, usual):
    plain = Features({**FEATURES, "label": Value("string")})
    numbers = Features({**FEATURES, "label": Value("int64")})
    config = SelectConfig(per_label=12, encoder=encoder)
    by_name = select(augmented(CANDIDATES), text="text", label="label", config=config)
    by_string = select(augmented(CANDIDATES, features=plain), text="text", label="label", config=config)

    def numbered(rows):
        return [(text, LABELS.index(label)) for text, label in rows]

    given = augmented(numbered(CANDIDATES), numbered(GOLD), numbers)
    named = select(given, text="text", label="label", config=config, label_names=LABELS)
    unnamed = select(given, text="text", label="label", config=config)
    assert reasons(by_name) == reasons(by_string) == reasons(named)
    assert set(unnamed.report["labels"]) == {"0", "1"}


def test_without_labels_there_are_still_lengths_and_duplicates(encoder):
    config = SelectConfig(encoder=encoder)
    found = select(augmented([*CANDIDATES, GOLD[0], ("one", None)]), text="text", config=config)
    assert found.report["dropped"]["duplicate of a gold row"] == 1
    assert found.report["dropped"]["too short"] == 1
    assert found.report["judge"] == {"trusted": False, "says": "none: the real rows have no labels"}
    with pytest.raises(ValueError, match="per_label=3 needs the label column"):
        select(augmented(CANDIDATES), text="text", config=SelectConfig(encoder=encoder, per_label=3))


def test_gold_rows_that_say_nothing_stay_and_teach_nothing(encoder):
    found = chosen(encoder, CANDIDATES, gold=[*GOLD, (None, LABELS[0]), ("", LABELS[1]), ("all the day", None)])
    assert found.report["judge"]["rows"] == len(GOLD)
    assert all(row["selected"] for row in found.dataset if row["augmented_by"] == "original")


def test_a_dataset_without_candidates_is_no_error(encoder):
    found = chosen(encoder, [], agreement=True, per_label=3, near_duplicate=0.9)
    assert found.report["candidates"] == found.report["kept"] == 0


def test_what_map_returns_is_what_it_takes(encoder):
    gold = Dataset.from_dict({"text": [text for text, _ in GOLD], "label": [label for _, label in GOLD]})
    given = gold.map(Augment({"name": "random_delete", "rate": 0.3}, text="text", copies=3), batched=True)
    config = SelectConfig(encoder=encoder, length=None)
    found = select(given.with_format("torch"), text="text", label="label", config=config)
    assert found.report["candidates"] == 3 * len(GOLD)
    assert 0 < found.report["kept"] < 3 * len(GOLD)


def test_known_vectors_are_not_computed_again(encoder, monkeypatch):
    from hf_augment.engine.encoder import Encoder

    vectors = {}
    config = SelectConfig(encoder=encoder)
    first = select(augmented(CANDIDATES[:20]), text="text", label="label", config=config, vectors=vectors)
    asked = []
    embed = Encoder.embed
    monkeypatch.setattr(Encoder, "embed", lambda self, texts: asked.extend(texts) or embed(self, texts))
    again = select(augmented(CANDIDATES[:20]), text="text", label="label", config=config, vectors=vectors)
    assert asked == []
    assert again.report == first.report
    select(augmented(CANDIDATES[:22]), text="text", label="label", config=config, vectors=vectors)
    assert sorted(asked) == sorted(text for text, _ in CANDIDATES[20:22])


def test_the_study_trains_on_what_was_selected(usual):
    _, selection, _, _ = usual
    originals, added = provenance(selection.dataset)
    assert len(originals) == len(GOLD)
    assert len(added) == selection.report["kept"] == 24
    assert all(added["selected"])
    none = selection.dataset.map(lambda row: {"selected": row["augmented_by"] == "original"})
    with pytest.raises(ValueError, match="None of the 92 augmented rows was selected"):
        provenance(none)


def test_what_cannot_be_selected_from_is_said(encoder):
    given = augmented(CANDIDATES)
    config = SelectConfig(encoder=encoder)
    with pytest.raises(TypeError, match="Expected one split to select from"):
        select(DatasetDict(train=given), text="text", config=config)
    with pytest.raises(TypeError, match="Expected a Dataset"):
        select(given.to_iterable_dataset(), text="text", config=config)
    with pytest.raises(ValueError, match=r"lacks the columns \['augmented_by'"):
        select(given.select_columns(["text", "label"]), text="text", config=config)
    with pytest.raises(ValueError, match=r"unknown column 'txt'. Did you mean 'text'"):
        select(given, text="txt", config=config)
    with pytest.raises(ValueError, match=r"unknown column 'text'.* Available: sentence"):
        select(given, text="text", config=config, evaluation={"test": rows_of("a").rename_column("text", "sentence")})
    with pytest.raises(TypeError, match=r"the name of one column, got \['text'\]"):
        select(given, text=["text"], config=config)
    with pytest.raises(ValueError, match=r"come from originals that the dataset does not hold.*keep_original=True"):
        select(given.filter(lambda row: row["augmented_by"] != "original"), text="text", config=config)
    found = select(given, text="text", label="label", config=config).dataset
    with pytest.raises(ValueError, match=r"already has the columns \['selected'.*remove_columns"):
        select(found, text="text", config=config)


# The parts


def test_lengths_are_words_and_characters_where_no_space_divides():
    assert length("The room wasn't bad, at all!") == 6
    assert length("电影很好看") == 5
    assert length("हिन्दी में लिखा") == 3
    assert length("...") == 0
    assert fit_window([" ".join(["word"] * n) for n in range(1, 101)], (0.05, 0.95)) == (5, 96)
    assert fit_window(["one two"], (0.05, 0.95)) == (2, 2)


def test_words_in_another_guise_are_the_same_words():
    assert same_words("The  ROOM, was—fine!") == same_words("the room was fine")
    assert same_words("Straße") == same_words("STRASSE")
    assert same_words("cafe\u0301") == same_words("café")
    assert same_words("ﬁne") == same_words("fine")
    assert same_words("fine 🙂") != same_words("fine 🙁")
    assert same_words("हिन्दी") != same_words("हन्द")
    assert same_words("!!!") != same_words("...")
    assert same_words("not good") != same_words("good not")


def unit(rows: int, width: int = 4, seed: int = 0) -> np.ndarray:
    vectors = np.random.default_rng(seed).normal(size=(rows, width)).astype(np.float32)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


@given(st.integers(0, 9), st.integers(0, 9), st.integers(1, 5), st.integers(0, 100))
def test_blocks_find_what_all_pairs_find(queries, vectors, block, seed):
    found, others = unit(queries, seed=seed), unit(vectors, seed=seed + 1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(duplicates, "_BLOCK", block)
        near, own, kept = nearest(found, others), nearest(found, found, itself=False), distinct(found, 0.5)
    pairs = found @ others.T
    if vectors:
        np.testing.assert_allclose(near, pairs.max(1) if queries else [], atol=1e-6)
    else:
        assert np.isnan(near).all()
    expected: list[int] = []
    for i in range(queries):
        if all(found[i] @ found[j] < 0.5 for j in expected):
            expected.append(i)
    assert [i for i, keep in enumerate(kept) if keep] == expected
    for i, j in itertools.combinations(range(queries), 2):
        assert own[i] >= found[i] @ found[j] - 1e-6


@pytest.mark.slow
def test_with_the_real_encoder_a_paraphrase_of_a_test_row_stays_out():
    from hf_augment.engine import encoder

    if encoder.importlib.util.find_spec(encoder.PACKAGE) is None:
        pytest.skip("needs the extra 'offline'")
    gold = [("The soup was cold.", LABELS[0]), ("The staff was kind.", LABELS[1])]
    candidates = [("The hotel room was really very clean.", LABELS[1]), ("The lamp fell apart.", LABELS[0])]
    evaluation = {"test": rows_of("The hotel room was really clean.")}
    config = SelectConfig(length=None)
    found = select(augmented(candidates, gold), text="text", label="label", config=config, evaluation=evaluation)
    assert reasons(found) == ["near duplicate of a row of the test split", ""]
