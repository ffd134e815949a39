"""Streams of random numbers that depend on what a row says, never on where it stands."""

import json
from collections.abc import Sequence
from functools import lru_cache
from hashlib import blake2b
from typing import Any, TypeVar

VERSION = 1  # raised when the same seed and row start to give other numbers; part of every Augment's hash

T = TypeVar("T")

_MASK = 0xFFFFFFFFFFFFFFFF
_GAMMA = 0x9E3779B97F4A7C15


def mix(state: int) -> int:
    """Scramble 64 bits: the finalizer of SplitMix64 (Steele, Lea and Flood, 2014)."""
    state = ((state ^ (state >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
    state = ((state ^ (state >> 27)) * 0x94D049BB133111EB) & _MASK
    return state ^ (state >> 31)


class Stream:
    """
    A SplitMix64 generator: 64 bits of state, one addition and one scramble a draw.

    Args:
        key (`int`): The 64-bit state to start from. Streams with different keys are independent.
    """

    __slots__ = ("_state", "key")

    def __init__(self, key: int):
        self.key = self._state = key

    def bits(self) -> int:
        """Draw an integer from 0 to 2**64 - 1."""
        self._state = state = (self._state + _GAMMA) & _MASK
        state = ((state ^ (state >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
        state = ((state ^ (state >> 27)) * 0x94D049BB133111EB) & _MASK
        return state ^ (state >> 31)

    def below(self, n: int) -> int:
        """Draw an integer from 0 to `n - 1`."""
        return (self.bits() * n) >> 64  # multiply-shift: the bias, n / 2**64, is beyond measuring

    def uniform(self) -> float:
        """Draw a float from 0 (included) to 1 (excluded)."""
        return (self.bits() >> 11) * 2.0**-53

    def choice(self, items: Sequence[T]) -> T:
        """Draw one of `items`."""
        return items[(self.bits() * len(items)) >> 64]

    def sample(self, n: int, k: int) -> list[int]:
        """Draw `k` different integers below `n`, in random order; all of them if `k >= n`."""
        if k * 3 >= n:  # dense: shuffle the beginning of the whole range
            items = list(range(n))
            for i in range(min(k, n - 1)):
                j = i + ((self.bits() * (n - i)) >> 64)
                items[i], items[j] = items[j], items[i]
            return items[:k]
        drawn: dict[int, None] = {}
        while len(drawn) < k:
            drawn[(self.bits() * n) >> 64] = None
        return list(drawn)

    def child(self, path: str) -> "Stream":
        """Return the stream of the part of a pipeline that stands at `path`; draws nothing from this one."""
        return Stream(mix(self.key ^ _path_bits(path)))


@lru_cache(maxsize=4096)
def _path_bits(path: str) -> int:
    return int.from_bytes(blake2b(path.encode(), digest_size=8, person=b"hf_augment.path").digest(), "little")


def row_key(content: Any) -> bytes:
    """
    Digest what identifies a row: its text, or the value of an id column.

    Args:
        content (`str` or JSON-shaped): Strings take the short way; anything else is written as canonical JSON.

    Returns:
        `bytes`: 16 bytes, equal in every process.
    """
    if isinstance(content, str):
        return blake2b(content.encode("utf-8", "surrogatepass"), digest_size=16).digest()
    document = json.dumps(content, sort_keys=True, ensure_ascii=True, default=str)
    return blake2b(document.encode(), digest_size=16, person=b"json").digest()


def stream(seed: int, name: str, key: bytes, copy: int) -> Stream:
    """
    Make the stream of one copy of one row.

    Args:
        seed (`int`): The user's seed.
        name (`str`): The registry name of the transform. Parts of a pipeline take `Stream.child` from there.
        key (`bytes`): `row_key` of the row.
        copy (`int`): The number of the copy, from 1.
    """
    digest = blake2b(key + copy.to_bytes(8, "little") + _salt(seed, name), digest_size=8).digest()
    return Stream(int.from_bytes(digest, "little"))


@lru_cache(maxsize=256)
def _salt(seed: int, name: str) -> bytes:
    return blake2b(f"{seed}\0{name}".encode(), digest_size=16).digest()
