"""What a user notices of `similar_word`."""

import shutil
from collections import Counter

import numpy as np
import pytest
import torch

from hf_augment import Augment, SimilarWord
from hf_augment.engine import contextual, masked, vocabulary
from hf_augment.engine.resources import identity, locate
from hf_augment.engine.scratch import new_model
from hf_augment.streams import row_key, stream
from hf_augment.transform import Declined, Row, Written
from hf_augment.transforms import word_tests
from hf_augment.transforms.word_drafts import Option
from tests import tiny

EMBEDDED = "embedded:masked"


@pytest.fixture(autouse=True)
def a_cache_of_its_own(tmp_path, monkeypatch):
    monkeypatch.setenv("HF_AUGMENT_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(vocabulary, "_loaded", {})
    monkeypatch.setattr(contextual, "_loaded", {})


def outcome(transform, text, copy=1, label=None):
    (found,) = transform.apply([Row(text, label)], [stream(0, "similar_word", row_key(text), copy)])
    return found


def every(transform, text, copies=40, label=None):
    found = [outcome(transform, text, copy, label) for copy in range(1, copies + 1)]
    assert all(isinstance(one, Written) for one in found), found
    return {one.text for one in found}


def angle(degrees):
    return f"{np.cos(np.radians(degrees)):.6f} {np.sin(np.radians(degrees)):.6f}"


@pytest.fixture
def file(tmp_path):
    """Write words at angles in the plane, and return the parameters of a transform that reads them."""

    def write(*groups, name="words.vec", **settings):
        lines = [
            f"{word} {' '.join('0 0' for _ in groups[:i])} {angle(degrees)} {' '.join('0 0' for _ in groups[i + 1 :])}"
            for i, group in enumerate(groups)
            for word, degrees in group.items()
        ]
        path = tmp_path / name
        path.write_text("\n".join(" ".join(line.split()) for line in lines) + "\n", encoding="utf-8")
        return SimilarWord(**{"source": "file", "vectors": str(path), "rate": 1.0, **settings})

    return write


# -- the transform -----------------------------------------------------------------------------------------------------


def test_form_casing_and_article_are_restored(file):
    transform = file({"movie": 0, "film": 10}, {"dull": 0, "awful": 10})
    assert every(transform, "A dull movie; Movies are DULL.") == {"An awful film; Films are AWFUL."}


def test_stop_words_names_and_ends_of_contractions_stay(file):
    transform = file({"movie": 0, "film": 10, "brook": 20, "the": 5}, {"don": 0, "ve": 5, "re": 10}, threshold=0.5)
    text = "The movie by Mary Brook, which I 've seen and they don't."
    assert every(transform, text) == {text.replace("movie", "film"), text.replace("movie", "brook")}


def test_an_opposite_is_never_taken(file):
    transform = file({"good": 0, "bad": 2, "great": 10}, {"worse": 0, "better": 2, "poorer": 10})
    assert every(transform, "a good film is worse") == {"a great film is poorer"}


def test_reserved_and_protected_words_stay(file):
    transform = file({"movie": 0, "film": 10}, reserved=["movie"], protect=[r"film\w*-\w+"])
    assert outcome(transform, "A movie about film-makers") == Declined("nothing to change")


def test_the_threshold_is_the_least_cosine(file):
    words = {"movie": 0, "film": 20, "story": 40, "drama": 60}
    for least, expected in ((0.9, {"film"}), (0.7, {"film", "story"}), (0.4, {"film", "story", "drama"})):
        found = every(file(words, threshold=least), "a movie", copies=60)
        assert found == {f"a {word}" for word in expected}, least
    assert outcome(file(words, threshold=0.99), "a movie") == Declined("nothing to change")


def test_top_k_takes_the_nearest(file):
    words = {"movie": 0, "film": 5, "story": 10, "script": 15, "drama": 20}
    assert every(file(words, top_k=2), "a movie", copies=60) == {"a film", "a story"}


def test_the_draw_is_even(file):
    transform = file({"movie": 0, "film": 5, "story": 10, "script": 15, "drama": 20})
    drawn = Counter(outcome(transform, "a movie", copy).text for copy in range(1, 2001))
    assert len(drawn) == 4
    assert all(400 < count < 600 for count in drawn.values()), drawn


def test_replacements_follow_the_rate(file):
    text = " ".join(["movie", "dull"] * 20)
    for rate, expected in ((0, 1), (0.1, 4), (0.5, 20), (1, 40)):
        transform = file({"movie": 0, "film": 10}, {"dull": 0, "boring": 10}, rate=rate)
        (edits,) = outcome(transform, text).notes["edits"]
        assert len(edits) == expected


def test_a_word_that_the_vocabulary_knows_in_another_form(file):
    assert every(file({"movie": 0, "film": 10}), "two movies") == {"two films"}


def test_a_file_needs_no_model(file, monkeypatch):
    monkeypatch.setattr(contextual, "load_reader", lambda *args: pytest.fail("loaded a model"))
    transform = file({"movie": 0, "film": 10}, model="/nowhere")
    assert every(transform, "a movie") == {"a film"}
    assert "/nowhere" not in str(transform.identity())


def test_the_identity_follows_the_files(tmp_path, file):
    transform = file({"movie": 0, "film": 10})
    before = transform.identity()
    moved = tmp_path / "moved.txt"
    shutil.copy(transform.vectors, moved)
    assert SimilarWord(**{**plain(transform), "vectors": str(moved)}).identity() == before
    moved.write_text(moved.read_text() + "story 1 0\n")
    assert SimilarWord(**{**plain(transform), "vectors": str(moved)}).identity() != before
    shutil.copytree(locate(EMBEDDED), tmp_path / "copy")
    here, there = (SimilarWord(model=model, source="static") for model in (EMBEDDED, str(tmp_path / "copy")))
    assert here.identity() == there.identity()
    assert here.to_spec() != there.to_spec()


def plain(transform):
    return {name: value for name, value in transform.to_spec().items() if name not in ("name", "version")}


class Reads:
    """Stands for an encoder that has vectors of its own for the words of a sentence."""

    def __init__(self, degrees):
        self.degrees, self.asked, self.places = degrees, [], []

    def vectors(self, places):
        self.places += places
        self.asked += [one.text[one.start : one.end] for one in places]
        for number, one in enumerate(places):
            turn = np.radians(self.degrees[one.text[one.start : one.end].lower()])
            yield number, np.array([np.cos(turn), np.sin(turn)])


@pytest.fixture
def reads(monkeypatch):
    def prepare(**degrees):
        reader = Reads(degrees)
        monkeypatch.setattr(contextual, "load_reader", lambda *args: reader)
        return reader

    return prepare


def test_in_context_only_what_is_near_there_is_taken(file, reads):
    reads(movie=0, film=10, story=70, tale=80, drama=20)
    transform = file({"movie": 0, "film": 50, "story": 5, "tale": 10, "drama": 89}, source="context", model=EMBEDDED)
    found = Counter(outcome(transform, "a movie", copy).text for copy in range(1, 401))
    assert set(found) == {"a film", "a drama"}
    assert all(150 < count < 250 for count in found.values()), "of those that pass, each is as likely"


def test_where_nothing_is_near_another_word_is_tried(file, reads):
    reads(movie=0, film=90, story=90, dull=0, boring=10)
    settings = {"source": "context", "model": EMBEDDED, "rate": 0.0}
    transform = file({"movie": 0, "film": 5, "story": 9}, {"dull": 0, "boring": 10}, **settings)
    assert every(transform, "a movie so dull") == {"a movie so boring"}
    assert outcome(transform, "a movie") == Declined("no word is similar enough")


def test_the_new_word_is_read_as_it_will_be_written(file, reads):
    reader = reads(movie=0, movies=0, film=10, films=10)
    transform = file({"movie": 0, "film": 10}, source="context", model=EMBEDDED)
    assert every(transform, "Movies, MOVIES", copies=2) == {"Films, FILMS"}
    assert set(reader.asked) == {"Movies", "MOVIES", "Films", "FILMS"}


def test_of_a_very_long_text_only_what_is_near_is_copied(file, reads):
    reader = reads(movie=0, film=10)
    transform = file({"movie": 0, "film": 10}, source="context", model=EMBEDDED, rate=0.0)
    text = f"{'the cold rain ' * 20_000}movie{' was so' * 20_000}"
    assert outcome(transform, text).text == text.replace("movie", "film")
    assert [len(one.text) < 10_000 for one in reader.places if one.text != text] == [True]


@pytest.mark.parametrize("before", [0, 1, 1500, 9000])
@pytest.mark.parametrize("after", [0, 1, 1500, 9000])
def test_what_is_near_is_all_that_an_encoder_reads(before, after):
    text = ("cold rain " * 1000)[:before] + "movie" + (" was so" * 2000)[:after]
    option = Option(Row(text), (before, before + 5), 0, [])
    whole = contextual.Place(text[:before] + "film" + text[before + 5 :], before, before + 4)
    near = contextual.Place(*option.put("film"))
    cut = lambda place: place.text[slice(*contextual._reach(place))]  # noqa: E731
    assert cut(near) == cut(whole)
    assert near.text[near.start : near.end] == "film"
    assert near.start - contextual._reach(near)[0] == whole.start - contextual._reach(whole)[0]


# -- the guard ---------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def guard(tmp_path_factory):
    """A masked model with labels and random weights."""
    folder = tmp_path_factory.mktemp("guard")
    from hf_augment.engine.scratch import train_tokenizer

    settings = tiny.config("modernbert")
    tokenizer = train_tokenizer([f"{label}: {text}" for text, label in tiny.ROWS], settings)
    torch.manual_seed(1)
    model = new_model(settings, tokenizer)
    for weights in model.parameters():
        if weights.ndim == 2:
            weights.data *= 20  # or the label would hardly count
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    tiny.PROMPT.save(folder)
    return str(folder)


WORDS = {word: 5 * i for i, word in enumerate(("movie", "film", "story", "tale", "drama", "script", "actor"))}


def test_the_guard_lets_pass_what_is_likelier_under_the_label(file, guard):
    transform = file(WORDS, guard=guard, threshold=0.5)
    lm = masked.load_masked_lm(guard)
    text = "The movie was cold."
    others = [word for word in WORDS if word != "movie"]
    asked = [masked.Question(text, (4, 9), others, label) for label in tiny.PROMPT.labels]
    of = {
        label: scores for label, (_, scores) in zip(tiny.PROMPT.labels, sorted(masked.score(lm, asked)), strict=True)
    }
    seen = Counter()
    for label, other in (("negative", "positive"), ("positive", "negative")):
        allowed = {word for word, own, rest in zip(others, of[label], of[other], strict=True) if own >= rest}
        found = [outcome(transform, text, copy, label) for copy in range(1, 61)]
        if allowed:
            assert {one.text for one in found} == {f"The {word} was cold." for word in allowed}
        else:
            assert set(found) == {Declined("no similar word fits the label")}
        seen[label] = len(allowed)
    assert sum(seen.values()) >= len(others)
    assert len(set(seen.values())) + min(seen.values()) > 1, "the guard tells nothing apart"


def test_a_margin_is_a_difference_of_logarithms(file, guard):
    text = "The movie was cold."
    lenient, strict = (file(WORDS, guard=guard, threshold=0.5, guard_margin=margin) for margin in (-100, 100))
    assert len(every(lenient, text, copies=60, label="negative")) == 6
    assert outcome(strict, text, label="negative") == Declined("no similar word fits the label")


def test_a_label_that_the_guard_does_not_know_is_declined(file, guard):
    transform = file(WORDS, guard=guard, threshold=0.5)
    for label in (None, "neutral"):
        assert outcome(transform, "a movie", label=label) == Declined(
            f"the guard knows no label {label!r}, only negative, positive"
        )


def test_a_guard_without_labels_says_how_to_get_one(file):
    with pytest.raises(ValueError, match=r"embedded:masked.*was not trained with labels.*masked-conditional.yaml"):
        outcome(file(WORDS, guard=EMBEDDED), "a movie")


def test_only_a_guard_reads_the_label(file, guard):
    assert file(WORDS).reads == ("text",)
    assert file(WORDS, guard=guard).reads == ("text", "label")
    assert file(WORDS, guard=guard).identity()["guard"] == identity(guard)


# -- the whole ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"rate": 1.5}, "similar_word: rate"),
        ({"threshold": 2}, "similar_word: threshold"),
        ({"top_k": 0}, "similar_word: top_k"),
        ({"source": "file"}, "source='file' needs a file"),
        ({"source": "static", "vectors": __file__}, "Write source='file', or source='context'"),
        ({"source": "bert"}, r"expected one of \['context', 'static', 'file'\]"),
    ],
)
def test_bad_settings(settings, message):
    with pytest.raises(ValueError, match=message):
        SimilarWord(**settings)


def test_a_file_that_is_not_there():
    with pytest.raises(FileNotFoundError, match="similar_word: vectors: there is no file"):
        SimilarWord(source="file", vectors="/no/where.vec")


def test_the_default_encoder_is_that_of_the_engine():
    from hf_augment.engine.encoder import ENCODER

    assert SimilarWord().model == ENCODER


def test_a_second_run_asks_no_model(monkeypatch):
    monkeypatch.setenv("HF_AUGMENT_REMEMBER", "1")
    rows = {"text": [f"The film about {word} was boring." for word in ("love", "war", "money")]}
    augment = Augment(SimilarWord(model=EMBEDDED, threshold=0.5), text="text", copies=3)
    first = augment(rows)
    assert len(first["text"]) > 6
    monkeypatch.setattr(word_tests, "InContext", lambda *args: pytest.fail("asked the model"))
    assert augment(rows) == first


@pytest.mark.slow
def test_batches_of_all_sizes_write_the_same():
    rows = [Row(f"{text} {'The film was long. ' * (i % 5)}") for i, (text, _) in enumerate(tiny.ROWS)]
    drawn = lambda rows: [stream(0, "similar_word", row_key(row.text), 1) for row in rows]  # noqa: E731
    for source in ("static", "context"):
        transform = SimilarWord(model=EMBEDDED, source=source, threshold=0.5, rate=0.3)
        whole = transform.apply(rows, drawn(rows))
        assert sum(isinstance(one, Written) for one in whole) > 40
        assert [transform.apply([row], drawn([row]))[0] for row in rows] == whole
        parts = [rows[::-1][i : i + 7] for i in range(0, len(rows), 7)]
        assert [one for part in parts for one in transform.apply(part, drawn(part))][::-1] == whole
