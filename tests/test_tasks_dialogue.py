"""Dialogue: the layouts of the Hub, and turns that go on fitting one another."""

import pytest
from datasets import Dataset, Features, IterableDataset, List, Sequence, Value

from hf_augment import Augment, Generate, RandomSwap
from hf_augment.tasks import bind_task
from hf_augment.transform import Written
from tests.rewriters import Drop, Upper

SWAP = RandomSwap(rate=0.5)
ASK, ANSWER, THANKS = (
    "please find me a small quiet room somewhere",
    "we have one of those left",
    "that sounds very good to me",
)


def turns(*said, keys=("role", "content"), roles=("user", "assistant")) -> list[dict]:
    return [{keys[0]: roles[i % 2], keys[1]: text} for i, text in enumerate(said)]


def augmented(messages, field="user", transform=SWAP, **settings) -> dict:
    return Augment(transform, task="dialogue", field=field, **settings)({"messages": [messages]})


def test_the_layouts_of_the_hub_give_the_same_texts():
    plain = turns(ASK, ANSWER, THANKS)
    layouts = {
        "messages": plain,
        "conversations": turns(ASK, ANSWER, THANKS, keys=("from", "value"), roles=("human", "gpt")),
        "dialog": [ASK, ANSWER, THANKS],
        "turns": turns(ASK, ANSWER, THANKS, keys=("speaker", "utterance"), roles=("USER", "Bot")),
        "conversation": {"role": ["user", "assistant", "user"], "content": [ASK, ANSWER, THANKS]},
        "dialogue": [{**turn, "tool_calls": None, "name": None} for turn in plain],
        "utterances": [
            {"role": turn["role"], "content": [{"type": "text", "text": turn["content"]}]} for turn in plain
        ],
    }
    found = []
    for column, messages in layouts.items():
        out = Augment(SWAP, task="dialogue")({column: [messages], "id": [1]})
        assert out["copy"] == [0, 1], (column, out["declined"])
        assert out[column][0] == messages
        new = out[column][1]
        task = bind_task("dialogue", [column])
        texts = [row.text for row in task.rows((new,))]
        assert len(texts) == 2
        assert all(sorted(text.split()) == sorted(old.split()) for text, old in zip(texts, (ASK, THANKS), strict=True))
        found.append(texts)
    assert all(texts == found[0] for texts in found), "the layout decides what is written"


def test_a_picture_and_what_else_a_turn_holds_stay():
    picture = {"type": "image", "text": None, "url": "a.png"}
    messages = [
        {"role": "system", "content": "be kind to all of them", "weight": 1},
        {"role": "user", "content": [picture, {"type": "text", "text": ASK, "url": None}], "weight": 2},
        {"role": "user", "content": [{"type": "text", "text": "one"}, {"type": "text", "text": "two"}], "weight": 2},
        {"role": "assistant", "content": ANSWER, "weight": 3},
    ]
    out = augmented(messages)
    old, new = out["messages"]
    assert old == messages
    assert [new[i] for i in (0, 2, 3)] == [messages[i] for i in (0, 2, 3)]
    assert new[1]["content"][0] == picture
    assert new[1]["content"][1]["text"] != ASK
    assert {**new[1], "content": None} == {**messages[1], "content": None}


@pytest.mark.parametrize("nothing", [None, "", " "])
def test_the_call_of_a_tool_is_no_turn_to_rewrite(nothing):
    call = {"role": "assistant", "content": nothing, "tool_calls": [{"function": {"name": "find"}}]}
    messages = [*turns(ASK), call, {"role": "tool", "content": "{}"}, {"role": "assistant", "content": ANSWER}]
    for field in ("assistant", "reply"):
        old, new = augmented(messages, field)["messages"]
        assert old == messages
        assert new[:3] == messages[:3]
        assert new[3]["content"] != ANSWER
    assert augmented([*turns(ASK), call], "reply")["declined"] == ["no reply"]


def test_one_blank_turn_does_not_decline_the_row():
    for blank in ("", " ", 7, "half a pair \ud83d", "x" * 1_000_001):
        messages = turns(ASK, ANSWER, blank, ANSWER)
        out = augmented(messages)
        if isinstance(blank, str) and len(blank) > 10**6:
            assert out["declined"] == ["text is longer than 1000000 characters"]
            continue
        assert out["messages"][1][2] == messages[2]
        assert out["messages"][1][0] != messages[0]
    assert augmented(turns("", ANSWER))["declined"] == ["text is empty"]


@pytest.mark.parametrize(
    ("messages", "reason"),
    [
        (None, "no messages"),
        ([], "no messages"),
        ("hello", "no messages"),
        (7, "no messages"),
        ([None], "text is None"),
        ([["a"]], "messages that are neither texts nor dicts"),
        ([{"role": "user"}], "messages without role and content"),
        ([{"role": "user", "content": "a b c d"}, "x"], "messages that are neither texts nor dicts"),
        ([{"role": None, "content": "a b c d"}], "no turn of the user"),
        ([{"role": "user", "content": {"a": 1}}], "text is not a string"),
        ({"role": ["user"], "content": []}, "not one role a content"),
        ({"role": None, "content": None}, "messages without role and content"),
        ({}, "messages without role and content"),
    ],
)
def test_what_is_wrong_with_a_row_is_said(messages, reason):
    out = Augment(SWAP, task="dialogue")({"messages": [messages, turns(ASK)]})
    assert out["messages"][0] == messages
    assert out["declined"][0].replace("no turn of the user", reason) == reason
    assert out["copy"] == [0, 0, 1]


def test_datasets_and_streams_write_the_same():
    rows = [turns(ASK, ANSWER), turns(THANKS, ANSWER), [], None]
    old_style = Features(
        {"messages": Sequence({"role": Value("string"), "content": Value("string")}), "id": Value("int64")}
    )
    new_style = Features(
        {"messages": List({"role": Value("string"), "content": Value("string")}), "id": Value("int64")}
    )
    augment = Augment(SWAP, task="dialogue")
    given = Dataset.from_dict({"messages": rows, "id": [0, 1, 2, 3]}, features=new_style)
    plain = [row["messages"] for row in given.map(augment, batched=True) if row["copy"]]
    assert len(plain) == 2
    assert [row["messages"] for row in given.map(augment) if row["copy"]] == plain
    columns = [{"role": [t["role"] for t in row or []], "content": [t["content"] for t in row or []]} for row in rows]
    other = Dataset.from_dict({"messages": columns, "id": [0, 1, 2, 3]}, features=old_style)
    for rows_of in (other.map(augment, batched=True), other.map(augment), other.to_iterable_dataset().map(augment)):
        texts = [row["messages"]["content"] for row in rows_of if row["copy"]]
        assert texts == [[turn["content"] for turn in row] for row in plain]
    made = IterableDataset.from_generator(lambda: iter([{"messages": row, "id": i} for i, row in enumerate(rows)]))
    for streamed in (made.map(augment), made.map(augment, batched=True)):
        found = list(streamed)
        assert [row["messages"] for row in found if row["copy"]] == plain
        assert [row["declined"] for row in found if row["declined"]] == ["no messages"] * 2


def test_what_a_later_turn_takes_up_stays():
    messages = turns("Rosa and I need 4 seats in {city} today please", "4 seats for Rosa in {city}, sure")
    for transform in (SWAP, Drop(rate=0.5)):
        out = augmented(messages, transform=transform, copies=20)
        for new in out["messages"][1:]:
            assert all(word in new[0]["content"] for word in ("Rosa", "4", "{city}"))
    assert augmented(turns("is it Rosa at Oslo", "yes"), transform=Upper())["copy"] == [0, 1]


def test_two_rewritten_turns_fit_each_other():
    messages = turns("I know Rosa well and like her", "fine", "so we met again", "fine")
    task = bind_task("dialogue", ["messages"])
    rows = task.rows((messages,))
    both = [Written("I know someone well", "x"), Written("so I met Rosa again", "x")]
    checked, changes = task.accept((messages,), rows, both)
    assert checked[0] == both[0]
    assert checked[1].reason == "a number or name that nobody said"
    assert [turn["content"] for turn in changes["messages"]] == [
        "I know someone well",
        "fine",
        "so we met again",
        "fine",
    ]


def test_the_reply_is_the_last_turn_of_the_assistant():
    messages = [*turns(ASK, ANSWER, ASK, THANKS), {"role": "user", "content": "bye bye then"}]
    old, new = augmented(messages, "reply")["messages"]
    assert [i for i in range(5) if old[i] != new[i]] == [3]
    assert augmented(turns(ASK), "reply")["declined"] == ["no reply"]
    assert augmented([{"role": "assistant", "content": ANSWER}], "reply")["declined"] == ["no reply"]


def test_a_missing_column_is_named():
    with pytest.raises(
        ValueError, match=r"needs a column for its 'messages'.*\['chat'\].*columns=\{'messages': 'chat'\}"
    ):
        Augment(SWAP, task="dialogue")({"chat": [turns(ASK)]})
    assert Augment(SWAP, task="dialogue", columns={"messages": "chat"})({"chat": [turns(ASK)]})["copy"] == [0, 1]


@pytest.mark.parametrize("field", ["assistant", "reply"])
def test_a_broken_character_in_another_turn_stops_no_batch(field):
    generate = Generate(model="embedded:generator", prompt="{history} {text}", max_new_tokens=2)
    out = augmented(turns(f"{ASK} \ud800", ANSWER), field, generate)
    assert out["declined"] != ["text is not valid Unicode"], "the turn that is written has none"
