import pickle
from copy import deepcopy

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone

from latentomics.arrays import as_numpy, as_tensor
from latentomics.sensing.blind_factors import BlindFactors
from latentomics.sensing.blind_modules import BlindModules, _descend, whitened
from latentomics.solvers.pursuit import pursuit_path
from latentomics.studies.sensing.simulate import planted_modules

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
NOISE = 0.01


def measured(X, rng, m):
    """Return sums of noisy profiles, and what was summed."""
    A = rng.normal(size=(m, X.shape[1]))
    return (X + NOISE**0.5 * rng.normal(size=X.shape)) @ A.T, A


@pytest.fixture
def batches(rng):
    """Five batches of 6 to 10 profiles of 2 of 4 modules, 5 to 9 sums of 14 genes."""
    U = np.kron(np.eye(4), rng.uniform(1, 2, 4))[:, :14]
    made = []
    for b in range(5):
        W = np.zeros((6 + b, 4))
        for w in W:
            w[rng.choice(4, 2, replace=False)] = rng.uniform(1, 2, 2)
        made.append(measured(W @ U, rng, 5 + b))
    return made


def fitted(batches, **changed):
    given = {"n_components": 6, "n_nonzero": 3, "max_iter": 8, "tol": 0.0, **changed}
    return BlindModules(**given).fit(batches, NOISE)


def half_inverse(A):
    values, vectors = np.linalg.eigh(A @ A.T)
    return vectors / values**0.5 @ vectors.T


def started(batches, n_components=6, noise=NOISE, **given):
    model = BlindModules(n_components, n_nonzero=3, **given)
    pairs = [tuple(map(as_tensor, pair)) for pair in batches]
    model.n_features_in_ = 14
    return as_numpy(model._start(pairs, noise))


def cost(w, y, D):
    return ((y - w @ D) ** 2).sum() + 2 * NOISE * (w != 0).sum()


def slow_turn(U, W, batches, lam):
    """One turn, sample by sample and gene by gene; W holds the codes by batches."""
    E = sum((Y * np.linalg.solve(A @ A.T, Y.T).T).sum() for Y, A in batches)
    W, white = [V.copy() for V in W], []
    for V, (Y, A) in zip(W, batches, strict=True):
        H = half_inverse(A)
        white.append((Y @ H, H @ A))
        for i, y in enumerate(Y @ H):
            D = U @ A.T @ H
            path = pursuit_path(D, y[None], 3, nonnegative=True)
            tried = [np.zeros(len(U)), *(path.codes(k)[0] for k in (1, 2, 3)), V[i]]
            V[i] = min(reversed(tried), key=lambda w: cost(w, y, D))  # noqa: B023
    U = U.copy()
    for j in np.flatnonzero(sum(V.any(axis=0) for V in W)):
        c, pull = 0.0, np.zeros(U.shape[1])
        for V, (Y, P) in zip(W, white, strict=True):
            for w, y in zip(V, Y, strict=True):
                c += w[j] ** 2
                pull += w[j] * P.T @ (y - P @ (w @ U))
        v = np.maximum(U[j] + (pull - lam * E / len(U) / 2) / c, 0)
        U[j] = v / np.linalg.norm(v)
    return U, W


def test_a_slow_loop_finds_the_same(batches):
    fit = fitted(batches, max_iter=4)
    U = started(batches)
    W = [np.zeros((len(Y), 6)) for Y, _ in batches]
    for _ in range(4):
        U, W = slow_turn(U, W, batches, 0.01)
    assert_allclose(fit.components_, U, atol=1e-8)
    assert_allclose(fit.codes_, np.vstack(W), atol=1e-8)


def test_the_objective_by_hand(batches):
    fit = fitted(batches, lam=0.05)
    W = np.split(fit.codes_, np.cumsum([len(Y) for Y, _ in batches])[:-1])
    left = energy = 0.0
    for V, (Y, A) in zip(W, batches, strict=True):
        Q = np.linalg.inv(A @ A.T)
        R = Y - V @ fit.components_ @ A.T
        energy += np.trace(Y @ Q @ Y.T)
        left += np.trace(R @ Q @ R.T) + 2 * NOISE * np.count_nonzero(V)
    total = left / energy + 0.05 * fit.components_.sum() / 6
    assert_allclose(fit.trace_.objective[-1], total, rtol=1e-10)


@pytest.mark.parametrize("lam", [0.0, 0.01, 0.3, 30.0])
def test_no_turn_makes_it_worse(batches, lam):
    told = fitted(batches, lam=lam, max_iter=40).trace_.objective
    assert np.diff(told).max() < 1e-12
    assert told[-1] < told[0] - 1e-3


def test_modules_and_codes_are_as_promised(batches):
    fit = fitted(batches)
    assert (fit.components_ >= 0).all()
    assert_allclose(np.linalg.norm(fit.components_, axis=1), 1)
    assert (fit.codes_ >= 0).all()
    assert 1 < np.count_nonzero(fit.codes_, axis=1).max() <= 3


def test_one_module_by_hand():
    # all is measured, codes 3 and 4 of one module, so c and the energy are 25: the step
    # goes all the way to the data's own direction, less half of lam
    X, U = np.outer([3.0, 4], [0.6, 0.8]), np.array([[1.0, 0.0]])
    W = np.array([[3.0], [4]])
    U, W, X, P = (as_tensor(M) for M in (U, W, X, np.eye(2)))
    found = as_numpy(_descend(U, [W], [(X, P)], 0.4 * 25))[0]
    best = np.array([0.6 - 0.2, 0.8 - 0.2])
    assert_allclose(found, best / np.linalg.norm(best))


def test_a_dear_module_is_its_largest_gene_alone(batches):
    U = fitted(batches, lam=1e3).components_
    used = fitted(batches, lam=1e3).codes_.any(axis=0)
    assert used.any()
    assert_array_equal(np.sort(U[used])[:, -2:], np.tile([0.0, 1.0], (used.sum(), 1)))


def test_measurements_of_other_scale_tell_the_same(batches):
    turned = [
        (Y @ B.T, B @ A) for Y, A in batches for B in [2.0 * np.eye(len(A))[::-1]]
    ]
    assert_allclose(fitted(turned).components_, fitted(batches).components_, atol=1e-6)
    large = BlindModules(6, n_nonzero=3).fit([(2**20 * Y, A) for Y, A in batches], 0)
    small = BlindModules(6, n_nonzero=3).fit(batches, 0)
    assert large.trace_.n_iter == small.trace_.n_iter
    assert_allclose(large.components_, small.components_, atol=1e-6)


def test_a_repeated_measurement_tells_nothing_new(batches):
    Y, A = (M[:3] for M in (batches[0][0].T, batches[0][1]))
    once, twice = (
        [as_numpy(M) for M in whitened(as_tensor(Y[i].T), as_tensor(A[i]))]
        for i in ([0, 1, 2], [0, 1, 2, 2])
    )
    assert_allclose(once[1] @ once[1].T, np.eye(3), atol=1e-12)
    assert_allclose(twice[1].T @ twice[1], once[1].T @ once[1], atol=1e-12)
    assert_allclose(twice[0] @ twice[1], once[0] @ once[1], atol=1e-12)
    assert_allclose(np.square(twice[0]).sum(axis=1), np.square(once[0]).sum(axis=1))
    assert_allclose(once[0] @ once[1], Y.T @ np.linalg.pinv(A).T, atol=1e-12)


def test_codes_are_worth_their_price(batches):
    # with the modules of the fit, a sample takes no more modules than are worth it
    fit = fitted(batches)
    (Y, A), U = batches[4], fit.components_
    H = half_inverse(A)
    D, white = U @ A.T @ H, Y @ H
    path = pursuit_path(D, white, 3, nonnegative=True)
    tried = [np.zeros((len(Y), 6)), *(path.codes(k) for k in (1, 2, 3))]
    for noise in (0.0, NOISE, 0.1, 0.2, 0.3, 0.5, 1e4):
        left = [((white - W @ D) ** 2).sum(axis=1) for W in tried]
        best = np.argmin([r + 2 * noise * k for k, r in enumerate(left)], axis=0)
        W = np.array([tried[k][i] for i, k in enumerate(best)])
        assert_allclose(fit.decode(Y, A, noise), W @ U, atol=1e-9)
    assert (fit.decode(Y, A, 1e4) == 0).all()


def test_planted_modules_are_learned_from_many_different_sums():
    # of 4 draws of data, squared error over that of 0: .10 to .15 with many A, .46 to
    # .55 with one; of the mean .40 to .47, of least squares .72 to .76
    rng = np.random.default_rng(0)
    made = planted_modules(
        220, 60, n_modules=6, n_types=6, n_active=2, n_extra=0, random_state=0
    )
    X = made.expected.to_numpy() / made.expected.to_numpy().max(axis=0)
    many = [measured(part, rng, 15) for part in np.array_split(X[:200], 20)]
    Y, A = measured(X[200:], rng, 15)
    noisy = X[:200] + NOISE**0.5 * rng.normal(size=(200, 60))
    fits = [BlindModules(12).fit(b, NOISE) for b in (many, [(noisy @ A.T, A)])]
    guesses = [fit.decode(Y, A, NOISE) for fit in fits]
    guesses += [np.tile(X[:200].mean(axis=0), (20, 1)), Y @ np.linalg.pinv(A).T]
    many, one, mean, least = (np.square(g - X[200:]).sum() for g in guesses)
    assert many < 0.5 * min(one, mean, least)
    assert mean < one < least


def test_the_start_is_of_samples_as_a_few_factors_decode_them(batches):
    rough, drawn = BlindFactors(5, tol=0.02).fit(batches, 1.0), []
    X = np.vstack([rough.decode(Y, A, 1.0) for Y, A in batches]).clip(min=0)
    for seed in (0, 1):
        U = started(batches, noise=1.0, random_state=seed)
        cosine = U @ X.T / np.linalg.norm(X, axis=1)
        assert_allclose(cosine.max(axis=1), 1)
        drawn.append(cosine.argmax(axis=1))
    assert [len(set(samples)) for samples in drawn] == [6, 6]
    assert set(drawn[0]) != set(drawn[1])


def test_a_module_that_no_sample_uses_stays(batches):
    fit = fitted(batches, n_components=30, n_nonzero=1, max_iter=1)
    U = started(batches, 30)
    idle = ~fit.codes_.any(axis=0)
    assert idle.any()
    assert_array_equal(fit.components_[idle], U[idle])
    assert (fit.components_[~idle] != U[~idle]).any(axis=1).all()


def test_a_fit_repeats_pickles_and_leaves_its_input_alone(batches):
    before, (Y, A) = deepcopy(batches), batches[0]
    fit = fitted(batches)
    again = clone(fit).fit(iter(batches), NOISE)
    same = pickle.loads(pickle.dumps(fit))
    guess = fit.decode(Y, A, NOISE)
    assert_array_equal(again.components_, fit.components_)
    assert_array_equal(again.codes_, fit.codes_)
    assert_array_equal(same.decode(Y, A, NOISE), guess)
    assert_array_equal(
        np.hstack([M.ravel() for pair in batches for M in pair]),
        np.hstack([M.ravel() for pair in before for M in pair]),
    )
    assert again.n_features_in_ == 14


@pytest.mark.parametrize(
    "changed",
    [
        {"n_components": 7},
        {"n_nonzero": 2},
        {"lam": 0.1},
        {"tol": 0.1},
        {"max_iter": 2},
        {"random_state": 1},
    ],
    ids=lambda changed: "".join(changed),
)
def test_each_parameter_changes_the_fit(batches, changed):
    fit, other = fitted(batches), fitted(batches, **changed)
    assert other.codes_.shape != fit.codes_.shape or not np.allclose(
        other.components_, fit.components_
    )


def test_noise_changes_the_fit(batches):
    silent = BlindModules(6, n_nonzero=3, max_iter=8, tol=0.0).fit(batches)
    loud = BlindModules(6, n_nonzero=3, max_iter=8, tol=0.0).fit(batches, 0.2)
    assert np.count_nonzero(loud.codes_) < np.count_nonzero(silent.codes_)


def test_devices_agree(batches, device):
    assert_allclose(
        fitted(batches, device=device).components_,
        fitted(batches, device="cpu").components_,
        atol=1e-6,
    )
