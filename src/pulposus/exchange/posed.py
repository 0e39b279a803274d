"""The disc of a case taken through loads: what others are asked to compute too, and our answer.

What: a disc as built, without stress and without the spring behind the dashpot of its fibres, swells and bears a first
load until pore pressure has gone; then, unless it stays drained, a second load comes at once. No course of years, no
cells: the composition of the grade, the form of the case and the tear that its Dallas grade says.
Reads: a case. Writes: nothing; `febio` and `paraview` write it.
Source: loads in ``evidence/loads.csv``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, NamedTuple

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from pulposus import evidence
from pulposus.disc import composition, equilibrium, fissure, material, mesh, posture, solid
from pulposus.disc.equilibrium import Balance, Load
from pulposus.disc.parameters import Parameters
from pulposus.disc.solid import Solid
from pulposus.errors import InputError
from pulposus.record import annulus
from pulposus.run import shape_of

if TYPE_CHECKING:
    from pulposus.case import Case

SIZE = "cohort"  # the mesh on which runs load their discs, whose solvers are then compiled already
REST = "lying"
REFERENCE = "reference_l4l5"
_MM, _MPA = 1e3, 1e6  # maths: a metre in mm, a megapascal in Pa
_STEPS = 8  # maths: equal steps in which charge and first load grow


@eqx.filter_jit
def _grown(body: Solid, load: Load, share: Array) -> tuple[Solid, Load]:
    """The disc with a share of its charge, under a share of a load."""
    less = eqx.tree_at(lambda b: b.material.charge, body, share * body.material.charge)
    parts = tuple(share * value for value in (load.force, load.moment, load.follower, load.pose))
    return less, eqx.tree_at(lambda a: (a.force, a.moment, a.follower, a.pose), load, parts)


def _ramped(body: Solid, load: Load) -> Balance:
    """The drained disc at rest from the state as built, as `equilibrium.ramped`, but by the function that runs compile
    and keep too, so that nothing is compiled anew.
    """
    now = equilibrium.at_start(body)
    for step in range(1, _STEPS + 1):
        now = equilibrium.drained(*_grown(body, load, jnp.asarray(step / _STEPS)), now)
    return now



class Stage(NamedTuple):
    """One load, the moment in it that holds the vertebra where a posture turns it: its name, whether water may leave
    until pore pressure has gone, and where the disc comes to rest.
    """

    name: str
    drained: bool
    load: Load
    found: Balance


class Posed(NamedTuple):
    """A disc under its loads, one after the other."""

    title: str
    body: Solid
    stages: tuple[Stage, ...]


def reference() -> Case:
    """The case of the published healthy L4-L5 disc, untreated."""
    from pulposus.case import Case

    return Case.from_dict({"disc": {"level": "L4-L5", "outline": REFERENCE, "grade": 1}})


def body_of(case: Case, size: str) -> Solid:
    """The solid of a case's disc at start, torn as its Dallas grade says (unless the case leaves out what tears do to
    tissue), on the mesh `size`; InputError for an unknown mesh.
    """
    case, topology = case.resolved(), mesh.sized(size)
    p, hypotheses = Parameters.from_evidence(case.parameter_overrides()), case.hypotheses()
    grade = composition.continuous_grade(p, float(case.disc.grade))
    made = composition.composition(p, hypotheses, grade)
    tissue = material.graded(topology, p, hypotheses, grade, *made)
    # other programs get fibres without the spring behind a dashpot, so ours go without it here
    tissue = eqx.tree_at(lambda m: m.branch_modulus, tissue, 0 * tissue.branch_modulus)
    if case.structure.weakening:
        damage = fissure.torn_by(topology, annulus(case)["dallas_of_mechanics"])
        tissue = fissure.torn(p, tissue, jnp.asarray(damage))
    return solid.solid(topology, hypotheses, p, tissue, mesh.coordinates(topology, shape_of(case)))


def posed(
    case: Case,
    size: str,
    name: str,
    drained: bool = False,
    tell: Callable[[int, str], None] = lambda done, text: None,
) -> Posed:
    """A case's disc in a posture of ``evidence/loads.csv``: drained under it, or drained at rest and then loaded at
    once. `tell` hears of each stage before it is computed.

    Raises InputError for an unknown posture or mesh, and where the disc cannot bear the load.
    """
    evidence.posture(name)  # an unknown one is said before the disc is built
    body = body_of(case, size)
    first = name if drained else REST
    loads = [posture.load_of(body, each) for each in dict.fromkeys((first, name))]
    tell(0, f"{first}, drained")
    rested = _ramped(body, loads[0])
    stages = [Stage(first, True, equilibrium.released(body, loads[0], rested), rested)]
    if not drained:
        tell(1, f"{name}, at once")
        found = equilibrium.flowing(body, loads[-1], rested, now := jnp.asarray(0.0))
        free = equilibrium.released(body, loads[-1], found, equilibrium.flow_from(body, rested, now))
        stages.append(Stage(name, False, free, found))
    for stage in stages:
        if not float(stage.found.error) < equilibrium.BELIEVED:
            raise InputError(
                f"This disc does not come to rest under {stage.name!r}: that is beyond it; choose a lighter posture."
            )
    return Posed(_title(case, size), body, tuple(stages))


def _title(case: Case, size: str) -> str:
    """Which disc it is, and how it is torn."""
    disc, torn = case.disc, annulus(case)["dallas_of_mechanics"]
    torn_too = f", torn as of Dallas grade {torn}" if torn and case.structure.weakening else ", annulus whole"
    return f"{disc.level}, grade {disc.grade}{torn_too}, {size} mesh"


def answers(posed: Posed) -> Iterator[str]:
    """A sentence a stage: how the upper vertebra moves, and the pressure."""
    for stage in posed.stages:
        seen, pose = posture.read(posed.body, stage.found), np.asarray(stage.found.pose)
        ways = ", ".join(f"{way * _MM:.4f}" for way in pose[:3])
        turn = ", ".join(f"{angle:.4f}" for angle in np.degrees(pose[3:]))
        yield (
            f"{stage.name} ({'drained' if stage.drained else 'at once'}): the upper vertebra moves by ({ways}) mm and "
            f"turns by ({turn}) degrees; {float(seen.pressure) / _MPA:.4f} MPa in the middle of the nucleus."
        )
