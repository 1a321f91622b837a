import matplotlib as mpl
import pytest
from matplotlib.colors import to_rgb

from latentomics.plot import COLORS, LABELS, use_style


def test_every_colour_has_a_label_and_is_a_colour():
    assert set(COLORS) == set(LABELS)
    assert all(to_rgb(color) for color in COLORS.values())


def test_methods_of_one_picture_differ_in_colour():
    together = [
        "constant",
        "perfect",
        "soft_impute",
        "stable_pcp",
        "dmf_published",
        "dmf_huber",
        "rt_dmf",
    ]
    assert len({COLORS[name] for name in together}) == len(together)


def test_style_is_set_and_no_figure_is_too_wide():
    with mpl.rc_context():
        use_style()
        assert mpl.rcParams["figure.figsize"][0] <= 6
        assert not mpl.rcParams["axes.spines.top"]


@pytest.mark.parametrize("name", ["rt_dmf", "stable_pcp", "soft_impute"])
def test_labels_are_words(name):
    assert "_" not in LABELS[name]
