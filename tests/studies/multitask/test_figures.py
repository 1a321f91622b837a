import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.cluster.hierarchy import fcluster, leaves_list

from latentomics.plot import LABELS
from latentomics.studies.multitask.figures import (
    cut_height,
    plot_agreement,
    plot_clusters,
    plot_drug_tree,
    plot_groups,
    plot_marks,
    plot_tree,
    plot_weights,
)
from latentomics.studies.multitask.weights import cluster_drugs


@pytest.fixture
def ax():
    figure, ax = plt.subplots()
    yield ax
    plt.close(figure)


@pytest.fixture
def tree(rng):
    return cluster_drugs(rng.normal(size=(20, 9)), 3)[1]


@pytest.mark.parametrize("k", range(1, 10))
def test_a_cut_crosses_as_many_branches_as_clusters(tree, k):
    labels = fcluster(tree, cut_height(tree, k), criterion="distance")
    assert len(set(labels)) == k


def test_tree_has_a_bracket_per_join_and_a_line_per_cut(ax, tree):
    assert plot_tree(ax, tree, cuts=(8, 2)) is ax
    assert len(ax.lines) == 8 + 2
    widest = max(line.get_xdata().max() for line in ax.lines[:8])
    assert_allclose(widest, tree[-1, 2])
    assert {line.get_xdata()[0] for line in ax.lines[8:]} == {
        cut_height(tree, 8),
        cut_height(tree, 2),
    }


def test_leaves_of_the_tree_lie_beside_the_rows(ax, tree):
    plot_tree(ax, tree)
    ends = [(x, y) for line in ax.lines for x, y in zip(*line.get_data(), strict=True)]
    assert sorted(y for x, y in ends if x == 0) == list(range(9))


def test_bands_cover_the_clusters_in_order(ax, tree):
    plot_clusters(ax, tree, 3)
    labels = fcluster(tree, 3, criterion="maxclust")[leaves_list(tree)]
    sizes = [band.get_height() for band in ax.patches]
    in_order = [np.sum(labels == c) for c in dict.fromkeys(labels)]
    assert_allclose(sizes, in_order)
    assert [text.get_text() for text in ax.texts] == ["1", "2", "3"]
    assert ax.get_title(loc="center") == "3"


def test_weights_are_drawn_around_zero(ax):
    W = np.arange(6.0).reshape(2, 3) - 2
    image = plot_weights(ax, W, limit=1.5)
    assert_array_equal(image.get_array(), W)
    assert image.get_clim() == (-1.5, 1.5)


def test_every_member_has_a_bar_in_the_column_of_its_group(ax):
    plot_groups(ax, ["mek", None, "egfr", "mek"], ["egfr", "mek"])
    bars = [(int(b.get_x()), b.get_y() + b.get_height() / 2) for b in ax.patches]
    assert bars == [(0, 2), (1, 0), (1, 3)]
    assert [t.get_text() for t in ax.get_xticklabels()] == ["egfr", "mek"]


def test_marked_rows_have_an_asterisk(ax):
    plot_marks(ax, [False, True, True])
    assert [text.get_position()[1] for text in ax.texts] == [1, 2]


def test_names_stand_in_the_order_of_the_tree_and_the_colour_of_their_group(ax):
    tree = cluster_drugs(np.array([[0.0, 9.0, 0.5]]), 2)[1]
    names, groups = ["Lapatinib", "AZD6244", "Erlotinib"], ["EGFR", "none", "EGFR"]
    plot_drug_tree(ax, tree, names, groups, {"EGFR": "#ff0000"})
    found = {t.get_text(): t.get_color() for t in ax.get_yticklabels()}
    assert [*found] == [
        "AZD6244",
        "Lapatinib · EGFR",
        "Erlotinib · EGFR",
    ]
    assert found["Erlotinib · EGFR"] == "#ff0000"
    assert found["AZD6244"] == "#737373"


def test_agreement_has_a_labelled_line_per_method(ax):
    table = pd.DataFrame({"ridge": [0.1, 0.2], "measured": [0.3, 0.2]}, index=[2, 3])
    plot_agreement(ax, table, chance=0.05)
    assert [line.get_label() for line in ax.lines] == [
        LABELS["ridge"],
        LABELS["measured"],
    ]
    assert_array_equal(ax.lines[0].get_data(), [[2, 3], [0.1, 0.2]])
    assert [patch.get_label() for patch in ax.patches] == ["chance"]
