"""Chance by person: the streams of NumPy's Philox, to the bit."""

from __future__ import annotations

import zlib

import numpy as np
import pytest

from pulposus.outcomes.chance import rows


@pytest.mark.parametrize("count", [1, 3, 4, 5, 18])
@pytest.mark.parametrize("seed", [0, 7, 2**32 - 1])
def test_rows_are_streams_of_philox_to_the_bit(seed: int, count: int) -> None:
    numbers, key = [0, 1, 5, 99_999, 123_456_789], np.array([seed, zlib.crc32(b"x")], np.uint64)
    steps = -(-count // 4)
    for number, row in zip(numbers, rows(seed, numbers, count, "x"), strict=True):
        stream = np.random.Generator(np.random.Philox(key=key, counter=number * steps))
        assert np.array_equal(stream.random(count), row)
