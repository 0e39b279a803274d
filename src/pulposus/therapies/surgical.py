"""Operations in the disc: a discectomy takes a part of the nucleus, a fusion its motion, a replacement the whole disc.

What: at its month an operation removes a share of the nucleus with its matrix and cells, behind more than in front, or
the disc as a whole; from then on it changes the load of this disc, or of its neighbour where it was done next door.
Equation: at each node r = R w t, R the share, t the share of nucleus there, w = 1 + a (y_m - y) / h, whose mean over
the nucleus is one (y_m its middle, h half its depth, a the row `behind`); cells, charge and collagen x (1 - r). Load
and frequency as in `factors.changed`.
Reads: cells, charge, collagen. Writes: the same, ledger (removed cells left the disc), present.
Why this holds: what is taken out is gone within an hour. Solid that has gone is not told from water that has gone: the
disc sinks as its charge says, as after a herniation. The opening behind changes what later injections lose and the
tears that the disc under load begins with.
Source: ``evidence/option_disc.csv``; nearly all of it assumed.
"""

from __future__ import annotations

from collections.abc import Sequence

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from pulposus.disc.simulate import AbstractTherapy
from pulposus.disc.state import FATES, Disc, State, total
from pulposus.evidence.options import RELATIVE, acts_of
from pulposus.therapies import factors, options
from pulposus.therapies.options import Planned


class Operations(AbstractTherapy):
    """Operations, one entry each; `given` is 1 in the treated arm and 0 in the untreated one."""

    given: Float[Array, ""]
    when: Float[Array, " operation"]  # s
    removed: Float[Array, " operation"]  # share of the nucleus
    behind: Float[Array, " operation"]  # how much more of it behind than in front
    ends: Float[Array, " operation"]  # 1 where the disc is taken out
    factor: Float[Array, "operation relative"]  # by RELATIVE, from then on

    def times(self) -> tuple[float, ...]:
        """Times of the operations that do anything, s."""
        acts = (np.asarray(self.removed) > 0) | (np.asarray(self.ends) > 0)
        when = np.asarray(self.when)[acts | np.any(np.asarray(self.factor) != 1, -1)]
        return tuple(np.unique(when[np.isfinite(when) & (when >= 0)]).tolist())

    def modulate(self, disc: Disc, time: Array) -> Disc:
        """The disc with the load that operations up to `time` have left it."""
        on = self.given * (self.when <= time)
        return factors.changed(disc, {key: factors.product(on, self.factor[:, k]) for k, key in enumerate(RELATIVE)})

    def dose(self, disc: Disc, state: State, coords: Array, time: Array) -> State:
        """Take out what is taken out at `time`."""
        due = self.given * (self.when == time)
        each = (slice(None), None, None, None)
        left = jnp.prod(1 - (due * self.removed)[each] * _place(disc, coords, self.behind[each]), 0)
        stays = jnp.prod(1 - due * self.ends)
        return taken(disc, state, left, stays)


def _place(disc: Disc, coords: Array, behind: Array) -> Array:
    """Where a discectomy takes tissue: share of nucleus at a node, so much more behind; its mean over the nucleus is
    one.
    """
    nucleus, y = disc.tissue[0], coords[..., 1]
    weight = disc.volume * nucleus / total(disc, nucleus)
    middle = jnp.sum(weight * y)
    half = jnp.max(jnp.where(nucleus > 0, jnp.abs(y - middle), 0.0))
    return nucleus * (1 + behind * (middle - y) / half)


def taken(disc: Disc, state: State, left: Array, stays: Array) -> State:
    """The state with the share `left` at each node, and with no cells where the disc does not stay (0)."""
    cells = left * stays
    injected, settled = state.fresh + state.adapted + state.np_like, state.np_like
    ledger = state.ledger.at[FATES.index("lost_from_disc")].add(total(disc, injected * (1 - cells)))
    ledger = ledger.at[FATES.index("differentiated")].add(-total(disc, settled * (1 - cells)))
    kept = [getattr(state, name) * cells for name in ("native", "fresh", "adapted", "np_like", "bolus")]
    return eqx.tree_at(
        lambda s: (
            s.native,
            s.fresh,
            s.adapted,
            s.np_like,
            s.bolus,
            s.charge,
            s.collagen,
            s.ledger,
            s.present,
        ),
        state,
        (*kept, state.charge * left, state.collagen * left, ledger, state.present * stays),
    )


def operations(planned: Sequence[Planned], level: str, room: int = 0) -> Operations:
    """What operations among the options do to the disc of a level; at least `room` entries, idle ones last."""
    own = [one for one in planned if one.option.family == "surgery"]
    acts = [one.acts(level) for one in own]
    idle = max(room - len(own), 0)

    def column(key: str) -> Array:
        values = [one.strength * a[key].value if key in a else 0.0 for one, a in zip(own, acts, strict=True)]
        return jnp.asarray(values + [0.0] * idle, dtype=float)

    def slope(one: Planned) -> float:
        row = acts_of(one.name).get("behind")
        return row.value if row else 0.0

    every = [list(options.factors(one, level).values()) for one in own] + [[1.0] * len(RELATIVE)] * idle
    return Operations(
        given=jnp.ones(()),
        when=jnp.asarray(factors.seconds([one.month for one in own] + [np.inf] * idle)),
        removed=column("removed"),
        behind=jnp.asarray([slope(one) for one in own] + [0.0] * idle, dtype=float),
        ends=(column("ends") > 0).astype(float),
        factor=jnp.asarray(every, dtype=float).reshape(-1, len(RELATIVE)),
    )
