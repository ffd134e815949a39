"""Sentences are found in any script, nothing of a text is lost between them, and no text takes for ever."""

import re
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hf_augment.sentences import sentences

BETWEEN = re.compile(r"(\s|</?(br|p) {0,3}/?>)*", re.IGNORECASE)


def cut(text: str) -> list[str]:
    return [text[start:end] for start, end in sentences(text)]


@pytest.mark.parametrize(
    "expected",
    [
        ["It was late.", "We left!", "Did you?"],
        ["Mr. Smith met Dr. J. R. Brown at 5 p.m. in St. Ives.", "He paid $3.50."],
        ["Read Fig. 3, i.e. the map.", "No.", "It is No. 5 of ten."],
        ["We ate soup, bread etc. and left.", "We ate soup, bread etc.", "Then we left."],
        ["So am I.", "You are not."],
        ["i hated it .", "it was bad ! ! ! ''", "never again ."],
        ["Well... maybe.", "It ended...", "Or so we thought."],
        ['"What?" he asked.', '"Nothing."', "She left."],
        ["1. Open the box.", "2. Read the note."],
        ["(It rained.)", "We stayed."],
        ["It is Good.Bad in one.", "Really?!", "Yes!!!"],
        ["これは本です。", "「はい！」", "本当？", "そうです"],
        ["我喜欢这部电影。", "演员很好！"],
        ["यह फ़िल्म अच्छी थी।", "संगीत भी।"],
        ["هل وصلت؟", "نعم."],
        ["Das sind z.B. Hunde bzw. Katzen.", "Sie schlafen."],
    ],
)
def test_sentences_are_told_apart(expected):
    joint = "" if any(mark in expected[0] for mark in "。！？") else " "
    assert cut(joint.join(expected)) == expected


def test_what_stands_between_sentences_belongs_to_none():
    assert cut("One.<br /><br />Two\n\n three\nfour. <p>Five</p>") == ["One.", "Two", "three\nfour.", "Five"]
    assert cut(" \n One. \t Two.\n") == ["One.", "Two."]


def test_punctuation_alone_is_no_sentence_of_its_own():
    assert cut("Good ! ! ... Bad .") == ["Good ! ! ...", "Bad ."]
    assert cut("One.\n\n***\n\nTwo.") == ["One.", "***", "Two."]
    assert cut("...") == ["..."]
    assert cut("") == cut(" \n") == cut("<br />") == []


def test_a_text_without_marks_is_one_sentence():
    assert cut("ฉันชอบหนังเรื่องนี้มาก") == ["ฉันชอบหนังเรื่องนี้มาก"]


PIECES = [
    "a",
    "Mr",
    "No",
    "1",
    "I",
    "U.S",
    "word",
    "。",
    "…",
    ".",
    "...",
    "!",
    "?",
    '"',
    "''",
    ")",
    "(",
    "<br />",
    "<p>",
]
PIECES += ["\n", "\n\n", " ", "\t", "\u2003", "喜", "क्षि", "\u200d", "</p", "<br", "é"]


@given(st.one_of(st.lists(st.sampled_from(PIECES), max_size=30).map("".join), st.text(max_size=40)))
def test_every_character_is_in_a_sentence_or_between_two(text):
    position = 0
    for start, end in sentences(text):
        assert position <= start < end
        assert text[start:end] == text[start:end].strip()
        assert BETWEEN.fullmatch(text, position, start)
        position = end
    assert BETWEEN.fullmatch(text, position)


HOSTILE = [". ", "( . ", "1. ", "<br ", "<", "a.", "'' ", "...", '"', "((((1. ", "x. ", "Mr. ", "\n", "\n ", " ", "。"]


@pytest.mark.slow
@pytest.mark.parametrize("unit", HOSTILE)
def test_time_grows_with_the_length_alone(unit):
    def seconds(size: int) -> float:
        text = unit * (size // len(unit))
        best = float("inf")
        for _ in range(3):
            began = time.process_time()
            sentences(text)
            best = min(best, time.process_time() - began)
        return best

    seconds(1_000)
    assert seconds(160_000) < 40 * seconds(16_000) + 0.05, "ten times the length takes over forty times as long"
