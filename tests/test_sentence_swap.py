"""What a user notices of swapped sentences."""

from hf_augment import SentenceSwap
from hf_augment.sentences import sentences
from hf_augment.streams import row_key, stream
from hf_augment.transform import Declined, Row, Written

TEXT = "One came.  Two stayed!\n\nDid three leave? Four did."


def outcome(text, copy=1, **params):
    made = SentenceSwap(**params)
    (found,) = made.apply([Row(text)], [stream(0, made.name, row_key(text), copy)])
    return found


def parts(text):
    return [text[slice(*span)] for span in sentences(text)]


def test_sentences_change_places_and_nothing_else_does():
    found = [outcome(TEXT, copy, rate=1.0) for copy in range(1, 60)]
    written = {each.text for each in found if isinstance(each, Written)}
    assert len(written) > 10
    for text in written:
        first, second, third, fourth = parts(text)
        assert {first, second, third, fourth} == set(parts(TEXT))
        assert text == f"{first}  {second}\n\n{third} {fourth}"


def test_rate_counts_swaps():
    text = " ".join(f"There is sentence {'one' * number}." for number in range(1, 21))
    for copy in range(1, 10):
        pairs = zip(parts(text), parts(outcome(text, copy, rate=0.1).text), strict=True)
        assert 3 <= sum(old != new for old, new in pairs) <= 4  # two swaps, perhaps with a sentence in common


def test_one_sentence_is_declined_and_a_protected_one_stays():
    assert outcome("One sentence, and no more.") == Declined("nothing to change")
    assert outcome("One came. One came.") == Declined("nothing to change")
    assert outcome(TEXT, reserved=["one", "two", "four"]) == Declined("nothing to change")
    assert outcome(TEXT, reserved=["one", "two"]).text == "One came.  Two stayed!\n\nFour did. Did three leave?"
