"""Rule 1 in every cell of the matrix: what is written for a row depends on the transform, its content and the seed alone."""

import functools

import pytest
from datasets import Dataset, Features, List, Value
from datasets.fingerprint import Hasher

from hf_augment import Augment
from hf_augment.edits import Editing, EditTransform
from hf_augment.provenance import PROVENANCE
from hf_augment.registry import transform_class
from hf_augment.tasks import TASKS
from hf_augment.tasks.matrix import NO, matrix
from tests.task_rows import made_up
from tests.test_contract import cases, transform

CELLS = [
    (name, task, field)
    for name, signs in matrix().items()
    for task, sign in signs.items()
    if sign != NO
    for field in TASKS[task].fields
]
MARKED = [  # what asks no model is quick
    cell if issubclass(transform_class(cell[0]), EditTransform) else pytest.param(*cell, marks=pytest.mark.slow)
    for cell in CELLS
]
TEXT, NUMBER = Value("string"), Value("int64")
ROWS = 8
# Beside rows that say something, of each task those that hold nothing to rewrite.
BAD = {
    "text-classification": [{"text": None, "label": "good"}, {"text": " ", "label": None}],
    "dialogue": [{"messages": None}, {"messages": []}],
    "translation": [{"source": None, "target": "x"}, {"source": "a b c", "target": ""}],
    "summarization": [{"document": "", "summary": "a"}, {"document": "a b", "summary": None}],
    "question-answering": [
        {"question": "", "context": "a", "answers": None},
        {"question": "a b", "context": "c d", "answers": {"text": ["x"], "answer_start": [1]}},
    ],
    "token-classification": [{"tokens": None, "ner_tags": None}, {"tokens": ["a", "b"], "ner_tags": ["O"]}],
}
FEATURES = {
    "text-classification": {"text": TEXT, "label": TEXT},
    "dialogue": {"messages": List({"role": TEXT, "content": TEXT})},
    "translation": {"source": TEXT, "target": TEXT},
    "summarization": {"document": TEXT, "summary": TEXT},
    "question-answering": {
        "question": TEXT,
        "context": TEXT,
        "answers": {"text": List(TEXT), "answer_start": List(Value("int32"))},
    },
    "token-classification": {"tokens": List(TEXT), "ner_tags": List(TEXT)},
}


# Something for everyone: contractions, words with synonyms, words that are misspelt, and several sentences.
RICH = (
    "They don't think it is true, and we haven't received the beautiful letters. It was definitely a bad idea to wait. "
    "Nobody is happy about it. A quiet room isn't separate from the kitchen."
)
# A name that nobody said before, or that stands on one side alone, is just what these may not write.
SILENT = {
    ("entity_swap", field) for field in ("user", "assistant", "reply", "summary", "question", "source", "target")
}


def good(task: str, field: str) -> list[dict]:
    """Rows whose field says something."""
    if task == "dialogue":
        role = "user" if field == "user" else "assistant"
        rows = [row["messages"] for row in made_up(task, ROWS)]
        return [
            {"messages": [_enriched(turn, "content") if turn["role"] == role else turn for turn in row]}
            for row in rows
        ]
    other = "target" if field == "source" else "source"
    if task in ("translation", "summarization", "question-answering"):
        rows = [row for row in made_up(task, 2 * ROWS) if not any(isinstance(value, list) for value in row.values())]
        if task == "translation":  # as long on the other side
            rows = [{**row, other: row[other] + 16 * " und so weiter"} for row in rows]
        return [_enriched(row, field) for row in rows[:ROWS]]
    stories = [_enriched(row, "context")["context"] for row in made_up("question-answering", ROWS)]
    if task == "text-classification":
        return [{"text": text, "label": ("negative", "positive")[i % 2]} for i, text in enumerate(stories)]
    return [{"tokens": text.split(), "ner_tags": [_tag(word) for word in text.split()]} for text in stories]


def _enriched(row: dict, field: str) -> dict:
    return {**row, field: f"{row[field]} {RICH}"}


def _tag(word: str) -> str:
    return "B-LOC" if word.strip(".,") in ("Berlin", "Oslo", "Kyoto") else "O"


@functools.cache
def dataset(task: str, field: str) -> Dataset:
    rows = [*good(task, field), *BAD[task]]
    features = Features({"id": NUMBER, **FEATURES[task], "other": List(NUMBER)})
    return Dataset.from_list([{**row, "id": i, "other": [i, i]} for i, row in enumerate(rows)], features=features)


def augment(name: str, task: str, field: str, **settings) -> Augment:
    label = "label" if task == "text-classification" else None
    return Augment(fitting(name, task, field), task=task, field=field, label=label, **{"copies": 2, **settings})


@functools.cache
def fitting(name: str, task: str, field: str):
    """The transform of the first of its golden cases that the task accepts."""
    for case in cases(name):
        made = transform(name, case["params"])
        if not TASKS[task].refuses(made, field) and (task == "text-classification" or "label" not in made.reads):
            return made
    return pytest.skip(f"none of the golden cases of {name} is for {task}: what it reads depends on its settings")


def found(rows) -> dict[tuple[int, int], dict]:
    return {(row["id"], row["copy"]): dict(row) for row in rows}


def by_columns(rows: dict[str, list]) -> list[dict]:
    return [dict(zip(rows, values, strict=True)) for values in zip(*rows.values(), strict=True)]


@pytest.mark.parametrize(("name", "task", "field"), MARKED)
def test_rule_one(name, task, field):
    given, one = dataset(task, field), augment(name, task, field)
    before = Hasher.hash(one)
    out = given.map(one, batched=True)
    whole = found(out)

    assert out.features == one.features(given.features), "the schema changed"
    originals = [{column: row[column] for column in given.features} for row in out if row["copy"] == 0]
    assert originals == given.to_list(), "a row was lost, changed or moved"
    assert all(value is not None for column in PROVENANCE for value in out[column])
    written = [row for row in out if row["copy"]]
    # What models of chance write anew, a task may decline to the last row; what is edited must get through.
    anew = task != "text-classification" and not issubclass(transform_class(name), Editing)
    assert written or anew or (name, field) in SILENT, f"every row was declined: {set(out['declined'])}"
    assert all(row["id"] < ROWS for row in written), "a row without a text was written anew"
    reasons = [
        row["declined"] for row in out if row["copy"] == 0 and not {(row["id"], 1), (row["id"], 2)} & set(whole)
    ]
    assert all(reasons), "neither a copy nor a reason"
    for row in written:
        old = whole[row["id"], 0]
        assert {column for column in given.features if row[column] != old[column]}, "handed a row back as new"
        assert (row["id"], row["other"]) == (old["id"], old["other"])
    texts = [column for column in given.features if column != "id"]
    pairs = [(whole.get((i, 1)), whole.get((i, 2))) for i in range(ROWS)]
    assert not written or any(
        first is None or second is None or any(first[column] != second[column] for column in texts)
        for first, second in pairs
        if first or second
    ), "the second copy of every row equals the first"

    rows = given.to_list()
    for size in (1, 7):
        batches = [rows[i : i + size] for i in range(0, len(rows), size)]
        again = [
            row for batch in batches for row in by_columns(one({name: [r[name] for r in batch] for name in rows[0]}))
        ]
        assert found(again) == whole, f"batches of {size} give other rows"
    backwards = by_columns(one({name: [r[name] for r in rows[::-1]] for name in rows[0]}))
    assert found(backwards) == whole, "another order gives other rows"
    assert Hasher.hash(one) == before, "use changed the hash"


@pytest.mark.slow
@pytest.mark.parametrize("task", TASKS)
def test_processes_and_streams_write_the_same_rows(task):
    for field in TASKS[task].fields:
        given = dataset(task, field)
        one = augment("random_swap", task, field)
        whole = found(given.map(one, batched=True))
        assert found(given.map(one, batched=True, num_proc=2)) == whole
        stream = given.to_iterable_dataset(num_shards=3)
        assert found(stream.map(one, batched=True, batch_size=3, features=one.features(stream.features))) == whole
        single = augment("random_swap", task, field, copies=1)
        first = {place: row for place, row in found(given.map(single, batched=True)).items() if place[1]}
        for rows in (
            given.map(single),
            given.to_iterable_dataset().map(single),
            given.with_format("numpy").map(single),
        ):
            rows = rows.with_format(None) if isinstance(rows, Dataset) else rows
            assert {place: row for place, row in found(rows).items() if place[1]} == first


def test_the_cells():
    assert len(CELLS) == sum(
        len(TASKS[task].fields) for signs in matrix().values() for task, s in signs.items() if s != NO
    )
    print(
        f"{len(matrix()) * len(TASKS)} cells of transform and task, {len(CELLS)} of transform and field to be checked"
    )
