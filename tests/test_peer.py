"""An independent implementation on a small mesh: scikit-fem's stiffness and Newton's method in NumPy and SciPy give our
answers.
"""

from __future__ import annotations

import functools
import sys
from pathlib import Path

import jax
import numpy as np
import pytest

pytest.importorskip("skfem", reason="scikit-fem is not installed (it is in the dev extra)")
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "benchmarks"))

import peer
import problem
import transport

from pulposus.disc.mesh import sized
from pulposus.disc.parameters import Parameters

COHORT = sized("cohort")


@pytest.fixture(scope="module")
def disc():
    parameters = Parameters.from_evidence()
    given = jax.jit(functools.partial(problem.problem, COHORT, problem.reference()))(parameters)
    return parameters, given, jax.jit(functools.partial(problem.assemble, COHORT))(given), peer.stiffness(COHORT, given)


def test_the_stencil_is_the_stiffness_that_scikit_fem_assembles(disc):
    _, _, operator, matrix = disc
    assert abs(transport.stencil_matrix(COHORT, operator.stencil) - matrix).max() < 1e-12 * abs(matrix).max()


@pytest.mark.parametrize("limiter", [False, True], ids=["no limiter", "limiter"])
def test_solutes_are_those_of_the_peer(disc, limiter):
    parameters, given, operator, matrix = disc
    other = peer.Peer(COHORT, given, parameters, limiter, matrix)
    exact = other.in_turn(other.start, other.cells, 1e-10, 1e-3)
    assert other.imbalance(exact.field, other.cells) < 1e-8
    solved = jax.jit(functools.partial(problem.solve, COHORT, parameters, limiter))(operator, given, given.start, 1e-9)
    ours = problem.distinct(COHORT, solved.field)[:, other.free]
    assert other.difference(ours, exact.field) < 1e-6
    assert np.ptp(exact.field, axis=1).min() > 0.1 * other.largest.min()  # something was solved


def test_the_other_ways_of_the_peer_agree_with_it(disc):
    parameters, given, _, matrix = disc
    other = peer.Peer(COHORT, given, parameters, True, matrix)
    exact = other.in_turn(other.start, other.cells, 1e-10, 1e-3).field
    for name, way in other.variants().items():
        assert other.difference(way(other.start, other.cells, 1e-7).field, exact) < 1e-5, name
