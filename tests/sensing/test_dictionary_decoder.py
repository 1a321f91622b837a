import pickle

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import BaseEstimator, clone
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import Ridge

from latentomics.sensing.dictionary_decoder import DictionaryDecoder
from latentomics.solvers.pursuit import pursuit

EVERY_WAY = pytest.mark.parametrize(
    "way",
    [
        {},
        {"n_nonzero": None},
        {"how": "legacy"},
        {"how": "ridge"},
        {"how": "ridge", "n_nonzero": None},
        {"how": "pinv"},
        {"how": "gaussian"},
    ],
    ids=lambda way: " ".join(str(v) for v in way.values()) or "default",
)


class Known(BaseEstimator):
    """A dictionary that is known, and its least-squares codes."""

    def __init__(self, U):
        self.U = U

    def fit(self, X, y=None):
        self.components_ = self.U.copy()
        return self

    def transform(self, X):
        return X @ np.linalg.pinv(self.components_)


@pytest.fixture
def made(rng):
    """Sixty profiles of 3 of 10 modules of 24 genes, and what is left of them."""
    U = np.abs(rng.normal(size=(10, 24))) * (rng.random((10, 24)) < 0.4)
    W = rng.uniform(0.5, 2, size=(60, 10))
    off = rng.permuted(np.tile(np.arange(10), (60, 1)), axis=1)[:, 3:]
    np.put_along_axis(W, off, 0, axis=1)
    X = W @ U + 0.05 * rng.normal(size=(60, 24))
    A = rng.normal(size=(14, 24))
    return U, W, X, A / np.linalg.norm(A, axis=1, keepdims=True)


def test_few_modules_come_back_from_few_measurements(made, device):
    U, W, X, A = made
    model = DictionaryDecoder(Known(U), n_nonzero=3, device=device).fit(X)
    found = model.decode(W @ U @ A.T, A)
    right = np.abs(found - W @ U).max(axis=1) < 1e-10
    assert right.mean() > 0.9  # of 60 profiles; greedy choices mislead it in a few
    expected = pursuit(U @ A.T, W @ U @ A.T, 3) @ U
    assert_allclose(found, expected, atol=1e-12)


def test_legacy_by_hand(device):
    # two atoms at right angles, measured as they are: pursuit gives them back. Those
    # of length 1/2 are taken for 1, and come back with a fourth of their weight
    U, Y = np.diag([0.5, 1.0]), np.array([[4.0, 0.0], [0.0, 3.0]])
    X = np.eye(2)
    given = {"n_nonzero": 2, "device": device}
    right = DictionaryDecoder(Known(U), **given).fit(X)
    wrong = DictionaryDecoder(Known(U), how="legacy", **given).fit(X)
    assert_allclose(right.decode(Y, np.eye(2)), Y, atol=1e-14)
    assert_allclose(wrong.decode(Y, np.eye(2)), [[1, 0], [0, 3]], atol=1e-14)


def test_legacy_makes_profiles_too_small(made):
    U, W, X, A = made
    Y = W @ U @ A.T
    U = U / np.linalg.norm(U, axis=1, keepdims=True)  # shorter once measured
    right = DictionaryDecoder(Known(U), n_nonzero=3).fit(X).decode(Y, A)
    wrong = DictionaryDecoder(Known(U), how="legacy", n_nonzero=3).fit(X).decode(Y, A)
    assert np.linalg.norm(wrong) < 0.9 * np.linalg.norm(right)


def test_ridge_agrees_with_scikit_learn(made, device):
    U, _, X, A = made
    Y = X @ A.T
    model = DictionaryDecoder(Known(U), how="ridge", n_nonzero=4, device=device)
    found = model.fit(X).decode(Y, A)
    supports = pursuit(U @ A.T, Y, 4) != 0
    for x, y, support in zip(found, Y, supports, strict=True):
        fit = Ridge(1e-4).fit((U[support] @ A.T).T, y)
        assert_allclose(x, fit.coef_ @ U[support] + fit.intercept_, atol=1e-9)


def test_pseudo_inverse_is_the_shortest_best_fit(made, rng, device):
    U, _, X, _ = made
    for m in (6, 14):  # fewer measurements than atoms, and more
        A = rng.normal(size=(m, 24))
        Y = X @ A.T
        model = DictionaryDecoder(Known(U), how="pinv", device=device)
        W = np.linalg.lstsq((U @ A.T).T, Y.T, rcond=None)[0].T
        assert_allclose(model.fit(X).decode(Y, A), W @ U, atol=1e-10)


def test_gaussian_codes_meet_the_condition_of_the_most_likely(made, device):
    # minus twice the log posterior: (w - mu)' C^-1 (w - mu) + e' R^-1 e, with
    # e = y - w U A' - rho A' and R = A (D + noise) A'; its gradient is 0 at the mean
    U, _, X, A = made
    noise, Y = 0.3, X[:7] @ A.T
    model = DictionaryDecoder(Known(U), how="gaussian", device=device).fit(X)
    left = X - X @ np.linalg.pinv(U) @ U
    codes = X @ np.linalg.pinv(U)
    mu, C, rho = codes.mean(axis=0), np.cov(codes.T), left.mean(axis=0)
    R = A @ np.diag(left.var(axis=0, ddof=1) + noise) @ A.T
    w = (model.decode(Y, A, noise) - rho) @ np.linalg.pinv(U)
    e = Y - w @ U @ A.T - rho @ A.T
    gradient = np.linalg.solve(C, (w - mu).T).T - e @ np.linalg.inv(R) @ A @ U.T
    # the two halves of it are of order 1; C has a condition of about 10
    assert np.abs(gradient).max() < 1e-7


def test_gaussian_without_news_is_the_mean(made):
    U, _, X, A = made
    model = DictionaryDecoder(Known(U), how="gaussian").fit(X)
    mean = X.mean(axis=0)
    assert_allclose(model.decode([A @ mean], A, 0.1)[0], mean, atol=1e-12)
    assert_allclose(model.decode(X @ A.T, A, 1e12), np.tile(mean, (60, 1)), atol=1e-8)


def test_gaussian_beats_the_others_when_there_is_noise(made, rng):
    U, _, X, A = made
    Y = (X[30:] + 0.5 * rng.normal(size=(30, 24))) @ A.T
    errors = {}
    for how in ("gaussian", "pursuit", "pinv"):
        model = DictionaryDecoder(Known(U), how=how, n_nonzero=10).fit(X[:30])
        errors[how] = np.linalg.norm(model.decode(Y, A, 0.25) - X[30:])
    assert errors["gaussian"] < 0.7 * min(errors["pursuit"], errors["pinv"])


@pytest.mark.parametrize("how", ["pursuit", "legacy", "ridge"])
def test_k_is_that_of_least_error_on_training_profiles(made, how):
    U, _, X, A = made
    model = DictionaryDecoder(Known(U), how=how, n_nonzero=None).fit(X)
    assert_array_equal(model.profiles_, X)
    Y = (X + 0.2 * np.random.default_rng(0).normal(size=X.shape)) @ A.T
    errors = [
        (
            (DictionaryDecoder(Known(U), how=how, n_nonzero=k).fit(X).decode(Y, A) - X)
            ** 2
        )
        .sum()
        .item()
        for k in range(1, 11)
    ]
    k = model.choose_n_nonzero(A, 0.04)
    assert k == 1 + int(np.argmin(errors))
    fixed = DictionaryDecoder(Known(U), how=how, n_nonzero=k).fit(X)
    assert_array_equal(model.decode(Y, A, 0.04), fixed.decode(Y, A, 0.04))


def test_k_grows_with_measurements_and_falls_with_noise(made, rng):
    U, _, X, _ = made
    model = DictionaryDecoder(Known(U), n_nonzero=None).fit(X)
    A = rng.normal(size=(20, 24))
    chosen = [model.choose_n_nonzero(A[:m], 0.1) for m in (1, 5, 20)]
    assert chosen == sorted(chosen)
    assert chosen[0] == 1 < chosen[-1]
    noisy = [model.choose_n_nonzero(A, noise) for noise in (10.0, 0.5, 0.0)]
    assert noisy == sorted(noisy)
    assert noisy[0] < noisy[-1]


def test_at_most_two_hundred_profiles_choose(rng):
    X, U = rng.normal(size=(401, 5)), rng.normal(size=(3, 5))
    model = DictionaryDecoder(Known(U), n_nonzero=None).fit(X)
    assert model.profiles_.shape == (200, 5)
    assert_array_equal(model.profiles_[[0, -1]], X[[0, -1]])
    assert len(np.unique(model.profiles_[:, 0])) == 200


@EVERY_WAY
def test_a_sample_alone_decodes_as_among_others(made, way):
    U, _, X, A = made
    model = DictionaryDecoder(Known(U), **{"n_nonzero": 4, **way}).fit(X)
    Y = X @ A.T
    whole = model.decode(Y, A, 0.1)
    assert_allclose(model.decode(Y[7:8], A, 0.1), whole[7:8], atol=1e-9)
    order = np.arange(60)[::-1]
    assert_allclose(model.decode(Y[order], A, 0.1), whole[order], atol=1e-9)


@EVERY_WAY
def test_order_of_genes_and_of_measurements_passes_through(made, rng, way):
    U, _, X, A = made
    way = {"n_nonzero": 4, **way}
    genes, rows = rng.permutation(24), rng.permutation(14)
    Y = X @ A.T
    whole = DictionaryDecoder(Known(U), **way).fit(X).decode(Y, A)
    mixed = DictionaryDecoder(Known(U[:, genes]), **way).fit(X[:, genes])
    found = mixed.decode(Y[:, rows], A[rows][:, genes])
    assert_allclose(found, whole[:, genes], atol=1e-7)


@EVERY_WAY
def test_fitting_again_cloning_and_pickling_change_nothing(made, way):
    U, _, X, A = made
    model = DictionaryDecoder(Known(U), **{"n_nonzero": 4, **way}).fit(X)
    before, Y = [M.copy() for M in (X, A, U)], X @ A.T
    found = model.decode(Y, A, 0.1)
    for M, same in zip((X, A, U), before, strict=True):
        assert_array_equal(M, same)
    again = clone(model).fit(X).fit(X)
    assert_array_equal(again.decode(Y, A, 0.1), found)
    assert_array_equal(pickle.loads(pickle.dumps(model)).decode(Y, A, 0.1), found)
    found[:] = 0
    assert model.decode(Y, A, 0.1).any()


def test_the_dictionary_given_stays_as_it_was(made):
    U, _, X, A = made
    given = Known(U)
    model = DictionaryDecoder(given, n_nonzero=3).fit(X)
    assert not hasattr(given, "components_")
    frozen = FrozenEstimator(Known(U).fit(X))
    other = DictionaryDecoder(frozen, n_nonzero=3).fit(X)
    Y = X @ A.T
    assert_array_equal(other.decode(Y, A), model.decode(Y, A))


def test_learned_only_what_is_needed(made):
    U, _, X, _ = made
    learned = {
        name: {
            k
            for k in vars(DictionaryDecoder(Known(U), **way).fit(X))
            if k.endswith("_") and k != "n_features_in_"
        }
        for name, way in {
            "pursuit": {},
            "chosen": {"n_nonzero": None},
            "gaussian": {"how": "gaussian"},
        }.items()
    }
    prior = {"codes_mean_", "codes_covariance_", "left_mean_", "left_variance_"}
    assert learned["pursuit"] == {"dictionary_"}
    assert learned["chosen"] == {"dictionary_", "profiles_"}
    assert learned["gaussian"] == {"dictionary_"} | prior


@pytest.mark.parametrize(
    ("way", "message"),
    [
        ({"how": "mp"}, r"how must be one of \('pursuit', .* got 'mp'"),
        ({"n_nonzero": 0}, "n_nonzero must be a whole number of at least 1; got 0"),
        ({"n_nonzero": 2.5}, "n_nonzero must be a whole number of at least 1; got 2.5"),
        ({"device": "tpu"}, "device must be one of .* got 'tpu'"),
    ],
)
def test_messages_of_fit(made, way, message):
    U, _, X, _ = made
    with pytest.raises(ValueError, match=message):
        DictionaryDecoder(Known(U), **way).fit(X)


def test_messages_of_decode(made):
    U, _, X, A = made
    model = DictionaryDecoder(Known(U)).fit(X)
    with pytest.raises(ValueError, match="n_nonzero must be at most the 14 meas.* 15"):
        model.decode(X @ A.T, A)
    with pytest.raises(ValueError, match="n_nonzero must be None here; got 15"):
        model.choose_n_nonzero(A)
    model = DictionaryDecoder(Known(U), n_nonzero=None).fit(X)
    with pytest.raises(ValueError, match="noise must be a non-negative number; got -1"):
        model.choose_n_nonzero(A, -1)
    with pytest.raises(ValueError, match="A must have a column for each of 24 genes"):
        model.choose_n_nonzero(A[:, :5])


@pytest.mark.parametrize("dictionary", ["svd", None, Ridge])
def test_a_dictionary_that_cannot_learn_is_refused(dictionary, rng):
    with pytest.raises(ValueError, match="dictionary must be an estimator with fit"):
        DictionaryDecoder(dictionary).fit(rng.normal(size=(9, 5)))
