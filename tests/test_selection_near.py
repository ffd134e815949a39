"""Near duplicates by shingles: what is found, how surely, and that memory and order do not matter."""

import functools
import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hf_augment import SelectConfig
from hf_augment.selection import minhash, space
from hf_augment.selection.duplicates import distinct, nearest
from hf_augment.selection.minhash import MinHash, rows_of_a_band
from hf_augment.selection.shingles import Shingling, jaccard
from hf_augment.selection.space import Picked, Space
from hf_augment.streams import row_key, stream
from tests.test_selection import CANDIDATES, LABELS, OTHERS, augmented, chosen, encoder, reasons, rows_of  # noqa: F401

CHARACTERS, WORDS = Shingling("characters", 5), Shingling("words", 2)
LONG = [
    " ".join(f"{OTHERS[stream(0, 'long', row_key([i, j]), 0).below(12)]}{(i * 7 + j) % 50}" for j in range(30))
    for i in range(25)
]


def edited(text: str, words: int) -> str:
    parts = text.split()
    for place in range(words):
        parts[place * 3] = f"other{place}"
    return " ".join(parts)


@functools.cache
def exactly(first: str, second: str, shingling: Shingling) -> float:
    return jaccard(frozenset(shingling.cut(first)), frozenset(shingling.cut(second)))


def test_shingles_are_of_what_is_said():
    assert CHARACTERS.cut("Good, DAY!") == ["good ", "ood d", "od da", "d day"]
    assert WORDS.cut("Not a good day, not a day") == ["not a", "a good", "good day", "day not", "not a", "a day"]
    assert CHARACTERS.cut("Hm.") == WORDS.cut("hm") == ["hm"]
    assert exactly("a b c", "A, b d", WORDS) == pytest.approx(1 / 3)


@pytest.mark.parametrize("threshold", [0.3, 0.5, 0.7, 0.8, 0.9, 1])
def test_a_pair_on_the_threshold_is_proposed(threshold):
    rows = rows_of_a_band(threshold)
    assert 1 - (1 - threshold**rows) ** (minhash.HASHES // rows) >= 0.99


@pytest.mark.parametrize("shingling", [CHARACTERS, WORDS])
def test_what_all_pairs_find_is_found(shingling):
    texts = [edited(text, words) for text in LONG for words in range(6)]
    index = MinHash(texts, shingling, 0.7)
    kept, best = index.distinct(texts)
    expected: list[int] = []
    for i, text in enumerate(texts):
        if all(exactly(text, texts[j], shingling) < 0.7 for j in expected):
            expected.append(i)
    assert [i for i, keep in enumerate(kept) if keep] == expected
    assert 25 <= len(expected) < len(texts)
    for i, keep in enumerate(kept):
        assert keep == (best[i] < 0.7)
    found = index.nearest(texts, LONG)
    for text, value in zip(texts, found, strict=True):
        true = max(exactly(text, other, shingling) for other in LONG)
        assert value == pytest.approx(true) or true < 0.7
        assert value <= true + 1e-9


def test_nothing_is_dropped_that_is_not_near():
    texts = [edited(text, 4) + f" and so on {i}" for i, text in enumerate(LONG * 3)]
    index = MinHash(texts, CHARACTERS, 0.95)
    for (i, keep), text in zip(enumerate(index.distinct(texts)[0]), texts, strict=True):
        assert keep or any(exactly(text, other, CHARACTERS) >= 0.95 for other in texts[:i])


def test_crowded_buckets_stay_bounded(monkeypatch):
    monkeypatch.setattr(minhash, "_CROWD", 4)
    monkeypatch.setattr(minhash, "_LOOKED_AT", 2)
    template = " ".join(LONG[:6])
    texts = [f"{template} " + " ".join(f"{word}{i}" for word in OTHERS) for i in range(25)]
    looked = []
    compare = MinHash._nearest
    monkeypatch.setattr(MinHash, "_nearest", lambda *args: looked.append(len(args[2])) or compare(*args))
    kept, best = MinHash(texts, CHARACTERS, 0.95).distinct(texts)
    assert all(kept)
    assert best.max() > 0.8
    assert max(looked) == 2
    texts.insert(1, texts[0] + " x")
    assert MinHash(texts, CHARACTERS, 0.95).distinct(texts)[0] == [True, False, *[True] * 24]


def test_no_texts_are_no_error():
    index = MinHash(["one two"], CHARACTERS, 0.8)
    assert index.distinct([]) == ([], pytest.approx(np.zeros(0)))
    assert index.nearest([], ["one two"]).tolist() == []
    assert index.nearest(["one two"], []).tolist() == [0]


def near(candidates, evaluation=None, **settings):
    return chosen(None, candidates, evaluation, **{"jaccard": 0.7, **settings})


def test_rows_are_dropped_by_their_shingles_and_say_so():
    text, other, third = LONG[:3]
    gold = [(third, LABELS[0]), (LONG[3], LABELS[1])]
    candidates = [(edited(text, 1), LABELS[0]), (edited(other, 1), LABELS[0]), (edited(other, 2), LABELS[1])]
    candidates += [(edited(third, 1), LABELS[0]), (LONG[4], LABELS[1])]
    found = near(candidates, {"test": rows_of(text)}, gold=gold)
    said = reasons(found)
    assert said[0] == "near duplicate of a row of the test split (shingles)"
    assert sorted(said[1:3]) == ["", "near duplicate of a candidate (shingles)"]
    assert said[3:] == ["near duplicate of a gold row (shingles)", ""]
    values = [row["jaccard"] for row in found.dataset if row["augmented_by"] != "original"]
    assert values[0] == pytest.approx(exactly(text, edited(text, 1), CHARACTERS), abs=1e-6)
    assert [value >= 0.7 for value in values] == [bool(reason) for reason in said]
    assert found.report["thresholds"]["shingles"] == "Jaccard similarity of 0.7 or more of the runs of 5 characters"
    assert found.report["encoder"]["identity"] is None
    assert np.isnan(found.dataset["similarity"]).all()


def test_words_and_sizes_are_asked_for():
    shuffled = " ".join(LONG[0].split()[::-1])
    candidates = [(LONG[0], LABELS[0]), (shuffled, LABELS[0])]
    assert sum(map(bool, reasons(near(candidates, shingles="words", shingle_size=1)))) == 1
    assert reasons(near(candidates, shingles="words", shingle_size=2)) == ["", ""]


def test_the_order_of_the_rows_decides_nothing():
    from hf_augment import select

    candidates = [(edited(text, words), LABELS[words % 2]) for text in LONG[:20] for words in range(5)]
    given = augmented(candidates)
    config = SelectConfig(encoder=None, near_duplicate=None, agreement=False, length=None, jaccard=0.7, per_label=9)
    found = []
    for rows in (given, given.shuffle(seed=1)):
        selection = select(rows, text="text", label="label", config=config)
        decided = {(row["text"], row["copy"]): (row["dropped"], str(row["jaccard"])) for row in selection.dataset}
        found.append((decided, selection.report))
    assert found[0] == found[1]


def test_both_ways_go_together(encoder):  # noqa: F811
    found = chosen(
        encoder, [*CANDIDATES[:6], (CANDIDATES[0][0] + " day", LABELS[0])], near_duplicate=0.99, jaccard=0.8
    )
    assert sum(map(bool, reasons(found))) == 1


def test_without_rensa_it_says_what_to_install(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "rensa", None)
    with pytest.raises(ImportError, match=r"hf-augment\[dedup\]"):
        near(CANDIDATES[:2])


def test_without_an_encoder_nothing_compares_meanings():
    with pytest.raises(ValueError, match=r"encoder: null leaves nothing.*'near_duplicate', 'agreement'"):
        SelectConfig(encoder=None)
    found = chosen(None, CANDIDATES, per_label=3)
    assert found.report["judge"] == {"trusted": False, "says": "none: a judge needs an encoder, and there is none"}
    assert found.report["kept"] == 6


# Blocks of a matrix


@given(st.integers(1, 12), st.integers(1, 4), st.integers(0, 50))
@settings(deadline=None)
def test_rows_that_are_read_in_blocks_are_the_same(rows, block, seed):
    vectors = np.random.default_rng(seed).normal(size=(20, 4)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    which = np.random.default_rng(seed).integers(0, 20, rows)
    picked = Picked(vectors, which)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("hf_augment.selection.duplicates._BLOCK", block)
        np.testing.assert_array_equal(nearest(picked, vectors), nearest(vectors[which], vectors))
        assert distinct(picked, 0.6) == distinct(vectors[which], 0.6)


def test_texts_are_embedded_so_many_at_a_time(encoder, monkeypatch):  # noqa: F811
    from hf_augment.engine.encoder import Encoder

    config = SelectConfig(encoder=encoder)
    texts = [text for text, _ in CANDIDATES[:10]]
    whole, known, asked = Space(texts, config), {}, []
    embed = Encoder.embed
    monkeypatch.setattr(Encoder, "embed", lambda self, texts: asked.append(len(texts)) or embed(self, texts))
    monkeypatch.setattr(space, "TOGETHER", 4)
    again = Space(reversed(texts), config, known)
    assert asked == [4, 4, 2]
    np.testing.assert_allclose(again.of(texts)[:], whole.of(texts)[:], atol=1e-6)
    assert all(np.shares_memory(known[text], again._vectors) for text in texts)
    assert len(list(itertools.pairwise(known))) == 9
