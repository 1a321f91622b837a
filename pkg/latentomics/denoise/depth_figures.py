"""Pictures of the chapter on depth: arrays and an `ax` in, the `ax` out."""

import numpy as np

from latentomics.plot.style import BLACK, BLUE, GREEN, GREY, ORANGE, PINK

PATTERN_COLORS = (BLUE, ORANGE, GREEN, PINK)
# number of factors -> colour and line
DEPTH_STYLES = {1: (GREY, "-"), 2: (ORANGE, "--"), 3: (BLUE, "-"), 4: (BLACK, "-.")}


def plot_paths(ax, iteration, sizes, *, truth, best):
    """Draw singular values of a product over iterations.

    Parameters
    ----------
    ax : Axes
    iteration : array of shape (n_looks,)
    sizes : array of shape (n_looks, k)
        Largest first; those beyond the true patterns are grey.
    truth : sequence of float
        True singular values, at most four: ticks at the right edge.
    best : float or None
        Iteration with the lowest validation error, a dotted line.
    """
    rank = len(truth)
    ax.plot(iteration, sizes[:, rank:], color=GREY, lw=0.6)
    for path, color, level in zip(sizes.T, PATTERN_COLORS, truth, strict=False):
        ax.axhline(level, color=color, lw=0.9, ls=":")
        ax.plot(iteration, path, color=color)
    if best is not None:
        ax.axvline(best, color=BLACK, lw=0.9, ls="--")
    ax.set(xlim=(0, iteration[-1]), ylim=(0, None))
    ax.locator_params(axis="x", nbins=4)
    return ax


def plot_depths(ax, x, values, *, marker=""):
    """Draw one curve per depth; `values` is a dict of depth and array like `x`."""
    for depth, y in values.items():
        color, line = DEPTH_STYLES[depth]
        style = {"ls": "", "ms": 4, "mfc": "none"} if marker else {"ls": line}
        ax.plot(x, y, marker=marker, color=color, label=f"N = {depth}", **style)
    return ax


def plot_rotations(ax, chance, **marked):
    """Draw what random rotations give, and mark single values.

    Parameters
    ----------
    ax : Axes
    chance : array of shape (n_rotations,)
    **marked : (values, color, line, label)
        Each a list of values with the look of its lines.
    """
    ax.hist(chance, np.linspace(0, 1, 51), color="0.8", label="random rotations")
    for values, color, line, label in marked.values():
        for k, value in enumerate(values):
            ax.axvline(value, color=color, ls=line, label=None if k else label)
    ax.set(xlim=(0, 1), yticks=[])
    return ax
