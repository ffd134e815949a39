"""Words from a masked language model: the engine that asks for them, and the transform that writes them."""

import dataclasses
import itertools
import json

import pytest
import torch
from datasets import Dataset
from hypothesis import given, settings
from hypothesis import strategies as st
from transformers import AutoConfig, AutoModel, AutoModelForMaskedLM

from hf_augment import Augment, MaskedLM, training
from hf_augment.blocks import ScratchConfig, TrainConfig
from hf_augment.embedded import lexicon
from hf_augment.engine import masked_model
from hf_augment.engine.batching import in_batches
from hf_augment.engine.blanks import Blanks, prefix, windows
from hf_augment.engine.decoding import Sampling
from hf_augment.engine.masked import Question, draw, fill, load_masked_lm, score
from hf_augment.engine.prompt import PromptFormat
from hf_augment.engine.whole_words import whole_words
from hf_augment.examples import tokenize
from hf_augment.recipe import load_recipe
from hf_augment.streams import row_key, stream
from hf_augment.transform import Declined, Row, Written
from hf_augment.words import words
from tests import tiny, tiny_masked
from tests.contract import AWKWARD, TEXTS, assert_only_edited
from tests.test_bad_rows import TEXT

SENTENCE = "The film was dull, but the (cold) soup of the hotel was warm and bright."
SAMPLING = Sampling(1, 0, 1.0, 20, 0.95)


@pytest.fixture(scope="module", params=tiny_masked.KINDS)
def model(request, tmp_path_factory):
    return tiny_masked.masked_lm(tmp_path_factory.getbasetemp() / f"masked-{request.param}", request.param)


@pytest.fixture(scope="module")
def lm(model):
    return load_masked_lm(model)


def span(word, text=SENTENCE):
    return text.index(word), text.index(word) + len(word)


def spans(text, *chosen):
    return [span(word, text) for word in chosen]


def answers(found, count):
    known = dict(found)
    return [known[i] for i in range(count)]


def apply(transform, texts, labels=None, copy=1):
    labels = labels or ["positive"] * len(texts)
    rows = [Row(text, label) for text, label in zip(texts, labels, strict=True)]
    return transform.apply(rows, [stream(0, "masked_lm", row_key(text), copy) for text in texts])


def edits(outcome):
    return outcome.notes["edits"][0] if isinstance(outcome, Written) else []


# Blanks


def test_a_blank_is_one_mask_whatever_stood_there(lm):
    text = "An uncharacteristically dull film."
    (window,) = windows(
        lm.tokenizer, lm.frame, [Blanks(text, spans(text, "uncharacteristically", "film"))], [[]], lm.limit
    )
    assert [window.ids[place] for place in window.places] == [lm.tokenizer.mask_token_id] * 2
    assert window.blanks == [0, 1]
    shown = lm.tokenizer.decode(window.ids).lower()
    assert "uncharacter" not in shown
    assert "film" not in shown
    assert "dull" in shown.replace(" ", "")


def test_a_mask_that_a_text_spells_out_is_text(lm):
    text = f"A {lm.tokenizer.mask_token} film"
    (window,) = windows(lm.tokenizer, lm.frame, [Blanks(text, spans(text, "film"))], [[]], lm.limit)
    assert window.places == [len(window.ids) - len(lm.frame.after) - 1]
    if "XLMRoberta" not in type(lm.tokenizer).__name__:  # which has "<mask>" among the pieces of its texts too
        assert window.ids.count(lm.tokenizer.mask_token_id) == 1


def test_a_word_put_in_hides_nothing(lm):
    rows = [Blanks(SENTENCE, [(9, 9)]), Blanks(SENTENCE, [span("bright")])]
    put, other = windows(lm.tokenizer, lm.frame, rows, [[], []], lm.limit)
    around = lm.tokenizer(" " + SENTENCE).input_ids
    assert [token for token in put.ids if token != lm.tokenizer.mask_token_id] == around
    assert lm.tokenizer.decode(put.ids[: put.places[0]]).strip().lower().endswith("film")
    assert len(other.ids) <= len(around)


@settings(max_examples=40)
@given(
    length=st.integers(1, 300),
    chosen=st.sets(st.integers(0, 299), max_size=40),
    count=st.integers(1, 3),
    head=st.integers(0, 5),
)
def test_every_blank_is_asked_once_with_text_on_both_sides(lm, length, chosen, count, head):
    text = " ".join(f"w{i}" for i in range(length))
    row = Blanks(text, [place for i, place in enumerate(words(text)) if i in chosen])
    prompt, limit = [7] * head, 48
    found = list(windows(lm.tokenizer, lm.frame, [row], [prompt], limit, [count]))
    asked = [blank for window in found for blank in window.blanks]
    assert sorted(asked) == sorted([*range(len(row.spans))] * count)
    before, after = len(lm.frame.before) + head, len(lm.frame.after)
    whole = list(windows(lm.tokenizer, lm.frame, [row], [prompt], 1 << 30, [count]))
    for window in found:
        assert len(window.ids) <= limit
        assert window.ids[:before] == [*lm.frame.before, *prompt]
        assert window.ids[len(window.ids) - after :] == lm.frame.after
        assert {window.ids[place] for place in window.places} == {lm.tokenizer.mask_token_id}
        [every] = whole
        room, begins = limit - before - after, every.places[every.blanks.index(window.blanks[0])] - window.places[0]
        part = every.ids[before + begins : before + begins + room]
        assert window.ids[before : len(window.ids) - after] == part[: len(every.ids) - before - after - begins]
        for place in window.places:
            assert begins == 0 or place - before >= room // 4
            assert before + begins + room >= len(every.ids) - after or before + room - place >= room // 4 - count


def test_a_label_that_leaves_no_room_is_an_error(lm):
    with pytest.raises(ValueError, match="Shorten the label's name"):
        list(windows(lm.tokenizer, lm.frame, [Blanks("A film.", [(2, 6)])], [[7] * lm.limit], lm.limit))


# Whole words


def test_every_word_it_can_say_is_one_token(lm):
    vocabulary = lm.vocabulary
    assert len(vocabulary.words) > 20
    assert len(set(map(str.lower, vocabulary.words))) == len(vocabulary.words)
    for ids, before in ((vocabulary.spaced, "a "), (vocabulary.glued, "a (")):
        for word, token in zip(vocabulary.words, ids[0].tolist(), strict=True):
            cut = lm.tokenizer(before + word, add_special_tokens=False).input_ids
            assert cut[-1] == token or ids is vocabulary.glued  # not every word has a token without a space
    pieces = {lm.tokenizer.convert_ids_to_tokens(i) for i in vocabulary.spaced[0].tolist()}
    assert not any(piece.startswith("##") or piece in lm.tokenizer.all_special_tokens for piece in pieces)


def test_behind_a_bracket_a_word_has_no_space_before_it():
    lm = load_masked_lm("embedded:masked")
    vocabulary = lm.vocabulary
    column = vocabulary.columns["good"]
    spaced, glued = (
        lm.tokenizer.convert_ids_to_tokens(ids[0, column].item()) for ids in (vocabulary.spaced, vocabulary.glued)
    )
    assert (spaced, glued) == ("Ġgood", "good")
    assert vocabulary.is_spaced("a good", 2)
    assert not vocabulary.is_spaced("a (good", 3)
    assert not vocabulary.is_spaced("a\ngood", 2)
    assert vocabulary.is_spaced("good", 0)


def test_beginnings_of_words_and_gaps_between_ids_are_no_words():
    from tokenizers import Tokenizer, decoders, models
    from transformers import PreTrainedTokenizerFast

    # HerBERT marks where a word ends, so a token without the mark is the beginning of one; and some ids may be unused.
    vocabulary = {"<unk>": 0, "fil": 1, "film</w>": 2, "dull</w>": 7}
    tokenizer = Tokenizer(models.BPE(vocabulary, [], end_of_word_suffix="</w>", unk_token="<unk>"))
    tokenizer.decoder = decoders.BPEDecoder()
    assert whole_words(PreTrainedTokenizerFast(tokenizer_object=tokenizer)).words == ["film", "dull"]


# The model


@pytest.mark.parametrize(
    "kind", ["bert", "roberta", "distilbert", "albert", "electra", "deberta-v2", "modernbert", "mpnet"]
)
def test_the_head_runs_on_the_masked_places_alone(kind):
    sizes = {
        "hidden_size": 16,
        "num_hidden_layers": 1,
        "num_attention_heads": 2,
        "intermediate_size": 16,
        "vocab_size": 60,
    }
    sizes |= {"dim": 16, "n_layers": 1, "n_heads": 2, "hidden_dim": 16} if kind == "distilbert" else {}
    sizes |= {"embedding_size": 16} if kind in ("albert", "electra") else {}
    config = AutoConfig.for_model(
        kind, **sizes, pad_token_id=1, bos_token_id=2, eos_token_id=2, cls_token_id=2, sep_token_id=2
    )
    torch.manual_seed(0)
    net = AutoModelForMaskedLM.from_config(config).eval()
    lm = dataclasses.replace(load_masked_lm("embedded:masked"), model=net)
    assert masked_model._can_select(lm)


def test_a_head_that_cannot_is_run_on_all_places(lm):
    class Whole(torch.nn.Module):
        """Does not call what it calls its base model."""

        def __init__(self):
            super().__init__()
            self.inner, self.base_model, self.config = lm.model, torch.nn.Identity(), lm.model.config
            self.device = lm.model.device

        def forward(self, **inputs):
            return self.inner(**inputs)

    other = dataclasses.replace(lm, model=Whole())
    assert not masked_model._can_select(other)
    rows = [Blanks(SENTENCE, spans(SENTENCE, "film", "warm"))]
    [(_, found)], [(_, whole)] = fill(lm, rows), fill(dataclasses.replace(other, selects=False), rows)
    for ours, theirs in zip(found, whole, strict=True):
        assert ours.words == theirs.words
        assert ours.scores == pytest.approx(theirs.scores, abs=1e-4)


def test_a_model_without_masks_says_so(tmp_path):
    from hf_augment.engine.scratch import new_model, train_tokenizer

    config = ScratchConfig(architecture="modernbert", layers=1, width=32, heads=2, vocabulary=400, context=64)
    new_model(config, train_tokenizer([text for text, _ in tiny.ROWS], config)).save_pretrained(tmp_path)
    tiny.tokenizer().save_pretrained(tmp_path)
    with pytest.raises(ValueError, match=r"has no mask_token\. Use a masked language model"):
        load_masked_lm(str(tmp_path))


def test_a_model_without_a_head_says_so(tmp_path):
    tiny_masked.bert(tmp_path)
    AutoModel.from_pretrained(tmp_path).save_pretrained(tmp_path)  # an encoder, whose head would be drawn at random
    with pytest.raises(
        ValueError, match=r"not trained to fill in words.*cls\.predictions.*Use a masked language model"
    ):
        load_masked_lm(str(tmp_path))


def test_a_model_that_writes_is_no_masked_model():
    with pytest.raises(ValueError, match=r"'embedded:generator' is a 'llama'.*Use a masked language model") as caught:
        load_masked_lm("embedded:generator")
    assert len(str(caught.value)) < 400


def test_a_head_that_scores_every_place_costs_memory_there(lm, monkeypatch):
    costs = []
    monkeypatch.setattr(masked_model, "_SCORES_A_TOKEN", 10)
    monkeypatch.setattr(
        masked_model, "in_batches", lambda lengths, *others: costs.append(lengths) or in_batches(lengths, *others)
    )
    rows = [Blanks(SENTENCE, spans(SENTENCE, "film"))]
    for one in (lm, dataclasses.replace(lm, selects=False)):
        assert len(answers(fill(one, rows), 1)[0]) == 1
    size, length = lm.model.config.vocab_size, len(lm.tokenizer(" " + SENTENCE).input_ids)
    assert costs[0][0] < 10 + length + size // 10
    assert costs[1][0] > (length - 10) * size // 10


def test_roberta_counts_positions_from_two(tmp_path):
    lm = load_masked_lm(str(tiny_masked.roberta(tmp_path / "roberta")))
    assert lm.limit == 64
    text = " ".join(["film"] * 200)
    assert len(answers(fill(lm, [Blanks(text, words(text)[::5])], top=1), 1)[0]) == 40


# Asking


def test_a_text_with_many_questions_is_tokenised_once(lm, monkeypatch):
    class Counts:
        def __init__(self):
            self.given = []

        def __call__(self, texts, **settings):
            self.given += texts
            return lm.tokenizer(texts, **settings)

        def __getattr__(self, name):
            return getattr(lm.tokenizer, name)

    asked = [Blanks(SENTENCE, [place]) for place in words(SENTENCE)] + [Blanks("A film.", [(2, 6)])]
    found = list(windows(counts := Counts(), lm.frame, asked, [[]] * len(asked), lm.limit))
    assert counts.given == [lm.frame.gap + SENTENCE, lm.frame.gap + "A film."]
    alone = [next(windows(lm.tokenizer, lm.frame, [row], [[]], lm.limit)) for row in asked]
    assert [window._replace(row=0) for window in found] == alone


def test_the_likeliest_words_come_with_their_probabilities(lm):
    rows = [Blanks(SENTENCE, spans(SENTENCE, "film", "warm")), Blanks("A film.", [])]
    found, nothing = answers(fill(lm, rows, top=5), 2)
    assert nothing == []
    (window,) = windows(lm.tokenizer, lm.frame, rows[:1], [[]], lm.limit)
    with torch.inference_mode():
        logits = lm.model(input_ids=torch.tensor([window.ids])).logits[0, window.places].log_softmax(-1)
    for candidates, expected in zip(found, logits, strict=True):
        assert len(candidates.words) == 5
        assert candidates.scores == sorted(candidates.scores, reverse=True)
        for word, said in zip(candidates.words, candidates.scores, strict=True):
            ids = lm.vocabulary.spaced[:, lm.vocabulary.columns[word.lower()]]
            assert said == pytest.approx(expected[ids].max().item(), abs=1e-4)
        best = max(expected[ids].max().item() for ids in lm.vocabulary.spaced.T)
        assert candidates.scores[0] == pytest.approx(best, abs=1e-4)


def test_barred_words_are_no_candidates(lm):
    rows = [Blanks(SENTENCE, spans(SENTENCE, "film", "warm"))]
    free = answers(fill(lm, rows, top=3), 1)[0]
    first, second = (candidates.words[0].lower() for candidates in free)
    never = free[0].words[1].lower()
    barred = answers(fill(lm, rows, 3, [[[first], ["?", second]]], [never]), 1)[0]
    assert [word.lower() for word in barred[0].words[:1]] == [free[0].words[2].lower()]
    assert {first, never}.isdisjoint(map(str.lower, barred[0].words))
    assert {second, never}.isdisjoint(map(str.lower, barred[1].words))
    every = set(lm.vocabulary.columns)
    assert answers(fill(lm, rows, 3, never=every), 1)[0] == [([], []), ([], [])]
    assert answers(draw(lm, rows, [[1, 2]], SAMPLING, never=every), 1)[0] == [None, None]


def test_a_greedy_draw_is_the_likeliest_word(lm):
    rows = [Blanks(SENTENCE, spans(SENTENCE, "film", "cold", "warm"))]
    best = [candidates.words[0] for candidates in answers(fill(lm, rows, top=1), 1)[0]]
    for sampling in (Sampling(1, 0, 0.0), Sampling(1, 0, 1.0, 1)):
        assert answers(draw(lm, rows, [[1, 2, 3]], sampling), 1)[0] == best


@pytest.mark.slow
def test_words_are_drawn_as_often_as_they_are_likely(lm):
    n = 1000
    rows = [Blanks("The film was dull.", [(4, 8)])]
    (candidates,) = answers(fill(lm, rows, top=4), 1)[0]
    chance = torch.tensor(candidates.scores).softmax(-1).tolist()
    keys = [[stream(0, "masked_lm", row_key(i), 1).key] for i in range(n)]
    drawn = [found[0] for found in answers(draw(lm, rows * n, keys, Sampling(1, 0, 1.0, 4)), n)]
    assert set(drawn) <= set(candidates.words)
    for word, expected in zip(candidates.words, chance, strict=True):
        assert drawn.count(word) / n == pytest.approx(expected, abs=4 * (expected * (1 - expected) / n) ** 0.5 + 1e-3)
    some = [found[0] for found in answers(draw(lm, rows * n, keys, Sampling(1, 0, 1.0, 4, chance[0] - 1e-3)), n)]
    assert set(some) == {candidates.words[0]}


@pytest.mark.slow
def test_answers_do_not_depend_on_what_is_asked_beside(lm, monkeypatch):
    texts = [text for text in [*TEXTS, *tiny_masked.TEXTS, " ".join(TEXTS)] if words(text)]
    rows = [Blanks(text, words(text)[1::3]) for text in texts]
    keys = [
        [stream(0, "masked_lm", row_key([text, i]), 1).key for i in range(len(row.spans))]
        for text, row in zip(texts, rows, strict=True)
    ]
    together = answers(draw(lm, rows, keys, SAMPLING), len(rows))
    alone = [answers(draw(lm, [row], [key], SAMPLING), 1)[0] for row, key in zip(rows, keys, strict=True)]
    monkeypatch.setitem(masked_model.TOKENS_TOGETHER, "cpu", 100)
    few = answers(draw(lm, rows[::-1], keys[::-1], SAMPLING), len(rows))[::-1]
    assert together == alone == few


# Scores


def test_a_word_of_one_token_scores_what_the_model_says(lm):
    candidates = answers(fill(lm, [Blanks(SENTENCE, [span("film")])], top=6), 1)[0][0]
    plain = [word for word in candidates.words if lm.vocabulary.columns[word.lower()] >= 0]
    asked = Question(SENTENCE, span("film"), plain)
    first = [lm.tokenizer(f" {word}", add_special_tokens=False).input_ids for word in plain]
    found = answers(score(lm, [asked]), 1)[0]
    for ids, said, known in zip(first, found, candidates.scores, strict=True):
        assert len(ids) == 1
        assert said <= known + 1e-4  # `fill` takes the likeliest of film, Film and FILM
    assert found[0] == pytest.approx(candidates.scores[0], abs=1e-4) or plain[0] != plain[0].lower()


def test_the_pieces_of_a_word_are_hidden_and_counted_together(lm):
    word = "hotelfilmlamp"
    ids = lm.tokenizer(f" {word}", add_special_tokens=False).input_ids
    assert len(ids) > 1
    rows = [Blanks(SENTENCE, [span("film")])]
    (window,) = windows(lm.tokenizer, lm.frame, rows, [[]], lm.limit, [len(ids)])
    with torch.inference_mode():
        logits = lm.model(input_ids=torch.tensor([window.ids])).logits[0, window.places].log_softmax(-1)
    expected = sum(row[i].item() for row, i in zip(logits, ids, strict=True))
    asked = [Question(SENTENCE, span("film"), [word, "film", "z" * 400]), Question(SENTENCE, span("warm"), [])]
    found, nothing = answers(score(lm, asked), 2)
    assert found[0] == pytest.approx(expected, abs=1e-3) or found[0] == -torch.inf
    assert found[1] > -torch.inf
    assert nothing == []


# The transform


@pytest.fixture(scope="module")
def make(model):
    return lambda **settings: MaskedLM(model=model, **{"rate": 0.3, **settings})


@pytest.mark.parametrize("action", ["substitute", "insert", "either"])
def test_what_is_not_edited_stays_byte_for_byte(make, action):
    texts = [*TEXTS, *(text for text in AWKWARD if isinstance(text, str) and len(text) < 9_000 and text.isprintable())]
    written = 0
    for text, outcome in zip(texts, apply(make(action=action), texts), strict=True):
        if isinstance(outcome, Written):
            assert_only_edited(text, outcome)
            written += 1
    assert written > len(TEXTS) / 2


@settings(max_examples=60)
@given(text=TEXT)
def test_any_text_is_changed_only_at_its_words(make, text):
    try:
        text.encode()
    except UnicodeEncodeError:
        return  # `Augment` declines halves of characters
    (outcome,) = apply(make(action="either"), [text])
    if isinstance(outcome, Written):
        assert_only_edited(text, outcome)
        whole, starts = set(words(text)), {start for start, _ in words(text)}
        for start, end, new in edits(outcome):
            assert ((start, end) in whole and words(new) == [(0, len(new))]) or (start == end and start in starts)


def test_words_are_replaced_by_other_words_of_the_model(make):
    transform = make(rate=0.5)
    known = load_masked_lm(transform.model).vocabulary.columns
    for text, outcome in zip(TEXTS, apply(transform, TEXTS), strict=True):
        places = words(text)
        for start, end, new in edits(outcome):
            old = text[start:end].lower()
            if old in ("a", "an"):
                continue
            index = places.index((start, end))
            near = {text[slice(*place)].lower() for place in places[max(0, index - 1) : index + 2]}
            assert new.lower() in known
            assert new.lower() not in near
            assert old not in lexicon.stop_words()
            assert new.lower() not in lexicon.stop_words()


def test_neighbours_that_change_together_do_not_become_the_same_word(make):
    text = "dull cold warm bright " * 8
    for copy in range(1, 8):
        (outcome,) = apply(make(rate=1.0, top_k=2), [text], copy=copy)
        new = [word.lower() for word in outcome.text.split()]
        assert all(left != right for left, right in itertools.pairwise(new) if {left, right} - set(text.split()))


def test_stop_words_are_replaced_on_request(make):
    text = "it was not for me and they were so"
    assert apply(make(), [text]) == [Declined("nothing to change")]
    (outcome,) = apply(make(stop_words=True, rate=1.0), [text])
    assert len(edits(outcome)) > 4
    assert all(text[start:end] in lexicon.stop_words() for start, end, _ in edits(outcome))


def test_reserved_and_protected_words_are_kept(make):
    text = "The dull film and the warm soup cost $40 in the hotel, a dull hotel."
    transform = make(rate=1.0, reserved=["film", "DULL"], protect=[r"warm \w+"])
    for copy in range(1, 6):
        (outcome,) = apply(transform, [text], copy=copy)
        assert outcome.text.startswith("The dull film and the warm soup ")
        assert outcome.text.count("dull") >= 2
        assert "$40" in outcome.text
        assert {text[start:end] for start, end, _ in edits(outcome)} <= {"cost", "hotel"}


@pytest.fixture(scope="module")
def evenly(tmp_path_factory):
    """A model with few words, of which each is about as likely as any other."""
    folder = tiny_masked.masked_lm(tmp_path_factory.getbasetemp() / "masked-wordpiece", "wordpiece")
    return lambda **settings: MaskedLM(model=folder, rate=1.0, top_k=0, top_p=1.0, temperature=100, **settings)


def test_a_reserved_neighbour_is_not_written_twice(evenly):
    (outcome,) = apply(evenly(reserved=["film"]), ["dull film, film dull film " * 100])
    drawn = {new.lower() for _, _, new in edits(outcome)}
    assert len(drawn) > 15
    assert drawn.isdisjoint({"film", "dull"})


def test_a_word_is_not_replaced_by_itself_without_its_accents(evenly):
    texts = [f"{word} {i}" for i in range(100) for word in ("fílm", "fi\u0301lm", "FÍLM")]
    drawn = {outcome.text.split()[0].lower() for outcome in apply(evenly(), texts)}
    assert len(drawn) > 15
    assert "film" not in drawn


def test_capitals_and_articles_follow(make):
    text = "Film AWFUL hotel. A film, an hotel"
    for copy in range(1, 10):
        (outcome,) = apply(make(rate=1.0), [text], copy=copy)
        first, second, third = outcome.text.split(".")[0].split()
        assert first[0].isupper()
        assert second.isupper()
        assert third[0].islower() or third not in load_masked_lm(make().model).vocabulary.columns


def test_numbers_halves_of_words_and_brackets_stay(make):
    text = "They 'll n't 1999 isn't -lrb- s it 's"
    assert apply(make(rate=1.0), [text]) == [Declined("nothing to change")]


def test_an_embedded_model_writes_no_half_of_a_negation():
    texts = [f"The {thing} that they watched {i} times are tired of it" for i in range(12) for thing in tiny.THINGS]
    found = apply(MaskedLM(model="embedded:masked", rate=1.0, top_k=0, top_p=1.0, action="either"), texts)
    assert {"didn", "isn", "wasn", "don"}.isdisjoint(word for outcome in found for word in outcome.text.split())


@pytest.mark.slow
def test_the_end_of_a_long_text_is_written_in_its_context():
    lm = load_masked_lm("embedded:masked")
    text = "The hotel was clean and the staff were kind. " * 400 + "Sadly, the dinner tasted awful"
    start = text.rindex("tasted")
    (at_the_end,) = answers(fill(lm, [Blanks(text, [(9, 12), (start, start + 6)])], top=5), 1)[0][1:]
    (alone,) = answers(
        fill(lm, [Blanks(text[-700:], [(start - len(text) + 700, start - len(text) + 706)])], top=5), 1
    )[0]
    assert len(set(at_the_end.words) & set(alone.words)) >= 3
    (outcome,) = apply(MaskedLM(model="embedded:masked", rate=0.05), [text])
    assert_only_edited(text, outcome)
    assert edits(outcome)[-1].start > len(text) - 2000


def test_insertions_stand_between_two_words_of_a_sentence(make):
    text = "We saw it. Dull film (cold soup) in the hotel"
    for copy in range(1, 6):
        (outcome,) = apply(make(rate=1.0, action="insert"), [text], copy=copy)
        for start, end, new in edits(outcome):
            if start < end:
                assert text[start:end] == "a"
                continue
            assert new.endswith(" ")
            assert text[start - 1] == " "
            assert start not in (0, text.index("Dull"), text.index("cold"))


def test_a_retrained_model_is_another_transform(tmp_path):
    folder = tiny_masked.bert(tmp_path / "model")
    before = MaskedLM(model=str(folder)).identity()
    assert before == MaskedLM(model=str(folder)).identity()
    assert before != MaskedLM(model=str(folder), stop_words=True).identity()
    torch.manual_seed(1)
    config = AutoConfig.from_pretrained(folder)
    AutoModelForMaskedLM.from_config(config).save_pretrained(folder)
    assert MaskedLM(model=str(folder)).identity() != before


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"rate": 1.5}, "masked_lm: rate: expected a number from 0 to 1"),
        ({"top_p": 0}, "masked_lm: top_p"),
        ({"top_k": -1}, "masked_lm: top_k"),
        ({"temperature": -1}, "masked_lm: temperature"),
        ({"action": "replace"}, "expected one of"),
    ],
)
def test_settings_that_cannot_be(settings, message):
    with pytest.raises(ValueError, match=message):
        MaskedLM(model="embedded:masked", **settings)


# Labels


SAID = {"negative": ("dull", "cold", "bad", "slow"), "positive": ("warm", "bright", "good", "quick")}


def fine_tune(folder, base, **settings):
    """Fine-tune a masked model with the label before each text, as `recipes/masked-conditional.yaml` does."""
    (folder / "rows").mkdir()
    lines = [
        json.dumps({"text": f"The {thing} was {word}.", "label": label})
        for thing in tiny.THINGS
        for pair in zip(*SAID.values(), strict=True)
        for label, word in zip(SAID, pair, strict=True)
    ]
    for split in ("train", "validation"):
        (folder / "rows" / f"{split}.jsonl").write_text("\n".join(lines))
    overrides = {
        "output": str(folder / "run"),
        "data.path": str(folder / "rows"),
        "study": "null",
        "data.test_split": "null",
        "data.shots_per_label": "null",
        "train.model": str(base),
        **{f"train.{name}": value for name, value in settings.items()},
    }
    loaded = load_recipe("masked-conditional", [f"{key}={value}" for key, value in overrides.items()])
    training.train(loaded)
    return str(loaded.generator)


@pytest.fixture(scope="module")
def conditional(tmp_path_factory):
    folder = tmp_path_factory.mktemp("conditional")
    return fine_tune(folder, "embedded:masked", epochs=30, learning_rate=2e-3, mask_share=0.3, evaluations=3)


@pytest.mark.slow
def test_a_fine_tuned_model_knows_what_the_label_means(conditional):
    lm = load_masked_lm(conditional)
    assert lm.prompt == PromptFormat("{label}: {text}", ("negative", "positive"))
    assert lm.labels == ("negative", "positive")
    text, place = "The lamp was dull.", (13, 17)
    asked = [Question(text, place, [*SAID["negative"], *SAID["positive"]], label) for label in lm.labels]
    negative, positive = map(torch.tensor, answers(score(lm, asked), 2))
    assert (negative[:4] - positive[:4]).mean() > 1
    assert (positive[4:] - negative[4:]).mean() > 1
    transform = MaskedLM(model=conditional, label_conditional=True, rate=0.4, top_k=5)
    texts = [text for text, _ in tiny.ROWS]
    as_negative, as_positive = (apply(transform, texts, [label] * len(texts)) for label in ("negative", "positive"))
    assert as_negative != as_positive
    assert "label" in transform.reads
    for text, outcome in zip(texts, as_negative, strict=True):
        assert_only_edited(text, outcome)
        assert "negative" not in outcome.text


@pytest.mark.parametrize("kind", ["wordpiece", "roberta", "sentencepiece"])
def test_any_masked_model_can_be_fine_tuned_with_labels(tmp_path, kind):
    base = tiny_masked.masked_lm(tmp_path / "base", kind)
    trained = fine_tune(tmp_path, base, epochs=1, evaluations=1, max_length=32)
    assert load_masked_lm(trained).labels == ("negative", "positive")
    (outcome,) = apply(MaskedLM(model=trained, label_conditional=True), [SENTENCE])
    assert isinstance(outcome, Written)


@pytest.mark.slow
def test_a_label_stands_before_every_window_and_is_never_hidden(conditional, monkeypatch):
    seen = []
    whole = masked_model._logits
    monkeypatch.setattr(masked_model, "_logits", lambda lm, some: seen.extend(some) or whole(lm, some))
    lm = load_masked_lm(conditional)
    prompt = [*lm.frame.before, *lm.tokenizer(lm.prompt.prefix("positive"), add_special_tokens=False).input_ids]
    transform = MaskedLM(model=conditional, label_conditional=True, rate=0.5)
    (outcome,) = apply(transform, ["The soup of the hotel was warm and bright. " * 60])
    assert isinstance(outcome, Written)
    assert len(seen) > 5
    assert all(window.ids[: len(prompt)] == prompt for window in seen)


@pytest.mark.slow
def test_rows_whose_label_it_does_not_know_are_declined(conditional):
    transform = MaskedLM(model=conditional, label_conditional=True)
    found = apply(transform, [SENTENCE] * 3, ["neutral", None, "positive"])
    assert found[0] == Declined("the model knows no label 'neutral', only negative, positive")
    assert "None" in found[1].reason
    assert isinstance(found[2], Written)
    with pytest.raises(ValueError, match="no label column was given"):
        Augment(transform, text="text")
    assert isinstance(apply(MaskedLM(model=conditional), [SENTENCE], [None])[0], Written)


def test_a_model_that_never_saw_labels_cannot_be_asked_with_one(make):
    with pytest.raises(ValueError, match=r"hf-augment train masked-conditional"):
        apply(make(label_conditional=True), [SENTENCE])


def test_a_model_is_trained_on_what_it_is_asked(lm):
    prompt = PromptFormat("{label}: {text}", ("negative", "positive"))
    rows = Dataset.from_list([{"text": text, "label": label} for text, label in tiny.ROWS])
    config = TrainConfig(model="any", objective="masked")
    tokens = tokenize(rows, prompt, lm.tokenizer, config, lm.limit, "train")
    other = dataclasses.replace(lm, prompt=prompt)
    for (text, label), ids, labels in zip(tiny.ROWS, tokens["input_ids"], tokens["labels"], strict=True):
        place = words(text)[1]
        head = prefix(lm.tokenizer, prompt, label)
        assert other.labels == ("negative", "positive")
        (window,) = windows(lm.tokenizer, lm.frame, [Blanks(text, [place], label)], [head], lm.limit)
        before = len(lm.frame.before) + len(head)
        assert window.ids[:before] == ids[:before]
        assert window.ids[window.places[0] + 1 :][-5:] == ids[-5:]
        assert labels[:before] == [-100] * before
        assert labels[len(ids) - len(lm.frame.after) :] == [-100] * len(lm.frame.after)
        assert labels[before : len(ids) - len(lm.frame.after)] == ids[before : len(ids) - len(lm.frame.after)]
    (short,) = tokenize(rows.select([0]), prompt, lm.tokenizer, config, before + 4, "train")["input_ids"]
    assert len(short) == before + 4
    assert short[len(short) - len(lm.frame.after) :] == lm.frame.after
    with pytest.raises(ValueError, match="leaves none of max_length"):
        tokenize(rows, prompt, lm.tokenizer, config, 3, "train")
