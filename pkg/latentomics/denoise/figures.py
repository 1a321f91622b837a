"""Pictures of part II: arrays and an `ax` in, the `ax` out."""

import numpy as np

from latentomics.plot import COLORS, LABELS

MARKERS = "osD^vPX*<>hp"


def plot_matrix(ax, M, title, *, limits, cmap="viridis"):
    """Draw a matrix as a heat map without ticks; return the image for a colour bar."""
    image = ax.imshow(M, aspect="auto", interpolation="nearest", cmap=cmap, clim=limits)
    ax.set(title=title, xticks=[], yticks=[])
    return image


def block_order(block):
    """Order rows and columns so that two planted blocks move to opposite corners.

    The blocks share no row and no column, so each has a singular vector of its own.
    """
    U, _, Vh = np.linalg.svd(block.astype(float), full_matrices=False)
    weights = np.abs(U[:, :2]), np.abs(Vh[:2].T)
    # rounding dust must not order what belongs to neither block
    keys = [np.round(w[:, 1] - w[:, 0], 9) for w in weights]
    return [np.argsort(key, kind="stable") for key in keys]


def plot_losses(ax, losses, *, eta):
    """Draw losses of one residual, each a name and a function of an array.

    The residual is given in multiples of the bound `eta`.
    """
    r = np.linspace(-3 * eta, 3 * eta, 301)
    styles = ["-", "--", "-.", ":"]
    for (name, loss), style in zip(losses.items(), styles, strict=False):
        ax.plot(r / eta, loss(r) / eta**2, style, label=name)
    ax.set(xlabel=r"residual ($\eta$)", ylabel=r"loss ($\eta^2$)")
    return ax


def plot_residuals(ax, R, spike, *, eta, color):
    """Draw the residuals of spikes over those of all other entries.

    `R` and `spike` are flat arrays over the same entries, `eta` the threshold.
    """
    bins = np.linspace(-0.25, 0.4, 66)
    ax.hist(R[~spike], bins, color="0.75", label="no spike")
    ax.hist(R[spike], bins, color=color, alpha=0.85, label="planted spike")
    ax.axvline(eta, color="k", lw=0.9, ls="--")
    ax.set(yscale="log", ylabel="entries")
    return ax


def plot_errors(ax, table):
    """Draw missed block entries against all wrong entries, one point per start.

    `table` has the columns `method`, `re_15` and `ibre_15`; up and to the left is
    what a method that sees nothing looks like, the lower left corner is best.
    """
    for marker, (method, rows) in zip(
        MARKERS, table.groupby("method", sort=False), strict=False
    ):
        ax.plot(
            rows["re_15"],
            rows["ibre_15"],
            marker,
            ms=6,
            alpha=0.85,
            color=COLORS[method],
            label=LABELS[method],
        )
    ax.set(xlim=(0, None), ylim=(0, None), xlabel="RE (wrong flags)")
    return ax
