import json
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from transformers import GenerationConfig

from hf_augment import Augment, BackTranslate, build
from hf_augment.engine import seq2seq
from hf_augment.engine.decoding import Completion
from hf_augment.engine.seq2seq import Seq2Seq
from hf_augment.sentences import sentences
from hf_augment.streams import row_key, stream
from hf_augment.transform import Declined, Row, Written, canonical
from tests.contract import dataset
from tests.tiny_seq2seq import LONGEST, back_translator, ended, translator, write_translator

TEXT = "The soup was cold, and so were they.  It is a waste of money!\n\n- Not for me"


@pytest.fixture(scope="module")
def pair(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pair")
    there, back = translator(folder / "there"), back_translator(folder / "back")
    return {"forward": str(there), "backward": str(back)}


def outcomes(transform: BackTranslate, texts: list[str], copy: int = 1) -> list[Written | Declined]:
    return transform.apply(
        [Row(text) for text in texts], [stream(0, transform.name, row_key(text), copy) for text in texts]
    )


@pytest.fixture
def ask(monkeypatch):
    """Let models answer each sentence with what `answer(model, text)` makes of it; return outcomes and what was asked."""

    def run(answer, texts, finished=True, tokenizer=None, **settings):
        asked, tokenizer = [], tokenizer or ended()

        def load(reference, revision):
            config = SimpleNamespace(max_position_embeddings=LONGEST)
            settings = GenerationConfig(eos_token_id=tokenizer.eos_token_id, decoder_start_token_id=0)
            device = SimpleNamespace(type="cpu")
            model = SimpleNamespace(config=config, generation_config=settings, device=device, name=reference)
            return Seq2Seq(model, tokenizer)

        def rewrite(model, inputs, keys, sampling, end, start, beams):
            assert len(set(keys)) == len(keys)
            for place, ids in reversed(list(enumerate(inputs))):  # any order must do
                assert len(ids) <= LONGEST
                text = tokenizer.decode(ids[:-1])
                asked.append((model.name, text, start))
                tokens = tokenizer(answer(model.name, text), split_special_tokens=False).input_ids[:-1]
                yield place, Completion(tokens, finished)

        monkeypatch.setattr(seq2seq, "load_seq2seq", load)
        monkeypatch.setattr(seq2seq, "rewrite", rewrite)
        given = {"forward": "there", "backward": "back", **settings}
        return outcomes(BackTranslate(**given), texts), asked

    return run


def test_a_text_comes_back_changed_through_both_models(pair):
    [outcome] = outcomes(BackTranslate(**pair), [TEXT])
    assert outcome.text not in (TEXT, "")
    assert outcome.by == "back_translate"
    kept = sum(a == b for a, b in zip(TEXT.split(), outcome.text.split(), strict=True))
    assert kept >= 6  # the second model undoes most of what the first does
    [astray] = outcomes(BackTranslate(forward=pair["forward"], backward=pair["forward"]), [TEXT])
    assert sum(a == b for a, b in zip(TEXT.split(), astray.text.split(), strict=True)) < kept


def test_sentences_go_through_one_by_one_and_what_stands_between_them_stays(ask):
    said = {"there": {"One two.": "Eins zwei.", "Three!": "Drei!"}, "back": {"Eins zwei.": "1 2.", "Drei!": "3!"}}
    [outcome], asked = ask(lambda model, text: said[model][text], [" \tOne two.  \n\nThree! \u2003"])
    assert outcome.text == " \t1 2.  \n\n3! \u2003"
    assert {(model, text) for model, text, _ in asked} == {(model, text) for model in said for text in said[model]}
    assert [edit.new for edit in outcome.notes["edits"][0]] == ["1 2.", "3!"]


@given(pieces=st.lists(st.sampled_from([*"aZé9 \n\t.!?。", "One two.", "<br />", "שלום", "喜欢", "..."]), max_size=12))
@hypothesis_settings(max_examples=40)
def test_what_is_no_sentence_stays_byte_for_byte(pair, pieces):
    text = "".join(pieces)
    [outcome] = outcomes(BackTranslate(**pair, temperature=5.0, top_p=1.0, max_new_tokens=LONGEST), [text])
    if isinstance(outcome, Declined):
        return
    [edits] = outcome.notes["edits"]
    assert {edit[:2] for edit in edits} <= set(sentences(text))
    between, place = [], 0
    for start, end, new in edits:
        between.append(text[place:start])
        assert new.strip() == new
        place = end
    assert outcome.text.startswith(between[0])
    assert outcome.text.endswith(text[place:])


def test_a_long_text_is_rewritten_to_its_end(pair):
    text = " ".join(f"The film number {number} was dull and far too long." for number in range(200))
    [outcome] = outcomes(BackTranslate(**pair), [text])
    assert len(sentences(outcome.text)) == 200
    assert "number 199" in outcome.text


def test_a_sentence_that_does_not_fit_is_not_cut(ask):
    long = "It was cold. " + "The soup was cold " * LONGEST + "."
    found, asked = ask(lambda model, text: f"{text} Yes.", ["A film.", long, "x" * 10**6])
    assert found[0].text == "A film. Yes. Yes."
    assert found[1:] == [Declined("a sentence is longer than the model reads")] * 2
    assert max(len(text) for _, text, _ in asked) < 200


def test_what_a_model_makes_too_long_for_the_other_is_declined(ask):
    answers = {"there": "Lang und breit " * LONGEST, "back": "Long"}
    found, _ = ask(lambda model, text: answers[model], ["A film."])
    assert found == [Declined("a sentence is longer than the model reads")]


@pytest.mark.parametrize(
    ("answer", "reason"),
    [("", "empty"), (" \n", "empty"), ("The <|endoftext|> film", "special token in the text")],
)
def test_what_is_no_translation_is_declined(ask, answer, reason):
    for bad in ("there", "back"):
        found, _ = ask(
            lambda model, text, bad=bad: answer if model == bad and "film" in text else f"{text} yes",
            ["A soup. The film. A lamp.", "A soup."],
        )
        assert found == [Declined(reason), Written("A soup. yes yes", "back_translate", {}, found[1].notes)]


def test_the_first_sentence_that_fails_gives_the_reason(ask):
    answers = {"One.": "", "Two.": "a <|endoftext|>"}
    found, _ = ask(lambda _, text: answers[text], ["One. Two.", "Two. One."])
    assert found == [Declined("empty"), Declined("special token in the text")]


def test_a_translation_that_was_cut_is_declined(ask):
    assert ask(lambda _, text: "A fi", ["A film."], finished=False)[0] == [Declined("unfinished")]


def test_the_same_text_is_not_handed_back_as_new(ask):
    found, _ = ask(lambda _, text: text, ["A  film.\n"])
    assert found == [Declined("copied the text")]


@pytest.mark.parametrize("text", ["", "  ", "... !!", "\U0001f44d"])
def test_a_text_without_words_asks_no_model(ask, text):
    found, asked = ask(lambda _, text: "x", [text])
    assert found == [Declined("no words")]
    assert not asked


def test_special_tokens_that_a_text_spells_out_are_letters(ask):
    found, asked = ask(lambda _, text: text.replace("<|", "("), ["A <|endoftext|> film."])
    assert asked[0][1] == "A <|endoftext|> film."
    assert found[0].text == "A (endoftext|> film."


def test_a_prefix_stands_before_each_sentence_and_may_be_a_token(ask):
    prefixes = {"forward_prefix": "to German: ", "backward_prefix": ">>en<<"}
    tokenizer = ended()
    tokenizer.add_special_tokens({"additional_special_tokens": [">>en<<"]})
    _, asked = ask(lambda _, text: "Ein Film", ["A film. A lamp."], tokenizer=tokenizer, **prefixes)
    assert sorted({text for model, text, _ in asked if model == "there"}) == [
        "to German: A film.",
        "to German: A lamp.",
    ]
    assert {text for model, text, _ in asked if model == "back"} == {">>en<<Ein Film"}
    found, asked = ask(lambda _, text: "A >", ["A >>en<< film."], tokenizer=tokenizer, forward_prefix=">>en<<")
    assert found == [Declined("special token in the text")]
    assert not asked


def test_what_marian_would_take_for_a_language_is_not_dropped(ask):
    """Its tokenizer makes one token, mostly an unknown one, of all that stands before `<<`."""
    tokenizer = ended()
    tokenizer.remove_language_code = lambda text: ([], text)  # only Marian's has it
    texts = [">>Call now, it is free<< or text us.", "Call >>now<<.", ">> He said so."]
    found, asked = ask(lambda _, text: "So it is", texts, tokenizer=tokenizer)
    assert found[0] == Declined("language code in the text")
    assert [outcome.text for outcome in found[1:]] == ["So it is", "So it is"]
    assert not any("free" in text for _, text, _ in asked)
    found, _ = ask(lambda _, text: "So it is", texts, tokenizer=tokenizer, forward_prefix=">>deu<<")
    assert [outcome.text for outcome in found] == ["So it is"] * 3


PIVOTS = [
    {"forward": "en-de", "backward": "de-en"},
    {"forward": "en-fr", "backward": "fr-en"},
    {"forward": "en-ja", "backward": "ja-en"},
]


def test_each_row_and_copy_draws_one_of_the_pivots(ask):
    texts = [f"Film number {number}." for number in range(90)]
    settings = {"forward": None, "backward": None, "pivots": PIVOTS}
    found, asked = ask(lambda model, text: f"{text} {model}", texts, **settings)
    ways = [tuple(outcome.text.split()[-2:]) for outcome in found]
    assert set(ways) == {("en-de", "de-en"), ("en-fr", "fr-en"), ("en-ja", "ja-en")}
    assert min(ways.count(way) for way in ways) > 15
    assert len(asked) == 180
    one_by_one = [ask(lambda model, text: f"{text} {model}", [text], **settings)[0][0] for text in texts[:12]]
    assert one_by_one == found[:12]


def test_a_chain_takes_all_pivots_one_after_the_other(ask):
    settings = {"forward": None, "backward": None, "pivots": PIVOTS, "route": "chain"}
    found, _ = ask(lambda model, text: f"{text} {model}", ["A film."], **settings)
    assert found[0].text == "A film. en-de de-en en-fr fr-en en-ja ja-en"


def test_a_pivot_takes_what_it_does_not_set_from_the_transform():
    transform = BackTranslate(
        forward="many",
        forward_revision="v1",
        language="eng_Latn",
        pivots=[{"pivot": "deu_Latn"}, {"pivot": "fra_Latn"}],
    )
    (there, back), (other, _) = transform.ways()
    assert there == ("many", "v1", "eng_Latn", "deu_Latn", "")
    assert back == ("many", "v1", "deu_Latn", "eng_Latn", "")
    assert other.target == "fra_Latn"
    (there, back), *_ = BackTranslate(
        forward="a", forward_revision="v1", backward="b", backward_revision="v2", pivots=[{"forward": "c"}]
    ).ways()
    assert (there.model, there.revision, back.model, back.revision) == ("c", None, "b", "v2")
    assert build(json.loads(json.dumps(transform.to_spec()))) == transform


def test_beams_write_the_same_in_every_copy_and_draws_do_not(pair):
    texts = [f"The {thing} was cold, and so were they." for thing in ("film", "book", "lamp", "soup")]
    away = {"forward": pair["forward"], "backward": pair["forward"]}
    searched = BackTranslate(**away, beams=3)
    assert outcomes(searched, texts) == outcomes(searched, texts, copy=2)
    drawn = BackTranslate(**away)
    assert outcomes(drawn, texts) != outcomes(drawn, texts, copy=2)


@pytest.fixture(scope="module")
def nllb(tmp_path_factory):
    """A translator between three languages, told apart by NLLB's tokenizer."""
    from transformers import NllbTokenizer

    words = ["▁The", "▁film", "▁was", "▁dull", "▁lamp", "▁warm", "▁soup", "▁cold", "▁book", "▁bright", "."]
    letters = ["▁", *"abcdefghijklmnopqrstuvwxyzT"]
    vocabulary = {token: i for i, token in enumerate(["<s>", "<pad>", "</s>", "<unk>", *letters, *words[:-1], "."])}
    merges = []
    for word in words[:-1]:
        for length in range(2, len(word) + 1):
            merge = word[: length - 1], word[length - 1]
            vocabulary.setdefault(word[:length], len(vocabulary))
            if merge not in merges:
                merges.append(merge)
    tokenizer = NllbTokenizer(
        vocab=vocabulary,
        merges=merges,
        extra_special_tokens=["eng_Latn", "deu_Latn", "fra_Latn"],
        model_max_length=LONGEST,
    )
    return str(write_translator(tmp_path_factory.mktemp("nllb"), tokenizer, 1))


def test_a_model_of_many_languages_is_told_which(nllb, monkeypatch):
    asked, rewrite = [], seq2seq.rewrite

    def noted(model, inputs, *given, start, **named):
        asked.append((inputs[0], start))
        yield from rewrite(model, inputs, *given, start=start, **named)

    monkeypatch.setattr(seq2seq, "rewrite", noted)
    transform = BackTranslate(forward=nllb, language="eng_Latn", pivots=[{"pivot": "deu_Latn"}])
    [outcome] = outcomes(transform, ["The film was dull."])
    assert isinstance(outcome, Written)
    assert outcome.text.endswith(".")
    tokenizer = seq2seq.load_seq2seq(nllb).tokenizer
    english, german, end = tokenizer.convert_tokens_to_ids(["eng_Latn", "deu_Latn", "</s>"])
    (there, to_german), (back, to_english) = asked
    assert (there[0], there[-1], to_german) == (english, end, [german])
    assert (back[0], back[-1], to_english) == (german, end, [english])


def test_a_decoder_that_starts_with_the_language_is_not_told_it_twice(nllb, monkeypatch):
    """mBART's translators for one pair do (`facebook/mbart-large-en-ro`)."""
    asked, rewrite = [], seq2seq.rewrite

    def noted(model, inputs, *given, start, **named):
        asked.append(start)
        yield from rewrite(model, inputs, *given, start=start, **named)

    monkeypatch.setattr(seq2seq, "rewrite", noted)
    loaded = seq2seq.load_seq2seq(nllb)
    german, english = loaded.tokenizer.convert_tokens_to_ids(["deu_Latn", "eng_Latn"])
    monkeypatch.setattr(loaded.model.generation_config, "decoder_start_token_id", german)
    outcomes(BackTranslate(forward=nllb, language="eng_Latn", pivot="deu_Latn"), ["The film was dull."])
    assert asked[0] == []
    assert asked[1:] in ([], [[english]])


def test_languages_that_a_model_does_not_know(nllb, pair):
    with pytest.raises(ValueError, match=r"unknown language 'deu_Lat'\. Did you mean 'deu_Latn'\?"):
        outcomes(BackTranslate(forward=nllb, language="eng_Latn", pivot="deu_Lat"), ["The film."])
    # Pieces of words and other special tokens are no languages, although the tokenizer has a number for each.
    for language in ("film", "▁film", "T", "</s>", "<unk>"):
        with pytest.raises(ValueError, match=r"unknown language .* deu_Latn, eng_Latn, fra_Latn"):
            outcomes(BackTranslate(forward=nllb, language="eng_Latn", pivot=language), ["The film."])
    with pytest.raises(ValueError, match=r"translates between many languages\. Say which ones"):
        outcomes(BackTranslate(forward=nllb), ["The film."])
    with pytest.raises(ValueError, match="takes no language codes, so leave 'language' and 'pivot' out"):
        outcomes(BackTranslate(**pair, language="en", pivot="de"), ["The film."])


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({}, "no model translates forward"),
        ({"pivots": [{"forward": "a"}, {"backward": "b"}]}, "no model translates forward"),
        ({"forward": "a", "language": "en"}, "'language' and 'pivot' belong together"),
        (
            {"forward": "a", "pivots": [{"forwards": "b"}]},
            r"pivots\[0\]: unknown key 'forwards'. Did you mean 'forward'",
        ),
        ({"forward": "a", "pivots": [{"forward": 3}]}, "expected str, got 3"),
        ({"forward": "a", "route": "all"}, "expected one of"),
        ({"forward": "a", "beams": 0}, "beams"),
        ({"forward": "a", "top_p": 0}, "top_p"),
    ],
)
def test_impossible_settings(settings, message):
    with pytest.raises((ValueError, TypeError), match=message):
        BackTranslate(**settings)


def test_the_identity_follows_the_models_and_not_their_names(pair, tmp_path):
    copied = {
        name: str(make(tmp_path / name)) for name, make in (("forward", translator), ("backward", back_translator))
    }
    identity = lambda **settings: canonical(BackTranslate(**settings).identity())  # noqa: E731
    assert identity(**copied) == identity(**pair) == identity(pivots=[pair])
    assert identity(forward=pair["forward"]) != identity(**pair)
    assert identity(forward=pair["forward"]) == identity(forward=pair["forward"], backward=copied["forward"])
    assert identity(**pair, forward_prefix="x") != identity(**pair)
    assert BackTranslate(**pair).reads == ("text",)


def test_a_killed_run_goes_on_where_it_was(pair, monkeypatch, tmp_path):
    from hf_augment.transforms import translation

    monkeypatch.setenv("HF_AUGMENT_REMEMBER", "1")
    monkeypatch.setenv("HF_AUGMENT_CACHE", str(tmp_path))
    monkeypatch.setitem(translation._ROWS, "cpu", 4)
    asked, rewrite = [], seq2seq.rewrite
    left = [4]  # calls until the first run dies, which is two chunks of rows later

    def dying(model, inputs, *given, **named):
        left[0] -= 1
        if left[0] < 0:
            raise KeyboardInterrupt
        asked.append(len(inputs))
        yield from rewrite(model, inputs, *given, **named)

    monkeypatch.setattr(seq2seq, "rewrite", dying)
    texts = [f"The film number {number} was dull." for number in range(10)]
    transform = BackTranslate(**pair)
    with pytest.raises(KeyboardInterrupt):
        outcomes(transform, texts)
    assert sum(asked) == 16
    asked.clear()
    left[0] = 1_000
    found = outcomes(transform, texts)
    assert sum(asked) == 4
    monkeypatch.setenv("HF_AUGMENT_REMEMBER", "0")
    assert found == outcomes(transform, texts)


def test_a_dataset_of_labelled_rows(pair):
    augment = Augment(BackTranslate(**pair), text="text", label="label", copies=2)
    rows = dataset(["The soup was cold, and so were they.", "A waste of money.", "..."])
    out = rows.map(augment, batched=True)
    assert "no words" in out["declined"][-1]
    assert set(out["augmented_by"]) == {"original", "back_translate"}
    assert out.features["label"] == rows.features["label"]
