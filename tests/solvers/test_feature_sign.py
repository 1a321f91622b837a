import warnings

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import enet_path

from latentomics.solvers import feature_sign
from latentomics.solvers.feature_sign import elastic_net_path


@pytest.fixture
def drug(rng):
    """40 lines of 60 features, centred, and a response of mean 0 and variance 1."""
    X = rng.normal(size=(40, 60))
    y = X[:, :5].sum(axis=1) + rng.normal(size=40)
    X -= X.mean(axis=0)
    return np.asfortranarray(X), (y - y.mean()) / y.std()


def settled(X, y, ratio, lam, w):
    """The weights at one penalty, from a start that keeps its signs."""
    return feature_sign.settled(X, y, ratio, lam, w, np.sign(w))[0]


def broken_conditions(X, y, ratio, lam, w):
    """How far the optimality conditions are from holding, as a share of the bound."""
    bound = ratio * lam
    slope = X.T @ (y - X @ w) / len(y) - (1 - ratio) * lam * w
    over = np.maximum(np.abs(slope) - bound, 0)
    return np.abs(np.where(w, slope - bound * np.sign(w), over)).max() / bound


def loss(X, y, ratio, lam, w):
    """The docstring's formula, written out again."""
    price = ratio * np.abs(w).sum() + (1 - ratio) / 2 * (w @ w)
    return np.square(y - X @ w).sum() / (2 * len(y)) + lam * price


def gap(X, y, ratio, lam, w):
    """The duality gap over the loss of w = 0: how far the loss may be from the best."""
    rent, n = (1 - ratio) * lam, len(y)
    r = y - X @ w
    share = min(1, ratio * lam / np.abs(X.T @ r / n - rent * w).max())
    bound = share * (r @ y) / n - share**2 * (r @ r / n + rent * (w @ w)) / 2
    return (loss(X, y, ratio, lam, w) - bound) / (y @ y / (2 * n))


def largest(X, y, ratio):
    return np.abs(X.T @ y).max() / len(y) / ratio


@pytest.mark.parametrize(
    ("ratio", "dense"), [(1.0, False), (0.3, False), (0.001, True)]
)
def test_a_path_is_exact_and_that_of_scikit_learn(drug, ratio, dense):
    X, y = drug
    lams = largest(X, y, ratio) * np.geomspace(0.9, 0.01, 12)
    W = elastic_net_path(X, y, ratio, lams)
    assert (np.count_nonzero(W[:, -1]) > len(y)) == dense
    for lam, w in zip(lams, W.T, strict=True):
        assert broken_conditions(X, y, ratio, lam, w) < 1e-7
    given = {"l1_ratio": ratio, "alphas": lams, "tol": 1e-12, "max_iter": 10**6}
    assert_allclose(W, enet_path(X, y, **given)[1], atol=1e-5)


@pytest.mark.parametrize("short", [0.0, 1e-16, 1e-12, 1e-10, 1e-8, 1e-6, 1e-5, 1e-3])
@pytest.mark.parametrize("kind", ["twins", "between", "few ranks", "tall", "coarse"])
def test_a_ridge_term_below_rounding_counts(kind, short, rng):
    # features are dependent, and only the ridge term says which weights they get
    X = rng.normal(size=(40, 60))
    X = {
        "twins": np.column_stack([X, X[:, :20]]),
        "between": np.column_stack([X, (X[:, :20] + X[:, 20:40]) / 2]),
        "few ranks": X[:, :8] @ rng.normal(size=(8, 60)),
        "tall": np.column_stack([X[:, :15], X[:, :5] + X[:, 5:10]]),
        "coarse": rng.integers(0, 2, size=(12, 200)).astype(float),
    }[kind]
    X = np.asfortranarray(X - X.mean(axis=0))
    y = X[:, :5].sum(axis=1) / 2 + rng.normal(size=len(X))
    y = (y - y.mean()) / y.std()
    ratio = 1 - short
    for lam in largest(X, y, ratio) * np.array([1e-2, 1e-4]):
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            w = elastic_net_path(X, y, ratio, np.array([lam]))[:, 0]
        assert gap(X, y, ratio, lam, w) < 1e-7


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("seed", range(3))
def test_rounding_sends_no_weight_astray(seed):
    # at a perfect fit by dependent features, what is left of a system is rounding alone
    rng = np.random.default_rng(seed)
    X = rng.integers(0, 2, size=(12, 200)).astype(float)
    X = np.asfortranarray(X - X.mean(axis=0))
    y = rng.normal(size=12)
    y = (y - y.mean()) / y.std()
    lam = 1e-8 * largest(X, y, 1.0)
    w = elastic_net_path(X, y, 1.0, np.array([lam]))[:, 0]
    assert gap(X, y, 1.0, lam, w) < 1e-6


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("seed", [0, 2])
def test_a_lasso_tells_features_apart_by_their_fifth_digit(seed):
    X = np.random.default_rng(seed).normal(size=(40, 10))
    X = np.asfortranarray(X - X.mean(axis=0))
    X[:, 1] = X[:, 0] + 1e-5 * X[:, 1]
    y = 1e5 * (X[:, 1] - X[:, 0]) + X[:, 2]
    lam = 1e-8 * largest(X, y, 1.0)
    w = elastic_net_path(X, y, 1.0, np.array([lam]))[:, 0]
    assert gap(X, y, 1.0, lam, w) < 1e-4


def test_ridge_of_dependent_features_in_a_tall_table_is_the_least_norm(rng):
    X = rng.normal(size=(300, 20))
    X -= X.mean(axis=0)
    X = np.column_stack([X, X[:, :10] + X[:, 10:]])
    y = X.sum(axis=1) + rng.normal(size=300)
    y -= y.mean()
    w = elastic_net_path(X, y, 0, np.array([1e-13]))[:, 0]
    assert_allclose(w, np.linalg.lstsq(X, y)[0], atol=1e-9)


@pytest.mark.parametrize("lam", [1e-6, 1e-12])
def test_ridge_of_a_tall_table_keeps_its_digits(lam, rng):
    X = rng.normal(size=(300, 20)) * np.geomspace(1, 1e-3, 20)
    X -= X.mean(axis=0)
    y = X.sum(axis=1) + rng.normal(size=300)
    y -= y.mean()
    W = elastic_net_path(X, y, 0, np.array([lam]))
    bound = np.vstack([X, np.sqrt(300 * lam) * np.eye(20)])
    best = np.linalg.lstsq(bound, np.append(y, np.zeros(20)))[0]
    assert_allclose(W[:, 0], best, rtol=1e-9)


def test_ridge_is_the_closed_form(drug):
    X, y = drug
    W = elastic_net_path(X, y, 0, np.array([2.0, 0.1]))
    for lam, w in zip((2.0, 0.1), W.T, strict=True):
        best = np.linalg.solve(X.T @ X / 40 + lam * np.eye(60), X.T @ y / 40)
        assert_allclose(w, best, atol=1e-12)


@pytest.mark.parametrize("ratio", [0.2, 1.0])
def test_where_a_path_begins_does_not_matter(drug, ratio):
    X, y = drug
    lams = largest(X, y, ratio) * np.geomspace(1.5, 0.01, 9)
    W = elastic_net_path(X, y, ratio, lams)
    assert not W[:, 0].any()
    for lam, w in zip(lams, W.T, strict=True):
        alone = elastic_net_path(X, y, ratio, np.array([lam]))[:, 0]
        assert_allclose(alone, w, atol=1e-11)


@pytest.mark.parametrize("ratio", [0.2, 1.0])
@pytest.mark.parametrize("start", ["far", "nothing", "too large", "other signs"])
def test_any_start_ends_at_the_exact_weights(drug, ratio, start):
    X, y = drug
    lam = 0.1 * largest(X, y, ratio)
    w = elastic_net_path(X, y, ratio, np.array([lam]))[:, 0]
    starts = {"far": -X.T @ y, "nothing": 0 * w, "too large": 3 * w, "other signs": -w}
    assert_allclose(settled(X, y, ratio, lam, starts[start]), w, atol=1e-11)


@pytest.mark.parametrize("ratio", [0.2, 1.0])
def test_the_loss_falls_from_turn_to_turn(drug, ratio, monkeypatch):
    X, y = drug
    lam, losses = 0.02 * largest(X, y, ratio), []
    find = feature_sign._with_signs

    def watched(X, y, signs, bound, rent, w):
        losses.append(loss(X, y, ratio, lam, w))
        assert (np.sign(w) == signs)[w != 0].all()
        return find(X, y, signs, bound, rent, w)

    monkeypatch.setattr(feature_sign, "_with_signs", watched)
    settled(X, y, ratio, lam, -0.1 * X.T @ y)
    assert len(losses) > 20
    assert (np.diff(losses) <= 1e-12 * losses[0]).all()


@pytest.mark.parametrize("ratio", [0.2, 1.0])
def test_a_path_looks_ahead(drug, ratio, monkeypatch):
    X, y = drug
    lams, turns = largest(X, y, ratio) * np.geomspace(1, 0.01, 50), []
    find = feature_sign._with_signs
    monkeypatch.setattr(
        feature_sign, "_with_signs", lambda *a: turns.append(0) or find(*a)
    )
    W, with_foresight = elastic_net_path(X, y, ratio, lams), len(turns)
    monkeypatch.setattr(
        feature_sign, "_foreseen", lambda here, *_: (here.w, np.sign(here.w))
    )
    assert_allclose(elastic_net_path(X, y, ratio, lams), W, atol=1e-11)
    assert with_foresight < 0.8 * (len(turns) - with_foresight)


def test_a_start_lies_on_the_line_through_two_points():
    # the features stay, leave, stay out, enter, and enter with the other sign
    before = feature_sign._Point(
        0.6, np.array([0.1, 0.5, 0, 0, 0]), np.array([0.3, 0.3, 0.1, 0.2, -0.1])
    )
    here = feature_sign._Point(
        0.5, np.array([0.2, 0.2, 0, 0, 0]), np.array([0.25, 0.25, 0.1, 0.21, -0.2])
    )
    w, signs = feature_sign._foreseen(here, before, 0.5, 0.4)
    assert_array_equal(w, [0.2, 0, 0, 0, 0])
    assert_array_equal(signs, [1, 0, 0, 1, -1])
    w, signs = feature_sign._foreseen(here, before, 0.5, 0.46)
    assert_array_equal(w, here.w)
    assert_array_equal(signs, [1, 1, 0, 0, -1])
    w, signs = feature_sign._foreseen(here, None, 0.5, 0.4)
    assert_array_equal(signs, [1, 1, 0, 0, 0])


@pytest.mark.parametrize("ratio", [0.5, 1.0])
def test_penalties_that_differ_by_rounding_send_no_start_astray(
    ratio, rng, monkeypatch
):
    X = rng.normal(size=(40, 600))
    X, y = np.asfortranarray(X - X.mean(axis=0)), X[:, :5].sum(axis=1)
    y -= y.mean()
    find, sizes = feature_sign._with_signs, []

    def watched(X, y, signs, *given):
        sizes.append(np.count_nonzero(signs))
        return find(X, y, signs, *given)

    monkeypatch.setattr(feature_sign, "_with_signs", watched)
    lams = largest(X, y, ratio) * 0.8 ** np.arange(1, 15)
    few = elastic_net_path(X, y, ratio, lams)
    usual, twins = max(sizes), np.sort([*lams, *np.nextafter(lams, 0)])[::-1]
    assert_allclose(elastic_net_path(X, y, ratio, twins)[:, ::2], few, atol=1e-9)
    assert max(sizes) <= usual + 5


def test_equal_penalties_share_weights_and_rising_ones_are_refused(drug):
    X, y = drug
    lam = 0.3 * largest(X, y, 0.5)
    W = elastic_net_path(X, y, 0.5, np.array([lam, lam]))
    assert_array_equal(W[:, 0], W[:, 1])
    with pytest.raises(ValueError, match="lams must not rise; got"):
        elastic_net_path(X, y, 0.5, np.array([lam, 1.1 * lam]))


@pytest.mark.parametrize("ratio", [0.5, 1.0])
def test_twins_share(drug, ratio):
    X, y = drug
    lams = largest(X, y, ratio) * np.array([0.5, 0.1, 0.01])
    one = elastic_net_path(X, y, 1.0, lams)
    twins = np.asfortranarray(np.column_stack([X, X[:, 0]]))
    found = elastic_net_path(twins, y, ratio, lams)
    assert_allclose(found[0], found[-1], rtol=1e-9)
    if ratio == 1:
        assert_allclose(found[0] + found[-1], one[0], atol=1e-11)
        assert_allclose(found[1:-1], one[1:], atol=1e-10)


def test_a_feature_between_two_others_changes_no_prediction(drug):
    # they are dependent but for rounding, and all three move in together
    X, y = drug
    lams = largest(X, y, 1.0) * np.array([0.3, 0.1, 0.01])
    more = np.asfortranarray(np.column_stack([X, (X[:, 0] + X[:, 1]) / 2]))
    one, found = (elastic_net_path(M, y, 1.0, lams) for M in (X, more))
    assert found[[0, 1, -1], -1].all()
    assert_allclose(more @ found, X @ one, atol=1e-10)


def test_features_nearly_alike_are_told_apart(drug):
    X = drug[0][:, :10]
    X[:, 1] = X[:, 0] + 3e-4 * X[:, 1]
    y = 4000 * (X[:, 1] - X[:, 0]) + X[:, 2]
    lam = 1e-6 * largest(X, y, 1.0)
    w = elastic_net_path(X, y, 1.0, np.array([lam]))[:, 0]
    assert broken_conditions(X, y, 1.0, lam, w) < 1e-5
    assert_allclose(w[:3], [-4000, 4000, 1], rtol=0.05)


def test_more_features_move_in_than_there_are_lines(drug):
    # the first step of a lasso from nothing: no weights with these signs are a solution
    X, y = drug
    lam = 1e-3 * largest(X, y, 1.0)
    assert (np.abs(X.T @ y) / 40 > lam).sum() > 40
    w = settled(X, y, 1.0, lam, np.zeros(60))
    assert broken_conditions(X, y, 1.0, lam, w) < 1e-7
    assert 30 < np.count_nonzero(w) <= 40


def test_features_of_very_different_sizes(drug, rng):
    X, y = drug
    sizes = 10.0 ** rng.integers(-4, 4, size=60)
    lam = 1e-6 * largest(sizes * X, y, 1.0)
    w = elastic_net_path(sizes * X, y, 1.0, np.array([lam]))[:, 0]
    assert broken_conditions(sizes * X, y, 1.0, lam, w) < 1e-6


def test_a_perfect_fit_is_reached(rng):
    # lines that a few features tell apart completely: the path ends in a perfect fit
    X = rng.integers(0, 2, size=(12, 200)).astype(float)
    X -= X.mean(axis=0)
    y = rng.normal(size=12)
    y -= y.mean()
    lams = largest(X, y, 1.0) * np.geomspace(1, 1e-5, 30)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        W = elastic_net_path(X, y, 1.0, lams)
    assert_allclose(X @ W[:, -1], y, atol=1e-3)
    for lam, w in zip(lams[1:], W.T[1:], strict=True):
        assert broken_conditions(X, y, 1.0, lam, w) < 1e-6


def test_a_search_that_is_cut_off_is_told(drug, monkeypatch):
    X, y = drug
    lam = 0.01 * largest(X, y, 0.5)
    best = settled(X, y, 0.5, lam, np.zeros(60))
    monkeypatch.setattr(feature_sign, "TURNS", 30)
    with pytest.warns(ConvergenceWarning, match="not exact: .* broken by 0.6 of"):
        w, slope = feature_sign.settled(X, y, 0.5, lam, np.zeros(60), np.zeros(60))
    assert_allclose(slope, X.T @ (y - X @ w) / 40, atol=1e-12)
    assert loss(X, y, 0.5, lam, best) < loss(X, y, 0.5, lam, w)
    assert loss(X, y, 0.5, lam, w) < loss(X, y, 0.5, lam, np.zeros(60))
