import re

import cvxpy as cp
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse

from latentomics.multitask.elastic_net import (
    PAPER_RATIOS,
    ElasticNetPerTask,
    elastic_net_grid,
)


@pytest.fixture
def data(rng):
    """40 lines of 15 features, 4 drugs of very different units, 20 % gaps."""
    X = rng.normal(size=(40, 15)) * rng.uniform(0.5, 2, size=15) + 3
    Y = X @ rng.normal(size=(15, 4)) + 2 * rng.normal(size=(40, 4)) + [5, 0, -3, 1]
    Y *= [1.0, 0.01, 30.0, 1.0]
    Y[rng.random(Y.shape) < 0.2] = np.nan
    return X, Y


def objective(X, y, w, b, lam, ratio):
    """The docstring's formula for one drug, written out again."""
    seen = ~np.isnan(y)
    X, y = X[seen], y[seen]
    loss = ((y - X @ w - b) ** 2).sum() / 2 / len(y)
    squares = (1 - ratio) / 2 / np.std(y) * (w**2).sum()
    return loss + lam * (ratio * np.abs(w).sum() + squares)


def objectives(X, Y, fit):
    knobs = fit.lam, fit.l1_ratio
    columns = zip(Y.T, fit.coef_.T, fit.intercept_, strict=True)
    return np.array([objective(X, y, w, b, *knobs) for y, w, b in columns])


@pytest.mark.parametrize("ratio", [0.001, 0.3, 1.0])
def test_the_solution_satisfies_the_optimality_conditions(data, ratio):
    X, Y = data
    lam = 0.2 * ElasticNetPerTask(ratio).fit(X, Y[:, [0]]).lam_max_[0]
    fit = ElasticNetPerTask(ratio, lam).fit(X, Y[:, [0]])
    y, w = Y[:, 0], fit.coef_[:, 0]
    seen = ~np.isnan(y)
    residual = y[seen] - X[seen] @ w - fit.intercept_[0]
    assert abs(residual.sum()) < 1e-10  # the intercept is free
    slope = X[seen].T @ residual / seen.sum() - lam * (1 - ratio) / y[seen].std() * w
    bound = lam * ratio
    assert_allclose(slope[w != 0], bound * np.sign(w[w != 0]), atol=1e-9 * lam)
    assert np.all(np.abs(slope) <= bound + 1e-9 * lam)
    assert (w == 0).any() or ratio < 0.1


@pytest.mark.parametrize("ratio", [0.0, 0.4, 1.0])
def test_agrees_with_a_convex_solver(data, ratio):
    X, Y = data
    fit = ElasticNetPerTask(ratio, 0.3).fit(X, Y)
    for y, value in zip(Y.T, objectives(X, Y, fit), strict=True):
        seen = ~np.isnan(y)
        w, b, s = cp.Variable(15), cp.Variable(), y[seen].std()
        loss = cp.sum_squares((y[seen] - X[seen] @ w - b) / s) / 2 / seen.sum()
        squares = (1 - ratio) / 2 * cp.sum_squares(w) / s
        penalty = 0.3 * (ratio * cp.norm1(w) + squares) / s**2
        best = cp.Problem(cp.Minimize(loss + penalty)).solve(solver="CLARABEL")
        assert_allclose(value / s**2, best, rtol=1e-7)


def test_ridge_is_the_closed_form(data):
    X, Y = data
    fit = ElasticNetPerTask(0, 0.7).fit(X, Y)
    for t, y in enumerate(Y.T):
        seen = ~np.isnan(y)
        Xc, yc = X[seen] - X[seen].mean(0), y[seen] - y[seen].mean()
        H = Xc.T @ Xc / seen.sum() + 0.7 / y[seen].std() * np.eye(15)
        assert_allclose(fit.coef_[:, t], np.linalg.solve(H, Xc.T @ yc / seen.sum()))


def test_the_elastic_net_tends_to_ridge(data):
    X, Y = data
    ridge = ElasticNetPerTask(0, 0.7).fit(X, Y)
    near = ElasticNetPerTask(1e-6, 0.7).fit(X, Y)
    assert_allclose(near.coef_ / Y[0], ridge.coef_ / Y[0], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("ratio", [0.2, 1.0])
def test_lam_max_is_the_least_lam_with_no_weights(data, ratio):
    X, Y = data
    for t, lam in enumerate(ElasticNetPerTask(ratio).fit(X, Y).lam_max_):
        at, below, above = (
            ElasticNetPerTask(ratio, lam * f).fit(X, Y) for f in (1, 0.99, 1.5)
        )
        assert not at.coef_[:, t].any()
        assert not above.coef_[:, t].any()
        assert below.coef_[:, t].any()
        assert_allclose(at.intercept_[t], np.nanmean(Y[:, t]))


def test_a_gap_is_a_line_left_out_for_that_drug_only(data):
    X, Y = data
    fit = ElasticNetPerTask(lam=0.2).fit(X, Y)
    for t, y in enumerate(Y.T):
        seen = ~np.isnan(y)
        alone = ElasticNetPerTask(lam=0.2).fit(X[seen], y[seen])
        assert_array_equal(alone.coef_[:, 0], fit.coef_[:, t])
        assert_allclose(alone.predict(X), fit.predict(X)[:, t], rtol=1e-12)


@pytest.mark.parametrize("ratio", [0, 0.5, 1])
@pytest.mark.parametrize("scale", [2.0**-20, 2.0**20])
def test_units_of_the_responses_pass_through(data, scale, ratio):
    X, Y = data
    one = ElasticNetPerTask(ratio, 0.2).fit(X, Y)
    other = ElasticNetPerTask(ratio, 0.2 * scale).fit(X, Y * scale)
    assert_allclose(other.coef_, one.coef_ * scale, rtol=1e-9)
    assert_allclose(other.intercept_, one.intercept_ * scale, rtol=1e-9)
    assert_allclose(other.lam_max_, one.lam_max_ * scale, rtol=1e-9)


def test_the_path_is_the_single_fits(data):
    X, Y = data
    model = ElasticNetPerTask()
    grid = elastic_net_grid((0, 0.3, 1), n_lams=4, eps=0.05)
    path = model.fit_path(X, Y, grid)
    assert path.points == grid
    for k, point in enumerate(grid):
        for t in range(4):
            single = ElasticNetPerTask(point["l1_ratio"], 1)
            single.set_params(lam=path.lams[k, t]).fit(X, Y)
            lam_max = single.lam_max_[t]
            assert_allclose(path.lams[k, t], point["fraction"] * lam_max)
            scale = np.nanstd(Y[:, t])
            w = path.coefs[t][:, [k]].toarray()[:, 0]
            assert_allclose(w / scale, single.coef_[:, t] / scale, atol=1e-11)
            b = path.intercepts[k, t]
            assert_allclose(b / scale, single.intercept_[t] / scale, atol=1e-10)


def test_the_path_predicts_what_its_weights_say(data):
    X, Y = data
    path = ElasticNetPerTask().fit_path(X, Y, elastic_net_grid((0, 0.5), n_lams=5))
    Y_hat = path.predict(X[:7])
    assert Y_hat.shape == (10, 7, 4)
    assert path.intercepts.shape == path.lams.shape == (10, 4)
    for t, coef in enumerate(path.coefs):
        assert isinstance(coef, sparse.csc_array)
        dense = X[:7] @ coef.toarray() + path.intercepts[:, t]
        assert_allclose(Y_hat[:, :, t], dense.T, rtol=1e-12)
    choice = np.array([9, 0, 3, 6])
    chosen = X[:7] @ path.coef(choice) + path.intercept(choice)
    assert_allclose(chosen, Y_hat[choice, :, range(4)].T, rtol=1e-12)


def test_the_path_stays_sparse(rng):
    X, Y = rng.normal(size=(20, 200)), rng.normal(size=(20, 2))
    path = ElasticNetPerTask().fit_path(X, Y, elastic_net_grid((1.0,), n_lams=20))
    assert all(coef.nnz <= 20 * 20 for coef in path.coefs)
    assert not path.coefs[0][:, [0]].toarray().any()  # at lam_max
    assert path.coefs[0][:, [19]].toarray().any()


def test_the_default_grid_is_five_ratios_of_100_lam(data):
    X, Y = data
    path = ElasticNetPerTask().fit_path(X[:, :3], Y[:, :1])
    assert path.points == elastic_net_grid()
    assert len(path.points) == 500
    assert [p["l1_ratio"] for p in path.points[::100]] == [0.1, 0.25, 0.5, 0.75, 1.0]
    fractions = np.array([p["fraction"] for p in path.points[:100]])
    assert_allclose(fractions[[0, -1]], [1, 0.01])
    assert_allclose(fractions[1:] / fractions[:-1], 0.01 ** (1 / 99))
    assert len(PAPER_RATIOS) == 11


def test_each_drug_has_a_lam_max_of_its_own(data):
    path = ElasticNetPerTask().fit_path(*data, elastic_net_grid((0, 0.5), n_lams=2))
    fit = ElasticNetPerTask(0.5).fit(*data)
    assert_allclose(path.lams[2], fit.lam_max_)
    assert_allclose(path.lams[3], 0.01 * fit.lam_max_)
    # ridge is on the grid of l1_ratio = .001
    assert_allclose(path.lams[0], fit.lam_max_ * 500)
    assert_allclose(ElasticNetPerTask(0).fit(*data).lam_max_, fit.lam_max_ * 500)
    assert all(coef[:, [0]].toarray().all() for coef in path.coefs)


@pytest.mark.parametrize("ratio", [0, 0.5])
def test_constant_features_and_responses_have_no_weight(data, ratio):
    X, Y = data
    X[:, 3], Y[:, 1] = 0.1, np.where(np.isnan(Y[:, 1]), np.nan, 0.1)
    fit = ElasticNetPerTask(ratio, 0.01).fit(X, Y)
    assert not fit.coef_[3].any()
    assert not fit.coef_[:, 1].any()
    assert fit.coef_[:, [0, 2, 3]].any(axis=0).all()
    assert fit.lam_max_[1] == 0
    assert_allclose(fit.predict(X)[:, 1], 0.1, rtol=1e-14)
    grid = elastic_net_grid((ratio,), n_lams=3)
    path = ElasticNetPerTask().fit_path(X, Y, grid)
    assert path.coefs[1].nnz == 0
    assert_allclose(path.intercepts[:, 1], 0.1, rtol=1e-14)


def test_a_rounding_error_is_no_variance(data):
    y = np.full(7, 0.1)
    assert y.std() > 0  # a sum of seven tenths rounds
    fit = ElasticNetPerTask(lam=1e-19).fit(data[0][:7], y)
    assert not fit.coef_.any()
    assert fit.lam_max_ == 0


def test_features_that_are_all_constant_leave_the_mean(data):
    Y = data[1]
    fit = ElasticNetPerTask().fit(np.full((40, 3), 0.1), Y)
    assert not fit.coef_.any()
    assert_allclose(fit.intercept_, np.nanmean(Y, axis=0))


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("n_lines", [1, 2, 3])
def test_few_measured_lines_will_do(data, n_lines):
    X, Y = data
    Y[n_lines:, 0] = np.nan
    Y[:n_lines, 0] = [1.0, 4.0, 2.0][:n_lines]
    model = ElasticNetPerTask(lam=0.001).fit(X, Y)
    assert_allclose(model.predict(X[:n_lines])[:, 0], Y[:n_lines, 0], atol=0.05)
    path = model.fit_path(X, Y, elastic_net_grid((0.0, 1.0), n_lams=5))
    assert np.isfinite(path.predict(X)).all()


def test_one_response_may_come_as_a_vector(data):
    X, y = data[0], np.nan_to_num(data[1][:, 0])
    fit = ElasticNetPerTask().fit(X, y)
    assert fit.predict(X).shape == (40,)
    assert_array_equal(
        fit.predict(X), ElasticNetPerTask().fit(X, y[:, None]).predict(X)[:, 0]
    )


@pytest.mark.parametrize("parameter", ["l1_ratio", "lam"])
def test_every_parameter_matters(rng, parameter):
    X, Y = rng.normal(size=(50, 300)), rng.normal(size=(50, 2))
    one = ElasticNetPerTask(lam=0.05).fit(X, Y)
    other = ElasticNetPerTask(lam=0.05).set_params(**{parameter: 0.2}).fit(X, Y)
    assert not np.allclose(other.coef_, one.coef_)


def test_nothing_of_the_caller_is_changed(data):
    X, Y = np.asfortranarray(data[0]), data[1]
    before = X.copy(), Y.copy()
    ElasticNetPerTask().fit(X, Y)
    ElasticNetPerTask().fit_path(X, Y, elastic_net_grid(n_lams=2))
    assert_array_equal(X, before[0])
    assert_array_equal(Y, before[1])


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"l1_ratio": -0.1}, "l1_ratio must be a number from 0 to 1; got -0.1"),
        ({"l1_ratio": 1.1}, "l1_ratio must be a number from 0 to 1; got 1.1"),
        ({"l1_ratio": True}, "l1_ratio must be a number from 0 to 1; got True"),
        ({"lam": 0}, "lam must be a positive number; got 0"),
    ],
)
def test_a_bad_parameter_is_said(data, given, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        ElasticNetPerTask(**given).fit(*data)


@pytest.mark.parametrize(
    ("grid", "message"),
    [
        (
            [{"l1_ratio": 0.5, "fraction": f} for f in (0.1, 0.2)],
            "falling fractions; got [0.1, 0.2]",
        ),
        ([{"l1_ratio": 2, "fraction": 1}], "l1_ratio must be a number from 0 to 1"),
    ],
)
def test_a_bad_grid_is_said(data, grid, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        ElasticNetPerTask().fit_path(*data, grid)


@pytest.mark.parametrize("given", [{"n_lams": 0}, {"eps": 0}])
def test_a_bad_size_of_the_grid_is_said(given):
    with pytest.raises(ValueError, match=f"{next(iter(given))} must be"):
        elastic_net_grid(**given)
