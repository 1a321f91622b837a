import math

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose
from sklearn.exceptions import ConvergenceWarning

from latentomics.solvers import iterate, relative_change

ONE = torch.ones(3, dtype=torch.float64)


def halve(state):
    return state / 2


def size(state):
    return state.norm()


def towards_one(state):
    return 1 + (state - 1) / 2


def test_known_answer_and_iteration():
    # after k halvings of the distance 1 from start 0 the gap is 2^-k / (1 - 2^-k)
    state, trace = iterate(
        towards_one, ONE * 0, size, tol=1e-3, max_iter=100, look_every=1
    )
    assert trace.n_iter == 10  # 2^-10 / (1 - 2^-10) = .00098
    assert trace.status == "converged"
    assert_allclose(state, 1 - 2.0**-10)
    assert_allclose(trace.gap, [1 / (2**k - 1) for k in range(1, 11)])


@pytest.mark.parametrize(
    ("look_every", "looks"),
    [(1, [1, 2, 3, 4, 5, 6, 7]), (3, [3, 6, 7]), (7, [7]), (10, [7])],
)
def test_looks_every_few_steps_and_at_the_last(look_every, looks):
    steps = []

    def step(state):
        steps.append(len(steps) + 1)
        return state / 2

    with pytest.warns(ConvergenceWarning):
        _, trace = iterate(step, ONE, size, tol=1e-9, max_iter=7, look_every=look_every)
    assert steps == list(range(1, 8))
    assert trace.iteration == looks
    assert trace.n_iter == 7
    by_hand = [np.sqrt(3) / 2.0**k for k in looks]
    assert_allclose(trace.objective, by_hand)
    assert len(trace.gap) == len(looks)


def test_stops_at_a_look_only():
    _, trace = iterate(torch.clone, ONE, size, tol=0, max_iter=50, look_every=4)
    assert trace.n_iter == 4
    assert trace.status == "converged"
    assert trace.gap == [0]


def test_reaching_max_iter_warns_with_the_gap_reached():
    with pytest.warns(
        ConvergenceWarning, match=r"max_iter=5: gap 1\.0e\+00 > tol 1\.0e-02"
    ):
        _, trace = iterate(halve, ONE, size, tol=1e-2, max_iter=5)
    assert trace.status == "max_iter"


def test_converging_at_the_very_last_step_does_not_warn(recwarn):
    _, trace = iterate(torch.clone, ONE, size, tol=0, max_iter=3)
    assert trace.status == "converged"
    assert not recwarn


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_an_objective_that_is_no_number_raises(value):
    with pytest.raises(FloatingPointError, match=rf"became {value} by iteration 10;"):
        iterate(halve, ONE, lambda state: value, tol=0, max_iter=20)


def test_an_own_gap_sees_both_states():
    seen = []

    def gap(new, old):
        seen.append((float(new[0]), float(old[0])))
        return 0

    iterate(halve, ONE, size, tol=0, max_iter=9, look_every=2, gap=gap)
    assert seen == [(0.25, 0.5)]


def test_relative_change_has_no_units():
    new, old = ONE * 4, ONE * 3
    assert float(relative_change(new, old)) == 0.25
    assert float(relative_change(new * 2.0**300, old * 2.0**300)) == 0.25
    assert float(relative_change(new * 0, old * 0)) == 0
    assert float(relative_change((new, ONE), (old, -ONE))) == 0.25


@pytest.mark.parametrize("max_iter", [0, -3, 2.5, None, "9", True])
def test_max_iter_must_be_a_whole_number(max_iter):
    with pytest.raises(ValueError, match=rf"max_iter .*whole number.*got .*{max_iter}"):
        iterate(halve, ONE, size, tol=1e-3, max_iter=max_iter)


@pytest.mark.parametrize("max_iter", [np.int64(40), 40])
def test_a_whole_number_of_numpy_will_do(max_iter):
    with pytest.warns(ConvergenceWarning):
        _, trace = iterate(halve, ONE, size, tol=1e-3, max_iter=max_iter)
    assert trace.n_iter == 40


@pytest.mark.parametrize("tol", [-1e-3, math.nan, math.inf, "small", None, True])
def test_tol_must_not_be_negative(tol):
    with pytest.raises(ValueError, match=rf"tol must be a non-negative .*got .*{tol}"):
        iterate(halve, ONE, size, tol=tol, max_iter=5)


@pytest.mark.parametrize("look_every", [0, 1.5, None])
def test_look_every_must_be_a_whole_number(look_every):
    with pytest.raises(ValueError, match=rf"look_every .*whole.*got {look_every}"):
        iterate(halve, ONE, size, tol=0, max_iter=5, look_every=look_every)
