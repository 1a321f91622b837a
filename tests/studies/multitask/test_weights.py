import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.stats import hypergeom
from sklearn.cluster import AgglomerativeClustering
from sklearn.linear_model import Ridge

from latentomics.metrics import clustering_accuracy
from latentomics.studies.multitask.simulate import planted_mechanisms
from latentomics.studies.multitask.weights import (
    agreement,
    cluster_drugs,
    clustering_table,
    enriched_sets,
    top_features,
    unique_genes,
)


@pytest.fixture
def planted(rng):
    """50 features x 24 drugs of 4 directions; amplitudes differ tenfold."""
    group = rng.permutation(np.arange(24) % 4)
    W = rng.normal(size=(50, 4))[:, group] + 0.2 * rng.normal(size=(50, 24))
    return W, np.array(["braf", "mek", "egfr", "top2"])[group]


def spread(W, rng):
    return W * 2.0 ** rng.integers(-3, 4, W.shape[1])


def test_planted_groups_are_found(planted):
    W, group = planted
    labels, tree = cluster_drugs(W, 4)
    assert tree.shape == (23, 4)
    assert set(labels) == {1, 2, 3, 4}
    assert agreement(labels, group) == 1


@pytest.mark.parametrize("n_clusters", [1, 3, 7, 24])
def test_clusters_are_those_of_scikit_learn(rng, n_clusters):
    W = rng.normal(size=(30, 24))
    labels, _ = cluster_drugs(W, n_clusters)
    same = AgglomerativeClustering(n_clusters, linkage="ward").fit_predict(W.T)
    assert len(set(labels)) == n_clusters
    assert clustering_accuracy(same, labels) == 1


def test_the_first_join_by_hand():
    _, tree = cluster_drugs(np.array([[0.0, 3.0, 7.0, 0.0], [0.0, 4.0, 7.0, 1.0]]), 2)
    assert_array_equal(tree[0, :2], [0, 3])
    assert_allclose(tree[0, 2], 1)  # scipy gives sqrt(2 * Delta), here the distance


def test_unit_norm_looks_at_directions_alone(planted, rng):
    W, group = planted
    scaled = spread(W, rng)
    one, two = (cluster_drugs(M, 4, unit_norm=True) for M in (W, scaled))
    assert_array_equal(one[0], two[0])  # powers of 2: exactly
    assert_array_equal(one[1], two[1])
    assert agreement(two[0], group) == 1
    assert agreement(cluster_drugs(scaled, 4)[0], group) < 0.6  # measured .1


def test_drugs_without_weights_are_one_cluster(planted):
    W = planted[0].copy()
    W[:, :5] = 0
    for unit_norm in (False, True):
        labels, _ = cluster_drugs(W, 8, unit_norm=unit_norm)
        assert len(set(labels[:5])) == 1
    assert len(set(cluster_drugs(np.zeros((4, 6)), 3)[0])) == 1


def test_a_gap_is_filled_with_the_mean_of_its_drug(rng):
    Y = rng.normal(size=(20, 9)) + 4 * rng.normal(size=9)
    gaps = rng.random(Y.shape) < 0.3
    means = np.array([y[~gap].mean() for y, gap in zip(Y.T, gaps.T, strict=True)])
    filled = cluster_drugs(np.where(gaps, means, Y), 3)
    gappy = np.where(gaps, np.nan, Y)
    for form in (gappy, pd.DataFrame(gappy), np.ma.array(Y, mask=gaps)):
        labels, tree = cluster_drugs(form, 3)
        assert_array_equal(labels, filled[0])
        assert_allclose(tree, filled[1])


def test_agreement_by_hand():
    assert agreement([1, 1, 2, 2], ["x", "x", "y", "y"]) == 1
    assert agreement([5, 5, 3, 3], ["y", "y", "x", "x"]) == 1
    assert_allclose(agreement([1, 1, 1, 1], ["x", "x", "y", "y"]), 0, atol=1e-12)
    assert_allclose(agreement([1, 2, 1, 2], ["x", "x", "y", "y"]), -0.5)
    # one pair together in both, 3 and 2 in each: (1 - 3 * 2 / 6) / (2.5 - 1) = 0
    assert_allclose(agreement([1, 1, 1, 2], ["x", "x", "y", "y"]), 0, atol=1e-12)


@pytest.mark.parametrize("unknown", [None, np.nan])
def test_drugs_without_a_group_are_left_out(unknown):
    groups = ["x", unknown, "x", "y", unknown, "y"]
    assert agreement([1, 2, 1, 2, 1, 2], groups) == 1
    assert agreement([1, 2, 1, 2, 1, 2], pd.Series(groups)) == 1


def test_chance_is_at_zero(rng):
    groups = np.arange(60) % 5
    scores = [agreement(rng.integers(0, 5, 60), groups) for _ in range(200)]
    assert abs(np.mean(scores)) < 0.01  # sd of the mean .002


def test_a_table_of_rivals(planted, rng):
    W, group = planted
    matrices = {
        "weights": W,
        "scaled": spread(W, rng),
        "noise": rng.normal(size=W.shape),
    }
    table = clustering_table(matrices, group, 4)
    assert list(table.columns) == ["what", "scaling", "ari"]
    assert list(table.what) == [name for name in matrices for _ in range(2)]
    ari = table.pivot(index="what", columns="scaling", values="ari")
    assert list(ari.columns) == ["raw", "unit-norm"]
    assert (ari.loc["weights"] == 1).all()
    assert ari.loc["scaled", "unit-norm"] == 1
    assert ari.loc["scaled", "raw"] < 0.6
    assert (ari.loc["noise"].abs() < 0.2).all()
    for row in table.itertuples():
        labels, _ = cluster_drugs(
            matrices[row.what], 4, unit_norm=row.scaling == "unit-norm"
        )
        assert row.ari == agreement(labels, group)


def test_names_bring_groups_and_drugs_together(planted, rng):
    W, group = planted
    drugs = [f"drug {t}" for t in range(24)]
    groups = pd.Series(group, drugs).sample(frac=1, random_state=0)
    W = pd.DataFrame(W, columns=drugs)
    assert (clustering_table({"W": W}, groups, 4).ari == 1).all()
    fewer = groups.where(groups.index != drugs[3])
    assert (clustering_table({"W": W}, fewer, 4).ari == 1).all()
    with pytest.raises(ValueError, match="groups must have .* as 'W'.* 'drug 3'$"):
        clustering_table({"W": W}, groups.drop("drug 3"), 4)


def test_responses_tell_groups_only_without_their_offsets():
    made = planted_mechanisms(random_state=0)
    Y = {"offsets": made.Y, "centred": made.Y - made.Y.mean()}
    table = clustering_table(Y, made.group, 6).set_index(["what", "scaling"]).ari
    # 4 seeds: .60 to .84 against .08 to .13
    assert table["centred", "raw"] > 0.5
    assert table["offsets", "raw"] < 0.25


def test_top_features_by_hand():
    W = np.array([[3.0, -1.0], [1.0, 2.0], [2.0, 0.0], [-9.0, -1.0]])
    first, all_of_them = top_features(W, 2), top_features(pd.DataFrame(W), 100)
    assert_array_equal(first, [[1, 0, 1, 0], [0, 1, 0, 0]])
    assert_array_equal(all_of_them, [[1, 1, 1, 0], [0, 1, 0, 0]])
    assert first.dtype == bool


def test_ties_go_to_the_earlier_feature_and_100_are_marked(rng):
    ties = np.tile([1.0, 2.0], 200)[:, None]
    assert_array_equal(np.flatnonzero(top_features(ties, 30)), np.arange(1, 61, 2))
    W = rng.normal(size=(500, 3))
    top = top_features(W)
    assert_array_equal(top.sum(axis=1), 100)
    for t in range(3):
        assert W[top[t], t].min() > W[~top[t], t].max()


def test_features_of_one_gene_are_collapsed():
    marked = np.array([[1, 0, 0, 0], [0, 1, 1, 0], [0, 0, 0, 0]], dtype=bool)
    table = unique_genes(marked, ["TP53", "BRAF", "TP53", "ABL1"])
    assert list(table.columns) == ["TP53", "BRAF", "ABL1"]
    assert_array_equal(table, [[1, 0, 0], [1, 1, 0], [0, 0, 0]])


def test_enrichment_by_hand():
    genes = ["a", "b", "c", "a", "d", "e"]
    W = pd.DataFrame({"x": [3, 2, -1, 1, 0, 0.5], "y": [-1, 0, 4, -1, 0, 0]}, genes)
    sets = pd.DataFrame(
        [[True, True, False, True], [False, False, True, False], [0, 0, 0, 1]],
        ["ab", "c", "elsewhere"],
        ["b", "a", "c", "unmeasured"],
    ).astype(bool)
    table = enriched_sets(W, genes, sets, n_top=3)
    assert list(table.columns) == [
        "drug",
        "set",
        "hits",
        "expected",
        "pvalue",
        "qvalue",
    ]
    assert list(table.drug) == ["x", "x", "y", "y"]
    assert list(table.set) == ["ab", "c", "ab", "c"]
    # five genes a to e; hits of x are its three features a, b, a; those of y just c
    assert_array_equal(table.hits, [2, 0, 0, 1])
    assert_allclose(table.expected, [0.8, 0.4, 0.4, 0.2])
    p = [hypergeom.sf(k - 1, 5, K, n) for k, K, n in ((2, 2, 2), (0, 1, 2))]
    assert_allclose(table.pvalue, [*p, 1, 0.2])
    assert_allclose(table.qvalue, [0.4, 1, 1, 0.4])


def test_planted_modules_are_found(rng):
    made = planted_mechanisms(n_features=1000, random_state=3)
    modules = made.module_of_gene
    W = (modules.to_numpy()[[0, 4, 7]] * rng.random((3, 1000))).T
    W = W + 0.2 * rng.normal(size=W.shape)
    table = enriched_sets(W, made.X.columns, modules)
    assert list(table.drug.unique()) == [0, 1, 2]
    best = table.loc[table.groupby("drug").qvalue.idxmin()]
    assert_array_equal(best.set, modules.index[[0, 4, 7]])
    assert (best.qvalue < 1e-10).all()
    rest = table.drop(best.index)
    assert (rest.qvalue > 0.01).all()


def test_what_a_ridge_learns_is_enriched_in_the_modules_of_the_mechanism():
    made = planted_mechanisms(noise=0.3, noisy_share=0.0, dense=0.0, random_state=0)
    Y = made.Y - made.Y.mean()
    W = Ridge(alpha=200.0).fit(made.X.to_numpy(), Y.to_numpy()).coef_.T
    W = pd.DataFrame(W, columns=Y.columns)
    table = enriched_sets(W, made.X.columns, made.module_of_gene)
    p = table.pivot(index="drug", columns="set", values="pvalue").loc[Y.columns]
    strongest = made.effects.abs().idxmax()
    assert (p.idxmin(axis=1) == strongest).mean() > 0.5  # chance 1/12


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda W: cluster_drugs(W[:, :1], 1), "that at least 2; got 1 for 1"),
        (
            lambda W: cluster_drugs(W, 25),
            "n_clusters must be at most .*; got 25 for 24",
        ),
        (
            lambda W: cluster_drugs(W, 0),
            "n_clusters must be a whole number of at least 1",
        ),
        (lambda W: cluster_drugs(W[:, 0], 2), "W must be a matrix"),
        (lambda W: cluster_drugs(W / np.zeros(24), 2), "W must be finite, or NaN"),
        (
            lambda W: cluster_drugs(np.where(np.arange(24) == 3, np.nan, W), 2),
            r"W must hold a number for every drug; got none in column \[3\]",
        ),
        (
            lambda W: agreement([1, 2], ["x"]),
            r"groups must be a list of 2 labels; got shape",
        ),
        (lambda W: agreement([1, 2], ["x", None]), "known of 2 drugs; got 1"),
        (
            lambda W: top_features(W, 0),
            "n_top must be a whole number of at least 1; got 0",
        ),
        (
            lambda W: top_features(np.where(W > 1, np.nan, W)),
            "W must be finite, without NaN",
        ),
        (
            lambda W: unique_genes(W > 0, ["a"]),
            r"a column for each of 1 genes; got bool of shape \(50, 24\)",
        ),
        (lambda W: unique_genes(W.T, ["a"] * 50), "marked must be .*; got float64"),
        (
            lambda W: unique_genes(W.T > 0, [None, *["a"] * 49]),
            r"genes must name every feature; got none in position \[0\]",
        ),
    ],
)
def test_messages(planted, call, message):
    with np.errstate(divide="ignore"), pytest.raises(ValueError, match=message):
        call(planted[0])


def test_messages_about_sets(planted):
    W, genes = planted[0], [f"g{i}" for i in range(50)]
    sets = pd.DataFrame([[True, False]], ["s"], ["g1", "g2"])
    with pytest.raises(ValueError, match="sets must be a DataFrame .*; got ndarray"):
        enriched_sets(W, genes, sets.to_numpy())
    with pytest.raises(ValueError, match="sets must be a DataFrame of bool"):
        enriched_sets(W, genes, sets.astype(int))
    with pytest.raises(ValueError, match="sets must have unique genes; got 'g1' twice"):
        enriched_sets(W, genes, sets.set_axis(["g1", "g1"], axis=1))
    with pytest.raises(ValueError, match="sets must share a gene .*; got none"):
        enriched_sets(W, genes, sets.set_axis(["h1", "h2"], axis=1))
    with pytest.raises(ValueError, match="for each of 49 genes"):
        enriched_sets(W, genes[1:], sets)


def test_rounding_decides_no_tie(rng):
    W = np.zeros((60, 40))
    W[rng.integers(60, size=40), np.arange(40)] = rng.normal(size=40)
    W[rng.integers(60, size=40), np.arange(40)] = rng.normal(size=40)
    labels, tree = cluster_drugs(W, 8, unit_norm=True)
    for _ in range(20):
        noisy = W * (1 + 1e-14 * rng.normal(size=W.shape))
        again, other = cluster_drugs(1e5 * noisy, 8, unit_norm=True)
        assert_array_equal(again, labels)
        assert_array_equal(other[:, :2], tree[:, :2])
