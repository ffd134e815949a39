"""How a trained model gets into the package: its files, its figures, its card."""

import hashlib
import html
import json
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from markdown_it import MarkdownIt
from sklearn.metrics import cohen_kappa_score

from hf_augment.engine.resources import identity, read_lm
from hf_augment.recipe import load_recipe
from hf_augment.training import train
from tests import tiny

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT / "scripts"))

import embed_model  # noqa: E402
import model_card  # noqa: E402
import model_facts  # noqa: E402
import write_samples  # noqa: E402
from model_card_measured import escaped  # noqa: E402

SMALL = ["max_steps=40", "evaluations=4", "batch_size=2", "max_length=32", "warmup_steps=2", "extra.bf16=false"]
SMALL += [f"scratch.{name}" for name in ("layers=1", "width=32", "heads=2", "vocabulary=400", "context=32")]


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A causal and a masked model, trained for 40 steps by the recipes of the embedded ones."""
    folder = tmp_path_factory.mktemp("embed")
    texts = [text for text, _ in tiny.ROWS]
    (folder / "pieces").mkdir()
    for split, rows in (("train", texts[:40]), ("validation", texts[40:])):
        source = ["imdb_unsup" if split == "validation" or place < 30 else "wikinews" for place in range(len(rows))]
        documents = [f"{name}:{place // 2}" for place, name in enumerate(source)]
        pq.write_table(pa.table({"text": rows, "document": documents}), folder / "pieces" / f"{split}.parquet")
    for kind in ("causal", "masked"):
        settings = [f"data.path={folder / 'pieces'}", f"output={folder / kind}", *(f"train.{name}" for name in SMALL)]
        train(load_recipe(str(ROOT / "recipes" / f"pretrain-{kind}.yaml"), settings))
        embed_model.embed(folder / kind / "generator", folder / "embedded" / kind, {}, draft=True)
    return folder


@pytest.fixture
def given(place, tmp_path, monkeypatch):
    """All that the card of the causal model wants."""
    record = json.loads((place / "causal" / "generator" / "training.json").read_text())
    monkeypatch.setitem(model_card.PIECES, record["settings"]["data"]["train"], "python scripts/make_pieces.py these")
    size = sum(len(text.encode()) + 1 for text, _ in tiny.ROWS[40:])
    found = identity(str(place / "embedded" / "causal"))
    rows = [
        ["causal model", "held-out bits per byte", 1.25],
        ["causal model", "held-out nats per token", 3.5],
        ["xz -9", "bits per byte", 2.75],
        ["held-out text", "bytes", size],
        ["held-out text", "tokens of the causal model", 123],
        ["causal model", "weights", 1],
        ["causal model", "CPU seconds to load in a fresh process, all code imported", 0.0321],
        ["causal model", "tokens/s, decoding of 64 rows of 48", 1234.5],
        ["masked model", "accuracy on held-out masked tokens", 0.5],
        ["package", "MB of the wheel", 12.5],
    ]
    samples = [
        {
            "label": label,
            "text": f"It is {label} <b>*{number}*</b>.",
            "fluent": [True, number > 0],
            "read_as": [label, "neither"],
        }
        for label in ("negative", "positive")
        for number in range(3)
    ]
    facts = {"gold": {"train": 100, "validation": 192}, "seed": 0, "recipe": "quickstart.yaml", "draws": 7}
    written = {
        "figures": {"models": {"x": found}, "rows": rows},
        "samples": {
            **facts,
            "identity": found,
            "declined": {"unfinished": 1},
            "readers": "two tests",
            "samples": samples,
        },
    }
    for name, document in written.items():
        (tmp_path / name).write_text(json.dumps(document))
    head = "| file | rows | texts and sentences | shared, 1-4 words | rows with one of 8+ | rows with a shared run of 13 words |"
    table = [
        head,
        "|---|---|",
        "| imdb/train | 5,000 | 6 | 7 | 8 | 9 |",
        "| imdb/test | 4,000 | 6 | 7 | 1 | 2 |",
        "| trec/a | 3 | 2 | 1 | 0 | 0 |",
    ]
    (tmp_path / "overlap").write_text(
        "\n".join(["40 training pieces; 50 different pieces and sentences.", "", *table])
    )
    return {"pieces": place / "pieces", **{name: tmp_path / name for name in ("overlap", "figures", "samples")}}


def embed(place, folder, given, kind="causal", draft=False):
    embed_model.embed(place / kind / "generator", folder, given, draft)
    return (folder / "README.md").read_text(encoding="utf-8")


def change(file, **facts):
    file.write_text(json.dumps({**json.loads(file.read_text()), **facts}))


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["causal", "masked"])
def test_the_embedded_model_is_the_trained_one(place, kind):
    folder = place / "embedded" / kind
    embedded, tokenizer = read_lm(folder, kind)
    trained, _ = read_lm(place / kind / "generator", kind)
    ids = torch.arange(32)[None]
    with torch.inference_mode():
        assert torch.allclose(embedded.eval()(ids).logits, trained.eval()(ids).logits, atol=0.02)
    assert (
        tokenizer.decode(tokenizer(" The film was not for me.", add_special_tokens=False).input_ids)
        == " The film was not for me."
    )
    listed = dict(line.split("  ")[::-1] for line in (folder / "SHA256SUMS").read_text().splitlines())
    assert {"config.json", "hf_augment.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json"} <= set(
        listed
    )
    for name, digest in listed.items():
        assert hashlib.sha256((folder / name).read_bytes()).hexdigest() == digest
    assert (folder / "loss.png").stat().st_size < 40_000
    assert all(file.stat().st_mode & 0o777 == 0o644 for file in folder.iterdir() if file.name in listed)


@pytest.mark.slow
def test_the_same_twice(place, tmp_path, given):
    embed(place, tmp_path / "a" / "generator", given)
    embed(place, tmp_path / "b" / "generator", given)
    first, second = ({file.name: file.read_bytes() for file in (tmp_path / at / "generator").iterdir()} for at in "ab")
    assert first == second


@pytest.mark.slow
def test_a_whole_card_says_what_was_given(place, tmp_path, given):
    text = embed(place, tmp_path / "generator", given)
    for said in (
        "recipes/pretrain-causal.yaml --set train.scratch.layers=1",
        "python scripts/make_pieces.py these",
        "| training | 15 | 30 |",
        "| held out | 5 | 10 |",
        "| **this model** | 1.250 | 3.500 |",
        "| xz -9 | 2.750 |",
        "| CPU ms to load in a fresh process, all code imported | 32 |",
        "| tokens/s, decoding of 64 rows of 48 | 1,234 |",
        "| imdb | 9,000 | 9 | 11 |",
        "| trec | 3 | 0 | 0 |",
        "of 7 draws (declined: 1 unfinished)",
        "| fluent | 6 of 6 | 4 of 6 | 4 of 6 | 67 % | 0.00 |",
        "| read as the label it was written for | 6 of 6 | 0 of 6 | 0 of 6 | 0 % | 0.00 |",
        "40 of 2 sequences of 32 tokens",
    ):
        assert said in text
    assert "draft" not in text
    assert "<b>" not in text
    figures = json.loads((tmp_path / "generator" / "figures.json").read_text())
    assert model_card.card(figures) == text


@pytest.mark.slow
def test_what_is_lacking_is_an_error_unless_it_is_a_draft(place, tmp_path, given):
    with pytest.raises(ValueError, match=r"--figures FILE.*--samples FILE.*Or pass --draft") as caught:
        embed(place, tmp_path / "generator", {"pieces": given["pieces"], "overlap": given["overlap"]})
    assert "--pieces" not in str(caught.value)
    assert not (tmp_path / "generator").exists()
    assert "This card is a draft." in embed(place, tmp_path / "generator", {}, draft=True)
    with pytest.raises(ValueError, match=r"lacks facts: --pieces") as caught:
        embed(place, tmp_path / "masked", {}, "masked")
    assert "--samples" not in str(caught.value)


@pytest.mark.slow
@pytest.mark.parametrize(
    "name",
    [
        "figures of another model",
        "figures of another text",
        "samples of another model",
        "samples that nobody read",
        "the overlap of another text",
    ],
)
def test_facts_of_something_else_are_refused_and_what_was_there_stays(place, tmp_path, given, name):
    embed(place, tmp_path / "generator", given)
    before = {file.name: file.read_bytes() for file in (tmp_path / "generator").iterdir()}
    if name == "figures of another model":
        change(given["figures"], models={"x": "0" * 64})
        said = "The figures are those of .'x': '000"
    elif name == "figures of another text":
        rows = json.loads(given["figures"].read_text())["rows"]
        change(given["figures"], rows=[[*row[:2], 1 if row[1] == "bytes" else row[2]] for row in rows])
        said = "The figures are of 1 held-out bytes"
    elif name == "samples of another model":
        change(given["samples"], identity="0" * 64)
        said = "The samples are those of 000"
    elif name == "samples that nobody read":
        change(given["samples"], samples=[{"label": "negative", "text": "No."}])
        said = "Nobody has read the samples yet"
    else:
        given["overlap"].write_text("41 training pieces; 50 different\n")
        said = "The overlap is not that of 40 training pieces"
    with pytest.raises(ValueError, match=said):
        embed(place, tmp_path / "generator", given)
    assert before == {file.name: file.read_bytes() for file in (tmp_path / "generator").iterdir()}


@pytest.mark.slow
def test_other_texts_and_unknown_ones_are_refused(place, tmp_path, given, monkeypatch):
    with monkeypatch.context() as changed:
        for digest in [digest for digest, command in model_card.PIECES.items() if command.endswith("these")]:
            changed.delitem(model_card.PIECES, digest)
        with pytest.raises(ValueError, match="No command is known to make the pieces"):
            embed(place, tmp_path / "generator", given)
    with monkeypatch.context() as changed:
        changed.delitem(model_card.SOURCES, "wikinews")
        with pytest.raises(ValueError, match=r"Nothing is known of the sources \['wikinews'\]"):
            embed(place, tmp_path / "generator", given)
    other = tmp_path / "pieces"
    other.mkdir()
    for split in ("train", "validation"):
        pq.write_table(pa.table({"text": ["One."], "document": ["imdb_unsup:0"]}), other / f"{split}.parquet")
    with pytest.raises(ValueError, match="holds other texts than the record tells of"):
        embed(place, tmp_path / "generator", {**given, "pieces": other})


@pytest.mark.slow
def test_the_command_trains_the_very_settings(place):
    record = json.loads((place / "masked" / "generator" / "training.json").read_text())
    overrides = model_facts.overrides(record)
    assert set(overrides) >= {"train.scratch.layers=1", "train.max_steps=40"}
    assert not any(override.startswith("train.learning_rate") for override in overrides)
    recipe = load_recipe("pretrain-masked", overrides)
    assert (recipe.train.max_steps, recipe.train.scratch.width, recipe.train.objective) == (40, 32, "masked")
    del record["settings"]["train"]["extra"]["adam_beta2"]  # a recipe's `extra` can only be added to
    with pytest.raises(ValueError, match="does not train this model"):
        model_facts.overrides(record)


# A card shows what was written, letter by letter


NASTY = [
    "<script>alert(1)</script> & &amp; &#42;",
    "a | b || c",
    "**bold** _it_ `code` ~~gone~~ \\*",
    "[link](http://evil.example) ![img](x.png) www.evil.example me@evil.example",
    "# head\n- item\n\n1. one ``` fence",
    "</details> $x$ :smile: @somebody #1",
    'plain, it\'s "fine"... really? Yes! 10/10; caf\u00e9 \u201cquoted\u201d',
]


@pytest.mark.parametrize("text", NASTY)
def test_generated_text_is_shown_letter_by_letter(text):
    table = f"| a | b |\n|---|---|\n| {escaped(text)} | end |\n"
    shown = MarkdownIt("commonmark", {"html": True}).enable("table").render(table)
    cells = shown.split("<tbody>")[1].split("<td>")[1:]
    assert len(cells) == 2
    cell = cells[0].removesuffix("</td>\n")
    assert "<" not in cell
    assert html.unescape(cell) == text


def test_ordinary_sentences_stay_readable():
    assert escaped("It's good, isn't it? Yes! The end.") == "It's good, isn't it? Yes! The end."


# Figures


def test_a_curve_keeps_its_ends_and_at_most_so_many_points():
    points = [[step, 1 / (1 + step)] for step in range(1234)]
    thin = model_facts.thinned(points, 100)
    assert len(thin) == 100
    assert (thin[0], thin[-1]) == (points[0], points[-1])
    assert thin == sorted(thin)
    assert model_facts.thinned(points[:50], 100) == points[:50]


def test_agreement_is_cohens():
    first, second = list("aabbbacbab"), list("abbbbaccaa")
    found = model_facts.agreement(first, second)
    assert found["same"] == 0.7
    assert found["kappa"] == pytest.approx(cohen_kappa_score(first, second))
    assert model_facts.agreement([True] * 3, [True] * 3) == {"same": 1.0, "kappa": None}


# Readers


def test_readers_see_no_labels_and_no_order():
    samples = [{"label": label, "text": f"{label[:1]} {n}"} for label in ("negative", "positive") for n in range(40)]
    hidden, key = write_samples.hide(samples, 0)
    assert [set(row) for row in hidden] == [{"id", "text"}] * 80
    assert [row["id"] for row in hidden] == list(range(1, 81))
    first_half = [samples[key[number]]["label"] for number in range(1, 41)]
    assert 10 < first_half.count("negative") < 30
    assert sorted(key.values()) == list(range(80))
    assert write_samples.hide(samples, 0) == (hidden, key)


def test_what_readers_said_is_entered_where_it_belongs():
    samples = [{"label": label, "text": label[:3] + str(n)} for label in ("negative", "positive") for n in range(3)]
    hidden, key = write_samples.hide(samples, 0)
    key = {str(number): at for number, at in key.items()}
    first = [{"id": row["id"], "fluent": row["text"] != "neg1", "read_as": "neither"} for row in hidden]
    second = [{**row, "read_as": "positive"} for row in reversed(first)]
    document = {"samples": samples}
    write_samples.enter(document, key, [first, second], "two tests")
    assert [row["fluent"] for row in samples] == [[True, True], [False, False], *[[True, True]] * 4]
    assert {tuple(row["read_as"]) for row in samples} == {("neither", "positive")}
    for broken in (first[1:], [*first[1:], first[1]]):
        with pytest.raises(ValueError, match="has to judge each of the ids 1 to 6 once"):
            write_samples.enter(document, key, [first, broken], "two tests")
    for wrong in ({"fluent": "yes"}, {"read_as": "good"}):
        with pytest.raises(ValueError, match="Reader 2: expected fluent true or false"):
            write_samples.enter(document, key, [first, [{**first[0], **wrong}, *first[1:]]], "two tests")
