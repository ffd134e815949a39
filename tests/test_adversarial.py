"""The attack finds what there is to find, within its limits, and says why it did not."""

import json
import shutil
from dataclasses import replace
from itertools import product

import numpy as np
import pytest
import torch
from datasets import ClassLabel, Dataset, Features, Value
from hypothesis import given, settings
from hypothesis import strategies as st
from transformers import AutoConfig, AutoModelForSequenceClassification

from hf_augment import Adversarial, Antonym, Augment, Case, Generate, Homoglyph, OneOf, Synonym, Typo, build
from hf_augment.classifiers import train_tokenizer
from hf_augment.classifiers.attack import Attack, Attacked, Candidate, Goal, Rules
from hf_augment.classifiers.victim import Slope, load_victim
from hf_augment.edits import Edit
from hf_augment.engine.attack import together
from hf_augment.streams import row_key, stream
from hf_augment.study import attack as study_attack
from hf_augment.study.attack import attack_report
from hf_augment.transform import Declined, Row, Written
from hf_augment.transforms.offers import offers
from tests.contract import TEXTS, assert_only_edited, outcomes
from tests.test_bad_rows import TEXT
from tests.test_classifiers import NAMES, SPLITS, train
from tests.tiny_classifier import bart, bert
from tests.tiny_encoder import bag_of_words

NOTHING = {"similarity": 0.0}


@pytest.fixture(scope="module")
def victim(tmp_path_factory):
    """An LSTM that tells "awful, dull, poor, bad" from "great, fine, lovely, superb"."""
    return train(max_steps=45, output_dir=tmp_path_factory.mktemp("victim"))["model"]


@pytest.fixture(scope="module")
def encoder_victim(tmp_path_factory):
    """A tiny BERT that does."""
    from tests.test_classifiers import QUICK

    folder = bert(tmp_path_factory.mktemp("bert"), SPLITS[0]["text"])
    found = train(
        config=replace(QUICK, classifier=str(folder), learning_rate=0.002), max_steps=80, output_dir=folder / "trained"
    )
    return found["model"]


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    """Words that may stand for others, whether they mean the same or not."""
    file = tmp_path_factory.mktemp("table") / "words.tsv"
    file.write_text("awful\tpoor great dull\nfilm\tmovie meal\nvisit\ttrip\n", encoding="utf-8")
    return str(file)


def among(table):
    return Synonym(rate=1.0, table=table)


def ended(attack, rows):
    drawn = [stream(0, attack.name, row_key(row.text), 1) for row in rows]
    found = dict(attack.attack(rows, drawn))
    return [found[i] for i in range(len(rows))]


ROW = Row("The film was awful, visit 3", "negative")


@pytest.mark.slow
@pytest.mark.parametrize("method", ["search", "gradient"])
@pytest.mark.parametrize("kind", ["victim", "encoder_victim"])
def test_the_one_word_that_turns_the_answer_is_found(request, kind, method, table):
    attack = Adversarial(
        victim=request.getfixturevalue(kind), method=method, candidates=among(table), rate=0.2, **NOTHING
    )
    [found] = ended(attack, [ROW])
    assert found.succeeded
    assert [candidate.new for candidate in found.chosen] == ["great"]
    [written] = outcomes(attack, [ROW])
    assert written.text == "The film was great, visit 3"
    assert written.notes["edits"] == [[Edit(13, 18, "great")]]


@pytest.mark.slow
def test_the_reasons_to_decline(victim, table):
    attack = Adversarial(victim=victim, candidates=among(table), **NOTHING)
    reasons = [
        (Row("The film was awful, visit 3", "positive"), "already misread"),
        (Row("The show was superb, trip 3", "positive"), "nothing to change"),
        (Row("The film was lovely, visit 3", "positive"), "the attack failed within 200 queries"),
        (
            Row("The film was awful, visit 3", "mixed"),
            "the classifier knows no label 'mixed', only negative, positive",
        ),
    ]
    found = outcomes(attack, [row for row, _ in reasons])
    assert [outcome.reason for outcome in found] == [reason for _, reason in reasons]
    short = replace(attack, max_length=4)
    assert outcomes(short, [ROW]) == [Declined("longer than the classifier reads")]
    to_negative = replace(attack, target="negative")
    assert outcomes(to_negative, [ROW]) == [Declined("the label is the target already")]
    assert outcomes(replace(attack, target="positive"), [ROW])[0].text == "The film was great, visit 3"
    with pytest.raises(ValueError, match="the classifier knows no label 'good', only negative, positive"):
        outcomes(replace(attack, target="good"), [ROW])


@pytest.mark.slow
def test_a_failed_attack_can_be_kept(victim, table):
    row = Row("The film was lovely, visit 3", "positive")
    attack = Adversarial(victim=victim, candidates=among(table), rate=1.0, keep_failed=True, **NOTHING)
    [written] = outcomes(attack, [row])
    assert isinstance(written, Written)
    model = load_victim(victim)
    [[before, after]] = np.exp(model.read([[row.text, written.text]]))
    assert before[1] > after[1] > 0.5


@pytest.mark.slow
@pytest.mark.parametrize("method", ["search", "gradient"])
@pytest.mark.parametrize("queries", [3, 5, 9, 30])
def test_no_row_is_read_more_often_than_allowed(victim, monkeypatch, method, queries):
    from hf_augment.classifiers.victim import Victim

    counted: dict[str, int] = {}

    def counting(self, asked):
        for texts in asked:
            row = texts[0].rsplit(" ", 1)[-1]
            counted[row] = counted.get(row, 0) + len(texts)
        return read(self, asked)

    def counting_gradients(self, asked):
        for slope in asked:
            row = slope.text.rsplit(" ", 1)[-1]
            counted[row] = counted.get(row, 0) + 1
        return differentiate(self, asked)

    read, differentiate = Victim.read, Victim.gains
    monkeypatch.setattr(Victim, "read", counting)
    monkeypatch.setattr(Victim, "gains", counting_gradients)
    rows = [Row(f"{SPLITS[2]['text'][i].rsplit(' ', 1)[0]} {900 + i}", NAMES[i % 2]) for i in range(12)]
    attack = Adversarial(
        victim=victim, method=method, queries=queries, candidates=Typo(rate=1.0), protect=[r"\d+"], rate=0.4, **NOTHING
    )
    found = ended(attack, rows)
    for row, outcome in zip(rows, found, strict=True):
        asked = counted[row.text.rsplit(" ", 1)[-1]]
        assert asked <= queries
        if not isinstance(outcome, Declined):
            assert outcome.queries == asked


@pytest.mark.slow
def test_no_more_words_change_than_allowed_and_what_is_protected_stays(victim):
    rows = [Row(text, NAMES[i % 2]) for i, text in enumerate(SPLITS[2]["text"])]
    options = {"candidates": OneOf(transforms=[Typo(rate=1.0), Homoglyph(rate=1.0)]), "keep_failed": True, **NOTHING}
    for rate, most in ((0.0, 1), (0.4, 2), (1.0, 5)):
        attack = Adversarial(victim=victim, rate=rate, reserved=["was"], protect=["[Vv]isit"], **options)
        for row, outcome in zip(rows, outcomes(attack, rows), strict=True):
            if isinstance(outcome, Written):
                changed = [new for new in outcome.text.split() if new not in row.text.split()]
                assert len(changed) <= most
                assert " was " in outcome.text
                assert ", visit " in outcome.text


@pytest.mark.slow
def test_a_passage_that_means_something_else_is_not_taken(victim, table, tmp_path):
    known = ["the film was awful , visit 3", "great"]
    encoder = str(bag_of_words(tmp_path, known))  # "great" shares no vector with "awful"; 6 of 7 words stay
    attack = Adversarial(victim=victim, candidates=among(table), encoder=encoder, similarity=0.5)
    assert isinstance(outcomes(attack, [ROW])[0], Written)
    assert outcomes(replace(attack, similarity=0.95), [ROW]) == [Declined("the attack failed within 200 queries")]


@pytest.mark.slow
def test_a_word_that_nobody_would_write_there_is_not_taken(victim, table):
    attack = Adversarial(victim=victim, candidates=among(table), fluency_model="embedded:masked", **NOTHING)
    likely = replace(attack, fluency_drop=1000.0)
    assert outcomes(likely, [ROW])[0].text == "The film was great, visit 3"
    typos = replace(likely, candidates=Typo(rate=1.0), rate=1.0)
    free = outcomes(replace(typos, fluency_model=None), [ROW])[0]
    assert isinstance(free, Written)
    assert outcomes(replace(typos, fluency_drop=0.0), [ROW]) == [Declined("the attack failed within 200 queries")]


@pytest.mark.slow
def test_a_masked_language_model_may_offer_the_words(victim):
    spec = {"name": "masked_lm", "model": "embedded:masked", "rate": 0.3}
    attack = Adversarial(victim=victim, candidates=spec, keep_failed=True, rate=0.5, **NOTHING)
    assert build(attack.to_spec()) == attack
    assert isinstance(outcomes(attack, [ROW])[0], Written)


@pytest.mark.slow
def test_alone_or_with_others_a_row_is_attacked_alike(victim):
    rows = [Row(text, NAMES[i % 2]) for i, text in enumerate(SPLITS[2]["text"])]
    attack = Adversarial(victim=victim, candidates=Typo(rate=1.0), rate=0.4, **NOTHING)
    whole = outcomes(attack, rows)
    assert sum(isinstance(outcome, Written) for outcome in whole) >= 3
    assert [outcomes(attack, [row])[0] for row in rows] == whole
    assert outcomes(attack, rows[::-1])[::-1] == whole


@pytest.mark.slow
def test_another_victim_in_the_same_folder_is_another_attack(victim, tmp_path):
    folder = shutil.copytree(victim, tmp_path / "victim")
    attack = Adversarial(victim=str(folder), **NOTHING)
    assert attack.identity() == {**Adversarial(victim=victim, **NOTHING).identity()}
    before = attack.identity()
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, "dropout": 0.5}))
    assert attack.identity() != before


@pytest.mark.slow
def test_a_second_run_asks_nobody(victim, monkeypatch, tmp_path):
    from hf_augment.classifiers.victim import Victim

    monkeypatch.setenv("HF_AUGMENT_REMEMBER", "1")
    monkeypatch.setenv("HF_AUGMENT_CACHE", str(tmp_path))
    rows = [Row(text, NAMES[i % 2]) for i, text in enumerate(SPLITS[2]["text"])]
    attack = Adversarial(victim=victim, candidates=Typo(rate=1.0), **NOTHING)
    first = outcomes(attack, rows)
    monkeypatch.setattr(Victim, "read", None)
    assert outcomes(attack, rows) == first


@pytest.mark.slow
@pytest.mark.parametrize("method", ["search", "gradient"])
def test_the_report_adds_up(victim, method):
    attack = Adversarial(victim=victim, method=method, candidates=Typo(rate=1.0), rate=0.4, queries=40, **NOTHING)
    report = attack_report(attack, SPLITS[2])
    rows = [Row(text, NAMES[label]) for text, label in zip(SPLITS[2]["text"], SPLITS[2]["label"], strict=True)]
    written = sum(isinstance(outcome, Written) for outcome in outcomes(attack, rows))
    right = round(report["clean_accuracy"] * 20)
    assert report["rows"] == 20
    assert report["attacked_accuracy"] == (right - written) / 20
    assert report["attack_success"] == written / right
    assert 1 < report["mean_queries"] <= report["most_queries"] <= 40
    assert report["skipped"] == 0
    holes = {"text": [*SPLITS[2]["text"], None, "word " * 600], "label": [*SPLITS[2]["label"], 0, 1]}
    features = Features({"text": Value("string"), "label": ClassLabel(names=NAMES)})
    assert attack_report(attack, Dataset.from_dict(holes, features=features)) == {**report, "skipped": 2}


def test_the_report_counts_by_hand():
    """Two rows misread, one too long, three turned and four not."""
    ends = [Declined("already misread")] * 2 + [Declined("longer than the classifier reads")]
    ends += [Attacked(True, (word(0, 3, "x"),) * changed, queries) for changed, queries in ((1, 10), (2, 20), (3, 30))]
    ends += [Attacked(False, (word(0, 3, "x"),), 40)] * 4

    class Fixed:
        name, MISREAD = "adversarial", "already misread"

        def attack(self, rows, streams):
            return [(i, ends[int(row.text)]) for i, row in enumerate(rows)]

    rows = Dataset.from_dict({"text": [*map(str, range(10)), ""], "label": [*[0, 1] * 5, 1]})
    assert attack_report(Fixed(), rows, label_names=NAMES) == {
        "rows": 9,
        "clean_accuracy": 7 / 9,
        "attacked_accuracy": 4 / 9,
        "attack_success": 3 / 7,
        "mean_queries": 220 / 7,
        "most_queries": 40,
        "mean_changed": 2.0,
        "skipped": 2,
    }


@pytest.mark.slow
def test_a_long_split_is_attacked_piece_by_piece(victim, monkeypatch):
    """What an attack remembers of its texts would fill the memory for a whole split at once."""
    attack = Adversarial(victim=victim, candidates=Typo(rate=1.0), **NOTHING)
    whole = attack_report(attack, SPLITS[2])
    sizes = []

    def counting(self, rows, streams):
        sizes.append(len(rows))
        return together_at_once(self, rows, streams)

    together_at_once = Adversarial.attack
    monkeypatch.setattr(Adversarial, "attack", counting)
    monkeypatch.setattr(study_attack, "TOGETHER", 7)
    assert attack_report(attack, SPLITS[2]) == whole
    assert sizes == [7, 7, 6]


@pytest.mark.slow
def test_a_report_about_other_labels_is_refused(victim):
    other = SPLITS[2].cast_column("label", ClassLabel(names=["neg", "pos"]))
    with pytest.raises(ValueError, match=r"None of the 20 rows .* knows no label 'neg', only negative, positive"):
        attack_report(Adversarial(victim=victim, **NOTHING), other)


@pytest.mark.slow
def test_rows_that_have_the_target_already_are_skipped(victim):
    attack = Adversarial(victim=victim, target="positive", candidates=Typo(rate=1.0), **NOTHING)
    report = attack_report(attack, SPLITS[2])
    assert (report["rows"], report["skipped"]) == (10, 10)


@pytest.mark.slow
def test_more_room_for_the_attack_turns_no_fewer_rows(victim):
    attack = Adversarial(victim=victim, candidates=Typo(rate=1.0), rate=0.0, **NOTHING)
    few, many = (attack_report(replace(attack, rate=rate), SPLITS[2]) for rate in (0.0, 1.0))
    assert few["clean_accuracy"] == many["clean_accuracy"]
    assert few["attack_success"] < many["attack_success"]
    assert few["mean_changed"] <= many["mean_changed"]


@pytest.mark.slow
@settings(max_examples=60)
@given(text=TEXT, label=st.sampled_from(NAMES), method=st.sampled_from(["search", "gradient"]))
def test_any_text_is_changed_only_where_the_edits_say(victim, text, label, method):
    candidates = OneOf(transforms=[Typo(rate=1.0), Homoglyph(rate=1.0), Synonym(rate=1.0)])
    attack = Adversarial(
        victim=victim, method=method, candidates=candidates, draws=3, rate=1.0, queries=20, keep_failed=True, **NOTHING
    )
    out = Augment(attack, text="text", label="label")({"text": [text], "label": [label]})
    assert out["text"][0] == text
    assert len(out["text"]) == 2 or out["declined"][0]
    if len(out["text"]) == 2:
        assert_only_edited(text, outcomes(attack, [Row(text, label)])[0])
        assert out["text"][1].strip()


def test_settings_that_cannot_be(tmp_path):
    with pytest.raises(ValueError, match="'generate' writes whole texts"):
        Adversarial(victim="x", candidates=Generate(model="embedded:generator"))
    with pytest.raises(ValueError, match="queries: expected a number from 3"):
        Adversarial(victim="x", queries=2)
    with pytest.raises(ValueError, match="no label column"):
        Augment(Adversarial(victim="x"), text="text")
    with pytest.raises(FileNotFoundError, match="no/where"):
        outcomes(Adversarial(victim="no/where"), [ROW])
    one = bert(tmp_path, ["a b c"], classes=1)
    with pytest.raises(ValueError, match="chooses one of at least two labels"):
        load_victim(str(one))


def test_what_turns_the_label_is_no_candidate(victim):
    attack = Adversarial(victim=victim, candidates=Antonym(flip={"negative": "positive"}), **NOTHING)
    with pytest.raises(ValueError, match=r"'antonym' changes the label"):
        outcomes(attack, [ROW])


@pytest.mark.slow
def test_what_an_encoder_decoder_reads_has_no_one_gradient(tmp_path):
    """Its encoder and its decoder each look the tokens up, in tables of their own."""
    folder = str(bart(tmp_path, TEXTS))
    rows = [Row(text, label) for text in TEXTS[:4] for label in ("LABEL_0", "LABEL_1")]
    attack = Adversarial(victim=folder, candidates=Typo(rate=1.0), rate=0.5, **NOTHING)
    assert any(isinstance(outcome, Written) for outcome in outcomes(attack, rows))
    with pytest.raises(ValueError, match=r"BartForSequenceClassification .* write method='search'"):
        outcomes(replace(attack, method="gradient"), rows)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("kind", "method"), [*product(["roberta", "gpt2", "distilbert"], ["search", "gradient"]), ("xlnet", "search")]
)
def test_any_kind_of_classifier_can_be_attacked(tmp_path, kind, method):
    tokenizer = train_tokenizer(TEXTS, size=500)
    small = {
        "roberta": {"hidden_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 32},
        "gpt2": {"n_embd": 32, "n_layer": 1, "n_head": 2},
        "distilbert": {"dim": 32, "n_layers": 1, "n_heads": 2, "hidden_dim": 32},
        "xlnet": {"d_model": 32, "n_layer": 1, "n_head": 2, "d_inner": 32},
    }[kind]
    positions = {"roberta": 33, "gpt2": 32, "distilbert": 32}.get(kind)  # RoBERTa leaves that of padding unused
    tokens = dict.fromkeys(("bos_token_id", "eos_token_id", "pad_token_id"), tokenizer.pad_token_id)
    shape = {"vocab_size": len(tokenizer), "initializer_range": 0.3}
    if positions is None:  # XLNet has no limit of its own
        tokenizer.model_max_length = 32
    else:
        shape["max_position_embeddings"] = positions
    torch.manual_seed(2)
    config = AutoConfig.for_model(kind, **shape, **small, **tokens)
    AutoModelForSequenceClassification.from_config(config).save_pretrained(tmp_path)
    tokenizer.save_pretrained(tmp_path)
    assert load_victim(str(tmp_path)).limit == 32
    attack = Adversarial(victim=str(tmp_path), method=method, candidates=Typo(rate=1.0), rate=0.5, **NOTHING)
    rows = [Row(text, label) for text in ["good", *TEXTS] for label in ("LABEL_0", "LABEL_1")]
    found = outcomes(attack, rows)
    assert sum(isinstance(outcome, Written) for outcome in found) >= 2
    long = [len(tokenizer(row.text)["input_ids"]) > 32 for row in rows]
    assert any(long)
    assert [outcome == Declined("longer than the classifier reads") for outcome in found] == long
    assert [outcomes(attack, [row])[0] for row in rows[:8]] == found[:8]


# What is offered for each word


def test_words_are_offered_one_by_one_with_their_articles(tmp_path):
    file = tmp_path / "table.tsv"
    file.write_text("film\tepisode movie\nbad\tawful\n", encoding="utf-8")
    rows = [Row("It was a bad day for a film."), Row("nothing here")]
    drawn = [stream(0, "x", row_key(row.text), 1) for row in rows]
    found, none = offers(Synonym(rate=1.0, table=str(file)), 16, rows, drawn, [[], []])
    assert none == []
    assert set(found) == {
        Candidate(9, 12, "awful", (Edit(7, 8, "an"), Edit(9, 12, "awful"))),
        Candidate(23, 27, "episode", (Edit(21, 22, "an"), Edit(23, 27, "episode"))),
        Candidate(23, 27, "movie", (Edit(23, 27, "movie"),)),
    }
    kept, _ = offers(Synonym(rate=1.0, table=str(file)), 16, rows, drawn, [[(7, 12)], []])
    assert {candidate.new for candidate in kept} == {"episode", "movie"}


def test_only_an_article_goes_with_the_word_behind_it():
    row = Row("Was it a good day for an old film?")
    found = [*offers(Case(mode="upper", rate=1.0), 4, [row], [stream(0, "x", row_key(row.text), 1)], [[]])[0]]
    assert {candidate.new for candidate in found} >= {"A", "AN", "FILM"}
    assert [candidate.edits for candidate in found if len(candidate.edits) > 1] == []


# The search alone, against a classifier that is a function


def duel(text, candidates, think, *, method="search", queries=50, most=5, goal=Goal(0), **rules):  # noqa: B008
    """Attack a function from texts to probabilities; return the result and the texts that it was asked."""
    asked = [text]

    def read(questions):
        asked.extend(one for texts in questions for one in texts)
        return [[np.log(think(one)) for one in texts] for texts in questions]

    def rank(questions):
        asked.extend(slope.text for slope in questions)
        return [[float(new.count("!")) for _, _, new in slope.places] for slope in questions]

    attack = Attack(text, np.log(think(text)), goal, candidates, most, Rules(method, queries, **rules))
    [(_, found)] = together([attack.steps()], {"read": read, "gains": rank})
    return found, asked


def word(start, end, new):
    return Candidate(start, end, new, (Edit(start, end, new),))


def test_the_word_that_is_missed_most_is_changed_first():
    weigh = lambda text: 0.55 + 0.3 * ("good" in text) + 0.05 * ("film" in text)  # noqa: E731
    think = lambda text: [weigh(text) - 0.2 * ("nice" in text), 1 - weigh(text) + 0.2 * ("nice" in text)]  # noqa: E731
    found, asked = duel("a film so good", [word(2, 6, "movie"), word(10, 14, "nice")], think)
    assert found.succeeded
    assert [candidate.new for candidate in found.chosen] == ["nice"]
    assert asked == ["a film so good", "a so good", "a film so", "a film so nice"]
    assert found.queries == 4


def test_several_words_add_up_and_only_what_helps_is_taken():
    think = lambda text: (  # noqa: E731
        [0.9 - 0.3 * ("x" in text) - 0.3 * ("y" in text), 0.1 + 0.3 * ("x" in text) + 0.3 * ("y" in text)]
    )
    candidates = [word(0, 3, "x"), word(4, 7, "y"), word(8, 13, "same")]
    for method in ("search", "gradient"):
        found, _ = duel("one two three", candidates, think, method=method)
        assert found.succeeded
        assert sorted(candidate.new for candidate in found.chosen) == ["x", "y"]
    one, _ = duel("one two three", candidates, think, most=1)
    assert (one.succeeded, len(one.chosen)) == (False, 1)


@pytest.mark.parametrize("method", ["search", "gradient"])
@pytest.mark.parametrize("count", [5, 99, 100, 300])
def test_a_classifier_that_stands_firm_is_asked_no_more_than_200_times(method, count):
    text = " ".join(f"word{i:03}" for i in range(count))
    candidates = [word(8 * i, 8 * i + 7, f"other{i}x{j}") for i in range(count) for j in range(60)]
    found, asked = duel(text, candidates, lambda text: [0.9, 0.1], method=method, queries=200, most=count)
    assert not found.succeeded
    assert found.queries == len(asked) == 200


def test_a_targeted_attack_takes_no_other_answer():
    def think(text):
        return [0.1, 0.8, 0.1] if "p" in text else [0.2, 0.1, 0.7] if "q" in text else [0.6, 0.2, 0.2]

    candidates = [word(0, 3, "p"), word(4, 7, "q")]
    for method in ("search", "gradient"):
        found, _ = duel("one two", candidates, think, method=method, goal=Goal(0, 2))
        assert (found.succeeded, [candidate.new for candidate in found.chosen]) == (True, ["q"])
        failed, _ = duel("one two", candidates[:1], think, method=method, goal=Goal(0, 2))
        assert (failed.succeeded, failed.chosen) == (False, ())
        anyhow, _ = duel("one two", candidates[:1], think, method=method)
        assert anyhow.succeeded
    assert Goal(0, 2).slope("one", [])[1:3] == (2, -1)
    assert Goal(0).slope("one", [])[1:3] == (0, 1)


def test_overlapping_candidates_are_not_both_taken():
    think = lambda text: [0.9 - 0.1 * text.count("z"), 0.1 + 0.1 * text.count("z")]  # noqa: E731
    candidates = [word(0, 3, "z"), word(0, 7, "zz"), word(4, 7, "z")]
    found, _ = duel("one two", candidates, think)
    reach = sorted((candidate.start, candidate.end) for candidate in found.chosen)
    assert reach in ([(0, 7)], [(0, 3), (4, 7)])


def test_the_gradient_decides_what_is_tried_first():
    think = lambda text: [0.9 - 0.5 * ("aa" in text), 0.1 + 0.5 * ("aa" in text)]  # noqa: E731
    candidates = [*(word(0, 3, "!" * i) for i in range(1, 20)), word(4, 7, "aa")]  # no mark: ranked first
    found, asked = duel("one two", candidates, think, method="gradient")
    assert found.succeeded
    assert found.queries == len(asked) == 2 + 8


# The gradient


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["victim", "encoder_victim"])
def test_the_estimate_is_the_slope_of_the_log_odds(request, kind):
    model = load_victim(request.getfixturevalue(kind))
    text = "The film was awful, visit 3"
    places = [(13, 18, "great"), (13, 18, "dull"), (4, 8, "book"), (13, 18, "unbearable"), (20, 27, "great")]
    [gains] = model.gains([Slope(text, 0, 1, places)])
    [opposite] = model.gains([Slope(text, 0, -1, places)])
    assert opposite == pytest.approx([-gain for gain in gains])
    ids, offsets = (
        model.tokenizer(text, return_offsets_mapping=True)[name] for name in ("input_ids", "offset_mapping")
    )
    assert len(model.tokenizer(" unbearable", add_special_tokens=False)["input_ids"]) > 1
    table = model.model.get_input_embeddings().weight
    original = table.detach().clone()

    def log_odds(scale, start, end, new):
        # A hundredth of the way from the old word's vectors to the new one's, by a table of one's own.
        pieces = model.tokenizer(" " + new, add_special_tokens=False)["input_ids"]
        at = [i for i, (left, right) in enumerate(offsets) if left < end and right > start]
        states = original[ids].clone()
        states[at] += scale * (original[pieces].mean(0) - states[at])

        def put(module, given, output):
            return states[None]

        handle = model.model.get_input_embeddings().register_forward_hook(put)
        with torch.no_grad():
            logits = model.model(torch.tensor([ids]), attention_mask=torch.ones(1, len(ids))).logits
        handle.remove()
        return float(logits[0, 0].double() - logits[0, 1].double())

    for gain, place in zip(gains, places, strict=True):
        measured = (log_odds(0.01, *place) - log_odds(-0.01, *place)) / 0.02
        assert gain == pytest.approx(measured, rel=0.02, abs=1e-4)
    assert min(gains[:3]) == gains[0]  # "great" is what speaks most against "negative"
