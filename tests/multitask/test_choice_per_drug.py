"""Where each drug chooses its own elastic net: against scikit-learn, drug by drug."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from sklearn.linear_model import ElasticNet
from sklearn.preprocessing import StandardScaler

from latentomics.multitask import ElasticNetPerTask, InductiveKFold, PathSearch
from latentomics.multitask.elastic_net import elastic_net_grid

GRID = elastic_net_grid((0.3, 1.0), n_lams=3, eps=0.1)


@pytest.fixture
def data(rng):
    """Drugs that answer to all features, to one, to none; gaps, other units."""
    X = rng.normal(size=(40, 8)) * rng.uniform(0.5, 2, size=8) + 3
    W = rng.normal(size=(8, 4)) * [1, 0.2, 0, 0]
    W[2, 2] = 3
    Y = X @ W + rng.normal(size=(40, 4)) * [0.3, 2, 1, 1]
    return X, np.where(rng.random(Y.shape) < 0.2, np.nan, Y) * [1, 30, 0.01, 1]


def alone(X, y, point, train, test):
    """Return scikit-learn's predictions of the lines `test` for one drug."""
    scaler = StandardScaler().fit(X[train])
    known = train[~np.isnan(y[train])]
    A, level, spread = scaler.transform(X[known]), y[known].mean(), y[known].std()
    z = (y[known] - level) / spread
    top = np.abs((A - A.mean(axis=0)).T @ z).max() / len(z)
    ratio = point["l1_ratio"]
    net = ElasticNet(alpha=point["fraction"] * top / ratio, l1_ratio=ratio, tol=1e-10)
    return net.fit(A, z).predict(scaler.transform(X[test])) * spread + level


def test_each_drug_chooses_what_it_would_alone(data):
    X, Y = data
    model = ElasticNetPerTask()
    search = PathSearch(model, GRID, setting="inductive", n_splits=3).fit(X, Y)
    folds, lines = list(InductiveKFold(3).split(X)), np.arange(40)
    for t, y in enumerate(Y.T):
        errors = np.zeros((len(GRID), 40))
        for k, point in enumerate(GRID):
            for train, test in folds:
                errors[k, test] = (alone(X, y, point, train, test) - y[test]) ** 2
        errors = np.nanmean(errors, axis=1) / np.nanvar(y)
        assert_allclose(search.errors_[:, t], errors, rtol=1e-3)
        best = GRID[errors.argmin()]
        assert dict(search.points_.loc[t, ["l1_ratio", "fraction"]]) == best
        by_hand = alone(X, y, best, lines, lines)
        assert_allclose(search.predict(X)[:, t], by_hand, atol=1e-3 * np.nanstd(y))
    assert len(set(search.choice_)) > 1


def test_other_drugs_change_nothing(data):
    X, Y = data
    model = PathSearch(ElasticNetPerTask(), GRID, setting="inductive", n_splits=3)
    together = model.fit(X, Y).predict(X)
    for t in range(4):
        by_itself = model.fit(X, Y[:, t]).predict(X)
        assert_allclose(by_itself, together[:, t], rtol=1e-10)
