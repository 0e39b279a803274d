"""The clock: how a disc is made ready, and how its years go by.

Two time scales are split. Solutes are in balance at every instant; cells, cytokines and matrix move over days to years. Death couples the two, so solutes
and survivors are solved together, implicitly, inside steps whose length is chosen by their own error; the calendar's months only say when to look.

A step is a list of named processes: mechanics, transport with death, the other fates of cells, signals, matrix. Everything here works on one disc and is
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

from pulposus.disc import cells, composition, diffusion, inflammation, matrix, mechanics, mesh, transport
from pulposus.disc.diffusion import Operator
from pulposus.disc.geometry import Shape
from pulposus.disc.mesh import Topology
from pulposus.disc.metabolism import acidity
from pulposus.disc.parameters import Parameters
from pulposus.disc.state import FATES, GLUCOSE, LACTATE, MECHANISMS, Disc, Hypotheses, Products, State, total

DAY = 86400.0
MONTH = 365.25 / 12 * DAY
YEAR = 12 * MONTH

_SOLVER_TOLERANCE = 1e-7  # maths: solutes, relative to their scale
_STEP_TOLERANCE = 4e-3  # maths: cells gained or lost wrongly in one step, by the lower-order estimate
_FIRST_STEP = 0.1 * DAY  # maths: first guess after a dose; the error control takes over
_SHORTEST_STEP = 0.005 * DAY  # maths: about seven minutes, below which a step is accepted as it is
_GAMMA = 1 - 1 / np.sqrt(2)  # maths: the L-stable two-stage implicit method of order two (Alexander 1977)
_SETTLING = 0.5 * YEAR  # maths: long against death, so that a disc starts with the cells its supply can keep


class AbstractTherapy(eqx.Module):
    """What is done to a disc: a change of its constants while it acts, and doses that fall due at given times."""

    @abc.abstractmethod
    def times(self) -> tuple[float, ...]:
        """Times in s at which the clock must stop because something falls due."""

    @abc.abstractmethod
    def dose(self, disc: Disc, state: State, coords: Array, time: Array) -> State:
        """The state after what falls due at `time` (s; nothing where nothing is due). coords (..., 3) of the nodes at start, m."""


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
    """A disc of the given Pfirrmann grade and age (s), ready at time 0: prescribed composition, cells that supply can keep, solutes and cytokines in balance."""
    p = parameters
    grade = composition.continuous_grade(p, pfirrmann)
    supply, openness = composition.endplate(p, hypotheses, grade, endplate)
    coords = mesh.coordinates(topology, shape)
    volumes = mesh.node_volumes(topology, coords)
    tissue = volumes / jnp.sum(volumes, 0)
    healthy, graded = (composition.composition(p, hypotheses, g) for g in (p.healthy_grade, grade))
    tissues = topology.element_tissue

    def on_nodes(values: Array) -> Array:
        return jnp.tensordot(values, tissue, 1)

    one = jnp.ones(topology.shape)
    none = jnp.zeros((products.potency.shape[0], *topology.shape))
    disc = Disc(
        topology,
        hypotheses,
        parameters,
        products,
        jnp.ones(len(MECHANISMS)) if switches is None else switches,
        shape,
        grade=p.healthy_grade,
        age=jnp.asarray(age, dtype=float),
        openness=jnp.ones(()),
        boundary=transport.boundary(coords, p, 1.0),
        volume=jnp.sum(volumes, 0),
        tissue=tissue,
        element_water=healthy.water[tissues],
        water=on_nodes(healthy.water),
        charge=on_nodes(healthy.charge),
        charge_healthy=on_nodes(healthy.charge),
        collagen=on_nodes(healthy.collagen),
        native=one,
        native_healthy=one,
        native_typical=one,
        healthy_solutes=jnp.ones((3, *topology.shape)),
        healthy_activity=jnp.ones((len(inflammation.TARGETS), *topology.shape)),
        inflammation=jnp.ones(2),
        activity=jnp.ones((len(inflammation.BUILT), *topology.shape)),
    )
    density = cells.native_density(disc)
    disc = eqx.tree_at(lambda d: (d.native, d.native_healthy, d.native_typical), disc, (density, density, density))
    state = State(
        jnp.zeros(()), jnp.zeros(()) + MONTH, disc.boundary, density, none, none, one * 0, one * 0, none, disc.charge, one, one,
        one, one, one, one, none, jnp.zeros((len(FATES), none.shape[0])), jnp.zeros(()),
    )  # fmt: skip
    state = _fed(disc, state, transport.operator(disc, state, coords), 0.0)
    disc = eqx.tree_at(lambda d: d.healthy_solutes, disc, state.solutes)
    activity = inflammation.network_activity(disc, state.solutes[GLUCOSE], acidity(p, state.solutes[LACTATE]), one, one)
    disc = eqx.tree_at(
        lambda d: (d.healthy_activity, d.grade, d.element_water, d.water, d.charge, d.collagen),
        disc,
        (activity, grade, graded.water[tissues], on_nodes(graded.water), on_nodes(graded.charge), on_nodes(graded.collagen)),
    )
    state = eqx.tree_at(lambda s: s.charge, state, disc.charge)
    disc = _typical(disc, state, coords)
    disc = eqx.tree_at(lambda d: (d.openness, d.boundary), disc, (openness, transport.boundary(coords, p, supply)))
    return _settled(disc, state, coords)


def _typical(disc: Disc, state: State, coords: Array) -> Disc:
    """What a disc of this grade is like when its endplates are intact: its cells and activity, whose course is the published one, and its cytokines as measured."""
    operator = transport.operator(disc, state, coords)
    state = _fed(disc, state, operator, _SETTLING)
    activity = inflammation.relative_activity(disc, state)
    disc = eqx.tree_at(lambda d: (d.native_typical, d.inflammation), disc, (state.native, _inflammation(disc, state, operator, activity)))
    state = inflammation.signal(disc, state, operator, activity)
    return eqx.tree_at(lambda d: d.activity, disc, inflammation.relative_activity(disc, state)[: len(inflammation.BUILT)])


def _settled(disc: Disc, state: State, coords: Array) -> tuple[Disc, State]:
    """Let go the native cells that supply cannot feed, and bring cytokines into balance with those that are left."""
    operator = transport.operator(disc, state, coords)
    state = _fed(disc, eqx.tree_at(lambda s: s.solutes, state, disc.healthy_solutes), operator, _SETTLING)
    state = inflammation.signal(disc, state, operator, inflammation.relative_activity(disc, state))
    state = inflammation.signal(disc, state, operator, inflammation.relative_activity(disc, state))
    disc = eqx.tree_at(lambda d: d.native, disc, state.native)
    return disc, eqx.tree_at(lambda s: s.ledger, state, jnp.zeros_like(state.ledger))


def _inflammation(disc: Disc, state: State, operator: Operator, activity: Array) -> Array:
    """Scale of cytokine production that gives the mean level measured in the nucleus at this grade.

    The level is linear in the scale, so two solves (production alone, blood alone) give it exactly.
    """
    p = disc.parameters
    share = jnp.clip((disc.grade - p.healthy_grade) / (p.degenerate_grade - p.healthy_grade), 0.0, 1.0)
    pairs = ((p.il1b_positive_healthy, p.il1b_positive_degenerate), (p.tnf_positive_healthy, p.tnf_positive_degenerate))
    wanted = jnp.stack([(sick / (1 - sick) * (1 - well) / well) ** share for well, sick in pairs])
    weight = disc.tissue[0] * disc.volume / total(disc, disc.tissue[0])
    unit = eqx.tree_at(lambda d: d.inflammation, disc, jnp.ones(2))
    none = eqx.tree_at(lambda d: d.inflammation, disc, jnp.zeros(2))
    both, blood = (inflammation.signal(d, state, operator, activity) for d in (unit, none))
    mean = [jnp.stack([jnp.sum(weight * s.il1b), jnp.sum(weight * s.tnf)]) for s in (both, blood)]
    return (wanted - mean[1]) / (mean[0] - mean[1])


def _fed(disc: Disc, state: State, operator: Operator, lived: Array | float) -> State:
    """Solutes in balance with the cells that survive `lived` seconds of the death rates those solutes bring, and those cells: one implicit stage."""
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
    """Transport and death over dt, second order and L-stable, with an estimate of the share of cells wrongly counted."""
    p = disc.parameters
    first = _fed(disc, state, operator, _GAMMA * dt)
    early = cells.death(p, first.solutes[GLUCOSE], acidity(p, first.solutes[LACTATE]))
    middle = eqx.tree_at(lambda s: (s.solutes, s.error), state, (first.solutes, first.error))
    middle = cells.die(disc, middle, early, (1 - _GAMMA) * dt)
    last = _fed(disc, middle, operator, _GAMMA * dt)
    late = cells.death(p, last.solutes[GLUCOSE], acidity(p, last.solutes[LACTATE]))
    simple = jnp.exp(-(late.starved + late.acid) * dt)
    survival = jnp.exp(-((1 - _GAMMA) * (early.starved + early.acid) + _GAMMA * (late.starved + late.acid)) * dt)
    wrong = jnp.abs(simple - survival)
    guests = jnp.sum(state.fresh + state.adapted, 0) + state.np_like
    native = total(disc, state.native)
    errors = [total(disc, guests * wrong) / (total(disc, guests) + _TRACE * native), total(disc, state.native * wrong) / native]
    return last, jnp.maximum(*errors)


_TRACE = 1e-3  # maths: injected cells fewer than this share of native ones need not be timed to the hour


def step(disc: Disc, state: State, operator: Operator, dt: Array) -> tuple[State, Array]:
    """All processes over dt (s) on a disc whose form is held; returns the new state and the error estimate that chooses the next dt."""
    state = cells.live(disc, state, 0.5 * dt)
    state, error = _dying(disc, state, operator, dt)
    state = cells.live(disc, state, 0.5 * dt)
    activity = inflammation.relative_activity(disc, state)
    state = inflammation.signal(disc, state, operator, activity)
    state = matrix.turn_over(disc, state, activity, dt)
    return eqx.tree_at(lambda s: s.time, state, state.time + dt), error


def advance(disc: Disc, state: State, stop: Array) -> State:
    """The disc at time `stop` (s): its form settled once, then as many steps as the error asks for."""
    state = mechanics.settle(disc, state)
    coords = mesh.coordinates(disc.topology, disc.shape, state.stretch)
    operator = transport.operator(disc, state, coords)

    def body(state: State) -> State:
        left = stop - state.time
        pieces = jnp.ceil(left / state.step - 1e-9)  # maths: equal steps to the stop
        dt = left / jnp.maximum(pieces, 1.0)
        new, error = step(disc, state, operator, dt)
        ratio = jnp.clip(0.9 * jnp.sqrt(_STEP_TOLERANCE / jnp.maximum(error, 1e-12)), 0.2, 5.0)  # maths: usual bounds of step control
        wanted = jnp.maximum(dt * ratio, _SHORTEST_STEP)
        accept = (error <= _STEP_TOLERANCE) | (dt <= _SHORTEST_STEP * (1 + 1e-9))
        kept = jax.tree.map(lambda a, b: jnp.where(accept, a, b), new, state)
        return eqx.tree_at(lambda s: s.step, kept, wanted)

    state = jax.lax.while_loop(lambda s: s.time < stop * (1 - 1e-12), body, state)  # maths: reached, up to rounding
    state = _fed(disc, state, operator, 0.0)  # what is looked at is in balance with the cells that are there now
    return inflammation.signal(disc, state, operator, inflammation.relative_activity(disc, state))


def dose(disc: Disc, state: State, therapies: Sequence[AbstractTherapy], time: Array) -> State:
    """The state after everything that falls due at `time` (s) has been given."""
    coords = mesh.coordinates(disc.topology, disc.shape)
    for therapy in therapies:
        state = therapy.dose(disc, state, coords, time)
    return eqx.tree_at(lambda s: s.step, state, jnp.minimum(state.step, _FIRST_STEP))


_advance_batch = eqx.filter_jit(eqx.filter_vmap(advance, in_axes=(eqx.if_array(0), eqx.if_array(0), None)))
_dose_batch = eqx.filter_jit(eqx.filter_vmap(dose, in_axes=(eqx.if_array(0), eqx.if_array(0), eqx.if_array(0), None)))


def simulate(
    discs: Disc, states: State, therapies: Sequence[AbstractTherapy], times: Sequence[float], start: int = 0
) -> Iterator[tuple[int, State]]:
    """Run a batch of discs over the calendar `times` (s, rising, the first is now) and yield (index, states) at each, from `start` on.

    Discs, states and therapies carry a leading batch axis. Doses due at a calendar time are given just after it has been yielded, so that what is
    yielded at index i is the disc before that injection; doses between calendar times stop the clock on their own.
    """
    due = sorted({t for therapy in therapies for t in therapy.times()})
    for index in range(start, len(times)):
        if index > 0:
            stops = [t for t in due if times[index - 1] < t < times[index]]
            if times[index - 1] in due:
                states = _dose_batch(discs, states, tuple(therapies), jnp.asarray(times[index - 1]))
            for stop in stops:
                states = _advance_batch(discs, states, jnp.asarray(stop))
                states = _dose_batch(discs, states, tuple(therapies), jnp.asarray(stop))
            states = _advance_batch(discs, states, jnp.asarray(times[index]))
        yield index, states
