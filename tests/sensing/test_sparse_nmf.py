import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.optimize import nnls
from sklearn.decomposition import NMF

from latentomics.arrays import as_numpy, as_tensor
from latentomics.sensing.sparse_nmf import SparseNMF, updated_atoms

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


def objective(X, W, H, lam):
    """The docstring's formula, written out again."""
    return ((X - W @ H) ** 2).sum() / 2 + lam * np.abs(W).sum()


@pytest.fixture
def X(rng):
    W = rng.gamma(1, size=(40, 4)) * (rng.random((40, 4)) < 0.5)
    return W @ rng.gamma(0.5, size=(4, 12)) + 0.05 * rng.random((40, 12))


def test_rank_one_by_hand(device):
    # the one atom is (3, 4) / 5; a code is what a sample has along it, less lam
    X = np.outer([1.0, 2, 4], [3, 4])
    fit = SparseNMF(1, lam=6, tol=1e-12, device=device).fit(X)
    assert_allclose(fit.components_, [[0.6, 0.8]], atol=1e-12)
    assert_allclose(fit.transform(X), [[0], [4], [14]], atol=1e-9)


def test_trace_reports_the_objective_of_the_docstring(X, device):
    fit = SparseNMF(4, lam=0.3, tol=1e-8, max_iter=3000, device=device).fit(X)
    W, H = fit.transform(X), fit.components_
    assert_allclose(np.linalg.norm(H, axis=1), 1)
    assert_allclose(fit.trace_.objective[-1], objective(X, W, H, 0.3), rtol=1e-6)


@pytest.mark.parametrize("lam", [0.0, 0.3])
def test_the_objective_never_rises(X, lam):
    path = np.array(SparseNMF(4, lam=lam, tol=0, max_iter=300).fit(X).trace_.objective)
    assert len(path) == 30
    assert np.all(np.diff(path) <= 1e-12 * path[0])


def test_atoms_have_length_1_where_nothing_asks_for_it(X):
    H = SparseNMF(4, lam=0.0, max_iter=30).fit(X).components_
    assert_allclose(np.linalg.norm(H, axis=1), 1)


def test_the_atoms_are_optimal_for_the_codes(X):
    # KKT: 0 where the slope is up, else the slope is along the atom (|h| = 1 binds)
    fit = SparseNMF(4, lam=0.3, tol=1e-10, max_iter=20_000).fit(X)
    W, H = fit.transform(X), fit.components_
    slope = W.T @ (W @ H - X)
    bind = -(slope * H).sum(axis=1, keepdims=True)  # multipliers of the bounds
    assert (bind > 0).all()
    assert ((slope + bind * H) >= -1e-4 * np.abs(slope).max()).all()
    assert_allclose((slope + bind * H)[H > 0], 0, atol=1e-4 * np.abs(slope).max())


def test_codes_are_optimal_for_the_atoms(X):
    fit = SparseNMF(4, lam=0.3).fit(X)
    W, H = fit.transform(X), fit.components_
    slope = (W @ H - X) @ H.T + 0.3
    assert (slope >= -1e-5).all()
    assert_allclose(slope[W > 0], 0, atol=1e-5)


def test_without_penalty_codes_are_scipys(X):
    fit = SparseNMF(4, lam=0.0).fit(X)
    by_scipy = [nnls(fit.components_.T, x)[0] for x in X]
    assert_allclose(fit.transform(X), by_scipy, atol=1e-4)


def test_without_penalty_it_is_as_good_as_scikit_learns(X):
    ours = SparseNMF(4, lam=0.0, tol=1e-5, max_iter=1000).fit(X).trace_.objective[-1]
    theirs = NMF(4, init="nndsvda", tol=1e-6, max_iter=1000).fit(X)
    assert ours <= 1.01 * theirs.reconstruction_err_**2 / 2


def test_a_larger_penalty_makes_fewer_codes(X):
    used = [(SparseNMF(4, lam=p).fit(X).transform(X) > 0).mean() for p in (0, 0.3, 2)]
    assert used[0] > used[1] > used[2]


def test_an_idle_atom_goes_where_most_is_left(X):
    H, W = np.full((3, 12), 12**-0.5), np.ones((40, 3))
    W[:, 1] = 0
    X = X.copy()
    X[5] += 100 * np.arange(12)
    T = [as_tensor(M, device="cpu") for M in (X, H, W)]
    new = as_numpy(updated_atoms(*T, T[2].T @ T[2], T[2].T @ T[0]))
    left = np.maximum(X - W[:, [0, 2]] @ new[[0, 2]], 0)[5]
    assert_allclose(new[1], left / np.linalg.norm(left))


def tensors(*arrays):
    return [as_tensor(M, device="cpu") for M in arrays]


def test_sums_weigh_later_batches_more(X):
    model, codes = SparseNMF(4, lam=0.3, device="cpu"), []
    H, batches = model._first_atoms(*tensors(X)), np.split(X, 4)
    for batch in batches:
        codes.append(as_numpy(model._codes(*tensors(batch), H)))
        H = model.partial_fit(batch)._kept()[0]
    parts = list(zip((np.arange(1, 5) / 4) ** 2, codes, batches, strict=True))
    A = sum(weight * W.T @ W for weight, W, _ in parts)
    C = sum(weight * W.T @ batch for weight, W, batch in parts)
    assert_allclose(model._sums[1], A)
    assert_allclose(model._sums[2], C)
    assert_allclose(model.components_, as_numpy(H / H.norm(dim=1, keepdim=True)))


def test_a_batch_never_makes_the_surrogate_worse(X):
    H = np.random.default_rng(0).random((4, 12))
    H /= np.linalg.norm(H, axis=1, keepdims=True)
    W = np.random.default_rng(1).random((40, 4))
    A, C, values = W.T @ W, W.T @ X, []
    for _ in range(30):
        values.append((H * (A @ H)).sum() / 2 - (H * C).sum())
        H = as_numpy(updated_atoms(*tensors(X, H, W, A, C)))
    assert np.all(np.diff(values) <= 1e-12 * abs(values[0]))
    assert (np.linalg.norm(H, axis=1) <= 1 + 1e-12).all()


def test_batches_come_close_to_the_whole(rng):
    W = rng.gamma(1, size=(600, 4)) * (rng.random((600, 4)) < 0.5)
    X = W @ rng.gamma(0.5, size=(4, 12)) + 0.05 * rng.random((600, 12))
    model = SparseNMF(4, lam=0.1, random_state=1)
    for batch in 5 * np.split(X, 12):
        model.partial_fit(batch)
    whole = SparseNMF(4, lam=0.1, random_state=1).fit(X)
    of = [objective(X, m.transform(X), m.components_, 0.1) for m in (model, whole)]
    assert of[0] < 1.05 * of[1]  # 20 seeds: median 1.025, worst 1.97, with 5 passes


def test_what_is_kept_does_not_grow_with_the_batches(X):
    model, sizes = SparseNMF(4), []
    for _ in range(5):
        sizes.append(sum(M.numel() for M in model.partial_fit(X)._kept()[:3]))
    assert set(sizes) == {4 * 4 + 2 * 4 * 12}


def test_batches_may_follow_a_fit(X):
    one, two = (SparseNMF(4).fit(X) for _ in range(2))
    assert_array_equal(one.partial_fit(X).components_, two.partial_fit(X).components_)
    assert one._sums[3] == 2
    assert_allclose(one.components_, SparseNMF(4).fit(X).components_, atol=0.01)
    assert_array_equal(one.fit(X).components_, SparseNMF(4).fit(X).components_)


def test_messages(X):
    with pytest.raises(ValueError, match=r"Negative values in data passed .* -1\.0 in"):
        SparseNMF(2).fit(X - 1.0 - X)
    with pytest.raises(ValueError, match="lam must be a non-negative number; got -1"):
        SparseNMF(2, lam=-1).partial_fit(X)
    with pytest.raises(ValueError, match="expecting 12 features"):
        SparseNMF(2).partial_fit(X).partial_fit(X[:, 1:])
