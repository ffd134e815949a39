"""The tuned arm: chosen on validation rows, every point trained once, nothing about it chosen on test."""

import json
from dataclasses import replace

import pytest

import hf_augment.classifiers
from hf_augment.blocks import StudyConfig
from hf_augment.classifiers.scoring import rank
from hf_augment.study.comparison import compare
from hf_augment.study.plot import plot
from tests.test_comparison import AUGMENTED, GOLD, TEST, VALIDATION

RECIPE, HIGH, LOW = 0.01, 0.1, 0.001
FEW, MANY = 4, 11  # 14 gold rows, 42 with the added ones, 2 epochs in batches of 8
CONFIG = StudyConfig(epochs=2, batch_size=8, learning_rate=RECIPE, tune_learning_rates=(HIGH, LOW), seeds=(0, 1))


def run(output, config=CONFIG):
    return compare(GOLD, AUGMENTED, VALIDATION, TEST, text="text", label="label", config=config, output=output)


@pytest.fixture
def trainings(monkeypatch):
    """Stands in for the training. `scores` says what is found: validation accuracy, its loss, test accuracy."""
    calls, scores = [], {}

    def train(train, validation, test, *, seed, max_steps, output_dir, config, **columns):
        kind = "gold" if len(train) == len(GOLD) else "other"
        calls.append((kind, seed, config.learning_rate, max_steps))
        if output_dir is not None:
            (output_dir / "model").mkdir(parents=True, exist_ok=True)
            (output_dir / "model" / "config.json").write_text("{}")
            (output_dir / "model" / "model.safetensors").write_text(str(calls[-1]))
        accuracy, loss, on_test = scores.get(calls[-1], (0.5, 1.0, 0.5))
        history = [
            {"step": 1, "accuracy": 0.1, "loss": 9.0},
            {"step": 2, "accuracy": accuracy, "loss": loss},
        ]
        found = {"test": {"accuracy": on_test, "loss": 1.0}, "validation": {"accuracy": accuracy, "loss": loss}}
        return {**found, "history": history, "best_step": 2, "seconds": 0.5, "model": None}

    monkeypatch.setattr(hf_augment.classifiers, "train_classifier", train)
    return calls, scores


def value(report, arm, seed):
    (found,) = [row["value"] for row in report["rows"] if (row["arm"], row["seed"]) == (arm, seed)]
    return found


def test_validation_chooses_and_test_does_not(tmp_path, trainings):
    _, scores = trainings
    scores["gold", 0, HIGH, MANY] = (0.8, 1.0, 0.55)  # best on validation
    scores["gold", 0, LOW, FEW] = (0.6, 0.1, 0.95)  # best on test
    scores["gold", 1, RECIPE, MANY] = (0.7, 1.0, 0.65)
    report = run(tmp_path).report
    assert report["tuning"]["chosen"] == {"0": f"gold_matched_lr{HIGH}", "1": "gold_matched"}
    assert [value(report, "gold_tuned", seed) for seed in (0, 1)] == [0.55, 0.65]
    assert "0.95" not in json.dumps(report)
    point = report["tuning"]["grid"][f"gold_lr{LOW}"]
    assert point["validation"]["0"] == {"accuracy": 0.6, "loss": 0.1}
    assert (point["learning_rate"], point["steps"]) == (LOW, FEW)


def test_of_equal_accuracies_the_lower_loss_and_then_the_earlier(tmp_path, trainings):
    _, scores = trainings
    scores["gold", 0, HIGH, FEW] = (0.5, 0.9, 0.5)
    assert run(tmp_path).report["tuning"]["chosen"] == {"0": f"gold_lr{HIGH}", "1": "gold"}


def test_a_loss_that_is_no_number_wins_nothing():
    failed = {"accuracy": 0.5, "loss": float("nan")}
    assert rank(failed) < rank({"accuracy": 0.5, "loss": 50.0})
    assert rank(failed) > rank({"accuracy": 0.4, "loss": 0.1})


def test_every_point_is_trained_once(tmp_path, trainings):
    calls, _ = trainings
    run(tmp_path)
    gold = [call for call in calls if call[0] == "gold"]
    points = [("gold", seed, rate, n) for seed in (0, 1) for rate in (LOW, RECIPE, HIGH) for n in (FEW, MANY)]
    assert sorted(gold) == sorted(points)
    assert calls.count(("other", 0, RECIPE, MANY)) == 2  # duplicated and augmented, which nobody tunes
    assert len(list((tmp_path / "cells").iterdir())) == 16


def test_a_finished_or_killed_study_goes_on(tmp_path, trainings):
    calls, _ = trainings
    first = run(tmp_path)
    assert run(tmp_path) == first
    assert len(calls) == 16
    next((tmp_path / "cells").glob(f"gold_lr{HIGH}-seed1-*")).unlink()
    assert run(tmp_path) == first
    assert calls[16:] == [("gold", 1, HIGH, FEW)]


def test_another_grid_trains_only_what_is_new(tmp_path, trainings):
    calls, _ = trainings
    run(tmp_path, replace(CONFIG, tune_learning_rates=()))
    assert len(calls) == 8
    run(tmp_path, replace(CONFIG, tune_learning_rates=(HIGH,)))
    assert calls[8:] == [("gold", seed, HIGH, n) for seed in (0, 1) for n in (FEW, MANY)]
    run(tmp_path, replace(CONFIG, tune_learning_rates=(RECIPE, LOW)))
    assert calls[12:] == [("gold", seed, LOW, n) for seed in (0, 1) for n in (FEW, MANY)]
    found = run(tmp_path, replace(CONFIG, tune_learning_rates=(LOW, HIGH, LOW)))
    assert len(calls) == 16
    assert len(found.report["tuning"]["grid"]) == 6


def test_the_steps_alone_can_be_tuned(tmp_path, trainings):
    calls, _ = trainings
    found = run(tmp_path, replace(CONFIG, tune_learning_rates=(RECIPE,)))
    assert len(calls) == 8
    assert list(found.report["tuning"]["grid"]) == ["gold", "gold_matched"]


def test_no_grid_no_tuned_arm(tmp_path, trainings):
    found = run(tmp_path, replace(CONFIG, tune_learning_rates=()))
    assert found.report["tuning"] == {}
    assert "gold_tuned" not in json.dumps(found.report) + found.to_markdown()


def test_it_is_a_control_like_the_others(tmp_path, trainings):
    _, scores = trainings
    for seed in (0, 1):
        scores["gold", seed, HIGH, FEW] = (0.9, 0.1, 0.7 + 0.02 * seed)
        scores["other", seed, RECIPE, MANY] = (0.9, 0.1, 0.6)
    found = run(tmp_path)
    (gain,) = [row for row in found.report["differences"] if row["against"] == "gold_tuned"]
    assert list(gain["by_seed"].values()) == pytest.approx([-0.10, -0.12])
    assert "against gold_tuned" in found.reading
    assert [arm for arm in found.report["arms"] if arm != "duplicated"] == [
        "gold",
        "gold_matched",
        "gold_tuned",
        "augmented",
    ]
    assert found.report["arms"]["gold_tuned"]["seconds"] == {"0": 3.0, "1": 3.0}  # six trainings of half a second
    plot(found.report, tmp_path / "comparison.png")
    assert (tmp_path / "comparison.png").stat().st_size > 1000


def test_the_page_explains_each_arm_and_shows_the_grid(tmp_path, trainings):
    _, scores = trainings
    scores["gold", 0, HIGH, MANY] = (0.8, 1.0, 0.55)
    found = run(tmp_path)
    text = found.to_markdown()
    for arm in found.report["arms"]:
        assert sum(line.startswith(f"- `{arm}`: ") for line in text.splitlines()) == 1
    assert f"| gold_tuned | 14 | {FEW} or {MANY} | 52.5 ± 3.5 |" in text
    assert f"| {HIGH} | {MANY} | **80.0** | 50.0 |" in text
    assert f"| {RECIPE} | {FEW} | 50.0 | **50.0** |" in text
    assert text.count("**") == 4


def test_a_learning_rate_has_to_be_one():
    with pytest.raises(ValueError, match=r"study: tune_learning_rates: expected a number above 0, got -1"):
        StudyConfig(tune_learning_rates=(0.1, -1.0))


@pytest.mark.slow
def test_with_real_trainings_the_same_study_twice_gives_equal_numbers(tmp_path):
    config = replace(CONFIG, tune_learning_rates=(HIGH,), seeds=(0,), evaluations=2)
    first, second = (run(tmp_path / name, config) for name in "ab")
    assert first.report["rows"] == second.report["rows"]
    assert first.report["tuning"] == second.report["tuning"]
    chosen = first.report["tuning"]["chosen"]["0"]
    grid = first.report["tuning"]["grid"]
    assert rank(grid[chosen]["validation"]["0"]) == max(rank(point["validation"]["0"]) for point in grid.values())


@pytest.mark.slow
def test_the_lstm_has_the_size_of_the_recipe(tmp_path):
    config = StudyConfig(hidden_size=8, evaluations=1)
    hf_augment.classifiers.train_classifier(
        GOLD, VALIDATION, TEST, text="text", label="label", config=config, seed=0, max_steps=1, output_dir=tmp_path
    )
    model = hf_augment.classifiers.LSTMForSequenceClassification.from_pretrained(tmp_path / "model")
    assert model.lstm.hidden_size == model.config.hidden_size == 8
