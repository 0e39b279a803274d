"""Conservative care in the disc: what tablets, steroids, smoking, weight, posture and movement change while they last.

What: between its month and its end an option multiplies constants of the disc; before and after it does nothing. What
acts on people alone (muscle relaxants, opioids, an epidural injection) has no factor here.
Equation: constant x product over options that are on of (1 + s (f - 1)).
Reads and writes: see `factors.changed`.
Why this holds: between two stops of the clock nothing begins or ends; what is on at the same time multiplies, so that
order cannot matter.
Source: ``evidence/option_disc.csv``; nearly all of it assumed.
"""

from __future__ import annotations

from collections.abc import Sequence

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from pulposus.disc.simulate import AbstractTherapy
from pulposus.disc.state import Disc, State
from pulposus.evidence.options import RELATIVE
from pulposus.therapies import factors, options
from pulposus.therapies.options import Planned


class Regimens(AbstractTherapy):
    """Options that change a disc for a time, one entry each; `given` is 1 in the treated arm and 0 in the other."""

    given: Float[Array, ""]
    start: Float[Array, " option"]  # s
    end: Float[Array, " option"]  # s
    factor: Float[Array, "option relative"]  # by RELATIVE, 1 where nothing is changed

    def times(self) -> tuple[float, ...]:
        """Beginnings and ends of what changes anything, s."""
        acts = np.any(np.asarray(self.factor) != 1, -1)
        stops = np.concatenate([np.asarray(self.start)[acts], np.asarray(self.end)[acts]])
        return tuple(np.unique(stops[np.isfinite(stops) & (stops >= 0)]).tolist())

    def modulate(self, disc: Disc, time: Array) -> Disc:
        """The disc with what is on at `time`."""
        on = self.given * (self.start <= time) * (time < self.end)
        return factors.changed(disc, {key: factors.product(on, self.factor[:, k]) for k, key in enumerate(RELATIVE)})

    def dose(self, disc: Disc, state: State, coords: Array, time: Array) -> State:
        """Nothing is put into the disc or taken out of it."""
        return state


def regimens(planned: Sequence[Planned], level: str, room: int = 0) -> Regimens:
    """What options that are not operations change in the disc of a level; at least `room` entries, idle ones last."""
    own = [one for one in planned if one.option.family != "surgery"]
    idle = max(room - len(own), 0)
    spans = np.array([one.span() for one in own] + [(np.inf, np.inf)] * idle).reshape(-1, 2)
    every = [list(options.factors(one, level).values()) for one in own] + [[1.0] * len(RELATIVE)] * idle
    return Regimens(
        given=jnp.ones(()),
        start=jnp.asarray(factors.seconds(spans[:, 0])),
        end=jnp.asarray(factors.seconds(spans[:, 1])),
        factor=jnp.asarray(every, dtype=float).reshape(-1, len(RELATIVE)),
    )
