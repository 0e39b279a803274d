"""The clock: how a disc is made ready, and how its years go by.

Two time scales are split. Solutes are in balance at every instant; cells, cytokines and matrix move over days to years.
Death couples the two, so solutes
and survivors are solved together, implicitly, inside steps whose length is chosen by their own error; the calendar's
months only say when to look.

A step is a list of named processes: mechanics, transport with death, the other fates of cells, signals, matrix.
Everything here works on one disc and is
batched over discs by `vmap`; a therapy is handed to the clock, a key or a folder never is.
"""

from __future__ import annotations

import abc
from collections.abc import Iterator, Sequence

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from pulposus.disc import (
    cells,
    composition,
    diffusion,
    inflammation,
    matrix,
    mechanics,
    mesh,
    posture,
    solid,
    transport,
)
from pulposus.disc.diffusion import Operator
from pulposus.disc.geometry import Shape
from pulposus.disc.mesh import Topology
from pulposus.disc.metabolism import acidity
from pulposus.disc.parameters import Parameters
from pulposus.disc.state import (
    FATES,
    GLUCOSE,
    LACTATE,
    MECHANISMS,
    Disc,
    Hypotheses,
    Products,
    State,
    effect,
    member,
    total,
)

DAY = 86400.0  # maths: seconds of a day
MONTH = 365.25 / 12 * DAY  # maths: a twelfth of a Julian year
YEAR = 12 * MONTH  # maths: months of a year

_SOLVER_TOLERANCE = 1e-9  # maths: solutes, relative to their scale: a disc is the same in any company to 1e-9
_STEP_TOLERANCE = 4e-3  # maths: cells gained or lost wrongly in one step, by the lower-order estimate
_FIRST_STEP = 0.1 * DAY  # maths: first guess after a dose; the error control takes over
_LONGEST_STEP = MONTH  # maths: form and matrix are carried forward with this step at most
_SHORTEST_STEP = 0.005 * DAY  # maths: about seven minutes, below which a step is accepted as it is
_LONGEST_LOOK = 3 * MONTH  # maths: between looks at how far charge has gone
FORMED = 0.01  # maths: charge that may go anywhere before the whole disc is solved again (tests/test_clock.py)
_GAMMA = 1 - 1 / np.sqrt(2)  # maths: the L-stable two-stage implicit method of order two (Alexander 1977)
_SETTLING = np.array([0.25, 1, 4, 16, 60, 100]) * DAY  # maths: spans, each a stage; together long against death
UNSOLVED = 1e-4  # maths: a solver error, relative to the scale of solutes, that no step may leave behind


class AbstractTherapy(eqx.Module):
    """What is done to a disc: a change of its constants while it acts, and doses that fall due at given times."""

    @abc.abstractmethod
    def times(self) -> tuple[float, ...]:
        """Times in s at which the clock must stop because something falls due."""

    @abc.abstractmethod
    def dose(self, disc: Disc, state: State, coords: Array, time: Array) -> State:
        """The state after what falls due at `time` (s; nothing where nothing is due). coords (..., 3) of the nodes at
        start, m.
        """

    def modulate(self, disc: Disc, time: Array) -> Disc:
        """The disc with the constants that it has from `time` (s) to the next of `times`; itself unless said."""
        return disc


def prepare(
    topology: Topology,
    shape: Shape,
    parameters: Parameters,
    hypotheses: Hypotheses,
    products: Products,
    *,
    pfirrmann: float,
    age: float,
    endplate: str = "intact",
    switches: Array | None = None,
) -> tuple[Disc, State]:
    """A disc of the given Pfirrmann grade and age (s), ready at time 0: prescribed composition, cells that supply can
    keep, solutes and cytokines in balance.

    The healthy disc of the same shape is solved first, as what later states are compared with; then the typical disc of
    the grade, whose course is the published
    one; then this disc with its own endplates.
    """
    p = parameters
    switches = jnp.ones(len(MECHANISMS)) if switches is None else switches
    grade = composition.continuous_grade(p, pfirrmann)
    supply, openness = composition.endplate(p, hypotheses, grade, endplate)
    disc, state = _healthy(topology, shape, p, hypotheses, products, jnp.asarray(age, dtype=float), switches)
    state = _balanced(disc, state, _operator(disc), 0 * _SETTLING)
    disc, state = _graded(disc, state, grade)
    if hypotheses.mechanics == "solid":
        rested = posture.rested(topology, hypotheses, p, shape, disc.grade)
        disc = eqx.tree_at(lambda d: d.slack, disc, rested.slack)
    operator = _operator(disc)
    typical = _balanced(disc, state, operator, _SETTLING)
    disc = _as_measured(disc, typical, operator)
    disc = _with_endplates(disc, supply, openness)
    operator = _operator(disc)
    state = _balanced(disc, state, operator, _SETTLING)
    state = _signalled(disc, _signalled(disc, state, operator), operator)
    disc = eqx.tree_at(lambda d: d.native, disc, state.native)
    if hypotheses.mechanics == "solid":
        state = mechanics.begun(disc, state)
    return disc, eqx.tree_at(lambda s: s.ledger, state, jnp.zeros_like(state.ledger))


@eqx.filter_jit
def _healthy(
    topology: Topology,
    shape: Shape,
    p: Parameters,
    hypotheses: Hypotheses,
    products: Products,
    age: Array,
    switches: Array,
) -> tuple[Disc, State]:
    """A healthy disc with nothing yet in balance."""
    coords = mesh.coordinates(topology, shape)
    volumes = mesh.node_volumes(topology, coords)
    tissue = volumes / jnp.sum(volumes, 0)
    made = composition.composition(p, hypotheses, p.healthy_grade)
    water, charge, collagen = (jnp.tensordot(values, tissue, 1) for values in made)
    one = jnp.ones(topology.shape)
    disc = Disc(
        topology,
        hypotheses,
        p,
        products,
        switches,
        shape,
        grade=p.healthy_grade,
        age=age,
        openness=jnp.ones(()),
        boundary=transport.boundary(coords, p, 1.0),
        volume=jnp.sum(volumes, 0),
        tissue=tissue,
        element_water=made.water[topology.element_tissue],
        water=water,
        charge=charge,
        charge_healthy=charge,
        collagen=collagen,
        native=one,
        native_healthy=one,
        native_typical=one,
        healthy_solutes=jnp.ones((3, *topology.shape)),
        healthy_activity=jnp.ones((len(inflammation.TARGETS), *topology.shape)),
        inflammation=jnp.ones(2),
        synthesis=jnp.ones(()),
        slack=solid.tangents(jnp.moveaxis(coords, -1, 0)),
        activity=jnp.ones((len(inflammation.BUILT), *topology.shape)),
    )
    density = cells.native_density(disc)
    disc = eqx.tree_at(lambda d: (d.native, d.native_healthy, d.native_typical), disc, (density, density, density))
    return disc, _begun(disc, coords)


def _begun(disc: Disc, coords: Array) -> State:
    """A state in which nothing has happened and nothing is in balance."""
    zero, one = jnp.zeros(()), jnp.ones(disc.topology.shape)
    none = jnp.zeros((disc.products.potency.shape[0], *disc.topology.shape))
    return State(
        time=zero,
        step=zero + MONTH,
        solutes=disc.boundary,
        native=disc.native,
        fresh=none,
        adapted=none,
        np_like=none,
        bolus=none,
        charge=disc.charge,
        collagen=one,
        stretch=one,
        correction=one,
        offset=0 * coords,
        pose=jnp.zeros(6),  # maths: three displacements and three rotations
        formed=disc.charge,
        il1b=one,
        tnf=one,
        mmp3=one,
        adamts4=one,
        secretome=none,
        ledger=jnp.zeros((len(FATES), none.shape[0])),
        error=zero,
        strain=zero,
        present=jnp.ones(()),
    )


@eqx.filter_jit
def _graded(disc: Disc, healthy: State, grade: Array) -> tuple[Disc, State]:
    """The disc with the composition of its grade, remembering what its healthy self was like."""
    p = disc.parameters
    one = jnp.ones(disc.topology.shape)
    made = composition.composition(p, disc.hypotheses, grade)
    water, charge, collagen = (jnp.tensordot(values, disc.tissue, 1) for values in made)
    disc = eqx.tree_at(
        lambda d: (d.healthy_solutes, d.grade, d.element_water, d.water, d.charge, d.collagen),
        disc,
        (healthy.solutes, grade, made.water[disc.topology.element_tissue], water, charge, collagen),
    )
    activity = inflammation.network_activity(
        disc, healthy.solutes[GLUCOSE], acidity(p, healthy.solutes[LACTATE]), one, one
    )
    native = healthy.native * cells.relative_density(disc)
    state = eqx.tree_at(lambda s: (s.charge, s.formed, s.native), healthy, (charge, charge, native))
    return eqx.tree_at(lambda d: d.healthy_activity, disc, activity), state


@eqx.filter_jit
def _balanced(disc: Disc, state: State, operator: Operator, spans: Array | np.ndarray) -> State:
    """Solutes in balance, and the cells that have lived with them through the `spans` (s), short ones first."""

    def stage(now: State, lived: Array) -> tuple[State, None]:
        return _fed(disc, now, operator, lived), None

    fresh = eqx.tree_at(lambda s: s.error, state, jnp.zeros(()))
    return jax.lax.scan(stage, fresh, jnp.asarray(spans))[0]


@eqx.filter_jit
def _signalled(disc: Disc, state: State, operator: Operator) -> State:
    """Cytokines, proteases and secretome in balance with cells and solutes."""
    return inflammation.signal(disc, state, operator, inflammation.relative_activity(disc, state))


def _as_measured(disc: Disc, state: State, operator: Operator) -> Disc:
    """What a disc of this grade with intact endplates is like: its cells, its cytokines at the level measured in the
    nucleus, its activity.

    The level is linear in the scale of production, so two balances (blood alone, production as in a healthy disc) give
    the scale exactly.
    """
    p = disc.parameters
    share = jnp.clip((disc.grade - p.healthy_grade) / (p.degenerate_grade - p.healthy_grade), 0.0, 1.0)
    pairs = ((p.il1b_positive_healthy, p.il1b_positive_degenerate), (p.tnf_positive_healthy, p.tnf_positive_degenerate))
    wanted = jnp.stack([(sick / (1 - sick) * (1 - well) / well) ** share for well, sick in pairs])

    def scaled(scale: Array) -> tuple[Disc, State]:
        tried = eqx.tree_at(lambda d: d.inflammation, disc, scale)
        return tried, _signalled(tried, state, operator)

    def mean(made: State) -> Array:
        weight = disc.tissue[0] / total(disc, disc.tissue[0])
        return jnp.stack([total(disc, weight * made.il1b), total(disc, weight * made.tnf)])

    blood, both = (mean(scaled(jnp.full(2, scale))[1]) for scale in (0.0, 1.0))
    disc, state = scaled((wanted - blood) / (both - blood))
    return eqx.tree_at(lambda d: (d.native_typical, d.activity), disc, (state.native, _activity(disc, state)))


@eqx.filter_jit
def _activity(disc: Disc, state: State) -> Array:
    return inflammation.relative_activity(disc, state)[: len(inflammation.BUILT)]


@eqx.filter_jit
def _with_endplates(disc: Disc, supply: Array, openness: Array) -> Disc:
    """The disc with its own endplates and the boundary values that they leave."""
    boundary = transport.boundary(mesh.coordinates(disc.topology, disc.shape), disc.parameters, supply)
    return eqx.tree_at(lambda d: (d.openness, d.boundary), disc, (openness, boundary))


@eqx.filter_jit
def _operator(disc: Disc) -> Operator:
    """Diffusion in the disc at start."""
    return transport.operator(disc, mesh.coordinates(disc.topology, disc.shape), 1.0, 0.0)


def _fed(disc: Disc, state: State, operator: Operator, lived: Array | float) -> State:
    """Solutes in balance with the cells that survive `lived` seconds of the death rates those solutes bring, and those
    cells: one implicit stage.
    """
    p = disc.parameters
    scale = transport.scales(p)
    diffusivity = transport.diffusivities(p)
    water = mechanics.water_fraction(disc, state)
    spared = 1 - cells.protected(disc, state)

    def reaction(x: Array) -> Array:
        solutes = x * scale
        dead = cells.death(p, solutes[GLUCOSE], acidity(p, solutes[LACTATE]))
        rate = (dead.starved + dead.acid) * lived
        oxygen, glucose = cells.users(disc, state, jnp.exp(-rate), jnp.exp(-rate * spared))
        return transport.consumption(disc, solutes, water, oxygen, glucose) / (diffusivity * scale)

    start = jnp.where(disc.topology.outside, disc.boundary, state.solutes) / scale
    lower = 0.0 if disc.hypotheses.glucose_limiter or disc.hypotheses.metabolism == "cachot" else -np.inf
    solved = diffusion.steady(operator, reaction, start, disc.topology.outside, _SOLVER_TOLERANCE, lower)
    solutes = solved.field * scale
    state = eqx.tree_at(lambda s: (s.solutes, s.error), state, (solutes, jnp.maximum(state.error, solved.error)))
    dead = cells.death(p, solutes[GLUCOSE], acidity(p, solutes[LACTATE]))
    return cells.die(disc, state, dead, jnp.asarray(lived))


def _dying(disc: Disc, state: State, operator: Operator, dt: Array) -> tuple[State, Array]:
    """Transport and death over dt, second order and L-stable, with an estimate of the share of cells miscounted."""
    p = disc.parameters

    def stage(now: State, last: Array) -> tuple[State, Array]:
        fed = _fed(disc, now, operator, _GAMMA * dt)
        dead = cells.death(p, fed.solutes[GLUCOSE], acidity(p, fed.solutes[LACTATE]))
        # the first stage only finds rates, with which the cells then live for the rest of dt; the second is the
        # implicit end of the step
        found = eqx.tree_at(lambda s: (s.solutes, s.error), now, (fed.solutes, fed.error))
        passed = cells.die(disc, found, dead, (1 - _GAMMA) * dt)
        return jax.tree.map(lambda a, b: jnp.where(last, a, b), fed, passed), dead.starved + dead.acid

    last, (early, late) = jax.lax.scan(stage, state, jnp.array([False, True]))
    survival = jnp.exp(-((1 - _GAMMA) * early + _GAMMA * late) * dt)
    wrong = jnp.abs(jnp.exp(-late * dt) - survival)
    guests = jnp.sum(state.fresh + state.adapted + state.np_like, 0)
    native = total(disc, state.native)
    errors = [
        total(disc, guests * wrong) / (total(disc, guests) + _TRACE * native),
        total(disc, state.native * wrong) / native,
    ]
    return last, jnp.maximum(*errors)


_TRACE = 1e-3  # maths: injected cells fewer than this share of native ones need not be timed to the hour


def step(disc: Disc, state: State, dt: Array) -> tuple[State, Array]:
    """All processes over dt (s), on the form that the disc takes at their beginning; returns the new state and the
    error estimate that chooses the next dt.
    """
    state = start = mechanics.settle(disc, state)
    coords = mechanics.coordinates(disc, state)
    gain = effect(disc, state, "endplate_vascular_support")[0]
    operator = transport.operator(disc, coords, state.stretch, gain)
    state = cells.live(disc, state, 0.5 * dt)
    state, error = _dying(disc, state, operator, dt)
    state = cells.live(disc, state, 0.5 * dt)
    state = inflammation.signal(disc, state, operator, inflammation.relative_activity(disc, state))
    # matrix lives with the mean of cells and signals over the step: injected cells go fast, and what is left of them at
    # its end would not do
    activity = [inflammation.relative_activity(disc, end) for end in (start, state)]
    built = matrix.turn_over(disc, _between(start, state), 0.5 * (activity[0] + activity[1]), dt)
    state = eqx.tree_at(lambda s: (s.charge, s.collagen), state, (built.charge, built.collagen))
    return eqx.tree_at(lambda s: s.time, state, state.time + dt), error


def _mean(a: Array, b: Array) -> Array:
    """Mean over a step of what goes from `a` to `b` as an exponential: the logarithmic mean (the arithmetic one where a
    or b is zero, or where they hardly differ).
    """
    ratio = jnp.where((a > 0) & (b > 0), a / jnp.where(b > 0, b, 1.0), 1.0)
    far = jnp.abs(ratio - 1) > 1e-4  # maths: nearer, the two means agree to rounding
    log = jnp.log(jnp.where(far, ratio, 2.0))
    return jnp.where(far, (a - b) / log, 0.5 * (a + b))


def _between(start: State, end: State) -> State:
    """The mean over a step in what builds matrix, for the rest its end."""
    mean = [_mean(getattr(start, name), getattr(end, name)) for name in ("native", "np_like", "secretome", "solutes")]
    return eqx.tree_at(lambda s: (s.native, s.np_like, s.secretome, s.solutes), end, tuple(mean))


def advance(disc: Disc, state: State, stop: Array, longest: Array | float = _LONGEST_STEP) -> State:
    """The disc at time `stop` (s): as many steps as the error asks for, none longer than `longest` (s)."""

    def body(carry: tuple[State, Array]) -> tuple[State, Array]:
        state, _ = carry
        going = (state.time < stop * (1 - 1e-12)) & (state.present > 0)  # maths: reached, up to rounding
        left = jnp.where(going, stop - state.time, 0.0)
        pieces = jnp.ceil(left / jnp.minimum(state.step, longest) - 1e-9)  # maths: equal steps to the stop
        dt = left / jnp.maximum(pieces, 1.0)
        new, error = step(disc, state, dt)
        ratio = jnp.sqrt(_STEP_TOLERANCE / jnp.maximum(error, 1e-12))  # maths: the estimate falls with the square of dt
        ratio = jnp.clip(0.9 * ratio, 0.2, 5.0)  # maths: usual bounds of step control
        lost = ~(state.error < UNSOLVED)  # also where it is not a number
        solved = new.error < UNSOLVED
        ratio = jnp.where(solved, ratio, 0.2)  # maths: a shorter step is an easier one
        accept = solved & (error <= _STEP_TOLERANCE) | (dt <= 1.001 * _SHORTEST_STEP) | lost  # maths: up to rounding
        kept = jax.tree.map(lambda a, b: jnp.where(accept, a, b), new, state)
        wanted = jnp.where(left > 0, jnp.maximum(dt * ratio, _SHORTEST_STEP), state.step)
        # a disc that could not be solved at the shortest step is not worth another: it goes to the stop in one
        wanted = jnp.where(accept & ~solved, jnp.maximum(left, _SHORTEST_STEP), wanted)
        return eqx.tree_at(lambda s: s.step, kept, wanted), left <= 0

    # the last turn has no length: it brings form, solutes and signals into balance with what is there at the stop
    end = jax.lax.while_loop(lambda carry: ~carry[1], body, (state, jnp.asarray(False)))[0]
    # a disc that was taken out has no course: time passes it by
    kept = jax.tree.map(lambda a, b: jnp.where(state.present > 0, a, b), end, state)
    return eqx.tree_at(lambda s: s.time, kept, jnp.where(state.present > 0, kept.time, jnp.maximum(kept.time, stop)))


def dose(disc: Disc, state: State, therapies: Sequence[AbstractTherapy], time: Array) -> State:
    """The state after everything that falls due at `time` (s) has been given."""
    coords, before = mesh.coordinates(disc.topology, disc.shape), state
    for therapy in therapies:
        state = therapy.dose(disc, state, coords, time)
    moved = ("fresh", "bolus", "native", "charge")
    given = jnp.any(jnp.stack([jnp.any(getattr(state, name) != getattr(before, name)) for name in moved]))
    return eqx.tree_at(lambda s: s.step, state, jnp.where(given, jnp.minimum(state.step, _FIRST_STEP), state.step))


def modulated(disc: Disc, therapies: Sequence[AbstractTherapy], time: Array) -> Disc:
    """The disc with the constants that therapies leave it from `time` (s) on."""
    for therapy in therapies:
        disc = therapy.modulate(disc, time)
    return disc


_advance_batch = eqx.filter_jit(eqx.filter_vmap(advance, in_axes=(eqx.if_array(0), eqx.if_array(0), None, None)))
_moved_batch = eqx.filter_jit(eqx.filter_vmap(mechanics.moved))
_dose_batch = eqx.filter_jit(eqx.filter_vmap(dose, in_axes=(eqx.if_array(0), eqx.if_array(0), eqx.if_array(0), None)))
_one_of = eqx.filter_jit(member)
_modulated_batch = eqx.filter_jit(eqx.filter_vmap(modulated, in_axes=(eqx.if_array(0), eqx.if_array(0), None)))


def _acting(discs: Disc, therapies: Sequence[AbstractTherapy], time: float) -> Disc:
    """The batch as it is from `time` to the next stop."""
    acting = tuple(one for one in therapies if type(one).modulate is not AbstractTherapy.modulate and one.times())
    return _modulated_batch(discs, acting, jnp.asarray(time)) if acting else discs


def _looks(discs: Disc, start: float, stop: float) -> list[float]:
    """Times in (start, stop] at which the clock looks whether the whole disc is to be solved again."""
    if discs.hypotheses.mechanics != "solid":
        return [stop]
    pieces = max(1, int(np.ceil((stop - start) / _LONGEST_LOOK - 1e-9)))  # maths: up to rounding
    return [*np.linspace(start, stop, pieces + 1)[1:-1].tolist(), stop]


def _formed(discs: Disc, states: State, limit: float) -> State:
    """The batch with the form of those discs solved anew in which charge has gone far enough."""
    if discs.hypotheses.mechanics != "solid":
        return states
    far = np.asarray(_moved_batch(discs, states)) > limit
    for index in map(jnp.asarray, np.flatnonzero(far)):
        formed = mechanics.form(_one_of(discs, index), _one_of(states, index))
        states = _put(states, index, formed)
    return states


@eqx.filter_jit
def _put(states: State, index: Array, state: State) -> State:
    """The batch with one member replaced."""
    return jax.tree.map(lambda every, one: every.at[index].set(one), states, state)


def simulate(
    discs: Disc,
    states: State,
    therapies: Sequence[AbstractTherapy],
    times: Sequence[float],
    start: int = 0,
    longest: float = _LONGEST_STEP,
    formed: float | None = None,
) -> Iterator[tuple[int, State]]:
    """Run a batch of discs over the calendar `times` (s, rising, the first is now) and yield (index, states) at each,
    from `start` on, with steps of `longest` (s) at most; the whole disc is solved anew where charge has gone by more
    than `formed` (`FORMED` where not given, and at the last time whatever it is).

    Discs, states and therapies carry a leading batch axis. Doses due at a calendar time are given just after it has
    been yielded, so that what is
    yielded at index i is the disc before that injection; doses between calendar times stop the clock on their own.
    """
    due = sorted({t for therapy in therapies for t in therapy.times()})
    for index in range(start, len(times)):
        if index > 0:
            stops = [t for t in due if times[index - 1] < t < times[index]]
            if times[index - 1] in due:
                states = _dose_batch(discs, states, tuple(therapies), jnp.asarray(times[index - 1]))
            now = _acting(discs, therapies, times[index - 1])
            for stop in stops:
                states = _advance_batch(now, states, jnp.asarray(stop), jnp.asarray(longest))
                states = _dose_batch(discs, states, tuple(therapies), jnp.asarray(stop))
                now = _acting(discs, therapies, stop)
            for stop in _looks(discs, times[index - 1], times[index]):
                states = _advance_batch(now, states, jnp.asarray(stop), jnp.asarray(longest))
                states = _formed(discs, states, FORMED if formed is None or stop == times[-1] else formed)
        yield index, states
