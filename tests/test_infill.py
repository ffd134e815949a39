import copy
import json
import re
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import Tokenizer, models, pre_tokenizers, processors, trainers
from transformers import GenerationConfig, T5Tokenizer

from hf_augment import Augment
from hf_augment.edits import splice
from hf_augment.engine import seq2seq
from hf_augment.engine.decoding import Completion
from hf_augment.engine.seq2seq import Seq2Seq
from hf_augment.streams import row_key, stream
from hf_augment.transform import Declined, Row, Written
from hf_augment.transforms.filler import Filler, Window, align
from hf_augment.transforms.infill import Infill
from tests.contract import TEXTS
from tests.test_bad_rows import TEXT
from tests.tiny import ROWS
from tests.tiny import tokenizer as tiny_tokenizer

SENTINELS = [f"<extra_id_{number}>" for number in range(12)]
ROW = Row("The  soup was cold,\nand nobody <b>cared</b>.", "negative")
LONG = " ".join(f"The film number {number} was dull and far too long." for number in range(60))


@pytest.fixture(scope="module")
def t5():
    """Byte-level BPE with sentinels."""
    made = copy.deepcopy(tiny_tokenizer())
    made.add_special_tokens({"additional_special_tokens": SENTINELS})
    return made


@pytest.fixture(scope="module")
def bart():
    """Byte-level BPE with a mask token."""
    made = copy.deepcopy(tiny_tokenizer())
    made.add_special_tokens({"mask_token": "<mask>"})
    return made


@pytest.fixture(params=["t5", "bart"])
def tokenizer(request):
    return request.getfixturevalue(request.param)


@pytest.fixture
def ask(monkeypatch):
    """Let a model answer each input, given as text, with what `answer` makes of it; return rows' outcomes and inputs."""

    def run(tokenizer, answer, rows, limit=64, finished=True, **settings):
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
            for place, ids in reversed(list(enumerate(inputs))):  # the shortest first: any order must do
                written = tokenizer(answer(tokenizer.decode(ids)), split_special_tokens=False).input_ids
                written = written[:-1] if written[-1:] == [tokenizer.eos_token_id] else written
                yield place, Completion(written, finished)

        monkeypatch.setattr(seq2seq, "load_seq2seq", lambda reference, revision: Seq2Seq(model, tokenizer))
        monkeypatch.setattr(seq2seq, "rewrite", rewrite)
        infill = Infill(model="stub", **{"label": False, **settings})
        drawn = [stream(0, "infill", row_key(row.text), 1) for row in rows]
        return infill.apply(rows, drawn), asked

    return run


def fill(asked: str, words: str = "plum") -> str:
    """Answer as a T5 that writes the same into every gap."""
    marks = re.findall(r"<extra_id_\d+>", asked)
    return "".join(f"{mark} {words}" for mark in [*marks]) + f"<extra_id_{len(marks)}>"


def rewrite_whole(asked: str, words: str = " plum") -> str:
    """Answer as a BART that writes the same into every gap and repeats the rest."""
    return re.sub(r" ?<mask>", words, asked)


def test_fillings_go_into_the_text_whose_rest_stays_byte_for_byte(ask, t5):
    (outcome,), (asked,) = ask(t5, fill, [ROW], masked=0.5)
    assert outcome.text.count("plum") == asked.count("<extra_id_") > 1
    kept = [piece for piece in re.split(r"<extra_id_\d+>", asked) if piece.strip()]
    for piece in kept:
        assert piece.strip() in outcome.text
    assert "<b>" in outcome.text
    assert "  " in outcome.text
    assert "\n" in outcome.text
    (edits,) = outcome.notes["edits"]
    assert splice(ROW.text, edits) == outcome.text


def test_a_model_that_writes_all_again_changes_only_what_it_changed(ask, bart):
    (outcome,), (asked,) = ask(bart, rewrite_whole, [ROW], masked=0.3)
    assert outcome.text.count("plum") == asked.count("<mask>") > 0
    assert "<b>" in outcome.text
    assert "\n" in outcome.text
    assert splice(ROW.text, outcome.notes["edits"][0]) == outcome.text


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        ("<extra_id_0> a<extra_id_2> b", "a sentinel is missing or doubled"),
        ("<extra_id_0> a<extra_id_0> b", "a sentinel is missing or doubled"),
        ("<extra_id_1> a<extra_id_0> b", "a sentinel is missing or doubled"),
        ("a<extra_id_0> b", "a sentinel is missing or doubled"),
        ("<extra_id_0> a", "a sentinel is missing or doubled"),
        ("", "a sentinel is missing or doubled"),
        ("<extra_id_0><extra_id_1> a", "empty"),
        ("<extra_id_0> a<|endoftext|> b<extra_id_1> c", "special token in the text"),
        ("<extra_id_0> caf\ufffd<extra_id_1> c", "broken character"),
    ],
)
def test_fillings_that_fit_no_gaps_are_declined(ask, t5, said, reason):
    row = Row("one, two")
    outcomes, asked = ask(t5, lambda _: said, [row], masked=1.0)
    assert asked == ["<extra_id_0>,<extra_id_1>"]
    assert outcomes == [Declined(reason)]


def test_what_follows_the_last_sentinel_fills_nothing(ask, t5):
    said = "<extra_id_0> three<extra_id_1> four<extra_id_2> and then<extra_id_7> more"
    (outcome,), _ = ask(t5, lambda _: said, [Row("one, two")], masked=1.0, finished=False)
    assert outcome.text == "three, four"
    assert ask(t5, lambda _: "<extra_id_0> a<extra_id_1> b", [Row("one, two")], masked=1.0, finished=False)[0] == [
        Declined("unfinished")
    ]


def test_the_same_words_again_are_no_change(ask, t5):
    outcomes, _ = ask(t5, lambda _: "<extra_id_0> one<extra_id_1> two", [Row("one, two")], masked=1.0)
    assert outcomes == [Declined("nothing to change")]


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        ("a book about something else altogether", "lost the text"),
        ("", "empty"),
        ("The film was<mask>", "special token in the text"),
    ],
)
def test_another_text_is_declined(ask, bart, said, reason):
    row = Row("The film was a joy from start to end.")
    assert ask(bart, lambda _: said, [row])[0] == [Declined(reason)]
    assert ask(bart, rewrite_whole, [row], finished=False)[0] == [Declined("unfinished")]


def test_the_label_stands_before_the_text_and_never_in_a_gap(ask, tokenizer):
    answer = fill if tokenizer.mask_token is None else rewrite_whole
    rows = [Row(f"{text} {label[0]}", label) for text in TEXTS for label in ("negative", "positive")]
    outcomes, asked = ask(tokenizer, answer, rows, limit=400, label=True, max_new_tokens=500)
    assert len(asked) == 21
    assert all(re.match(r"(negative|positive): ?", text) for text in asked)
    written = [outcome for outcome in outcomes if isinstance(outcome, Written)]
    assert len(written) == 21
    assert not any(text in outcome.text for outcome in written for text in ("negative", "positive"))
    assert ask(tokenizer, answer, [Row("a b c")], label=True)[0] == [Declined("no label")]


def test_a_lost_label_is_declined(ask, bart):
    answer = lambda asked: rewrite_whole(asked).replace("negative", "sad")  # noqa: E731
    assert ask(bart, answer, [ROW], label=True)[0] == [Declined("lost the label")]


@pytest.mark.parametrize("spelt", ["<extra_id_0> is here", "a <mask> is here", "it <|endoftext|> ends here"])
def test_special_tokens_that_a_text_spells_out_are_letters(ask, tokenizer, spelt):
    answer = lambda asked: f"{SENTINELS[0]} plum" if tokenizer.mask_token is None else asked  # noqa: E731
    (outcome,), (asked,) = ask(tokenizer, answer, [Row(spelt)], masked=0.0, reserved=["is"], span="word")
    assert asked.count("<") == 2
    if tokenizer.mask_token is None:
        assert isinstance(outcome, Written)


@pytest.mark.parametrize("span", ["word", "poisson"])
@given(masked=st.floats(0, 1), count=st.integers(1, 80), seed=st.integers(0, 1000))
def test_the_share_of_words_is_masked(span, masked, count, seed):
    text = ", ".join(f"word{number}" for number in range(count))  # commas: each word is a gap of its own
    gaps = Infill(model="stub", masked=masked, span=span).gaps(Row(text), stream(seed, "infill", b"", 1))
    assert len(gaps) == min(count, max(1, int(masked * count)))
    assert gaps == sorted(set(gaps))


def test_spans_are_longer_than_words():
    text = " ".join(f"word{number}" for number in range(2_000))
    drawn = stream(0, "infill", b"", 1)
    sizes = {}
    for span in ("word", "poisson"):
        gaps = Infill(model="stub", span=span).gaps(Row(text), drawn)
        sizes[span] = sum(len(text[start:end].split()) for start, end in gaps) / len(gaps)
    assert 1.2 < sizes["word"] < 1.7
    assert 2.7 < sizes["poisson"] < 3.4


@given(text=TEXT, masked=st.floats(0, 1), span=st.sampled_from(["word", "poisson"]))
def test_gaps_never_touch_what_is_protected(text, masked, span):
    infill = Infill(model="stub", masked=masked, span=span, protect=[r"[a-m]+ ?[a-c]", r"\d"], reserved=["the film"])
    row = Row(text)
    taken = infill.protected(row)
    for start, end in infill.gaps(row, stream(0, "infill", row_key(text), 1)):
        assert not any(left < end and start < right for left, right in taken)


def test_key_words_stay():
    row = Row("The soup was so cold that nobody at the counter seemed to care about it")
    infill = Infill(model="stub", keep="keywords", masked=0.5)
    gaps = infill.gaps(row, stream(0, "infill", b"", 1))
    hidden = " ".join(row.text[start:end] for start, end in gaps).lower().split()
    assert not {"soup", "cold", "counter", "care", "seemed"} & set(hidden)
    assert len(hidden) == 7


def test_long_texts_go_through_in_windows_of_whole_sentences(ask, tokenizer):
    answer = fill if tokenizer.mask_token is None else rewrite_whole
    row = Row(f"<br />{LONG}\n\n{LONG}")
    (outcome,), asked = ask(tokenizer, answer, [row], masked=0.2)
    assert len(asked) > 30
    assert all(text.rstrip().endswith((".", ">")) for text in asked)
    assert outcome.text.startswith("<br />")
    assert "\n\n" in outcome.text
    assert outcome.text.count("plum") == sum(text.count("<") for text in asked)
    assert len(outcome.text.split()) > 1000


def test_a_sentence_that_does_not_fit_is_declined_and_not_cut(ask, tokenizer):
    row = Row("a cold bowl of soup and " * 30)
    assert ask(tokenizer, fill, [row, Row("ok")])[0][0] == Declined(
        "a sentence is longer than the model reads or max_new_tokens allows"
    )


def test_no_window_has_more_gaps_than_there_are_sentinels(ask, t5):
    row = Row("No, no. " * 30)
    (outcome,), asked = ask(t5, fill, [row], masked=1.0)
    assert max(text.count("<extra_id_") for text in asked) < len(SENTINELS)
    assert outcome.text == "plum, plum. " * 30


def test_protected_words_that_the_model_changed_are_declined(ask, bart):
    row = Row("The film was a joy from start to end.")
    answer = lambda asked: rewrite_whole(asked).replace("joy", "pity")  # noqa: E731
    assert ask(bart, answer, [row], masked=0.1, reserved=["a joy"])[0] == [Declined("changed protected words")]


@given(
    text=st.lists(
        st.sampled_from(["a", "b", "cold", "(", ")", ",", " ", " ", "  ", "\n", "d-e", "'"]), min_size=1
    ).map("".join),
    written=st.lists(st.sampled_from(["a", "b", "hot", "(", ",", " ", " ", "'"]), min_size=1).map("".join),
)
def test_the_edits_make_what_was_written(text, written):
    text, written = text.strip(), written.strip()
    if text and written:
        edits = align(text, Window(0, len(text), "", [], [(0, len(text))]), written)
        assert "".join(splice(text, edits).split()) == "".join(written.split())


@pytest.mark.parametrize(
    ("text", "written", "expected"),
    [
        ("The soup,\nwas cold", "The broth, was cold", "The broth,\nwas cold"),
        ("The soup  was cold", "The soup was very cold", "The soup  was very cold"),
        ("The soup was (very) cold", "The soup was cold", "The soup was cold"),
        ("It was cold.", "Oh, it was cold.", "Oh, it was cold."),
        ("soup(cold", "soup cold", "soup cold"),
        ("cold soup", "soup", "soup"),
        ("the soup", "the soup!", "the soup!"),
    ],
)
def test_white_space_stays_where_it_was(text, written, expected):
    edits = align(text, Window(0, len(text), "", [], [(0, len(text))]), written)
    assert splice(text, edits) == expected


def test_a_tokenizer_without_gaps_is_refused():
    model = SimpleNamespace(config=SimpleNamespace(max_position_embeddings=64))
    with pytest.raises(ValueError, match="neither a mask token nor sentinels"):
        Filler(model, tiny_tokenizer(), None, 64)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"masked": 1.5}, "masked: expected a number from 0 to 1"),
        ({"table": "x"}, "Write keep='keywords' too"),
        ({"keep": "keywords", "span": "poisson"}, "Write span='word'"),
        ({"beams": 0}, "beams: expected a number from 1"),
    ],
)
def test_impossible_settings(settings, message):
    with pytest.raises(ValueError, match=message):
        Infill(model="stub", **settings)


def test_the_label_is_read_only_where_it_is_asked_for():
    with pytest.raises(ValueError, match="writes from the label"):
        Augment(Infill(model="stub"), text="text")
    Augment(Infill(model="stub", label=False), text="text")


def test_sentencepiece_hides_whole_words_and_what_it_cannot_write_stays_in_the_text(ask):
    """A T5 tokenizer: its first token is a space that is not in the text, and its unknown characters come back."""
    pieces = Tokenizer(models.Unigram())
    pieces.pre_tokenizer = pre_tokenizers.Metaspace()
    marks = ["<pad>", "</s>", "<unk>"]
    trainer = trainers.UnigramTrainer(vocab_size=200, special_tokens=marks, unk_token="<unk>", show_progress=False)
    pieces.train_from_iterator([text for text, _ in ROWS] * 3, trainer)
    vocabulary = json.loads(pieces.to_str())["model"]["vocab"]
    t5 = T5Tokenizer(vocab=[tuple(piece) for piece in vocabulary], extra_ids=20)
    row = Row("Überall (dull),  was a waste of money;\nnot just for me — ☃ joy!", "positive")
    (outcome,), (asked,) = ask(t5, lambda asked: fill(asked, "soup"), [row], limit=200, masked=1.0, label=True)
    assert asked.startswith("positive")
    assert asked.endswith("</s>")
    assert not {"waste", "money", "just", "joy"} & set(re.findall(r"\w+", asked))
    assert outcome.text == "soup (soup),  soup;\nsoup — ☃ soup!"


def test_the_class_that_bart_has(ask, bart):
    """Its texts stand between two special tokens, and its decoder writes the first of them itself."""
    made = copy.deepcopy(bart)
    made.add_special_tokens({"bos_token": "<s>", "eos_token": "</s>"})
    ends = [(token, made.convert_tokens_to_ids(token)) for token in ("<s>", "</s>")]
    made.backend_tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", pair="<s> $A </s> </s> $B </s>", special_tokens=ends
    )
    row = Row("The film was a joy from start to end.")
    answer = lambda asked: rewrite_whole(asked).removeprefix("<s>").removesuffix("</s>")  # noqa: E731
    (outcome,), (asked,) = ask(made, answer, [row])
    assert asked.startswith("<s>")
    assert asked.endswith("</s>")
    assert outcome.text.count("plum") == asked.count("<mask>") > 0
