"""A disc under its loads as a deck for FEBio 4 (specification 4.0), so that anyone can check us with another program.

What: the same nodes, elements, fibre directions, materials, vertebrae and loads; nothing is fitted. FEBio derives
stresses from the stored energies that are written out here as formulas:
wet solid ``W = G/12 ln(J)^2 (1 + 3 (J + n_s)/(J - n_s)) + G/2 (I1 - 3 J^(2/3))``, swelling by its own ideal Donnan
equilibrium with ``bosm = 2 c``, each fibre family ``W = E ((I4^(k/2) - 1)/k - ln(I4)/2)`` where I4 > 1.
Fibre directions are given at the eight corners so that they are ours at the Gauss points. Both vertebrae are rigid
bodies; compression is a contractile force between the middles of both ends. Wedges at the axis are hexahedra two
corners of which coincide, as here.
What differs stands in the deck's first comment: permeability (constant), no penalty on alternating pressure, turns.
Reads: `Posed`. Units of the deck: mm, N, MPa, s, nmol, K.
Source: FEBio User Manual 4; energies as in `pulposus.disc.material`.
"""

from __future__ import annotations

import itertools
import xml.etree.ElementTree as ET
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import jax.numpy as jnp
import numpy as np

from pulposus.disc import material, mesh, solid
from pulposus.disc.mesh import TISSUES
from pulposus.disc.solid import Solid
from pulposus.disc.state import Hypotheses
from pulposus.errors import InputError
from pulposus.exchange.posed import Posed, Stage, answers
from pulposus.results import placed

if TYPE_CHECKING:
    import pandas as pd

_MM, _MPA, _NMM = 1e3, 1e-6, 1e3  # maths: a metre in mm, a pascal in MPa, a N m in N mm
_FLOW = 1e12  # maths: a m^4/(N s) in mm^4/(N s)
_GAS = 1e-6  # maths: a J/(mol K) in mJ/(nmol K)
_BOTTOM = (
    (0, 0),
    (1, 0),
    (1, 1),
    (0, 1),
)  # (ring, sector) of the corners of a hexahedron, counter-clockwise from above
_CORNERS = tuple(itertools.product((0, 1), repeat=3))
_UNIFORM = 1e-9  # maths: share by which a property may vary inside a material of the deck
_STEPS, _SLOW = 10, 1.0  # maths: load steps of a stage; seconds of a drained one, whose length says nothing
_INSTANT = 1e-4  # maths: seconds of a sudden stage, in which no water can leave
_RETRIES = {"max_retries": 8, "opt_iter": 15}  # maths: how often a step is cut, turns at which it is kept
_SMALLEST = 0.01  # maths: share of a step to which it may be cut
_NEWTON = {"symmetric_stiffness": 0, "dtol": 1e-5, "etol": 1e-8, "rtol": 0, "max_refs": 25}  # maths: where it stops
_WATER = 1e-4  # maths: where Newton's method stops for the pressure of water
_PERCENT = 100  # maths: a share in percent
_UPPER, _LOWER = "upper_vertebra", "lower_vertebra"
_DIFFERS = """
Same as in Pulposus: nodes, elements, Gauss points, energies, fibre directions at Gauss points, rigid vertebrae, loads,
and the tear of the disc's Dallas grade, where the case gives one (materials whose names end in torn_<percent>).
Not the same as in a run of Pulposus: the disc begins without stress, not strained as it was measured, and its fibres
have no second spring behind a dashpot; our answer beside this deck is for the deck's disc.
Not the same as in our answer:
 - permeability is that of the tissue at start; it hardly matters: a drained stage is steady, a sudden one takes 0.1 ms;
 - FEBio lets pressure alternate from node to node in a sudden load, and is stiffer on coarse meshes; we penalise it;
 - a posture that bends holds the upper vertebra turned with us; the moment that does so stands here, since FEBio holds
   all rotations of a rigid body or none.
Units: mm, N, MPa, s, nmol (concentrations in mmol/L), K. x points right, y to the front, z up.
"""


def write_deck(posed: Posed, path: str | Path) -> list[Path]:
    """Write the deck, and beside it ``<stem>.ours.csv`` with our answer node by node; returns both paths.

    FEBio leaves its answer in ``<stem>.nodes.txt``. Raises InputError where FEBio has no counterpart of the disc's law.
    """
    path = Path(path)
    root = deck(posed, path.stem)
    ET.indent(root, " ")
    answer = path.with_name(f"{path.stem}.ours.csv")
    path.parent.mkdir(parents=True, exist_ok=True)
    with placed(path) as fresh:
        ET.ElementTree(root).write(fresh, encoding="utf-8", xml_declaration=True)
    with placed(answer) as fresh:
        ours(posed).to_csv(fresh, index=False, lineterminator="\n", float_format="%.9g")
    return [path, answer]


def require_counterpart(hypotheses: Hypotheses) -> None:
    """Raise InputError for a disc whose law of swelling FEBio does not have; nothing need be solved to know."""
    if hypotheses.osmosis != "donnan":
        raise InputError(
            "FEBio has no counterpart of the composition-based law of swelling; choose osmosis = 'donnan'."
        )


def deck(posed: Posed, stem: str = "disc") -> ET.Element:
    """The deck as an XML tree; `stem` names the files that FEBio writes. Raises InputError as `write_deck`."""
    body = posed.body
    require_counterpart(body.hypotheses)
    flows = not all(stage.drained for stage in posed.stages)
    root = ET.Element("febio_spec", version="4.0")
    root.append(ET.Comment("\n".join([" ", f"Pulposus: {posed.title}", *answers(posed), _DIFFERS])))
    _add(root, "Module", type="biphasic" if flows else "solid")
    _globals(root, body)
    parts = _parts(body)
    _materials(root, body, parts, flows)
    _mesh(root, body, parts)
    domains = _add(root, "MeshDomains")
    for name in parts:
        _add(domains, "SolidDomain", name=name, mat=name)
    _fibres(root, body, parts)
    bounds = _add(root, "Boundary")
    for place in (_UPPER, _LOWER):
        held = _add(bounds, "bc", name=place, type="rigid", node_set=place)
        _add(held, "rb", place)
    _loads(root, body, posed.stages)
    steps = _add(root, "Step")
    for number, stage in enumerate(posed.stages, 1):
        _step(steps, number, stage, flows)
    _curves(root, posed.stages)
    _output(root, stem, flows)
    return root


def ours(posed: Posed) -> pd.DataFrame:
    """Our answer after each stage: node (from 1), place at start and displacement in mm, pore pressure in MPa."""
    import pandas as pd

    nodes = distinct(posed.body)
    tables = []
    for stage in posed.stages:
        names = ("x", "y", "z", "ux", "uy", "uz")
        columns = np.concatenate([posed.body.start * _MM, stage.found.displacement * _MM]).reshape(len(names), -1)
        table = pd.DataFrame(dict(zip(names, columns[:, nodes], strict=True)))
        table.insert(0, "node", np.arange(len(nodes)) + 1)
        table.insert(0, "stage", stage.name)
        tables.append(table.assign(p=np.asarray(stage.found.pressure).ravel()[nodes] * _MPA))
    return pd.concat(tables, ignore_index=True)


def theirs(log: str | Path) -> list[pd.DataFrame]:
    """FEBio's answer from ``<stem>.nodes.txt``: for each time that it wrote, node, ux, uy, uz (mm) and p (MPa; absent
    where all is drained); `attrs["time"]` holds the time.

    Raises InputError for a file that is no such log.
    """
    import pandas as pd

    tables: list[pd.DataFrame] = []
    rows: list[list[float]] = []
    time = 0.0

    def close() -> None:
        if rows:
            table = pd.DataFrame(rows, columns=["node", "ux", "uy", "uz", "p"][: len(rows[0])]).astype({"node": int})
            table.attrs["time"] = time
            tables.append(table)
            rows.clear()

    for line in Path(log).read_text("utf-8").splitlines():
        if line.startswith("*"):
            close()
            time = float(line.split("=")[1]) if line.startswith("*Time") else time
        elif line.strip():
            rows.append([float(word) for word in line.split(",")])
    close()
    if not tables:
        raise InputError(f"{str(log)!r} holds no displacements of nodes; run FEBio on the deck first.")
    return tables


# ---------------------------------------------------------------------------------------------- numbers of the disc


def distinct(body: Solid) -> np.ndarray:
    """Positions of the deck's nodes, in its order, in a flat (ring, sector, layer) array: the axis once a layer."""
    t = body.topology
    axis = np.arange(t.layers)
    return np.concatenate([axis, np.arange(t.sectors * t.layers, t.rings * t.sectors * t.layers)])


def hexahedra(body: Solid) -> np.ndarray:
    """(element, 8) node numbers from 1, right-handed; elements in the order (ring, sector, layer), in which wedges name
    two corners of the axis twice.
    """
    rings, sectors, layers = body.topology.shape
    number = np.zeros(body.topology.shape, int)
    number.ravel()[distinct(body)] = np.arange(body.topology.nodes) + 1
    number[0] = number[0, :1]
    around = np.concatenate([number, number[:, :1]], 1)
    corners = [around[a : a + rings - 1, b : b + sectors, c : c + layers - 1] for c in (0, 1) for a, b in _BOTTOM]
    return np.stack(corners, -1).reshape(-1, 8)


def directions(body: Solid) -> np.ndarray:
    """(family, element, 8, 3) fibre directions at the corners, in the order of `hexahedra`, whose trilinear course goes
    through our unit vectors at the Gauss points.
    """
    start = np.moveaxis(np.asarray(solid.tangents(body.start)), (0, 1), (-1, -2))  # (point, ..., 3, axis)
    along = np.einsum("p...ia,fap...->pf...i", start, np.asarray(body.fibres))
    value, _ = mesh.gauss()  # (point, corner)
    corner = np.tensordot(np.linalg.inv(value), along, axes=1)
    order = [_CORNERS.index((a, b, c)) for c in (0, 1) for a, b in _BOTTOM]
    return np.moveaxis(corner[order], 0, -2).reshape(2, -1, 8, 3)


def _parts(body: Solid) -> dict[str, np.ndarray]:
    """Materials of the deck: name -> numbers (from 0) of its elements. What is torn has one of its own for each share
    of fibres that are: ``annulus_torn_100`` has none left.
    """
    t = body.topology
    wound, modulus = material.fibred(t), np.asarray(body.material.fibre_modulus).ravel()
    lost = np.rint(_PERCENT * (1 - modulus / modulus.max())).astype(int)
    parts = {}
    for kind, name in enumerate(TISSUES):
        for fibred, said in ((False, name), (True, f"{name}_with_fibres")):
            here = np.flatnonzero((t.element_tissue == kind) & (wound == fibred))
            for share in np.unique(lost[here]) if fibred else [0]:
                these = here[lost[here] == share] if fibred else here
                if these.size:
                    parts[f"{name}_torn_{share}" if share else said] = these
    return parts


def _of_part(body: Solid, where: np.ndarray) -> dict[str, float]:
    """Properties (SI) of a material of the deck, which must be the same in all of its elements."""
    one = jnp.ones(())
    found = {"pores": np.asarray(material.permeability(body.parameters, body.material, one)).ravel()[where]}
    for name in ("shear", "solid", "charge", "fibre_modulus", "fibre_exponent"):
        found[name] = np.asarray(getattr(body.material, name)).ravel()[where]
    for name, values in found.items():
        if np.ptp(values) > _UNIFORM * np.abs(values).max():
            raise InputError(f"{name} varies inside a tissue here, and a deck has one value a material; write --vtu.")
    return {name: float(values[0]) for name, values in found.items()}


# ---------------------------------------------------------------------------------------------- sections of the deck


def _add(parent: ET.Element, tag: str, text: object = None, **attributes: str) -> ET.Element:
    child = ET.SubElement(parent, tag, attributes)
    if text is not None:
        child.text = f"{text:.15g}" if isinstance(text, float) else str(text)
    return child


def _add_all(parent: ET.Element, values: Mapping[str, object]) -> None:
    for tag, value in values.items():
        _add(parent, tag, value)


def _vector(values: Iterable[float]) -> str:
    return ",".join(f"{value:.12g}" for value in values)


def _globals(root: ET.Element, body: Solid) -> None:
    p = body.parameters
    constants = _add(_add(root, "Globals"), "Constants")
    _add_all(constants, {"T": float(p.temperature), "P": 0, "R": float(p.gas_constant) * _GAS, "Fc": 0})


def _materials(root: ET.Element, body: Solid, parts: Mapping[str, np.ndarray], flows: bool) -> None:
    section = _add(root, "Material")
    for number, (name, where) in enumerate(parts.items(), 1):
        found = _of_part(body, where)
        kind = "biphasic" if flows else "solid mixture"
        made = _add(section, "material", id=str(number), name=name, type=kind)
        if flows:
            _add(made, "phi0", found["solid"])
            mixture = _add(made, "solid", type="solid mixture")
            _add(_add(made, "permeability", type="perm-const-iso"), "perm", found["pores"] * _FLOW)
        else:
            mixture = made
        _mixture(mixture, name, found, body)
    for number, (name, height) in enumerate(((_UPPER, -1), (_LOWER, 0)), len(parts) + 1):
        rigid = _add(section, "material", id=str(number), name=name, type="rigid body")
        _add_all(rigid, {"density": 1, "center_of_mass": _vector(np.asarray(body.start[:, 0, 0, height]) * _MM)})


def _mixture(mixture: ET.Element, name: str, found: Mapping[str, float], body: Solid) -> None:
    """Wet solid, swelling and fibres of one tissue."""
    shear, dry = found["shear"] * _MPA, found["solid"]
    # maths: a twelfth and a half of the shear, the energy whose derivative is Wilson's matrix
    held = f"{shear / 12:.15g}*ln(J)^2*(1+3*(J+{dry:.15g})/(J-{dry:.15g}))+{shear / 2:.15g}*(I1-3*J^(2/3))"
    _add(_add(mixture, "solid", type="hyperelastic"), "W", held)
    swelling = _add(mixture, "solid", type="Donnan equilibrium")
    salt = 2 * float(body.parameters.salt)
    _add_all(swelling, {"phiw0": 1 - dry, "cF0": found["charge"] / (1 - dry), "bosm": salt})
    _add(swelling, "Phi", 1, lc="1")
    if found["fibre_modulus"]:
        modulus, k = found["fibre_modulus"] * _MPA, found["fibre_exponent"]
        pulled = f"{modulus:.15g}*((I4^{k / 2:.15g}-1)/{k:.15g}-ln(I4)/2)*H(I4-1)"
        for family in (1, 2):
            wound = _add(mixture, "solid", type="trans-iso hyperelastic")
            _add(wound, "W", pulled)
            _add(_add(wound, "fiber", type="map"), "map", f"fibres_{family}_{name}")


def _mesh(root: ET.Element, body: Solid, parts: Mapping[str, np.ndarray]) -> None:
    section, t = _add(root, "Mesh"), body.topology
    nodes = distinct(body)
    section_nodes = _add(section, "Nodes", name="disc")
    for number, place in enumerate(np.asarray(body.start * _MM).reshape(3, -1).T[nodes], 1):
        _add(section_nodes, "node", _vector(place), id=str(number))
    corners = hexahedra(body)
    numbers = np.empty(len(corners), int)
    numbers[np.concatenate(list(parts.values()))] = np.arange(len(corners)) + 1  # FEBio wants them rising in a part
    for name, where in parts.items():
        elements = _add(section, "Elements", type="hex8", name=name)
        for element in where:
            _add(elements, "elem", ",".join(map(str, corners[element])), id=str(numbers[element]))
    places = np.arange(np.prod(t.shape)).reshape(t.shape)
    for name, where in ((_UPPER, places[..., -1]), (_LOWER, places[..., 0]), ("outside", places[t.outside])):
        _add(section, "NodeSet", ",".join(map(str, np.flatnonzero(np.isin(nodes, where)) + 1)), name=name)


def _fibres(root: ET.Element, body: Solid, parts: Mapping[str, np.ndarray]) -> None:
    section, along = _add(root, "MeshData"), directions(body)
    wound = np.asarray(body.material.fibre_modulus).ravel() > 0
    for name, where in parts.items():
        for family in (1, 2) if wound[where].all() else ():
            data = _add(section, "ElementData", name=f"fibres_{family}_{name}", elem_set=name, data_type="vec3")
            for number, element in enumerate(where, 1):
                _add(data, "e", _vector(along[family - 1, element].ravel()), lid=str(number))


def _acting(stage: Stage) -> dict[str, tuple[str, str, float]]:
    """Forces and moments on the upper vertebra: name -> type, degree of freedom, size in the deck's units."""
    force, moment = np.asarray(stage.load.force), _spatial(stage)
    acting = {"compression": ("rigid contractile force", "", float(stage.load.follower))}
    for axis, size in zip("xyz", force, strict=True):
        acting[f"force_{axis}"] = ("rigid_force", f"R{axis}", float(size))
    for axis, dof, size in zip("xyz", "uvw", moment, strict=True):
        acting[f"moment_{axis}"] = ("rigid_moment", f"R{dof}", float(size) * _NMM)
    return acting


def _spatial(stage: Stage) -> np.ndarray:
    """The moment (3,) in N m about axes fixed in space; ours is conjugate to the rotation vector r:
    ``m = J^T M``, ``J = I + (1 - cos a) / a^2 [r] + (a - sin a) / a^3 [r]^2``, a the length of r.
    """
    moment, turn = np.asarray(stage.load.moment), np.asarray(stage.found.pose)[3:]
    angle = float(np.linalg.norm(turn))
    if angle == 0.0:
        return moment
    cross = np.cross(turn, np.eye(len(turn))).T  # a column each
    left = np.eye(len(turn)) + (1 - np.cos(angle)) / angle**2 * cross
    left = left + (angle - np.sin(angle)) / angle**3 * cross @ cross
    return np.linalg.solve(left.T, moment)


def _courses(stages: Sequence[Stage]) -> dict[str, list[float]]:
    """Size of each load that acts at all after each stage; the order numbers the load curves, from 2."""
    acting = [_acting(stage) for stage in stages]
    sizes = {name: [each[name][2] for each in acting] for name in acting[0]}
    return {name: course for name, course in sizes.items() if any(course)}


def _loads(root: ET.Element, body: Solid, stages: Sequence[Stage]) -> None:
    section = _add(root, "Rigid")
    fixed = _add(section, "rigid_bc", name="lower holds still", type="rigid_fixed")
    _add_all(fixed, {"rb": _LOWER} | {f"R{dof}_dof": 1 for dof in "xyzuvw"})
    kinds = _acting(stages[0])
    for curve, name in enumerate(_courses(stages), 2):
        kind, dof, _ = kinds[name]
        if dof:
            load = _add(section, "rigid_load", name=name, type=kind)
            _add_all(load, {"rb": _UPPER, "dof": dof})
            _add(load, "value", 1, lc=str(curve))
            _add_all(load, {"load_type": 0, "relative": 0})
        else:
            load = _add(section, "rigid_connector", name=name, type=kind)
            _add_all(load, {"body_a": _UPPER, "body_b": _LOWER})
            _add(load, "f0", 1, lc=str(curve))
            ends = stages[0].load.upper, stages[0].load.lower
            _add_all(load, {f"insertion_{x}": _vector(np.asarray(p) * _MM) for x, p in zip("ab", ends, strict=True)})


def _step(steps: ET.Element, number: int, stage: Stage, flows: bool) -> None:
    step = _add(steps, "step", id=str(number), name=stage.name)
    control = _add(step, "Control")
    kind = ("STEADY-STATE" if stage.drained else "TRANSIENT") if flows else "STATIC"
    step_size = (_SLOW if stage.drained else _INSTANT) / _STEPS
    _add_all(control, {"analysis": kind, "time_steps": _STEPS, "step_size": step_size})
    stepper = _add(control, "time_stepper", type="default")
    _add_all(stepper, _RETRIES | {"dtmin": step_size * _SMALLEST, "dtmax": step_size})
    solver = _add(control, "solver", type="biphasic" if flows else "solid")
    _add_all(solver, _NEWTON)
    if flows:
        _add(solver, "ptol", _WATER)
    _add(_add(solver, "qn_method", type="Broyden" if flows else "BFGS"), "max_ups", 0)
    if flows and stage.drained:
        bounds = _add(step, "Boundary")
        _add(bounds, "bc", name="water leaves", type="zero fluid pressure", node_set="outside")


def _curves(root: ET.Element, stages: Sequence[Stage]) -> None:
    section = _add(root, "LoadData")
    courses = {"swelling": [1.0] * len(stages)} | _courses(stages)
    times = np.cumsum([0.0, *(_SLOW if stage.drained else _INSTANT for stage in stages)])
    for number, (name, course) in enumerate(courses.items(), 1):
        curve = _add(section, "load_controller", id=str(number), name=name, type="loadcurve")
        _add_all(curve, {"interpolate": "LINEAR", "extend": "CONSTANT"})
        points = _add(curve, "points")
        for point in zip(times, [0.0, *course], strict=True):
            _add(points, "pt", _vector(point))


def _output(root: ET.Element, stem: str, flows: bool) -> None:
    section = _add(root, "Output")
    plot = _add(section, "plotfile", type="febio")
    for name in ("displacement", "stress", "relative volume", *(["effective fluid pressure"] if flows else [])):
        _add(plot, "var", type=name)
    log = _add(section, "logfile")
    said = {"file": f"{stem}.nodes.txt", "data": "ux;uy;uz;p" if flows else "ux;uy;uz", "delim": ","}
    _add(log, "node_data", **said)
    _add(log, "element_data", file=f"{stem}.elements.txt", data="J", delim=",")
