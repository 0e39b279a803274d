"""The dose-response of a trial: its arms as doses, the contrasts that are planned for them, and what was found.

What: `planned` gives shapes and contrasts for the sizes of a protocol's arms, `found_in` the multiple contrast test,
the curve and the target dose from what was found of each arm against the control.
Equations: those of `statistics.dosefinding`, on differences to the control; two differences share the control,
correlation l_i l_j with l_i² = n_i / (n_i + n_0), as where all arms spread alike; scores by t, shares by the normal.
Reads, writes: nothing.
Why this holds: the differences are those of the protocol's own analysis, adjusted as it asks.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from pulposus.errors import InputError
from pulposus.statistics import adaptive, dosefinding
from pulposus.trials.variables import better

if TYPE_CHECKING:
    from pulposus.trials.compared import Found
    from pulposus.trials.protocol import Protocol


def shapes_of(protocol: Protocol) -> list[dosefinding.Shape]:
    """Candidates. Raises InputError for a protocol without."""
    texts = protocol.dose_response.candidates
    if not texts:
        raise InputError(f"{protocol.name} has no [dose_response]; write its candidates and difference.")
    return [dosefinding.parse(text) for text in texts]


def together(sizes: Sequence[float], control: float, errors: np.ndarray) -> np.ndarray:
    """Covariance of differences to one control (arm, arm), from their standard errors."""
    load = adaptive.loading(sizes, control)
    shared = np.outer(load, load)
    np.fill_diagonal(shared, 1.0)
    return np.asarray(shared * np.outer(errors, errors))


def planned(protocol: Protocol) -> dosefinding.Trend:
    """The test as planned: contrasts, correlation and critical value at the planned sizes; its t is of no data."""
    sizes = np.array([protocol.arm(name).size for name in protocol.actives], float)
    errors = np.sqrt(1 / sizes + 1 / protocol.control.size)
    doses = [protocol.arm(name).dose for name in protocol.actives]
    covariance = together(sizes.tolist(), protocol.control.size, errors)
    free = freedom(protocol, protocol.control.size + int(sizes.sum()))
    at = dosefinding.means(doses, np.zeros(len(doses)), covariance, free, against=True)
    return dosefinding.trend(shapes_of(protocol), at, error_of(protocol))


def error_of(protocol: Protocol) -> float:
    """The one-sided error of the test: half of that of the first primary endpoint."""
    end = protocol.primary
    return float(end.alpha) / 2 if end.alpha is not None else dosefinding.ALPHA


def freedom(protocol: Protocol, persons: int) -> float:
    """Degrees of freedom of a score's spread, means of arms and the slope of the start taken off, strata not; endless
    for shares, whose law is that of many persons.
    """
    end = protocol.primary
    if end.kind != "continuous":
        return math.inf
    return float(max(1, persons - 1 - len(protocol.actives) - (end.analysis != "difference")))


def found_in(protocol: Protocol, found: Sequence[Found]) -> dosefinding.Chosen | None:
    """MCP-Mod of what was found of the first primary endpoint; None where an arm could not be analysed."""
    own = [one for one in found if one.endpoint == protocol.primary.name]
    if any(math.isnan(one.difference.value) or not one.error > 0 for one in own):
        return None
    sign = 1.0 if better(own[0].variable) == "higher" else -1.0
    sizes, control = [one.persons[0] for one in own], own[0].persons[1]
    covariance = together(sizes, control, np.array([one.error for one in own]))
    value = [sign * one.difference.value for one in own]
    doses = [protocol.arm(one.arm).dose for one in own]
    at = dosefinding.means(doses, value, covariance, freedom(protocol, control + sum(sizes)), against=True)
    asked = protocol.dose_response.difference
    if asked is None:
        raise InputError(f"{protocol.name} asks no difference of a dose; write difference in [dose_response].")
    return dosefinding.mcpmod(shapes_of(protocol), at, asked, error_of(protocol))
