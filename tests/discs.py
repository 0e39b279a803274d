"""Small discs for tests: compiled once, shared through session fixtures in conftest.py."""

from __future__ import annotations

from collections.abc import Mapping

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import scipy.sparse as sp

from pulposus import evidence
from pulposus.disc import geometry, mesh, simulate
from pulposus.disc.parameters import Parameters
from pulposus.disc.state import Disc, Hypotheses, State
from pulposus.disc.state import stacked as batch
from pulposus.therapies import biological
from pulposus.therapies.protocol import Treatment

REFERENCE = "reference_l4l5"


def shape_of(level: str, sex: str = "any", grade: int = 1, **changed: float) -> geometry.Shape:
    """Shape by published dimensions, some of them changed (SI)."""
    dimensions = {name: row.si for name, row in evidence.dimensions(level, sex, grade).items()} | changed
    return geometry.from_outline(level, dimensions) if level == REFERENCE else geometry.from_dimensions(dimensions)


def msc(dose: float, month: float = 0.0, **changed: object) -> Treatment:
    """A plain injection of donor marrow MSC in saline."""
    fields = {
        "product": "MSC(M)",
        "origin": "donor",
        "dose": dose,
        "viability": 0.85,
        "passage": 3,
        "volume_mL": 2.0,
        "carrier": "saline",
        "site": "nucleus_centre",
        "month": month,
        "repeats": 0,
        "every_months": 0.0,
    }
    return Treatment(**(fields | changed))


def prepared(
    size: str = "cohort",
    level: str = "L4-L5",
    grade: int = 3,
    treatments: tuple[Treatment, ...] = (),
    overrides: Mapping[str, float] | None = None,
    shape: geometry.Shape | None = None,
    switches: np.ndarray | None = None,
    **choices: object,
) -> tuple[Disc, State, biological.Injections]:
    """A disc at time 0 and its injections."""
    endplate, room = choices.pop("endplate", "intact"), choices.pop("room", (1, 1))
    products, injections = biological.prescribe(treatments, grade, room)
    disc, state = simulate.prepare(
        mesh.sized(size),
        shape if shape is not None else shape_of(level, grade=grade),
        Parameters.from_evidence(overrides),
        Hypotheses.choose(**choices),
        products,
        pfirrmann=float(grade),
        age=45 * simulate.YEAR,
        endplate=endplate,
        switches=None if switches is None else jnp.asarray(switches, dtype=float),
    )
    return disc, state, injections


def stacked(*trees: object) -> object:
    """Trees of one form, batched along a new leading axis."""
    return batch(trees)


def run(
    disc: Disc, state: State, injections: biological.Injections, months: list[float], **pace: float
) -> list[State]:
    """States of one disc at the given months (the first is the start), by the batched clock with a batch of one."""
    batch = stacked(disc), stacked(state), (stacked(injections),)
    steps = simulate.simulate(*batch, [m * simulate.MONTH for m in months], **pace)
    return [jax.tree.map(lambda leaf: leaf[0] if eqx.is_array(leaf) else leaf, states) for _, states in steps]


def volumes(disc: Disc) -> np.ndarray:
    """Nodal volumes at start, m^3."""
    return np.asarray(disc.volume)


def sparse(topology: mesh.Topology, stencil: np.ndarray) -> tuple[sp.csr_matrix, np.ndarray]:
    """The stencil as a sparse matrix over distinct nodes, and the node number of each array place (axis copies share
    one).
    """
    r, s, layer = topology.shape
    number = np.concatenate(
        [
            np.broadcast_to(np.arange(layer), (1, s, layer)),
            layer + np.arange((r - 1) * s * layer).reshape(r - 1, s, layer),
        ]
    )
    rows, columns, values = [], [], []
    for row, (a, b, c) in zip(np.asarray(stencil), mesh.OFFSETS, strict=True):
        i, j, k = np.indices(topology.shape)
        inside = (i + a >= 0) & (i + a < r) & (k + c >= 0) & (k + c < layer)
        rows.append(number[inside])
        columns.append(number[(i + a)[inside], ((j + b) % s)[inside], (k + c)[inside]])
        values.append(row[inside])
    entries = np.concatenate(values), (np.concatenate(rows), np.concatenate(columns))
    return sp.coo_matrix(entries, shape=(number.max() + 1,) * 2).tocsr(), number
