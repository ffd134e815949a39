"""Metrics that compare a set of texts with itself or with another one."""

import math
import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hf_augment import metrics
from hf_augment.metrics.copy_rate import longest_copies
from hf_augment.metrics.mauve import frontier_area, frontier_integral, histograms
from hf_augment.metrics.novelty import nearest_by_cosine, nearest_by_jaccard, nearest_by_rouge_l
from hf_augment.metrics.rouge import rouge_l
from hf_augment.metrics.vendi_score import vendi_score
from tests.tiny_encoder import bag_of_words

TRAINING = ["A dull film, far too long.", "What a joy from start to end!", "The soup was cold, and so were they."]
sets = st.lists(st.text("abc", max_size=9).map(list), min_size=1, max_size=5)


def waves(count: int, width: int) -> np.ndarray:
    return np.sin(1 + np.arange(count)[:, None] * (1 + np.arange(width)[None]) ** 1.5)


# Vendi score: computed with vendi-score 0.0.3, vendi.score_dual(waves(12, 5), q=q) and vendi.score_X(waves(4, 5))
VENDI = {0.5: 4.826193351023706, 1: 4.687103266947589, 2: 4.487063459724083, math.inf: 3.677824389793538}


@pytest.mark.parametrize("q", VENDI)
def test_vendi_is_that_of_vendi_score(q):
    vectors = waves(12, 5)
    assert vendi_score(vectors, q=q) == pytest.approx(VENDI[q], abs=1e-10)
    lengths = np.linalg.norm(vectors, axis=1)
    kernel = vectors @ vectors.T / np.outer(lengths, lengths)
    assert vendi_score(kernel=kernel, q=q) == pytest.approx(VENDI[q], abs=1e-6)


def test_vendi_with_more_dimensions_than_texts():
    assert vendi_score(waves(4, 5)) == pytest.approx(2.916453578220777, abs=1e-10)


@pytest.mark.parametrize("q", [0, 0.5, 1, 2, 7.5, math.inf])
def test_vendi_counts_what_is_different(q):
    assert vendi_score(np.eye(7), q=q) == pytest.approx(7)
    assert vendi_score(np.ones((7, 3)), q=q) == pytest.approx(1)
    assert vendi_score(np.repeat(np.eye(4), 5, axis=0), q=q) == pytest.approx(4)
    assert vendi_score(np.repeat(np.eye(4, 40), 5, axis=0), q=q) == pytest.approx(4)


def test_vendi_embeds_texts_with_the_encoder_that_is_named(tmp_path):
    encoder = str(bag_of_words(tmp_path, ["good film dull book"]))
    score = metrics.load("vendi_score", encoder=encoder)
    same, other = score.compute(predictions=["good film"] * 3), score.compute(predictions=["good", "dull", "film"])
    assert same["vendi_score"] == pytest.approx(1, abs=1e-3)
    assert 2.5 < other["vendi_score"] <= 3


def test_vendi_refuses_what_is_no_kernel():
    score = metrics.load("vendi_score")
    rows = {"predictions": ["a", "b"]}
    with pytest.raises(ValueError, match="one row for each of the 2 texts"):
        score.compute(**rows, vectors=[[1, 2]])
    with pytest.raises(ValueError, match="symmetric"):
        score.compute(**rows, kernel=[[1, 0.5], [0.2, 1]])
    with pytest.raises(ValueError, match="1 on the diagonal"):
        score.compute(**rows, kernel=[[2, 0.5], [0.5, 1]])
    with pytest.raises(ValueError, match="no vector of length 0"):
        score.compute(**rows, vectors=[[1, 0], [0, 0]])
    with pytest.raises(ValueError, match="q: expected a number from 0 up"):
        score.compute(**rows, vectors=[[1, 0], [0, 1]], q=-1)


# Novelty


@given(sets, sets)
def test_the_nearest_by_rouge_l_is_that_of_all_comparisons(texts, known):
    expected = []
    for text in texts:
        scores = [rouge_l(text, other) for other in known]
        expected.append((max(scores), scores.index(max(scores))))
    assert nearest_by_rouge_l(texts, known) == expected


@given(sets, sets)
def test_the_nearest_by_jaccard_is_that_of_all_comparisons(texts, known):
    def grams(text):
        n = min(2, max(1, len(text)))
        return {tuple(text[i : i + n]) for i in range(len(text) - n + 1)}

    for text, (score, place) in zip(texts, nearest_by_jaccard(texts, known, 2), strict=True):
        scores = [len(grams(text) & grams(k)) / max(1, len(grams(text) | grams(k))) for k in known]
        assert score == pytest.approx(max(scores))
        assert scores[place] == pytest.approx(max(scores))


def test_the_nearest_are_the_same_in_small_blocks(monkeypatch):
    vectors = waves(40, 6) / np.linalg.norm(waves(40, 6), axis=1, keepdims=True)
    texts = [list(np.base_repr(i * 7919, 4)) for i in range(40)]
    ways = [
        lambda: nearest_by_cosine(vectors[:25], vectors[25:]),
        lambda: nearest_by_jaccard(texts[:25], texts[25:]),
        lambda: nearest_by_rouge_l(texts[:25], texts[25:]),
    ]
    whole = [way() for way in ways]
    monkeypatch.setattr("hf_augment.metrics.novelty._AT_ONCE", 50)
    small = [way() for way in ways]
    assert small[1:] == whole[1:]
    assert [place for _, place in small[0]] == [place for _, place in whole[0]]
    assert [score for score, _ in small[0]] == pytest.approx([score for score, _ in whole[0]])


def test_novelty_counted_by_hand(tmp_path):
    novelty = metrics.load("novelty", training_texts=TRAINING)
    texts = ["A dull film - far too long!", "What a dull film", "Nobody came."]
    # of the second, "a dull film" is 3 of 4 and 3 of 6 words; of its two trigrams, one is among the four of the first
    found = novelty.compute(predictions=texts)
    assert found["novelties"] == pytest.approx([0, 1 - 6 / 10, 1])
    assert found["novelty"] == pytest.approx((0 + 0.4 + 1) / 3)
    assert found["nearest"][:2] == [0, 0]
    assert novelty.compute(predictions=texts, similarity="jaccard")["novelties"] == pytest.approx([0, 1 - 1 / 5, 1])
    encoder = str(bag_of_words(tmp_path, TRAINING))
    found = novelty.compute(predictions=texts, similarity="embedding", encoder=encoder)
    assert found["novelties"][0] < found["novelties"][1] < found["novelties"][2]
    with pytest.raises(ValueError, match=r"unknown similarity 'rouge'. Did you mean 'rouge_l'"):
        novelty.compute(predictions=texts, similarity="rouge")


# Copies


@given(sets, sets)
def test_the_longest_copies_are_those_of_all_comparisons(texts, known):
    runs = {tuple(text[i:j]) for text in known for i in range(len(text)) for j in range(i + 1, len(text) + 1)}
    for text, (start, length) in zip(texts, longest_copies(texts, known), strict=True):
        own = [(i, j) for i in range(len(text)) for j in range(i + 1, len(text) + 1) if tuple(text[i:j]) in runs]
        assert length == max((j - i for i, j in own), default=0)
        if length:
            assert start == min(i for i, j in own if j - i == length)


def test_copy_rate_counted_by_hand():
    texts = [
        "a DULL film (far too long)",  # all the words of a training text
        "So dull: the soup was cold, and so were we.",  # seven words of one
        "Far too long. What a joy!",  # runs end where a training text ends
        "!",
    ]
    found = metrics.load("copy_rate", training_texts=[*TRAINING, "?"]).compute(predictions=texts, words=7)
    assert found == {
        "copy_rate": 0.5,
        "exact_copy_rate": 0.25,
        "longest_copies": ["a dull film far too long", "the soup was cold and so were", "far too long", ""],
        "longest_copy_lengths": [6, 7, 3, 0],
    }
    short = metrics.load("copy_rate", training_texts=["Great!"]).compute(predictions=["great", "great film"])
    assert (short["copy_rate"], short["exact_copy_rate"]) == (0.5, 0.5)


# MAUVE: computed with mauve-text 0.4.0, get_divergence_curve_for_multinomials, compute_area_under_curve and
# get_fronter_integral at 25 mixtures
P, Q = np.array([0.4, 0.3, 0.2, 0.1, 0]), np.array([0.1, 0.2, 0.3, 0, 0.4])


def test_the_frontier_is_that_of_mauve_text():
    assert frontier_area(P, Q) == pytest.approx(0.24863721712326683, abs=1e-12)
    assert frontier_area(P, Q, scaling=1) == pytest.approx(0.8840047063924494, abs=1e-12)
    assert frontier_integral(P, Q) == pytest.approx(0.3286026221208842, abs=1e-12)
    assert frontier_area(np.array([1.0, 0]), np.array([0, 1.0])) == pytest.approx(0.0040720962619612555, abs=1e-12)
    for same in (P, np.array([0.5, 0.5]), np.array([1.0])):
        assert (frontier_area(same, same), frontier_integral(same, same)) == (pytest.approx(1), 0)


def clustered(sizes, phase: float) -> np.ndarray:
    centres = np.repeat(np.eye(8) * 10, sizes, axis=0)
    return centres + 0.1 * np.sin(phase + np.arange(len(centres))[:, None] * np.arange(1, 9)[None])


REAL, WRITTEN = clustered([50, 40, 30, 20, 10, 10, 20, 20], 0.0), clustered([10, 20, 30, 40, 50, 30, 20, 0], 1.0)


def test_mauve_quantises_as_mauve_text_does():
    # compute_mauve(p_features=REAL, q_features=WRITTEN, num_buckets=8) of mauve-text 0.4.0 with faiss-cpu 1.15.1, at
    # seeds 0 and 1; at seed 2 its k-means ends in a worse optimum
    p, q = histograms(REAL, WRITTEN, clusters=8)
    assert sorted(p) == pytest.approx([0.05, 0.05, 0.1, 0.1, 0.1, 0.15, 0.2, 0.25])
    assert sorted(q) == pytest.approx([0, 0.05, 0.1, 0.1, 0.15, 0.15, 0.2, 0.25])
    with pytest.warns(UserWarning, match="200 generated and 200 real texts are few"):
        found = metrics.load("mauve").compute(
            predictions=["a"] * 200, vectors=WRITTEN, reference_vectors=REAL, clusters=8
        )
    assert found["mauve"] == pytest.approx(0.5250614835581469, abs=1e-9)
    assert found["frontier_integral"] == pytest.approx(0.18916546707165116, abs=1e-9)


def test_mauve_is_quiet_with_enough_texts_and_falls_as_the_sets_part():
    draw = np.random.default_rng(0)
    real, scores = draw.normal(size=(1_000, 4)), []
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for shift in (0, 0.5, 1, 3):
            written = draw.normal(size=(1_000, 4)) + np.array([shift, 0, 0, 0])
            metric = metrics.load("mauve", reference_vectors=real, vectors=written, clusters=20)
            scores.append(metric.compute(predictions=["a"] * 1_000)["mauve"])
    assert scores == sorted(scores, reverse=True)
    assert scores[0] > 0.95
    assert scores[-1] < 0.2


def test_mauve_embeds_texts_with_the_encoder_that_is_named(tmp_path):
    encoder = str(bag_of_words(tmp_path, ["good film dull book"]))
    mauve = metrics.load("mauve", encoder=encoder, clusters=3)
    real = [f"{a} {b}" for a in ("good", "dull") for b in ("film", "book") for _ in range(30)]
    with pytest.warns(UserWarning, match="are few"):
        same = mauve.compute(predictions=real[::-1], reference_texts=real)
    with pytest.warns(UserWarning, match="are few"):
        one = mauve.compute(predictions=["good film"] * 120, reference_texts=real)
    assert same["mauve"] == pytest.approx(1)
    assert one["mauve"] < 0.5


def test_mauve_refuses_too_few_texts():
    mauve = metrics.load("mauve")
    with pytest.raises(ValueError, match="got 120 generated and 70 real texts, and with fewer than 100 a side"):
        mauve.compute(predictions=["a"] * 120, reference_texts=["b"] * 70)
    with pytest.raises(ValueError, match="reference_texts: expected at least one text"):
        mauve.compute(predictions=["a"] * 120, references=["b"] * 120)
    with pytest.raises(ValueError, match="only one of them"):
        mauve.compute(predictions=["a"] * 120, vectors=np.eye(120))
