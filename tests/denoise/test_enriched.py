import warnings

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.stats import false_discovery_control, hypergeom
from sklearn.exceptions import ConvergenceWarning

from latentomics.denoise import ResidualThresholdedDMF
from latentomics.denoise.enriched import enriched_spikes, group_masks

N_DRUGS, N_LINES = 6, 60
TISSUES = np.array(["blood", "lung", "skin"])[np.arange(N_LINES) // 20]


@pytest.fixture
def spikes(rng):
    """Signs of the spikes, and what is measured: drug 2 strikes skin, above."""
    seen = rng.random((N_DRUGS, N_LINES)) < 0.8
    signs = rng.choice([-1, 0, 1], p=[0.05, 0.9, 0.05], size=seen.shape)
    signs[2, 40:50] = 1
    return signs * seen, seen


def slow(signs, seen, masks, fdr):
    """One test at a time, all of them counted, by SciPy's own functions."""
    rows = []
    for sign, name in ((1, "above"), (-1, "below")):
        for drug in range(len(signs)):
            hit = signs[drug] == sign
            for group, mask in masks.items():
                N, K, n = seen[drug].sum(), (seen[drug] & mask).sum(), hit.sum()
                k = (hit & mask).sum()
                rows.append((name, drug, group, k, hypergeom.sf(k - 1, N, K, n)))
    q = false_discovery_control([row[-1] for row in rows])
    kept = np.zeros(signs.shape, bool)
    for (name, drug, group, _, _), value in zip(rows, q, strict=True):
        if value <= fdr:
            kept[drug] |= (signs[drug] == {"above": 1, "below": -1}[name]) & masks[
                group
            ]
    return kept, rows, q


@pytest.mark.parametrize("fdr", [1e-12, 0.05, 0.5])
def test_agrees_with_a_slow_loop_over_all_tests(spikes, fdr):
    signs, seen = spikes
    masks = {tissue: TISSUES == tissue for tissue in ("blood", "lung", "skin")}
    kept, tests = enriched_spikes(signs, seen, group_masks(TISSUES, N_LINES), fdr=fdr)
    by_hand, rows, q = slow(signs, seen, masks, fdr)
    assert_array_equal(kept, by_hand)
    columns = ["sign", "drug", "group", "hits"]
    assert tests[columns].to_records(index=False).tolist() == [row[:4] for row in rows]
    # log-factorials of 60, to 1e-13 or so
    assert_allclose(tests["pvalue"], [row[4] for row in rows], rtol=1e-10)
    assert_allclose(tests["qvalue"], q, rtol=1e-10)
    assert len(tests) == 2 * N_DRUGS * 3
    assert (tests["hits"] == 0).any()  # counted, though they can say nothing


def test_the_planted_group_is_kept_and_scattered_spikes_are_not(spikes):
    signs, seen = spikes
    kept, _ = enriched_spikes(signs, seen, group_masks(TISSUES, N_LINES), fdr=0.05)
    skin = TISSUES == "skin"
    assert_array_equal(kept[2], (signs[2] == 1) & skin)
    assert not np.delete(kept, 2, axis=0).any()


def test_signs_are_tested_apart(spikes):
    signs, seen = spikes
    signs[2, 45:50] *= -1  # the group is still full of spikes, half of each sign
    signs[2, 41] = -1
    seen = seen | (signs != 0)
    _, tests = enriched_spikes(signs, seen, group_masks(TISSUES, N_LINES), fdr=0.05)
    hits = tests[(tests["drug"] == 2) & (tests["group"] == "skin")].set_index("sign")
    skin = TISSUES == "skin"
    assert hits["hits"]["above"] == (signs[2] == 1)[skin].sum()
    assert hits["hits"]["below"] == (signs[2] == -1)[skin].sum()
    _, both = enriched_spikes(abs(signs), seen, group_masks(TISSUES, N_LINES), fdr=0.05)
    together = both.query("drug == 2 and sign == 'above' and group == 'skin'")
    assert float(together["pvalue"].iloc[0]) < hits["pvalue"].min()


def test_what_was_not_measured_is_no_part_of_the_universe(spikes):
    signs, seen = spikes
    seen = seen.copy()
    seen[2] = (signs[2] != 0) | (TISSUES == "skin")
    _, tests = enriched_spikes(signs, seen, group_masks(TISSUES, N_LINES), fdr=0.05)
    row = tests.query("drug == 2 and sign == 'above' and group == 'skin'").iloc[0]
    hit = signs[2] == 1
    share = (seen[2] & (TISSUES == "skin")).sum() / seen[2].sum()
    assert_allclose(row["expected"], hit.sum() * share)
    assert row["pvalue"] > 1e-3  # of nearly all measured lines, nearly all are skin


def test_groups_of_several_columns_are_all_tested():
    table = pd.DataFrame({"tissue": ["skin", "skin", "lung"], "stage": [2, 1, 2]})
    masks = group_masks(table, 3)
    assert masks.index.tolist() == [
        "tissue: lung",
        "tissue: skin",
        "stage: 1",
        "stage: 2",
    ]
    expected = [[0, 0, 1], [1, 1, 0], [0, 1, 0], [1, 0, 1]]
    assert_array_equal(masks.to_numpy(), np.array(expected, bool))
    assert masks.to_numpy().dtype == bool


@pytest.mark.parametrize(
    "labels",
    [
        ["skin", None, "lung", np.nan],
        pd.Series(["skin", None, "lung", None], index=list("abcd")),
        pd.Series(["skin", None, "lung", None], dtype="string"),
        pd.Categorical(["skin", None, "lung", None]),
        np.array(["skin", None, "lung", None]),
    ],
    ids=["list", "series", "string", "categories", "array"],
)
def test_a_missing_label_is_no_group(labels):
    masks = group_masks(labels, 4)
    assert masks.index.tolist() == ["lung", "skin"]
    assert_array_equal(masks.to_numpy(), [[0, 0, 1, 0], [1, 0, 0, 0]])


@pytest.mark.parametrize(
    ("groups", "says"),
    [
        (None, r"groups must be given to fit with keep=\"enriched\"; got None"),
        (["skin"] * 3, r"groups must have one label for each of 4 lines; got 3: are "),
        ([None] * 4, r"groups must hold a label; got only missing ones"),
        ([["a"], ["b"], [("c",)], ["d"]], r"groups must hold labels, .* got \('c',\)"),
        (
            pd.DataFrame(np.full((4, 2), "a"), columns=["t", "t"]),
            r"groups must have unique columns; got \['t', 't'\]",
        ),
        ("skin", r"groups must be labels, or a table of them; got 'skin'"),
        ({"a": "skin"}, r"groups must be labels, or a table of them; got \{'a': 's"),
    ],
)
def test_messages(groups, says):
    with pytest.raises(ValueError, match=says):
        group_masks(groups, 4)


def test_named_labels_are_matched_by_name():
    labels = pd.Series({"c": "skin", "a": "lung", "b": "skin"})
    masks = group_masks(labels, pd.Index(["a", "b", "c"]))
    assert_array_equal(masks.loc["skin"], [False, True, True])
    assert_array_equal(masks.loc["lung"], [True, False, False])
    numbered = group_masks(["lung", "skin", "skin"], pd.Index(["a", "b", "c"]))
    assert_array_equal(numbered, masks)
    shuffled = pd.Series(["skin", "lung", "skin"], index=[2, 0, 1])
    matched = group_masks(shuffled, pd.RangeIndex(3)).loc["lung"]
    assert_array_equal(matched, [True, False, False])
    assert_array_equal(group_masks(shuffled, 3).loc["lung"], [False, True, False])


@pytest.mark.parametrize(
    ("names", "says"),
    [
        (["a", "b", "q"], "the same row names as the lines.* called 'c' and 'q'"),
        (["a", "b", "c", "d"], "one label for each of 3 lines; got 4"),
        (["a", "b", "b"], "unique row names; got 'b' 2 times"),
    ],
)
def test_names_that_do_not_match_are_refused(names, says):
    labels = pd.Series("skin", index=names)
    with pytest.raises(ValueError, match=f"groups must have {says}"):
        group_masks(labels, pd.Index(["a", "b", "c"]))


@pytest.fixture
def screen(rng):
    """Rank 2 plus noise, 60 lines x 12 drugs, gaps; drug 3 strikes skin by 3."""
    X = rng.normal(size=(N_LINES, 2)) @ rng.normal(size=(2, 12))
    X += 0.1 * rng.normal(size=X.shape)
    scattered = (rng.random(X.shape) < 0.02) & (np.arange(12) != 3)
    planted = np.zeros(X.shape, bool)
    planted[40:50, 3] = True
    gaps = (rng.random(X.shape) < 0.1) & ~planted
    X = np.where(gaps, np.nan, X + 3.0 * planted + 3.0 * scattered)
    return X, planted, scattered & ~gaps


def model(**given):
    settings = {"eta": 1.5, "hidden": (2,), "scale": None, "learning_rate": 0.01}
    last = {"keep": "enriched", "max_iter": 600, "dtype": "float64"}
    return ResidualThresholdedDMF(**{**settings, **last, **given})


def fit(model, X, **given):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return model.fit(X, **given)


def test_a_planted_group_returns_and_scattered_spikes_do_not(screen):
    X, planted, scattered = screen
    one = fit(model(), X, groups=TISSUES)
    every = fit(model(keep="all"), X)
    assert every.kept_[scattered].mean() > 0.9
    # the fit takes one or the other line of the group along
    assert one.kept_[planted].mean() > 0.6
    assert not one.kept_[scattered].any()
    found = one.enrichment_.sort_values("qvalue").iloc[0]
    assert (found["drug"], found["sign"], found["group"]) == (3, "above", "skin")
    assert_array_equal(one.low_rank_, every.low_rank_)
    assert_array_equal(one.corrected_[one.kept_], X[one.kept_])
    assert_array_equal(one.corrected_[~one.kept_], one.low_rank_[~one.kept_])


def test_lines_in_the_columns_are_refused(screen):
    with pytest.raises(ValueError, match=r"for each of 12 lines; got 60: are the lin"):
        model().fit(screen[0].T, groups=TISSUES)


def test_groups_follow_the_names_of_the_lines(screen):
    X = pd.DataFrame(screen[0]).rename("line {}".format).add_prefix("drug ")
    tissues = pd.Series(TISSUES, index=X.index)
    one = fit(model(), X, groups=TISSUES)
    two = fit(model(), X, groups=tissues.sample(frac=1, random_state=0))
    assert_array_equal(one.kept_, two.kept_)
    three = fit(model(), X, groups=tissues[::-1])
    assert_array_equal(one.kept_, three.kept_)


def test_fdr_decides(screen):
    strict, usual = (
        fit(model(fdr=q), screen[0], groups=TISSUES) for q in (1e-15, 0.05)
    )
    assert not strict.kept_.any()
    assert usual.kept_.any()


def test_groups_are_asked_for_before_the_fit(screen):
    with pytest.raises(
        ValueError, match=r"groups must be given to fit with keep=\"enr"
    ):
        model(max_iter=10**9).fit(screen[0])


def test_labels_of_shuffled_lines_are_matched_by_name():
    lines = pd.Index([f"line {i}" for i in range(N_LINES)])
    labels = pd.Series(TISSUES, lines)
    turned = labels.sample(frac=1, random_state=0)
    assert turned.index[0] != lines[0]
    masks = group_masks(turned, lines)
    np.testing.assert_array_equal(masks, group_masks(TISSUES, N_LINES))
