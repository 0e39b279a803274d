"""Scores of people: a usual level that is a person's own, and what changes from visit to visit.

What: `Scores` holds the law of pain, disability and limb pain of one part of the spine; `usual` draws levels, after any
number of visits that are told; `visit` draws the scores of a day.
Equations: ``x = U + v``, ``U ~ N(m, R S T S R)``, ``v ~ N(0, Q S T S Q)`` with S the spreads, T the ties between
scores, ``R = sqrt(r)``, ``Q = sqrt(1 - r)``, so that two visits correlate by r as in `outcomes.person`. After visits
U is normal again (conjugate): ``K = C H' (H C H' + V)^-1``, ``m <- m + K (x - H m)``, ``C <- (1 - K H) C``.
Reads: the means of ``evidence/responses_*.csv``, ``evidence/population.csv``. Writes: nothing.
Why this holds: scores of two visits correlate by less than one because a day is not a person.
Source: `outcomes.person`; Carreon 2013 and Cramer 2014 for ties.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from pulposus.outcomes import person
from pulposus.patients.who import Who

SCORES = ("pain", "disability", "limb_pain")
TOP = 100.0  # maths: the end of every scale here


@dataclass(frozen=True)
class Scores:
    """Means (score,), and covariances (score, score) of the usual level and of a visit."""

    mean: np.ndarray
    between: np.ndarray
    within: np.ndarray

    @classmethod
    def of(cls, who: Who) -> Scores:
        """The law as it stands in the evidence."""
        names, rows = person.responses(who.region)
        middle = {name: float(rows[:, i].mean()) for i, name in enumerate(names)}
        tie, limb = who.number("pain_disability_tie"), who.number("limb_disability_tie")
        # limb pain hangs on disability alone
        ties = np.array([[1, tie, tie * limb], [tie, 1, limb], [tie * limb, limb, 1]])
        spread = np.array([middle["pain_spread"], middle["disability_spread"], who.number("limb_spread")])
        stable = np.array([middle["pain_stability"], middle["disability_stability"], middle["pain_stability"]])
        typical = [middle[f"{who.region}_typical_{score}"] for score in ("pain", "disability")]

        def covariance(root: np.ndarray) -> np.ndarray:
            return ties * np.outer(root * spread, root * spread)

        mean = np.array([*typical, who.number("limb_mean")])
        return cls(mean, covariance(np.sqrt(stable)), covariance(np.sqrt(1 - stable)))

    def usual(
        self, z: np.ndarray, moved: np.ndarray, visits: Sequence[Mapping[str, float]] = ()
    ) -> tuple[np.ndarray, np.ndarray]:
        """Usual levels (person, score) from chance z (person, score), and how likely the visits were (person,).

        moved: by how much a person's own mean differs (person, score), known beforehand.
        """
        mean, spread = self.mean + moved, self.between
        likely = np.zeros(len(z))
        for visit in visits:
            seen = [SCORES.index(name) for name in SCORES if name in visit]
            if not seen:
                continue
            told = np.array([visit[SCORES[i]] for i in seen])
            whole = spread[np.ix_(seen, seen)] + self.within[np.ix_(seen, seen)]
            gain = np.linalg.solve(whole, spread[seen]).T
            off = told - mean[:, seen]
            likely -= 0.5 * (off * np.linalg.solve(whole, off.T).T).sum(1)
            mean = mean + (off[:, None, :] * gain).sum(-1)
            spread = spread - gain @ spread[seen]
        return mean + _mixed(z, spread), likely

    def visit(self, usual: np.ndarray, z: np.ndarray) -> np.ndarray:
        """Scores of a day (person, score), 0 to 100."""
        return np.clip(usual + _mixed(z, self.within), 0, TOP)


def _mixed(z: np.ndarray, covariance: np.ndarray) -> np.ndarray:
    """Numbers (person, score) with a covariance from ones without; to the last bit alike in any number of people."""
    return (z[..., None, :] * np.linalg.cholesky(covariance)).sum(-1)
