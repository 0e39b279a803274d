"""Height and pressure of the disc at rest and under a sudden load go to a limit as elements shrink, and how fast."""

from __future__ import annotations

import equinox as eqx
import jax.numpy as jnp
import numpy as np
import pytest

from pulposus.case import Hypothesis
from pulposus.disc import equilibrium, posture
from pulposus.disc.mesh import Topology
from pulposus.exchange import posed

SETTLED = 1e12  # s: beyond all flow


def on_finer(solid: str, finer: tuple[int, ...]) -> np.ndarray:
    """(mesh, number): height lost at rest under 250 N and by a sudden 1000 N in mm, and the pressures in MPa, on meshes
    with so many elements across nucleus, annulus and each half of what lies between the endplates.
    """
    rows = []
    after = eqx.filter_jit(equilibrium.after)
    case = posed.reference().model_copy(update={"choices": Hypothesis(solid=solid)})
    with pytest.MonkeyPatch.context() as patch:
        for n in finer:
            patch.setitem(posed.mesh.SIZES, "cohort", Topology(2 * n + 1, 6 * n, 2 * n + 3, n, 1))
            body = posed.body_of(case, "cohort")
            none, tight = equilibrium.unloaded(body), jnp.asarray(1e-8)
            light, heavy = (eqx.tree_at(lambda a: a.follower, none, jnp.asarray(f)) for f in (250.0, 1000.0))
            rested = after(body, light, equilibrium.at_start(body), jnp.asarray(SETTLED), tight)
            pressed = after(body, heavy, rested, jnp.asarray(0.0), tight)
            assert max(float(rested.error), float(pressed.error)) < 1e-7
            lost = -1e3 * float(rested.pose[2]), 1e3 * float(rested.pose[2] - pressed.pose[2])
            rows.append([*lost, *(1e-6 * float(posture.read(body, found).pressure) for found in (rested, pressed))])
    return np.array(rows)


@pytest.fixture(scope="module")
def seen() -> np.ndarray:
    """With the fitted, stiffer matrix."""
    return on_finer("fitted", (1, 2, 3))


@pytest.fixture(scope="module")
def soft() -> np.ndarray:
    """With the measured one."""
    return on_finer("measured", (2, 3, 4))


def test_height_converges_with_second_order_and_pressure_with_first_at_least(seen):
    """Of second order the two changes are as 1 - 1/4 to 1/4 - 1/9, that is 5.4; of first order as 3."""
    first, second = np.abs(np.diff(seen, axis=0))
    for number in (0, 1):  # height, at rest and what a sudden load takes of it: 10 and 8
        assert first[number] > 5 * second[number]
    assert first[3] > 3 * second[3]  # pressure under the sudden load: 3.2, between first and second order
    assert np.all(np.abs(seen[:, 2] / seen[-1, 2] - 1) < 0.01)  # at rest pressure carries the load, on any mesh


def test_what_is_left_on_the_finest_of_them_is_small(seen):
    """Extrapolated to no element size, with second order."""
    limit = seen[2] + (seen[2] - seen[1]) * (1 / 9) / (1 / 4 - 1 / 9)
    assert np.abs(seen[2, 1] / limit[1] - 1) < 0.05
    assert np.abs(seen[2, 3] / limit[3] - 1) < 0.02


def test_a_soft_annulus_converges_with_first_order(soft):
    """Of first order the two changes are as 1/2 - 1/3 to 1/3 - 1/4, that is 2; of second order as 2.9. What a sudden
    load takes of the height is not there yet with so few elements: 1.35.
    """
    first, second = np.abs(np.diff(soft, axis=0))
    assert first[0] > 2 * second[0]  # height lost at rest: 2.1
    assert first[3] > 2 * second[3]  # pressure under the sudden load: 2.1
    assert first[1] > 1.25 * second[1]
    limit = soft[2] + (soft[2] - soft[1]) * (1 / 4) / (1 / 3 - 1 / 4)
    left = np.abs(soft[2] / limit - 1)  # of height at rest, height of the sudden load, and the pressures
    assert np.all(left < (0.15, 0.08, 0.015, 0.05))
