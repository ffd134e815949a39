import re
from pathlib import Path

import pytest

from hf_augment.recipe import find_recipe, load_recipe

GOOD = """
seed: 3
output: OUT
data: {path: embedded:reviews, shots_per_label: 5}
train: {model: embedded:generator, epochs: 2, learning_rate: 2e-5}
augment: {pipeline: [{name: generate, top_k: 50}], per_label: 5}
study: {seeds: [0, 1]}
"""


def written(tmp_path: Path, text: str) -> str:
    file = tmp_path / "a.yaml"
    file.write_text(text, encoding="utf-8")
    return str(file)


def test_a_good_recipe_is_read(tmp_path):
    recipe = load_recipe(written(tmp_path, GOOD), ["data.shots_per_label=7", "study.epochs=1e1"])
    assert recipe.data.shots_per_label == 7
    assert recipe.train.learning_rate == 2e-5  # which PyYAML reads as a string
    assert recipe.study.epochs == 10.0
    assert recipe.transform().model == str(Path("OUT") / "generator")


BAD = {
    "unknown block": ("{good}\nagument: {{}}", r"unknown key 'agument'. Did you mean 'augment'"),
    "unknown key": ("{good}", "data.txt=x", r"data: unknown key 'txt'. Did you mean 'text'"),
    "missing block": ("output: o", r"the key 'data' is missing"),
    "missing key": ("output: o\ndata: {{}}", r"data: the key 'path' is missing"),
    "a boolean for a name": ("{good}", "data.name=no", r"data: name: expected str, got False. Put it in quotes"),
    "a number for a name": ("{good}", "data.name=12", r"data: name: expected str, got 12. Put it in quotes"),
    "a string for a number": ("{good}", "train.epochs=many", r"train: epochs: expected float, got 'many'"),
    "a fraction for a count": ("{good}", "train.batch_size=2.5", r"train: batch_size: expected int, got 2.5"),
    "a boolean for a number": ("{good}", "seed=yes", r"seed: expected int, got True"),
    "zero rows": ("{good}", "data.shots_per_label=0", r"data: shots_per_label: expected at least 1, got 0"),
    "a share above one": (
        "{good}",
        "data.validation_share=1.5",
        r"validation_share: expected a number from 0.01 to 0.9",
    ),
    "a list for a block": ("{good}", "data=[1]", r"data: expected DataConfig, got \[1\]|data: expected a mapping"),
    "a scalar for a list": ("{good}", "study.seeds=3", r"study: seeds: expected a list, got 3. Write \[3\]"),
    "equal seeds": ("{good}", "study.seeds=[1, 1]", r"study: seeds: expected different whole numbers"),
    "no seeds": ("{good}", "study.seeds=[]", r"study: seeds: expected different whole numbers"),
    "unknown transform": (
        "{good}",
        "augment.pipeline=[{{name: genrate}}]",
        r"unknown transform 'genrate'. Did you mean 'generate'",
    ),
    "unknown parameter": (
        "{good}",
        "augment.pipeline=[{{name: random_swap, rat: 1}}]",
        r"unknown parameter 'rat'. Did you mean 'rate'",
    ),
    "a bad parameter": (
        "{good}",
        "augment.pipeline=[{{name: random_swap, rate: 5}}]",
        r"random_swap: rate: expected a number from 0 to 1, got 5",
    ),
    "a spec without name": ("{good}", "augment.pipeline=[{{rate: 1}}]", r"Expected a transform's spec"),
    "an empty pipeline": ("{good}", "augment.pipeline=[]", r"augment: pipeline: expected at least one transform"),
    "two amounts": ("{good}", "augment.copies=2", r"augment: expected one of .* got \['copies', 'per_label'\]"),
    "no generator": (
        "output: o\ndata: {{path: x}}\naugment: {{pipeline: [{{name: generate}}]}}",
        r"'generate' names no model",
    ),
    "model and scratch": ("{good}", "train.scratch={{}}", r"expected either 'model' .* got both"),
    "neither model nor scratch": ("{good}", "train.model=null", r"expected either 'model' .* got neither"),
    "a prompt without text": (
        "{good}",
        "train.prompt='{{label}}:'",
        r"train: prompt: expected a template that ends with \{{text\}}",
    ),
    "heads that do not fit": (
        "{good}",
        "train={{scratch: {{width: 100, heads: 3}}}}",
        r"width 100 is not a multiple of heads 3",
    ),
    "an unknown architecture": (
        "{good}",
        "train={{scratch: {{architecture: bert}}}}",
        r"architecture: expected one of \['gpt2', 'llama', 'modernbert'\]",
    ),
    "a negative learning rate": ("{good}", "train.learning_rate=-1", r"learning_rate: expected a number above 0"),
    "a study without labels": (
        "{good}",
        "data.label=null",
        r"data: label: a study, and a prompt with \{{label\}}, need",
    ),
    "a study of nothing": ("output: o\ndata: {{path: x}}\nstudy: {{}}", r"needs an 'augment' block"),
    "a selection of nothing": ("output: o\ndata: {{path: x}}\nselect: {{}}", r"select: .* needs an 'augment' block"),
    "an unknown key of select": (
        "{good}",
        "select={{per_lable: 5}}",
        r"select: unknown key 'per_lable'. Did you mean 'per_label'",
    ),
    "quantiles the wrong way round": ("{good}", "select.length=[0.9, 0.1]", r"select: length: expected two quantiles"),
    "a cosine above one": ("{good}", "select.near_duplicate=90", r"select: near_duplicate: expected a number from"),
    "a quota of nothing": ("{good}", "select.per_label=0", r"select: per_label: expected at least 1, got 0"),
    "one fold": ("{good}", "select.folds=1", r"select: folds: expected a number from 2"),
    "a quota without labels": (
        "output: o\ndata: {{path: x, label: null}}\naugment: {{pipeline: [{{name: eda}}]}}",
        "select={{per_label: 5}}",
        r"data: label: select.per_label needs the label column",
    ),
    "the same key twice": ("output: o\noutput: p\ndata: {{path: x}}", r"the key 'output' stands twice"),
    "no YAML": ("output: [o", r"no valid YAML"),
    "no mapping": ("- output", r"expected a mapping with the keys"),
    "a set without value": ("{good}", "seed", r"--set 'seed': expected KEY.KEY=VALUE"),
    "a set below a scalar": ("{good}", "seed.x=1", r"'seed' is no block but 3"),
}


@pytest.mark.parametrize("kind", BAD)
def test_a_bad_recipe_gets_one_message_that_names_the_key(kind, tmp_path):
    text, *overrides, message = BAD[kind]
    file = written(tmp_path, text.format(good=GOOD))
    with pytest.raises((ValueError, TypeError)) as caught:
        load_recipe(file, [override.format() for override in overrides])
    said = str(caught.value)
    assert re.search(message.replace("{{", "{").replace("}}", "}"), said), said
    assert "\n" not in said
    assert file in said or "--set" in said


def test_there_are_enough_kinds_of_bad_recipes():
    assert len(BAD) >= 20


def test_a_missing_recipe_lists_the_shipped_ones():
    with pytest.raises(FileNotFoundError, match=r"unknown recipe 'quikstart'. Did you mean 'quickstart.yaml'"):
        load_recipe("quikstart")


RECIPES = sorted((Path(__file__).parent.parent / "recipes").glob("*.yaml"))


@pytest.mark.parametrize("file", RECIPES, ids=lambda file: file.stem)
def test_every_shipped_recipe_loads(file):
    recipe = load_recipe(str(file))
    assert recipe.augment is None or recipe.transform()
    assert find_recipe(file.stem).samefile(file)
    first = file.read_text(encoding="utf-8").splitlines()[0]
    assert first.startswith("# "), "a recipe opens with what it shows"
