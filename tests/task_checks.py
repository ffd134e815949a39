"""What must hold for a rewritten row of each task, checked by other means than the tasks use."""

import re
from collections import Counter
from collections.abc import Mapping
from typing import Any

Row = Mapping[str, Any]


def digits(text: str) -> Counter[str]:
    return Counter(re.findall(r"[0-9]+", text))


def numerals(text: str) -> set[str]:
    return {found.rstrip(".,:/") for found in re.findall(r"[0-9][0-9.,:/]*", text)}


def braces(text: str) -> Counter[str]:
    return Counter(re.findall(r"\{[a-z_]+\}", text))


def bare(words: str) -> set[str]:
    return {word.lower() for word in re.findall(r"[^\W\d_]+", words)}


def proper(text: str) -> set[str]:
    """Plain names: a capital and small letters, after a word in small letters or a comma."""
    return {word.lower() for word in re.findall(r"(?<=[a-z,] )[A-Z][a-z]+\b", text)}


def nothing_new(new: str, sources: list[str]) -> None:
    known = " ".join(sources)
    numbers = numerals(known) | set(digits(known))
    numbers |= {number.replace(",", "") for number in numbers}  # 7945 says what 7,945 said
    assert numerals(new) <= numbers, f"{new!r} has a number of its own"
    assert set(braces(new)) <= set(braces(known)), f"{new!r} has a placeholder of its own"
    strange = proper(new) - bare(known)
    assert not strange, f"{new!r} speaks of {strange}"


def nothing_gone(old: str, new: str, other: str) -> None:
    numbers = numerals(other) & numerals(old) - numerals(new) - set(digits(new))
    assert not numbers, f"{other!r} speaks of {numbers}, and {new!r} does not"
    lost = proper(other) & bare(old) - bare(new)
    assert not lost, f"{other!r} speaks of {lost}, and {new!r} does not"


def question_answering(old: Row, new: Row, field: str) -> None:
    for text, start in zip(new["answers"]["text"], new["answers"]["answer_start"], strict=True):
        assert new["context"][start : start + len(text)] == text
    assert new["answers"]["text"] == old["answers"]["text"]
    if field == "question":
        assert (new["context"], new["answers"]) == (old["context"], old["answers"])
        assert new["question"] != old["question"]
        nothing_new(new["question"], [old["question"], old["context"]])
        for text in old["answers"]["text"]:
            there = re.compile(rf"(?<!\w){re.escape(text)}(?!\w)", re.IGNORECASE)
            assert not there.search(new["question"]) or there.search(old["question"]), (new["question"], text)
    else:
        assert new["question"] == old["question"]
        assert new["context"] != old["context"]
        nothing_gone(old["context"], new["context"], old["question"])


def translation(old: Row, new: Row, field: str) -> None:
    other = "source" if field == "target" else "target"
    assert new[other] == old[other]
    assert new[field] != old[field]
    for found in (digits, braces):
        there, before, now = found(old[other]), found(old[field]), found(new[field])
        assert now - there <= before - there, f"{new[field]!r} has what {old[other]!r} has not"
        assert there - now <= there - before, f"{new[field]!r} lacks what {old[other]!r} has"
    shorter, longer = sorted((len(new["source"]), len(new["target"])))
    was = sorted((len(old["source"]), len(old["target"])))
    assert longer <= 3 * shorter + 20 or was[1] > 3 * was[0] + 20


def summarization(old: Row, new: Row, field: str) -> None:
    def listed(value):
        return value if isinstance(value, list) else [value]

    document, now = " ".join(listed(old["document"])), " ".join(listed(new["document"]))
    if field == "document":
        assert new["summary"] == old["summary"]
        assert now != document
        for summary in listed(old["summary"]):
            nothing_gone(document, now, summary)
    else:
        assert new["document"] == old["document"]
        assert new["summary"] != old["summary"]
        for before, after in zip(listed(old["summary"]), listed(new["summary"]), strict=True):
            nothing_new(after, [before, document])


def dialogue(old: Row, new: Row, field: str) -> None:
    before, after = old["messages"], new["messages"]
    assert [turn["role"] for turn in before] == [turn["role"] for turn in after]
    changed = [i for i, (one, other) in enumerate(zip(before, after, strict=True)) if one != other]
    assert changed
    role = "user" if field == "user" else "assistant"
    assert {before[i]["role"] for i in changed} == {role}
    last = max(i for i, turn in enumerate(before) if turn["role"] == "assistant") if field == "reply" else None
    assert last is None or changed == [last]
    for i in changed:
        own = before[i]["content"]
        nothing_new(after[i]["content"], [own, *(turn["content"] for turn in after[:i])])
        for later in before[i + 1 :]:
            nothing_gone(own, after[i]["content"], later["content"])


CHECKS = {
    "question-answering": question_answering,
    "translation": translation,
    "summarization": summarization,
    "dialogue": dialogue,
}
