"""Labels, masks and folds that are none: one sentence, and no gap dropped."""

import numpy as np
import pandas as pd
import pytest
from house_named import A6, B6, FOLDS, GUESSED, LABELS, TRUE6, scored
from numpy.testing import assert_array_equal
from scipy import sparse

from latentomics import metrics, signatures
from latentomics.matrices import as_truths
from latentomics.metrics import clustering_accuracy
from latentomics.multitask import InductiveKFold
from latentomics.signatures.labels import read_labels
from latentomics.studies.denoise import downstream, implicit_rank
from latentomics.studies.denoise.downstream_network import pretrained_predictions
from latentomics.studies.multitask import comparisons, weights
from latentomics.studies.multitask.comparisons import distinct_drugs, within_groups
from latentomics.studies.sensing import theory

NA = pd.Series(["a", "b", pd.NA, "a"], dtype="string")
HIDDEN = np.ma.array([1, 1, 0, 0, 1, 1, 0, 0], mask=[0, 0, 1] + 5 * [0])
SPARSE = sparse.csr_array(np.eye(8, 6))
MASK = np.ma.array(TRUE6.to_numpy(), mask=np.eye(8, 6))
NO_MASK = "drugs must be a boolean mask of shape "
SETS = pd.DataFrame([[True, False]], ["set"], ["a", "b"])


def compare(drugs):
    return comparisons.compare(GUESSED, "one", "two", drugs=drugs, n_resamples=9)


def enriched(sets):
    return weights.enriched_sets(A6, list("aabbaabb"), sets, n_top=2)


REFUSED = {
    "accuracy NA": (lambda: clustering_accuracy(NA, [0, 1, 1, 0]), "labels_true must"),
    "accuracy masked": (
        lambda: clustering_accuracy([0] * 8, HIDDEN),
        r"labels_pred must have a label in every position; got none in position \[2\]",
    ),
    "agreement NA": (
        lambda: weights.agreement(NA, list("aabb")),
        r"labels must have a label in every position; got none in position \[2\]",
    ),
    "groups short": (
        lambda: within_groups(GUESSED, [1, 2, 3]),
        r"groups must be a list of 8 labels; got shape \(3,\)",
    ),
    "groups one": (lambda: within_groups(GUESSED, "skin"), "of 8 labels; got 'skin'"),
    "groups apart": (
        lambda: within_groups(GUESSED, np.arange(8)),
        "groups must put two lines on which a drug was measured into one; got none",
    ),
    "drugs short": (lambda: compare([True, False]), NO_MASK + ".*bool of shape .2,"),
    "drugs names": (lambda: compare(["gene 0"]), NO_MASK + ".*object of shape .1,"),
    "drugs places": (lambda: compare([0, 1, 0, 0]), NO_MASK + ".*int64 of shape .4"),
    "drugs counted": (lambda: compare([0, 1] * 3), NO_MASK + ".*int64 of shape .6"),
    "folds short": (
        lambda: downstream.drug_mean_predictions(A6, [0, 1]),
        r"folds must be a list of 8 labels; got shape \(2,\)",
    ),
    "folds text": (
        lambda: downstream.drug_mean_predictions(A6, list("ababaabb")),
        "folds must be non-negative whole numbers; got 'a'",
    ),
    "folds below 0": (
        lambda: downstream.drug_mean_predictions(A6, FOLDS - 1),
        "folds must be non-negative whole numbers; got -1",
    ),
    "folds masked": (
        lambda: downstream.drug_mean_predictions(A6, HIDDEN),
        r"folds must have a label in every position; got none in position \[2\]",
    ),
    "folds one": (
        lambda: pretrained_predictions(A6, B6, A6, [0] * 8),
        "folds must be at least 3; got 1",
    ),
    "block of numbers": (
        lambda: scored(block=TRUE6.to_numpy() * 1.0),
        r"block must be a boolean matrix; got float64 with shape \(8, 6\)",
    ),
    "block masked": (lambda: scored(block=MASK), "block must be a boolean matrix; got"),
    "seen masked": (lambda: scored(seen=MASK), "seen must be a boolean matrix; got"),
    "hits masked": (lambda: metrics.enrichment(MASK, TRUE6), "hits must be a boolean"),
    "marked masked": (
        lambda: weights.unique_genes(MASK, list("aabbcc")),
        "marked must be a boolean matrix",
    ),
    "genes masked": (
        lambda: weights.unique_genes(TRUE6.to_numpy(), HIDDEN[:6]),
        r"genes must name every feature; got none in position \[2\]",
    ),
    "sets with a gap": (
        lambda: enriched(SETS.astype("boolean").where(SETS)),
        "sets must be a DataFrame of bool, .*; got DataFrame of object",
    ),
    "sets no table": (lambda: enriched([[True]]), "of bool, .*; got list$"),
    "eta groups": (
        lambda: implicit_rank.eta_squared(A6, HIDDEN),
        r"groups must have a label in every position; got none in position \[2\]",
    ),
    "runs masked": (
        lambda: signatures.consensus(np.ma.array(np.ones((2, 3, 4)), mask=True)),
        "runs must be .*finite|got 24 NaN",
    ),
    "a run masked": (
        lambda: signatures.consensus([A6**2, np.ma.masked_less(B6**2, 0.01)]),
        "got .* NaN",
    ),
    "runs unequal": (
        lambda: signatures.consensus([np.ones((2, 3)), np.ones((3, 3))]),
        r"runs must have one shape; got \[\(2, 3\), \(3, 3\)\]",
    ),
    "sparse atoms": (lambda: theory.coherence(SPARSE), "D must be dense; got a sparse"),
    "sparse values": (lambda: implicit_rank.effective_rank(SPARSE), "s must be dense"),
    "sparse drugs": (lambda: distinct_drugs(SPARSE), "Y must be dense; got a sparse"),
    "sparse X": (lambda: next(InductiveKFold(2).split(SPARSE)), "X must be dense"),
    "sparse Y": (lambda: next(InductiveKFold(2).split(A6, SPARSE)), "Y must be dense"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_no_list_or_mask_is_refused_in_a_sentence(case):
    call, says = REFUSED[case]
    with pytest.raises(ValueError, match=says) as refusal:
        call()
    assert "\n" not in str(refusal.value)


def test_a_masked_mask_is_none_unless_nothing_is_masked():
    assert as_truths(MASK, "mask").dtype == object
    plain = np.ma.array(TRUE6.to_numpy())
    assert_array_equal(as_truths(plain, "mask"), TRUE6)
    assert scored(block=plain, seen=plain | True) == scored(seen=TRUE6 | True)


def test_sets_of_nullable_bool_are_sets():
    pd.testing.assert_frame_equal(enriched(SETS.astype("boolean")), enriched(SETS))


def test_drugs_may_be_chosen_by_a_list_or_a_nullable_mask():
    known = compare(np.array([True, False] * 3))
    assert compare([True, False] * 3) == known
    assert compare(pd.array([True, False] * 3, dtype="boolean")) == known
    assert compare(None) != known


def test_a_line_without_a_group_is_left_out():
    without = LABELS.where(np.arange(8) != 3)
    given = GUESSED.Y.copy()
    given.iloc[3] = np.nan
    other = type(GUESSED)(given, GUESSED.setting, GUESSED.values)
    known = within_groups(other, LABELS)
    assert not known.equals(within_groups(GUESSED, LABELS))
    for groups in (without, without.to_numpy(), without.astype("string")):
        pd.testing.assert_series_equal(within_groups(GUESSED, groups), known)


def test_a_drug_without_two_lines_of_a_group_is_left_out():
    given = GUESSED.Y.copy()
    given.iloc[2:, 0] = np.nan
    given.iloc[:2, 0] = [1.0, np.nan]
    other = type(GUESSED)(given, GUESSED.setting, GUESSED.values)
    assert np.isfinite(within_groups(other, LABELS)).all()


def test_distinct_drugs_of_an_array_are_those_of_a_table():
    Y = pd.concat([A6, A6["gene 0"] + 1], axis=1)
    Y.columns = [f"drug {k}" for k in range(7)]
    assert_array_equal(distinct_drugs(Y.to_numpy()), distinct_drugs(Y))
    assert not distinct_drugs(Y)[6]


@pytest.mark.parametrize("dtype", ["Int64", "int64[pyarrow]", object])
def test_whole_labels_beside_a_gap_stay_whole(dtype):
    y = pd.Series([0, 1, pd.NA, 0, 1], dtype=dtype)
    classes, codes = read_labels(y, 5)
    assert classes.dtype == "int64"
    assert codes.tolist() == [0, 1, -1, 0, 1]


def test_agreement_leaves_out_what_is_masked():
    groups = np.ma.array(["a", "a", "b", "b", "c"], mask=[0, 0, 0, 0, 1])
    assert weights.agreement([1, 1, 2, 2, 1], groups) == 1
    assert weights.agreement(["x", "x", 2, 2, "x"], groups) == 1


def test_runs_of_any_size_have_a_consensus():
    runs = np.random.default_rng(0).gamma(1.0, size=(3, 2, 8))
    known = signatures.consensus(runs)
    for power in (-900, 1020):
        found = signatures.consensus(runs / runs.max() * 2.0**power * 1.9)
        for one, two in zip(found, known, strict=True):
            np.testing.assert_allclose(one, two, rtol=1e-12)
