"""What is told of a person, while people like that are drawn: told values stay, and chance weighs how likely they were.

What: `Told` draws every number of a person from its own law unless it is told; then it is what was told, and the weight
of the person (a logarithm) grows by how likely that was under what the person has so far. People drawn so, weighed so,
are people like this one (likelihood weighting in a network of causes).
Equations: ``log w = sum over told x of log p(x | what x hangs on)``.
Reads, writes: nothing.
Why this holds: each number is drawn from what it hangs on; a weight for what was told is all that Bayes' rule adds.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from scipy.special import ndtri
from scipy.stats import norm

_LEAST = 1e-12  # maths: a chance that is nought and not impossible to write down


class Told:
    """Chance of each person, what is told of all of them, and how likely that is."""

    def __init__(self, uniforms: np.ndarray, given: Mapping[str, Any]) -> None:
        self.given = given
        self.u = uniforms
        self.z = ndtri(np.clip(uniforms, np.finfo(float).eps, 1 - np.finfo(float).eps))
        self.weight = np.zeros(len(uniforms))
        self.count = len(uniforms)

    def normal(self, name: str, place: int, mean: Any, spread: Any, ends: tuple[Any, Any] | None = None) -> np.ndarray:
        """A number about a mean, kept between `ends`; or as told."""
        if name in self.given:
            value = np.full(self.count, float(self.given[name]))
            self.weight += np.broadcast_to(norm.logpdf(value, mean, spread), self.count)
            return value
        found = np.broadcast_to(mean + spread * self.z[:, place], self.count)
        return found.copy() if ends is None else np.clip(found, *ends)

    def positive(self, name: str, place: int, median: Any, spread: float, most: Any = np.inf) -> np.ndarray:
        """A number above nought whose logarithm is normal, at most `most`; or as told."""
        if name in self.given:
            value = np.full(self.count, float(self.given[name]))
            inside = np.maximum(value, _LEAST)
            self.weight += np.broadcast_to(norm.logpdf(np.log(inside), np.log(median), spread), self.count)
            return value
        return np.minimum(median * np.exp(spread * self.z[:, place]), most)

    def chance(self, name: str, place: int, share: Any) -> np.ndarray:
        """True with a chance; or as told."""
        share = np.broadcast_to(np.asarray(share, float), self.count)
        if name in self.given:
            told = bool(self.given[name])
            self.weight += np.log(np.maximum(share if told else 1 - share, _LEAST))
            return np.full(self.count, told)
        return self.u[:, place] < share

    def one_of(self, name: str, place: int, options: tuple[Any, ...], shares: np.ndarray) -> np.ndarray:
        """Which of some options (its place), by chances (person, option); or as told."""
        if name in self.given:
            which = options.index(self.given[name])
            self.weight += np.log(np.maximum(shares[:, which], _LEAST))
            return np.full(self.count, which)
        return (self.u[:, [place]] * shares.sum(1, keepdims=True) > np.cumsum(shares, 1)).sum(1)
