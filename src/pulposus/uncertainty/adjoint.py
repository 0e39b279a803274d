"""The gradient of one output with respect to every number of a case at once: the discrete adjoint of the clock.

What: `gradient` runs one arm forwards on fixed steps, keeps every state, and goes back once: from the output through
each step, each dose and the making of the disc to parameters, products and injections.
Equation: ``lambda_k = (d step_k / d state)^T lambda_(k+1)``, ``dJ/dp = sum_k (d step_k / d p)^T lambda_(k+1)``;
derivatives of balances (solutes, signals) by the implicit function theorem (`pulposus.disc.diffusion`).
Why fixed steps: the clock's own steps are chosen by an error estimate, on which nothing real depends; they are short
after a dose and grow to a month, as the clock's do (docs/decisions/0009).
Source: discrete adjoints after Giles and Pierce 2000.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from pulposus import imaging
from pulposus.disc import mesh, simulate
from pulposus.disc.parameters import Parameters
from pulposus.disc.state import Disc, Products, State
from pulposus.run import shape_of
from pulposus.therapies.biological import Injections, prescribe

if TYPE_CHECKING:
    from pulposus.case import Case

FIRST_STEP = 0.25 * simulate.DAY  # maths: after a dose
GROWTH = 1.5  # maths: of each step over the one before, until a month
Numbers = tuple[Parameters, Products, Injections]
Tell = Callable[[int, int, str], None]


def calendar(due: tuple[float, ...], end: float, longest: float = simulate.MONTH) -> list[tuple[float, bool]]:
    """(time in s, whether doses fall due then) of every stop from 0 to `end`: short steps after a dose, then longer, up
    to `longest`.
    """
    stops = sorted({0.0, end, *(t for t in due if t < end)})
    made = []
    for start, stop in itertools.pairwise(stops):
        dosed = start in due
        made.append((start, dosed))
        step, now = (FIRST_STEP if dosed else longest), start
        while now + 1.5 * step < stop:  # maths: what is left over is never shorter than half a step
            now += step
            made.append((now, False))
            step = min(GROWTH * step, longest)
    return [*made, (end, False)]


def numbers(case: Case, parameters: Mapping[str, float], therapies: Mapping[str, float], given: float) -> Numbers:
    """What the model takes of a resolved case, with some parameters and rows of therapies (SI) in place of its own."""
    products, injections = prescribe(case.treatments, case.disc.grade, own=therapies, **case.needle())
    own = Parameters.from_evidence(case.parameter_overrides() | dict(parameters))
    return own, products, eqx.tree_at(lambda i: i.given, injections, jnp.asarray(given, dtype=float))


def _making(case: Case, size: str) -> tuple[Any, ...]:
    """What a disc is made of besides its numbers."""
    age = (case.person.age or 0.0) * simulate.YEAR
    return (
        mesh.sized(size),
        shape_of(case),
        case.hypotheses().by_columns(),
        float(case.disc.grade),
        age,
        case.disc.endplate,
    )


def _make(making: tuple[Any, ...], parameters: Parameters, products: Products) -> tuple[Disc, State]:
    topology, shape, hypotheses, grade, age, endplate = making
    return simulate.prepare(
        topology, shape, parameters, hypotheses, products, pfirrmann=grade, age=age, endplate=endplate
    )


_made = eqx.filter_jit(_make)


@eqx.filter_jit
def _made_back(
    making: tuple[Any, ...], parameters: Parameters, products: Products, bars: tuple[Disc, State]
) -> tuple[Parameters, Products]:
    return eqx.filter_vjp(lambda p, q: _make(making, p, q), parameters, products)[1](bars)


@eqx.filter_jit
def _step(disc: Disc, state: State, dt: jax.Array) -> State:
    return simulate.step(disc, state, dt)[0]


@eqx.filter_jit
def _step_back(disc: Disc, state: State, dt: jax.Array, bar: State) -> tuple[Disc, State]:
    return eqx.filter_vjp(lambda d, s: simulate.step(d, s, dt)[0], disc, state)[1](bar)


@eqx.filter_jit
def _dose(disc: Disc, state: State, injections: Injections, time: jax.Array) -> State:
    return simulate.dose(disc, state, (injections,), time)


@eqx.filter_jit
def _dose_back(
    disc: Disc, state: State, injections: Injections, time: jax.Array, bar: State
) -> tuple[Disc, State, Injections]:
    return eqx.filter_vjp(lambda d, s, i: simulate.dose(d, s, (i,), time), disc, state, injections)[1](bar)


@eqx.filter_jit
def _seen(disc: Disc, state: State, t2: imaging.T2Scale, column: str) -> tuple[jax.Array, tuple[Disc, State]]:
    return eqx.filter_value_and_grad(lambda ds: imaging.summary(ds[0], ds[1], t2)[column])((disc, state))


def value(case: Case, size: str, column: str, at: float, given: Numbers) -> float:
    """The output at month `at` on the fixed steps."""
    disc, states, _ = _forward(case, size, at, given)
    return float(_seen(disc, states[-1], imaging.T2Scale.from_evidence(), column)[0])


def _forward(
    case: Case,
    size: str,
    at: float,
    given: Numbers,
    tell: Tell = lambda d, n, w: None,
    longest: float = simulate.MONTH,
) -> tuple[Disc, list[State], list[tuple[float, bool]]]:
    """The disc, its state at every stop (before what is given there; the last one in balance), and the stops."""
    disc, state = _made(_making(case, size), *given[:2])
    stops = calendar(given[2].times(), round(at * simulate.MONTH), longest)
    states = [state]
    for (start, dosed), (stop, _) in itertools.pairwise(stops):
        tell(len(states) - 1, 2 * len(stops), "going forward")
        now = _dose(disc, states[-1], given[2], jnp.asarray(start, dtype=float)) if dosed else states[-1]
        states.append(_step(disc, now, jnp.asarray(stop - start, dtype=float)))
    # the last turn has no length: it brings form, solutes and signals into balance with what is there
    return disc, [*states, _step(disc, states[-1], jnp.zeros(()))], stops


def gradient(
    case: Case,
    size: str,
    column: str,
    at: float,
    given: Numbers,
    tell: Tell = lambda d, n, w: None,
    longest: float = simulate.MONTH,
) -> tuple[float, Numbers]:
    """The output at month `at`, and its gradient with respect to every number of `given`; steps up to `longest` s."""
    disc, states, stops = _forward(case, size, at, given, tell, longest)
    parameters, products, injections = given
    seen, (disc_bar, bar) = _seen(disc, states[-1], imaging.T2Scale.from_evidence(), column)
    needle_bar = jax.tree.map(jnp.zeros_like, injections)
    part, bar = _step_back(disc, states[-2], jnp.zeros(()), bar)
    disc_bar = _sum(disc_bar, part)
    for k in reversed(range(len(stops) - 1)):
        tell(2 * len(stops) - 1 - k, 2 * len(stops), "going back through the steps")
        (start, dosed), length = stops[k], jnp.asarray(stops[k + 1][0] - stops[k][0], dtype=float)
        time = jnp.asarray(start, dtype=float)
        before = _dose(disc, states[k], injections, time) if dosed else states[k]
        part, bar = _step_back(disc, before, length, bar)
        disc_bar = _sum(disc_bar, part)
        if dosed:
            part, bar, needle = _dose_back(disc, states[k], injections, time, bar)
            disc_bar, needle_bar = _sum(disc_bar, part), _sum(needle_bar, needle)
    parameters_bar, products_bar = _made_back(_making(case, size), parameters, products, (disc_bar, bar))
    return float(seen), (parameters_bar, products_bar, needle_bar)


def _sum(a: Any, b: Any) -> Any:
    return jax.tree.map(lambda x, y: x + y, a, b)


def along(case: Case, bars: Numbers, name: str, value: float, parameter: bool) -> float:
    """The derivative with respect to one row (SI): a parameter's own, or for a row of therapies the inner product
    with what that row does to products and injections.

    That map is arithmetic, so its own derivative is taken by differences.
    """
    if parameter:
        return float(getattr(bars[0], name))
    width = _DIFFERENCE * max(abs(value), np.finfo(float).eps)
    ends = [numbers(case, {}, {name: value + sign * width}, 1.0)[1:] for sign in (1, -1)]
    change = jax.tree.map(lambda up, down: (up - down) / (2 * width), *ends)
    terms = jax.tree.map(lambda bar, by: jnp.sum(jnp.where(by == 0, 0.0, bar * by)), bars[1:], change)
    return float(sum(jax.tree.leaves(terms)))


_DIFFERENCE = 1e-5  # maths: of a value, for differences of what is arithmetic: exact to ten figures
