import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from latentomics.arrays import as_numpy, as_tensor, generator
from latentomics.sensing import smaf
from latentomics.sensing.smaf import SMAF, first_modules
from latentomics.sensing.sparse_modules import bounded_lasso
from latentomics.solvers.pursuit import pursuit

FORM = pytest.mark.parametrize("form", ["penalised", "constrained"])


def tensors(*arrays):
    return [as_tensor(M, device="cpu") for M in arrays]


def share(X, W, U):
    return 1 - ((X - W @ U) ** 2).sum() / (X**2).sum()


def effective(M):
    P = [np.abs(m[m != 0]) / np.abs(m).sum() for m in M if m.any()]
    return np.mean([np.exp(-(p * np.log(p)).sum()) for p in P])


@pytest.fixture
def planted(rng):
    """Samples of 2 of 5 modules each, of 6 genes each, 80 x 30; and the modules."""
    U = np.kron(np.eye(5), rng.uniform(1, 2, 6))
    W = np.zeros((80, 5))
    for w in W:
        w[rng.choice(5, 2, replace=False)] = rng.uniform(1, 2, 2)
    return W @ U + 0.02 * rng.random((80, 30)), U


@pytest.fixture
def X(planted):
    return planted[0]


def test_one_module_by_hand(device):
    # of samples t (3, 0, 4), both genes lose m, and m^2 |t|^2 + m^2 |t|^2 is left:
    # a tenth of 25 |t|^2 at m^2 = 1.25; the search ends within 1 % of that
    X = np.outer([1.0, 2, 4], [3, 0, 4])
    fit = SMAF(1, n_nonzero=1, device=device).fit(X)
    module = np.array([3, 0, 4]) - 1.25**0.5 * np.array([1, 0, 1])
    assert_allclose(fit.components_[0], module / np.linalg.norm(module), atol=2e-3)
    assert_allclose(fit.fit_, (fit.components_[0] @ [0.6, 0, 0.8]) ** 2)


def test_one_module_with_a_bound_for_each_gene_by_hand():
    # each gene may keep m^2 |t|^2 = .1 * 25 |t|^2 / 3
    X = np.outer([1.0, 2, 4], [3, 0, 4])
    fit = SMAF(1, n_nonzero=1, form="constrained").fit(X)
    module = np.array([3, 0, 4]) - (2.5 / 3) ** 0.5 * np.array([1, 0, 1])
    assert_allclose(fit.components_[0], module / np.linalg.norm(module), atol=2e-3)


@FORM
def test_modules_are_sparse_not_negative_and_of_length_1(X, form, device):
    fit = SMAF(10, n_nonzero=3, form=form, device=device).fit(X)
    lengths = np.linalg.norm(fit.components_, axis=1)
    live = lengths > 0
    assert (fit.components_ >= 0).all()
    assert_allclose(lengths[live], 1)
    assert fit.components_.shape == (10, 30)
    assert live.sum() == fit.history_["live"][fit.history_["kept"]].item()
    assert (fit.components_[live] == 0).mean() > 0.3


def test_planted_modules_are_found(planted):
    X, U = planted
    fit = SMAF(20, n_nonzero=2, lam=0.02, max_iter=30).fit(X)
    truth = U / np.linalg.norm(U, axis=1, keepdims=True)
    best = (truth @ fit.components_.T).max(axis=1)
    assert (best > 0.9).all()


@FORM
def test_the_facts_of_the_kept_turn_by_hand(X, form):
    fit = SMAF(12, n_nonzero=8, form=form, max_iter=4).fit(X)
    W, U = fit.transform(X), fit.components_
    kept = fit.history_[fit.history_["kept"]].iloc[0]
    assert_allclose(share(X, W, U), fit.fit_, rtol=1e-9)
    assert_allclose(kept["fit"], fit.fit_)
    assert kept["n_nonzero"] == fit.n_nonzero_
    assert_allclose(kept["module_size"], effective(U))
    assert_allclose(kept["activity_size"], effective(W))
    assert (W != 0).sum(axis=1).max() <= fit.n_nonzero_


@FORM
def test_what_is_asked_of_modules(X, form, monkeypatch):
    asked, answered = [], []

    def spy(*problem, **how):
        asked.append((*problem, how["shared"]))
        answered.append(bounded_lasso(*problem, **how))
        return answered[-1]

    monkeypatch.setattr(smaf, "bounded_lasso", spy)
    fit = SMAF(6, n_nonzero=2, lam=0.1, form=form, max_iter=1).fit(X)
    gram, target, energy, bound, shared = asked[0]
    share_of = {"penalised": 1, "constrained": 80}[form]
    assert_allclose(bound, 0.1 * (X**2).sum() / share_of)
    assert shared == (form == "penalised")
    assert_allclose(as_numpy(energy), (X**2).sum(axis=0))
    start = as_numpy(first_modules(*tensors(X), 6, generator(0)))
    W = pursuit(start, X, 2)
    W = W[:, W.any(axis=0)]
    assert_allclose(as_numpy(gram), W.T @ W, atol=1e-9)
    assert_allclose(as_numpy(target), W.T @ X, atol=1e-9)
    U = as_numpy(answered[0][0])
    U = U[U.any(axis=1)]
    U /= np.linalg.norm(U, axis=1, keepdims=True)
    assert_allclose(fit.components_[: len(U)], U, atol=1e-12)


def test_k_is_the_fewest_from_5_up_that_explain_enough(X):
    fit = SMAF(40, n_nonzero=12, lam=0.05, max_iter=2).fit(X)
    k, U = fit.n_nonzero_, fit.components_
    assert 5 <= k < 12
    fits = {j: share(X, pursuit(U, X, j), U) for j in (5, k - 1, k)}
    assert fits[k] >= 0.95
    assert k == 5 or fits[k - 1] < 0.95
    assert SMAF(40, n_nonzero=3, lam=0.05, max_iter=2).fit(X).n_nonzero_ == 3


def test_the_kept_turn_is_never_worse_than_another(X, monkeypatch):
    # the first four are of a fit that keeps its third turn, the last
    fits = iter([0.1, 0.2, 0.5, 0.7, 0.2, 0.7, 0.5, 0.7, 0.03])
    codes = SMAF._codes

    def worse(self, X, U, lam):
        W, facts = codes(self, X, U, lam)
        return W, {**facts, "fit": next(fits)}

    monkeypatch.setattr(SMAF, "_codes", worse)
    before = SMAF(6, n_nonzero=2, max_iter=3).fit(X)
    fit = SMAF(6, n_nonzero=2, max_iter=4).fit(X)
    assert fit.fit_ == 0.7
    assert fit.history_["kept"].tolist() == [False, False, True, False]
    assert_array_equal(fit.components_, before.components_)


def test_lam_is_halved_while_modules_are_small(X, monkeypatch):
    bounds = []

    def spy(gram, target, energy, bound, **how):
        bounds.append(bound / float(energy.sum()))
        return bounded_lasso(gram, target, energy, bound, **how)

    monkeypatch.setattr(smaf, "bounded_lasso", spy)
    fit = SMAF(10, n_nonzero=3, min_module_size=30.0, max_iter=3).fit(X)
    assert fit.history_["lam"].tolist() == [0.1, 0.05, 0.025]
    assert_allclose(bounds, [0.1, 0.05, 0.025])
    fit = SMAF(10, n_nonzero=3, max_iter=3).fit(X)
    assert fit.history_["lam"].tolist() == [0.1] * 3


def test_the_first_modules_are_samples_then_parts_of_them(rng):
    X = rng.normal(size=(3, 200))
    X[1] = -1
    U = as_numpy(first_modules(*tensors(X), 5, generator(0)))
    positive = np.maximum(X, 0)[[0, 2]]
    assert_array_equal(U[:2][np.argsort((U[:2] != positive[0]).any(axis=1))], positive)
    kept = U[2:4] != 0
    assert_array_equal(U[2:4][kept], U[:2][kept])
    assert 0.3 < kept[:, :].sum() / (U[:2] != 0).sum() < 0.7
    assert U.shape == (5, 200)


def test_units_pass_through(X):
    one, other = (SMAF(10, n_nonzero=3).fit(X * scale) for scale in (1, 2.0**20))
    assert_allclose(other.components_, one.components_, atol=1e-9)
    assert_allclose(other.fit_, one.fit_)


def test_genes_may_be_shuffled(X, rng):
    order = rng.permutation(30)
    one = SMAF(10, n_nonzero=3).fit(X).components_
    other = SMAF(10, n_nonzero=3).fit(X[:, order]).components_
    assert_allclose(other, one[:, order], atol=1e-6)


def test_both_published_settings_can_be_asked_for(X):
    first = SMAF(500, n_nonzero=15, lam=0.1, form="constrained", max_iter=2).fit(X)
    second = SMAF(120, n_nonzero=5, lam=5e-4, form="constrained", max_iter=2).fit(X)
    assert first.components_.shape == (500, 30)
    assert second.n_nonzero_ == 5
    assert second.fit_ > 0.97


def test_profiles_below_0_have_modules_too(X):
    fit = SMAF(10, n_nonzero=3).fit(X - X.mean(axis=0))
    assert (fit.components_ >= 0).all()
    assert np.isfinite(fit.transform(X)).all()


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"lam": 1.0}, r"lam must be a number between 0 and 1; got 1\.0"),
        ({"lam": 0}, "lam must be a number between 0 and 1; got 0"),
        ({"form": "lasso"}, "form must be one of .*; got 'lasso'"),
        ({"min_module_size": 0}, "min_module_size must be a positive number; got 0"),
    ],
)
def test_messages(X, given, says):
    with pytest.raises(ValueError, match=says):
        SMAF(**given).fit(X)


def test_data_that_no_module_explains_are_refused(rng):
    with pytest.raises(ValueError, match="X must have an entry above 0; got none"):
        SMAF(2).fit(-np.ones((4, 3)))
    says = r"lam must be smaller to leave a gene to explain; got 0\.9"
    with pytest.raises(ValueError, match=says):
        SMAF(2, lam=0.9, form="constrained").fit(rng.random((3, 20)))
