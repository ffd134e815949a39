"""Metrics that ask a language model or a classifier."""

import functools
import math

import numpy as np
import pytest
import torch
from transformers import AutoModelForCausalLM, AutoModelForSequenceClassification, AutoTokenizer

from hf_augment import metrics
from hf_augment.engine.resources import load_causal_lm
from hf_augment.metrics.causal import embed_last, losses, start_token, token_ids
from tests.contract import TEXTS as CONTRACT_TEXTS
from tests.tiny import ROWS, causal_lm
from tests.tiny_classifier import bert, wavering

TEXTS = [text for text, _ in ROWS[::3]]
LABELS = [label for _, label in ROWS[::3]]
LONG = " ".join(TEXTS * 2)  # several times the 64 tokens of context


@pytest.fixture(scope="module", params=["gpt2", "llama"])
def folder(request, tmp_path_factory):
    return causal_lm(tmp_path_factory.mktemp(request.param), request.param)


@functools.cache
def read(folder):
    return AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()


def told(folder, before: list[int], ids: list[int]) -> float:
    """The negative log-likelihood of tokens behind others, by the model's own loss."""
    with torch.inference_mode():
        loss = read(folder)(torch.tensor([before + ids]), labels=torch.tensor([[-100] * len(before) + ids])).loss
    return loss.item() * len(ids)


def test_perplexity_is_that_of_the_models_own_loss(folder):
    tokenizer = AutoTokenizer.from_pretrained(folder)
    start = tokenizer.bos_token_id if tokenizer.bos_token_id is not None else tokenizer.eos_token_id
    rows = [tokenizer(text, add_special_tokens=False).input_ids for text in TEXTS]
    sums = [told(folder, [start], ids) for ids in rows]
    found = metrics.load("perplexity", model=str(folder)).compute(predictions=TEXTS)
    each = [math.exp(loss / len(ids)) for loss, ids in zip(sums, rows, strict=True)]
    assert found["perplexities"] == pytest.approx(each, rel=1e-5)
    assert found["mean_perplexity"] == pytest.approx(np.mean(each), rel=1e-5)
    assert found["perplexity"] == pytest.approx(math.exp(sum(sums) / sum(map(len, rows))), rel=1e-5)
    assert found["perplexity"] != pytest.approx(found["mean_perplexity"], rel=1e-4)


def test_perplexity_does_not_depend_on_the_batch(folder, monkeypatch):
    metric = metrics.load("perplexity", model=str(folder))
    texts = [*TEXTS, LONG]
    together = metric.compute(predictions=texts)["perplexities"]
    alone = [metric.compute(predictions=[text])["perplexity"] for text in texts]
    assert together == pytest.approx(alone, rel=1e-5)
    assert metric.compute(predictions=texts[::-1])["perplexities"][::-1] == pytest.approx(together, rel=1e-5)
    monkeypatch.setattr("hf_augment.metrics.causal._LOGITS_TOGETHER", {"cpu": 1, "cuda": 1})
    assert metric.compute(predictions=texts)["perplexities"] == pytest.approx(together, rel=1e-5)


@pytest.mark.parametrize("stride", [None, 7, 20, 63])
def test_a_long_text_is_read_in_windows_and_each_token_counted_once(folder, stride):
    lm = load_causal_lm(str(folder))
    [ids] = token_ids(lm, [LONG])
    assert len(ids) > 200
    row, expected, done = [start_token(lm), *ids], 0.0, 1
    for start in range(0, len(row), stride or 32):
        stop = min(start + 64, len(row))
        if stop > done:
            expected += told(folder, row[start:done], row[done:stop])
            done = stop
    sums, counts = losses(lm, [ids], stride=stride)
    assert counts.tolist() == [len(ids)]
    assert sums[0] == pytest.approx(expected, rel=1e-5)


def test_a_generator_reads_texts_behind_their_labels(folder):
    lm = load_causal_lm(str(folder))
    sums = [
        told(folder, lm.prompt.encode_prompt(lm.tokenizer, label), lm.prompt.encode_texts(lm.tokenizer, [text])[0])
        for text, label in zip(TEXTS, LABELS, strict=True)
    ]
    counts = [len(ids) for ids in lm.prompt.encode_texts(lm.tokenizer, TEXTS)]
    metric = metrics.load("perplexity", model=str(folder))
    found = metric.compute(predictions=TEXTS, labels=LABELS)
    assert found["perplexity"] == pytest.approx(math.exp(sum(sums) / sum(counts)), rel=1e-5)
    with pytest.raises(ValueError, match="expected one for each of the 2 texts, got 1"):
        metric.compute(predictions=TEXTS[:2], labels=LABELS[:1])


def test_a_text_without_tokens_has_no_perplexity(folder):
    found = metrics.load("perplexity", model=str(folder)).compute(predictions=["", TEXTS[0]])
    assert math.isnan(found["perplexities"][0])
    assert found["perplexity"] == found["mean_perplexity"] == found["perplexities"][1]


def test_special_tokens_that_a_text_spells_out_are_letters(folder):
    lm = load_causal_lm(str(folder))
    [ids] = token_ids(lm, [f"The {lm.tokenizer.eos_token} film"])
    assert lm.tokenizer.eos_token_id not in ids


def test_perplexity_says_what_it_needs(folder, tmp_path):
    with pytest.raises(ValueError, match="model: expected a folder, a Hub id or 'embedded:generator', got None"):
        metrics.load("perplexity").compute(predictions=TEXTS)
    metric = metrics.load("perplexity", model=str(folder))
    with pytest.raises(ValueError, match="a smaller stride"):
        metric.compute(predictions=TEXTS, stride=64)
    with pytest.raises(ValueError, match="max_length: expected at least 1, got 0"):
        metric.compute(predictions=TEXTS, max_length=0)
    plain = causal_lm(tmp_path / "plain", prompt=None)
    with pytest.raises(ValueError, match="has no prompt format"):
        metrics.load("perplexity", model=str(plain)).compute(predictions=TEXTS[:1], labels=["positive"])


def test_the_example_of_perplexity_is_what_comes_out():
    example = metrics.load("perplexity").inputs_description.split("```python\n")[1].split("```")[0]
    first, last = example.split(">>> ")[1:]
    code, _, shown = last.partition("\n")
    names = {"metrics": metrics}
    exec(first, names)  # noqa: S102
    assert eval(code, names) == eval(shown)


def test_the_generator_that_is_embedded_finds_language_likelier_than_shuffled_words():
    texts = ["The soup was cold, and nobody came to ask.", "A film that I would gladly see again."]
    metric = metrics.load("perplexity", model="embedded:generator")
    shuffled = [" ".join(sorted(text.split())) for text in texts]
    found, worse = (metric.compute(predictions=some)["perplexities"] for some in (texts, shuffled))
    assert all(2 * good < bad for good, bad in zip(found, worse, strict=True))


def test_a_text_is_embedded_by_the_last_state_of_its_last_token(folder):
    lm = load_causal_lm(str(folder))
    texts = [*TEXTS[:5], LONG, ""]
    found = embed_last(lm, texts)
    model = read(folder).base_model
    for vector, text in zip(found, texts, strict=True):
        ids = (token_ids(lm, [text])[0] or [start_token(lm)])[:64]
        with torch.inference_mode():
            expected = model(torch.tensor([ids]), output_hidden_states=True).hidden_states[-1][0, -1]
        assert vector == pytest.approx(expected.numpy(), abs=1e-5)


def test_mauve_can_ask_a_language_model(folder):
    mauve = metrics.load("mauve", model=str(folder), clusters=4)
    real = [text for text, _ in ROWS] * 2
    with pytest.warns(UserWarning, match="are few"):
        same = mauve.compute(predictions=real[::-1], reference_texts=real)
    with pytest.warns(UserWarning, match="are few"):
        other = mauve.compute(predictions=["film"] * 100, reference_texts=real)
    assert same["mauve"] == pytest.approx(1)
    assert other["mauve"] < 0.9
    with pytest.raises(ValueError, match="a model or an encoder"):
        mauve.compute(predictions=real, reference_texts=real, encoder="somewhere")


# Label fidelity


def test_label_fidelity_is_the_accuracy_of_the_oracle(tmp_path):
    folder = wavering(tmp_path)
    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = AutoModelForSequenceClassification.from_pretrained(folder).eval()
    texts, said = [], []
    for text in CONTRACT_TEXTS:
        with torch.inference_mode():
            [logits] = model(**tokenizer(text, truncation=True, max_length=512, return_tensors="pt")).logits.tolist()
        if abs(logits[0] - logits[1]) > 1e-4:  # the last digits decide of the others, and they depend on the batch
            texts.append(text)
            said.append(int(logits[1] > logits[0]))
    assert 0 < sum(said) < len(said) > 10
    names = ["negative", "positive"]
    oracle = metrics.load("label_fidelity", oracle=str(folder))
    for wanted in (said, [0] * len(said), [1 - number for number in said]):
        expected = np.mean([a == b for a, b in zip(said, wanted, strict=True)])
        found = oracle.compute(predictions=texts, references=wanted)
        assert found["label_fidelity"] == pytest.approx(expected)
        named = [names[number] for number in wanted]
        assert oracle.compute(predictions=texts, references=named) == found
    assert set(found["label_fidelity_by_label"]) == set(names)
    with pytest.raises(ValueError, match=r"unknown label 'positiv'. Did you mean 'positive'.*write label_names"):
        oracle.compute(predictions=texts, references=["positiv"] * len(texts))
    with pytest.raises(ValueError, match="expected numbers from 0 to 1"):
        oracle.compute(predictions=texts, references=[2] * len(texts))


def test_label_fidelity_takes_names_for_the_oracle_s_outputs_and_texts_of_any_length(tmp_path):
    texts = ["so good", "so dull", "good " * 500]
    folder = bert(tmp_path, texts)  # its labels are LABEL_0 and LABEL_1, and it reads 64 tokens
    oracle = metrics.load("label_fidelity", oracle=str(folder))
    numbers = [
        oracle.compute(predictions=[text], references=[0])["label_fidelity_by_label"]["LABEL_0"] for text in texts
    ]
    wanted = ["bad" if number else "good" for number in numbers]
    found = oracle.compute(predictions=texts, references=wanted, label_names=["bad", "good"])
    assert found["label_fidelity"] == 1
    with pytest.raises(ValueError, match="3 names were given"):
        oracle.compute(predictions=texts, references=wanted, label_names=["a", "b", "c"])


def test_label_fidelity_asks_a_callable():
    oracle = lambda texts: np.array([len(text) % 2 for text in texts])  # noqa: E731
    metric = metrics.load("label_fidelity", oracle=oracle)
    found = metric.compute(predictions=["a", "bb", "cc"], references=[1, 0, 1])
    assert found == {"label_fidelity": pytest.approx(2 / 3), "label_fidelity_by_label": {"0": 1.0, "1": 0.5}}
    named = metric.compute(predictions=["a", "bb"], references=["odd", "odd"], label_names=["even", "odd"])
    assert named["label_fidelity"] == 0.5
    with pytest.raises(ValueError, match="gave 1 labels for 2 texts"):
        metric.compute(predictions=["a", "b"], references=[0, 1], oracle=lambda texts: [0])
    with pytest.raises(ValueError, match="oracle: expected a classifier's folder"):
        metrics.load("label_fidelity").compute(predictions=["a"], references=[0])
