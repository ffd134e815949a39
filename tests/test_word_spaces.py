"""The vector spaces behind `similar_word`: which words they hold, what is near, and how words are read in context."""

import numpy as np
import pytest
import torch

from hf_augment import SimilarWord
from hf_augment.embedded.forms import are_opposites, in_form_of
from hf_augment.engine import contextual, vocabulary
from hf_augment.engine.contextual import Place, load_reader
from hf_augment.engine.resources import locate
from hf_augment.engine.scratch import new_model
from hf_augment.engine.vocabulary import WordSpace, load_vectors, load_words
from hf_augment.streams import stream
from hf_augment.transform import Row
from tests import tiny, tiny_masked
from tests.tiny_encoder import bag_of_words

EMBEDDED = "embedded:masked"


@pytest.fixture(autouse=True)
def a_cache_of_its_own(tmp_path, monkeypatch):
    monkeypatch.setenv("HF_AUGMENT_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(vocabulary, "_loaded", {})
    monkeypatch.setattr(contextual, "_loaded", {})


# -- files of vectors --------------------------------------------------------------------------------------------------


def space_of(tmp_path, content, encoding="utf-8"):
    path = tmp_path / "given.txt"
    path.write_bytes(content if isinstance(content, bytes) else content.encode(encoding))
    return load_vectors(str(path))


@pytest.mark.parametrize(
    "content",
    [
        "film 3 4\nmovie 6 8\ndull 0 1\n",
        "3 2\nfilm 3 4\nmovie 6 8\ndull 0 1\n",
        "film 3 4 \r\nmovie 6 8 \r\ndull 0 1 \r\n",
        "film 3 4\nFilm 9 0\n. . 1 1\n</s> 1 1\nmovie 6 8\nfilm 9 0\n2nd 1 1\ndull 0 1",
        "film 3e0 4\nmovie 6 8.0\na-b 1 1\ndull 0 1\nx 1 1\nsaw-mill 1 0",
    ],
    ids=["GloVe", "word2vec", "Windows", "odd words", "hyphens"],
)
def test_the_text_formats(tmp_path, content):
    space = space_of(tmp_path, content)
    assert list(space.words) == ["film", "movie", "dull"]
    np.testing.assert_allclose(space.vectors, [[0.6, 0.8], [0.6, 0.8], [0, 1]], atol=1e-6)


def test_words_of_every_script(tmp_path):
    space = space_of(tmp_path, "schön 1 0\nफ़िल्म 1 0\nфильм 1 0\nhalf\ud83d 1 0\n".encode("utf-8", "surrogatepass"))
    assert list(space.words) == ["schön", "फ़िल्म", "фильм"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("film 3 4\nmovie 6 x\n", r"given.txt, line 2: expected a word and 2 numbers"),
        ("film 3 4\nmovie 6 nan\n", r"given.txt, line 2: a number is not finite"),
        (b"\x80\x02}q\x00(X\x04" + bytes(range(256)) * 9, "holds no word vectors"),
        ("", "holds no word vectors"),
        ("film\nmovie\n", "holds no word vectors"),
    ],
)
def test_a_file_that_holds_none_is_refused(tmp_path, content, message):
    with pytest.raises(ValueError, match=message):
        space_of(tmp_path, content)


def test_a_row_that_is_too_short_is_named(tmp_path):
    with pytest.raises(ValueError, match="line 2: expected a word and 3 numbers"):
        space_of(tmp_path, "film 3 4 5\nmovie 6 8\n")


# -- the space of a model ----------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def vectors():
    drawn = np.random.default_rng(0).normal(size=(300, 24)).astype(np.float32)
    drawn[7] = drawn[90]  # a tie
    return drawn / np.linalg.norm(drawn, axis=1, keepdims=True)


def test_neighbours_are_the_nearest_whatever_else_is_asked(vectors, monkeypatch):
    words = [f"w{i:03}" for i in range(len(vectors))]
    everything = WordSpace(words, vectors).nearest(words, 10, 0.1)
    cosines = vectors.astype(np.float64) @ vectors.T.astype(np.float64)
    np.fill_diagonal(cosines, -1)
    for i, word in enumerate(words):
        near = np.argsort(-cosines[i], kind="stable")[:10]
        assert [one.word for one in everything[word]] == [words[j] for j in near if cosines[i, j] >= 0.1]
        assert [one.cosine for one in everything[word]] == pytest.approx(
            [cosines[i, j] for j in near if cosines[i, j] >= 0.1]
        )
    monkeypatch.setattr(vocabulary, "_SCORES_TOGETHER", 2000)
    few = WordSpace(words, vectors)
    assert {word: few.nearest([word], 10, 0.1)[word] for word in words[::-1]} == everything
    assert WordSpace(words, vectors).nearest([*words, "unknown"], 10, 0.1) == everything
    assert WordSpace(words[:2], vectors[:2]).nearest(words[:1], 10, -1.0)["w000"][0].word == "w001"


def test_the_words_of_byte_level_bpe_are_whole(tmp_path):
    folder = tmp_path / "model"
    torch.manual_seed(0)
    new_model(tiny.config("modernbert"), tiny.tokenizer()).save_pretrained(folder)
    tiny.tokenizer().save_pretrained(folder)
    space = load_words(str(folder))
    seen = {word.strip(".,").lower() for text, _ in tiny.ROWS for word in text.split()}
    assert {"film", "dull", "soup"} <= set(space.words)
    whole = [word for word in space.words if word in seen]
    assert len(whole) > 0.6 * len(space.words)  # the others are beginnings of words, which look the same
    assert "s" not in space.words


def test_the_words_of_wordpiece_are_whole(tmp_path):
    from tokenizers import BertWordPieceTokenizer
    from transformers import BertConfig, BertModel

    trained = BertWordPieceTokenizer(lowercase=True)
    trained.train_from_iterator([text for text, _ in tiny.ROWS] * 3, vocab_size=300, show_progress=False)
    model = BertModel(BertConfig(vocab_size=300, hidden_size=16, num_hidden_layers=1, num_attention_heads=2))
    model.save_pretrained(tmp_path / "bert")
    trained.save(str(tmp_path / "bert" / "tokenizer.json"))
    space = load_words(str(tmp_path / "bert"))
    assert {"film", "hotel", "wanted"} <= set(space.words)
    assert not any(word.startswith(("#", "[")) or len(word) < 2 for word in space.words)


def test_the_words_of_sentencepiece_are_whole(tmp_path):
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers
    from transformers import BertConfig, BertModel

    pieces = ["<unk>", "▁film", "▁hotel", "▁", "ing", "film", "▁ho", "▁hotelfilm", "▁Film", *"abcdefghilmot"]
    # A piece that is less likely than its parts is in the vocabulary and never written.
    scores = [-9.0 if piece == "▁hotelfilm" else -float(i % 3 + 1) for i, piece in enumerate(pieces)]
    tokenizer = Tokenizer(models.Unigram(list(zip(pieces, scores, strict=True)), unk_id=0))
    tokenizer.pre_tokenizer, tokenizer.decoder = pre_tokenizers.Metaspace(), decoders.Metaspace()
    model = BertModel(BertConfig(vocab_size=len(pieces), hidden_size=16, num_hidden_layers=1, num_attention_heads=2))
    model.save_pretrained(tmp_path / "model")
    tokenizer.save(str(tmp_path / "model" / "tokenizer.json"))
    assert load_words(str(tmp_path / "model")).words == ["film", "hotel", "ho"]


def test_a_tokenizer_without_words_is_refused(tmp_path):
    folder = bag_of_words(tmp_path / "letters", ["A B C"])
    with pytest.raises(ValueError, match=r"letters.*has no whole words.*source='file'"):
        load_words(str(folder))


def test_it_is_computed_once_and_then_mapped_from_disk(monkeypatch):
    first = load_words(EMBEDDED)
    assert len(first.words) > 3000
    assert load_words(EMBEDDED) is first
    vocabulary._loaded.clear()
    monkeypatch.setattr(vocabulary, "_read_model", lambda *args: pytest.fail("computed again"))
    again = load_words(EMBEDDED)
    assert isinstance(again.vectors, np.memmap)
    assert again.words == first.words
    assert np.array_equal(again.vectors, first.vectors)


@pytest.mark.parametrize("damage", ["half a file", "another length", "no words"])
def test_a_damaged_index_is_made_anew(tmp_path, damage):
    first = load_words(EMBEDDED)
    vocabulary._loaded.clear()
    (numbers,) = (tmp_path / "cache" / "vocabularies").glob("*.npy")
    content = numbers.read_bytes()
    numbers.unlink()  # what is mapped must not be written over
    if damage == "half a file":
        numbers.write_bytes(content[:5000])
    elif damage == "another length":
        np.save(numbers, np.zeros((3, 2), dtype=np.float32))
    else:
        numbers.write_bytes(content)
        numbers.with_suffix(".json").write_text("[")
    again = load_words(EMBEDDED)
    assert again.words == first.words
    assert np.array_equal(again.vectors, first.vectors)


def test_where_nothing_can_be_written_it_still_works(tmp_path, monkeypatch):
    (tmp_path / "plain").write_text("a file, no folder")
    monkeypatch.setenv("HF_AUGMENT_CACHE", str(tmp_path / "plain"))
    assert "film" in load_words(EMBEDDED)


def test_another_model_in_the_same_folder_has_another_space(tmp_path):
    folder = tmp_path / "model"
    bag_of_words(folder, ["dull film", "great soup"])
    assert set(load_words(str(folder)).words) == {"dull", "film", "great", "soup"}
    bag_of_words(folder, ["warm bread", "great soup"])
    assert set(load_words(str(folder)).words) == {"bread", "great", "soup", "warm"}


# -- words in context --------------------------------------------------------------------------------------------------

SENTENCES = ["the film was dull", "a joy , and great", "the soup was cold and so were they", "great film"]


@pytest.fixture
def encoder(tmp_path):
    return str(bag_of_words(tmp_path / "encoder", SENTENCES, layers=2))


def place(text, word):
    start = text.index(word)
    return Place(text, start, start + len(word))


def test_a_words_vector_is_the_mean_over_its_tokens(encoder):
    reader = load_reader(encoder)
    text = "The film was dull and great"
    found = dict(reader.vectors([place(text, "dull"), place(text, "dull and")]))
    ids = reader.tokenizer.encode(text).ids
    with torch.no_grad():
        states = reader.model(input_ids=torch.tensor([ids])).last_hidden_state[0].numpy()
    for number, expected in enumerate((states[3], states[3:5].mean(0))):
        np.testing.assert_allclose(found[number], expected / np.linalg.norm(expected), atol=1e-5)


@pytest.mark.parametrize("kind", tiny_masked.KINDS)
def test_every_kind_of_tokenizer(tmp_path, kind):
    from transformers import AutoModel, AutoTokenizer

    folder = tiny_masked.masked_lm(tmp_path / kind, kind)
    texts = ["The film was dull, and far too long.", "(Film) worth every cent", "A film"]
    words = ["long", "Film", "film"]
    found = dict(load_reader(folder).vectors([place(text, word) for text, word in zip(texts, words, strict=True)]))
    model, tokenizer = (
        AutoModel.from_pretrained(locate(folder), dtype=torch.float32).eval(),
        AutoTokenizer.from_pretrained(locate(folder)),
    )
    for number, (text, word) in enumerate(zip(texts, words, strict=True)):
        encoded = tokenizer(text, return_offsets_mapping=True)
        start = text.index(word)
        inside = [i for i, (a, b) in enumerate(encoded["offset_mapping"]) if max(a, start) < min(b, start + len(word))]
        with torch.no_grad():
            states = model(input_ids=torch.tensor([encoded["input_ids"]])).last_hidden_state[0, inside].mean(0)
        np.testing.assert_allclose(found[number], states / states.norm(), atol=1e-5)


def test_batches_move_the_vectors_hardly_at_all(encoder, monkeypatch):
    places = [place(f"{'great ' * (i % 9)}film was {SENTENCES[i % 4]}", "film") for i in range(60)]
    whole = dict(load_reader(encoder).vectors(places))
    monkeypatch.setattr(contextual, "TOKENS_TOGETHER", {"cpu": 10, "cuda": 10})
    for number, vector in load_reader(encoder).vectors(places):
        np.testing.assert_allclose(vector, whole[number], atol=1e-5)


def test_of_a_long_text_the_words_around_are_read(encoder):
    around = "cold and great film was dull and so were they " * 14
    texts = [f"{'joy ' * 5000}{around}", f"{'soup ' * 9000}{around}{'the ' * 9000}", f"film {around}"]
    middle = around.index("film") + 7 * len(around) // 14
    starts = [text.index(around) + middle for text in texts]
    places = [Place(text, start, start + 4) for text, start in zip(texts, starts, strict=True)]
    assert {text[start : start + 4] for text, start in zip(texts, starts, strict=True)} == {"film"}
    found = dict(load_reader(encoder).vectors(places))
    assert load_reader(encoder).room == 64
    assert np.linalg.norm(found[0]) == pytest.approx(1, abs=1e-5)
    np.testing.assert_allclose(found[1], found[0], atol=1e-5)
    np.testing.assert_allclose(found[2], found[0], atol=1e-5)


def test_what_is_longer_than_the_window_has_no_vector():
    text = "a film " + "x1y2" * 400
    (number, vector), *_ = load_reader(EMBEDDED).vectors([place(text, "x1y2" * 400)])
    assert number == 0
    assert not vector.any()


def test_special_tokens_in_a_text_are_letters():
    reader = load_reader(EMBEDDED)
    for text in ("a film <|endoftext|> film", "<|mask|> film"):
        (encoding,) = reader._encode([place(text, "film")])
        assert not {reader.tokenizer.token_to_id("<|endoftext|>"), reader.tokenizer.token_to_id("<|mask|>")} & {
            *encoding.ids
        }


def test_halves_of_pairs_and_emoji_move_no_place(encoder):
    (_, vector), *_ = load_reader(encoder).vectors([place("half \ud83d \U0001f44d\U0001f3fd film", "film")])
    assert np.isfinite(vector).all()
    assert np.linalg.norm(vector) == pytest.approx(1, abs=1e-5)


def test_a_model_that_writes_is_no_encoder():
    with pytest.raises(ValueError, match=r"embedded:generator.*is no encoder"):
        SimilarWord(model="embedded:generator").apply([Row("a film")], [stream(0, "similar_word", b"", 1)])


# -- forms -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("word", "other", "expected"),
    [
        ("movies", "film", {"films"}),
        ("movies", "films", {"films"}),
        ("movie", "films", {"film"}),
        ("watched", "see", {"saw", "seen"}),
        ("boring", "dull", {"dull"}),
        ("happier", "sad", {"sadder"}),
        ("movies", "movie", set()),
        ("given", "gave", set()),
        ("women", "woman", set()),
        ("boring", "bored", set()),
        ("better", "good", set()),
        ("quickly", "rapidly", {"rapidly"}),
        ("quickly", "fast", set()),
        ("song", "drama", set()),
        ("garden", "window", {"window"}),
        ("gardens", "window", set()),
        ("garden", "gardener", set()),
        ("guten", "schlechten", {"schlechten"}),
    ],
)
def test_another_word_takes_the_form(word, other, expected):
    assert {text for text, _ in in_form_of(word, other)} == expected


@pytest.mark.parametrize(
    ("word", "other", "expected"),
    [
        ("good", "bad", True),
        ("bad", "good", True),
        ("better", "worst", True),
        ("worse", "good", True),
        ("abilities", "inability", True),
        ("good", "great", False),
        ("film", "movie", False),
    ],
)
def test_opposites_are_known_in_every_form(word, other, expected):
    assert are_opposites(word, other) is expected
