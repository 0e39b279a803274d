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


def rows(seed: int, numbers: np.ndarray | Sequence[int], count: int, name: str) -> np.ndarray:
    """`count` uniform numbers between 0 and 1 (never either) for each of `numbers`: (person, count).

    A row's first numbers stay the same however many are asked for only while `count` stays: ask for the most at once.
    """
    key, steps = np.array([seed, zlib.crc32(name.encode())], np.uint64), -(-count // _FOUR)
    found = np.empty((len(numbers), count))
    for place, number in enumerate(np.asarray(numbers, int)):
        stream = np.random.Philox(key=key, counter=int(number) * steps)
        found[place] = np.random.Generator(stream).random(count)
    return np.clip(found, np.finfo(float).tiny, 1 - np.finfo(float).epsneg)


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
