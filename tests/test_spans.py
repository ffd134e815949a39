"""Where spans of a text stand once it has been rewritten."""

from hypothesis import given
from hypothesis import strategies as st

from hf_augment import Compose, Typo
from hf_augment.edits import Edit, splice
from hf_augment.spans import follow, still_fixed
from hf_augment.streams import Stream
from hf_augment.transform import Row, Written
from tests.rewriters import Drop

WORDS = st.lists(
    st.sampled_from(["a", "in", "within", "Paris", "5", "15", "北京", "é", "\U0001f468\u200d\U0001f469", "it's", ","])
)


@st.composite
def edited(draw) -> tuple[str, list[tuple[int, int]], list[Edit]]:
    """A text, spans of it that are not empty, and edits that do not overlap."""
    text = draw(st.text(alphabet="ab 5é北.", min_size=1, max_size=30))
    cuts = sorted(draw(st.lists(st.integers(0, len(text)), max_size=6)))
    edits = [
        Edit(start, end, draw(st.text(alphabet="xy ", max_size=4)))
        for start, end in zip(cuts[::2], cuts[1::2], strict=False)
    ]
    starts = draw(st.lists(st.integers(0, len(text) - 1), min_size=1, max_size=4))
    return text, [(start, draw(st.integers(start + 1, len(text)))) for start in starts], edits


def by_characters(text: str, edits: list[Edit]) -> list[int | None]:
    """Where each character stands afterwards: another way to count."""
    places, new, position = [], 0, 0
    for start, end, put in edits:
        places += [new + i for i in range(start - position)]
        new += start - position + len(put)
        places += [None] * (end - start)
        position = end
    return places + [new + i for i in range(len(text) - position)]


@given(edited())
def test_a_span_that_no_edit_touches_moves_with_its_text(made):
    text, spans, edits = made
    new = splice(text, edits)
    places = by_characters(text, edits)
    for (start, end), now in zip(spans, follow(text, spans, Written(new, "x", {}, {"edits": [edits]})), strict=True):
        kept = places[start:end]
        whole = None not in kept and kept[-1] - kept[0] == end - start - 1
        if whole:
            assert now == (kept[0], kept[-1] + 1)
        elif now is not None:  # replaced as a whole, or found again in what stands there now
            assert new[slice(*now)] == text[start:end] or any((start, end) == (edit.start, edit.end) for edit in edits)
        if now is not None:
            assert 0 <= now[0] <= now[1] <= len(new)


@given(edited(), st.data())
def test_steps_are_followed_one_by_one(made, data):
    text, spans, edits = made
    middle = splice(text, edits)
    cut = data.draw(st.integers(0, len(middle)))
    then = [Edit(cut, cut, "zz")]
    both = Written(splice(middle, then), "x", {}, {"edits": [edits, then]})
    first = follow(text, spans, Written(middle, "x", {}, {"edits": [edits]}))
    for now, before in zip(follow(text, spans, both), first, strict=True):
        if before is None or before[0] < cut < before[1]:
            assert now is None
        elif before[0] < before[1]:
            assert now == (before[0] + 2 * (cut <= before[0]), before[1] + 2 * (cut <= before[0]))


@given(WORDS, WORDS, st.data())
def test_a_span_is_found_again_where_its_like_stands(old, new, data):
    text, written = " ".join(old), " ".join(new)
    if not text:
        return
    start = data.draw(st.integers(0, len(text) - 1))
    end = data.draw(st.integers(start + 1, len(text)))
    [now] = follow(text, [(start, end)], Written(written, "x"))
    if (start, end) == (0, len(text)):
        assert now == (0, len(written))
    elif now is not None:
        assert written[slice(*now)] == text[start:end]


def test_a_word_is_not_found_within_another():
    assert follow("it is in there", [(6, 8)], Written("within and inside", "x")) == [None]
    assert follow("it is in there", [(6, 8)], Written("within, in, inside", "x")) == [(8, 10)]
    assert follow("within", [(4, 6)], Written("a within b", "x")) == [(6, 8)]
    assert follow("within", [(4, 6)], Written("within inside", "x")) == [None]
    assert follow("x 15 y", [(3, 4)], Written("y 15 x", "x")) == [(3, 4)]


def test_the_second_of_two_is_still_the_second():
    assert follow("Paris, or Paris", [(10, 15)], Written("Go to Paris and Paris", "x")) == [(16, 21)]
    assert follow("Paris, or Paris", [(10, 15)], Written("Go to Paris, Paris and Paris", "x")) == [None]


def test_a_pipeline_keeps_what_is_fixed_and_leaves_what_is_lost_to_the_task():
    outcome = Written("Rosa and Rosa went", "x")
    assert still_fixed("Rosa went to Oslo", [(0, 4), (13, 17)], outcome) == ((0, 4), (9, 13))
    row = Row("Rosa went to a small place near the sea with 12 friends", None, {}, ((0, 4), (45, 47)))
    steps = Compose(transforms=[Drop(rate=0.3), Typo(rate=1.0)])
    found = [steps.apply([row], [Stream(i)])[0] for i in range(40)]
    assert all(isinstance(outcome, Written) for outcome in found)
    assert sum("Rosa" in outcome.text.split() for outcome in found) > 15
    assert all(
        not any(word.startswith(("R", "1")) and word not in ("Rosa", "12") for word in o.text.split()) for o in found
    )
