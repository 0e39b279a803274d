"""Chance that belongs to a person: the same for a seed and a number, whoever else is there and whoever computes it.

What: `rows` gives rows of an endless table of chance, one for each person's number; `ByPerson` hands such rows out as
a NumPy generator does, call by call.
Equations: row i of a table is the stream of Philox (a counter that is enciphered, Salmon 2011) keyed with the seed and
the table's name, begun at counter i times the steps of a row.
Reads, writes: nothing.
Why this holds: a row is reached by counting, not by drawing the rows before it, so no cohort size, order or executor
has a part in it; tables of different names share no key.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence

import numpy as np
from scipy.special import ndtri

_FOUR = 4  # maths: numbers that a step of Philox gives


_LOW, _HALF, _DROPPED = np.uint64(2**32 - 1), np.uint64(32), np.uint64(11)  # maths: halves of a word; bits of no double
_STEP = 2.0**-53  # maths: between two doubles below one
_ROUNDS = 10  # maths: of Philox4x64
# maths: multipliers and steps of the key of Philox4x64
_TIMES = (0xD2E7470EE14C6C93, 0xCA5A826395121157)
_BUMPS = (0x9E3779B97F4A7C15, 0xBB67AE8584CAA73B)  # maths: steps of the key of Philox4x64


def rows(seed: int, numbers: np.ndarray | Sequence[int], count: int, name: str) -> np.ndarray:
    """`count` uniform numbers between 0 and 1 (never either) for each of `numbers`: (person, count).

    A row's first numbers stay the same however many are asked for only while `count` stays: ask for the most at once.
    """
    steps = -(-count // _FOUR)
    # NumPy's Philox counts on before it gives
    first = np.asarray(numbers, np.int64).astype(np.uint64) * np.uint64(steps) + np.uint64(1)
    counters = (first[:, None] + np.arange(steps, dtype=np.uint64)).ravel()
    words = np.stack(_philox(seed, zlib.crc32(name.encode()), counters), axis=1)
    found = (words.reshape(len(first), -1)[:, :count] >> _DROPPED) * _STEP
    return np.clip(found, np.finfo(float).tiny, 1 - np.finfo(float).epsneg)


def _philox(first: int, second: int, counters: np.ndarray) -> tuple[np.ndarray, ...]:
    """Philox4x64 of many counters at once, to the bit as `numpy.random.Philox` with this key: four words each."""
    zero, keys = np.zeros_like(counters), [first, second]
    words = [counters, zero, zero, zero]
    for _ in range(_ROUNDS):
        (high, low), (high2, low2) = (_product(m, word) for m, word in zip(_TIMES, words[::2], strict=True))
        words = [high2 ^ words[1] ^ np.uint64(keys[0]), low2, high ^ words[3] ^ np.uint64(keys[1]), low]
        keys = [(key + bump) % 2**64 for key, bump in zip(keys, _BUMPS, strict=True)]
    return tuple(words)


def _product(by: int, word: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """High and low words of a product of words of 64 bits."""
    a, b = np.uint64(by >> 32), np.uint64(by & 0xFFFFFFFF)  # maths: half a word
    x, y = word >> _HALF, word & _LOW
    low, cross = b * y, a * y
    middle = b * x + (low >> _HALF) + (cross & _LOW)
    return a * x + (cross >> _HALF) + (middle >> _HALF), np.uint64(by) * word


class ByPerson:
    """A generator whose numbers belong to people: the first axis of every shape is the person.

    It can be given wherever a function draws with the person first. Call k of every person is of a table of its own,
    so that a shape that grows (more visits) moves nobody else.
    """

    def __init__(self, seed: int, numbers: np.ndarray | Sequence[int], name: str) -> None:
        self.seed, self.numbers, self.name = seed, np.asarray(numbers, int), name
        self._calls = 0

    def random(self, shape: int | tuple[int, ...]) -> np.ndarray:
        """Uniform numbers of a shape, the person first. Raises ValueError for another number of people."""
        shape = (shape,) if isinstance(shape, int) else shape
        if shape[0] != len(self.numbers):
            raise ValueError(f"a shape of {shape} is not one of {len(self.numbers)} people")
        self._calls += 1
        each = int(np.prod(shape[1:], dtype=int))
        return rows(self.seed, self.numbers, each, f"{self.name} {self._calls}").reshape(shape)

    def standard_normal(self, shape: int | tuple[int, ...]) -> np.ndarray:
        """Standard normal numbers of a shape, the person first."""
        return np.asarray(ndtri(self.random(shape)))

    def integers(self, high: int, size: int | tuple[int, ...]) -> np.ndarray:
        """Whole numbers from 0 to below `high`, the person first."""
        return np.floor(self.random(size) * high).astype(int)
