"""The rules that every transform keeps, each a function that fails for one that does not."""

import json
import pickle
import random
from collections.abc import Callable
from typing import Any

import numpy as np
from datasets import ClassLabel, Dataset, Features, List, Value
from datasets.fingerprint import Hasher

from hf_augment import Augment, build
from hf_augment.edits import Editing
from hf_augment.provenance import PROVENANCE
from hf_augment.streams import row_key, stream
from hf_augment.tasks import bind_task
from hf_augment.transform import Declined, Row, Transform, Written

NAMES = ["negative", "positive"]
TEXTS = [
    "The soup was cold, and nobody at the counter seemed to care about it.",
    "I don't think I'll ever go back to that slow, noisy place.",
    "Visit http://example.org/a?b=c  or write to me@example.org \u2014 it's 5/6 done!\nNew  line\there.",
    "A quiet room, a firm bed and the kindest staff in town!",
    "Nothing worked, not even the light in the wardrobe.",
    "Arrived two days early and still looked new after a year of daily use.",
    "Der Käse schmeckt vorzüglich, die Straße davor ist leider laut.",
    "यह फ़िल्म बहुत अच्छी थी और संगीत भी शानदार था।",
    "האוכל היה טעים מאוד והשירות היה מהיר.",
    "Cafe\u0301 cre\u0300me \U0001f468\u200d\U0001f469\u200d\U0001f467 is lovely \U0001f44d\U0001f3fd, friends \u2764\ufe0f it.",
    "Good.",
    "ok",
    "hello hello hello",
    "Je ne l'ai pas aimé : trop cher, trop long, et le serveur n'était pas aimable.",
    "<br />We left before dessert;<br />the waiter never came back.",
    "It is late, they are tired, I don't know who did not pay, and we're sure that she is here.",
    "Ça marche très bien & c'est beau à voir, n'est-ce pas ?",
]
AWKWARD = [
    None,
    "",
    " ",
    "\n\t",
    "x" * 10_000_000,
    "half a pair \ud83d here",
    "我喜欢这部电影，演员很好。",
    "ฉันชอบหนังเรื่องนี้มาก",
    "\u200d\u200d",
    "\U0001f468\u200d\U0001f469\u200d\U0001f467\u200d\U0001f466" * 3,
    "مرحبا بالعالم الجميل",
    "e\u0301" * 50,
    "...!!!???",
    "a" * 5_000 + " b",
    "\x00 null \x07 bell",
]


def rows(count: int = len(TEXTS)) -> list[Row]:
    texts = [TEXTS[i] if i < len(TEXTS) else f"{TEXTS[i % len(TEXTS)]} ({i})" for i in range(count)]
    return [Row(text, NAMES[i % 2], {"source": text}) for i, text in enumerate(texts)]  # for those that read one


# Of the words of a text, for transforms that read the types of mentions.
TAGS = ["B-PER", "I-PER", "O", "O", "B-LOC", "O"]
TAG_NAMES = ["O", "B-PER", "I-PER", "B-LOC", "I-LOC"]


def reads_tags(transform: Transform) -> bool:
    return "types" in transform.reads


def tagged(text: str) -> tuple[list[str], list[str]]:
    tokens = text.split()
    return tokens, [TAGS[i % len(TAGS)] if any(map(str.isalpha, text)) else "O" for i in range(len(tokens))]


def row_for(transform: Transform, row: Row) -> Row:
    """Return a row as the task of a transform makes it."""
    if not reads_tags(transform):
        return row
    (made,) = bind_task("token-classification", ["tokens", "tags"]).rows(tagged(row.text))
    return made


def rows_for(transform: Transform, count: int = len(TEXTS)) -> list[Row]:
    return [row_for(transform, row) for row in rows(count)]


def streams_of(transform: Transform, given: list[Row], copy: int = 1) -> list:
    return [stream(0, transform.name, row_key(row.text), copy) for row in given]


def outcomes(transform: Transform, given: list[Row]) -> list[Written | Declined]:
    return transform.apply(given, streams_of(transform, given))


def dataset(texts: list[Any] | None = None, names: list[str] | None = None) -> Dataset:
    texts = TEXTS if texts is None else texts
    names = names or NAMES
    labels = [names.index(NAMES[i % 2]) for i in range(len(texts))]
    features = Features({"text": Value("string"), "label": ClassLabel(names=names), "id": Value("int64")})
    return Dataset.from_dict({"text": texts, "label": labels, "id": list(range(len(texts)))}, features=features)


def dataset_for(transform: Transform, texts: list[str] | None = None, reordered: bool = False) -> Dataset:
    """
    Return the data set that a transform is tried on: texts and labels, also as targets for one that writes those from
    the texts; or, in columns of the same names, tokens and tags.
    """
    if not reads_tags(transform):
        made = dataset(texts, ["neutral", *NAMES[::-1]] if reordered else NAMES)
        return made if written_in(transform) == "text" else made.add_column("target", made["text"])
    names = ["B-ORG", *TAG_NAMES[::-1]] if reordered else TAG_NAMES
    tokens, tags = zip(*map(tagged, TEXTS if texts is None else texts), strict=True)
    features = Features({"text": List(Value("string")), "label": List(ClassLabel(names=names)), "id": Value("int64")})
    columns = {"text": tokens, "label": [list(map(names.index, own)) for own in tags], "id": list(range(len(tokens)))}
    return Dataset.from_dict(columns, features=features)


def written_in(transform: Transform) -> str:
    return "target" if "translation" in transform.reads else "text"


def augment_with(transform: Transform, **settings: Any) -> Augment:
    columns: dict[str, Any] = {"text": "text", "label": "label"}
    if reads_tags(transform):
        columns = {"task": "token-classification", "columns": {"tokens": "text", "tags": "label"}}
    elif written_in(transform) == "target":
        columns = {"task": "translation", "field": "target", "columns": {"source": "text", "target": "target"}}
        columns["label"] = "label"
    return Augment(transform, **columns, **{"copies": 2, **settings})


def one_outcome_for_each_row(transform: Transform) -> None:
    for given in (rows_for(transform), rows_for(transform, 1), []):
        found = outcomes(transform, given)
        assert len(found) == len(given), f"{len(found)} outcomes for {len(given)} rows"
        assert all(isinstance(outcome, Written | Declined) for outcome in found)


def speaks_for_some(transform: Transform) -> None:
    found = outcomes(transform, rows_for(transform))
    assert any(isinstance(outcome, Written) for outcome in found), f"every row was declined: {set(found)}"
    assert all(outcome.reason for outcome in found if isinstance(outcome, Declined)), "a decline without a reason"
    assert all(outcome.by for outcome in found if isinstance(outcome, Written)), "nobody said to have written a text"


def declines_rather_than_repeats(transform: Transform) -> None:
    for row, outcome in zip(rows_for(transform), outcomes(transform, rows_for(transform)), strict=True):
        assert not (isinstance(outcome, Written) and outcome.text == row.text), f"handed {row.text!r} back as new"


def leaves_global_randomness_alone(transform: Transform) -> None:
    import torch

    def state() -> tuple:
        return random.getstate(), str(np.random.get_state()), torch.get_rng_state().tolist()

    random.seed(5)
    before = state()
    first = outcomes(transform, rows_for(transform))
    assert state() == before, "the global random state moved"
    random.seed(6)
    assert outcomes(transform, rows_for(transform)) == first, "the texts follow the global random state"


def is_independent_of_the_batch(transform: Transform) -> None:
    given = rows_for(transform, 24)
    drawn = lambda chosen: transform.apply(chosen, streams_of(transform, chosen))  # noqa: E731
    whole = drawn(given)
    one_by_one = [drawn([row])[0] for row in given]
    assert one_by_one == whole, "a row alone gives another text than in its batch"
    sevens = [outcome for i in range(0, len(given), 7) for outcome in drawn(given[i : i + 7])]
    assert sevens == whole, "batches of 7 give other texts"
    assert drawn(given[::-1])[::-1] == whole, "another order gives other texts"


def copies_differ_and_seeds_count(transform: Transform) -> None:
    given = rows_for(transform, 24)
    first = transform.apply(given, streams_of(transform, given, copy=1))
    again = transform.apply(given, streams_of(transform, given, copy=1))
    assert first == again, "the same stream gives another text"
    second = transform.apply(given, streams_of(transform, given, copy=2))
    assert first != second, "the second copy of every row equals the first"


def spec_round_trips(transform: Transform) -> None:
    spec = transform.to_spec()
    assert json.loads(json.dumps(spec)) == spec, "the spec is not JSON-shaped"
    assert build(spec) == transform, "the spec builds another transform"
    assert len(pickle.dumps(transform)) < 10_000, "the pickle holds more than the spec"
    assert pickle.loads(pickle.dumps(transform)) == transform


def hash_survives_use(transform: Transform) -> None:
    given = dataset_for(transform)
    augment = augment_with(transform).bind(given)
    before = Hasher.hash(augment)
    augment(given[:])
    assert Hasher.hash(augment) == before, "using the transform changed its hash"
    assert pickle.loads(pickle.dumps(augment)) == augment


def survives_awkward_rows(transform: Transform) -> None:
    texts = [*AWKWARD, ["a", "list"], 7]
    given = {"text": texts, "label": [NAMES[0]] * len(texts), "id": list(range(len(texts)))}
    if reads_tags(transform):
        texts = [*([text, "twice"] for text in AWKWARD), [], ["a"], None, 7]
        given = {"text": texts, "label": [["B-PER", "O"]] * len(texts), "id": list(range(len(texts)))}
    given |= {} if written_in(transform) == "text" else {"target": texts}
    out = augment_with(transform)(given)
    originals = [i for i, copy in enumerate(out["copy"]) if copy == 0]
    assert [out["text"][i] for i in originals] == texts, "a row was lost, changed or moved"
    copied = {out["id"][i] for i in range(len(out["id"])) if out["copy"][i] > 0}
    for i in originals:
        assert out["id"][i] in copied or out["declined"][i], (
            f"no copy and no reason for {str(texts[out['id'][i]])[:40]!r}"
        )
    for i, copy in enumerate(out["copy"]):
        if copy:
            written = out[written_in(transform)][i]
            written = written if isinstance(written, str) else " ".join(written)
            written.encode()  # raises on a broken surrogate
            assert written.strip(), "an empty text"
    for column in PROVENANCE:
        assert None not in out[column]


def keeps_columns_and_schema(transform: Transform) -> None:
    # The first batch has no copies at all: a column typed by it alone could not hold the later ones.
    texts = ["..."] * 4 + TEXTS
    given = dataset_for(transform, texts)
    out = given.map(augment_with(transform), batched=True, batch_size=4)
    assert out.features == Features({**given.features, **{name: Value(kind) for name, kind in PROVENANCE.items()}})
    assert [row["text"] for row in out if row["copy"] == 0] == given["text"][:]
    whole = [row for row in out if row["copy"] == 0 or not reads_tags(transform)]  # tags go by words, labels by rows
    assert all(row["label"] == given[row["id"]]["label"] for row in whole), "a label moved to another row"
    unbatched = given.map(augment_with(transform, copies=1))
    assert len(unbatched) == len(given)
    assert unbatched.features == out.features


def reads_names_not_indices(transform: Transform) -> None:
    there = dataset_for(transform).map(augment_with(transform), batched=True)
    reordered = dataset_for(transform, reordered=True).map(augment_with(transform), batched=True)
    column = written_in(transform)
    assert there[column] == reordered[column], "the order of the label names changed the texts"


def edits_tell_the_truth(transform: Transform) -> None:
    if not isinstance(transform, Editing):
        return
    for row, outcome in zip(rows_for(transform), outcomes(transform, rows_for(transform)), strict=True):
        if isinstance(outcome, Written):
            assert_only_edited(row.text, outcome)


def assert_only_edited(text: str, outcome: Written) -> None:
    """Follow the noted edits along both texts: between them, every character must be equal."""
    (edits,) = outcome.notes["edits"]
    old = new = 0
    for start, end, put in edits:
        same = start - old
        assert text[old:start] == outcome.text[new : new + same], "a character changed outside the edits"
        assert outcome.text[new + same : new + same + len(put)] == put
        old, new = end, new + same + len(put)
    assert text[old:] == outcome.text[new:], "a character changed outside the edits"


RULES: dict[str, Callable[[Transform], None]] = {
    rule.__name__: rule
    for rule in (
        one_outcome_for_each_row,
        speaks_for_some,
        declines_rather_than_repeats,
        leaves_global_randomness_alone,
        is_independent_of_the_batch,
        copies_differ_and_seeds_count,
        spec_round_trips,
        hash_survives_use,
        survives_awkward_rows,
        keeps_columns_and_schema,
        reads_names_not_indices,
        edits_tell_the_truth,
    )
}
