"""What two texts agree on, and that no text makes finding it out slow."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hf_augment.tasks.agreement import disagreement, gone, marks, names, said, shared, told, unsupported

PIECES = st.lists(
    st.sampled_from(
        [
            "Rosa",
            "rosa's",
            "Li-Wang",
            "the",
            "5",
            "1,000.5",
            "{name}",
            "%s",
            "<b>",
            "a@b.org",
            "http://x.y/z?q=1",
            ".",
            "NASA",
        ]
    )
    | st.text(max_size=5),
    max_size=12,
)
TEXTS = PIECES.map(" ".join)


@given(TEXTS)
def test_what_is_told_stands_where_it_is_said_to(text):
    for (start, end), what in told(text).items():
        assert 0 <= start < end <= len(text)
        assert what
    assert not unsupported(text, [text])
    assert not disagreement(text, text)
    assert not gone(text, text, [text])
    assert set(told(text).values()) <= said(text)


@given(TEXTS, TEXTS)
def test_each_side_of_a_disagreement_is_told(one, other):
    found, back = disagreement(one, other), disagreement(other, one)
    assert {(mark[1:], n) for mark, n in found.items()} == {(mark[1:], n) for mark, n in back.items()}
    assert all(count > 0 for count in found.values())
    spans = shared(one, [other])
    assert list(spans) == sorted(set(spans))
    assert all(span in spans for span, what in told(one).items() if what in said(other))


@given(TEXTS, TEXTS, TEXTS)
def test_what_is_gone_was_there_and_is_not(old, new, other):
    lost = gone(old, new, [other])
    assert lost <= said(old) & said(other)
    assert not lost & said(new)
    assert unsupported(new, [old, other]) == unsupported(new, [other, old]) <= set(told(new).values())


def test_names_are_words_in_capitals_within_a_sentence():
    text = "The man met Rosa's friend Li-Wang at NASA. He didn't say “Yes” but I'm fine. NATO too"
    assert set(names(text).values()) == {"rosa", "li", "wang", "nasa", "nato"}


@pytest.mark.parametrize(
    "text",
    [
        "x" * 1_000_000,
        "ab-" * 300_000,
        "a@" * 400_000,
        "Rosa " * 200_000,
        "<a" * 400_000,
        "{" * 900_000,
        "_" * 900_000,
    ],
    ids=lambda text: text[:4],
)
def test_a_long_text_takes_seconds_at_most(text):
    start = time.process_time()
    told(text), said(text), marks(text)
    assert time.process_time() - start < 20
