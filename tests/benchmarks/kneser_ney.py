"""Models that only count: what a language model of a few million weights has to beat."""

import functools
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import NamedTuple

import numpy as np

Predict = Callable[[Iterable[np.ndarray]], Iterator[np.ndarray]]  # blocks, -1 for what is hidden → its log p

FALLBACK = (0.5, 1.0, 1.5)  # discounts where there is too little text to estimate them


class Level(NamedTuple):
    """
    The n-grams of one length, packed into integers and sorted.

    Args:
        grams (`np.ndarray`): The n-grams.
        counts (`np.ndarray`): How often each occurs; below the highest order, after how many different tokens.
        discounts (`np.ndarray`): What a count of 0, 1, 2, 3 or more gives up.
        contexts (`np.ndarray`): The n-grams without their last token, each once.
        totals (`np.ndarray`): The sum of a context's counts.
        freed (`np.ndarray`): What they give up in all.
    """

    grams: np.ndarray
    counts: np.ndarray
    discounts: np.ndarray
    contexts: np.ndarray
    totals: np.ndarray
    freed: np.ndarray


class KneserNey:
    """
    The interpolated, modified Kneser-Ney model of Chen and Goodman (1999), over a closed vocabulary.

    The unigrams are interpolated with the uniform distribution, so every token has a probability everywhere.

    Args:
        tokens (`np.ndarray`): The training text, an end token after each piece.
        vocabulary (`int`): Tokens are below it.
        end (`int`): The end token, which is taken to stand before the text.
        order (`int`, *optional*, defaults to `5`): Tokens that are looked at, the predicted one included.
    """

    def __init__(self, tokens: np.ndarray, vocabulary: int, end: int, order: int = 5):
        self.vocabulary, self.end, self.order = vocabulary, end, order
        self.bits = _bits(vocabulary, order)
        grams, counts = np.unique(self._packed(tokens), return_counts=True)
        levels = [_level(grams, counts, self.bits)]
        for width in range(order - 1, 0, -1):
            grams, counts = np.unique(grams & self._last(width), return_counts=True)
            levels.append(_level(grams, counts, self.bits))
        self.levels = levels[::-1]  # from the unigrams up

    def nats(self, tokens: np.ndarray) -> np.ndarray:
        """Return -log p of each token of a text, given those before it and end tokens before the text."""
        return -np.log(self.probabilities(self._packed(tokens)))

    def probabilities(self, grams: np.ndarray) -> np.ndarray:
        """Return the probability of the last token of packed n-grams of the highest order."""
        found = np.full(len(grams), 1 / self.vocabulary)
        for width, level in enumerate(self.levels, start=1):
            known, place = _find(level.contexts, (grams & self._last(width)) >> self.bits)
            inside, at = _find(level.grams, grams & self._last(width))
            counts = np.where(inside, level.counts[at], 0)
            own = counts - level.discounts[np.minimum(counts, 3)]
            found = np.where(known, (own + level.freed[place] * found) / level.totals[place], found)
        return found

    def pack(self, windows: Sequence[np.ndarray]) -> np.ndarray:
        """Pack the columns of n-grams, the predicted tokens last, into integers."""
        packed = np.zeros(len(windows[-1]), dtype=np.int64)
        for column in windows:
            packed = packed << self.bits | column
        return packed

    def _packed(self, tokens: np.ndarray) -> np.ndarray:
        padded = np.concatenate([np.full(self.order - 1, self.end), tokens]).astype(np.int64)
        return self.pack([padded[start : start + len(tokens)] for start in range(self.order)])

    def _last(self, width: int) -> int:
        return (1 << width * self.bits) - 1


def _bits(vocabulary: int, order: int) -> int:
    bits = (vocabulary - 1).bit_length()
    if bits * order > 63:
        raise ValueError(f"{order} tokens of {bits} bits do not fit into 63. Use a lower order.")
    return bits


def _level(grams: np.ndarray, counts: np.ndarray, bits: int) -> Level:
    of_counts = np.bincount(np.minimum(counts, 5), minlength=6)[1:5].astype(
        float
    )  # how many n-grams occur 1 ... 4 times
    discounts = np.array([0.0, *estimate_discounts(of_counts)])
    contexts = grams >> bits
    starts = np.flatnonzero(np.concatenate([[True], contexts[1:] != contexts[:-1]]))
    freed = np.add.reduceat(discounts[np.minimum(counts, 3)], starts)
    return Level(grams, counts.astype(np.int32), discounts, contexts[starts], np.add.reduceat(counts, starts), freed)


def estimate_discounts(of_counts: Sequence[float]) -> tuple[float, float, float]:
    """
    Estimate the discounts of counts of 1, 2, and 3 or more.

    Args:
        of_counts (`Sequence[float]`): How many n-grams occur once, twice, three and four times.
    """
    if min(of_counts) == 0:
        return FALLBACK
    once, twice, thrice, four = of_counts
    share = once / (once + 2 * twice)
    found = (1 - 2 * share * twice / once, 2 - 3 * share * thrice / twice, 3 - 4 * share * four / thrice)
    return found if all(0 <= discount <= count for count, discount in enumerate(found, start=1)) else FALLBACK


def _find(known: np.ndarray, wanted: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return whether each wanted value is among the sorted known ones, and where."""
    place = np.minimum(np.searchsorted(known, wanted), len(known) - 1)
    return known[place] == wanted, place


class Neighbours:
    """
    What stands at a place, by the tokens at some places around it: counts with absolute discounting.

    Ney, Essen and Kneser (1994): each count gives up as much as single ones suggest, and the share that becomes free
    follows a distribution that knows less.

    Args:
        tokens (`np.ndarray`): The training text, an end token after each piece.
        offsets (`tuple[int, ...]`): The places that are looked at, such as `(-2, -1)`; `()` for none.
        vocabulary (`int`): Tokens are below it.
        end (`int`): The end token: taken to stand around the text, and never asked for.
    """

    def __init__(self, tokens: np.ndarray, offsets: tuple[int, ...], vocabulary: int, end: int):
        self.offsets = offsets
        self.bits = _bits(vocabulary, len(offsets) + 1)
        reach = max(map(abs, offsets), default=0)
        padded = np.pad(tokens.astype(np.int64), reach, constant_values=end)
        places = reach + np.flatnonzero(tokens != end)
        grams = np.zeros(len(places), dtype=np.int64)
        for offset in (*offsets, 0):
            grams = grams << self.bits | padded[places + offset]
        self.grams, self.counts = np.unique(grams, return_counts=True)
        once, twice = (np.count_nonzero(self.counts == count) for count in (1, 2))
        self.discount = once / (once + 2 * twice) if once and twice else FALLBACK[0]

    def over(self, lower: np.ndarray, block: np.ndarray, place: int) -> np.ndarray:
        """
        Return the distribution of the token at a place of a block, where `lower` is the one that knows less.

        Args:
            lower (`np.ndarray` of shape `(vocabulary,)`): What is returned where these neighbours were never seen, or
                one of them is hidden or outside the block.
            block (`np.ndarray`): Tokens, -1 where they are hidden.
            place (`int`): Where in it.
        """
        context = 0
        for offset in self.offsets:
            if not 0 <= place + offset < len(block) or block[place + offset] < 0:
                return lower
            context = context << self.bits | int(block[place + offset])
        start, stop = np.searchsorted(self.grams, [context << self.bits, (context + 1) << self.bits])
        if start == stop:
            return lower
        counts = self.counts[start:stop]
        found = lower * (self.discount * len(counts) / counts.sum())
        found[self.grams[start:stop] & ((1 << self.bits) - 1)] += (counts - self.discount) / counts.sum()
        return found


def by_counts(tokens: np.ndarray, vocabulary: int, end: int) -> dict[str, Predict]:
    """Predict by the commonest token, by the two tokens before, and by the tokens on both sides."""
    at = functools.cache(lambda *offsets: Neighbours(tokens, offsets, vocabulary, end))
    unigram = at().over(np.full(vocabulary, 1 / vocabulary), tokens[:1], 0)

    def chain(block: np.ndarray, place: int, *levels: tuple[int, ...]) -> np.ndarray:
        return functools.reduce(lambda lower, level: at(*level).over(lower, block, place), levels, unigram)

    def two_sided(block: np.ndarray, place: int) -> np.ndarray:
        both = (
            chain(block, place, (-1,)) * chain(block, place, (1,)) / unigram
        )  # as if the sides knew different things
        return at(-1, 1).over(both / both.sum(), block, place)

    def each(single: Callable[[np.ndarray, int], np.ndarray]) -> Predict:
        return lambda hidden: (
            np.log([single(block, place) for place in np.flatnonzero(block < 0)]) for block in hidden
        )

    return {
        "commonest token": each(lambda block, place: unigram),
        "trigram, two tokens before": each(lambda block, place: chain(block, place, (-1,), (-2, -1))),
        "neighbours on both sides": each(two_sided),
    }
