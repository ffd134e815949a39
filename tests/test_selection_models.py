"""Steps that ask a model: the likelihood ratio, toxicity, the similarity band, and probabilities that come true."""

import json

import numpy as np
import pytest
import torch

from hf_augment import SelectConfig, select
from hf_augment.blocks.select import LikelihoodConfig, ToxicityConfig
from hf_augment.engine.resources import load_causal_lm
from hf_augment.selection.calibration import calibrate, expected_error, scaled
from hf_augment.selection.likelihood import log_likelihoods
from hf_augment.selection.toxicity import probabilities
from tests import tiny
from tests.test_selection import CANDIDATES, GOLD, LABELS, WRONG, augmented, chosen, encoder, reasons  # noqa: F401
from tests.tiny_classifier import bert, wavering


@pytest.fixture(scope="module")
def generator(tmp_path_factory) -> str:
    """A language model that was trained on what this file's gold rows say under their labels."""
    folder = tiny.causal_lm(tmp_path_factory.mktemp("lm") / "generator")
    lm = load_causal_lm(str(folder))
    optimizer = torch.optim.AdamW(lm.model.parameters(), lr=5e-3)
    examples = lm.prompt.encode_examples(
        lm.tokenizer, [label for _, label in GOLD], [text for text, _ in GOLD], tiny.CONTEXT
    )
    longest = max(map(len, examples["input_ids"]))
    ids = torch.tensor([row + [0] * (longest - len(row)) for row in examples["input_ids"]])
    labels = torch.tensor([row + [-100] * (longest - len(row)) for row in examples["labels"]])
    torch.manual_seed(0)
    for _ in range(60):
        optimizer.zero_grad()
        lm.model(input_ids=ids, labels=labels).loss.backward()
        optimizer.step()
    lm.model.save_pretrained(folder)
    lm.tokenizer.save_pretrained(folder)
    lm.prompt.save(folder)
    return str(folder)


# The likelihood ratio


def by_hand(model, prompt, text) -> float:
    """One forward pass over the whole, added up token by token."""
    with torch.inference_mode():
        scores = model(torch.tensor([[*prompt, *text]])).logits[0].log_softmax(-1)
    return sum(float(scores[len(prompt) + i - 1, token]) for i, token in enumerate(text))


def test_likelihoods_are_those_of_the_model(generator):
    lm = load_causal_lm(generator)
    prompt = lm.prompt.encode_prompt(lm.tokenizer, LABELS[0])
    texts = lm.prompt.encode_texts(lm.tokenizer, [text for text, _ in CANDIDATES[:7]])
    for (nats, tokens), text in zip(log_likelihoods(lm.model, prompt, texts), texts, strict=True):
        assert tokens == len(text)
        assert nats == pytest.approx(by_hand(lm.model, prompt, text), abs=1e-3)


def test_a_text_longer_than_the_model_reads_is_read_in_windows(generator):
    lm = load_causal_lm(generator)
    prompt = lm.prompt.encode_prompt(lm.tokenizer, LABELS[0])
    room = tiny.CONTEXT - len(prompt)
    text = (lm.prompt.encode_texts(lm.tokenizer, [CANDIDATES[0][0]])[0] * 30)[: room + 10]
    [(nats, tokens)] = log_likelihoods(lm.model, prompt, [text])
    start = room - room // 2
    first = by_hand(lm.model, prompt, text[:room])
    rest = by_hand(lm.model, prompt, text[start:]) - by_hand(lm.model, prompt, text[start:room])
    assert tokens == room + 10
    assert nats == pytest.approx(first + rest, abs=1e-3)


def test_texts_of_another_label_are_not_likelier_under_their_own(generator):
    found = chosen(None, [*CANDIDATES, *WRONG], likelihood=LikelihoodConfig(model=generator, least=0.0))
    dropped = reasons(found)
    assert set(dropped) == {"", "not likelier under its label"}
    right, wrong = dropped[: len(CANDIDATES)], dropped[len(CANDIDATES) :]
    assert np.mean(list(map(bool, wrong))) > 0.6
    assert np.mean(list(map(bool, right))) < 0.4
    for row in found.dataset:
        if row["augmented_by"] != "original":
            assert (row["likelihood_ratio"] < 0) == bool(row["dropped"])
            assert row["likelihood_ratio"] <= np.log(2)
    assert found.report["thresholds"]["likelihood"].endswith("against the mean over all labels, of at least 0")


def test_a_share_of_each_label_is_dropped_by_quantile(generator):
    found = chosen(None, CANDIDATES, likelihood={"model": generator, "quantile": 0.25})
    for number in range(2):
        own = [row for row in found.dataset if row["label"] == number and row["augmented_by"] != "original"]
        ratios = sorted(row["likelihood_ratio"] for row in own)
        dropped = [row["likelihood_ratio"] for row in own if row["dropped"]]
        assert sorted(dropped) == ratios[: len(dropped)]
        assert abs(len(dropped) - len(own) / 4) <= 1


def test_a_base_model_may_stand_for_p_of_x(generator, tmp_path):
    base = tiny.causal_lm(tmp_path / "base", prompt=None, seed=1)
    found = chosen(None, CANDIDATES[:4], likelihood={"model": generator, "base": str(base), "least": 0.0})
    own, plain = load_causal_lm(generator), load_causal_lm(str(base))
    text = CANDIDATES[0][0]
    prompt = own.prompt.encode_prompt(own.tokenizer, LABELS[0])
    [ids] = own.prompt.encode_texts(own.tokenizer, [text])
    start = [plain.tokenizer.bos_token_id or plain.tokenizer.eos_token_id]
    bare = plain.tokenizer(text, add_special_tokens=False).input_ids
    ratio = (by_hand(own.model, prompt, ids) - by_hand(plain.model, start, bare)) / len(ids)
    assert found.dataset["likelihood_ratio"][1] == pytest.approx(ratio, abs=1e-3)


def test_what_was_said_before_is_not_asked_again(generator, monkeypatch):
    known = {}
    config = SelectConfig(
        encoder=None,
        near_duplicate=None,
        agreement=False,
        length=None,
        likelihood=LikelihoodConfig(model=generator, least=0),
    )
    first = select(augmented(CANDIDATES[:10]), text="text", label="label", config=config, known=known)
    monkeypatch.setattr("hf_augment.selection.likelihood.log_likelihoods", None)
    again = select(augmented(CANDIDATES[:10]).shuffle(seed=0), text="text", label="label", config=config, known=known)
    assert again.report == first.report


def test_models_that_cannot_tell_labels_apart_are_named(generator, tmp_path):
    plain = tiny.causal_lm(tmp_path / "plain", prompt=None)
    with pytest.raises(ValueError, match=r"carries no prompt format .*prompt: '\{label\}: \{text\}'"):
        chosen(None, CANDIDATES[:2], likelihood={"model": str(plain), "least": 0.0})
    with pytest.raises(ValueError, match=r"has no \{label\}"):
        chosen(None, CANDIDATES[:2], likelihood={"model": str(plain), "least": 0.0, "prompt": "{text}"})
    with pytest.raises(ValueError, match="exactly one of 'least' and 'quantile'"):
        LikelihoodConfig(model=generator)
    with pytest.raises(ValueError, match="likelihood: model: expected a causal language model"):
        chosen(None, CANDIDATES[:2], likelihood={"least": 0.0})


# Toxicity


@pytest.fixture(scope="module")
def classifier(tmp_path_factory) -> str:
    return str(bert(tmp_path_factory.mktemp("toxic") / "bert", [text for text, _ in CANDIDATES]))


def test_toxic_rows_are_those_that_the_classifier_says(classifier):
    from transformers import pipeline

    said = pipeline("text-classification", classifier, top_k=None)([text for text, _ in CANDIDATES[:20]])
    expected = [next(one["score"] for one in row if one["label"] == "LABEL_1") for row in said]
    threshold = float(np.median(expected))
    found = chosen(
        None, CANDIDATES[:20], toxicity=ToxicityConfig(model=classifier, label="LABEL_1", threshold=threshold)
    )
    values = [row["toxicity"] for row in found.dataset if row["augmented_by"] != "original"]
    assert values == pytest.approx(expected, abs=1e-4)
    assert [bool(reason) for reason in reasons(found)] == [value >= threshold for value in values]
    assert set(reasons(found)) == {"", "toxic"}
    assert found.report["thresholds"]["toxicity"].startswith("a probability of 'LABEL_1' below")


def test_of_a_long_text_the_worst_window_counts(classifier):
    asked = ToxicityConfig(model=classifier, label="LABEL_1")
    texts = [text for text, _ in CANDIDATES[:6]]
    long = " ".join(texts * 5)
    [worst] = probabilities(asked, [long])
    alone = probabilities(asked, texts)
    assert 0 < worst < 1
    assert worst >= min(alone) - 0.2


def test_labels_that_do_not_exclude_each_other_have_chances_of_their_own(classifier, tmp_path):
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    model = AutoModelForSequenceClassification.from_pretrained(classifier)
    model.config.problem_type = "multi_label_classification"
    model.save_pretrained(tmp_path / "many")
    AutoTokenizer.from_pretrained(classifier).save_pretrained(tmp_path / "many")
    text = [CANDIDATES[0][0]]
    one, both = (
        sum(probabilities(ToxicityConfig(model=folder, label=f"LABEL_{i}"), text)[0] for i in range(2))
        for folder in (classifier, str(tmp_path / "many"))
    )
    assert one == pytest.approx(1)
    assert both != pytest.approx(1)


def test_our_lstm_may_be_asked_and_an_unknown_label_is_named(tmp_path):
    folder = str(wavering(tmp_path / "lstm"))
    assert 0 < probabilities(ToxicityConfig(model=folder, label="negative"), ["a film", "a"])[0] < 1
    with pytest.raises(ValueError, match=r"unknown label 'negativ'. Did you mean 'negative'"):
        probabilities(ToxicityConfig(model=folder, label="negativ"), ["a film"])


# The similarity band


def test_rows_outside_the_band_are_dropped(encoder):  # noqa: F811
    found = chosen(encoder, [*CANDIDATES, GOLD[0]], similarity_band=[0.7, 0.95])
    for row in found.dataset:
        if row["augmented_by"] != "original" and row["dropped"] != "duplicate of a gold row":
            said = "too unlike the gold rows of its label" if row["label_similarity"] < 0.7 else ""
            said = "too like a gold row of its label" if row["label_similarity"] > 0.95 else said
            assert row["dropped"] == said
            assert row["label_similarity"] <= row["similarity"] + 1e-6
    assert found.report["dropped"]["too unlike the gold rows of its label"] > 0
    assert not np.isnan(found.dataset["label_similarity"]).any()
    with pytest.raises(ValueError, match="similarity_band: expected two cosine similarities"):
        SelectConfig(similarity_band=(0.9, 0.3))


# Calibration


def overconfident(rows: int = 4000, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Probabilities whose logits are three times too large."""
    draw = np.random.default_rng(seed)
    logits = draw.normal(size=(rows, 3))
    true = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    numbers = np.array([draw.choice(3, p=row) for row in true])
    return scaled(true, 1 / 3), numbers


def test_a_temperature_makes_probabilities_come_true():
    found, numbers = overconfident()
    calibration = calibrate(found, numbers, np.arange(len(numbers)) % 5)
    assert calibration.temperature == pytest.approx(3, rel=0.15)
    assert calibration.before > 0.15
    assert calibration.after < 0.03
    assert (calibration.apply(found).argmax(1) == found.argmax(1)).all()
    np.testing.assert_allclose(calibration.apply(found).sum(1), 1)


def test_the_expected_error_by_hand():
    probabilities_ = np.array([[0.9, 0.1], [0.95, 0.05], [0.4, 0.6], [0.35, 0.65]])
    # of the two rows at 0.9 and above one is right, of those at 0.6 and above both
    assert expected_error(probabilities_, np.array([0, 1, 1, 1])) == pytest.approx((0.85 + 0.75) / 4)


def test_probabilities_are_calibrated_where_that_is_asked(encoder):  # noqa: F811
    plain = chosen(encoder, CANDIDATES, agreement=True)
    found = chosen(encoder, CANDIDATES, agreement=True, calibrate=True)
    judge = json.loads(json.dumps(found.report["judge"]))
    assert set(judge.pop("calibration")) == {
        *("temperature", "expected_error_before", "expected_error_after", "bins"),
    }
    assert "calibrated by the temperature" in judge["says"]
    assert {**judge, "says": plain.report["judge"]["says"]} == plain.report["judge"]
    assert reasons(found) == reasons(plain)
    assert found.dataset["label_probability"] != plain.dataset["label_probability"]


def test_what_the_judge_doubts_may_stay(encoder):  # noqa: F811
    assert set(reasons(chosen(encoder, [*CANDIDATES, *WRONG], agreement=False))) == {""}
