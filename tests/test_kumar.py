"""The splits of Kumar et al. 2020, rebuilt from their sources."""

import shutil
from collections import Counter
from pathlib import Path

import pytest
from datasets import load_dataset

from hf_augment.recipe import load_recipe
from hf_augment.splits import make_splits
from scripts import kumar_splits

SOURCE = Path(__file__).parents[1].parent / "shared" / "data" / "kumar_10shot"


@pytest.fixture
def source():
    if not SOURCE.is_dir():
        pytest.skip(f"needs {SOURCE}")
    return SOURCE


@pytest.mark.real_data
@pytest.mark.slow
@pytest.mark.parametrize(
    ("dataset", "labels", "validation", "test"),
    [("sst2", 2, 20, 1821), ("trec", 6, 57, 500)],
)
def test_the_splits_are_the_published_ones(source, dataset, labels, validation, test, tmp_path):
    assert kumar_splits.write(source / dataset, tmp_path) == dataset
    assert len(list(tmp_path.glob("split-*/*.parquet"))) == 15 * 3
    recipe = load_recipe(f"kumar-{dataset}", [f"data.path={tmp_path}/split-{{split}}", f"output={tmp_path}/out"])
    splits = make_splits(recipe)
    assert len(splits) == 15
    data = splits[14].data()
    assert {name: len(rows) for name, rows in data.items()} == {
        "train": 10 * labels,
        "validation": validation,
        "test": test,
    }
    assert set(Counter(data["train"]["label"]).values()) == {10}
    assert data["train"].features["label"].names == list(kumar_splits.NAMES[dataset])
    first = load_dataset("parquet", data_files=str(tmp_path / "split-0" / "train.parquet"), split="train")
    drawn = [(kumar_splits.NAMES[dataset][row["label"]], row["text"]) for row in first]
    assert kumar_splits.digest(drawn) == kumar_splits.DIGESTS[dataset]["train"][0]


@pytest.mark.real_data
def test_other_rows_are_refused(source, tmp_path, capsys):
    folder = tmp_path / "sst2"
    shutil.copytree(source / "sst2", folder)
    lines = (folder / "train.tsv").read_text(encoding="utf-8").splitlines()
    (folder / "train.tsv").write_text("\n".join([lines[0], *reversed(lines[1:])]) + "\n", encoding="utf-8")
    assert kumar_splits.main([str(folder), str(tmp_path / "out")]) == 2
    said = capsys.readouterr().err
    assert "train.tsv: the drawn rows have the digests" in said
    assert "968601c9a5a55c6d" in said
    assert not (tmp_path / "out").exists()


def test_a_folder_without_the_files_is_said(tmp_path, capsys):
    assert kumar_splits.main([str(tmp_path), str(tmp_path / "out")]) == 2
    assert "train.tsv" in capsys.readouterr().err


def test_a_small_label_is_taken_whole_and_draws_nothing():
    rows = [("a", f"a{i}") for i in range(30)] + [("b", "b0")] + [("c", f"c{i}") for i in range(30)]
    without = [row for row in rows if row[0] != "b"]
    drawn = kumar_splits.draw(rows, 3)
    assert [row for row in drawn if row[0] == "b"] == [("b", "b0")]
    assert [row for row in drawn if row[0] != "b"] == kumar_splits.draw(without, 3)
    assert len(drawn) == 21
