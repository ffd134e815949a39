"""What rows share with real and with evaluation rows, word for word."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hf_augment.selection.rouge import RougeL
from hf_augment.selection.shared_runs import SharedRuns
from tests.test_selection import GOLD, LABELS, OTHERS, chosen, reasons, rows_of

WORDS = st.lists(st.sampled_from(["a", "b", "c", "d"]), max_size=8).map(" ".join)
OPEN_WORDS = st.lists(st.sampled_from(["a", "b", "c", "e", "f"]), max_size=8).map(" ".join)


def longest_run(first: list[str], second: list[str]) -> int:
    runs = {tuple(second[i:j]) for i in range(len(second)) for j in range(i + 1, len(second) + 1)}
    own = [tuple(first[i:j]) for i in range(len(first)) for j in range(i + 1, len(first) + 1)]
    return max((len(run) for run in own if run in runs), default=0)


def f1(first: list[str], second: list[str]) -> float:
    table = np.zeros((len(first) + 1, len(second) + 1))
    for i, j in np.ndindex(len(first), len(second)):
        same = first[i] == second[j]
        table[i + 1, j + 1] = table[i, j] + 1 if same else max(table[i, j + 1], table[i + 1, j])
    return 2 * table[-1, -1] / (len(first) + len(second)) if first and second else 0.0


@given(st.lists(WORDS, min_size=1, max_size=5), st.lists(OPEN_WORDS, max_size=5))
@settings(deadline=None)
def test_the_longest_run_is_the_longest_one(known, asked):
    expected = [max(longest_run(text.split(), other.split()) for other in known) for text in asked]
    assert SharedRuns(known).longest(asked) == expected


@given(st.lists(WORDS.filter(bool), min_size=1, max_size=5), st.lists(OPEN_WORDS.filter(bool), max_size=5))
@settings(deadline=None)
def test_rouge_l_is_that_of_the_definition(known, asked):
    expected = [max(f1(text.split(), other.split()) for other in known) for text in asked]
    assert RougeL(known).best(asked) == pytest.approx(expected)


def test_rouge_l_by_hand():
    # police the gunman / police kill the gunman: a subsequence of 3 of 3 and 4 words (after Lin 2004)
    assert RougeL(["police killed the gunman"]).best(["Police kill the gunman"]) == pytest.approx([3 / 4])
    assert RougeL(["police killed the gunman"]).best(["the gunman kill police"]) == pytest.approx([2 / 4])
    assert RougeL(["the the cat"]).best(["the dog the"]) == pytest.approx([2 / 3])


def test_no_text_and_no_run_are_zero():
    assert SharedRuns([]).longest(["a b", ""]) == [0, 0]
    assert SharedRuns(["a b", "c d"]).longest(["b c", "A, B!"]) == [1, 2]


def quiet(candidates, evaluation=None, **settings):
    return chosen(None, candidates, evaluation, **settings)


def test_copied_runs_are_dropped_from_the_limit_on():
    five = " ".join(GOLD[0][0].split()[:5])
    candidates = [(f"{OTHERS[0]} {five.upper()} {OTHERS[1]}", LABELS[0]), (" ".join(OTHERS), LABELS[1])]
    found = quiet(candidates, copied_words=4)
    assert reasons(found) == ["copies more than 4 words in a row of a gold row", ""]
    assert found.dataset["copied_words"][1:3] == [5, 0]
    assert np.isnan(found.dataset["copied_words"][0])
    assert reasons(quiet(candidates, copied_words=5)) == ["", ""]
    assert found.report["scores"]["copied_words"]["highest"] == 5


def test_rouge_l_is_a_threshold():
    words = GOLD[0][0].split()
    candidates = [(" ".join([*words[:6], "one", *words[6:]]), LABELS[0]), (" ".join(OTHERS), LABELS[1])]
    found = quiet(candidates, rouge_l=0.9)
    assert reasons(found) == ["copy of a gold row by ROUGE-L", ""]
    assert found.dataset["rouge_l"][1] == pytest.approx(18 / 19)
    assert reasons(quiet(candidates, rouge_l=0.96)) == ["", ""]


def test_runs_of_evaluation_rows_keep_a_row_out():
    text = " ".join(OTHERS)
    eight = " ".join(OTHERS[2:10])
    candidates = [(f"so {eight}, yes", LABELS[0]), (f"so {' '.join(OTHERS[2:9])} yes", LABELS[0])]
    evaluation = {"validation": rows_of("nothing here"), "test": rows_of("a b c", text)}
    found = quiet(candidates, evaluation, contamination=8)
    assert reasons(found) == ["8 words in a row of the test split", ""]
    assert found.dataset["evaluation_words"][1:3] == [8, 7]
    assert reasons(quiet(candidates, contamination=8)) == ["", ""]


def test_evaluation_rows_without_text_are_no_error():
    found = quiet([(" ".join(OTHERS), LABELS[0])], {"test": rows_of("", " ")}, contamination=3)
    assert reasons(found) == [""]
