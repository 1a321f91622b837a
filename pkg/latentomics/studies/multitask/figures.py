"""Figures of the weights of drugs: arrays and an `ax` in."""

import numpy as np
from matplotlib.colors import to_hex
from scipy.cluster.hierarchy import dendrogram, fcluster, leaves_list

from latentomics.plot import COLORS, LABELS

STYLES = ("-", "--", "-.", ":")
BANDS = ("#e4e4e4", "#b4b4b4")  # alternating for neighbouring clusters


def plot_tree(ax, tree, *, cuts=()):
    """Draw a tree beside the rows of a heat map, first leaf on top, root on the left.

    Parameters
    ----------
    tree : ndarray of shape (n_drugs - 1, 4)
        As :func:`latentomics.studies.multitask.weights.cluster_drugs` returns it.
    cuts : sequence of int
        Numbers of clusters; a dashed line crosses as many branches.
    """
    parts = dendrogram(tree, no_plot=True)
    for at, height in zip(parts["icoord"], parts["dcoord"], strict=True):
        ax.plot(height, (np.array(at) - 5) / 10, color="k", lw=0.6)
    for k, style in zip(cuts, STYLES[1:], strict=False):
        ax.axvline(cut_height(tree, k), color="k", lw=0.9, ls=style)
    ax.set(ylim=(len(tree) + 0.5, -0.5), xlim=(tree[-1, 2] * 1.02, 0))
    ax.set(xticks=[], yticks=[])
    ax.spines[:].set_visible(False)
    return ax


def cut_height(tree, n_clusters):
    """Return a height at which a line crosses the branches of `n_clusters` clusters.

    Half-way between two joins; for one cluster, above the last.
    """
    joins = np.r_[0, tree[:, 2], 1.1 * tree[-1, 2]]
    return joins[len(tree) + 1 - n_clusters : len(tree) + 3 - n_clusters].mean()


def plot_clusters(ax, tree, n_clusters):
    """Draw the clusters of a cut as a column of numbered bands, in the tree's order.

    Numbers count from the top, where the first leaf of the tree is.
    """
    labels = fcluster(tree, n_clusters, criterion="maxclust")[leaves_list(tree)]
    starts = np.flatnonzero(np.r_[True, labels[1:] != labels[:-1]])
    ends = np.r_[starts[1:], len(labels)]
    for number, (start, end) in enumerate(zip(starts, ends, strict=True)):
        ax.axhspan(start - 0.5, end - 0.5, color=BANDS[number % 2], lw=0)
        middle = (start + end - 1) / 2
        ax.text(0.5, middle, number + 1, ha="center", va="center", fontsize=7)
    ax.set(xlim=(0, 1), ylim=(len(labels) - 0.5, -0.5), xticks=[], yticks=[])
    ax.set_title(f"{n_clusters}", fontsize=8, loc="center")
    return ax


def plot_weights(ax, W, *, limit):
    """Draw weights, rows = drugs, as a heat map: red above 0, blue below.

    Parameters
    ----------
    W : array of shape (n_drugs, n_genes)
        Rows and columns in drawing order.
    limit : float
        Absolute weight at which colours saturate.

    Returns
    -------
    AxesImage
        For a colour bar.
    """
    image = ax.imshow(
        W, aspect="auto", interpolation="nearest", cmap="RdBu_r", clim=(-limit, limit)
    )
    ax.set(xticks=[], yticks=[])
    return image


def plot_groups(ax, groups, names):
    """Draw the group membership of drugs: a column per group, a bar per member.

    Parameters
    ----------
    groups : sequence of str, one for each drug in the order of the rows
    names : sequence of str
        The groups to draw, from left to right.
    """
    for column, name in enumerate(names):
        rows = np.flatnonzero(np.asarray(groups, dtype=object) == name)
        ax.barh(rows, 0.9, left=column + 0.05, height=1.0, color="k", lw=0)
        ax.axvline(column, color="0.8", lw=0.6, zorder=0)
    ax.set(xlim=(0, len(names)), ylim=(len(groups) - 0.5, -0.5), yticks=[])
    ax.set_xticks(np.arange(len(names)) + 0.5, names, rotation=90, fontsize=7)
    ax.tick_params(length=0)
    return ax


def plot_marks(ax, marked):
    """Write an asterisk beside every marked row."""
    for row in np.flatnonzero(marked):
        ax.text(0.5, row, "*", ha="center", va="center_baseline", fontsize=6)
    ax.set(xlim=(0, 1), ylim=(len(marked) - 0.5, -0.5))
    ax.axis("off")
    return ax


def plot_drug_tree(ax, tree, names, groups, colors):
    """Draw a tree of named drugs, each name in the colour of its group.

    The group is also written after the name, for printing in grey.

    Parameters
    ----------
    tree : ndarray of shape (n_drugs - 1, 4)
    names : sequence of str
    groups : sequence of str
        A drug whose group has no colour is named in grey, without its group.
    colors : dict of str to colour
    """
    plot_tree(ax, tree)
    order = leaves_list(tree)
    ax.set_yticks(
        range(len(order)), [_label(names[i], groups[i], colors) for i in order]
    )
    ax.yaxis.tick_right()
    ax.tick_params(length=0)
    for tick, i in zip(ax.get_yticklabels(), order, strict=True):
        tick.set(color=to_hex(colors.get(groups[i], "0.45")), fontsize=7)
    return ax


def _label(name, group, colors):
    return f"{name} · {group}" if group in colors else str(name)


def plot_agreement(ax, table, *, chance=None):
    """Draw agreement with known groups against the number of clusters.

    Parameters
    ----------
    table : DataFrame
        Index = numbers of clusters, columns = methods as the book names them.
    chance : float, optional
        Largest agreement expected by chance; drawn as a grey band.
    """
    if chance is not None:
        ax.axhspan(-chance, chance, color="0.88", lw=0, label="chance")
    styles = dict(zip(table.columns, ["-", "--", "-.", (0, (1, 1))], strict=False))
    for method, values in table.items():
        style = {"color": COLORS[method], "ls": styles.get(method, "-")}
        ax.plot(table.index, values, label=LABELS[method], **style)
    ax.set(xlabel="number of clusters", ylabel="adjusted Rand index (no unit)")
    return ax
