"""Programs of a trial's discs can be lowered for a graphics processor: the same code, and nothing that a host must do.

Lowering needs no such processor: it fails where an operation has no form for it. That compiled programs agree there
with those of a processor is not seen by it.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import pandas as pd
import pytest

from pulposus import imaging, run
from pulposus.disc import equilibrium, mechanics, simulate
from pulposus.trials import clinic, discs, entered, read_protocol

FOLDER = Path(__file__).resolve().parents[1] / "protocols"


def lowered(function: Callable[..., Any], *given: Any) -> str:
    """The program of a function for CUDA, as text."""
    arrays, rest = eqx.partition(given, eqx.is_array)
    jitted = jax.jit(lambda each: eqx.filter(function(*eqx.combine(each, rest)), eqx.is_array))
    return jitted.trace(arrays).lower(lowering_platforms=("cuda",)).as_text()


@pytest.fixture(scope="module")
def batch() -> tuple[Any, Any]:
    protocol = read_protocol(FOLDER / "msb_dr003.toml").sized(6)
    people = entered.enter(protocol, 0).people
    who = discs.ask(protocol, pd.concat([people, clinic.lots(protocol, people, 0)], axis=1))[:2]
    plan = discs.planned(protocol, "solid", size="coarse", batch=2)
    built = [
        discs._mapped(lambda leaf: leaf[1:2], run.build(discs.case_of(plan, one), plan.size, room=plan.room))
        for one in who
    ]
    both, states, _ = discs._mapped(lambda *leaves: jnp.concatenate(leaves), *built)
    return both, states


def test_a_processors_own_operation_is_refused() -> None:
    with pytest.raises(NotImplementedError, match="schur"):
        lowered(lambda a: jax.lax.linalg.schur(a), jnp.eye(3))


def test_steps_and_pictures_of_a_batch_lower(batch: tuple[Any, Any]) -> None:
    each = (eqx.if_array(0), eqx.if_array(0))
    month = jnp.asarray(simulate.MONTH)
    advance = lowered(eqx.filter_vmap(simulate.advance, in_axes=(*each, None, None)), *batch, month, month)
    t2 = imaging.T2Scale.from_evidence()
    looks = lowered(eqx.filter_vmap(imaging.summary, in_axes=(*each, None)), *batch, t2)
    for text in (advance, looks):
        assert "callback" not in text
    assert "stablehlo.while" in advance


def test_the_whole_disc_lowers(batch: tuple[Any, Any]) -> None:
    one = [simulate._one_of(each, jnp.asarray(0)) for each in batch]
    body, load, last, _ = mechanics._before(*one)
    text = lowered(equilibrium.drained, body, load, last)
    assert "stablehlo.while" in text
    assert "callback" not in text
