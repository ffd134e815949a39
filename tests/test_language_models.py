"""The measuring sticks for the embedded language models measure what they say."""

import itertools
import math
import runpy
from collections import Counter, defaultdict
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch

from hf_augment.streams import Stream
from tests.benchmarks.kneser_ney import FALLBACK, KneserNey, Neighbours, by_counts, estimate_discounts
from tests.benchmarks.language_models import (
    bits_per_byte,
    by_model,
    causal_nats,
    documents,
    encode,
    masked_places,
    masked_scores,
    windows,
    written,
)
from tests.tiny import tokenizer

SCRIPT = Path(__file__).parent.parent / "scripts" / "check_overlap.py"


def draw(seed: int, length: int, vocabulary: int) -> np.ndarray:
    """Tokens of which low ones are common, as in language."""
    draws = Stream(seed)
    return np.array([int(draws.uniform() ** 2 * vocabulary) for _ in range(length)], dtype=np.int32)


# Windows


@pytest.mark.parametrize("length", [1, 2, 3, 8, 9, 10, 11, 12, 13, 64, 1000])
@pytest.mark.parametrize("context", [1, 2, 3, 8, 9])
def test_every_token_is_predicted_once(length, context):
    found = list(windows(length, context))
    assert [place for window in found for place in range(window.first, window.stop + 1)] == list(range(1, length))
    for start, stop, first in found:
        assert stop - start == min(context, length - 1)
        assert first - start > context // 2 or start == 0  # what it sees at the least


class Bigrams:
    """A model that knows what follows each token: no window can matter to it."""

    def __init__(self, scores: torch.Tensor):
        self.scores = scores

    def __call__(self, input_ids: torch.Tensor) -> SimpleNamespace:
        return SimpleNamespace(logits=self.scores[input_ids])


def test_windows_neither_shift_nor_mix_tokens():
    scores = torch.randn(6, 6, generator=torch.Generator().manual_seed(0))
    tokens = draw(1, 501, 6)
    found = causal_nats(Bigrams(scores), tokens, context=8)
    expected = -scores.log_softmax(-1)[tokens[:-1], tokens[1:]]
    assert len(found) == 500
    assert found == pytest.approx(expected.numpy(), abs=1e-6)


def test_a_uniform_model_pays_the_logarithm_of_the_vocabulary():
    texts = [["A quiet room.", "Crème brûlée!"], ["Not for me."]]
    text, tokens = written(texts), encode(tokenizer(), texts)
    assert text.decode() == "A quiet room.\nCrème brûlée!\nNot for me.\n"
    end = tokenizer().eos_token_id
    assert list(tokens).count(end) == 3
    assert tokenizer().decode(tokens.tolist()) == " A quiet room.{0} Crème brûlée!{0} Not for me.{0}".format(
        tokenizer().eos_token
    )
    nats = causal_nats(Bigrams(torch.zeros(len(tokenizer()), len(tokenizer()))), np.array([end, *tokens]), context=4)
    expected = math.log2(len(tokenizer())) * len(tokens) / len(text)
    assert bits_per_byte(nats, len(text)) == pytest.approx(expected, rel=1e-6)


def test_pieces_of_a_text_stay_together(tmp_path):
    file = tmp_path / "pieces.parquet"
    pq.write_table(pa.table({"text": ["a", "b", "c"], "document": ["x", "x", "y"]}), file)
    assert documents(str(file)) == [["a", "b"], ["c"]]
    pq.write_table(pa.table({"text": ["a", "b", "c"]}), file)
    assert documents(str(file)) == [["a"], ["b"], ["c"]]


# Kneser-Ney


class Dictionaries:
    """The same model as the textbook writes it: one dictionary of followers for each context."""

    def __init__(self, tokens: list[int], vocabulary: int, end: int, order: int):
        self.vocabulary, self.order = vocabulary, order
        padded = [end] * (order - 1) + tokens
        grams = Counter(tuple(padded[at : at + order]) for at in range(len(tokens)))
        self.levels = {}
        for width in range(order, 0, -1):
            followers = defaultdict(dict)
            for gram, count in grams.items():
                followers[gram[:-1]][gram[-1]] = count
            discounts = estimate_discounts([list(grams.values()).count(count) for count in (1, 2, 3, 4)])
            self.levels[width] = (followers, discounts)
            grams = Counter(gram[1:] for gram in grams)

    def probability(self, context: tuple[int, ...], token: int) -> float:
        followers, discounts = self.levels[len(context) + 1]
        lower = self.probability(context[1:], token) if context else 1 / self.vocabulary
        if context not in followers:
            return lower
        counts = followers[context]
        total = sum(counts.values())
        own = counts[token] - discounts[min(counts[token], 3) - 1] if token in counts else 0
        free = sum(discounts[min(count, 3) - 1] for count in counts.values())
        return own / total + free / total * lower


@pytest.mark.parametrize(("length", "vocabulary", "order"), [(4000, 9, 5), (300, 33, 3), (12, 5, 4), (60, 2, 1)])
def test_kneser_ney_agrees_with_dictionaries(length, vocabulary, order):
    tokens = draw(2, length, vocabulary)
    fast = KneserNey(tokens, vocabulary, end=0, order=order)
    plain = Dictionaries(tokens.tolist(), vocabulary, end=0, order=order)
    draws = Stream(3)
    for _ in range(200):
        context = [draws.below(vocabulary) for _ in range(order - 1)]
        grams = fast.pack([np.full(vocabulary, token) for token in context] + [np.arange(vocabulary)])
        found = fast.probabilities(grams)
        assert found.sum() == pytest.approx(1, abs=1e-9)
        assert found.min() > 0
        assert found == pytest.approx([plain.probability(tuple(context), w) for w in range(vocabulary)], abs=1e-9)


def test_kneser_ney_reads_a_text_from_its_beginning():
    tokens, unseen = draw(2, 2000, 9), draw(4, 50, 9)
    plain = Dictionaries(tokens.tolist(), 9, end=0, order=5)
    padded = [0, 0, 0, 0, *unseen.tolist()]
    expected = [-math.log(plain.probability(tuple(padded[at : at + 4]), padded[at + 4])) for at in range(50)]
    assert KneserNey(tokens, 9, end=0).nats(unseen) == pytest.approx(expected, abs=1e-9)


def test_lower_orders_count_companions_not_occurrences():
    # 7 is common, but only ever after 6: in another place it is less likely than the rarer 5, which keeps company.
    tokens = np.array([6, 7] * 30 + [1, 5, 2, 5, 3, 5, 4, 5])
    model = KneserNey(tokens, 10, end=0, order=2)
    after_9 = model.probabilities(model.pack([np.full(10, 9), np.arange(10)]))
    assert after_9[5] > after_9[7]


def test_discounts_are_those_of_chen_and_goodman():
    assert estimate_discounts([100, 40, 20, 10]) == pytest.approx((5 / 9, 7 / 6, 17 / 9))  # Y = 5/9
    assert estimate_discounts([100, 0, 20, 10]) == FALLBACK


def test_too_long_ngrams_are_refused():
    with pytest.raises(ValueError, match="lower order"):
        KneserNey(draw(0, 10, 8192), 8192, end=0, order=5)


# Masked tokens


def test_hidden_places_depend_on_the_block_alone():
    block = draw(5, 128, 50)
    places = masked_places(block, end=0)
    assert places.tolist() == masked_places(block.copy(), end=0).tolist()
    assert places.tolist() != masked_places(block, end=0, seed=1).tolist()
    assert len(set(places.tolist())) == round(0.15 * np.count_nonzero(block))
    assert 0 not in block[places]


def test_all_contenders_are_asked_for_the_same_tokens():
    blocks = draw(6, 40 * 32, 20).reshape(40, 32)
    seen = []

    def spy(hidden):
        hidden = list(hidden)
        seen.append([np.flatnonzero(block < 0).tolist() for block in hidden])
        for block, true in zip(hidden, blocks, strict=True):
            assert np.array_equal(block[block >= 0], true[block >= 0])
            yield np.log(np.full((np.count_nonzero(block < 0), 20), 1 / 20))

    _, nats = masked_scores(spy, blocks, end=0)
    masked_scores(spy, blocks, end=0)
    assert seen[0] == seen[1] == [masked_places(block, end=0).tolist() for block in blocks]
    assert nats == pytest.approx(math.log(20))


def test_a_masked_model_sees_the_mask_and_nothing_beneath():
    mask = 19

    def copy(input_ids):  # says what it sees: never right where the mask stands
        return SimpleNamespace(logits=torch.nn.functional.one_hot(input_ids, 20).float() * 50)

    blocks = draw(6, 40 * 32, 19).reshape(40, 32)
    assert masked_scores(by_model(copy, mask), blocks, end=0)[0] == 0
    assert masked_scores(by_model(lambda input_ids: oracle(blocks), mask), blocks[:32], end=0)[0] == 1


def oracle(blocks):
    return SimpleNamespace(logits=torch.nn.functional.one_hot(torch.from_numpy(blocks[:32]).long(), 20).float() * 50)


def test_neighbours_give_distributions():
    tokens = draw(7, 3000, 12)
    uniform, draws = np.full(12, 1 / 12), Stream(8)
    for offsets in ((), (-1,), (-2, -1), (-1, 1)):
        counted = Neighbours(tokens, offsets, 12, end=0)
        for _ in range(50):
            block = np.array([draws.below(12) for _ in range(5)])
            found = counted.over(uniform, block, 2)
            assert found.sum() == pytest.approx(1)
            assert found.min() > 0


def test_neighbours_know_what_was_counted():
    tokens = np.array([1, 2, 3, 1, 2, 3, 1, 2, 4, 1, 5, 4, 0, 0])  # 2 stands between 1 and 3 twice, and nothing else
    counted = Neighbours(tokens, (-1, 1), 6, end=0)
    lower = np.full(6, 1 / 6)
    kept = (2 - counted.discount) / 2
    assert counted.over(lower, np.array([1, -1, 3]), 1)[2] == pytest.approx(kept + (1 - kept) / 6)
    for blind in ([-1, -1, 3], [1, -1, -1], [5, -1, 5]):
        assert counted.over(lower, np.array(blind), 1) is lower
    assert counted.over(lower, np.array([1, -1]), 1) is lower  # the block ends there


def test_counts_win_where_the_neighbours_tell():
    cycle = np.array([*itertools.islice(itertools.cycle([1, 2, 3, 4, 5]), 4000)], dtype=np.int32)
    scores = {
        name: masked_scores(each, cycle[:640].reshape(20, 32), 0) for name, each in by_counts(cycle, 6, 0).items()
    }
    assert scores["commonest token"][0] < 0.5
    assert scores["commonest token"][0] < scores["trigram, two tokens before"][0]
    assert scores["trigram, two tokens before"][0] < scores["neighbours on both sides"][0]
    assert scores["neighbours on both sides"][1] < scores["trigram, two tokens before"][1] < math.log(6)


# Overlap


@pytest.fixture
def overlap(monkeypatch):
    monkeypatch.syspath_prepend(str(SCRIPT.parent))
    return SimpleNamespace(**runpy.run_path(str(SCRIPT)))


def test_shared_sentences_are_found_whatever_their_spelling(overlap):
    training = overlap.Training(["I did not care. It didn't move me at all, not once! Loved it.", "Nobody was there."])
    found = training.overlap(
        [
            {"text": "it did n't move me at all , not once .", "label": 0},
            {"text": "Dull.<br /><br />Nobody was there. So I left.", "label": 1},
            {"messages": [{"role": "user", "content": ["Loved it"]}], "label": 2},
            {"text": "Nothing of the kind.", "label": 3},
        ]
    )
    assert sorted(found.shared.values()) == ["Loved it", "Nobody was there.", "it did n't move me at all , not once ."]
    assert (found.rows, found.held) == (4, 1)
    assert sorted(map(overlap.band, found.shared.values())) == [0, 0, 2]


def test_a_run_of_thirteen_words_is_found_and_one_of_twelve_is_not(overlap):
    said = [
        "one",
        "two",
        "three",
        "four",
        "five",
        "six",
        "seven",
        "eight",
        "nine",
        "ten",
        "eleven",
        "twelve",
        "thirteen",
    ]
    training = overlap.Training(["Other things entirely.", f"Well, {' '.join(said)} and on.", " ".join(said[6:])])
    whole, part = f"Start {' '.join(said).upper()}, stop", f"Start {' '.join(said[:12])} stop"
    found = training.overlap([{"text": whole}, {"text": part}, {"text": " ".join(said[:6])}])
    assert (found.run, found.pieces) == (1, 1)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.csv", 'text,label\n"Nobody, ""really"" nobody, was there.",0\n'),
        ("a.tsv", 'text\tlabel\nNobody, "really" nobody, was there.\t0\n'),
        ("a.jsonl", '{"text": "Nobody, \\"really\\" nobody, was there.", "label": "0"}\n\n'),
    ],
)
def test_overlap_reads_the_usual_files(overlap, tmp_path, name, content):
    file = tmp_path / name
    file.write_text(content, encoding="utf-8")
    assert list(overlap.rows(file)) == [{"text": 'Nobody, "really" nobody, was there.', "label": "0"}]
