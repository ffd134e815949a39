"""The quota: which rows fill it when they are to be unlike each other, and how many when classes are to be even."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hf_augment import SelectConfig, select
from hf_augment.selection.quota import most_diverse
from tests.test_selection import CANDIDATES, GOLD, LABELS, augmented, chosen, encoder, unit  # noqa: F401


@given(st.integers(1, 10), st.integers(1, 6), st.sampled_from([0, 0.3, 0.7, 1]), st.integers(0, 3), st.integers(0, 50))
@settings(deadline=None)
def test_each_choice_has_the_highest_marginal_relevance(rows, count, diversity, taken, seed):
    vectors, relevance = unit(rows, seed=seed), np.random.default_rng(seed).random(rows)
    taken = min(taken, rows)
    chosen_rows, worth = most_diverse(vectors, relevance, count, diversity, taken)
    assert len(chosen_rows) == min(max(count, taken), rows) == len(set(chosen_rows))
    assert chosen_rows[:taken] == list(range(taken))
    for step in range(taken, len(chosen_rows)):
        before = chosen_rows[:step]
        alike = (vectors @ vectors[before].T).max(1) if before else np.zeros(rows)
        values = (1 - diversity) * relevance - diversity * alike
        values[before] = -np.inf
        assert values[chosen_rows[step]] == pytest.approx(values.max(), abs=1e-6)
        assert worth[step] == pytest.approx(values.max(), abs=1e-6)


def test_by_hand():
    vectors = np.array([[1, 0], [0.8, 0.6], [0, 1]], dtype=np.float32)
    relevance = np.array([0.9, 0.8, 0.1])
    assert most_diverse(vectors, relevance, 2, 0.0)[0] == [0, 1]
    # 0.5 * 0.8 - 0.5 * 0.8 = 0 against 0.5 * 0.1 - 0.5 * 0 = 0.05
    found, worth = most_diverse(vectors, relevance, 2, 0.5)
    assert found == [0, 2]
    assert worth == pytest.approx([0.45, 0.05])


def kept(selection) -> list[dict]:
    return [row for row in selection.dataset if row["selected"] and row["augmented_by"] != "original"]


def test_a_diverse_quota_is_as_large_and_less_alike(encoder):  # noqa: F811
    from hf_augment.selection.space import Space

    def alikeness(selection):
        values = []
        for number in range(2):
            texts = [row["text"] for row in kept(selection) if row["label"] == number]
            vectors = Space(texts, SelectConfig(encoder=encoder)).of(texts)[:]
            values.append((vectors @ vectors.T)[np.triu_indices(len(texts), 1)].max())
        return sum(values)

    likely = chosen(encoder, CANDIDATES, per_label=8)
    diverse = chosen(encoder, CANDIDATES, per_label=8, diversity=0.9)
    assert len(kept(likely)) == len(kept(diverse)) == 16
    assert alikeness(diverse) < alikeness(likely)
    marginal = [row["marginal_relevance"] for row in diverse.dataset if row["augmented_by"] != "original"]
    rows = [row for row in diverse.dataset if row["augmented_by"] != "original"]
    assert [not np.isnan(value) for value in marginal] == [row["selected"] for row in rows]
    assert "marginal_relevance" not in likely.dataset.column_names
    assert diverse.report["thresholds"]["diversity"].startswith("0.9 of what a row counts")


def test_with_no_diversity_the_likeliest_fill_the_quota(encoder):  # noqa: F811
    likely = [row["text"] for row in kept(chosen(encoder, CANDIDATES, per_label=8))]
    barely = [row["text"] for row in kept(chosen(encoder, CANDIDATES, per_label=8, diversity=1e-9))]
    assert sorted(likely) == sorted(barely)


def test_the_order_of_the_rows_decides_nothing(encoder):  # noqa: F811
    given_ = augmented(CANDIDATES)
    config = SelectConfig(encoder=encoder, length=None, per_label=7, diversity=0.6)
    found = [
        {row["text"]: (row["dropped"], str(row["marginal_relevance"])) for row in selection.dataset}
        for selection in (
            select(rows, text="text", label="label", config=config) for rows in (given_, given_.shuffle(seed=3))
        )
    ]
    assert found[0] == found[1]


UNEVEN = [row for row in GOLD if row[1] == LABELS[0]] + [row for row in GOLD if row[1] == LABELS[1]][:5]


def counts(selection) -> list[int]:
    return [sum(row["label"] == number and row["selected"] for row in selection.dataset) for number in range(2)]


def test_classes_end_even():
    found = chosen(None, CANDIDATES, gold=UNEVEN, balance=True)
    assert counts(found) == [15, 15]
    assert found.report["labels"]["negative"]["kept"] == 0
    assert (
        found.report["thresholds"]["quota"]
        == "as many rows as the largest of each label, real ones included, drawn by lot"
    )
    assert counts(chosen(None, CANDIDATES, gold=UNEVEN, balance=True, per_label=20)) == [20, 20]
    assert counts(chosen(None, CANDIDATES, gold=UNEVEN, balance=True, per_label=10)) == [15, 10]


def test_rows_without_a_label_are_no_class():
    found = chosen(None, CANDIDATES, gold=[*UNEVEN, *((f"unlabelled {i}", None) for i in range(40))], balance=True)
    assert counts(found) == [15, 15]


def test_what_an_even_class_lacks_is_said():
    found = chosen(None, CANDIDATES[:8], gold=UNEVEN, balance=True)
    assert found.report["labels"]["positive"]["lacking"] == 6
    assert found.report["labels"]["negative"]["lacking"] == 0


def test_what_needs_a_label_or_a_quota_says_so():
    with pytest.raises(ValueError, match="balance=True needs the label column"):
        select(
            augmented(CANDIDATES),
            text="text",
            config=SelectConfig(balance=True, encoder=None, near_duplicate=None, agreement=False),
        )
    with pytest.raises(ValueError, match="diversity: says which rows fill a quota"):
        SelectConfig(diversity=0.5)
