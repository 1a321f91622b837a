import numpy as np
import pytest
import scipy.linalg
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.exceptions import ConvergenceWarning

from latentomics.arrays import as_numpy, as_tensor
from latentomics.sensing.ksvd import KSVD, first_vector, improved, renewed

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


def tensors(*arrays):
    return [as_tensor(M, device="cpu") for M in arrays]


def left(X, D, W):
    return ((X - W @ D) ** 2).sum()


@pytest.fixture
def planted(rng):
    """Samples of 2 of 8 atoms each, and the atoms."""
    D = rng.normal(size=(8, 20))
    D /= np.linalg.norm(D, axis=1, keepdims=True)
    W = np.zeros((200, 8))
    for w in W:
        w[rng.choice(8, 2, replace=False)] = rng.choice([-1, 1], 2) * rng.uniform(
            1, 2, 2
        )
    return W @ D, D


@pytest.fixture
def middle(rng):
    """Data, atoms and codes somewhere on the way."""
    X, D = rng.normal(size=(30, 9)), rng.normal(size=(6, 9))
    D /= np.linalg.norm(D, axis=1, keepdims=True)
    return X, D, rng.normal(size=(30, 6)) * (rng.random((30, 6)) < 0.4)


def test_one_atom_is_the_first_singular_vector(rng, device):
    X = rng.normal(size=(20, 6)) + 3 * np.outer(rng.normal(size=20), np.ones(6))
    fit = KSVD(1, n_nonzero=1, tol=1e-15, max_iter=200, device=device).fit(X)
    s, Vh = np.linalg.svd(X)[1:]
    assert_allclose(abs(fit.components_[0] @ Vh[0]), 1, rtol=1e-6)
    assert_allclose(fit.trace_.objective[-1], (s[1:] ** 2).sum(), rtol=1e-6)


def test_each_update_is_the_best_rank_one_of_scipy(middle):
    X, D, W = (M.copy() for M in middle)
    ours = improved(*tensors(*middle))
    assert set((W != 0).sum(axis=0) > 9) == {True, False}  # matrices tall and wide
    for j in range(6):
        users = np.flatnonzero(W[:, j])
        E = X[users] - np.delete(W, j, 1)[users] @ np.delete(D, j, 0)
        U, s, Vh = scipy.linalg.svd(E)
        sign = np.sign(Vh[0][np.abs(Vh[0]).argmax()])
        D[j], W[users, j] = sign * Vh[0], sign * s[0] * U[:, 0]
    assert_allclose(as_numpy(ours[0]), D, atol=1e-10)
    assert_allclose(as_numpy(ours[1]), W, atol=1e-10)
    assert_allclose(left(*tensors(X), *ours).item(), left(X, D, W), rtol=1e-10)


@pytest.mark.parametrize("shape", [(4, 9), (9, 4), (6, 6), (1, 5), (5, 1)])
@pytest.mark.parametrize("unit", [1.0, 1e-160, 1e150])
def test_the_first_vector_is_scipys(rng, shape, unit):
    M = rng.normal(size=shape)
    v = as_numpy(first_vector(*tensors(unit * M)))
    s = scipy.linalg.svdvals(M)
    assert_allclose(
        ((M - np.outer(M @ v, v)) ** 2).sum(), (s[1:] ** 2).sum(), 1e-10, 1e-10
    )
    assert_allclose(np.linalg.norm(v), 1)
    assert v[np.abs(v).argmax()] > 0


def test_a_code_of_which_others_explain_all_becomes_0():
    D, W = np.eye(3)[:2], np.array([[5.0, 2.0]])  # of 2 e_2, atom 1 explains all
    new_D, new_W = improved(*tensors(np.array([[0, 2.0, 0]]), D, W))
    assert_array_equal(as_numpy(new_W), [[0, 2]])
    assert_array_equal(as_numpy(new_D), D)


def test_each_improvement_lowers_the_objective_on_the_same_supports(middle):
    X, D, W = tensors(*middle)
    support, path = W != 0, [left(X, D, W).item()]
    for _ in range(20):
        D, W = improved(X, D, W)
        path.append(left(X, D, W).item())
        assert ((W != 0) == support).all()
    assert np.all(np.diff(path) < 0)
    assert_allclose(as_numpy(D.norm(dim=1)), 1)


def test_improvement_ends_where_each_atom_is_a_singular_vector(middle):
    X, D, W = tensors(*middle)
    for _ in range(400):
        D, W = improved(X, D, W)
    X, D, W = (as_numpy(M) for M in (X, D, W))
    for j in range(6):
        users = np.flatnonzero(W[:, j])
        E = X[users] - np.delete(W, j, 1)[users] @ np.delete(D, j, 0)
        first = np.linalg.svd(E)[2][0]
        assert_allclose(abs(first @ D[j]), 1, rtol=1e-6)


def test_an_atom_that_is_twice_there_goes_to_the_worst_sample(middle):
    X, D, W = (M.copy() for M in middle)
    D[4], W[:, 2] = -D[1], 0
    W[7], X[7] = 0, 10 * X[7]
    W[11], X[11] = 0, 20 * X[11]
    new_D, new_W = (as_numpy(M) for M in renewed(*tensors(X, D, W)))
    assert_allclose(new_D[2], X[11] / np.linalg.norm(X[11]))  # atom 2 is idle, too
    assert_allclose(new_D[4], X[7] / np.linalg.norm(X[7]))
    assert_array_equal(new_D[[0, 1, 3, 5]], D[[0, 1, 3, 5]])
    assert_allclose(new_W @ new_D, W @ D, atol=1e-12)


def test_three_of_a_kind_become_one(middle):
    X, D, W = (M.copy() for M in middle)
    D[3] = D[5] = D[0]
    new_D, new_W = (as_numpy(M) for M in renewed(*tensors(X, D, W)))
    assert_allclose(new_W @ new_D, W @ D, atol=1e-12)
    assert not new_W[:, [3, 5]].any()


def test_the_trace_is_the_objective(planted, device):
    # codes are of the atoms before their improvement: one turn again, by hand
    X = planted[0]
    one, two = (
        KSVD(8, n_nonzero=2, tol=0, max_iter=n, device=device).fit(X) for n in (4, 5)
    )
    D, W = improved(*tensors(X, one.components_, one.transform(X)))
    by_hand = left(*tensors(X), D, W).item()
    assert_allclose(two.trace_.objective[-1], by_hand, rtol=1e-9)
    assert_allclose(two.components_, as_numpy(D), atol=1e-9)
    assert two.trace_.objective[:4] == one.trace_.objective


def test_planted_atoms_are_found(planted):
    X, D = planted
    starts = (KSVD(8, n_nonzero=2, random_state=r).fit(X) for r in range(5))
    best = min(starts, key=lambda fit: fit.trace_.objective[-1])
    cosines = np.abs(best.components_ @ D.T)
    # of 20 seeds, one start finds all 8 in 9, and 5 or more in 19
    assert (cosines.max(axis=0) > 0.99).all()


def test_codes_have_at_most_so_many_atoms(planted):
    X = planted[0]
    fit = KSVD(8, n_nonzero=3, max_iter=3).fit(X)
    assert (fit.transform(X) != 0).sum(axis=1).max() == fit.n_nonzero_ == 3
    wide = KSVD(8, n_nonzero=50, max_iter=3).fit(X)
    assert wide.n_nonzero_ == 8


def test_more_atoms_than_samples_stay_0(rng):
    X = rng.normal(size=(5, 8))
    D = KSVD(7, n_nonzero=1, max_iter=3).fit(X).components_
    assert_allclose(np.linalg.norm(D, axis=1)[:5], 1)
    assert np.isfinite(D).all()


def test_units_pass_through(planted):
    X = planted[0]
    one = KSVD(8, n_nonzero=2).fit(X)
    other = KSVD(8, n_nonzero=2).fit(X * 2.0**20)
    assert other.trace_.n_iter == one.trace_.n_iter
    assert_allclose(other.components_, one.components_, atol=1e-9)


def test_the_seed_chooses_the_first_atoms(planted):
    X = planted[0]
    a, b, c = (
        KSVD(8, n_nonzero=2, max_iter=2, random_state=r).fit(X).components_
        for r in (0, 0, 1)
    )
    assert_array_equal(a, b)
    assert not np.allclose(a, c)


def test_messages(planted):
    with pytest.raises(ValueError, match="X must have an entry other than 0; got none"):
        KSVD(2).fit(np.zeros((4, 3)))
    with pytest.warns(ConvergenceWarning, match="max_iter=1"):
        KSVD(8, max_iter=1).fit(planted[0])
