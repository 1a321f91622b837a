"""Plots of catalogues, signatures and exposures: tables and an `ax` in, `ax` out."""

import numpy as np
import pandas as pd

from latentomics.plot import style
from latentomics.signatures.channels import (
    CHANNELS,
    CLASSES,
    align_channels,
    trinucleotide,
)

# The field's colours; strips also name the class, for greyscale prints
CLASS_COLORS = dict(
    zip(
        CLASSES,
        ("#03bcee", "#010101", "#e32926", "#cac9c9", "#a1ce63", "#ebc6c4"),
        strict=True,
    )
)
PER_CLASS = 16
STRIP = 0.09  # height of the strips, as a share of the height of the axes
# safe for colour-blind readers, light and dark in turn; hatched from the ninth on
PALETTE = (
    *(style.BLUE, style.ORANGE, style.GREEN, style.SKY),
    *(style.RED, style.YELLOW, style.NAVY, style.PINK),
)
HATCHES = ("", "///", "...")


def plot_channels(ax, values, *, contexts=False, title=""):
    """Draw the 96 channels of one sample or signature, a bar each.

    A strip above each substitution class shows its colour, name and sum: a percentage
    if all 96 channels sum to 1, otherwise a number.

    Parameters
    ----------
    values : Series of shape (96,)
        Aligned by name; shares or numbers of mutations.
    contexts : bool, default=False
        Whether to write the trinucleotide under each bar, in small print.
    title : str
    """
    frame = pd.DataFrame([values.to_numpy()], [title or "values"], values.index)
    values = align_channels(frame, "values").iloc[0].to_numpy(float)
    colors = [CLASS_COLORS[channel[2:5]] for channel in CHANNELS]
    ax.bar(np.arange(96), values, 0.75, color=colors)
    shares = np.isclose(values.sum(), 1)
    for number, change in enumerate(CLASSES):
        part = values[number * PER_CLASS : (number + 1) * PER_CLASS].sum()
        _strip(ax, number, change, f"{part:.0%}" if shares else f"{part:,.0f}")
    ax.set(xlim=(-0.8, 95.8), ylabel="share" if shares else "mutations")
    ax.set_ylim(0, 1.05 * values.max() or 1)
    ax.set_xticks([])
    if contexts:
        names = [trinucleotide(channel) for channel in CHANNELS]
        ax.set_xticks(np.arange(96), names, rotation=90, fontsize=3.6)
        ax.tick_params(axis="x", length=0, pad=1)
    if title:
        ax.set_title(title, pad=16)
    return ax


def _strip(ax, number, change, told):
    """Draw the strip of one class above the axes."""
    left = number * PER_CLASS - 0.4
    across = ax.get_xaxis_transform()  # x in bars, y in heights of the axes
    ax.fill_between(
        [left, left + PER_CLASS - 0.2],
        1.02,
        1.02 + STRIP,
        color=CLASS_COLORS[change],
        transform=across,
        clip_on=False,
        lw=0,
    )
    dark = change in ("C>G", "C>T")
    ax.text(
        left + PER_CLASS / 2,
        1.02 + STRIP / 2,
        f"{change}  {told}",
        transform=across,
        ha="center",
        va="center_baseline",
        fontsize=7,
        color="w" if dark else "k",
    )


def plot_similarity(ax, cosines, *, write_from=0.8):
    """Draw cosines as a heat map, rows = found, columns = known signatures.

    Parameters
    ----------
    cosines : DataFrame
        As :func:`latentomics.signatures.similarity.similarity` returns it; choose
        columns with ``match_columns``.
    write_from : float, default=0.8
        Cosines of at least this are written into their cells.

    Returns
    -------
    AxesImage
        For a colour bar.
    """
    image = ax.imshow(cosines, aspect="auto", cmap="Greys", vmin=0, vmax=1)
    for i, j in np.argwhere(cosines.to_numpy() >= write_from):
        value = cosines.iat[i, j]
        text = f"{value:.2f}".removeprefix("0")
        ax.text(j, i, text, ha="center", va="center", color="w", fontsize=6)
    ax.set_xticks(range(cosines.shape[1]), cosines.columns, rotation=90, fontsize=7)
    ax.set_yticks(range(cosines.shape[0]), cosines.index, fontsize=8)
    ax.tick_params(length=0)
    ax.spines[:].set_visible(False)
    return image


def plot_exposures(ax, exposures, *, groups=None):
    """Draw the exposures of each sample as a stacked bar of height 1.

    Within a group, samples are sorted by the signature with the largest mean in it.

    Parameters
    ----------
    exposures : DataFrame of shape (n_samples, n_signatures)
        Non-negative; each row is scaled to sum to 1, a row of zeros stays empty.
    groups : Series of shape (n_samples,), optional
        Drawn side by side in the order of their first sample, named below.
    """
    total = exposures.sum(axis=1)
    shares = exposures.div(total.where(total > 0, 1), axis=0)
    if groups is None:
        groups = pd.Series("", exposures.index)
    blocks = [_sorted(shares[groups == name]) for name in groups.unique()]
    table = pd.concat(blocks)
    bottom = np.zeros(len(table))
    for number, (name, part) in enumerate(table.items()):
        face = PALETTE[number % len(PALETTE)]
        look = {"color": face, "hatch": HATCHES[number // len(PALETTE) % 3]}
        ax.bar(np.arange(len(table)), part, 1, bottom, label=name, lw=0, **look)
        bottom += part.to_numpy()
    ends = np.cumsum([len(block) for block in blocks])
    for end in ends[:-1]:
        ax.axvline(end - 0.5, color="w", lw=2)
    middles = ends - np.array([len(block) for block in blocks]) / 2 - 0.5
    ax.set_xticks(middles, groups.unique())
    ax.tick_params(axis="x", length=0)
    ax.set(xlim=(-0.5, len(table) - 0.5), ylim=(0, 1), ylabel="share of mutations")
    return ax


def _sorted(block):
    """Return samples sorted by the signature with the largest mean in their group."""
    return block.sort_values(block.mean().idxmax(), ascending=False, kind="stable")


def plot_selection(ax, table, *, chosen=None, least=None):
    """Draw stability and accuracy against the number of signatures.

    Parameters
    ----------
    table : DataFrame
        Index = numbers of signatures; columns `stability`, `accuracy` and `macro_f1`,
        at most 1, any may be missing.
    chosen : int, optional
        Marked with a grey band.
    least : float, optional
        Smallest stability accepted, drawn as a dotted line.
    """
    looks = {
        "stability": {"color": style.BLUE, "marker": "o", "ls": "-"},
        "accuracy": {"color": style.ORANGE, "marker": "s", "ls": "--"},
        "macro_f1": {"color": style.ORANGE, "marker": "^", "ls": "-."},
    }
    shown = [name for name in looks if name in table]
    told = [name.replace("macro_f1", "macro F1") for name in shown]
    for name, label in zip(shown, told, strict=True):
        ax.plot(table.index, table[name], label=label, ms=4, **looks[name])
    if least is not None:
        ax.axhline(least, color=style.BLUE, lw=0.9, ls=":")
    if chosen is not None:
        ax.axvspan(chosen - 0.3, chosen + 0.3, color="0.88", lw=0, zorder=0)
    ax.set(xlabel="number of signatures", ylabel=f"{', '.join(told)} (no unit)")
    ax.set_xticks(table.index)
    ax.set_ylim(top=1.02)
    return ax


def plot_front(ax, table, *, chosen=None, least=None):
    """Draw the points of a grid by stability and log loss, joining the Pareto front.

    Parameters
    ----------
    table : DataFrame
        With `stability`, `log_loss` (nats) and `front`, as that of
        :class:`latentomics.signatures.selection.Selection`.
    chosen : label, optional
        Row of the point that was chosen, circled.
    least : float, optional
        Smallest stability accepted, drawn as a dotted line.
    """
    front = table[table["front"]].sort_values("stability", kind="stable")
    ax.plot(table["stability"], table["log_loss"], "o", color="0.6", ms=4)
    ax.plot(front["stability"], front["log_loss"], "o-", color=style.BLUE, ms=4)
    if chosen is not None:
        at = table.loc[chosen]
        look = {"mfc": "none", "mec": style.ORANGE, "mew": 1.5, "ms": 10}
        ax.plot(at["stability"], at["log_loss"], "o", **look)
    if least is not None:
        ax.axvline(least, color=style.BLUE, lw=0.9, ls=":")
    ax.set(xlabel="stability (no unit)", ylabel="log loss on lines held out (nats)")
    return ax


def plot_reliability(ax, table, *, label=None, color=style.BLUE):
    """Draw how often predictions came true against their confidence.

    On the dashed diagonal a model is calibrated; above it is underconfident, below it
    overconfident. Bars are 95% intervals; larger points hold more predictions.

    Parameters
    ----------
    table : DataFrame
        As :func:`.calibration.reliability_table` returns it.
    label : str, optional
    color : colour
    """
    ax.plot([0, 1], [0, 1], color="0.6", lw=0.9, ls="--", zorder=0)
    below, above = table["observed"] - table["low"], table["high"] - table["observed"]
    ax.errorbar(
        table["confidence"],
        table["observed"],
        [below.clip(lower=0), above.clip(lower=0)],
        color=color,
        lw=1.2,
        label=label,
    )
    size = 8 + 80 * table["n"] / table["n"].sum()
    ax.scatter(table["confidence"], table["observed"], size, color=color, zorder=3)
    ax.set(xlim=(0, 1), ylim=(0, 1.02), aspect="equal")
    ax.set(xlabel="predicted probability", ylabel="share that came true")
    return ax
