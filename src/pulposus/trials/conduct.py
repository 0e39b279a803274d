"""A trial from its protocol to its tables: people enter, discs are computed, people live, visits are written down.

What: `conduct` gives a `Conducted`, into a folder if one is named; `read_trial` reads it from there.
Equations: those of `entered`, `discs` and `clinic`. Under `disc_to_pain` "mediated", what happened in a person's disc,
against the same disc with nothing done, moves the logit of responding (`outcomes.symptoms.join`).
Reads: the protocol, the evidence. Writes: what `folder` says.
Why this holds: everything about a person hangs on the seed and the person's number, so that the same people live
through the same trial in any size, in any order, on any executor, and after any interruption: draws to the bit, and
fields too on one machine.
"""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from pulposus import evidence, interrupt
from pulposus.errors import InputError, nearest
from pulposus.outcomes import symptoms
from pulposus.record import version
from pulposus.trials import clinic, discs, entered, workers
from pulposus.trials.clinic import World
from pulposus.trials.discs import MESH, Asked, Plan, Scans
from pulposus.trials.folder import Folder, plain
from pulposus.trials.protocol import DISC, Protocol

if TYPE_CHECKING:
    import pandas as pd

SEEN, COMPLETED = "seen", "completed"
CHUNK = 8  # maths: people whose discs are computed before they are put away: what a killed process may cost
_SEEDS = 2**32
Progress = Callable[[int, int, str], None]


@dataclass(frozen=True)
class Conducted:
    """A trial that was conducted: its protocol and three tables.

    people: a row for each who entered: patient, arm, stratum, site, entered_month, what was drawn of them, lot,
    baseline scores (`baseline_` and the variable), disc_status, status ("completed", or a sentence). flow: how many
    were screened, entered, and did not, by why.
    table: a row for each patient, visit (month; 0 is the baseline) and endpoint (variable): arm, value, status
    ("seen", "missing: ...", "after surgery", "after rescue", "after crossover", "after death", "failed: ..."); value is
    NaN where nobody saw it ("missing", "after death", "failed").
    events: patient, arm, month, event, grade, serious, related, cause; adverse events, and what comes between
    ("rescue", "surgery", "crossover", "death", "left"), which have kind "intercurrent".
    """

    protocol: Protocol
    people: pd.DataFrame
    table: pd.DataFrame
    events: pd.DataFrame
    flow: dict[str, int]
    seed: int = 0


def conduct(
    protocol: Protocol,
    seed: int | None = None,
    *,
    out: str | Path | None = None,
    resume: bool = False,
    workers: int | None = 1,
    ray: str = "",
    mechanics: str = "columns",
    mesh: str = MESH,
    disc_to_pain: str = "none",
    world: World | None = None,
    batch: int | None = None,
    progress: Progress | None = None,
) -> Conducted:
    """Conduct a trial. seed: the protocol's own where none is given. out: a folder, which can be gone on with
    (`resume`). workers, ray: as `workers.share`. mechanics: "none" (no discs: scores alone), "columns" or "solid".
    disc_to_pain: as `symptoms.join`. world: as `World.of` the seed where none is given. batch: as `discs.planned`.

    Raises InputError for what a user can mend, before anything is written; on KeyboardInterrupt and on a full disk what
    is done stays and can be resumed.
    """
    seed = protocol.trial.seed if seed is None else seed
    if not 0 <= seed < _SEEDS:
        raise InputError(f"A seed of {seed} is not possible; give a whole number from 0 to {_SEEDS - 1}.")
    if disc_to_pain not in symptoms.DISC_TO_PAIN:
        near = nearest(disc_to_pain, symptoms.DISC_TO_PAIN)
        raise InputError(f"Unknown disc_to_pain {disc_to_pain!r}{near}; write {' or '.join(symptoms.DISC_TO_PAIN)}.")
    if disc_to_pain != "none" and mechanics == "none":
        raise InputError(f"disc_to_pain {disc_to_pain!r} asks what happens in discs, and mechanics is 'none'.")
    world = World.of(protocol, seed) if world is None else world
    with interrupt.held():
        tell = progress or (lambda done, total, text: interrupt.check())
        tell(0, protocol.size, "screening")
        who = entered.enter(protocol, seed)
        people = _with(who.people, clinic.lots(protocol, who.people, seed))
        plan = discs.planned(protocol, mechanics, mesh, batch, fields=out is not None)
        asked = discs.ask(protocol, people, without=disc_to_pain != "none") if mechanics != "none" else []
        info = _info(protocol, seed, plan, disc_to_pain, world, who.flow)
        begun = (
            nullcontext(None)
            if out is None
            else Folder.begin(out, _fingerprint(info), protocol.to_toml(), info, resume)
        )
        with begun as folder:
            if folder is not None and folder.complete:
                return _read(folder)
            scans = _scanned(plan, asked, folder, workers, ray, tell, len(people))
            tell(len(people), len(people), "visits")
            made = _lived(protocol, people, scans, seed, world, disc_to_pain, who.flow)
            if folder is not None:
                tables = {"people": made.people, "table": made.table, "events": made.events}
                folder.finish(tables, {"failed": int((made.people["disc_status"] != COMPLETED).sum())})
                return _read(folder)
    return made


def read_trial(path: str | Path) -> Conducted:
    """A trial that was conducted into a folder. Raises InputError where there is none, or it is not over."""
    folder = Folder.open(path)
    if not folder.complete:
        raise InputError(f"The trial in {str(path)!r} was stopped; let it go on with --resume.")
    return _read(folder)


def _read(folder: Folder) -> Conducted:
    import tomllib

    protocol = Protocol.from_dict(tomllib.loads(folder.protocol_text()))
    tables = [folder.table(name) for name in ("people", "table", "events")]
    people, table, events = tables
    return Conducted(protocol, people, table, events, dict(folder.record["flow"]), int(folder.record["seed"]))


def _info(
    protocol: Protocol, seed: int, plan: Plan, disc_to_pain: str, world: World, flow: dict[str, int]
) -> dict[str, Any]:
    """What the record says of a trial, and by what it is told from others."""
    return {
        "name": protocol.name,
        "seed": seed,
        "mechanics": plan.mechanics,
        "mesh": plan.size,
        "batch": plan.batch,
        "disc_to_pain": disc_to_pain,
        "world": {"draw": world.draw, "place": world.place},
        "flow": flow,
        "version": version(),
        "evidence": evidence.digest(),
        "protocol": hashlib.sha256(protocol.to_toml().encode()).hexdigest(),
    }


def _fingerprint(info: dict[str, Any]) -> str:
    return hashlib.sha256(repr(sorted(info.items())).encode()).hexdigest()


def _with(people: pd.DataFrame, more: pd.DataFrame) -> pd.DataFrame:
    import pandas as pd

    return pd.concat([people.reset_index(drop=True), more.reset_index(drop=True)], axis=1)


# ---------------------------------------------------------------------------------------------- discs


def _scanned(
    plan: Plan,
    asked: Sequence[Asked],
    folder: Folder | None,
    count: int | None,
    ray: str,
    tell: Progress,
    people: int,
) -> pd.DataFrame:
    """Scans of all discs; those of chunks that a folder has are not computed again."""
    import pandas as pd

    if not asked:
        return pd.DataFrame()
    size = max(CHUNK, plan.batch)
    chunks = [asked[first : first + size] for first in range(0, len(asked), size)]
    kept: dict[int, pd.DataFrame] = {}
    over = folder.done(len(chunks)) if folder else []
    if folder and plan.fields:
        about = {"months": list(plan.months), "patient": [a.patient for a in asked], "arm": [a.arm for a in asked]}
        shape = (len(plan.months), *discs.shape(plan.size))
        folder.room(len(asked), size, shape, discs.FIELDS, about)
    todo = [number for number in range(len(chunks)) if number not in over]
    ready = sum(len(chunks[number]) for number in over)

    def look() -> None:
        place = ready * people // len(asked)
        tell(place, people, f"discs, person {place} of {people}")

    work = functools.partial(discs.chunk, plan)
    lost = functools.partial(_lost, plan)
    parts = [chunks[number] for number in todo]
    for place, made in workers.share(
        parts, work, lost=lost, joined=discs.joined, workers=count, ray=ray, look=look
    ):
        number = todo[place]
        if folder:
            folder.keep(number, made.rows, made.fields, number * size)
        else:
            kept[number] = made.rows
        ready += len(chunks[number])
        look()
    if folder:
        return folder.scans(len(chunks))
    return pd.concat([kept[number] for number in sorted(kept)], ignore_index=True)


def _lost(plan: Plan, part: Sequence[Asked]) -> Scans:
    """What people are given with whom processes end."""
    said = f"failed: {workers.TRIES} processes that computed this disc were ended from outside"
    return discs.failed(plan, part, said)


# ---------------------------------------------------------------------------------------------- visits


def _lived(
    protocol: Protocol,
    people: pd.DataFrame,
    scans: pd.DataFrame,
    seed: int,
    world: World,
    disc_to_pain: str,
    flow: dict[str, int],
) -> Conducted:
    """Everything that follows once the discs are known."""
    logit = _mediated(protocol, people, scans, seed, world, disc_to_pain) if disc_to_pain != "none" else None
    lived = clinic.live(protocol, people, seed, world, logit)
    events = clinic.harms(protocol, people, lived, seed)
    states, measured, disc_status = _states(lived), dict(lived.values), np.full(len(people), COMPLETED, object)
    by_variable = dict.fromkeys(measured, states)
    if len(scans):
        of_discs, said = _measured(people, scans, states, lived)
        measured |= of_discs
        by_variable |= dict.fromkeys(of_discs, said)
        disc_status = _disc_status(people, scans)
    table = _long(protocol, people, measured, by_variable)
    start = {f"baseline_{name}": value[:, 0] for name, value in measured.items()}
    status = np.full(len(people), COMPLETED, object)
    status[disc_status != COMPLETED] = disc_status[disc_status != COMPLETED]
    for name, word in (("left", "left the trial after month"), ("death", "died in month")):
        for place in np.flatnonzero(~np.isnan(lived.between[name])):
            status[place] = f"{word} {lived.between[name][place]:.1f}"
    told = people.assign(**start, disc_status=disc_status, status=status)
    return Conducted(protocol, plain(told), plain(table), plain(events), flow, seed)


def _states(lived: clinic.Lived) -> np.ndarray:
    """What is to be said of each person at each visit (person, 1 + visit), as far as it is not of the disc."""
    found = np.full(lived.months.shape, SEEN, object)
    for name in ("rescue", "crossover", "surgery"):
        found[lived.after(name)] = f"after {name}"
    found[lived.misses] = "missing: did not come"
    found[lived.gone] = "missing: left the trial"
    found[lived.after("death")] = "after death"
    return found


def _place(people: pd.DataFrame, scans: pd.DataFrame, column: str, visits: int) -> np.ndarray:
    """A column of scans as (person, 1 + visit): rows are in the order in which discs were asked for."""
    values = scans[column].to_numpy().reshape(-1, visits)
    who = scans["patient"].to_numpy(int).reshape(-1, visits)[:, 0]
    place = {int(number): k for k, number in enumerate(who)}
    return np.asarray(values[[place[int(number)] for number in people["patient"]]])


def _measured(
    people: pd.DataFrame, scans: pd.DataFrame, states: np.ndarray, lived: clinic.Lived
) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Measures of discs (person, 1 + visit), and what is to be said of each."""
    done = scans[~scans["without"].astype(bool)]
    visits = states.shape[1]
    said = _place(people, done, "status", visits)
    found = states.copy()
    there = np.char.startswith(found.astype(str), "after ") | (found == SEEN)
    there &= found != "after death"
    operated = there & lived.after("surgery")
    found[operated] = "missing: the disc was operated on"
    wrong = there & ~operated & (said != COMPLETED)
    found[wrong] = said[wrong]
    return {name: _place(people, done, name, visits).astype(float) for name in DISC}, found


def _disc_status(people: pd.DataFrame, scans: pd.DataFrame) -> np.ndarray:
    """One sentence a person: whether the disc can be believed."""
    failed = scans[scans["status"].str.startswith("failed")].drop_duplicates("patient")
    said = dict(zip(failed["patient"], failed["status"], strict=True))
    return np.array([said.get(number, COMPLETED) for number in people["patient"]], object)


def _long(
    protocol: Protocol, people: pd.DataFrame, measured: dict[str, np.ndarray], said: dict[str, np.ndarray]
) -> pd.DataFrame:
    """The long table: by person, visit and variable."""
    import pandas as pd

    names = [name for name in protocol.measured if name in measured]
    visits = np.array([0.0, *protocol.visits.months])
    value = np.stack([measured[name] for name in names], -1)
    status = np.stack([said[name] for name in names], -1)
    seen = np.char.startswith(status.astype(str), "after ") & (status != "after death") | (status == SEEN)
    count, each = len(people), visits.size * len(names)
    return pd.DataFrame(
        {
            "patient": np.repeat(people["patient"].to_numpy(int), each),
            "arm": np.repeat(people["arm"].to_numpy(object), each),
            "visit": np.tile(np.repeat(visits, len(names)), count),
            "endpoint": np.tile(np.array(names, object), count * visits.size),
            "value": np.where(seen, value, np.nan).ravel(),
            "status": status.ravel(),
        }
    )


def _mediated(
    protocol: Protocol, people: pd.DataFrame, scans: pd.DataFrame, seed: int, world: World, disc_to_pain: str
) -> np.ndarray:
    """What each person's disc moves in the logit of responding (person, visit); nothing where it failed, or nothing was
    done in it.
    """
    months = protocol.visits.months
    found = np.zeros((len(people), len(months)))
    own = clinic.draws(protocol, people, seed, world)
    by_person = {int(number): rows for number, rows in scans.groupby("patient")}
    for place, row in enumerate(people.to_dict("records")):
        rows = by_person[int(row["patient"])]
        bare, done = rows[rows["without"].astype(bool)], rows[~rows["without"].astype(bool)]
        if not len(bare) or not (rows["status"] == COMPLETED).all():
            continue
        discs_of = [
            [
                symptoms.Disc(str(row["level"]), il1b=float(one["il1b"]), tnf=float(one["tnf"]))
                for one in course.to_dict("records")[1:]
            ]
            for course in (bare, done)
        ]
        changes = [symptoms.between(without, treated) for without, treated in zip(*discs_of, strict=True)]
        given = protocol.given(protocol.arm(str(row["arm"])))
        found[place] = symptoms.join(given, changes, own[place : place + 1], disc_to_pain)[0]
    return found
