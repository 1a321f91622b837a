import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.stats import spearmanr

from latentomics.metrics import matched_auroc, spearman_matrix


@pytest.fixture
def tied(rng):
    """Two gappy tables of few distinct values, 40 rows in common."""
    A, B = (rng.integers(0, 6, size=(40, p)).astype(float) for p in (4, 5))
    B[:, 0] = A[:, 0] + rng.normal(size=40)  # one column without ties, related
    for M in (A, B):
        M[rng.random(M.shape) < 0.25] = np.nan
    return A, B


def test_agrees_with_scipy_pair_by_pair(tied):
    ours = spearman_matrix(*tied)
    assert ours.rho.shape == (4, 5)
    for i, a in enumerate(tied[0].T):
        for j, b in enumerate(tied[1].T):
            both = ~np.isnan(a) & ~np.isnan(b)
            slow = spearmanr(a[both], b[both])
            assert ours.n[i, j] == both.sum()
            assert_allclose(ours.rho[i, j], slow.statistic, atol=1e-14)
            assert_allclose(ours.pvalue[i, j], slow.pvalue, rtol=1e-10)


def test_known_answer():
    a = np.array([1.0, 2, 3, 4, 5])
    b = np.array([2.0, 1, 4, 3, 5])  # rank differences 1 1 1 1 0
    ours = spearman_matrix(a[:, None], b[:, None])
    assert_allclose(ours.rho, 1 - 6 * 4 / (5 * 24))
    assert ours.n.item() == 5


@pytest.mark.parametrize(("sign", "rho"), [(1, 1.0), (-1, -1.0)])
def test_a_perfect_order_is_certain(sign, rho):
    a = np.arange(7.0)[:, None] * 0.1
    ours = spearman_matrix(a, sign * np.exp(a))
    assert ours.rho.item() == rho
    assert ours.pvalue.item() == 0


def test_ranks_only(tied):
    A, B = tied
    ours, bent = spearman_matrix(A, B), spearman_matrix(np.exp(A), 1000 * B - 5)
    assert_array_equal(bent.rho, ours.rho)


def test_swapping_the_tables_transposes(tied):
    ours, swapped = spearman_matrix(*tied), spearman_matrix(*tied[::-1])
    assert_allclose(swapped.rho, ours.rho.T, atol=1e-15)
    assert_allclose(swapped.pvalue, ours.pvalue.T, rtol=1e-12)
    assert_array_equal(swapped.n, ours.n.T)


def test_too_few_rows_or_no_spread_is_not_known():
    A = np.array([[1.0, 1, np.nan], [2, 1, np.nan], [3, 1, 2], [4, 1, 5]])
    ours = spearman_matrix(A, A)
    assert_array_equal(np.isnan(ours.rho), [[0, 1, 1], [1, 1, 1], [1, 1, 1]])
    assert_array_equal(np.isnan(ours.pvalue), np.isnan(ours.rho))
    assert_array_equal(ours.n, [[4, 4, 2], [4, 4, 2], [2, 2, 2]])


def test_three_rows_suffice():
    ours = spearman_matrix(np.array([[1.0], [2], [3]]), np.array([[1.0], [3], [2]]))
    assert ours.rho.item() == 0.5
    assert_allclose(ours.pvalue, spearmanr([1, 2, 3], [1, 3, 2]).pvalue)


def test_the_tables_are_left_alone(tied):
    before = [M.copy() for M in tied]
    spearman_matrix(*tied)
    assert_array_equal(tied[0], before[0])
    assert_array_equal(tied[1], before[1])


@pytest.mark.parametrize(
    ("a", "b"), [((4, 2), (5, 2)), ((4,), (4, 2)), ((4, 2), (4, 2, 1))]
)
def test_unequal_tables_are_refused(a, b):
    with pytest.raises(ValueError, match=r"^[AB].* must be (a )?matri.*; got shape"):
        spearman_matrix(np.zeros(a), np.zeros(b))


def slow_auroc(rho):
    """Count, pair by pair, how often the matched one is higher; ties count half."""
    p = len(rho)
    matched = [rho[i, i] for i in range(p)]
    rest = [rho[i, j] for i in range(p) for j in range(p) if i != j]
    wins = [
        (m > r) + 0.5 * (m == r)
        for m in matched
        for r in rest
        if not np.isnan(m) and not np.isnan(r)
    ]
    return np.mean(wins)


def test_auroc_counts_won_comparisons(rng):
    rho = np.round(rng.normal(size=(7, 7)) + np.eye(7), 1)  # rounded, for ties
    rho[2, 2] = rho[0, 4] = rho[5, 1] = np.nan
    assert_allclose(matched_auroc(rho), slow_auroc(rho))


def test_auroc_known_answers():
    assert matched_auroc(np.eye(4)) == 1
    assert matched_auroc(-np.eye(4)) == 0
    assert matched_auroc(np.zeros((4, 4))) == 0.5
    assert_allclose(matched_auroc([[0.5, 0.7], [0.1, 0.6]]), 2 / 4)


@pytest.mark.parametrize("shape", [(2, 3), (4,)])
def test_auroc_refuses_a_table_that_is_not_square(shape):
    with pytest.raises(
        ValueError, match=r"rho must be (square|a mat).*; got shape \(.*\)"
    ):
        matched_auroc(np.zeros(shape))


@pytest.mark.parametrize("known", [[[1.0]], [[np.nan, 0.2], [0.1, np.nan]]])
def test_auroc_needs_both_kinds_of_pairs(known):
    with pytest.raises(
        ValueError, match=r"rho must have a known entry on the diagonal and one off it"
    ):
        matched_auroc(known)
