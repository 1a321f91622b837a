import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_array_equal
from scipy.stats import spearmanr

from latentomics.denoise import GeneralSensitivity
from latentomics.metrics.correlation import SpearmanMatrix
from latentomics.studies.denoise.concordance import (
    agreement,
    agreement_table,
    compare,
    corrected_frames,
    matched_agree,
    sign_test,
    smallest_total,
)


@pytest.fixture
def studies(rng):
    """Two gappy studies of 60 lines, 40 shared; six drugs, the last unrelated."""
    truth = rng.normal(size=(80, 6))
    names = np.array([f"line{i}" for i in range(80)])
    found = {}
    for study, rows in (("left", slice(0, 60)), ("right", slice(20, 80))):
        X = truth[rows] + 0.5 * rng.normal(size=(60, 6))
        X[:, 5] = rng.normal(size=60)
        X[rng.random(X.shape) < 0.2] = np.nan
        drugs = [f"{study}{j}" for j in range(6)]
        found[study] = pd.DataFrame(X, names[rows], drugs)
    return found


@pytest.fixture
def pairs():
    order = [3, 0, 1, 5, 4]  # not the order of the columns, and one left out
    return pd.DataFrame(
        {s: [f"{s}{j}" for j in order] for s in ("left", "right")}
        | {"name": [f"drug{j}" for j in order]}
    )


@pytest.fixture
def lines(studies):
    return list(studies["left"].index.intersection(studies["right"].index))[::-1]


def test_agreement_counts_by_hand():
    rho = np.array([[0.5, 0.2, -0.4], [0.1, -0.6, 0.3], [0.0, 0.2, 0.7]])
    pvalue = np.array([[0.001, 0.002, 0.003], [0.5, 0.001, 0.009], [0.9, 0.011, 0.005]])
    scores = agreement(SpearmanMatrix(rho, pvalue, np.full((3, 3), 50)))
    assert scores["n_drugs"] == 3
    assert scores["significant"] == 2 / 3  # .5 and .7; -.6 has the wrong sign
    assert scores["mismatched"] == 2 / 6  # .2 and .3; p = .011 is not enough
    assert scores["opposed"] == 1 / 6  # -.4
    assert scores["auroc"] == pytest.approx((6 + 0 + 6) / 18)


def test_a_pair_without_correlation_is_not_significant():
    rho = np.array([[np.nan, 0.1], [0.2, 0.9]])
    pvalue = np.array([[np.nan, 0.5], [0.3, 0.001]])
    scores = agreement(SpearmanMatrix(rho, pvalue, np.full((2, 2), 20)))
    assert (scores["n_drugs"], scores["significant"]) == (2, 0.5)


def test_a_drug_agrees_if_positive_and_significant():
    rho = np.diag([0.5, -0.6, 0.2, np.nan]) + 0.7 * (1 - np.eye(4))
    pvalue = np.diag([0.009, 0.001, 0.01, np.nan])  # off the diagonal all are 0
    table = SpearmanMatrix(rho, pvalue, np.full((4, 4), 50))
    assert_array_equal(matched_agree(table), [True, False, False, False])
    assert matched_agree(table).mean() == agreement(table)["significant"]


@pytest.mark.parametrize(
    ("gained", "lost", "pvalue"),
    [
        (5, 0, 2 / 32),
        (0, 2, 1 / 2),
        (3, 1, 2 * 5 / 16),  # 4 or 3 of four tosses, both sides
        (1, 7, 2 * 9 / 256),
        (4, 4, 1),
        (0, 0, 1),
    ],
)
def test_the_sign_test_by_hand(gained, lost, pvalue):
    assert sign_test(gained, lost) == pytest.approx(pvalue)


@pytest.mark.parametrize("counts", [(-1, 2), (2, -1)])
def test_a_negative_number_of_changes_is_refused(counts):
    with pytest.raises(ValueError, match="gained and lost must be at least 0; got"):
        sign_test(*counts)


@pytest.mark.parametrize(
    ("percentages", "n"),
    [
        ([62.5], 8),
        ([62.5, 83.3], 24),  # 15 and 20
        ([35.7, 50], 14),
        ([66.6], 3),  # cut off, not rounded
        ([0, 100], 1),
    ],
)
def test_the_smallest_total_by_hand(percentages, n):
    assert smallest_total(percentages) == n


def test_the_smallest_total_depends_on_the_digits_printed():
    assert smallest_total([5.26], tolerance=0.01) == 19
    assert smallest_total([5], tolerance=1) == 17  # 1 of 17 is 5.9%
    assert smallest_total([33], tolerance=0.5, largest=3) == 3


@pytest.mark.parametrize("percentages", [[50, 101], [-1], [np.nan]])
def test_percentages_are_from_0_to_100(percentages):
    with pytest.raises(ValueError, match="percentages must be from 0 to 100; got"):
        smallest_total(percentages)


def test_percentages_of_no_total_are_refused():
    with pytest.raises(ValueError, match="at most 23 items; got"):
        smallest_total([62.5, 83.3], largest=23)


def test_shuffled_lines_agree_by_chance_only(rng):
    A, B = (pd.DataFrame(rng.normal(size=(60, 50))) for _ in range(2))
    named = pd.DataFrame({"a": A.columns, "b": B.columns})
    tables = compare({"a": A, "b": B}, {}, named, A.index)
    scores = agreement(tables["measured", "measured"])
    # .005 expected of 2450 pairs, standard error .0014
    assert 0 < scores["mismatched"] < 0.01
    assert 0 < scores["opposed"] < 0.01
    assert abs(scores["auroc"] - 0.5) < 0.12


def test_compare_takes_the_named_drugs_and_lines(studies, pairs, lines):
    table = compare(studies, {}, pairs, lines)["measured", "measured"]
    assert table.rho.shape == (5, 5)
    a = studies["left"].loc[lines, "left0"]
    b = studies["right"].loc[lines, "right4"]
    slow = spearmanr(a, b, nan_policy="omit")
    assert table.rho[1, 4] == pytest.approx(slow.statistic)
    assert table.pvalue[1, 4] == pytest.approx(slow.pvalue)
    assert table.n[1, 4] == (a.notna() & b.notna()).sum()


def test_the_measured_rows_use_the_measured_cells_only(studies, pairs, lines):
    filled = {s: X.fillna(-9.0) for s, X in studies.items()}
    tables = compare(studies, {"constant": filled}, pairs, lines)
    assert set(tables) == {
        ("measured", "measured"),
        ("constant", "measured"),
        ("constant", "filled"),
    }
    assert_array_equal(
        tables["constant", "measured"].rho, tables["measured", "measured"].rho
    )
    assert (tables["constant", "filled"].n == len(lines)).all()
    A, B = (filled[s].loc[lines, pairs[s]] for s in ("left", "right"))
    slow = spearmanr(A.iloc[:, 0], B.iloc[:, 3])
    assert tables["constant", "filled"].rho[0, 3] == pytest.approx(slow.statistic)


def test_each_side_is_compared_where_its_own_study_measured(studies, pairs, lines):
    studies["left"].loc[lines[:20], "left3"] = np.nan
    filled = {s: X.fillna(0.0) for s, X in studies.items()}
    n = compare(studies, {"zero": filled}, pairs, lines)["zero", "measured"].n
    seen = [studies[s].loc[lines, pairs[s]].notna().to_numpy() for s in studies]
    assert_array_equal(n, seen[0].T.astype(int) @ seen[1].astype(int))


def test_table_has_one_row_per_version_and_finds_the_related_drugs(
    studies, pairs, lines
):
    versions = {"same": studies}
    table = agreement_table(compare(studies, versions, pairs, lines), "left-right")
    assert list(table.columns) == [
        *("pair", "method", "cells", "n_drugs"),
        *("significant", "mismatched", "opposed", "auroc"),
    ]
    assert table[["method", "cells"]].to_numpy().tolist() == [
        ["measured", "measured"],
        ["same", "measured"],
        ["same", "filled"],
    ]
    assert set(table["pair"]) == {"left-right"}
    assert (table["significant"] == 0.8).all()  # four of five are related
    assert (table["auroc"] > 0.8).all()


def test_corrected_frames_keep_names_and_correct_each_study_alone(studies):
    fixed = corrected_frames(studies, GeneralSensitivity())
    assert list(fixed) == ["left", "right"]
    for name, X in studies.items():
        alone = GeneralSensitivity().fit(X).corrected_
        assert_array_equal(fixed[name].to_numpy(), alone)
        assert fixed[name].index.equals(X.index)
        assert fixed[name].columns.equals(X.columns)
