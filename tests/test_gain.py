"""The benchmark over many splits: what its numbers are, on results made up for the purpose."""

import itertools
import json
import statistics

import pytest

from hf_augment.recipe import load_recipe
from tests.benchmarks import gain
from tests.benchmarks.pooled import markdown, plot, pool


def report(**arms):
    """A comparison of two classifier seeds whose mean is what is given."""
    rows = [
        {"arm": arm, "seed": seed, "metric": "accuracy", "value": value + spread}
        for seed, spread in ((0, -0.01), (1, 0.01))
        for arm, value in arms.items()
    ]
    rows += [{**row, "metric": "f1", "value": 0.0} for row in rows]
    return {"rows": rows, "tuning": {"chosen": {"0": "gold", "1": "gold_matched"}}, "evaluated_on": {"test": 99}}


def pooled(gains, gold=0.5):
    return pool({i: report(gold=gold, augmented=gold + gain) for i, gain in enumerate(gains)}, "accuracy")


def test_a_split_counts_once_as_the_mean_of_its_seeds():
    found = pooled([0.02, 0.04])
    assert found["splits"] == 2
    assert [(row["arm"], row["split"]) for row in found["rows"]] == [
        ("gold", 0),
        ("augmented", 0),
        ("gold", 1),
        ("augmented", 1),
    ]
    assert [row["value"] for row in found["rows"]] == pytest.approx([0.5, 0.52, 0.5, 0.54])
    arms = {row["arm"]: row for row in found["arms"]}
    assert arms["augmented"]["mean"] == pytest.approx(0.53)
    assert arms["augmented"]["std"] == pytest.approx(0.02 / 2**0.5)
    assert arms["augmented"]["splits"] == 2
    assert found["tuned"] == {"gold": 2, "gold_matched": 2}


def test_the_intervals_are_the_known_ones():
    (row,) = pooled([0.02, 0.04])["differences"]
    assert row["mean"] == pytest.approx(0.03)
    half = 12.7062 * 0.01  # t with one degree of freedom; the standard error is 0.01
    assert row["interval"] == pytest.approx([0.03 - half, 0.03 + half], abs=1e-6)
    assert row["bootstrap"] == pytest.approx([0.02, 0.04])  # a quarter of the resamples is one value twice


def test_the_bootstrap_agrees_with_all_resamples_there_are():
    gains = [-0.03, 0.01, 0.02, 0.05, 0.11]
    means = sorted(statistics.mean(draw) for draw in itertools.product(gains, repeat=len(gains)))
    low, high = means[round(0.025 * len(means))], means[round(0.975 * len(means))]
    (row,) = pooled(gains)["differences"]
    assert row["bootstrap"] == pytest.approx([low, high], abs=0.003)
    assert pooled(gains) == pooled(gains)


def test_pairs_are_of_one_split():
    """Splits that differ a lot, and a gain that does not, make a narrow interval."""
    reports = {i: report(gold=level, augmented=level + 0.02 + i / 1000) for i, level in enumerate((0.4, 0.9, 0.6))}
    (row,) = pool(reports, "accuracy")["differences"]
    assert row["bootstrap"][0] >= 0.02
    assert row["interval"][1] - row["interval"][0] < 0.01


def test_wins_ties_losses_and_the_worst():
    (row,) = pooled([0.1, -0.2, 0.0, 0.3, -0.1])["differences"]
    assert (row["wins"], row["ties"], row["losses"]) == (2, 1, 2)
    assert row["worst"]["split"] == "1"
    assert row["worst"]["value"] == pytest.approx(-0.2)


def test_another_metric_and_one_that_is_not_there():
    reports = {0: report(gold=0.5, augmented=0.6)}
    assert {row["value"] for row in pool(reports, "f1")["rows"]} == {0.0}
    with pytest.raises(ValueError, match=r"unknown metric 'acuracy'\. Did you mean 'accuracy'"):
        pool(reports, "acuracy")


def test_the_page_and_the_picture(tmp_path):
    several = {i: report(gold=0.5, gold_tuned=0.55, augmented=0.53 + i / 100) for i in range(3)}
    found = {"recipe": "a.yaml", "set": [], "data": "sst2", "metric": "accuracy"}
    found["shots"] = {"50": pool(several, "accuracy"), "200": pooled([0.01])}
    text = markdown(found)
    assert "## 50 training rows for each label, splits: 3" in text
    assert "| gold | +4.0 | +3.0 to +5.0 | +1.5 to +6.5 | 3 / 0 / 0 | +3.0 (split 0) |" in text
    assert "| gold | +1.0 | none | none | 1 / 0 / 0 | +1.0 (split 0) |" in text
    assert "The tuned arm chose `gold` (3), `gold_matched` (3)." in text
    json.dumps(found)
    plot(found, tmp_path / "gain.png")
    assert (tmp_path / "gain.png").read_bytes().startswith(b"\x89PNG")


def test_a_split_is_the_recipe_with_another_seed_and_rows(tmp_path):
    words = ["--data", "a: folder", "--text", "review", "--set", "study.seeds=[7]", "--output", str(tmp_path)]
    given = gain.arguments().parse_args(words)
    recipe = load_recipe("eda-sst2", gain.settings(given, 20, 3))
    assert (recipe.seed, recipe.data.shots_per_label, recipe.data.validation_shots_per_label) == (3, 20, 20)
    assert (recipe.data.path, recipe.data.text, recipe.data.label) == ("a: folder", "review", "label")
    assert (recipe.data.validation_split, recipe.data.test_split) == ("validation", "test")
    assert recipe.study.seeds == (7,)
    assert recipe.output == str(tmp_path / "shots-20" / "split-3")


def test_it_says_which_files_are_missing(tmp_path, capsys):
    (tmp_path / "train.csv").write_text("text,label\na,b\n")
    assert gain.main(["--data", str(tmp_path), "--output", str(tmp_path / "out")]) == 2
    assert "has no files for validation, test" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


@pytest.mark.slow
def test_two_splits_end_to_end_and_once_more(tmp_path, capsys):
    words = {"bad": ["awful", "dull", "poor", "weak"], "good": ["great", "fine", "lovely", "superb"]}
    for split in ("train", "validation", "test"):
        rows = [
            (f"{split} {word} thing number {i}", label) for label in words for word in words[label] for i in range(3)
        ]
        (tmp_path / f"{split}.csv").write_text("\n".join(["text,label", *(f"{text},{label}" for text, label in rows)]))
    recipe = "data: {path: x}\noutput: x\naugment: {pipeline: [{name: random_swap}], copies: 1}\nstudy: {epochs: 1}\n"
    (tmp_path / "a.yaml").write_text(recipe)
    command = ["--recipe", str(tmp_path / "a.yaml"), "--data", str(tmp_path), "--output", str(tmp_path / "out")]
    command += ["--shots", "4", "--splits", "2", "--jobs", "2", "--set", "study.seeds=[0]"]
    command += ["--set", "study.evaluations=1", "--set", "study.tune_learning_rates=[0.01]"]
    assert gain.main(command) == 0
    page = (tmp_path / "out" / "gain.md").read_text()
    assert "## 4 training rows for each label, splits: 2" in page
    assert "| gold_tuned |" in page
    assert page in capsys.readouterr().out
    result = (tmp_path / "out" / "gain.json").read_bytes()
    cells = {file: file.stat().st_mtime_ns for file in tmp_path.rglob("cells/*.json")}
    assert len(cells) == 2 * 6
    assert gain.main([*command, "--jobs", "1"]) == 0
    assert {file: file.stat().st_mtime_ns for file in tmp_path.rglob("cells/*.json")} == cells
    assert (tmp_path / "out" / "gain.json").read_bytes() == result
    assert gain.main([*command, "--splits", "1", "--set", "data.text=txt"]) == 1
    told = capsys.readouterr()
    assert "unknown column 'txt'" in told.out
    assert "1 of 1 splits failed" in told.err
