import copy
import re
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from transformers import GenerationConfig

from hf_augment import Augment
from hf_augment.edits import Edit
from hf_augment.engine import seq2seq
from hf_augment.engine.decoding import Completion
from hf_augment.engine.seq2seq import Seq2Seq
from hf_augment.streams import row_key, stream
from hf_augment.transform import Declined, Row, Written
from hf_augment.transforms.abstract import Abstract
from hf_augment.windows import longest_input, longest_output, pack
from tests import tiny_chains
from tests.tiny import tokenizer as tiny_tokenizer

SENTENCE = "The film was dull and far too long."
LONG = " ".join(f"The film number {number} was dull and far too long." for number in range(60))


@pytest.fixture(scope="module")
def tokenizer():
    made = copy.deepcopy(tiny_tokenizer())
    made.add_special_tokens({"cls_token": "<s>"})
    return made


@pytest.fixture
def ask(monkeypatch, tokenizer):
    """Let a model answer each input, given as text, with what `answer` makes of it; return rows' outcomes and inputs."""

    def run(answer, rows, limit=64, finished=True, **settings):
        asked = []
        model = SimpleNamespace(
            config=SimpleNamespace(max_position_embeddings=limit),
            device=SimpleNamespace(type="cpu"),
            generation_config=GenerationConfig(eos_token_id=tokenizer.eos_token_id),
        )

        def rewrite(model, inputs, keys, sampling, end, beams):
            asked.extend(tokenizer.decode(ids) for ids in inputs)
            assert all(len(ids) <= limit for ids in inputs)
            assert len(set(keys)) == len(keys)
            for place, ids in reversed(list(enumerate(inputs))):  # any order must do
                written = tokenizer(answer(tokenizer.decode(ids)), split_special_tokens=False).input_ids
                yield place, Completion(written, finished)

        monkeypatch.setattr(seq2seq, "load_seq2seq", lambda reference, revision: Seq2Seq(model, tokenizer))
        monkeypatch.setattr(seq2seq, "rewrite", rewrite)
        drawn = [stream(0, "abstract", row_key(row.text), 1) for row in rows]
        return Abstract(model="stub", **settings).apply(rows, drawn), asked

    return run


def written(old: str, new: str) -> Written:
    return Written(new, "abstract", {}, {"edits": [[Edit(0, len(old), new)]]})


def test_a_short_text_is_rewritten_whole(ask):
    outcomes, asked = ask(lambda _: " A dull film. ", [Row(f"{SENTENCE} Really.")])
    assert asked == [f"{SENTENCE} Really."]
    assert outcomes == [written(f"{SENTENCE} Really.", "A dull film.")]


def test_a_long_text_is_read_to_its_end_in_windows_of_whole_sentences(ask):
    (outcome,), asked = ask(lambda asked: asked.split()[3], [Row(f"  {LONG}\n\n{LONG}\n")])
    assert len(asked) > 30
    assert all(text.endswith(".") for text in asked)
    assert " ".join(asked) == f"{LONG} {LONG}"
    assert outcome.text.startswith("  0 ")
    assert outcome.text.endswith("\n")
    assert outcome.text.split() == [text.split()[3] for text in asked]


def test_so_many_sentences_at_a_time(ask):
    _, asked = ask(lambda asked: "ok", [Row("One. Two. Three. Four. Five.")], sentences=2)
    assert asked == ["One. Two.", "Three. Four.", "Five."]


def test_what_the_model_expects_before_a_text_stands_before_each_window(ask):
    (outcome,), asked = ask(lambda asked: "ok", [Row(LONG)], prefix="summarize: ")
    assert len(asked) > 15
    assert all(text.startswith("summarize: The film") for text in asked)
    assert "summarize" not in outcome.text


@pytest.mark.parametrize(
    ("said", "settings", "reason"),
    [
        (SENTENCE, {}, "copied the text"),
        (SENTENCE.replace(" ", "  "), {}, "copied the text"),
        (SENTENCE + " So.", {}, "not shorter than the text"),
        ("Dull.", {"mode": "expand"}, "not longer than the text"),
        ("", {}, "empty"),
        (" \n ", {}, "empty"),
        ("A <s> film", {}, "special token in the text"),
        ("A caf\ufffd", {}, "broken character"),
    ],
)
def test_what_is_no_shorter_text_is_declined(ask, said, settings, reason):
    assert ask(lambda _: said, [Row(SENTENCE)], **settings)[0] == [Declined(reason)]


def test_a_text_that_was_cut_is_declined(ask):
    answer = lambda asked: "ok"  # noqa: E731
    assert ask(answer, [Row(LONG), Row(SENTENCE)], finished=False)[0] == [Declined("unfinished")] * 2


def test_one_window_without_an_answer_declines_the_row(ask):
    answer = lambda asked: "" if "number 41" in asked else "ok"  # noqa: E731
    outcomes, _ = ask(answer, [Row(LONG), Row(SENTENCE)])
    assert outcomes == [Declined("empty"), written(SENTENCE, "ok")]


def test_expanding(ask):
    outcomes, _ = ask(lambda asked: f"{asked} It really was.", [Row(SENTENCE)], mode="expand")
    assert outcomes == [written(SENTENCE, f"{SENTENCE} It really was.")]


def test_a_sentence_that_does_not_fit_is_declined_and_not_cut(ask):
    row = Row("a cold bowl of soup and " * 30)
    assert ask(lambda asked: "ok", [row]) == ([Declined("a sentence is longer than the model reads")], [])


def test_special_tokens_that_a_text_spells_out_are_letters(ask, tokenizer):
    seen = []
    tokens = lambda asked: seen.append(asked) or "ok"  # noqa: E731
    ask(tokens, [Row("The <s> film <|endoftext|> was long.")])
    assert seen == ["The <s> film <|endoftext|> was long."]


def test_a_text_without_words_is_declined(ask):
    assert ask(lambda asked: "ok", [Row("...!")]) == ([Declined("no words")], [])


def test_the_label_is_not_read():
    Augment(Abstract(model="stub"), text="text")
    assert Abstract(model="stub").reads == ("text",)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"min_new_tokens": 200}, "min_new_tokens: expected a number from 0 to 128"),
        ({"sentences": -1}, "sentences: expected a number from 0"),
        ({"mode": "shorten"}, "expected one of"),
    ],
)
def test_impossible_settings(settings, message):
    with pytest.raises(ValueError, match=message):
        Abstract(model="stub", **settings)


COST = st.tuples(st.integers(0, 9), st.integers(0, 3))


@given(
    sizes=st.lists(st.tuples(COST, COST), max_size=40),
    room=st.tuples(st.integers(1, 20), st.integers(1, 5)),
)
def test_windows_hold_all_in_order_and_are_full(sizes, room):
    windows = pack(sizes, room)
    if windows is None:
        assert any(first[0] > room[0] or first[1] > room[1] for first, _ in sizes)
        return
    assert [place for first, last in windows for place in range(first, last)] == list(range(len(sizes)))
    used = [
        [sizes[first][0][kind] + sum(later[kind] for _, later in sizes[first + 1 : last]) for kind in (0, 1)]
        for first, last in windows
    ]
    assert all(cost <= space for window in used for cost, space in zip(window, room, strict=True))
    for (first, last), (tokens, gaps) in zip(windows[:-1], used, strict=False):
        assert first < last
        assert tokens + sizes[last][1][0] > room[0] or gaps + sizes[last][1][1] > room[1]


@pytest.mark.parametrize("between", [" <br /><br />", "\n\n\n\n", " <br />\n \n<br />", "<p>" * 5, "\n \n" * 100])
def test_what_stands_between_sentences_takes_room_too(ask, between):
    """Reviews from the web are full of it."""
    text = between.join(f"Film {number} was dull." for number in range(40))
    (outcome,), asked = ask(lambda asked: re.search(r"\d+", asked)[0], [Row(text)])
    assert [number for window in asked for number in re.findall(r"\d+", window)] == [str(n) for n in range(40)]
    assert isinstance(outcome, Written)


def test_a_window_may_be_full_to_the_last_token(ask, tokenizer):
    """Words that begin a text take other tokens than those that follow a space."""
    assert len(tokenizer("waste").input_ids) > len(tokenizer(" waste").input_ids) + 1
    text = " ".join("waste of money." for _ in range(20))
    for limit in range(10, 30):
        (outcome,), _ = ask(lambda asked: "ok", [Row(text)], limit=limit)
        assert isinstance(outcome, Written), limit


@pytest.mark.parametrize(
    ("positions", "declared", "expected"),
    [(1024, 10**30, 1024), (1024, 512, 512), (None, 512, 512), (None, 10**30, 512), (128, None, 128)],
)
def test_how_much_a_model_reads(positions, declared, expected):
    config = SimpleNamespace() if positions is None else SimpleNamespace(max_position_embeddings=positions)
    assert longest_input(SimpleNamespace(config=config), SimpleNamespace(model_max_length=declared)) == expected


def test_how_much_a_model_writes():
    nested = SimpleNamespace(
        encoder=SimpleNamespace(max_position_embeddings=64), decoder=SimpleNamespace(max_position_embeddings=32)
    )
    model = SimpleNamespace(config=nested)
    assert longest_input(model, SimpleNamespace(model_max_length=None)) == 64
    assert [longest_output(model, wanted) for wanted in (8, 64)] == [8, 30]
    assert longest_output(SimpleNamespace(config=SimpleNamespace()), 900) == 900


@pytest.mark.parametrize("made", ["infiller", "abstractor"])
def test_no_more_is_written_than_there_are_positions_for(made, tmp_path):
    """The stand-ins have 256 positions, and never end where their end token is barred."""
    getattr(tiny_chains, made)(tmp_path)
    abstract = Abstract(model=str(tmp_path), min_new_tokens=1_000, max_new_tokens=1_000)
    found = abstract.apply([Row(SENTENCE)], [stream(0, "abstract", b"", 1)])
    assert found == [Declined("unfinished")]
