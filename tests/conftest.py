"""What holds for every test."""

from __future__ import annotations

import gc
import itertools
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

# Compiled functions are kept on disk, so that workers, files and programs started by tests share them: set before any
# of them loads JAX.
_ROOT = Path(__file__).resolve().parents[1]
os.environ.setdefault("JAX_COMPILATION_CACHE_DIR", str(_ROOT / ".pytest_cache" / "jax"))
os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0.3")

# Each compiled function takes memory maps of its process, and Linux grants 65,530: one process that keeps those of all
# tests ends in a segmentation fault.
_MAPS, _MANY, _EVERY = Path("/proc/self/maps"), 20_000, 10  # looked at after so many tests
_DONE = itertools.count(1)


def _forget(above: int) -> None:
    if "jax" in sys.modules and _MAPS.exists() and _MAPS.read_bytes().count(b"\n") > above:
        sys.modules["jax"].clear_caches()
        gc.collect()


@pytest.fixture(scope="module", autouse=True)
def _compiled_functions_go_with_their_file() -> Iterator[None]:
    yield
    _forget(0)


@pytest.fixture(autouse=True)
def _compiled_functions_stay_few() -> Iterator[None]:
    yield
    if next(_DONE) % _EVERY == 0:
        _forget(_MANY)
