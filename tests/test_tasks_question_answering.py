"""Question answering: every shape of answers, and each answer where it is said to stand."""

import pytest
from datasets import Dataset, Features, List, Value

from hf_augment import Augment, Keyboard, RandomSwap, Typo
from hf_augment.tasks import bind_task
from tests.rewriters import Drop, MoreOfIt, Upper

CONTEXT = "Paris is big and the old tower in Paris is quite tall. It opened in 1889, to the surprise of many people."
QUESTION = "Where does the old tower stand, and is it a tall one?"
SWAP = RandomSwap(rate=0.6)


def augmented(answers, field: str = "context", transform=SWAP, question: str = QUESTION, context=CONTEXT, **settings):
    given = {"question": [question], "context": [context], "answers": [answers]}
    return Augment(transform, task="question-answering", field=field, **{"copies": 3, **settings})(given)


def copies(out) -> list[dict]:
    rows = [{name: values[i] for name, values in out.items()} for i in range(len(out["copy"]))]
    return [row for row in rows if row["copy"]]


def start(text: str, after: int = 0) -> int:
    return CONTEXT.index(text, after)


SECOND = start("Paris", 1)


@pytest.mark.parametrize(
    "found",
    [
        [("Paris", SECOND)],
        [("Paris", 0)],
        [("people.", start("people."))],
        [("Paris", SECOND)] * 3,
        [("Paris", 0), ("Paris", SECOND)],
        [("the old tower", start("the old")), ("old tower in Paris", start("old tower"))],
        [(CONTEXT[:20], 0), ("1889", start("1889"))],
        [("owe", start("owe")), ("ar", 1)],  # within words
    ],
)
def test_answers_move_with_the_context(found):
    answers = {"text": [text for text, _ in found], "answer_start": [place for _, place in found]}
    rows = copies(augmented(answers, transform=Typo(rate=0.5)))
    assert rows
    for row in rows:
        assert row["context"] != CONTEXT
        assert row["answers"]["text"] == answers["text"]
        for text, place in zip(row["answers"]["text"], row["answers"]["answer_start"], strict=True):
            assert row["context"][place : place + len(text)] == text


def _one(value):
    return value[0] if isinstance(value, list) else value


def test_the_shape_of_the_answers_stays():
    end = SECOND + 5
    shapes = [
        {"text": ["Paris"], "answer_start": [SECOND], "answer_end": [end]},
        {"text": ["Paris"], "answer_start": [SECOND], "answer_end": [None], "kind": ["place"]},
        [
            {"text": "Paris", "answer_start": SECOND, "answer_end": end},
            {"text": "1889", "answer_start": start("1889")},
        ],
        {"text": "Paris", "answer_start": SECOND},
    ]
    for answers in shapes:
        for row in copies(augmented(answers, transform=Typo(rate=0.5))):
            new = row["answers"]
            first, old = (new[0], answers[0]) if isinstance(new, list) else (new, answers)
            assert list(first) == list(old)
            place, text = (_one(first[name]) for name in ("answer_start", "text"))
            assert row["context"][place : place + len(text)] == text == "Paris"
            ends = _one(first.get("answer_end"))
            assert ends is None or ends == place + 5


@pytest.mark.parametrize("answers", [None, [], {"text": [], "answer_start": []}, {"text": None, "answer_start": None}])
def test_a_question_without_answer_is_rewritten_too(answers):
    for row in copies(augmented(answers)):
        assert row["answers"] == answers
    assert copies(augmented(answers))


@pytest.mark.parametrize(
    ("answers", "reason"),
    [
        ("Paris", "answers that are no dicts of text and answer_start"),
        (["Paris"], "answers that are no dicts of text and answer_start"),
        ([None], "answers that are no dicts of text and answer_start"),
        (7, "answers that are no dicts of text and answer_start"),
        ({"text": ["Paris"], "answer_start": []}, "an answer without text or answer_start"),
        ({"text": ["Paris", "1889"], "answer_start": [0]}, "an answer without text or answer_start"),
        ({"text": [""], "answer_start": [0]}, "an answer without text or answer_start"),
        ({"text": [5], "answer_start": [0]}, "an answer without text or answer_start"),
        ({"text": ["Paris"], "answer_start": [1.0]}, "an answer without text or answer_start"),
        ({"text": ["Paris"], "answer_start": [1]}, "an answer does not stand at its answer_start"),
        ({"text": ["people."], "answer_start": [-7]}, "an answer does not stand at its answer_start"),
        ({"text": ["Paris"], "answer_start": [10**9]}, "an answer does not stand at its answer_start"),
        ({"text": ["Paris"], "answer_start": [0], "answer_end": ["5"]}, "an answer_end that is no number"),
    ],
)
@pytest.mark.parametrize("field", ["context", "question"])
def test_what_is_wrong_with_answers_is_said(answers, reason, field):
    out = augmented(answers, field)
    assert (out["declined"], out["answers"], out["copy"]) == ([reason], [answers], [0])


def test_a_lost_answer_declines_the_copy():
    answers = {"text": ["Paris"], "answer_start": [SECOND]}
    out = augmented(answers, transform=Upper(), copies=1)
    assert out["declined"] == ["answer lost"]
    out = augmented({"text": ["1889"], "answer_start": [start("1889")]}, transform=Upper(), copies=1, question="When?")
    assert out["answers"][1]["answer_start"] == [start("1889")]


def test_an_answer_in_a_script_without_spaces_is_found_again():
    context = "我住在北京。北京很大，我喜欢北京的公园 and the parks are nice."
    answers = {"text": ["北京"], "answer_start": [context.index("北京很")]}
    rows = copies(augmented(answers, transform=Upper(), question="where do I live?", context=context, copies=1))
    assert [row["answers"]["answer_start"] for row in rows] == [answers["answer_start"]]


def test_a_question_does_not_tell_any_of_its_answers():
    answers = {"text": ["in the old town", "5"], "answer_start": [0, 0]}
    context, question = "in the old town there are 15 towers", "how many towers, 15?"
    answers["answer_start"] = [0, context.index("5")]
    telling = MoreOfIt()
    for row in copies(augmented(answers, "question", telling, question, context, copies=20)):
        assert "in the old town" not in row["question"].lower()
        assert "7" not in row["question"]
    from hf_augment.transform import Written

    task = bind_task("question-answering", ["question", "context", "answers"], field="question")
    values = (question, context, answers)
    [row] = task.rows(values)
    assert task.check(values, 0, row, Written("Who is In The  Old Town?", "x")) == "the question tells the answer"
    assert task.check(values, 0, row, Written("are there 15 towers?", "x")) == ""


def test_names_and_numbers_of_the_question_stay_in_the_context():
    context = "Obama met Li-Wang in 2009. Later, the president met many other people, and all of them were glad."
    question = "Who met Wang, was it Obama, and was it in 2009?"
    for transform in (SWAP, Keyboard(rate=1.0), Drop(rate=0.4)):
        for row in copies(augmented(None, transform=transform, question=question, context=context, copies=20)):
            assert all(word in row["context"] for word in ("Obama", "Wang", "2009"))


def test_formats_hand_over_arrays():
    answers = {"text": ["Paris"], "answer_start": [SECOND]}
    features = Features(
        {
            "question": Value("string"),
            "context": Value("string"),
            "answers": {"text": List(Value("string")), "answer_start": List(Value("int32"))},
        }
    )
    given = Dataset.from_dict({"question": [QUESTION], "context": [CONTEXT], "answers": [answers]}, features=features)
    augment = Augment(SWAP, task="question-answering", field="context")
    plain = given.map(augment, batched=True)
    assert len(plain) == 2
    assert plain.features == augment.features(features)
    for kind in ("numpy", "torch", "arrow"):
        assert given.with_format(kind).map(augment, batched=True).with_format(None).to_list() == plain.to_list()
    assert given.with_format("numpy").map(augment).with_format(None)[0] == plain[1]


def test_a_missing_column_is_named_with_what_to_write():
    given = {"query": ["a"], "context": ["b"], "answers": [None]}
    with pytest.raises(
        ValueError, match=r"'question'.*has \['query', 'context', 'answers'\].*columns=\{'question': 'query'\}"
    ):
        Augment(SWAP, task="question-answering")(given)
    named = Augment(SWAP, task="question-answering", columns={"question": "query"})
    assert named(given)["declined"] == ["nothing to change"]
    with pytest.raises(ValueError, match="each part of a row is a column of its own"):
        Augment(SWAP, task="question-answering", columns={"question": "context", "context": "context"})(given)
    with pytest.raises(ValueError, match="unknown role 'query'"):
        Augment(SWAP, task="question-answering", columns={"query": "question"})
    with pytest.raises(ValueError, match="unknown field of the task"):
        Augment(SWAP, task="question-answering", field="answer")


def test_cleaning_leaves_an_answer_alone_that_stood_nowhere():
    task = bind_task("question-answering", ["question", "context", "answers"])
    told = {"text": ["<br>"], "answer_start": [0]}
    cleaned = task.cleaned(["who<br>", "a b", told], lambda text: text.replace("<br>", ""))
    assert cleaned == {"question": "who", "context": "a b", "answers": told}, "every column, whatever the row"
