"""What holds for every test."""

from __future__ import annotations

import gc
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


@pytest.fixture(scope="module", autouse=True)
def _compiled_functions_go_with_their_file() -> Iterator[None]:
    """Each compiled function takes memory maps of its process, and Linux grants 65,530: one process that keeps those of
    all files ends in a segmentation fault.
    """
    yield
    if "jax" in sys.modules:
        sys.modules["jax"].clear_caches()
        gc.collect()
