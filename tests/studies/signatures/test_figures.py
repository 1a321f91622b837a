import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_hex
from numpy.testing import assert_allclose

from latentomics.signatures.channels import CHANNELS
from latentomics.studies.signatures.calibration import reliability_table
from latentomics.studies.signatures.figures import (
    CLASS_COLORS,
    PALETTE,
    plot_channels,
    plot_exposures,
    plot_front,
    plot_reliability,
    plot_selection,
    plot_similarity,
)


@pytest.fixture
def ax():
    figure, ax = plt.subplots()
    yield ax
    plt.close(figure)


@pytest.fixture
def counts(rng):
    return pd.Series(rng.poisson(20, 96), CHANNELS)


def test_a_bar_for_each_channel_in_the_colour_of_its_class(ax, counts, rng):
    shuffled = counts[list(rng.permutation(CHANNELS))]
    assert plot_channels(ax, shuffled, title="made") is ax
    bars = [bar for bar in ax.patches if bar.get_width() == 0.75]
    assert [bar.get_height() for bar in bars] == counts.tolist()
    colors = [to_hex(bar.get_facecolor()) for bar in bars]
    assert colors == [CLASS_COLORS[c[2:5]] for c in CHANNELS]
    assert ax.get_title(loc="left") + ax.get_title() == "made"


def test_strips_count_numbers_or_shares(ax, counts):
    plot_channels(ax, counts * 100)
    told = [text.get_text() for text in ax.texts]
    sums = (counts * 100).groupby([c[2:5] for c in CHANNELS]).sum()
    assert told == [f"{change}  {sums[change]:,}" for change in CLASS_COLORS]
    assert ax.get_ylabel() == "mutations"
    ax.clear()
    plot_channels(ax, counts / counts.sum(), contexts=True)
    shares = sums / sums.sum()
    told = [text.get_text() for text in ax.texts]
    assert told == [f"{change}  {shares[change]:.0%}" for change in CLASS_COLORS]
    assert ax.get_ylabel() == "share"
    names = [tick.get_text() for tick in ax.get_xticklabels()]
    assert names == [c[0] + c[2] + c[-1] for c in CHANNELS]


def test_the_colours_are_the_fields():
    assert list(CLASS_COLORS) == ["C>A", "C>G", "C>T", "T>A", "T>C", "T>G"]
    assert len(set(CLASS_COLORS.values())) == 6
    red, green, blue = (int(CLASS_COLORS["C>T"][i : i + 2], 16) for i in (1, 3, 5))
    assert red > 3 * max(green, blue)


def test_a_lost_channel_is_not_drawn_over(ax, counts):
    with pytest.raises(ValueError, match=r"all 96 channels; A\[C>A\]A missing"):
        plot_channels(ax, counts.iloc[1:])


def test_the_heat_map_writes_what_is_alike(ax):
    cosines = pd.DataFrame([[0.95, 0.2], [0.5, 0.8]], ["a", "b"], ["SBS1", "SBS2"])
    image = plot_similarity(ax, cosines)
    assert_allclose(image.get_array(), cosines)
    assert image.get_clim() == (0, 1)
    told = {text.get_position(): text.get_text() for text in ax.texts}
    assert told == {(0, 0): ".95", (1, 1): ".80"}
    assert [t.get_text() for t in ax.get_xticklabels()] == ["SBS1", "SBS2"]
    assert [t.get_text() for t in ax.get_yticklabels()] == ["a", "b"]


def test_exposures_stack_to_one(ax):
    E = pd.DataFrame(
        [[1, 3], [6, 2], [0, 0], [2, 6.2]], ["s", "t", "u", "v"], ["A", "B"]
    )
    groups = pd.Series(["x", "y", "y", "x"], E.index)
    assert plot_exposures(ax, E, groups=groups) is ax
    bars = ax.containers
    assert [b.get_label() for b in bars] == ["A", "B"]
    heights = np.array([[patch.get_height() for patch in b] for b in bars])
    # x: v before s, both mostly B; y: t before the empty one
    expected = [[2 / 8.2, 0.25, 0.75, 0], [6.2 / 8.2, 0.75, 0.25, 0]]
    assert_allclose(heights, expected)
    assert_allclose([patch.get_y() for patch in bars[1]], expected[0])
    assert [t.get_text() for t in ax.get_xticklabels()] == ["x", "y"]
    assert_allclose(ax.get_xticks(), [0.5, 2.5])
    assert len(ax.lines) == 1  # between the two


def test_many_signatures_are_told_apart(ax, rng):
    E = pd.DataFrame(rng.random((3, 20)))
    plot_exposures(ax, E)
    looks = [(to_hex(b[0].get_facecolor()), b[0].get_hatch()) for b in ax.containers]
    assert len(set(looks)) == 20
    assert looks[0][0] == looks[len(PALETTE)][0]


def test_selection_shows_what_is_there(ax):
    table = pd.DataFrame({"stability": [0.9, 0.8]}, [3, 4])
    plot_selection(ax, table, chosen=4, least=0.85)
    assert [line.get_label() for line in ax.lines[:1]] == ["stability"]
    assert ax.lines[1].get_ydata()[0] == 0.85
    [band] = ax.patches
    assert (band.get_x(), band.get_width()) == pytest.approx((3.7, 0.6))
    plot_selection(ax, table.assign(accuracy=[0.5, 0.6]))
    assert ax.lines[-1].get_label() == "accuracy"
    assert ax.get_ylabel() == "stability, accuracy (no unit)"
    plot_selection(ax, table.assign(macro_f1=[0.5, 0.6]))
    assert ax.lines[-1].get_label() == "macro F1"
    assert ax.get_ylabel() == "stability, macro F1 (no unit)"
    assert ax.get_xticks().tolist() == [3, 4]


def test_reliability_lies_where_the_table_says(ax, rng):
    p = rng.random(200)
    table = reliability_table(p, rng.random(200) < p, 5)
    plot_reliability(ax, table, label="made")
    [points] = ax.collections[-1:]
    assert_allclose(points.get_offsets(), table[["confidence", "observed"]])
    segments = np.array(ax.containers[0].lines[2][0].get_segments())
    assert_allclose(segments[:, 0, 1], table["low"])
    assert_allclose(segments[:, 1, 1], table["high"])
    sizes = points.get_sizes()
    assert np.argmax(sizes) == table["n"].to_numpy().argmax()


def test_the_front_is_joined_and_the_choice_is_ringed(ax):
    table = pd.DataFrame(
        {"stability": [0.9, 0.5, 0.7], "log_loss": [0.8, 0.9, 0.4]},
        index=["a", "b", "c"],
    ).assign(front=[True, False, True])
    assert plot_front(ax, table, chosen="c", least=0.85) is ax
    all_, front, ring, line = ax.lines
    assert_allclose(all_.get_xdata(), table["stability"])
    assert_allclose(front.get_xydata(), [[0.7, 0.4], [0.9, 0.8]])
    assert_allclose(ring.get_xydata(), [[0.7, 0.4]])
    assert line.get_xdata() == [0.85, 0.85]
    assert "nats" in ax.get_ylabel()
