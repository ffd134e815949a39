"""What a user notices of a run of words cut out."""

from hypothesis import given
from hypothesis import strategies as st

from hf_augment import RandomCrop
from hf_augment.streams import row_key, stream
from hf_augment.transform import Declined, Row, Written


def outcome(text, copy=1, **params):
    made = RandomCrop(**params)
    (found,) = made.apply([Row(text)], [stream(0, made.name, row_key(text), copy)])
    return found


def every(text, copies=60, **params):
    return {outcome(text, copy, **params)[0] for copy in range(1, copies + 1)}


def test_a_run_goes_and_leaves_no_gap():
    assert every("one two,  three four.", rate=0.5) == {"three four.", "one four.", "one two."}
    assert every("one two", rate=1.0) == {"one", "two"}


def test_an_address_or_a_protected_word_is_never_in_it():
    text = "one two https://a.b/c three four"
    assert every(text, rate=0.5) == {"https://a.b/c three four", "one two https://a.b/c"}
    assert every(text, rate=0.8) == {"nothing to change"}
    assert every("one <br/> me@example.org two", rate=0.5) == {"<br/> me@example.org two", "one <br/> me@example.org"}
    assert every("one two three four", rate=0.5, reserved=["three"]) == {"three four"}
    assert outcome("one two three", rate=1.0, reserved=["two"]) == Declined("nothing to change")


def test_one_word_always_stays():
    assert outcome("Good.") == Declined("nothing to change")
    assert len(every("a b c d", rate=1.0)) == 2


@given(st.lists(st.sampled_from(["good", "food,", "5.", "(so)", "https://a.b/c", "<br/>", "\n"]), max_size=12))
def test_what_stays_is_a_beginning_and_an_end_of_the_text(pieces):
    text = " ".join(pieces)
    found = outcome(text, rate=0.4)
    if isinstance(found, Written):
        ((edit,),) = found.notes["edits"]
        assert found.text == text[: edit.start] + text[edit.end :]
        assert "https" not in text[edit.start : edit.end]
