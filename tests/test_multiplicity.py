"""Several hypotheses against R's p.adjust, against brute closure, and the error by simulation."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from pulposus.errors import InputError
from pulposus.statistics import multiplicity as m

P = [0.011, 0.04, 0.003, 0.2, 0.0125]
families = st.lists(st.floats(1e-6, 1), min_size=1, max_size=5)


def test_as_p_adjust() -> None:
    """p.adjust(p, "holm"), "hochberg", "bonferroni"."""
    assert m.holm(P) == pytest.approx([0.044, 0.080, 0.015, 0.2, 0.044])
    assert m.hochberg(P) == pytest.approx([0.0375, 0.08, 0.015, 0.2, 0.0375])
    assert m.bonferroni(P) == pytest.approx([0.055, 0.2, 0.015, 1, 0.0625])


@settings(max_examples=60, deadline=None)
@given(families)
def test_graphs_of_known_procedures_are_those_procedures(p: list[float]) -> None:
    assert m.graph(p, *m.holm_graph(len(p))) == pytest.approx(m.holm(p), rel=1e-9)
    assert m.graph(p, *m.sequence_graph(len(p))) == pytest.approx(m.fixed_sequence(p), rel=1e-9)
    assert (m.hochberg(p) <= m.holm(p) + 1e-15).all()
    assert (m.holm(p) <= m.bonferroni(p) + 1e-15).all()


@settings(max_examples=40, deadline=None)
@given(families, st.randoms(use_true_random=False))
def test_order_does_not_matter(p: list[float], random: object) -> None:
    order = list(range(len(p)))
    random.shuffle(order)  # type: ignore[attr-defined]
    for adjust in (m.holm, m.hochberg, m.bonferroni):
        assert adjust(np.array(p)[order]) == pytest.approx(adjust(p)[order])


def subset_weights(weights: np.ndarray, g: np.ndarray, keep: tuple[int, ...]) -> np.ndarray:
    """Weights of an intersection hypothesis: all others of the graph taken out one by one."""
    w, g = weights.copy(), g.copy()
    for i in set(range(len(w))) - set(keep):
        w = w + w[i] * g[i]
        w[i] = 0
        new = np.zeros_like(g)
        for j, k in itertools.permutations(range(len(w)), 2):
            if i not in (j, k) and g[j, i] * g[i, j] < 1:
                new[j, k] = (g[j, k] + g[j, i] * g[i, k]) / (1 - g[j, i] * g[i, j])
        g = new
    return w


def test_a_graph_is_its_closed_test() -> None:
    """Adjusted p of the shortcut are the largest weighted Bonferroni p over all intersections with a hypothesis."""
    rng = np.random.default_rng(3)
    for _ in range(20):
        k = 4
        w, g = rng.dirichlet(np.ones(k)), rng.uniform(size=(k, k)) * (1 - np.eye(k))
        g /= g.sum(axis=1, keepdims=True)
        p = rng.uniform(0, 0.2, k)
        closed = np.zeros(k)
        for size in range(1, k + 1):
            for keep in itertools.combinations(range(k), size):
                weights = subset_weights(w, g, keep)
                joint = min(1.0, min(p[i] / weights[i] for i in keep if weights[i] > 0))
                for i in keep:
                    closed[i] = max(closed[i], joint)
        assert m.graph(p, w, g) == pytest.approx(closed, rel=1e-9)


def test_gatekeeping_opens_with_the_last_primary() -> None:
    w, g = m.gatekeeping(2, 2)
    assert m.graph([0.03, 0.001, 1e-6, 1e-6], w, g)[2:] == pytest.approx([0.03, 0.03], rel=1e-6)
    shut = m.graph([0.2, 0.001, 1e-6, 1e-6], w, g)
    assert not m.rejected(shut, 0.05)[2:].any()
    one = m.graph([0.02, 0.01, 0.9], *m.gatekeeping(1, 2))
    assert one == pytest.approx([0.02, 0.02, 0.9])


def test_family_wise_error_by_simulation() -> None:
    """Correlated tests, all nulls true, 3,000 families: no procedure errs more often than 5 %, Holm near it."""
    rng, n = np.random.default_rng(4), 3000
    z = math.sqrt(0.3) * rng.normal(size=(n, 1)) + math.sqrt(0.7) * rng.normal(size=(n, 3))
    p = stats.norm.sf(z)
    w, g = m.gatekeeping(1, 2)
    for adjust in (m.holm, m.hochberg, m.fixed_sequence, lambda x: m.graph(x, w, g)):
        errs = np.mean([m.rejected(adjust(row), 0.05).any() for row in p])
        assert errs < 0.05 + 3 * math.sqrt(0.05 * 0.95 / n)
        assert errs > 0.035


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda: m.holm([0.1, 1.2]), "from 0 to 1"),
        (lambda: m.graph([0.1, 0.2], [0.7, 0.7], np.zeros((2, 2))), "at most 1"),
        (lambda: m.graph([0.1, 0.2], [0.5, 0.5], np.eye(2)), "to itself"),
        (lambda: m.graph([0.1, 0.2], [0.5, 0.5], np.zeros((3, 3))), "2 rows of 2"),
        (lambda: m.rejected([0.1], 5), "between 0 and 1"),
    ],
)
def test_families_with_nonsense_get_their_sentence(call: object, says: str) -> None:
    with pytest.raises(InputError, match=says):
        call()  # type: ignore[operator]
