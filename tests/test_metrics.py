import socket
import subprocess
import sys
import warnings

import numpy as np
import pytest
import sklearn.metrics
import torch

from hf_augment import metrics
from hf_augment.blocks import StudyConfig

AVERAGED = {"f1": "f1_score", "precision": "precision_score", "recall": "recall_score"}
PLAIN = {"accuracy": "accuracy_score", "matthews_correlation": "matthews_corrcoef"}


@pytest.fixture(autouse=True)
def refused(monkeypatch):
    def refuse(self, address):
        raise OSError(f"no connection is made, and this one was to {address!r}")

    monkeypatch.setattr(socket.socket, "connect", refuse)


@pytest.fixture(params=[(0, 2, 50), (1, 3, 200), (2, 7, 64), (3, 5, 9)], ids=lambda draw: f"{draw[1]} classes")
def labels(request):
    seed, classes, rows = request.param
    draw = np.random.default_rng(seed)
    return draw.integers(classes, size=rows), draw.integers(classes, size=rows)


@pytest.mark.parametrize("name", PLAIN)
def test_plain_metrics_are_those_of_scikit_learn(name, labels):
    predictions, references = labels
    expected = getattr(sklearn.metrics, PLAIN[name])(references, predictions)
    assert metrics.load(name).compute(predictions=predictions, references=references) == {
        name: pytest.approx(expected, abs=1e-12)
    }


@pytest.mark.parametrize("name", AVERAGED)
@pytest.mark.parametrize("average", ["macro", "micro", "weighted", None])
def test_averaged_metrics_are_those_of_scikit_learn(name, average, labels):
    predictions, references = labels
    expected = getattr(sklearn.metrics, AVERAGED[name])(references, predictions, average=average, zero_division=0)
    found = metrics.load(name).compute(predictions=predictions, references=references, average=average)
    assert found[name] == pytest.approx(expected.tolist() if average is None else expected, abs=1e-12)


@pytest.mark.parametrize("name", AVERAGED)
def test_the_average_is_macro_unless_asked(name):
    predictions, references = [0, 0, 0, 0, 1, 2], [0, 0, 0, 1, 1, 0]
    score = getattr(sklearn.metrics, AVERAGED[name])
    found = metrics.load(name).compute(predictions=predictions, references=references)[name]
    assert found == pytest.approx(score(references, predictions, average="macro", zero_division=0))
    assert found != pytest.approx(score(references, predictions, average="micro"))


@pytest.mark.parametrize("name", AVERAGED)
def test_binary_average_and_pos_label(name):
    predictions, references = [0, 1, 1, 0, 1], [0, 1, 0, 1, 1]
    for positive in (0, 1):
        found = metrics.load(name).compute(
            predictions=predictions, references=references, average="binary", pos_label=positive
        )
        expected = getattr(sklearn.metrics, AVERAGED[name])(references, predictions, pos_label=positive)
        assert found[name] == pytest.approx(expected)


def test_options_of_accuracy():
    accuracy = metrics.load("accuracy")
    rows = {"predictions": [0, 1, 1], "references": [0, 1, 0]}
    assert accuracy.compute(**rows, normalize=False) == {"accuracy": 2.0}
    assert accuracy.compute(**rows, sample_weight=[0, 1, 3]) == {"accuracy": 0.25}


@pytest.mark.parametrize("name", metrics.CLASSIFICATION)
@pytest.mark.parametrize("kind", [list, np.asarray, torch.tensor], ids=["list", "numpy", "torch"])
def test_lists_arrays_and_tensors_score_alike(name, kind):
    predictions, references = [0, 2, 1, 1, 0], [0, 2, 2, 1, 1]
    expected = metrics.load(name).compute(predictions=predictions, references=references)
    assert metrics.load(name).compute(predictions=kind(predictions), references=kind(references)) == expected


@pytest.mark.parametrize("name", metrics.CLASSIFICATION)
def test_rows_may_come_in_batches_or_one_by_one(name, labels):
    predictions, references = labels
    expected = metrics.load(name).compute(predictions=predictions, references=references)
    batched, single = metrics.load(name), metrics.load(name)
    for start in range(0, len(predictions), 7):
        batched.add_batch(predictions=predictions[start : start + 7], references=references[start : start + 7])
    for prediction, reference in zip(predictions.tolist(), references.tolist(), strict=True):
        single.add(prediction=prediction, reference=reference)
    assert batched.compute() == single.compute() == expected


def test_predictions_can_lie_in_a_folder(tmp_path):
    on_disk = metrics.load("accuracy", keep_in_memory=False, cache_dir=str(tmp_path))
    on_disk.add_batch(predictions=[0, 1], references=[0, 0])
    assert any(path.suffix == ".arrow" for path in tmp_path.rglob("*"))
    assert on_disk.compute() == {"accuracy": 0.5}


def test_a_class_that_is_never_predicted_scores_zero_without_a_warning():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = metrics.load("precision").compute(predictions=[0, 0], references=[0, 1], average=None)
    assert found == {"precision": [0.5, 0.0]}


def test_combined_metrics_are_the_single_ones(labels):
    predictions, references = labels
    combined = metrics.combine(metrics.CLASSIFICATION)
    expected = {}
    for name in metrics.CLASSIFICATION:
        expected |= metrics.load(name).compute(predictions=predictions, references=references)
    assert combined.compute(predictions=predictions, references=references) == expected
    for start in range(0, len(predictions), 5):
        combined.add_batch(predictions=predictions[start : start + 5], references=references[start : start + 5])
    assert combined.compute() == expected
    assert list(expected) == list(metrics.CLASSIFICATION)


@pytest.mark.parametrize("name", metrics.CLASSIFICATION)
def test_a_metric_says_what_it_is(name):
    metric = metrics.load(name)
    assert metric.name == name
    assert "scikit-learn" in metric.citation
    assert f"`{name}`" in metric.inputs_description
    assert metric.description
    assert "Args:" not in metric.description
    assert set(metric.features) == {"predictions", "references"}
    assert metric.reference_urls[0].endswith(f"{(PLAIN | AVERAGED)[name]}.html")


@pytest.mark.parametrize("name", metrics.CLASSIFICATION)
def test_the_example_in_a_docstring_is_what_comes_out(name):
    example = metrics.load(name).inputs_description.split(">>> ")[1].removesuffix("```\n").strip()
    code, _, shown = example.partition("\n")
    assert eval(code, {"metrics": metrics}) == eval(shown.strip("` \n"))


def test_an_unknown_metric_is_named_with_a_close_match():
    with pytest.raises(ValueError, match=r"unknown metric 'matthews'. Did you mean 'matthews_correlation'\?"):
        metrics.load("matthews")
    with pytest.raises(ValueError, match="Available: accuracy, bleu, chrf"):
        metrics.combine(["accuracy", "meteor"])


@pytest.mark.parametrize("name", sorted({*metrics.METRICS} - {*metrics.CLASSIFICATION}))
def test_a_study_refuses_what_scores_texts(name):
    with pytest.raises(ValueError, match=f"'{name}' scores texts.*Possible here: accuracy, f1, matthews_correlation"):
        StudyConfig(metrics=("accuracy", name)).for_task("text-classification")


def test_a_study_takes_what_scores_classes():
    config = StudyConfig(metrics=metrics.CLASSIFICATION).for_task("text-classification")
    assert config.metrics == metrics.CLASSIFICATION
    with pytest.raises(ValueError, match=r"unknown metric 'acuracy'. Did you mean 'accuracy'"):
        StudyConfig(metrics=("acuracy",)).for_task("text-classification")


def test_evaluate_is_not_imported_before_a_metric_is_loaded():
    check = "import hf_augment.metrics, sys; print(sorted({'evaluate', 'datasets', 'sklearn'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", check], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
