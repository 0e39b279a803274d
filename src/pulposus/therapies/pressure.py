"""How hard an injection presses: what goes in, at which pressure it ends, and how much more or less of it leaves again.

What: an injected volume raises the pressure of the nucleus by the disc's elastance; at the stop the hand on the syringe
ends, and the rest of the volume is not given. What a carrier keeps was stated (or assumed) at one pressure, the anchor;
at another it keeps more or less.
Equations: pressure above opening ``p = E V``; ``V_given = min(V, p_stop / E, V_stop)``; with E in discs of another size
``E = E_table (A_reference / A)^(3/2)``, A the plan area of the nucleus; share kept ``rho^x``,
``x = (p / p_anchor) (leak path of the Dallas grade / that of Dallas 3)``.
Reads: elastance and leak path by Dallas grade, the stop, the anchor (therapies.csv, group volume). Writes: nothing.
Why this holds: over the seconds of an injection the disc is a spring, and measured curves are near to straight up to
80 psi; what flows out through a tear or the needle's track goes with pressure (Darcy), so that what stays falls
exponentially with pressure times path. A disc of the same form and stuff is softer by its volume.
Source: elastance by Dallas grade from 49 discs (PMC2729819); that a tear carries the pressure to the outer annulus, Lee
2004; the map from Pfirrmann to Dallas grade and the leak paths are assumptions with ranges.
"""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from pulposus import evidence
from pulposus.disc import geometry

REFERENCE = "L4-L5"  # the table of elastance comes from lumbar discs
_TO_VOLUME = 3 / 2  # maths: volume of bodies of one form goes with this power of their area


def reference_area(grade: int, sex: str = "any") -> float:
    """Plan area in m^2 of the nucleus of the lumbar disc to which the table of elastance belongs; the table does not
    tell the sexes apart, so that each has its own.
    """
    dimensions = {name: row.si for name, row in evidence.dimensions(REFERENCE, sex, grade).items()}
    return float(geometry.from_dimensions(dimensions).nucleus.area())


def elastance(table: Array, area: Array, reference: Array) -> Array:
    """Rise of pressure per injected volume in Pa/m^3 of a disc whose nucleus has this plan area (m^2)."""
    return table * (reference / area) ** _TO_VOLUME


def given(volume: Array, elastance: Array, stop_pressure: Array, stop_volume: Array) -> Array:
    """Volume in m^3 that goes in before the stop is reached; all of it where the stop is not."""
    return jnp.minimum(volume, jnp.minimum(stop_pressure / elastance, stop_volume))


def kept(retained: Array, pressure: Array, path: Array, anchor: Array) -> Array:
    """Share that stays of what a carrier keeps as `retained` at the anchor pressure through a path of one.

    Falls with pressure and path; equal to `retained` at the anchor, between 0 and 1 always.
    """
    safe = jnp.maximum(retained, np.finfo(float).tiny)
    return jnp.where(retained > 0, safe ** (path * pressure / anchor), 0.0)
