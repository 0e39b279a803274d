"""What holds for every test."""

from __future__ import annotations

import gc
import sys
from collections.abc import Iterator

import pytest


@pytest.fixture(scope="module", autouse=True)
def _compiled_functions_go_with_their_file() -> Iterator[None]:
    """Each compiled function takes memory maps of its process, and Linux grants 65,530: one process that keeps those of
    all files ends in a segmentation fault.
    """
    yield
    if "jax" in sys.modules:
        sys.modules["jax"].clear_caches()
        gc.collect()
