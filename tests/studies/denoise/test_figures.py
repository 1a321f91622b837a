import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from latentomics.plot import LABELS
from latentomics.studies.denoise.figures import (
    block_order,
    plot_errors,
    plot_losses,
    plot_matrix,
    plot_residuals,
)


@pytest.fixture
def ax():
    figure, ax = plt.subplots()
    yield ax
    plt.close(figure)


def test_blocks_move_to_opposite_corners(rng):
    block = np.zeros((30, 20), bool)
    block[:6, :5] = block[6:13, 5:9] = True
    order = np.ix_(rng.permutation(30), rng.permutation(20))
    rows, columns = block_order(block[order])
    found = block[order][np.ix_(rows, columns)]
    assert found[:7, :4].all() or found[:6, :5].all()
    assert found[-6:, -5:].all() or found[-7:, -4:].all()
    assert found.sum() == block.sum()


def test_matrix_is_drawn_as_it_is(ax):
    M = np.arange(6.0).reshape(2, 3)
    image = plot_matrix(ax, M, "title", limits=(0, 4))
    assert_array_equal(image.get_array(), M)
    assert image.get_clim() == (0, 4)
    assert ax.get_title() == "title"


def test_losses_are_drawn_in_units_of_the_threshold(ax):
    plot_losses(ax, {"squared": lambda r: r**2 / 2}, eta=0.5)
    (line,) = ax.lines
    x, y = line.get_data()
    assert_allclose(y, x**2 / 2, atol=1e-12)
    assert line.get_label() == "squared"


def test_residuals_of_spikes_and_of_the_rest_are_counted_apart(ax):
    R = np.array([0.0, 0.0, 0.2, 0.3, 0.3])
    plot_residuals(ax, R, R > 0.1, eta=0.15, color="blue")
    heights = [sum(bar.get_height() for bar in bars) for bars in ax.containers]
    assert heights == [2, 3]


def test_every_method_of_the_table_is_a_labelled_point(ax):
    table = pd.DataFrame(
        {"method": ["rt_dmf", "constant"], "re_15": [300, 500], "ibre_15": [20, 30]}
    )
    plot_errors(ax, table)
    labels = [line.get_label() for line in ax.lines]
    assert labels == [LABELS["rt_dmf"], LABELS["constant"]]
    assert_array_equal(ax.lines[0].get_data(), [[300], [20]])


def test_no_method_is_left_out_for_want_of_a_marker(ax):
    known = list(LABELS)[: list(LABELS).index("general_sensitivity")]  # part II
    table = pd.DataFrame({"method": known, "re_15": 1, "ibre_15": 2})
    plot_errors(ax, table)
    assert {line.get_label() for line in ax.lines} == {LABELS[m] for m in known}
    assert len({line.get_marker() for line in ax.lines}) == len(known)
