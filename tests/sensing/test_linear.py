import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose

from latentomics.sensing.linear import LinearMMSE, safe_cholesky


def test_two_genes_by_hand():
    X = np.array([[1.0, 1.0], [3.0, 3.0], [1.0, 3.0], [3.0, 1.0], [2.0, 2.0]])
    X[:, 1] += X[:, 0]  # mean (2, 4); covariance ((1, 1), (1, 2))
    model = LinearMMSE().fit(X)
    assert_allclose(model.covariance_, [[1, 1], [1, 2]])
    found, std = model.decode([[6.0]], [[0.0, 1.0]], noise=2.0, return_std=True)
    assert_allclose(found, [[2 + 1 / 4 * 2, 4 + 2 / 4 * 2]])
    assert_allclose(std**2, [[1 - 1 / 4, 2 - 4 / 4]])


def test_it_is_the_formula(profiles, A):
    model = LinearMMSE(shrinkage=0.3).fit(profiles)
    mu, C = profiles.mean(axis=0), np.cov(profiles.T)
    S = 0.7 * C + 0.3 * np.diag(np.diag(C))
    Y = profiles[:7] @ A.T + 0.1
    K = S @ A.T @ np.linalg.inv(A @ (S + 0.2 * np.eye(12)) @ A.T)
    assert_allclose(model.decode(Y, A, 0.2), mu + (Y - A @ mu) @ K.T)
    _, std = model.decode(Y, A, 0.2, return_std=True)
    assert_allclose(std, np.tile(np.sqrt(np.diag(S - K @ A @ S)), (7, 1)))


def test_no_linear_rule_does_better_on_what_it_was_fitted_to(profiles, A, rng):
    model = LinearMMSE().fit(profiles)
    hat = model.decode(profiles @ A.T, A)
    Y = np.column_stack([profiles @ A.T, np.ones(60)])
    least = Y @ np.linalg.lstsq(Y, profiles, rcond=None)[0]
    assert_allclose(hat, least, atol=1e-6)


def test_batches_give_what_one_fit_gives(profiles, A):
    whole, parts = LinearMMSE(0.1).fit(profiles), LinearMMSE(0.1)
    for batch in (profiles[:2], profiles[2:3], profiles[3:40], profiles[40:]):
        parts.partial_fit(batch)
    assert parts.n_samples_seen_ == 60
    assert_allclose(parts.covariance_, whole.covariance_)
    assert_allclose(parts.mean_, whole.mean_)
    assert_allclose(parts.fit(profiles).covariance_, whole.covariance_)


def test_everything_measured_without_noise_is_known(profiles):
    model = LinearMMSE().fit(profiles)
    hat, std = model.decode(profiles, np.eye(12), return_std=True)
    assert_allclose(hat, profiles, atol=1e-6)
    assert std.max() < 1e-4


def test_what_never_varies_is_its_mean(profiles, A):
    profiles[:, 5] = 2.5
    profiles[:, 6] = profiles[:, 7]
    hat, std = (
        LinearMMSE().fit(profiles).decode(profiles @ A.T, A, 0.1, return_std=True)
    )
    assert_allclose(hat[:, 5], 2.5)
    assert_allclose(hat[:, 6], hat[:, 7])
    assert_allclose(std[:, 5], 0)


def test_genes_in_another_order_give_the_same(profiles, A, rng):
    order = rng.permutation(12)
    one = LinearMMSE().fit(profiles).decode(profiles @ A.T, A, 0.1)
    two = LinearMMSE().fit(profiles[:, order])
    two = two.decode(profiles @ A.T, A[:, order], 0.1)
    assert_allclose(two, one[:, order], rtol=1e-8)


def test_nine_in_ten_intervals_hold_the_truth():
    rng = np.random.default_rng(1)
    V = rng.normal(size=(5, 20))
    X = rng.normal(size=(4000, 5)) @ V + 0.3 * rng.normal(size=(4000, 20))
    A = rng.normal(size=(4, 20))
    Y = (X + 0.5 * rng.normal(size=X.shape)) @ A.T
    hat, std = LinearMMSE().fit(X).decode(Y, A, 0.25, return_std=True)
    held = (np.abs(X - hat) < 1.6449 * std).mean()
    assert abs(held - 0.9) < 0.01


def test_a_covariance_without_spread_has_a_factor():
    Q = torch.ones(3, 3, dtype=torch.float64)
    L = safe_cholesky(Q)
    assert_allclose(L @ L.T, Q, atol=1e-9)
    assert torch.isfinite(safe_cholesky(0 * Q)).all()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((np.ones((2, 4)), np.ones((4, 11))), "column for each of 12 genes; got 11"),
        ((np.ones((2, 3)), np.ones((4, 12))), "each of 4 measurements; got 3"),
        ((np.ones((2, 13)), np.ones((13, 12))), "at most as many rows as its 12 col"),
        ((np.full((2, 4), np.nan), np.ones((4, 12))), "Y must be finite, .* got nan"),
        ((np.ones((2, 4)), np.full((4, 12), np.inf)), "A must be finite, .* got inf"),
        (
            (np.ones((2, 4)), np.ones((4, 12)), -1),
            "noise must be a non-negative number",
        ),
        ((np.ones(4), np.ones((4, 12))), "Y must be a matrix"),
    ],
)
def test_what_cannot_be_decoded_is_refused(profiles, arguments, message):
    model = LinearMMSE().fit(profiles)
    with pytest.raises(ValueError, match=message):
        model.decode(*arguments)


def test_more_than_all_shrinkage_is_refused(profiles):
    with pytest.raises(ValueError, match="shrinkage must be a number from 0 to 1"):
        LinearMMSE(1.5).fit(profiles)
