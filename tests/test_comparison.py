import hashlib
import json
import math
import statistics
import subprocess
import sys
from dataclasses import replace

import pytest
import scipy.stats
from datasets import ClassLabel, Dataset, DatasetDict, Features, Value

import hf_augment.classifiers
from hf_augment import Augment, RandomSwap
from hf_augment.blocks import StudyConfig
from hf_augment.study import paired
from hf_augment.study.comparison import compare

NAMES = ["negative", "positive"]
FEATURES = Features({"text": Value("string"), "label": ClassLabel(names=NAMES)})
NOUNS = ["film", "book", "meal", "room", "trip", "show"]
WORDS = {"negative": ["awful", "dull", "poor", "bad"], "positive": ["great", "fine", "lovely", "superb"]}
CONFIG = StudyConfig(epochs=2, evaluations=2, batch_size=8, learning_rate=0.01, seeds=(0, 1, 2))


def toy(rows, start=0):
    """Two classes that single words tell apart."""
    texts = [
        f"The {NOUNS[i // 2 % 6]} was {WORDS[NAMES[i % 2]][i // 2 % 4]}, visit {i // 2}"
        for i in range(start, start + rows)
    ]
    return Dataset.from_dict({"text": texts, "label": [i % 2 for i in range(start, start + rows)]}, features=FEATURES)


def augmented(rows, copies=2):
    return rows.map(Augment(RandomSwap(rate=0.5), text="text", copies=copies), batched=True)


GOLD, VALIDATION, TEST = toy(14), toy(8, 100), toy(10, 200)
AUGMENTED = augmented(GOLD)


def run(output, *splits, config=CONFIG, **options):
    splits = splits or (GOLD, AUGMENTED, VALIDATION, TEST)
    return compare(*splits, **{"text": "text", "label": "label", "config": config, "output": output, **options})


@pytest.fixture
def trainings(monkeypatch):
    """Stands in for the training: quick, and its scores depend on rows, steps and seed alone."""
    calls = []

    def train(train, validation, test, *, seed, max_steps, output_dir, config, **columns):
        calls.append({"rows": train, "seed": seed, "steps": max_steps, "saved": output_dir})
        content = f"{seed} {max_steps} {train[columns['text']][:]}"
        if output_dir is not None:
            (output_dir / "model").mkdir(parents=True, exist_ok=True)
            (output_dir / "model" / "config.json").write_text("{}")
            (output_dir / "model" / "model.safetensors").write_text(content)
        accuracy = hashlib.sha256(content.encode()).digest()[0] / 255
        scores = {"accuracy": accuracy, "f1": accuracy / 2, "loss": 1.0}
        return {"test": scores, "validation": scores, "best_step": 1, "seconds": 0.5, "model": str(output_dir)}

    monkeypatch.setattr(hf_augment.classifiers, "train_classifier", train)
    return calls


# Arms


def test_the_four_arms(tmp_path, trainings):
    found = run(tmp_path)
    assert {arm: (facts["rows"], facts["steps"]) for arm, facts in found.report["arms"].items()} == {
        "gold": (14, 4),
        "gold_matched": (14, 11),
        "duplicated": (42, 11),
        "augmented": (42, 11),
    }
    trained = dict(zip(found.report["arms"], trainings, strict=False))
    assert trained["gold"]["rows"]["text"][:] == trained["gold_matched"]["rows"]["text"][:] == GOLD["text"][:]
    assert trained["augmented"]["rows"]["text"][:14] == GOLD["text"][:]
    added = [row["text"] for row in AUGMENTED if row["augmented_by"] != "original"]
    assert trained["augmented"]["rows"]["text"][14:] == added
    assert sorted(trained["duplicated"]["rows"]["text"]) == sorted(GOLD["text"][:] * 3)
    assert [call["seed"] for call in trainings] == [0] * 4 + [1] * 4 + [2] * 4


def test_duplicates_keep_the_shares_of_the_classes(tmp_path, trainings):
    gold = GOLD.select(sorted(range(14), key=GOLD["label"].__getitem__))
    run(tmp_path, gold, augmented(gold, copies=1).select(range(20)), VALIDATION, TEST)
    duplicated = trainings[2]["rows"]
    assert len(duplicated) == 24  # 14 gold rows and 10 added ones
    assert sum(duplicated["label"]) == 12
    assert set(duplicated["text"]) == set(gold["text"])


def test_the_augmented_set_may_come_without_its_originals(tmp_path, trainings):
    run(tmp_path / "with")
    only_added = AUGMENTED.filter(lambda row: row["augmented_by"] != "original")
    assert run(tmp_path / "without", GOLD, only_added, VALIDATION, TEST).report["rows"]
    assert len(trainings) == 24
    for first, second in zip(trainings[:12], trainings[12:], strict=True):
        assert first["rows"]["text"][:] == second["rows"]["text"][:]


def test_rows_without_a_text_are_left_out_of_every_arm_and_counted(tmp_path, trainings):
    holes = Dataset.from_dict({"text": ["", None], "label": [0, 1]}, features=FEATURES)
    gold = Dataset.from_dict({name: GOLD[name][:] + holes[name][:] for name in FEATURES}, features=FEATURES)
    found = run(tmp_path, gold, augmented(gold), VALIDATION, TEST)
    assert found.report["skipped"] == {"gold": 2, "added": 0, "validation": 0, "test": 0}
    assert found.report["arms"]["gold"]["rows"] == 14


def test_seeds_start_at_the_base(tmp_path, trainings):
    assert run(tmp_path, seed_base=100).report["seeds"] == [100, 101, 102]
    assert {call["seed"] for call in trainings} == {100, 101, 102}
    with pytest.raises(ValueError, match="seeds: expected numbers from 0"):
        run(tmp_path, seed_base=-1)


# What is refused, and what is counted


def test_evaluation_splits_must_be_real(tmp_path, trainings):
    for position, split in ((0, "gold"), (2, "validation"), (3, "test")):
        splits = [GOLD, AUGMENTED, VALIDATION, TEST]
        splits[position] = augmented(splits[position])
        with pytest.raises(ValueError, match=f"of the {len(splits[position])} {split} rows are augmented"):
            run(tmp_path, *splits)
    marked = VALIDATION.add_column("augmented_by", ["original"] * len(VALIDATION))
    run(tmp_path, GOLD, AUGMENTED, marked, TEST)
    assert len(trainings) == 12


def test_originals_have_to_be_gold_rows(tmp_path, trainings):
    with pytest.raises(ValueError, match=r"10 of the 20 originals in augmented_train are not in gold_train"):
        run(tmp_path, toy(10), augmented(toy(20)), VALIDATION, TEST)
    assert not trainings


def test_what_cannot_be_compared_is_refused(tmp_path, trainings):
    with pytest.raises(ValueError, match="All 14 rows of augmented_train are originals"):
        run(tmp_path, GOLD, AUGMENTED.filter(lambda row: row["augmented_by"] == "original"), VALIDATION, TEST)
    with pytest.raises(ValueError, match="no column 'augmented_by'"):
        run(tmp_path, GOLD, GOLD, VALIDATION, TEST)
    with pytest.raises(TypeError, match="DatasetDict with the splits"):
        run(tmp_path, GOLD, DatasetDict({"train": AUGMENTED}), VALIDATION, TEST)
    with pytest.raises(ValueError, match="No column 'sentence' in the gold rows"):
        run(tmp_path, text="sentence")
    assert not trainings


def test_leaks_are_counted_and_told_and_nothing_is_dropped(tmp_path, trainings):
    written = [row["text"] for row in AUGMENTED if row["augmented_by"] != "original"]
    leaky = {"text": [*TEST["text"], written[0], written[1], GOLD["text"][0]], "label": [*TEST["label"], 0, 0, 0]}
    found = run(tmp_path, GOLD, AUGMENTED, VALIDATION, Dataset.from_dict(leaky, features=FEATURES))
    in_test = sum(text in leaky["text"] for text in written)
    assert in_test >= 2
    assert found.report["overlaps"]["added"] == {"rows": 28, "validation": 0, "test": in_test}
    assert found.report["overlaps"]["gold"]["test"] == 1
    assert f"{in_test} of the 28 added rows have exactly the text of a test row" in found.to_markdown()
    assert found.report["arms"]["augmented"]["rows"] == 42
    assert found.report["evaluated_on"]["test"] == 13


# Cells


def test_a_finished_comparison_trains_nothing(tmp_path, trainings):
    first = run(tmp_path)
    files = {path.name: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    assert len(list((tmp_path / "cells").iterdir())) == len(trainings) == 12
    assert run(tmp_path) == first
    assert len(trainings) == 12
    assert {path.name: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == files


def test_a_lost_or_damaged_cell_alone_is_trained_again(tmp_path, trainings):
    first = run(tmp_path)
    lost, damaged = (next((tmp_path / "cells").glob(f"{name}-*")) for name in ("duplicated-seed1", "gold-seed2"))
    lost.unlink()
    damaged.write_text('{"key": ')
    again = run(tmp_path)
    assert [(call["seed"], call["steps"]) for call in trainings[12:]] == [(1, 11), (2, 4)]
    assert again == first


def test_a_killed_comparison_goes_on(tmp_path, trainings, monkeypatch):
    train = hf_augment.classifiers.train_classifier

    def killed(*splits, **options):
        if len(trainings) == 5:
            raise KeyboardInterrupt
        return train(*splits, **options)

    monkeypatch.setattr(hf_augment.classifiers, "train_classifier", killed)
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path / "killed")
    assert not (tmp_path / "killed" / "comparison.json").exists()
    monkeypatch.setattr(hf_augment.classifiers, "train_classifier", train)
    resumed = run(tmp_path / "killed")
    assert len(trainings) == 12
    assert resumed.report == run(tmp_path / "undisturbed").report


@pytest.mark.parametrize(
    "change",
    [
        {"config": replace(CONFIG, learning_rate=0.02)},
        {"config": replace(CONFIG, metrics=("accuracy",))},
        {"seed_base": 10},
        {"test": toy(10, 300)},
        {"validation": toy(8, 300)},
        {"gold": toy(12)},
    ],
    ids=["learning rate", "metrics", "seeds", "test rows", "validation rows", "gold rows"],
)
def test_changed_data_or_settings_share_no_cell(tmp_path, trainings, change):
    run(tmp_path)
    gold = change.get("gold", GOLD)
    splits = (gold, augmented(gold), change.get("validation", VALIDATION), change.get("test", TEST))
    run(tmp_path, *splits, **{name: value for name, value in change.items() if name in ("config", "seed_base")})
    assert len(trainings) == 24


def test_only_what_a_change_touches_is_trained_anew(tmp_path, trainings):
    run(tmp_path)
    more_seeds = run(tmp_path, config=replace(CONFIG, seeds=(0, 1, 2, 3)))
    assert [call["seed"] for call in trainings[12:]] == [3] * 4
    assert more_seeds.report["table"][0]["seeds"] == 4
    run(tmp_path, GOLD, augmented(GOLD, copies=1), VALIDATION, TEST)
    assert len(trainings) == 16 + 9  # gold itself has the same rows and steps as before


def test_another_label_is_other_data(tmp_path, trainings):
    run(tmp_path)
    flipped = Dataset.from_dict({"text": TEST["text"][:], "label": [1 - i for i in TEST["label"]]}, features=FEATURES)
    run(tmp_path, GOLD, AUGMENTED, VALIDATION, flipped)
    assert len(trainings) == 24


def test_another_version_shares_no_cell(tmp_path, trainings, monkeypatch):
    run(tmp_path)
    monkeypatch.setattr("hf_augment.study.cells.__version__", "0.0.0")
    run(tmp_path)
    assert len(trainings) == 24


def test_a_classifier_trained_anew_into_its_folder_shares_no_cell(tmp_path, trainings):
    folder = tmp_path / "encoder"
    folder.mkdir()
    (folder / "config.json").write_text("{}")
    config = replace(CONFIG, classifier=str(folder), seeds=(0,))
    for weights in ("first", "second"):
        (folder / "model.safetensors").write_text(weights)
        run(tmp_path / "out", config=config)
    assert len(trainings) == 8


def test_the_classifiers_of_the_first_seed_are_kept(tmp_path, trainings):
    found = run(tmp_path)
    assert found.classifiers == {arm: tmp_path / "classifier" / arm / "model" for arm in ("gold", "augmented")}
    assert [call["seed"] for call in trainings if call["saved"] is not None] == [0, 0]
    found.classifiers["augmented"].joinpath("model.safetensors").write_text("those of somebody else")
    run(tmp_path)
    assert [(call["seed"], len(call["rows"])) for call in trainings[12:]] == [(0, 42)]


# What is reported


def test_the_numbers_are_those_of_the_cells(tmp_path, trainings):
    report = run(tmp_path).report
    assert report == json.loads((tmp_path / "comparison.json").read_text())
    scores = {(row["arm"], row["seed"]): row["value"] for row in report["rows"] if row["metric"] == "accuracy"}
    assert len(scores) == 12
    for row in report["table"]:
        if row["metric"] == "accuracy":
            values = [scores[row["arm"], seed] for seed in (0, 1, 2)]
            assert row["mean"] == pytest.approx(sum(values) / 3)
            assert row["std"] == pytest.approx(math.sqrt(sum((v - row["mean"]) ** 2 for v in values) / 2))
    for row in report["differences"]:
        if row["metric"] == "accuracy":
            gains = [scores["augmented", seed] - scores[row["against"], seed] for seed in (0, 1, 2)]
            assert list(row["by_seed"].values()) == pytest.approx(gains)
            expected = scipy.stats.ttest_1samp(gains, 0).confidence_interval(0.95)
            assert row["interval"] == pytest.approx([expected.low, expected.high])
    assert {row["against"] for row in report["differences"]} == {"gold", "gold_matched", "duplicated"}
    assert {row["metric"] for row in report["rows"]} == {"accuracy", "f1"}


def test_the_tables_are_markdown(tmp_path, trainings):
    found = run(tmp_path)
    text = (tmp_path / "comparison.md").read_text()
    assert text == found.to_markdown()
    assert found.reading in text
    tables = [block.splitlines() for block in text.split("\n\n") if block.startswith("|")]
    assert [len(table) for table in tables] == [2 + 4, 2 + 6]
    for table in tables:
        assert len({line.count("|") for line in table}) == 1
    gold = next(row for row in found.report["table"] if (row["arm"], row["metric"]) == ("gold", "accuracy"))
    assert f"| gold | 14 | 4 | {100 * gold['mean']:.1f} ± {100 * gold['std']:.1f} |" in text
    assert str(tmp_path) not in text + (tmp_path / "comparison.json").read_text()


def test_it_says_what_lies_ahead_and_keeps_stdout_clean(tmp_path, trainings, capsys):
    run(tmp_path)
    told = capsys.readouterr()
    assert told.out == ""
    assert told.err.startswith("Comparison: 12 cells (4 for each of 3 seeds), 12 of them to train.")
    assert "augmented, seed 2" in told.err
    next((tmp_path / "cells").iterdir()).unlink()
    run(tmp_path)
    assert "12 cells (4 for each of 3 seeds), 1 of them to train" in capsys.readouterr().err


def scores(**arms):
    return [
        {"arm": arm, "seed": seed, "metric": "accuracy", "value": value}
        for arm, values in arms.items()
        for seed, value in enumerate(values)
    ]


def read(**arms):
    return paired.reading(paired.differences(scores(**arms)), "accuracy", len(arms["augmented"]))


GAIN, NOISE = [0.80, 0.82, 0.81], [0.60, 0.90, 0.80]


def test_a_gain_is_claimed_only_above_every_control():
    low = [0.70, 0.71, 0.70]
    assert read(gold=low, gold_matched=low, duplicated=low, augmented=GAIN).startswith("A gain against every control:")
    some = read(gold=low, gold_matched=low, duplicated=NOISE, augmented=GAIN)
    assert some.startswith("A gain against gold and gold_matched only, so it is not shown that the augmented rows")
    assert read(gold=NOISE, gold_matched=NOISE, duplicated=NOISE, augmented=GAIN).startswith("No difference shown:")


def test_a_loss_is_told():
    high = [0.90, 0.91, 0.90]
    assert read(gold=high, gold_matched=NOISE, augmented=GAIN).startswith("A loss against gold: accuracy -9.3")
    both = read(gold=high, gold_matched=[0.5, 0.51, 0.5], augmented=GAIN)
    assert both.startswith("A loss against gold, a gain against gold_matched:")


def test_three_seeds_say_how_wide_their_intervals_are():
    gains = [0.02, 0.01, 0.06]
    told = read(gold=[0.5, 0.5, 0.5], augmented=[0.5 + gain for gain in gains])
    width = 2 * scipy.stats.t.ppf(0.975, 2) * statistics.stdev(gains) / math.sqrt(3)
    assert f"With 3 seeds the intervals are up to {100 * width:.1f} points wide." in told
    assert "\n" not in told


def test_no_interval_no_claim():
    assert read(gold=[0.5], augmented=[0.9]).startswith("One seed says nothing about chance")
    same = read(gold=[0.5, 0.5, 0.5], augmented=[0.9, 0.9, 0.9])
    assert same.startswith("No difference shown: accuracy +40.0 against gold (no interval)")


def test_one_seed_still_makes_tables(tmp_path, trainings):
    found = run(tmp_path, config=replace(CONFIG, seeds=(5,)))
    assert "±" not in found.to_markdown().split("## Scores")[1].split("Classifier")[0]
    assert all(row["interval"] is None and row["std"] is None for row in found.report["differences"])


# With real trainings


@pytest.mark.slow
def test_the_same_comparison_twice_gives_equal_numbers(tmp_path):
    config = replace(CONFIG, seeds=(0, 1), epochs=12)
    first, second = (run(tmp_path / name, config=config) for name in ("a", "b"))
    assert first.report["rows"] == second.report["rows"]
    assert first.report["cells"] == second.report["cells"]
    weights = [found.classifiers["augmented"].joinpath("model.safetensors").read_bytes() for found in (first, second)]
    assert weights[0] == weights[1]
    next((tmp_path / "a" / "cells").glob("augmented-seed1-*")).unlink()
    assert run(tmp_path / "a", config=config).report["rows"] == first.report["rows"]
    loaded = hf_augment.classifiers.LSTMForSequenceClassification.from_pretrained(first.classifiers["gold"])
    assert loaded.config.id2label == dict(enumerate(NAMES))
    learned = {row["arm"]: row["value"] for row in first.report["rows"] if row["metric"] == "accuracy"}
    assert learned["gold_matched"] >= 0.9


def test_the_module_is_light():
    check = "import hf_augment.study.comparison, sys; print(sorted({'torch', 'transformers', 'datasets', 'scipy', 'tqdm'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", check], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_augmented_test_rows_do_not_pass_for_training_rows(tmp_path, trainings):
    leaked = TEST.map(Augment(RandomSwap(rate=0.5), text="text", keep_original=False), batched=True)
    with pytest.raises(ValueError, match="come from no row of gold_train"):
        run(tmp_path, GOLD, leaked, VALIDATION, TEST)
    honest = GOLD.map(Augment(RandomSwap(rate=0.5), text="text", keep_original=False), batched=True)
    assert run(tmp_path, GOLD, honest, VALIDATION, TEST).report["arms"]["augmented"]["rows"] > len(GOLD)
