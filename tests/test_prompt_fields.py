"""Prompts that hold what a text is conditioned on: put in as text, shortened the same way in training and generation."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hf_augment.engine.prompt import IGNORED, PROMPT_FILE, PromptFormat
from tests import tiny

SOURCE = PromptFormat("{source} => {text}")
QUESTION = PromptFormat("{context}\nanswer: {answer}\nquestion: {text}", longest=24)
REPLY = PromptFormat("{history}\nassistant: {text}", longest=16)


@pytest.mark.parametrize("value", ["{text}", "{source} {label}", "<|endoftext|>", "a => b", "\\1 {", "  spaced  "])
def test_what_is_put_in_is_text(value):
    tokenizer = tiny.tokenizer()
    assert SOURCE.prefix(None, {"source": value}) == f"{value} =>"
    ids = SOURCE.encode_prompt(tokenizer, None, {"source": value})
    assert tokenizer.eos_token_id not in ids
    assert tokenizer.decode(ids) == f"{value} =>"


def test_labels_and_fields_stand_beside_each_other():
    prompt = PromptFormat("{label}: {document}\nTL;DR: {text}", ("short", "long"))
    assert prompt.fields == ("document",)
    assert prompt.prefix("short", {"document": "{label}"}) == "short: {label}\nTL;DR:"


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=300), st.sampled_from(["cold soup", "lamp", ""]))
def test_a_long_context_makes_room_and_the_rest_stays(context, answer):
    tokenizer = tiny.tokenizer()
    ids = QUESTION.encode_prompt(tokenizer, None, {"context": context, "answer": answer})
    whole = QUESTION.prefix(None, {"context": context, "answer": answer})
    said = tokenizer.decode(ids)
    if said == whole:
        return
    assert len(ids) <= QUESTION.longest
    head, tail = said.split("\nanswer:", 1)
    assert context.startswith(head)
    assert tail.endswith("question:")


def test_a_history_keeps_its_end_and_all_else_its_beginning():
    tokenizer = tiny.tokenizer()
    turns = " ".join(f"turn {i}" for i in range(40))
    reply = tokenizer.decode(REPLY.encode_prompt(tokenizer, None, {"history": turns}))
    assert reply.endswith("turn 39\nassistant:")
    assert "turn 0 " not in reply
    document = PromptFormat("{document}\nassistant: {text}", longest=16)
    summary = tokenizer.decode(document.encode_prompt(tokenizer, None, {"document": turns}))
    assert summary.startswith("turn 0 ")
    assert summary.endswith("\nassistant:")


def test_training_and_generation_shorten_alike():
    tokenizer = tiny.tokenizer()
    turns = " ".join(f"turn {i}" for i in range(40))
    asked = REPLY.encode_prompt(tokenizer, None, {"history": turns}, 60)
    examples = REPLY.encode_examples(tokenizer, [None], ["Fine."], 40, [{"history": turns}])
    [ids], [labels] = examples["input_ids"], examples["labels"]
    assert ids[: len(asked)] == asked
    assert labels[: len(asked)] == [IGNORED] * len(asked)
    assert labels[len(asked) :] == ids[len(asked) :]
    assert tokenizer.decode(ids[len(asked) :]) == " Fine.<|endoftext|>"
    assert len(REPLY.encode_prompt(tokenizer, None, {"history": turns}, 10)) <= 10


def test_what_stands_between_fields_is_a_leak_and_what_they_hold_is_none():
    assert QUESTION.leaks("Who? answer: me", None)
    assert REPLY.leaks("Fine. assistant: And you?", None)
    assert not QUESTION.leaks("What is cold soup?", None)
    assert not SOURCE.leaks("a => b", None)  # too short to tell
    labelled = PromptFormat("{label}<SEP>{document}\nTL;DR: {text}", ("short", "long"))
    assert labelled.leaks("It is long<SEP>", "short")
    assert not labelled.leaks("It is long", "short")


def test_a_field_that_is_not_there_is_named():
    with pytest.raises(ValueError, match=r"wants 'source', and what it is asked for has \['document'\]"):
        SOURCE.prefix(None, {"document": "x"})


def test_the_format_travels_with_its_fields_and_older_files_load(tmp_path):
    QUESTION.save(tmp_path)
    assert PromptFormat.load(tmp_path) == QUESTION
    tiny.PROMPT.save(tmp_path)
    assert json.loads((tmp_path / PROMPT_FILE).read_text()).keys() == {"template", "labels"}
    assert PromptFormat.load(tmp_path).longest is None
