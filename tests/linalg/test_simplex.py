"""The nearest point of the simplex against bisection and the conditions of a best."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from numpy.testing import assert_allclose, assert_array_equal
from scipy.optimize import brentq

from latentomics.arrays import as_numpy, as_tensor
from latentomics.linalg.simplex import project_simplex


def project(V, **where):
    return as_numpy(project_simplex(as_tensor(V, **{"device": "cpu", **where})))


def by_bisection(v):
    """The threshold that leaves a sum of 1, searched for."""
    theta = brentq(
        lambda t: np.maximum(v - t, 0).sum() - 1, v.max() - 2, v.max(), xtol=1e-15
    )
    return np.maximum(v - theta, 0)


@given(
    arrays(float, array_shapes(min_dims=2, max_dims=2), elements=st.floats(-1e3, 1e3))
)
@settings(max_examples=200, deadline=None)
def test_each_row_is_that_of_a_bisection(V):
    assert_allclose(project(V), [by_bisection(v) for v in V], atol=2e-12)


@pytest.mark.parametrize("size", [1e-9, 1e-3, 1.0, 30.0, 1e6])
def test_the_conditions_of_the_nearest_point_hold(rng, size):
    V = size * rng.normal(size=(50, 96))
    S = project(V)
    assert (S >= 0).all()
    assert_allclose(S.sum(axis=1), 1, rtol=1e-13)
    for v, s in zip(V, S, strict=True):
        pull = v - s  # the same wherever s > 0, and no larger elsewhere
        assert_allclose(pull[s > 0], pull.max(), atol=1e-14 * max(1, size))


@pytest.mark.parametrize(
    ("v", "expected"),
    [
        ([5, 5, 5, 5], [0.25, 0.25, 0.25, 0.25]),  # ties
        ([3, 3, 1], [0.5, 0.5, 0]),
        ([1, 0], [1, 0]),
        ([0, 0, 0], [1 / 3, 1 / 3, 1 / 3]),
        ([0.5, 0.2, -0.3], [0.65, 0.35, 0]),
        ([-7], [1]),
        ([-1e300, 0], [0, 1]),
    ],
)
def test_known_answers(v, expected):
    assert_allclose(project([v])[0], expected, rtol=1e-15)


def test_what_lies_on_the_simplex_stays(rng, device):
    S = rng.dirichlet(np.full(96, 0.1), (4, 7))
    assert_allclose(project(S, device=device), S, atol=1e-15)
    corner = np.eye(5)
    assert_array_equal(project(corner), corner)


@pytest.mark.parametrize(
    ("dtype", "size"), [("float64", 1e17), ("float64", 1e300), ("float32", 1e9)]
)
def test_values_so_large_that_1_is_lost_in_them(dtype, size):
    V = size * np.array([[1.0, 0, 1e-3], [1, 1, -1], [-3, -2, -2]])
    assert_array_equal(
        project(V, dtype=dtype), [[1, 0, 0], [0.5, 0.5, 0], [0, 0.5, 0.5]]
    )


def test_any_number_of_axes_and_the_dtype_are_kept(rng):
    V = as_tensor(rng.normal(size=(3, 4, 5)), dtype="float32", device="cpu")
    before = V.clone()
    S = project_simplex(V)
    assert S.dtype == torch.float32
    assert torch.equal(V, before)
    for i in range(3):
        assert torch.equal(S[i], project_simplex(V[i]))


def test_a_shift_of_a_row_and_the_order_of_its_entries_do_not_matter(rng):
    V, order = rng.normal(size=(6, 9)), rng.permutation(9)
    S = project(V)
    assert_allclose(project(V + 3.7), S, atol=1e-14)
    assert_allclose(project(V[:, order]), S[:, order], atol=1e-15)
