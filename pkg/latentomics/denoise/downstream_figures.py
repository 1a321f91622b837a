"""Pictures of what a corrected screen is good for: tables and an `ax` in."""

import numpy as np

from latentomics.plot import COLORS

MARKERS = {"GDSC1": "o", "CTRPv2": "s"}
OFFSET = 0.18  # between two intervals of one row


def plot_fills(axes, table, scores, names):
    """Draw one score per panel, a row per method, a marker per study.

    `table` has the columns `study` and `method`, and those in `scores`, a dict of
    column to axis label; `names` maps a method to what a reader sees.
    """
    rows = {method: -i for i, method in enumerate(names)}
    known = COLORS | {"rt_chosen": COLORS["rt_dmf"]}
    for ax, (column, label) in zip(axes, scores.items(), strict=True):
        for study, part in table.groupby("study", sort=False):
            y, x = part["method"].map(rows), part[column]
            colors = [known.get(method, "0.45") for method in part["method"]]
            ax.scatter(x, y, marker=MARKERS[study], c=colors, label=study)
        ax.set(xlabel=label, yticks=list(rows.values()))
        ax.grid(axis="y", color="0.9", lw=0.6)
    axes[0].set_yticklabels(names.values())
    return axes


def plot_judges(ax, table, styles):
    """Draw the error of each model, line by line, as the judge changes.

    `table` has the columns `trained_on`, `scored_on` and `rmse`; `styles` maps a
    model to its label, marker and colour.
    """
    judges = list(table["scored_on"].unique())
    for model, (label, marker, color) in styles.items():
        part = table[table["trained_on"] == model].set_index("scored_on")
        ax.plot(judges, part.loc[judges, "rmse"], marker, color=color, label=label)
    ax.set(ylabel="RMSE (share of median AUC)")
    ax.margins(x=0.06)
    return ax


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


def plot_intervals(ax, table, looks):
    """Draw accuracies with their intervals, a row per task, a marker per version.

    `table` has the columns `task`, `version`, `accuracy`, `low` and `high`, and
    `chance`, which may be missing; `looks` maps a version to label, marker, colour.
    """
    rows = {task: -i for i, task in enumerate(table["task"].unique())}
    for k, (version, (label, marker, color)) in enumerate(looks.items()):
        part = table[table["version"] == version]
        y = part["task"].map(rows) + OFFSET * (1 - 2 * k)
        length = np.abs(part[["low", "high"]].sub(part["accuracy"], axis=0)).T
        look = {"fmt": marker, "color": color, "capsize": 2, "lw": 1}
        ax.errorbar(part["accuracy"], y, xerr=length.to_numpy(), label=label, **look)
    known = table.dropna(subset="chance").drop_duplicates("task")
    y = known["task"].map(rows)
    ax.plot(known["chance"], y, "x", color="0.45", ms=5, label="shuffled clusters")
    ax.set(yticks=list(rows.values()), yticklabels=list(rows), xlim=(0, 1.02))
    ax.set(xlabel="clustering accuracy (share of items)")
    return ax
