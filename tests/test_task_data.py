"""The data block, training and generation in tasks beside classification: every row keeps what it needs."""

import json
import shutil

import pytest
from datasets import load_from_disk

from hf_augment import Augment, Generate
from hf_augment.blocks import DataConfig, PreprocessConfig
from hf_augment.candidates import augment
from hf_augment.data import describe, load_data, written_texts
from hf_augment.engine.prompt import PromptFormat
from hf_augment.engine.resources import load_causal_lm
from hf_augment.recipe import parse_recipe
from hf_augment.record import Record
from hf_augment.rounds import select_rows
from hf_augment.tasks import TASKS
from hf_augment.training import train
from tests import tiny

PLACES = ["Rome", "Oslo", "Lima", "Cairo", "Quito", "Paris", "Dakar", "Delhi", "Hanoi", "Minsk"]


def _question(i, place):
    context = f"Train {i} leaves  for {place} at noon."
    start = context.index(place)
    return {
        "question": f"Where does train {i} go?",
        "context": context,
        "answers": {"text": [place], "answer_start": [start]},
    }


ROWS = {
    "translation": [
        {"translation": {"en": f"Train {i} to {p}.", "de": f"Zug {i} nach {p}."}} for i, p in enumerate(PLACES)
    ],
    "summarization": [
        {"document": f"Train {i} left for {p}. It rained.", "summary": f"Off to {p}."} for i, p in enumerate(PLACES)
    ],
    "question-answering": [_question(i, p) for i, p in enumerate(PLACES)],
    "dialogue": [
        {
            "messages": [
                {"role": "user", "content": f"Which train goes to {p}?"},
                {"role": "assistant", "content": f"Train {i}."},
            ]
        }
        for i, p in enumerate(PLACES)
    ],
    "token-classification": [{"tokens": ["Off", "to", p], "ner_tags": ["O", "O", "B-LOC"]} for p in PLACES],
}
PROMPTS = {
    ("translation", "target"): "{source} => {text}",
    ("translation", "source"): "{target} <= {text}",
    ("summarization", "summary"): "{document}\nTL;DR: {text}",
    ("summarization", "document"): "{summary}\nAt length: {text}",
    ("question-answering", "question"): "{context}\nanswer: {answer}\nquestion: {text}",
    ("question-answering", "context"): "{question}\nanswer: {answer}\ncontext: {text}",
    ("dialogue", "assistant"): "{history}\nassistant: {text}",
    ("dialogue", "user"): "{history}\nuser: {text}",
}


def write(folder, task, rows=None):
    folder.mkdir(parents=True, exist_ok=True)
    lines = [json.dumps(row) for row in rows or ROWS[task]]
    (folder / "train.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return str(folder)


def load(path, task, preprocess=None, **settings):
    return load_data(DataConfig(path=path, task=task, **settings), PreprocessConfig(**(preprocess or {})), 0)


def test_the_tasks_here_are_all_but_classification():
    assert {*ROWS, "text-classification"} == set(TASKS)


@pytest.mark.parametrize("task", ROWS)
def test_validation_and_shots_are_drawn_without_labels(task, tmp_path):
    path = write(tmp_path, task)
    whole = load(path, task, validation_share=0.2)
    assert {name: len(split) for name, split in whole.items()} == {"train": 8, "validation": 2}
    few = load(path, task, validation_share=0.2, shots=3, validation_shots=1)
    assert {name: len(split) for name, split in few.items()} == {"train": 3, "validation": 1}
    rows, some = ([json.dumps(row) for row in data["train"]] for data in (whole, few))
    assert set(some) < set(rows)
    (tmp_path / "other").mkdir()
    again = load(write(tmp_path / "other", task, ROWS[task][::-1]), task, validation_share=0.2)
    assert sorted(map(json.dumps, again["validation"])) == sorted(map(json.dumps, whole["validation"]))
    facts = describe(whole, DataConfig(path=path, task=task))["splits"]
    assert facts["train"]["labels"] == {"": 8}
    assert facts["train"]["sha256"] != describe(few, DataConfig(path=path, task=task))["splits"]["train"]["sha256"]


def test_rows_of_equal_content_go_together_and_incomplete_ones_are_not_drawn(tmp_path):
    rows = [row for row in ROWS["translation"] for _ in range(3)]
    rows += [{"translation": {"en": None, "de": f"Nur Deutsch {i}."}} for i in range(20)]
    data = load(write(tmp_path, "translation", rows), "translation", validation_share=0.2)
    held_out = [row["translation"]["en"] for row in data["validation"]]
    assert None not in held_out
    assert not set(held_out) & {row["translation"]["en"] for row in data["train"]}
    alone = load(write(tmp_path / "alone", "translation", rows[30:]), "translation", shots=5)
    assert len(alone["train"]) == 5


def test_questions_on_one_context_are_not_split(tmp_path):
    rows = [{**row, "question": f"{i}: {row['question']}"} for row in ROWS["question-answering"] for i in range(4)]
    data = load(write(tmp_path, "question-answering", rows), "question-answering", validation_share=0.2)
    assert len(data["validation"]) == 8
    assert not set(data["validation"]["context"]) & set(data["train"]["context"])


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"task": "translaton"}, "data: task: unknown task 'translaton'. Did you mean 'translation'"),
        (
            {"task": "translation", "field": "target side"},
            "data: unknown field of the task 'translation' 'target side'",
        ),
        (
            {"task": "translation", "text": "de"},
            r"data: text: the task 'translation' has columns by role.*columns: \{ROLE",
        ),
        ({"columns": {"text": "x"}}, "data: columns: are for other tasks than 'text-classification'"),
        ({"task": "dialogue", "columns": {"turn": "x"}}, "data: columns: unknown role 'turn'"),
        ({"task": "dialogue", "shots_per_label": 3}, "'dialogue' has no labels. Write shots: 3"),
        ({"shots": 3, "shots_per_label": 3}, "expected shots .rows in all. or shots_per_label"),
        ({"task": "dialogue", "streaming": True}, "streaming: is for texts alone"),
    ],
)
def test_a_bad_data_block_gets_one_message(settings, message):
    with pytest.raises(ValueError, match=message):
        parse_recipe(json.dumps({"output": "o", "data": {"path": "p", **settings}}), "r.yaml")


@pytest.mark.parametrize(
    ("blocks", "message"),
    [
        (
            {"train": {"prompt": "{source} => {text}"}},
            r"holds \{source\}, and the source of the task 'translation' is",
        ),
        ({"train": {"prompt": "{translation}: {text}"}}, r"holds \{translation\}, and the source"),
        ({"train": {"prompt": "{label}: {text}"}}, "a prompt with {label}, need the label column"),
        ({"augment": {"pipeline": [{"name": "antonym", "flip": {"good": "bad"}}]}}, "makes no sense for the source"),
        ({"augment": {"pipeline": [{"name": "typo"}], "per_label": 3}}, "augment.per_label needs the label column"),
        ({"augment": {"pipeline": [{"name": "typo"}]}, "select": {"relabel": True}}, "select.relabel needs the label"),
        ({"train": {"prompt": "{target}: {text}", "packed": True}}, "packed: joins texts without their labels"),
        (
            {"train": {"prompt": "{target}: {text}", "objective": "masked"}},
            r"Take \['target'\] out, or write objective",
        ),
        ({"train": {"prompt": "{target}: {text}", "max_prompt_length": 200}}, "a number from 1 to 127"),
    ],
)
def test_a_recipe_that_asks_for_what_the_task_lacks_is_refused(blocks, message):
    recipe = {"output": "o", "data": {"path": "p", "task": "translation", "field": "source"}, **blocks}
    if "train" in blocks:
        recipe["train"] = {"model": "embedded:generator", **blocks["train"]}
    with pytest.raises(ValueError, match=message):
        parse_recipe(json.dumps(recipe), "r.yaml")


def test_columns_that_do_not_hold_the_task_are_named(tmp_path):
    path = write(tmp_path, "dialogue", [{"messages": f"no turns {i}"} for i in range(5)])
    with pytest.raises(ValueError, match="none of 5 rows of the train split is one of the task 'dialogue'"):
        load(path, "dialogue")
    with pytest.raises(ValueError, match=r"data: columns: messages: unknown column 'talk'"):
        load(path, "dialogue", columns={"messages": "talk"})


# Preprocessing


def test_cleaning_moves_the_answers_with_their_context(tmp_path):
    rows = ROWS["question-answering"] + [
        {
            "question": "WHO?",
            "context": "<b>a</b>  b a &amp; <i>a</i>",
            "answers": {"text": ["a", "a"], "answer_start": [12, 23]},
        }
    ]
    cleaned = load(
        write(tmp_path, "qa", rows),
        "question-answering",
        {"strip_html": True, "whitespace": True, "lower_case": True},
        validation_split=None,
    )
    for row in [*cleaned["train"], *cleaned["validation"]]:
        assert row["context"] == row["context"].lower()
        for text, start in zip(row["answers"]["text"], row["answers"]["answer_start"], strict=True):
            assert row["context"][start : start + len(text)] == text
    [odd] = [row for row in [*cleaned["train"], *cleaned["validation"]] if row["question"] == "who?"]
    assert odd["context"] == "a b a & a"
    assert odd["answers"]["answer_start"] == [4, 8]


@pytest.mark.parametrize("first", [{"text": [], "answer_start": []}, {"text": ["so"], "answer_start": [3]}])
def test_answers_move_whatever_the_first_row_of_a_batch_needs(first, tmp_path):
    plain = {"question": "What?", "context": "Is so", "answers": first}
    rows = [plain, *ROWS["question-answering"], plain]
    cleaned = load(write(tmp_path / "qa", "question-answering", rows), "question-answering", {"whitespace": True})
    for row in [*cleaned["train"], *cleaned["validation"]]:
        for text, start in zip(row["answers"]["text"], row["answers"]["answer_start"], strict=True):
            assert row["context"].startswith(text, start)


def test_an_answer_that_cleaning_takes_away_is_an_error(tmp_path):
    rows = [{"question": "Which tag?", "context": "A <br> here", "answers": {"text": ["<br>"], "answer_start": [2]}}]
    with pytest.raises(ValueError, match=r"preprocess: .*the answer '<br>' no longer stands in its context"):
        load(write(tmp_path, "qa", rows * 3), "question-answering", {"strip_html": True}, validation_split=None)


def test_only_texts_are_cleaned(tmp_path):
    upper = {"lower_case": True}
    talk = load(
        write(
            tmp_path / "a",
            "dialogue",
            [
                {"conversations": [{"from": "Human", "value": "A"}, {"from": "gpt", "value": f"B{i}"}]}
                for i in range(3)
            ],
        ),
        "dialogue",
        upper,
    )
    assert talk["train"][0]["conversations"][0] == {"from": "Human", "value": "a"}
    tags = load(
        write(
            tmp_path / "b",
            "token-classification",
            [{"tokens": ["<br>", "Oslo", f"X{i}"], "tags": ["O", "B-LOC", "O"]} for i in range(3)],
        ),
        "token-classification",
        {**upper, "strip_html": True},
    )
    assert tags["train"][0]["tokens"][:2] == ["<br>", "oslo"]
    assert tags["train"][0]["tags"] == ["O", "B-LOC", "O"]


# Training and generation


def recipe(folder, task, field, prompt, **blocks):
    document = {
        "output": str(folder / "run"),
        "data": {"path": write(folder / "rows", task), "task": task, "field": field, "validation_share": 0.2},
        "train": {"model": str(tiny.causal_lm(folder / "model")), "prompt": prompt, "epochs": 1, "max_length": 64},
        "augment": {"pipeline": [{"name": "generate", "max_new_tokens": 8, "allow_unfinished": True}]},
        **blocks,
    }
    return parse_recipe(json.dumps(document), "r.yaml")


@pytest.mark.slow
@pytest.mark.parametrize(("task", "field"), PROMPTS)
def test_a_generator_is_trained_and_asked_by_the_fields_of_its_task(task, field, tmp_path):
    made = recipe(tmp_path, task, field, PROMPTS[task, field])
    record = train(made)
    assert record["rows"]["train"] == {"used": 8, "skipped": {}}
    saved = load_causal_lm(str(made.generator)).prompt
    assert saved == PromptFormat(PROMPTS[task, field], (), 48)
    dataset = augment(made, Record(tmp_path / "record.json"))["train"]
    new = [row for row in dataset if row["copy"]]
    assert {row["augmented_by"] for row in new} <= {"generate"}
    reasons = {row["declined"] for row in dataset if row["declined"]}
    assert not reasons & {"prompt leaked", "no room for the prompt"}
    assert len(written_texts(dataset, made.data)) == len(dataset)
    assert train(made) is None, "it is trained once"


@pytest.mark.slow
def test_another_field_is_another_generator(tmp_path):
    one = recipe(tmp_path, "dialogue", "assistant", PROMPTS["dialogue", "assistant"])
    other = recipe(tmp_path, "dialogue", "user", PROMPTS["dialogue", "assistant"])
    assert train(one) is not None
    assert train(one) is None
    assert train(other) is not None


@pytest.mark.slow
def test_selection_keeps_what_makes_sense_without_labels(tmp_path):
    blocks = {
        "augment": {"pipeline": [{"name": "typo", "rate": 0.3}], "total": 12},
        "select": {"encoder": None, "near_duplicate": None, "agreement": False, "copied_words": 30},
    }
    made = recipe(tmp_path, "summarization", "summary", "{document}\nTL;DR: {text}", **blocks)
    record = Record(tmp_path / "record.json")
    chosen = select_rows(made, augment(made, record), record)
    assert chosen["train"].column_names[:2] == ["document", "summary"]
    assert "the written field" not in chosen["train"].column_names
    assert any(row["selected"] for row in chosen["train"] if row["copy"])
    assert len(load_from_disk(str(tmp_path / "run" / "dataset"))["validation"]) == 2


def test_a_prompt_that_the_task_cannot_fill_is_refused_early():
    generate = Generate(model="x", prompt="{document}\nTL;DR: {text}")
    assert generate.reads == ("document",)
    with pytest.raises(ValueError, match="it reads the document of a row, and this task has none"):
        Augment(generate, task="dialogue")
    with pytest.raises(ValueError, match="it reads the document of a row, and writes the document"):
        Augment(generate, task="summarization", field="document")
    Augment(generate, task="summarization", field="summary")


def test_a_generator_of_another_task_says_so(tmp_path):
    model = str(tiny.causal_lm(tmp_path / "model", prompt=PromptFormat("{history}\nassistant: {text}")))
    asked = Augment(Generate(model=model, max_new_tokens=8), task="translation", field="target")
    with pytest.raises(
        ValueError, match=r"holds \['history'\], and the rows have \['source'\]. Take a generator that"
    ):
        asked({"source": ["A train."], "target": [""]})


def test_labels_that_are_texts_are_open_and_repeated_ones_are_closed(tmp_path):
    rows = [{"text": f"Train {i} to {p}.", "label": p} for i, p in enumerate(PLACES)]
    data = {"path": write(tmp_path / "rows", "", rows)}
    shutil.copy(tmp_path / "rows" / "train.jsonl", tmp_path / "rows" / "validation.jsonl")
    model = str(tiny.causal_lm(tmp_path / "model"))
    document = {"output": str(tmp_path / "run"), "data": data, "train": {"model": model, "epochs": 1}}
    made = parse_recipe(json.dumps(document), "r.yaml")
    train(made)
    assert load_causal_lm(str(made.generator)).prompt.labels == ()
    twice = {"path": write(tmp_path / "twice", "", rows * 2), "validation_share": 0.5}
    shutil.copy(tmp_path / "rows" / "train.jsonl", tmp_path / "twice" / "validation.jsonl")
    closed = parse_recipe(json.dumps({**document, "output": str(tmp_path / "closed"), "data": twice}), "r.yaml")
    train(closed)
    assert len(load_causal_lm(str(closed.generator)).prompt.labels) == 10


def test_a_preview_knows_the_names_of_tags(tmp_path, capsys):
    from datasets import ClassLabel, Dataset, DatasetDict, Features, List, Value

    from hf_augment.cli import preview

    features = Features({"tokens": List(Value("string")), "ner_tags": List(ClassLabel(names=["O", "B-LOC"]))})
    rows = Dataset.from_dict({"tokens": [["Off", "to", "Rome"]] * 2, "ner_tags": [[0, 0, 1]] * 2}, features=features)
    DatasetDict(train=rows, validation=rows).save_to_disk(tmp_path / "rows")
    document = {
        "output": str(tmp_path / "run"),
        "data": {"path": str(tmp_path / "rows"), "task": "token-classification", "test_split": None},
        "augment": {"pipeline": [{"name": "random_swap"}]},
    }
    (tmp_path / "r.yaml").write_text(json.dumps(document), encoding="utf-8")
    preview(str(tmp_path / "r.yaml"), 1)
    assert capsys.readouterr().out.startswith("[original] Off to Rome")
