"""Geometry and mesh: positive everywhere, exact volumes, symmetric operators, second-order convergence, gradients
through the shape.
"""

from __future__ import annotations

import functools
import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from discs import REFERENCE, shape_of, sparse
from hypothesis import given, settings
from hypothesis import strategies as st

from pulposus import evidence
from pulposus.disc import diffusion, geometry, mesh

MM = 1e-3


@functools.partial(jax.jit, static_argnums=0)
def _smallest_jacobian(topology, dimensions):
    return mesh.jacobians(mesh.coordinates(topology, geometry.from_dimensions(dimensions))).min()


@functools.partial(jax.jit, static_argnums=0)
def _volumes(topology, shape):
    return mesh.node_volumes(topology, mesh.coordinates(topology, shape)).sum((1, 2, 3))


def test_every_level_sex_grade_and_mesh_has_positive_jacobians():
    for level, sex, grade in itertools.product(evidence.levels(), ("male", "female"), (1, 2, 3, 4, 5)):
        dimensions = {name: row.si for name, row in evidence.dimensions(level, sex, grade).items()}
        for size in ("cohort", "coarse", "standard", "fine") if grade in (1, 5) else ("cohort",):
            assert float(_smallest_jacobian(mesh.sized(size), dimensions)) > 0, (level, sex, grade, size)


@given(
    height=st.floats(2.0, 16.0),
    depth=st.floats(13.0, 45.0),
    ratio=st.floats(1.0, 1.6),
    wedge=st.floats(-3.0, 8.0),
    fraction=st.floats(0.1, 0.6),
    offset=st.floats(0.0, 0.1),
    dent=st.floats(0.0, 0.1),
    exponent=st.floats(1.9, 2.8),
)
@settings(max_examples=40, deadline=None)
def test_jacobians_stay_positive_over_the_range_of_people(
    height, depth, ratio, wedge, fraction, offset, dent, exponent
):
    tilt = np.radians(wedge) * min(1.0, height / 8)
    dimensions = {
        "mid_height": height * MM,
        "ap_depth": depth * MM,
        "width": depth * ratio * MM,
        "wedge": tilt,
        "nucleus_area_fraction": fraction,
        "nucleus_offset": offset,
        "endplate_thickness_centre": 0.5 * MM,
        "endplate_thickness_rim": 0.9 * MM,
        "posterior_dent": dent,
        "superellipse_exponent": exponent,
    }
    assert float(_smallest_jacobian(mesh.sized("cohort"), dimensions)) > 0


def test_volumes_of_a_cylinder_are_exact_and_of_the_reference_disc_are_those_of_its_curves():
    topology = mesh.sized("coarse")
    circle = {
        "mid_height": 10 * MM,
        "ap_depth": 40 * MM,
        "width": 40 * MM,
        "wedge": 0.0,
        "nucleus_area_fraction": 0.36,
        "nucleus_offset": 0.0,
        "endplate_thickness_centre": 1 * MM,
        "endplate_thickness_rim": 1 * MM,
        "posterior_dent": 0.0,
        "superellipse_exponent": 2.0,
    }
    volumes = _volumes(topology, geometry.from_dimensions(circle))
    area = np.pi * (20 * MM) ** 2
    np.testing.assert_allclose(volumes, [0.36 * area * 10 * MM, 0.64 * area * 10 * MM, area * 2 * MM], rtol=1e-12)
    shape = shape_of(REFERENCE)
    volumes = _volumes(mesh.sized("fine"), shape) * 1e6
    np.testing.assert_allclose(
        volumes[:2], [8.13, 10.15], rtol=0.06
    )  # mL, published mesh: its rim is a little lower than our quadratic
    np.testing.assert_allclose(shape.disc.area() * 1e6, 1519, rtol=2e-3)  # mm^2, published
    np.testing.assert_allclose(shape.nucleus.area() * 1e6, 658, rtol=2e-3)


def test_stiffness_is_symmetric_with_zero_row_sums_and_no_negative_eigenvalue():
    topology = mesh.sized("cohort")
    coords = mesh.coordinates(topology, shape_of("L5-S1"))
    stencil = mesh.stiffness(topology, coords, jnp.ones(topology.element_tissue.shape))
    matrix, _ = sparse(topology, stencil)
    scale = abs(matrix).max()
    assert abs(matrix - matrix.T).max() < 1e-12 * scale
    assert abs(matrix @ np.ones(matrix.shape[0])).max() < 1e-12 * scale
    assert np.linalg.eigvalsh(matrix.toarray()).min() > -1e-10 * scale


def test_stencil_and_sparse_matrix_are_the_same_operator():
    topology = mesh.sized("cohort")
    coords = mesh.coordinates(topology, shape_of("C5-C6"))
    stencil = mesh.stiffness(topology, coords, jnp.ones(topology.element_tissue.shape))
    matrix, number = sparse(topology, stencil)
    values = np.random.default_rng(1).normal(size=matrix.shape[0])
    field = mesh.apply(stencil, jnp.asarray(values[number]))
    total = np.zeros(matrix.shape[0])
    np.add.at(total, number, np.asarray(field))
    np.testing.assert_allclose(total, matrix @ values, atol=1e-12 * abs(matrix).max())


def test_a_linear_field_carries_constant_flux():
    """The patch test: a linear field leaves no residual inside, on the skewed and wedged grid of a real disc."""
    topology = mesh.sized("cohort")
    coords = mesh.coordinates(topology, shape_of("L5-S1"))
    stencil = mesh.stiffness(topology, coords, jnp.ones(topology.element_tissue.shape))
    field = coords @ jnp.array([1.0, -2.0, 3.0])
    residual = np.where(topology.outside, 0.0, np.asarray(mesh.apply(stencil, field)))
    assert abs(residual).max() < 1e-12 * float(jnp.abs(stencil).max() * jnp.abs(field).max())


@pytest.mark.parametrize("level", [REFERENCE, "C5-C6"])
def test_a_manufactured_solution_converges_at_order_two(level):
    shape = shape_of(level)
    errors = []
    for n in (1, 2, 4):
        topology = mesh.Topology(6 * n + 1, 12 * n, 8 * n + 1, 3 * n, n)
        coords = mesh.coordinates(topology, shape)
        size = jnp.array([20.0, 15.0, 6.0]) * MM
        x, y, z = jnp.moveaxis(coords / size, -1, 0)
        exact = jnp.cos(x + 0.3) * jnp.sin(y - 0.2) * jnp.cos(z)
        decay = jnp.full(topology.shape, 1e4)
        right = exact * (jnp.sum(1 / size**2) + decay)
        volumes = jnp.sum(mesh.node_volumes(topology, coords), 0)
        one = jnp.ones(topology.element_tissue.shape)
        operator = diffusion.Operator(
            mesh.stiffness(topology, coords, one), volumes, diffusion.separable(topology, coords, one)
        )
        start = jnp.where(topology.outside, exact, 0.0)
        solved = diffusion.linear(operator, decay[None], right[None], start[None], topology.outside, 1e-10)
        wrong = (solved.field[0] - exact) ** 2
        errors.append(float(jnp.sqrt(jnp.sum(volumes * wrong) / jnp.sum(volumes))))
    orders = np.log2(np.array(errors[:-1]) / errors[1:])
    assert (orders > 1.85).all(), (errors, orders)


def test_a_solute_that_has_all_but_gone_stays_gone():
    """Cytokines of order one and a secretome of a ten-thousand-millionth, which is not worth solving: what copies of
    the axis hold apart must not grow while the others are solved.
    """
    topology = mesh.sized("cohort")
    coords = mesh.coordinates(topology, shape_of("L4-L5"))
    one = jnp.ones(topology.element_tissue.shape)
    volumes = jnp.sum(mesh.node_volumes(topology, coords), 0)
    stencil, model = mesh.stiffness(topology, coords, one), diffusion.separable(topology, coords, one)
    operator = diffusion.Operator(stencil, volumes, model)
    size = np.concatenate([[1.0], 10.0 ** -np.arange(4.0, 324.0, 4.0), [0.0]])[:, None, None, None]
    apart = np.random.default_rng(0).uniform(0, 2, (size.shape[0], topology.sectors, topology.layers))
    start = jnp.asarray(size * np.ones(topology.shape)).at[1:, 0].multiply(apart[1:])
    start = jnp.where(topology.outside, 0.0, start)
    decay = jnp.full(start.shape, 1e5).at[0].set(1e2)
    solved = diffusion.linear(operator, decay, decay * size, start, topology.outside, 1e-8)
    assert float(solved.error) < 1e-8
    field = np.asarray(solved.field)
    assert (abs(field) <= 2 * size).all()
    assert np.ptp(field[:, 0], axis=1).max() < 1e-12
    # all decay alike, so that all come as far, down to where numbers have no more digits
    share = (field / np.where(size > 0, size, 1.0))[1:-1]
    np.testing.assert_allclose(share[size[1:-1, 0, 0, 0] > 1e-140].max((1, 2, 3)), share[0].max(), rtol=0.2)


def test_volume_has_the_right_gradient_through_the_shape():
    topology = mesh.sized("cohort")
    dimensions = {name: row.si for name, row in evidence.dimensions("L4-L5").items()}

    def volume(width: float) -> jax.Array:
        return jnp.sum(
            mesh.node_volumes(
                topology, mesh.coordinates(topology, geometry.from_dimensions(dimensions | {"width": width}))
            )
        )

    width = dimensions["width"]
    step = 1e-6 * width
    slope = (volume(width + step) - volume(width - step)) / (2 * step)
    np.testing.assert_allclose(jax.grad(volume)(width), slope, rtol=1e-6)
