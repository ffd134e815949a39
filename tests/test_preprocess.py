"""Cleaning texts: markup goes, what only looks like markup stays, and nothing raises."""

import dataclasses
import json
import pickle
import subprocess
import sys
import time
import unicodedata

import pytest
from datasets import Dataset
from datasets.fingerprint import Hasher
from hypothesis import assume, example, given
from hypothesis import strategies as st

from hf_augment import preprocess
from hf_augment.blocks import PreprocessConfig
from hf_augment.preprocess import STEPS, Preprocess, strip_html

ALL = PreprocessConfig(strip_html=True, sanitise=True, unicode_nfc=True, whitespace=True, lower_case=True)
ANY = st.text(st.characters(exclude_categories=()))  # lone surrogates too
CONFIGS = st.builds(PreprocessConfig, *[], **{name: st.booleans() for name in STEPS})
# Texts dense in what the patterns look for.
PIECES = [
    "<",
    ">",
    "</",
    "/>",
    "<!--",
    "-->",
    "b",
    "br",
    "p",
    "script",
    "<script>",
    "</script>",
    " ",
    "=",
    '"',
    "'",
    "a",
    "&",
]
MARKUP = st.lists(st.sampled_from([*PIECES, "amp;", "lt;", "#39;", "x y", "\n", "class", "-", "3"])).map("".join)


@pytest.mark.parametrize(
    "text",
    [
        "a < b",
        "a<b and c>d",
        "x<y and y>z",
        "I <3 this",
        "1 < 2 > 0",
        "<- look",
        "<unk> and <PAD> and <user1>",
        "if (a<b) return c>d;",
        "p<q and q>r",
        "<b",
        "<b 'unclosed>",
        "<!-- never closed",
        "< br >",
        "AT&T, R&D, fish & chips",
        "https://example.org/?a=1&copy=2&lt=3",
        "&unknown; &; &#; &#x;",
        "leading and trailing white space stays \n",
    ],
)
def test_what_only_looks_like_markup_stays(text):
    assert strip_html(text) == text


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("one<br />two", "one\ntwo"),
        ("one<BR>two<br/>three", "one\ntwo\nthree"),
        ("<p>one</p><p>two</p>", "one\n\ntwo"),
        ("a <b>bold</b>er claim", "a bolder claim"),
        ('see <a href="https://example.org/?a=1&amp;b=2" target=_blank>here</a>', "see here"),
        ("<input type='checkbox' checked disabled />yes", "yes"),
        ("<td>1</td><td>2</td>", " 1  2 "),
        ("<o:p>Word</o:p> and <my-tag id=1>custom</my-tag>", "Word and custom"),
        ("<!DOCTYPE html><html><body>text</body></html>", "text"),
        ("before<!-- <b>a comment</b> -->after", "beforeafter"),
        ("<script type='x'>if (a < b) alert('<p>')</script>text<style>p {color: red}</style>", "text"),
        ("<scripted> stays, <SCRIPT>goes</SCRIPT >", "<scripted> stays, "),
        ("Tom &amp; Jerry&#39;s &quot;fish&quot;&nbsp;&eacute;&#x263A;", 'Tom & Jerry\'s "fish" \u00e9\u263a'),
        ("5 &lt; 6 and &lt;b&gt;", "5 < 6 and <b>"),
        ("I <3 this<br>", "I <3 this"),
        ("a<b>c", "ac"),  # nobody can tell
    ],
)
def test_markup_goes(text, expected):
    assert strip_html(text) == expected


def test_the_steps_in_order():
    text = "  <b>CAFE\u0301</b>\u00a0&amp; \t BAR<br /><br />Now\u2003  "
    expected = {
        "strip_html": "  CAFE\u0301\u00a0& \t BAR\n\nNow\u2003  ",
        "sanitise": "  <b>CAF\u00c9</b> &amp; \t BAR<br /><br />Now   ",
        "unicode_nfc": "  <b>CAF\u00c9</b>\u00a0&amp; \t BAR<br /><br />Now\u2003  ",
        "whitespace": "<b>CAFE\u0301</b> &amp; BAR<br /><br />Now",
        "lower_case": "  <b>cafe\u0301</b>\u00a0&amp; \t bar<br /><br />now\u2003  ",
    }
    assert set(expected) == set(STEPS) == {field.name for field in dataclasses.fields(PreprocessConfig)}
    for name, cleaned in expected.items():
        assert Preprocess(PreprocessConfig(**{name: True}), ["text"]).clean(text) == cleaned
    assert Preprocess(ALL, ["text"]).clean(text) == "caf\u00e9 & bar now"
    assert Preprocess(PreprocessConfig(), ["text"]).clean(text) == text


@given(ANY | MARKUP, CONFIGS)
def test_no_text_raises(text, config):
    assert isinstance(Preprocess(config, ["text"]).clean(text), str)


@given(ANY)
def test_a_text_without_markup_characters_is_left_alone(text):
    text = text.replace("<", "").replace("&", "")
    assert strip_html(text) == text


@given(ANY | MARKUP, CONFIGS)
@example("J\u030c", PreprocessConfig(unicode_nfc=True, lower_case=True))  # composes in lower case only
@example("\u0130", ALL)
def test_a_second_pass_changes_nothing(text, config):
    # Without strip_html always; with it, where the first pass leaves nothing that could be read as markup again.
    clean = Preprocess(config, ["text"]).clean
    once = clean(text)
    if config.strip_html:
        assume("&" not in text and "<" not in once)
    assert clean(once) == once


@given(st.text(st.characters(exclude_characters="<&", exclude_categories=("Cs",))))
def test_escaped_text_comes_back(text):
    import html

    assert strip_html(html.escape(text)) == text


@given(ANY)
def test_the_result_keeps_what_was_asked_for(text):
    cleaned = Preprocess(ALL, ["text"]).clean(text)
    assert cleaned == " ".join(cleaned.split())
    assert unicodedata.is_normalized("NFC", cleaned)
    assert cleaned == cleaned.lower() or unicodedata.normalize("NFC", cleaned.lower()) == cleaned


@pytest.mark.parametrize(
    "unit",
    ["<", "<!--", "<script>", "<a b='", '<a b="', "<b a=b ", "</script ", "&", "&#", "&aaaa", "<b  ", "<p a=' b=' \""],
)
def test_hostile_texts_take_no_longer_than_their_length(unit):
    def seconds(length: int) -> float:
        text = unit * (length // len(unit))
        best = float("inf")
        for _ in range(3):
            start = time.process_time()
            strip_html(text)
            best = min(best, time.process_time() - start)
        return best

    assert seconds(200_000) < max(40 * seconds(20_000), 0.5)  # ten times the text; quadratic time would be a hundred


def test_what_is_no_string_passes():
    rows = {"text": ["<b>A</b>", None, ["<b>"], 3], "other": ["<b>A</b>"] * 4}
    assert Preprocess(ALL, ["text"])(rows) == {"text": ["a", None, ["<b>"], 3]}


def test_several_columns_and_none_in_a_dataset():
    dataset = Dataset.from_dict({"a": [None, "<i>X</i>"], "b": ["Y  Y", None], "c": [1, 2]})
    cleaned = dataset.map(Preprocess(ALL, ["a", "b"]), batched=True, features=dataset.features)
    assert cleaned[:] == {"a": [None, "x"], "b": ["y y", None], "c": [1, 2]}


@pytest.mark.slow
def test_equal_preprocessing_hashes_equally_in_every_process(monkeypatch):
    steps = Preprocess(ALL, ["text"])
    assert pickle.loads(pickle.dumps(steps)) == steps
    before = Hasher.hash(steps)
    steps.clean("<b>use</b>")
    code = (
        "import json, sys; from datasets.fingerprint import Hasher; from hf_augment.preprocess import Preprocess;"
        "from hf_augment.recipe import PreprocessConfig;"
        "print(Hasher.hash(Preprocess(PreprocessConfig(**json.loads(sys.argv[1])), ('text',))))"
    )
    command = [sys.executable, "-c", code, json.dumps(dataclasses.asdict(ALL))]
    elsewhere = subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    assert Hasher.hash(steps) == before == elsewhere

    assert Hasher.hash(Preprocess(ALL, ["other"])) != before
    assert Hasher.hash(Preprocess(dataclasses.replace(ALL, lower_case=False), ["text"])) != before
    monkeypatch.setattr(preprocess, "VERSION", preprocess.VERSION + 1)
    assert Hasher.hash(Preprocess(ALL, ["text"])) != before
