import random
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hf_augment.streams import Stream, mix, row_key, stream

GOLDEN = {"below": [27, 88, 50, 28, 78], "child": 441, "key": "136acaf44029a567fb7cb4d6b7a6579e"}


def test_is_splitmix64():
    """The values that the generator's authors publish for the seed 1234567."""
    drawn = Stream(1234567)
    assert [drawn.bits() for _ in range(3)] == [6457827717110365317, 3203168211198807973, 9817491932198370423]


def test_a_stream_is_named_by_seed_transform_row_and_copy():
    keys = {
        stream(seed, name, row_key(text), copy).key
        for seed in (0, 1)
        for name in ("random_swap", "typo")
        for text in ("a", "b")
        for copy in (1, 2)
    }
    assert len(keys) == 16


def test_values_stay_what_they_were():
    """A change here changes every augmented dataset: raise `streams.VERSION` with it."""
    drawn = stream(0, "random_swap", row_key("A quiet room."), 1)
    assert [drawn.below(100) for _ in range(5)] == GOLDEN["below"]
    assert drawn.child("0:typo").below(1000) == GOLDEN["child"]
    assert row_key("A quiet room.").hex() == GOLDEN["key"]


def test_a_child_draws_nothing_from_its_parent():
    with_child, without = stream(0, "x", row_key("t"), 1), stream(0, "x", row_key("t"), 1)
    with_child.child("0:typo").bits()
    assert with_child.bits() == without.bits()


def test_row_keys_tell_texts_from_lists():
    assert len({row_key(content) for content in ("a", ["a"], '["a"]', None, "None", 1, "1", "\ud83d", "")}) == 9


@pytest.mark.parametrize("n", [2, 7, 100])
def test_below_is_uniform(n):
    drawn = stream(3, "x", row_key(str(n)), 1)
    counts = Counter(drawn.below(n) for _ in range(200 * n))
    assert set(counts) == set(range(n))
    chi = sum((count - 200) ** 2 / 200 for count in counts.values())
    assert chi < n - 1 + 5 * (2 * (n - 1)) ** 0.5


def test_uniform_fills_the_interval():
    drawn = stream(0, "x", row_key("u"), 1)
    values = [drawn.uniform() for _ in range(20_000)]
    assert 0 <= min(values) < 0.001
    assert 0.999 < max(values) < 1
    assert abs(sum(values) / len(values) - 0.5) < 0.01


@given(st.integers(0, 40), st.integers(0, 60), st.integers(0, 1 << 63))
def test_sample_draws_different_ones(n, k, key):
    drawn = Stream(key).sample(n, min(k, n))
    assert len(drawn) == len(set(drawn)) == min(k, n)
    assert all(0 <= item < n for item in drawn)


def test_sample_is_uniform_over_ordered_pairs():
    for n in (5, 12):  # the dense way and the sparse one
        counts = Counter(tuple(stream(0, "x", row_key(str(i)), n).sample(n, 2)) for i in range(n * (n - 1) * 100))
        assert len(counts) == n * (n - 1)
        assert max(counts.values()) < 160


def test_streams_of_neighbouring_rows_are_unrelated():
    first = [stream(0, "x", row_key(str(i)), 1).uniform() for i in range(4000)]
    second = [stream(0, "x", row_key(str(i)), 2).uniform() for i in range(4000)]
    mean = lambda values: sum(values) / len(values)  # noqa: E731
    covariance = mean([a * b for a, b in zip(first, second, strict=True)]) - mean(first) * mean(second)
    assert abs(covariance) * 12 < 0.06


def test_mix_is_a_bijection_on_a_sample():
    values = [random.Random(0).getrandbits(64) + i for i in range(1000)]
    assert len({mix(value & (1 << 64) - 1) for value in values}) == 1000
