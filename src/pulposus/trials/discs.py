"""Discs of people of a trial, in three dimensions, and what is measured of them at visits.

What: `ask` says what is to be computed of each person in each arm (`Asked`, plain enough to be sent to any process);
`chunk` computes some of them and gives `Scans`: a row for each person, arm and visit, and fields.
Equations: those of the disc (docs/processes). Everybody's disc has the level, grade, sizes, endplate, age and sex that
were drawn of them, on the cohort mesh; a lot shifts the logit of viability and multiplies potency.
Reads: people, arms, the evidence. Writes: nothing (`folder` does).
Why this holds: a person is computed alone (or in a batch of one shape, filled up with copies), so that nobody's numbers
hang on who else is there: alone they are the same to the bit, in batches of one shape too on one machine. Steps of
three months at most, as in an ensemble. A person whose disc cannot be computed is a row with a sentence.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from pulposus import evidence
from pulposus.errors import InputError, nearest
from pulposus.therapies.options import Planned
from pulposus.therapies.protocol import Treatment
from pulposus.trials.protocol import DISC, Protocol

if TYPE_CHECKING:
    import pandas as pd

    from pulposus.case import Case

MESH, MECHANICS = "cohort", ("none", "columns", "solid")
COMPLETED = "completed"
# What is kept of each disc at each visit beside the measures: what drives pain where a hypothesis says so.
BESIDE = {"il1b": "il1b_nucleus", "tnf": "tnf_nucleus", "injected": "injected_cells_million"}
FIELDS = ("aggrecan", "water", "native_cells", "glucose")
_ERRORS = ("solver_error", "form_error")
_YEAR = 12  # maths: months of a year
_QUARTER = 3  # maths: months of the longest step
_MILLION = 1e-6  # maths: cells to millions
_LONGEST_SAID = 160  # maths: letters of a problem that are told
_CLOSEST = 1e-6  # maths: a share nearer to its ends has no logit worth shifting


@dataclass(frozen=True)
class Asked:
    """One disc to be computed: whose, in which arm, the tables of its case, what is injected and done, its lot."""

    patient: int
    arm: str
    person: dict[str, Any]
    disc: dict[str, Any]
    inject: tuple[Treatment, ...]
    options: tuple[Planned, ...]
    potency: float = 1.0
    without: bool = False


def known(mechanics: str) -> None:
    """Raises InputError with the nearest for mechanics that there are not."""
    if mechanics not in MECHANICS:
        near = nearest(mechanics, MECHANICS)
        raise InputError(f"Unknown mechanics {mechanics!r}{near}; write one of {', '.join(MECHANICS)}.")


@dataclass(frozen=True)
class Plan:
    """How discs are computed, the same for all of a trial: months, mesh, mechanics, room in the batch's form, people in
    a batch, and whether fields are kept.
    """

    months: tuple[float, ...]
    size: str = MESH
    mechanics: str = "columns"
    room: tuple[int, int] = (1, 1)
    others: tuple[int, int] = (0, 0)
    batch: int = 1
    fields: bool = True

    def __post_init__(self) -> None:
        from pulposus.disc.mesh import sized

        known(self.mechanics)
        sized(self.size)


@dataclass(frozen=True)
class Scans:
    """Rows (patient, arm, without, month, measures, status), and fields (disc, visit, ring, sector, layer)."""

    rows: pd.DataFrame
    fields: dict[str, np.ndarray] = field(default_factory=dict)


# ---------------------------------------------------------------------------------------------- what is asked


def planned(
    protocol: Protocol, mechanics: str = "columns", size: str = MESH, batch: int | None = None, fields: bool = True
) -> Plan:
    """The plan of a trial. batch: people in one program; one on processors, where a batch waits for its slowest."""
    given = [_given(protocol, arm.name) for arm in protocol.arms]
    slots = max(len({(t.product, t.origin, t.carrier, t.passage) for t in treatments}) for treatments, _ in given)
    doses = max(sum(len(t.months) for t in treatments) for treatments, _ in given)
    surgery = [[one.option.family == "surgery" for one in options] for _, options in given]
    others = (max(sum(one) for one in surgery), max(len(one) - sum(one) for one in surgery))
    if batch is None:
        batch = 1 if mechanics == "none" else _usual_batch()
    months = (0.0, *protocol.visits.months)
    return Plan(months, size, mechanics, (max(1, slots), max(1, doses)), others, batch, fields)


def _usual_batch() -> int:
    """People in a batch: on an accelerator many, since it waits for nothing else."""
    import jax

    return 1 if jax.default_backend() == "cpu" else _ON_ACCELERATOR


_ON_ACCELERATOR = 64  # maths: discs of a batch there, a choice of speed alone


def _given(protocol: Protocol, name: str) -> tuple[tuple[Treatment, ...], tuple[Planned, ...]]:
    """What is injected and done in an arm, with what those get who cross over."""
    arm = protocol.arm(name)
    if arm.crosses_at is None:
        return arm.inject, arm.options
    other = protocol.arm(arm.crosses_to)
    later = tuple(replace(one, month=one.month + arm.crosses_at) for one in other.inject)
    moved = tuple(replace(one, month=one.month + arm.crosses_at) for one in other.options)
    return (*arm.inject, *later), (*arm.options, *moved)


def ask(
    protocol: Protocol, people: pd.DataFrame, arms: Sequence[str] | None = None, without: bool = False
) -> list[Asked]:
    """What is to be computed of people (rows of `entered.enter` with their lots), each in their own arm, or in each of
    `arms`; with `without`, each disc also with nothing done.
    """
    found = []
    for row in people.to_dict("records"):
        person = {"age": float(row["age"]), "sex": str(row["sex"])}
        sizes = {"height": "mid_height_mm", "ap_depth": "ap_depth_mm", "width": "width_mm"}
        disc = {"level": str(row["level"]), "grade": int(row["grade"]), "endplate": str(row["endplate"])}
        disc |= {key: float(row[column]) for key, column in sizes.items()}
        for arm in arms or (str(row["arm"]),):
            treatments, done = _given(protocol, arm)
            logit, potency = float(row.get("viability_logit", 0.0)), float(row.get("potency", 1.0))
            inject = tuple(replace(one, viability=_shifted(one.viability, logit)) for one in treatments)
            one = Asked(int(row["patient"]), arm, person, disc, inject, done, potency)
            found.append(one)
            if without and (inject or done):
                found.append(replace(one, without=True))
    return found


def _shifted(share: float, logit: float) -> float:
    """A share whose logit is shifted; none and all stay what they are."""
    if not _CLOSEST < share < 1 - _CLOSEST:
        return share
    return 1 / (1 + (1 / share - 1) * math.exp(-logit))


# ---------------------------------------------------------------------------------------------- computed


def chunk(plan: Plan, asked: Sequence[Asked]) -> Scans:
    """Scans of some discs. Never raises for a disc: what cannot be computed is a row with its sentence."""
    import pandas as pd

    from pulposus.run import remember_compilations

    if plan.mechanics != "none":
        remember_compilations()
    rows: list[dict[str, Any]] = []
    fields: dict[str, list[np.ndarray]] = {name: [] for name in FIELDS} if plan.fields else {}
    for first in range(0, len(asked), plan.batch):
        for one, scans, shown in _batch(plan, asked[first : first + plan.batch]):
            keys = {"patient": one.patient, "arm": one.arm, "without": one.without}
            rows += [keys | scan for scan in scans]
            for name, kept in fields.items():
                kept.append(shown[name])
    return Scans(pd.DataFrame(rows), {name: np.stack(kept) for name, kept in fields.items() if kept})


def failed(plan: Plan, asked: Sequence[Asked], why: str) -> Scans:
    """Scans of discs of which nothing came, and why."""
    import pandas as pd

    rows, fields = list[dict[str, Any]](), dict[str, list[np.ndarray]]()
    for one in asked:
        scans, shown = _nothing(plan, why)
        rows += [{"patient": one.patient, "arm": one.arm, "without": one.without} | scan for scan in scans]
        for name, kept in shown.items():
            fields.setdefault(name, []).append(kept)
    return Scans(pd.DataFrame(rows), {name: np.stack(kept) for name, kept in fields.items()})


def joined(parts: Sequence[Scans]) -> Scans:
    """Scans of several chunks as those of one."""
    import pandas as pd

    names = parts[0].fields
    fields = {name: np.concatenate([one.fields[name] for one in parts]) for name in names}
    return Scans(pd.concat([one.rows for one in parts], ignore_index=True), fields)


Found = tuple[Asked, list[dict[str, Any]], dict[str, np.ndarray]]


def _nothing(plan: Plan, why: str) -> tuple[list[dict[str, Any]], dict[str, np.ndarray]]:
    """Rows and fields of a disc of which nothing came."""
    columns = dict.fromkeys((*DISC, *BESIDE), math.nan)
    rows = [{"month": month} | columns | {"status": why} for month in plan.months]
    kept = (len(plan.months), *shape(plan.size))
    return rows, {name: np.full(kept, np.nan, np.float32) for name in FIELDS} if plan.fields else {}


def shape(size: str) -> tuple[int, ...]:
    """Rings, sectors and layers of a mesh."""
    from pulposus.disc import mesh

    return tuple(mesh.sized(size).shape)


def _batch(plan: Plan, asked: Sequence[Asked]) -> list[Found]:
    """A batch, or each alone where the batch cannot be computed."""
    try:
        return _computed(plan, asked)
    except Exception as problem:  # whatever a library raises, the others go on
        if len(asked) > 1:
            return [found for one in asked for found in _batch(plan, [one])]
        said = " ".join(str(problem).split())[:_LONGEST_SAID].rstrip(".")
        return [(asked[0], *_nothing(plan, f"failed: {said or type(problem).__name__}"))]


def case_of(plan: Plan, one: Asked) -> Case:
    """The case of a disc. Raises InputError where it cannot be."""
    from pulposus.case import Case

    tables = {
        "person": one.person,
        "disc": one.disc,
        "treatments": list(one.inject),
        "options": list(one.options),
        "run": {"years": math.ceil(max(plan.months) / _YEAR), "mesh": plan.size},
        "hypotheses": {} if plan.mechanics == "solid" else {"mechanics": "columns"},
    }
    return Case.from_dict(tables).resolved()


def _own(one: Asked) -> dict[str, float]:
    """Potency of the products of a lot, by the name of the row."""
    rows = {t.product: evidence.product(t.product) for t in one.inject}
    found = [known["potency"] for known in rows.values() if "potency" in known]
    return {row.name: row.si * one.potency for row in found}


def _computed(plan: Plan, asked: Sequence[Asked]) -> list[Found]:
    """Discs of one batch through their months, filled up to the plan's number with copies of the last."""
    import jax.numpy as jnp

    from pulposus import imaging, run
    from pulposus.disc import simulate
    from pulposus.uncertainty.ensemble import SELDOM

    made = []
    for one in asked:
        built = run.build(case_of(plan, one), plan.size, room=plan.room, others=plan.others, own=_own(one))
        arm = slice(0, 1) if one.without else slice(1, 2)
        made.append(_mapped(lambda leaf, arm=arm: leaf[arm], built))
    made += [made[-1]] * (plan.batch - len(made))
    together = _mapped(lambda *leaves: jnp.concatenate(leaves), *made)
    discs, states, therapies = together
    t2, looked, shown = imaging.T2Scale.from_evidence(), [], []
    calendar = [month * simulate.MONTH for month in plan.months]
    longest, formed = _QUARTER * simulate.MONTH, SELDOM * simulate.FORMED
    summary, pictures = _looks()
    for _, now in simulate.simulate(discs, states, therapies, calendar, longest=longest, formed=formed):
        numbers = {name: np.asarray(value) for name, value in summary(discs, now, t2).items()}
        numbers |= {"leaked_million": _leaked(now), "present": np.asarray(now.present)}
        looked.append(numbers)
        if plan.fields:
            shown.append({name: np.asarray(pictures(discs, now)[name], np.float32) for name in FIELDS})
    return [
        (
            one,
            _judged(plan, [{name: float(value[k]) for name, value in look.items()} for look in looked]),
            {name: np.stack([look[name][k] for look in shown]) for name in FIELDS} if plan.fields else {},
        )
        for k, one in enumerate(asked)
    ]


def _mapped(change: Any, *trees: Any) -> Any:
    """Trees with their arrays changed, and the rest as in the first."""
    import equinox as eqx
    import jax

    return jax.tree.map(lambda *leaves: change(*leaves) if eqx.is_array(leaves[0]) else leaves[0], *trees)


def _looks() -> tuple[Any, Any]:
    """Summary and fields of a batch, compiled once in a process."""
    if not _LOOKS:
        import equinox as eqx

        from pulposus import imaging

        each = (eqx.if_array(0), eqx.if_array(0))
        _LOOKS.append(eqx.filter_jit(eqx.filter_vmap(imaging.summary, in_axes=(*each, None))))
        _LOOKS.append(eqx.filter_jit(eqx.filter_vmap(imaging.fields, in_axes=each)))
    return _LOOKS[0], _LOOKS[1]


_LOOKS: list[Any] = []


def _leaked(states: Any) -> np.ndarray:
    """Cells that leaked out of each disc so far, million."""
    from pulposus.disc.state import FATES

    return np.asarray(states.ledger)[:, FATES.index("leaked")].sum(-1) * _MILLION


def _judged(plan: Plan, looks: Sequence[Mapping[str, float]]) -> list[dict[str, Any]]:
    """Rows of one disc, each with its status: that of the whole course, or that the disc was taken out by then."""
    import pandas as pd

    from pulposus.run import status

    here = [look["present"] > 0 for look in looks]
    told = pd.DataFrame([{name: look[name] for name in _ERRORS} | {"arm": ""} for look in looks])
    said = status(told)[""]
    rows = []
    for month, look, there in zip(plan.months, looks, here, strict=True):
        columns = {name: look[column] if there else math.nan for name, column in {**DISC, **BESIDE}.items()}
        if said == COMPLETED and there and not all(map(math.isfinite, columns.values())):
            said = "failed: a result is not a finite number"
        rows.append({"month": month} | columns | {"status": said if there else "missing: the disc was taken out"})
    if said.startswith("failed"):
        rows = [row | dict.fromkeys((*DISC, *BESIDE), math.nan) | {"status": said} for row in rows]
    return rows
