"""Figures of part II: arrays or tables and an `ax` in, the `ax` out."""

import numpy as np

from latentomics.plot import COLORS, LABELS
from latentomics.plot.style import BLACK, BLUE, GREEN, GREY, ORANGE, PINK

MARKERS = "osD^vPX*<>hp"
STUDY_MARKERS = {"GDSC1": "o", "CTRPv2": "s"}
PATTERN_COLORS = (BLUE, ORANGE, GREEN, PINK)
# number of factors -> colour and line style
DEPTH_STYLES = {1: (GREY, "-"), 2: (ORANGE, "--"), 3: (BLUE, "-"), 4: (BLACK, "-.")}


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
    # rounding must not order the rows and columns of neither block
    keys = [np.round(w[:, 1] - w[:, 0], 9) for w in weights]
    return [np.argsort(key, kind="stable") for key in keys]


def plot_losses(ax, losses, *, eta):
    """Draw losses of one residual; `losses` maps names to functions of an array.

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

    `table` has the columns `method`, `re_15` and `ibre_15`; a method that sees nothing
    lies at the upper left, the lower left corner is best.
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


def plot_paths(ax, iteration, sizes, *, truth, best):
    """Draw singular values of a product over iterations.

    Parameters
    ----------
    ax : Axes
    iteration : array of shape (n_looks,)
    sizes : array of shape (n_looks, k)
        Largest first; those beyond the true patterns are grey.
    truth : sequence of float
        True singular values, at most four: dotted lines.
    best : float or None
        Iteration with the lowest validation error: a dashed line.
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
    """Draw one curve per depth; `values` maps a depth to an array like `x`."""
    for depth, y in values.items():
        color, line = DEPTH_STYLES[depth]
        style = {"ls": "", "ms": 4, "mfc": "none"} if marker else {"ls": line}
        ax.plot(x, y, marker=marker, color=color, label=f"N = {depth}", **style)
    return ax


def plot_rotations(ax, chance, **marked):
    """Draw the distribution under random rotations, and mark single values.

    Parameters
    ----------
    ax : Axes
    chance : array of shape (n_rotations,)
    **marked : (values, color, line, label)
        Each a list of values with the style of its lines.
    """
    ax.hist(chance, np.linspace(0, 1, 51), color="0.8", label="random rotations")
    for values, color, line, label in marked.values():
        for k, value in enumerate(values):
            ax.axvline(value, color=color, ls=line, label=None if k else label)
    ax.set(xlim=(0, 1), yticks=[])
    return ax


def plot_fills(axes, table, scores, names):
    """Draw one score per panel, a row per method, a marker per study.

    `table` has the columns `study` and `method`, and those in `scores`, a dict of
    column to axis label; `names` maps a method to its label.
    """
    rows = {method: -i for i, method in enumerate(names)}
    known = COLORS | {"rt_chosen": COLORS["rt_dmf"]}
    for ax, (column, label) in zip(axes, scores.items(), strict=True):
        for study, part in table.groupby("study", sort=False):
            y, x = part["method"].map(rows), part[column]
            colors = [known.get(method, "0.45") for method in part["method"]]
            ax.scatter(x, y, marker=STUDY_MARKERS[study], c=colors, label=study)
        ax.set(xlabel=label, yticks=list(rows.values()))
        ax.grid(axis="y", color="0.9", lw=0.6)
    axes[0].set_yticklabels(names.values())
    return axes


def plot_thresholds(ax, table):
    """Draw error against threshold, scored on measured and on corrected values.

    `table` has the columns `eta` (text, in drawing order), `scored_on`, `network`
    and `drug_mean`.
    """
    looks = {"measured": "-o", "corrected": "--s"}
    for judge, part in table.groupby("scored_on", sort=False):
        look = looks[judge]
        label = f"network, on {judge} values"
        ax.plot(part["eta"], part["network"], look, color=COLORS["rt_dmf"], label=label)
        label = f"drug mean, on {judge} values"
        ax.plot(part["eta"], part["drug_mean"], look, color="0.6", label=label)
    ax.set(ylabel="RMSE (share of median AUC)")
    return ax
