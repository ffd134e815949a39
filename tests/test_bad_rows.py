"""Whatever a row holds, no transform crashes, loses a row, or writes what is not Unicode."""

from collections import Counter

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from hf_augment import TRANSFORMS, Augment
from hf_augment.edits import Editing, EditTransform
from hf_augment.transform import Written
from tests.contract import AWKWARD, NAMES, TEXTS, assert_only_edited, outcomes
from tests.test_contract import transform

NOT_OF_TEXTS = ("generate", "mention_swap", "translate")  # of labels, of tokens, of pairs
RULES = [name for name in TRANSFORMS if name not in NOT_OF_TEXTS]

PIECES = st.sampled_from(
    [
        *"aZé9 \n\t.,!?'-@#<>&;:/’",
        "e\u0301",
        "\U0001f468\u200d\U0001f469\u200d\U0001f467",
        "\u2764\ufe0f",
        "\U0001f44d\U0001f3fd",
        "\u200d",
        "\u200c",
        "\u202e",
        "שלום",
        "مرحبا",
        "क्षि",
        "喜欢",
        "หนังดี",
        "İ",
        "ß",
        "ﬃ",
        "don't",
        "it is",
        "the film",
        "good",
        "https://a.b/c?d",
        "me@x.org",
        "1,234.5",
    ]
)
TEXT = st.one_of(
    st.lists(PIECES, max_size=14).map("".join),
    st.lists(PIECES, max_size=10).map(" ".join),
    st.text(max_size=30),
    st.text(alphabet="a \ud83d\udc00\u0301\u200d", max_size=8),
    st.sampled_from(TEXTS),
)
VALUE = st.one_of(TEXT, st.none(), st.sampled_from(["", " ", "\n\u2003"]), st.integers(), st.lists(TEXT, max_size=2))


@pytest.mark.parametrize("name", RULES)
@given(value=VALUE)
def test_any_value(name, value):
    augment = Augment(transform(name), text="text", label="label", copies=1)
    out = augment({"text": [value], "label": [NAMES[0]], "other": [1]})
    assert out["text"][0] == value
    assert out["copy"][0] == 0
    if len(out["text"]) == 1:
        assert out["declined"][0], "neither a copy nor a reason"
        return
    written = out["text"][1]
    assert written != value
    assert written.strip()
    written.encode()
    assert out["declined"] == ["", ""]


@pytest.mark.parametrize("name", RULES)
@given(text=TEXT)
def test_any_text_is_changed_only_where_the_edits_say(name, text):
    from hf_augment.transform import Row

    made = transform(name)
    if not isinstance(made, Editing):
        return
    if not isinstance(made, EditTransform):  # no tokenizer takes half a character; Augment declines such rows
        assume(not any("\ud800" <= character <= "\udfff" for character in text))
    (outcome,) = outcomes(made, [Row(text, NAMES[0])])
    if isinstance(outcome, Written):
        assert_only_edited(text, outcome)


@pytest.mark.parametrize("name", RULES)
def test_declines_are_counted_by_reason(name):
    from hf_augment.provenance import count

    texts = [*AWKWARD, *TEXTS]
    out = Augment(transform(name), text="text", label="label", copies=2)(
        {"text": texts, "label": NAMES[:1] * len(texts)}
    )
    counted = count(out["augmented_by"], out["declined"])
    reasons = Counter(counted["declined_by_reason"])
    assert reasons["text is None"] == 1
    assert reasons["text is empty"] == 3
    assert reasons["text is longer than 1000000 characters"] == 1
    assert reasons["text is not valid Unicode"] == 1
    written = sum(count for by, count in counted["rows_by"].items() if by != "original")
    per_row = sum(reasons[reason] for reason in reasons if reason.startswith("text is"))
    assert written + (reasons.total() - per_row) + 2 * per_row == 2 * len(texts)
