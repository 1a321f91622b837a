import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose
from sklearn.exceptions import ConvergenceWarning

from latentomics.arrays import as_numpy, as_tensor
from latentomics.linalg import soft_threshold
from latentomics.solvers import admm
from latentomics.solvers.admm import balanced

LAM, ROOF = 0.7, 1.0


def shrink(A, t):
    return soft_threshold(A, LAM * t)


def near(target):
    """Prox of t ||. - target||^2 / 2."""
    return lambda A, t: (A + t * target) / (1 + t)


def lasso(X, **given):
    """Least of ||L - X||^2 / 2 + LAM ||L||_1, whose answer is a soft threshold."""
    X = as_tensor(X, device=given.pop("device", "cpu"))
    settings = {"step": X.new_tensor(1.0), "tol": 1e-10, "max_iter": 5000}
    return admm(
        near(X),
        shrink,
        torch.zeros_like(X),
        lambda L, Z: (Z - X).square().sum() / 2 + LAM * Z.abs().sum(),
        **{**settings, **given},
    )


@pytest.fixture
def X(rng):
    return 2 * rng.normal(size=(9, 6))


def by_hand(X):
    return np.sign(X) * np.maximum(np.abs(X) - LAM, 0)


@pytest.mark.parametrize("step", [1e-3, 1.0, 1e3])
def test_known_answer_from_any_first_step(X, step, device):
    L, Z, trace = lasso(X, step=as_tensor(step, device=device), device=device)
    assert trace.status == "converged"
    # a relative residual of 1e-10, from steps a thousand times too long or short
    assert_allclose(as_numpy(Z), by_hand(X), atol=1e-7)
    assert_allclose(as_numpy(L), by_hand(X), atol=1e-7)
    assert_allclose(trace.objective[-1], objective(X, Z), rtol=1e-12)


def objective(X, Z):
    Z = as_numpy(Z)
    return ((Z - X) ** 2).sum() / 2 + LAM * np.abs(Z).sum()


def test_agrees_with_the_three_lines_of_the_book(X):
    # nineteen steps come before the first change of t
    with pytest.warns(ConvergenceWarning, match="max_iter=19"):
        L, Z, trace = lasso(X, max_iter=19)
    slow = drift = np.zeros_like(X)
    for _ in range(19):
        fit = (slow - drift + X) / 2
        last, slow = slow, by_hand(fit + drift)
        drift = drift + fit - slow
    assert_allclose(as_numpy(L), fit, atol=1e-13)
    assert_allclose(as_numpy(Z), slow, atol=1e-13)
    broken = np.linalg.norm(fit - slow) / max(map(np.linalg.norm, (fit, slow)))
    moved = np.linalg.norm(slow - last) / np.linalg.norm(drift)
    assert_allclose(trace.gap[-1], max(broken, moved), rtol=1e-10)


def test_the_first_step_hardly_matters_since_it_is_balanced(X):
    counts = [lasso(X, step=torch.tensor(t).double())[2].n_iter for t in (0.01, 1, 100)]
    # doubling every twenty iterations makes up a factor of 100 in 140
    assert max(counts) <= min(counts) + 160


def test_each_matrix_answers_to_its_own_prox(X):
    _, Z, _ = admm(
        near(as_tensor(X, device="cpu")),
        lambda A, t: A.clamp(-ROOF, ROOF),
        torch.zeros(X.shape, dtype=torch.float64),
        lambda L, Z: (Z - as_tensor(X, device="cpu")).square().sum() / 2,
        step=torch.tensor(1.0, dtype=torch.float64),
        tol=1e-9,
        max_iter=2000,
    )
    assert float(Z.abs().max()) <= ROOF
    assert_allclose(as_numpy(Z), np.clip(X, -ROOF, ROOF), atol=1e-7)


@pytest.mark.parametrize("scale", [2.0**-20, 2.0**20])
def test_units_pass_through(X, scale):
    def thresholds(unit):
        data = as_tensor(X * unit, device="cpu")
        return admm(
            near(data),
            lambda A, t: soft_threshold(A, LAM * unit * t),
            torch.zeros_like(data),
            lambda L, Z: (Z - data).square().sum(),
            step=torch.tensor(30.0, dtype=torch.float64),
            tol=1e-6,
            max_iter=500,
        )

    one, other = thresholds(1.0), thresholds(scale)
    assert other[2].n_iter == one[2].n_iter
    assert_allclose(as_numpy(other[1]), as_numpy(one[1]) * scale, rtol=1e-12)


def test_a_problem_solved_by_zero_ends_at_exactly_zero():
    L, Z, trace = lasso(np.full((3, 2), 0.5))  # below LAM
    assert not Z.any()
    assert trace.status == "converged"


def test_nothing_at_all_is_a_problem_too():
    L, Z, trace = lasso(np.zeros((3, 2)))
    assert not L.any()
    assert not Z.any()
    assert trace.gap[-1] == 0


@pytest.mark.parametrize(
    ("broken", "moved", "factor"),
    [(5.1, 1.0, 2.0), (4.9, 1.0, 1.0), (1.0, 4.9, 1.0), (1.0, 5.1, 0.5)],
)
def test_the_penalty_follows_the_larger_residual(broken, moved, factor):
    # relative residuals of broken / 100 and moved / 100
    L, rho = torch.tensor([100.0]), torch.tensor(3.0)
    Z, Z_old, U = L - broken, L - broken - moved, torch.tensor([-100.0])
    for count in (20, 1000):
        dual, penalty = balanced(count, L, Z, Z_old, U, rho)
        assert float(penalty) == 3 * factor
        assert float(dual) == -100 / factor
    for count in (1, 10, 19, 21, 1010, 1020, 4000):  # between, and once it has ended
        assert balanced(count, L, Z, Z_old, U, rho) == (U, rho)


def test_a_new_penalty_leaves_the_price_of_the_constraint(X):
    # by hand with the price rho U, which is not rescaled
    with pytest.warns(ConvergenceWarning):
        _, Z, _ = lasso(X, step=torch.tensor(1e3).double(), max_iter=70)
    rho, price, slow, size = 1e-3, np.zeros_like(X), np.zeros_like(X), np.linalg.norm
    for count in range(1, 71):
        fit = (X + rho * slow - price) / (1 + rho)
        pushed = fit + price / rho
        last, slow = slow, pushed - np.clip(pushed, -LAM / rho, LAM / rho)
        price = price + rho * (fit - slow)
        if count % 20 == 0:
            broken = size(fit - slow) / max(size(fit), size(slow))
            moved = size(slow - last) / size(price / rho)
            rho *= 2 if broken > 5 * moved else 0.5 if moved > 5 * broken else 1
    assert rho != 1e-3
    assert_allclose(as_numpy(Z), slow, atol=1e-10)
