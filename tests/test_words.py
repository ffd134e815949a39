import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from hf_augment import words as module
from hf_augment.words import graphemes, outside, phrase_pattern, protected, runs, words


def cut(text: str) -> list[str]:
    return [text[start:end] for start, end in words(text)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Don't panic, it's well-made.", ["Don't", "panic", "it's", "well-made"]),
        ("See http://a.b/c?d=e, www.x.org or me@x.org now", ["See", "or", "now"]),
        ("<br />We paid 3.50 @home #now &amp; left", ["We", "paid", "3.50", "left"]),
        ("HTTPS://A.B/C and WWW.X.org", ["and"]),
        ("a < b and x<y", ["a", "b", "and", "x", "y"]),
        ("नमस्ते दुनिया", ["नमस्ते", "दुनिया"]),
        ("Cafe\u0301 très l’été", ["Cafe\u0301", "très", "l’été"]),
        ("می\u200cخواهم بروم", ["می\u200cخواهم", "بروم"]),
        ("좋은 영화였다", ["좋은", "영화였다"]),
        ("我喜欢 the film 很好", ["the", "film"]),
        ("ฉันชอบหนังเรื่องนี้", []),
        ("\u2764\ufe0f \U0001f468\u200d\U0001f469 ok", ["ok"]),
        ("", []),
    ],
)
def test_words(text, expected):
    assert cut(text) == expected


def test_runs_include_scripts_without_spaces():
    assert runs("我喜欢 the") == [(0, 3), (4, 7)]


@given(st.text(alphabet=st.characters(max_codepoint=127), max_size=80))
def test_the_short_way_for_ascii_cuts_as_the_long_one(text):
    long_way = [match.span(1) for match in module._ANY.finditer(text) if match.lastindex]
    assert words(text) == runs(text) == long_way


@given(st.text(max_size=60))
@example("e\u0301\u0301 \u200d\U0001f468\u200d\U0001f469")
def test_words_are_whole_graphemes(text):
    borders = {border for span in graphemes(text, 0, len(text)) for border in span}
    for start, end in words(text):
        assert text[start:end].strip() == text[start:end] != ""
        assert {start, end} <= borders, (text, text[start:end])


SPANS = st.lists(st.integers(0, 60), max_size=16, unique=True).map(
    lambda ends: [*zip(*[iter(sorted(ends))] * 2, strict=False)]
)


@given(st.text(alphabet="ab1 .-@#<>&;:/w", max_size=40))
def test_the_short_way_for_plain_texts_cuts_as_the_long_one(text):
    assert runs(text) == [match.span(1) for match in module._ASCII.finditer(text) if match.lastindex]


@pytest.mark.slow
@pytest.mark.parametrize(
    "text", ["-" * 10**6, "a" * 10**6, "<a " * 10**5, "a@" * 10**5, "1." * 10**5, "&a" * 10**5, "é-" * 10**5]
)
def test_no_text_takes_long(text):
    """Quadratic time on any of these would be minutes."""
    words(text)


@given(SPANS, st.lists(st.tuples(st.integers(0, 60), st.integers(1, 9)).map(lambda at: (at[0], sum(at))), max_size=8))
@example([(0, 2), (3, 5), (6, 8)], [(4, 7)])
def test_outside_keeps_what_touches_nothing(spans, taken):
    apart = [(s, e) for s, e in spans if all(e <= start or s >= end for start, end in taken)]
    assert outside(spans, sorted(taken)) == apart


@pytest.mark.parametrize(
    ("text", "reserved", "found"),
    [
        ("New York is new, New Yorkers", ["new york"], ["New York"]),
        ("our, your OUR", ["our"], ["our", "OUR"]),
        ("我喜欢上海的电影", ["上海"], ["上海"]),
        ("iPhone手机 and iPhones", ["iphone"], ["iPhone"]),
        ("I love New York City", ["new york", "york city"], ["New York", "York City"]),
        ("New  York\nCity", ["New York City"], ["New  York\nCity"]),
        ("die STRASSE", ["straße"], ["STRASSE"]),
        ("a C++ book", ["C++", "c"], ["C++"]),
    ],
)
def test_reserved_words_are_found_whole(text, reserved, found):
    assert [text[s:e] for s, e in protected(text, [phrase_pattern(reserved)])] == found


@pytest.mark.slow
def test_protection_costs_linear_time():
    """Quadratic time would be minutes."""
    from hf_augment import Contraction, RandomSwap
    from hf_augment.streams import stream
    from hf_augment.transform import Row, Written

    for made, piece in ((RandomSwap(protect=[r"\d+"]), "word 1 other 2 "), (Contraction(reserved=["not"]), "it is ")):
        (outcome,) = made.apply([Row(piece * 40_000)], [stream(0, made.name, b"", 1)])
        assert isinstance(outcome, Written)
