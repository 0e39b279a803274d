"""Discs from all over the ranges of the virtual population: each finds its rest and bears its postures, or says so."""

from __future__ import annotations

import equinox as eqx
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.stats import qmc

from pulposus import biomechanics, evidence
from pulposus.disc import equilibrium, geometry, mesh, posture
from pulposus.disc.composition import continuous_grade
from pulposus.disc.parameters import Parameters
from pulposus.disc.state import Hypotheses

P = Parameters.from_evidence()
LEVELS = [level for level in evidence.levels() if level[0] in "CL"]
VARIED = ("mid_height", "ap_depth", "width", "wedge")


def people(count: int) -> list[tuple[str, int, dict[str, float]]]:
    """Level, grade and dimensions (SI) of `count` discs: all levels, sexes and grades, sizes over their ranges."""
    found = []
    for where, sex, grade, *shares in qmc.Sobol(3 + len(VARIED), seed=1).random(count):
        level, grade = LEVELS[int(where * len(LEVELS))], 1 + int(grade * 5)
        rows = evidence.dimensions(level, ("male", "female")[int(sex * 2)], grade)
        sizes = {name: row.si for name, row in rows.items()}
        for name, share in zip(VARIED, shares, strict=True):
            low, high = (rows[name].value if end is None else end for end in (rows[name].low, rows[name].high))
            sizes[name] += (share - 0.5) * (high - low) * evidence.factor(rows[name].unit)
        found.append((level, grade, sizes))
    return found


@pytest.mark.slow
def test_no_element_of_any_disc_of_the_population_turns_inside_out() -> None:
    for level, grade, sizes in people(16):
        shape = geometry.from_dimensions(sizes)
        made = posture.rested(mesh.sized("cohort"), Hypotheses(), P, shape, continuous_grade(P, grade))
        disc = biomechanics.rested(made)
        found = [
            disc.found,
            *(biomechanics.under(disc, posture.load_of(disc.body, name)) for name in ("standing", "lifting")),
        ]
        assert max(float(one.error) for one in found) < equilibrium.BELIEVED, (level, grade)
        assert min(float(posture.read(disc.body, one).driest) for one in found) > 0.2, (level, grade)


def test_a_load_that_no_disc_bears_is_a_sentence() -> None:
    _, grade, sizes = people(1)[0]
    made = posture.rested(
        mesh.sized("cohort"), Hypotheses(), P, geometry.from_dimensions(sizes), continuous_grade(P, grade)
    )
    disc = biomechanics.rested(made)
    load = eqx.tree_at(lambda a: a.follower, posture.load_of(disc.body, "standing"), jnp.asarray(1e6))
    row = biomechanics._row(disc, biomechanics.under(disc, load))
    assert row["status"].startswith("beyond this disc")
    assert np.isnan(row["pressure_MPa"])
