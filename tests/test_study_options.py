"""Options of the classifiers that a study trains: schedules of replays, weights, stages, frozen features."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from datasets import ClassLabel, Dataset, Features, Value

from hf_augment.blocks import StudyConfig
from hf_augment.classifiers import train_classifier, trainer
from hf_augment.classifiers.features import COSTS, Regression
from hf_augment.classifiers.stages import first_stage, weights, with_fresh_head
from hf_augment.engine.embeddings import embed_once
from hf_augment.study.arms import make_arms, steps_for
from hf_augment.study.comparison import compare
from tests.test_comparison import AUGMENTED, GOLD, NAMES, TEST, VALIDATION
from tests.tiny_classifier import bert
from tests.tiny_encoder import bag_of_words

RELEASED = StudyConfig(
    learning_rate=4e-5, warmup_steps=100, schedule_steps=1, whole_epochs=True, epochs=8, batch_size=8, hidden_size=4
)
CONFIG = StudyConfig(epochs=2, evaluations=2, batch_size=8, learning_rate=0.01, hidden_size=8, seeds=(0,))
SPLITS = (GOLD, VALIDATION, TEST)


def fit(config, train=GOLD, **options):
    options = {"seed": 0, "max_steps": 6, **options}
    return train_classifier(train, VALIDATION, TEST, text="text", label="label", config=config, **options)


# Schedules


@pytest.mark.parametrize(
    ("rows", "steps", "peak", "total"),
    [(20, 24, 9.2e-6, 2.8), (40, 40, 1.56e-5, 7.8), (60, 64, 2.5e-5, 20.2), (120, 120, 4e-5, 49.5)],
    ids=["SST-2", "SST-2, augmented", "TREC", "TREC, augmented"],
)
def test_the_released_schedule_learns_as_little_as_it_did(rows, steps, peak, total, tmp_path):
    """The published code's sum of learning rates, in units of 4e-5: the augmented arm learns 2.8 and 2.4 times as much."""
    assert steps_for(rows, RELEASED) == steps
    model, tokenizer = trainer._load(RELEASED, NAMES, None, GOLD["text"])
    encoded = {"train": [{"input_ids": [1], "attention_mask": [1], "labels": 0}]}
    made = trainer._trainer(model, tokenizer, encoded, RELEASED, 0, steps, None, str(tmp_path))
    made.create_optimizer_and_scheduler(steps)
    rates = []
    for _ in range(steps):
        rates.append(made.lr_scheduler.get_last_lr()[0])
        made.optimizer.step()
        made.lr_scheduler.step()
    assert sum(rates) / 4e-5 == pytest.approx(total, abs=0.05)
    assert max(rates) == pytest.approx(peak, rel=0.02)
    assert all(rate == 0 for rate in rates[100:])


def test_steps_are_counted_in_whole_epochs_only_where_asked():
    assert steps_for(20, replace(RELEASED, whole_epochs=False)) == 20
    assert steps_for(20, replace(RELEASED, epochs=2.5)) == 8


# What augmented rows count


def both(split):
    """Gold rows and then as many others."""
    return Dataset.from_dict({"text": [*GOLD["text"], *split["text"]], "label": [*GOLD["label"], *split["label"]]})


OTHERS = Dataset.from_dict(
    {"text": [f"{text} again" for text in GOLD["text"]], "label": [1 - i for i in GOLD["label"]]}
)
TRAIN = both(OTHERS).cast(GOLD.features)


@pytest.mark.slow
def test_a_weight_of_one_changes_nothing_and_another_does():
    plain = fit(CONFIG, TRAIN)
    assert fit(CONFIG, TRAIN, added=14)["history"] == plain["history"]
    assert fit(replace(CONFIG, synthetic_weight=0.2), TRAIN)["history"] == plain["history"]  # none is said to be added
    assert fit(replace(CONFIG, synthetic_weight=0.2), TRAIN, added=14)["history"] != plain["history"]


@pytest.mark.slow
def test_rows_without_weight_teach_nothing():
    """Labels the wrong way round do no harm at weight 0, whatever they are."""
    silent, many = replace(CONFIG, synthetic_weight=0.0, batch_size=28), {"added": 14, "max_steps": 12}
    turned = TRAIN.cast_column("label", Value("int64")).map(
        lambda row, i: {"label": 1 - row["label"] if i >= 14 else row["label"]}, with_indices=True
    )
    turned = turned.cast_column("label", ClassLabel(names=NAMES))
    assert fit(silent, TRAIN, **many)["history"] == fit(silent, turned, **many)["history"]
    assert fit(CONFIG, TRAIN, **many)["history"] != fit(CONFIG, turned, **many)["history"]


@pytest.mark.slow
def test_weights_go_with_label_smoothing_and_with_attacks():
    for options in ({"label_smoothing": 0.1}, {"adversarial_epsilon": 0.5}):
        config = replace(CONFIG, **options)
        plain = fit(config, TRAIN, added=14)
        assert fit(replace(config, synthetic_weight=0.3), TRAIN, added=14)["history"] != plain["history"]


def test_weights_and_stages_are_of_the_last_rows():
    config = StudyConfig(synthetic_weight=0.5, two_stage=0.25)
    assert weights(5, 2, config) == [1, 1, 1, 0.5, 0.5]
    assert first_stage([1, 2, 3, 4, 5], 2, 20, config) == ([4, 5], [1, 2, 3], 5)
    assert first_stage([1, 2], 0, 20, config) == ([], [1, 2], 0)
    assert first_stage([1, 2], 1, 20, replace(config, two_stage=None)) == ([], [1, 2], 0)
    assert first_stage([1, 2], 1, 2, config)[2] == 1


@pytest.mark.slow
def test_two_stages_end_on_gold_rows(monkeypatch):
    made, ask = [], trainer._trainer

    def noted(model, tokenizer, encoded, config, seed, steps, best, folder):
        made.append((len(encoded["train"]), steps, best is not None))
        return ask(model, tokenizer, encoded, config, seed, steps, best, folder)

    monkeypatch.setattr(trainer, "_trainer", noted)
    found = fit(replace(CONFIG, two_stage=0.5), TRAIN, added=14, max_steps=8)
    assert made == [(14, 4, False), (14, 4, True)]
    assert found["steps"] == 8
    assert [entry["step"] for entry in found["history"]] == [2, 4]


@pytest.mark.slow
def test_between_stages_an_encoder_gets_a_new_head_and_keeps_its_body(tmp_path):
    config = replace(CONFIG, classifier=str(bert(tmp_path, GOLD["text"][:])))
    load = lambda: trainer._load(config, NAMES, None, ())[0]  # noqa: E731
    torch.manual_seed(1)
    trained = load()
    with torch.no_grad():
        for parameter in trained.parameters():
            parameter.add_(1.0)
    fresh = with_fresh_head(trained, load)
    assert not torch.equal(fresh.classifier.weight, trained.classifier.weight)
    for own, other in zip(fresh.bert.parameters(), trained.bert.parameters(), strict=True):
        assert torch.equal(own, other)
    lstm = trainer._load(CONFIG, NAMES, None, GOLD["text"])[0]
    assert with_fresh_head(lstm, load) is lstm
    found = fit(replace(config, two_stage=0.5), TRAIN, added=14, max_steps=4)
    assert found["steps"] == 4


# Frozen features


@pytest.fixture
def encoder(tmp_path):
    texts = [text for split in (*SPLITS, OTHERS) for text in split["text"]]
    return StudyConfig(classifier="features", encoder=str(bag_of_words(tmp_path / "encoder", texts)), seeds=(0,))


def test_features_learn_and_say_what_a_classifier_says(encoder, tmp_path):
    found = fit(encoder, output_dir=tmp_path / "out", per_row=True)
    assert found["test"]["accuracy"] == 1.0
    assert [entry["C"] for entry in found["history"]] == list(COSTS)
    best = found["history"][found["best_step"] - 1]
    assert (best["accuracy"], best["loss"]) == (found["validation"]["accuracy"], found["validation"]["loss"])
    assert best["accuracy"] == max(entry["accuracy"] for entry in found["history"])
    assert json.loads((tmp_path / "out" / "model" / "config.json").read_text())["C"] == best["C"]
    assert len(found["test_rows"]) == len(TEST)
    assert np.mean([-np.log(own) for _, own in found["test_rows"]]) == pytest.approx(found["test"]["loss"], rel=1e-3)
    again = fit(encoder, seed=7, max_steps=99, per_row=True)
    same = ("history", "test", "validation", "test_rows")
    assert {name: again[name] for name in same} == {name: found[name] for name in same}


def test_a_regression_is_sklearns():
    from sklearn.linear_model import LogisticRegression

    vectors = np.random.default_rng(0).normal(size=(40, 5))
    for classes in (2, 3):
        numbers = np.arange(40) % classes
        expected = LogisticRegression(C=0.5, max_iter=1000).fit(vectors, numbers).predict_proba(vectors)
        found = Regression.fit(vectors, numbers, [1.0] * 40, 0.5, classes)
        assert found.probabilities(vectors) == pytest.approx(expected)
        unseen = Regression.fit(vectors, numbers, [1.0] * 40, 0.5, classes + 1).probabilities(vectors)
        assert unseen[:, :classes] == pytest.approx(expected)
        assert not unseen[:, classes].any()
    assert Regression.fit(vectors, np.ones(40, dtype=int), [1.0] * 40, 1.0, 2).probabilities(vectors)[:, 1].all()


def test_added_rows_count_less_for_features_too(encoder):
    full, less = (fit(replace(encoder, synthetic_weight=own), TRAIN, added=14) for own in (1.0, 0.01))
    assert less["validation"]["loss"] < full["validation"]["loss"]


def test_texts_are_embedded_once(encoder, monkeypatch):
    from hf_augment.engine import embeddings

    monkeypatch.setenv("HF_AUGMENT_REMEMBER", "1")
    first = embed_once(["The film was dull", "A fine book", "The film was dull"], encoder.encoder)
    assert np.array_equal(first[0], first[2])
    embeddings._of_set.cache_clear()
    monkeypatch.setattr(embeddings, "load_encoder", None)
    again = embed_once(["A fine book", "The film was dull"], encoder.encoder)
    assert np.array_equal(again, first[:2][::-1])


def test_a_comparison_of_features_has_no_matched_arm(encoder, tmp_path):
    rows = make_arms(*(trainer.Examples(["a"] * n, [0] * n, 0) for n in (2, 3)), encoder)
    assert list(rows) == ["gold", "duplicated", "augmented"]
    config = replace(encoder, tune_learning_rates=(0.1,))
    found = compare(
        GOLD, AUGMENTED, VALIDATION, TEST, text="text", label="label", config=config, output=tmp_path / "c"
    )
    assert list(found.report["arms"]) == ["gold", "gold_tuned", "duplicated", "augmented"]
    values = {row["arm"]: row["value"] for row in found.report["rows"] if row["metric"] == "accuracy"}
    assert values["gold"] == values["gold_tuned"]
    for folder in found.classifiers.values():
        assert (folder / "model.safetensors").is_file()


@pytest.mark.slow
def test_each_rows_score_is_its_own():
    """The rows are read in the order of their lengths, and told in their own."""
    long = ["word " * n + text for n, text in zip((9, 0, 5, 2, 7, 1, 3, 8, 4, 6), TEST["text"], strict=True)]
    shuffled = Dataset.from_dict({"text": long, "label": TEST["label"][:]}, features=Features(TEST.features))
    told = fit(CONFIG, per_row=True)
    one = train_classifier(
        GOLD, VALIDATION, shuffled, text="text", label="label", config=CONFIG, seed=0, max_steps=6, per_row=True
    )
    for row in (0, 4):
        alone = shuffled.select([row])
        found = train_classifier(
            GOLD, VALIDATION, alone, text="text", label="label", config=CONFIG, seed=0, max_steps=6, per_row=True
        )
        assert found["test_rows"][0] == pytest.approx(one["test_rows"][row], abs=1e-5)
    assert np.mean([right for right, _ in told["test_rows"]]) == pytest.approx(told["test"]["accuracy"])
    assert "test_rows" not in fit(CONFIG)
