"""Metrics on texts that need no model: against the packages that define them, and against numbers counted by hand."""

import math
import socket
from itertools import islice, permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hf_augment import metrics
from hf_augment.common_subsequence import common_subsequence, places
from hf_augment.metrics.self_bleu import self_bleu
from hf_augment.metrics.texts import only_words, tokenize

TEXTS = ("distinct_n", "self_bleu")
PAIRS = ("bleu", "chrf", "rouge")
NEEDS = {
    "copy_rate": {"training_texts": ["a dull book"]},
    "label_fidelity": {"oracle": lambda texts: ["good"] * len(texts)},
    "novelty": {"training_texts": ["a dull book"]},
    "type_token_ratio": {"budget": 3},
    "vendi_score": {"kernel": [[1.0, 0.5], [0.5, 1.0]]},
}
REVIEWS = ["The film was a joy, a joy to see!", "A dull film.", "It's dull, and a book is not a film.", "A joy."]


@pytest.fixture(autouse=True)
def refused(monkeypatch):
    def refuse(self, address):
        raise OSError(f"no connection is made, and this one was to {address!r}")

    monkeypatch.setattr(socket.socket, "connect", refuse)


def near(found, expected):
    """Compare nested results, numbers up to their last digits."""
    if isinstance(expected, dict):
        return found.keys() == expected.keys() and all(near(found[name], expected[name]) for name in expected)
    if isinstance(expected, list | tuple):
        return len(found) == len(expected) and all(map(near, found, expected))
    return found == (expected if isinstance(expected, str) else pytest.approx(expected, rel=1e-9))


# What all have in common


@pytest.mark.parametrize("name", sorted({*metrics.METRICS} - {*metrics.CLASSIFICATION, "perplexity"}))
def test_the_example_in_a_docstring_is_what_comes_out(name):
    example = metrics.load(name).inputs_description.split("```python\n")[1].split("```")[0]
    *before, last = example.split(">>> ")[1:]
    code, _, shown = last.partition("\n")
    names = {"metrics": metrics}
    exec("\n".join(before), names)  # noqa: S102
    assert near(eval(code, names), eval(shown))


@pytest.mark.parametrize("name", sorted({*metrics.METRICS} - {*metrics.CLASSIFICATION}))
def test_a_metric_says_what_it_is(name):
    metric = metrics.load(name)
    assert metric.name == name
    assert metric.reference_urls[0].startswith("https://")
    assert metric.citation
    assert "Args:" not in metric.description
    assert "\n" not in metric.description
    assert f"`{name}" in metric.inputs_description or "distinct_1" in metric.inputs_description


@pytest.mark.parametrize("name", [*TEXTS, *PAIRS, *NEEDS])
def test_texts_may_come_in_batches_or_one_by_one(name):
    rows = {"predictions": ["a good film", "a very dull book"]}
    if name in (*PAIRS, "label_fidelity"):
        rows["references"] = ["good", "a dull book"]
    options = NEEDS.get(name, {})
    expected = metrics.load(name).compute(**rows, **options)
    batched, single = metrics.load(name, **options), metrics.load(name, **options)
    for row in range(2):
        batched.add_batch(**{column: texts[row : row + 1] for column, texts in rows.items()})
        single.add(**{column.removesuffix("s"): texts[row] for column, texts in rows.items()})
    assert batched.compute() == single.compute() == expected


def test_metrics_with_different_inputs_combine():
    rows = {"predictions": REVIEWS, "references": REVIEWS[1:] + REVIEWS[:1]}
    chosen = ["rouge", "distinct_n", metrics.load("type_token_ratio", budget=10), "self_bleu"]
    chosen += [metrics.load("novelty", training_texts=["A dull hotel."]), metrics.load("chrf", word_order=2)]
    expected = {}
    for metric in chosen:
        metric = metrics.load(metric) if isinstance(metric, str) else metric
        expected |= metric.compute(**rows if metric.pairs else {"predictions": REVIEWS})
    assert metrics.combine(chosen).compute(**rows) == expected
    assert "nw:2" in expected["chrf_signature"]


def test_an_option_at_compute_goes_before_the_one_at_load():
    metric = metrics.load("distinct_n", n=[1])
    assert list(metric.compute(predictions=REVIEWS)) == ["distinct_1"]
    assert list(metric.compute(predictions=REVIEWS, n=[2])) == ["distinct_2"]


def test_what_cannot_be_scored_is_refused_with_what_to_write():
    with pytest.raises(ValueError, match=r"unknown option 'budgets'. Did you mean 'budget'\?"):
        metrics.load("type_token_ratio", budgets=3)
    with pytest.raises(ValueError, match="unknown option 'm'"):
        metrics.load("distinct_n").compute(predictions=REVIEWS, m=3)
    with pytest.raises(ValueError, match="predictions: expected at least one text"):
        metrics.load("distinct_n").compute(predictions=[])
    with pytest.raises(ValueError, match="predictions: expected at least one text"):
        metrics.load("rouge").compute(predictions=[], references=[])
    with pytest.raises(TypeError, match=r"predictions\[1\]: expected a text, got None"):
        metrics.load("distinct_n").compute(predictions=["a", None])
    with pytest.raises(TypeError, match="expected a list of texts, got one text"):
        metrics.load("novelty").compute(predictions=["a"], training_texts="a")
    with pytest.raises(ValueError, match="training_texts: expected at least one text"):
        metrics.load("copy_rate").compute(predictions=["a"])
    with pytest.raises(ValueError, match="empty list of references"):
        metrics.load("rouge").compute(predictions=["a", "b"], references=[["a"], []])


# Tokens


def test_words_and_marks_are_cut_apart_in_lower_case():
    assert tokenize("Don't stop: 3.5 “well-made” FILMS!") == [
        *("don't", "stop", ":", "3.5", "“", "well-made", "”", "films", "!")
    ]
    assert tokenize("Naïve café 😀 我爱你 हिन्दी") == ["naïve", "café", "😀", "我", "爱", "你", "हिन्दी"]
    assert only_words("Don't stop -- 我爱你!") == ["don't", "stop", "我", "爱", "你"]
    assert tokenize(" \n") == []


@given(st.text())
def test_no_text_breaks_the_tokens(text):
    assert [token for token in tokenize(text) if token in set(only_words(text))] == only_words(text)
    assert "" not in tokenize(text)


# distinct-n, type-token ratio


def test_distinct_n_counted_by_hand():
    # 7 tokens, of which "a" and "film" come twice; 5 pairs, all different but "a film"; 3 triples, all different
    found = metrics.load("distinct_n").compute(predictions=["See a film", "a film, dull"])
    assert found == {"distinct_1": 5 / 7, "distinct_2": 4 / 5, "distinct_3": 1.0}
    assert math.isnan(metrics.load("distinct_n").compute(predictions=["a b"])["distinct_3"])
    assert metrics.load("distinct_n").compute(predictions=["a-b a-b"], n=[1], tokenizer=list) == {"distinct_1": 4 / 7}


def test_the_ratio_of_equal_budgets_does_not_fall_with_the_number_of_texts():
    some = [f"word{i % 7} other{i % 11} third{i % 13}" for i in range(300)]
    ratio = metrics.load("type_token_ratio", budget=60, draws=50)
    few, many = ratio.compute(predictions=some[:100]), ratio.compute(predictions=some)
    assert few["type_token_ratio_1"] == pytest.approx(many["type_token_ratio_1"], abs=0.02)
    distinct = metrics.load("distinct_n")
    assert (
        distinct.compute(predictions=some)["distinct_1"] < 0.5 * distinct.compute(predictions=some[:100])["distinct_1"]
    )


def test_the_ratio_looks_at_exactly_its_budget():
    ratio = metrics.load("type_token_ratio")
    assert ratio.compute(predictions=["a a a b"], n=[1], budget=3) == {"type_token_ratio_1": pytest.approx(1 / 3)}
    assert ratio.compute(predictions=["a b a b"], n=[2], budget=3) == {"type_token_ratio_2": pytest.approx(2 / 3)}
    with pytest.raises(ValueError, match=r"the texts have 4 n-grams of 1 token.*Write budget=4 at most"):
        ratio.compute(predictions=["a b", "c d"], budget=5)


def test_the_ratio_depends_on_the_seed_and_not_on_the_order_of_the_texts():
    texts = ["a b c d", "a a a a", "a b a b", "e f g h", "a a a a"]
    ratio = metrics.load("type_token_ratio", n=[1], budget=6, draws=1)
    assert (
        len({str(ratio.compute(predictions=list(order))) for order in islice(permutations(texts), 0, None, 17)}) == 1
    )
    assert len({str(ratio.compute(predictions=texts, seed=seed)) for seed in range(9)}) > 1


# self-BLEU


def test_self_bleu_is_nltk_s():
    bleu_score = pytest.importorskip("nltk.translate.bleu_score")
    smooth = bleu_score.SmoothingFunction().method1
    texts = [tokenize(text) for text in [*REVIEWS, "A dull film.", "dull", "dull", "a a a a b", "no word in common"]]
    for n in (1, 2, 3, 4):
        expected = [
            bleu_score.sentence_bleu(texts[:i] + texts[i + 1 :], text, (1 / n,) * n, smoothing_function=smooth)
            for i, text in enumerate(texts)
        ]
        assert self_bleu(texts, n) == pytest.approx(expected, abs=1e-12)
        assert len(set(expected)) > 4


def test_self_bleu_is_one_for_copies_and_zero_for_texts_without_a_common_word():
    score = metrics.load("self_bleu")
    assert score.compute(predictions=["a good film"] * 3) == {"self_bleu": pytest.approx(1.0)}
    assert score.compute(predictions=["a good film", "one dull book", ""]) == {"self_bleu": 0.0}
    with pytest.raises(ValueError, match="at least two texts"):
        score.compute(predictions=["a"])


def test_self_bleu_compares_the_first_texts_or_drawn_ones():
    alike, score = ["a good film"] * 10, metrics.load("self_bleu", texts=10)
    others = [f"b{i} c{i} d{i}" for i in range(190)]
    assert score.compute(predictions=alike + others) == {"self_bleu": pytest.approx(1.0)}
    drawn = score.compute(predictions=alike + others, seed=1)
    assert drawn["self_bleu"] < 0.5
    assert drawn == score.compute(predictions=alike + others, seed=1)


# ROUGE, BLEU, chrF


PREDICTED = [
    "The film was a joy from start to end.",
    "A dull, far too long film; not for me!",
    "Watching such films moves us.",
    "",
]
REFERENCES = [
    ["From start to end the film was a joy.", "The film was no joy."],
    ["Not for me: too long.", "The book was far too long and not for me."],
    ["We watched a moving film.", "Films move."],
    ["Nothing", "."],
]
# computed with rouge-score 0.1.2: RougeScorer(...).score and .score_multi, F-measure, mean over the four texts
ROUGE = {
    (False, False): (0.4285714285714286, 0.34375, 0.24603174603174605),
    (False, True): (0.5, 0.34375, 0.37218045112781956),
    (True, False): (0.5785714285714286, 0.34375, 0.3460317460317461),
    (True, True): (0.5785714285714286, 0.44375, 0.443609022556391),
}


@pytest.mark.parametrize(("stemmer", "several"), ROUGE)
def test_rouge_is_that_of_rouge_score(stemmer, several):
    if stemmer:
        pytest.importorskip("nltk")
    references = REFERENCES if several else [first for first, _ in REFERENCES]
    found = metrics.load("rouge").compute(predictions=PREDICTED, references=references, use_stemmer=stemmer)
    assert list(found) == ["rouge1", "rouge2", "rougeL"]
    assert list(found.values()) == pytest.approx(ROUGE[stemmer, several], abs=1e-12)


def test_rouge_takes_a_tokenizer_for_other_languages():
    rows = {"predictions": ["Хороший фильм"], "references": ["Плохой фильм"]}
    assert metrics.load("rouge").compute(**rows)["rouge1"] == 0
    assert metrics.load("rouge", tokenizer=str.split).compute(**rows)["rouge1"] == 0.5


@given(st.text("abcd", max_size=90), st.text("abcde", max_size=90))
def test_the_longest_common_subsequence_is_that_of_the_table(ours, theirs):
    table = [[0] * (len(theirs) + 1) for _ in range(len(ours) + 1)]
    for i, left in enumerate(ours):
        for j, right in enumerate(theirs):
            table[i + 1][j + 1] = table[i][j] + 1 if left == right else max(table[i][j + 1], table[i + 1][j])
    assert common_subsequence(places(ours), len(ours), theirs) == table[-1][-1]


def test_bleu_and_chrf_are_sacrebleu_s():
    sacrebleu = pytest.importorskip("sacrebleu")
    first, second = (list(column) for column in zip(*REFERENCES, strict=True))
    bleu, chrf = metrics.load("bleu"), metrics.load("chrf")
    one, two = {"predictions": PREDICTED, "references": first}, {"predictions": PREDICTED, "references": REFERENCES}
    assert bleu.compute(**one)["bleu"] == sacrebleu.corpus_bleu(PREDICTED, [first]).score > 5
    assert bleu.compute(**two)["bleu"] == sacrebleu.corpus_bleu(PREDICTED, [first, second]).score
    assert bleu.compute(**two, lowercase=True, tokenize="char")["bleu"] == pytest.approx(
        sacrebleu.corpus_bleu(PREDICTED, [first, second], lowercase=True, tokenize="char").score
    )
    assert chrf.compute(**two)["chrf"] == sacrebleu.corpus_chrf(PREDICTED, [first, second]).score > 5
    assert chrf.compute(**one, word_order=2)["chrf"] == sacrebleu.corpus_chrf(PREDICTED, [first], word_order=2).score
    assert bleu.compute(**two)["bleu_signature"].startswith("nrefs:2|case:mixed|eff:no|tok:13a|smooth:exp|version:")


def test_texts_may_have_different_numbers_of_references():
    sacrebleu = pytest.importorskip("sacrebleu")
    rows = {"predictions": ["a good film", "a dull book"], "references": [["a good film", "good"], ["one dull book"]]}
    expected = sacrebleu.corpus_bleu(rows["predictions"], [["a good film", "one dull book"], ["good", None]]).score
    assert metrics.load("bleu").compute(**rows)["bleu"] == expected


def test_bleu_without_sacrebleu_says_what_to_install(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "sacrebleu", None)
    with pytest.raises(ImportError, match=r"'bleu' needs sacreBLEU.*pip install 'hf-augment\[metrics\]'"):
        metrics.load("bleu").compute(predictions=["a"], references=["a"])
