"""Matrices that are hard on a correction, to every estimator, either way round."""

import numpy as np
import pytest

from latentomics.denoise import ResidualThresholdedDMF, StablePCP

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

WAYS = pytest.mark.parametrize(
    "turn", [np.asarray, np.transpose], ids=["as is", "turned"]
)


@pytest.fixture
def full(rng):
    """Rank 2 plus noise of .5, 30 x 20."""
    X = rng.normal(size=(30, 2)) @ rng.normal(size=(2, 20))
    return X + 0.5 * rng.normal(size=X.shape)


def sparse(X, rng):
    """60 % missing."""
    return np.where(rng.random(X.shape) < 0.6, np.nan, X)


def constant_rows(X, rng):
    """Three rows of one number each, one of them 0."""
    X[[3, 7, 11]] = np.array([[0.0], [2.5], [-1.0]])
    return X


def nothing_varies(X, rng):
    """One number everywhere, and gaps."""
    return np.where(rng.random(X.shape) < 0.2, np.nan, 0.7)


def zeros(X, rng):
    return X * 0


def outliers(X, rng):
    """1 % of a million."""
    return np.where(rng.random(X.shape) < 0.01, 1e6, X)


def all_of_it(X, rng):
    return sparse(constant_rows(outliers(X, rng), rng), rng)


HARD = [sparse, constant_rows, nothing_varies, zeros, outliers, all_of_it]


@WAYS
@pytest.mark.parametrize("harden", HARD)
def test_the_answer_is_finite(denoiser_class, make, full, rng, harden, turn):
    X = turn(harden(full, rng))
    model = make(denoiser_class).fit(X)
    for name in ("low_rank_", "corrected_"):
        assert np.isfinite(getattr(model, name)).all()
    assert not model.kept_[np.isnan(X)].any()
    assert np.isfinite(model.corrected_[~np.isnan(X)]).all()


@WAYS
@pytest.mark.parametrize("what", ["drug", "line"])
def test_a_line_that_is_all_missing_is_refused(denoiser_class, make, full, turn, what):
    X = turn(full)
    where = {"drug": np.s_[:, 4], "line": np.s_[4]}[what]
    X[where] = np.nan
    axis = {"drug": "column", "line": "row"}[what]
    says = rf"^X must have a measured entry in every {axis}; got none in {axis} \[4\]$"
    with pytest.raises(ValueError, match=says) as refusal:
        make(denoiser_class).fit(X)
    assert "\n" not in str(refusal.value)


ROBUST = {
    "RT-DMF": ResidualThresholdedDMF(
        5.0, eta_unit="noise", scale=None, hidden=(2,), learning_rate=3e-3
    ),
    "mad": ResidualThresholdedDMF(
        5.0, eta_unit="noise", hidden=(2,), learning_rate=3e-3
    ),
    "StablePCP": StablePCP(1.0, 0.3),
}


@WAYS
@pytest.mark.parametrize("name", ROBUST)
def test_outliers_return_and_do_not_spread(full, rng, name, turn):
    model = ROBUST[name]
    wild = turn(rng.random(full.shape) < 0.01)
    X = turn(full)
    held = turn(rng.random(full.shape) < 0.1) & ~wild
    calm = model.fit(X, validation=held).low_rank_
    fit = model.fit(np.where(wild, 1e6, X), validation=held)
    assert fit.kept_[wild].all()
    # entries are of size 1.4, their noise is .5; of RT-DMF 4 seeds: .006 to .034
    assert np.median(np.abs(fit.low_rank_ - calm)) < 0.1
    # a million in float32 is exact to .06, and StablePCP leaves a gamma of .3
    assert np.abs(fit.corrected_[wild] - 1e6).max() < 0.5


def test_outliers_in_a_drug_that_hardly_varies(full):
    X = full.copy()
    X[:, 5] = 1.0
    X[4, 5] = 1e6
    model = ResidualThresholdedDMF(3.0, hidden=(2,), learning_rate=3e-3).fit(X)
    assert np.isfinite(model.low_rank_).all()
    assert model.kept_[4, 5]
    assert model.kept_[:, 5].sum() == 1
