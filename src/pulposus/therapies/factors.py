"""What an option changes in a disc while it acts: constants of it, each by a factor.

What: `changed` gives the disc with constants multiplied, `product` what all options that are on multiply by.
Equation: production of IL-1beta and TNF, synthesis of matrix, oxygen and glucose of the marrow, mean load and its
frequency are each multiplied by a factor f of ``evidence/option_disc.csv``; at strength s by 1 + s (f - 1).
Reads and writes: constants of a `Disc` (inflammation, synthesis, boundary, activity_load, activity_frequency).
Why this holds: drugs, smoke and load act within days, against which a disc changes over months; a factor can be left
out, and most are assumptions with ranges.
Source: ``evidence/option_disc.csv``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from pulposus.disc import mesh, transport
from pulposus.disc.simulate import MONTH
from pulposus.disc.state import Disc


def seconds(months: Iterable[float]) -> np.ndarray:
    """Months as the clock has them, in whole seconds."""
    return np.rint(np.array(list(months), dtype=float) * MONTH)


def product(on: Array, values: Array) -> Array:
    """What all that is on (option,) multiplies by; the order of options cannot matter."""
    return jnp.prod(1 + on * (values - 1))


def changed(disc: Disc, by: Mapping[str, Array]) -> Disc:
    """The disc with constants multiplied, by `RELATIVE` (those that are not named stay)."""
    one = jnp.ones(())
    p, supply = disc.parameters, by.get("supply", one)
    coords = mesh.coordinates(disc.topology, disc.shape)
    rim = transport.boundary(coords, p, 0.0)
    marrow = transport.boundary(coords, p, 1.0) - rim  # oxygen and glucose of marrow on the endplates
    own = jnp.sum((disc.boundary - rim) * marrow) / jnp.sum(marrow**2)  # what this disc's marrow supplies of it
    return eqx.tree_at(
        lambda d: (
            d.inflammation,
            d.synthesis,
            d.boundary,
            d.parameters.activity_load,
            d.parameters.activity_frequency,
        ),
        disc,
        (
            disc.inflammation * by.get("cytokines", one),
            disc.synthesis * by.get("synthesis", one),
            disc.boundary + own * (supply - 1) * marrow,
            p.activity_load * by.get("load", one),
            p.activity_frequency * by.get("motion", one),
        ),
    )
