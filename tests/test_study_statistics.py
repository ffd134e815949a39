"""What is said of many splits: intervals, corrected p-values, the choice, the verdict."""

import itertools
import statistics

import pytest
import scipy.stats

from hf_augment.study import paired, tables


def scores(validation=None, **arms):
    """One classifier, one seed; each arm's test score on each split, by `method__arm` or `arm`."""
    found = []
    for name, values in arms.items():
        method, _, arm = name.rpartition("__")
        for split, value in enumerate(values):
            chosen_by = (validation or {}).get(method, 0.5)
            named = {"classifier": "lstm", "shots": 10, "method": method or None, "arm": arm, "metric": "accuracy"}
            found.append({**named, "split": split, "seed": 0, "validation": chosen_by, "test": value})
    return found


def one(found, method="eda", against="gold_tuned"):
    (row,) = [row for row in found if (row["method"], row["against"]) == (method, against)]
    return row


def gains(values, gold=0.5):
    return tables.differences(scores(gold_tuned=[gold] * len(values), eda__augmented=[gold + gain for gain in values]))


def test_a_split_counts_once_as_the_mean_of_its_seeds():
    rows = scores(gold_tuned=[0.5, 0.5], eda__augmented=[0.52, 0.54])
    rows += [{**row, "seed": 1, "test": row["test"] + 0.02} for row in rows if row["arm"] == "augmented"]
    assert one(tables.differences(rows))["by_split"] == pytest.approx({"0": 0.03, "1": 0.05})


def test_the_intervals_are_the_known_ones():
    row = one(gains([0.02, 0.04]))
    assert row["mean"] == pytest.approx(0.03)
    half = 12.7062 * 0.01  # t with one degree of freedom; the standard error is 0.01
    assert row["interval"] == pytest.approx([0.03 - half, 0.03 + half], abs=1e-6)
    assert row["bootstrap"] == pytest.approx([0.02, 0.04])  # a quarter of the resamples is one value twice
    assert one(gains([0.02]))["bootstrap"] is one(gains([0.02]))["interval"] is None


def test_the_bootstrap_agrees_with_all_resamples_there_are():
    values = [-0.03, 0.01, 0.02, 0.05, 0.11]
    means = sorted(statistics.mean(draw) for draw in itertools.product(values, repeat=len(values)))
    low, high = means[round(0.025 * len(means))], means[round(0.975 * len(means))]
    assert one(gains(values))["bootstrap"] == pytest.approx([low, high], abs=0.003)
    assert gains(values) == gains(values)


def test_pairs_are_of_one_split():
    """Splits that differ a lot, and a gain that does not, make a narrow interval."""
    levels = (0.4, 0.9, 0.6)
    treated = [level + 0.02 + i / 1000 for i, level in enumerate(levels)]
    row = one(tables.differences(scores(gold_tuned=levels, eda__augmented=treated)))
    assert row["bootstrap"][0] >= 0.02
    assert row["interval"][1] - row["interval"][0] < 0.01


def test_wins_ties_losses_and_the_worst():
    row = one(gains([0.1, -0.2, 0.0, 0.3, -0.1]))
    assert (row["wins"], row["ties"], row["losses"]) == (2, 1, 2)
    assert row["worst"] == {"split": "1", "value": pytest.approx(-0.2)}


def test_wilcoxon_is_scipys_and_needs_two_differences():
    values = [0.03, 0.01, -0.02, 0.05, 0.04, 0.06]
    assert paired.wilcoxon(values) == scipy.stats.wilcoxon(values).pvalue
    assert paired.wilcoxon([0.0, 0.0, 0.02]) is None
    assert paired.wilcoxon([0.3 - 0.1 - 0.2, 1e-17]) is None  # what floats make of equal scores


def test_holm_by_hand():
    assert paired.holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert paired.holm([0.5, 0.6]) == [1.0, 1.0]
    assert paired.holm([None, 0.01]) == [None, 0.02]
    assert paired.holm([]) == []


def test_holm_is_over_the_methods_of_one_control():
    treated = {"eda__augmented": [0.6, 0.7, 0.65, 0.62], "select__augmented": [0.5, 0.6, 0.4, 0.52]}
    found = tables.differences(scores(gold=[0.4] * 4, gold_tuned=[0.5] * 4, **treated))
    for against in ("gold", "gold_tuned"):
        rows = [one(found, method, against) for method in ("eda", "select")]
        assert [row["holm"] for row in rows] == paired.holm([row["p_value"] for row in rows])


def test_controls_of_a_method_are_its_own():
    """Steps and repetitions go with how many rows a method adds."""
    arms = {"a__augmented": [0.6], "a__duplicated": [0.5], "b__augmented": [0.6], "b__duplicated": [0.3]}
    found = tables.differences(scores(gold=[0.4], **arms))
    assert one(found, "a", "duplicated")["mean"] == pytest.approx(0.1)
    assert one(found, "b", "duplicated")["mean"] == pytest.approx(0.3)
    assert one(found, "b", "gold")["mean"] == pytest.approx(0.2)


BETTER_ON_TEST = {"eda__augmented": [0.9, 0.91, 0.93], "select__augmented": [0.6, 0.62, 0.61]}


def choose(folds=None):
    rows = scores({"eda": 0.5, "select": 0.55}, gold_tuned=[0.5] * 3, select__duplicated=[0.5] * 3, **BETTER_ON_TEST)
    found = tables.differences(rows)
    return tables.chosen(rows, found, "accuracy", folds or {}), found


def test_validation_chooses_and_test_does_not():
    ((pick,), _) = choose()
    assert (pick["method"], pick["by"], pick["validation"]) == ("select", "validation", 0.55)
    assert "'select', chosen of 2 methods by the mean over validation rows of all splits" in pick["says"]
    assert "+11.0 against gold_tuned" in pick["says"]


def test_where_rows_were_held_out_they_choose():
    ((pick,), _) = choose({("lstm", 10, "eda"): 0.2, ("lstm", 10, "select"): 0.1})
    assert (pick["method"], pick["by"]) == ("eda", "folds")
    ((pick,), _) = choose({("lstm", 10, "eda"): 0.2})
    assert pick["by"] == "validation"


def test_the_verdict_names_what_it_rests_on():
    picks, found = choose()
    said = tables.verdict(picks, found, "accuracy", 3)
    assert said.startswith("Augment, for 1 of 1 settings (test accuracy in points, mean over 3 splits")
    assert "select with lstm at 10 shots +11.0 against gold_tuned (+8.5 to +13.5)" in said


@pytest.mark.parametrize("control", ["gold_tuned", "duplicated"])
def test_no_gain_against_one_control_is_no_gain(control):
    arms = {"gold_tuned": [0.5] * 3, "eda__duplicated": [0.5] * 3, "eda__augmented": [0.6, 0.61, 0.62]}
    arms["gold_tuned" if control == "gold_tuned" else "eda__duplicated"] = [0.6, 0.61, 0.62]
    rows = scores(**arms)
    found = tables.differences(rows)
    said = tables.verdict(tables.chosen(rows, found, "accuracy", {}), found, "accuracy", 3)
    assert said.startswith("Do not augment: no gain shown against both tuned and repeated gold rows")


def test_one_split_says_nothing_about_chance():
    rows = scores(gold_tuned=[0.5], eda__augmented=[0.9])
    found = tables.differences(rows)
    said = tables.verdict(tables.chosen(rows, found, "accuracy", {}), found, "accuracy", 1)
    assert said.startswith("One split says nothing about chance")
