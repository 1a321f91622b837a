import matplotlib.pyplot as plt
import numpy as np
import pytest
from numpy.testing import assert_array_equal

from latentomics.studies.denoise.figures import (
    plot_depths,
    plot_paths,
    plot_rotations,
)


@pytest.fixture
def ax():
    figure, ax = plt.subplots()
    yield ax
    plt.close(figure)


def test_every_path_is_drawn_and_the_truth_is_marked(ax):
    sizes = np.arange(12.0).reshape(4, 3)[:, ::-1]
    plot_paths(ax, np.arange(4), sizes, truth=[3.0, 2.0], best=2)
    drawn = [line.get_ydata() for line in ax.lines]
    for path in sizes.T:
        assert any(np.array_equal(path, y) for y in drawn)
    levels = [y[0] for y in drawn if len(y) == 2 and y[0] == y[1]]
    assert levels == [3.0, 2.0]
    assert_array_equal(ax.lines[-1].get_xdata(), [2, 2])
    count = len(ax.lines)
    plot_paths(ax, np.arange(4), sizes, truth=[3.0, 2.0], best=None)
    assert len(ax.lines) == 2 * count - 1


def test_every_depth_has_its_label(ax):
    plot_depths(ax, [0, 1], {1: [0, 1], 3: [1, 2]})
    plot_depths(ax, [0, 1], {1: [0, 1]}, marker="o")
    assert [line.get_label() for line in ax.lines] == ["N = 1", "N = 3", "N = 1"]
    assert [line.get_linestyle() for line in ax.lines] == ["-", "-", "None"]


def test_marked_values_share_one_label(ax):
    plot_rotations(ax, np.array([0.2, 0.3]), ours=([0.5, 0.6], "k", "-", "ours"))
    assert sum(bar.get_height() for bar in ax.patches) == 2
    assert [line.get_xdata()[0] for line in ax.lines] == [0.5, 0.6]
    assert ax.get_legend_handles_labels()[1].count("ours") == 1
