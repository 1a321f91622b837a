"""Which spikes of a drug are enriched in a group of cell lines."""

import numpy as np
import pandas as pd

from latentomics.matrices import aligned, aligned_like, as_truths, check_dense
from latentomics.metrics import enrichment

SIGNS = {1: "above", -1: "below"}  # relative to the fit


def enriched_spikes(signs, seen, masks, *, fdr):
    """Keep a drug's spikes of one sign that are enriched in a group of lines.

    For every drug, sign and group: are there more spikes in the group than expected by
    chance (hypergeometric tail over the measured lines of the drug, Benjamini-Hochberg
    over all tests)? Step iii of RT-DMF; see :func:`latentomics.metrics.enrichment`.

    Parameters
    ----------
    signs : array of shape (n_drugs, n_lines)
        1 and -1 for a spike above and below the fit, 0 for none.
    seen : bool array of shape (n_drugs, n_lines)
        Measured entries, the universe of each drug; tables are matched by name.
    masks : DataFrame of bool, groups x lines
        From :func:`group_masks`.
    fdr : float
        Largest q value at which a group counts as enriched.

    Returns
    -------
    kept : bool array of shape (n_drugs, n_lines)
    tests : DataFrame
        `drug` (row number), `sign` ("above" or "below" the fit), `group`, `hits`,
        `expected`, `pvalue`, `qvalue`; one row per test, none left out.
    """
    seen = aligned_like(seen, signs, name="seen", by="signs")
    masks = aligned_like(masks, signs, name="masks", by="signs", axes=[1])
    signs, seen = np.asarray(signs), as_truths(seen, "seen")
    groups = as_truths(masks, "masks")
    hits = np.concatenate([signs == sign for sign in SIGNS])
    result = enrichment(hits, groups, np.tile(seen, (len(SIGNS), 1)))
    found = (result.qvalue <= fdr) @ groups  # in at least one such group
    kept = (hits & found).reshape(len(SIGNS), *signs.shape).any(axis=0)
    levels = [SIGNS.values(), range(len(signs)), masks.index]
    index = pd.MultiIndex.from_product(levels, names=["sign", "drug", "group"])
    columns = ("hits", "expected", "pvalue", "qvalue")
    tests = pd.DataFrame({c: getattr(result, c).ravel() for c in columns}, index)
    return kept, tests.reset_index()


def group_masks(groups, lines):
    """Return which line belongs to which group, a DataFrame of bool, groups x lines.

    Parameters
    ----------
    groups : array, Series or table of labels, of shape (n_lines,) or (n_lines, n_kinds)
        The group of each line; with several columns (tissue, subtype) the groups of
        each are named "column: label". Missing labels belong to no group.
    lines : Index or int
        Names of the lines, or their number. Labels and lines are matched by name if
        both have names, otherwise by position.

    Raises
    ------
    ValueError
        If there are no groups, or not one label for each line.
    """
    check_dense(groups, "groups")
    if groups is None:
        raise ValueError('groups must be given to fit with keep="enriched"; got None')
    try:
        labels = pd.DataFrame(groups)
    except ValueError:
        raise ValueError(
            f"groups must be labels, or a table of them; got {groups!r}"
        ) from None
    if not labels.columns.is_unique:
        raise ValueError(f"groups must have unique columns; got {[*labels.columns]}")
    n_lines = lines if isinstance(lines, int) else len(lines)
    if len(labels) != n_lines:
        raise ValueError(
            f"groups must have one label for each of {n_lines} lines; "
            f"got {len(labels)}: are the lines in the rows?"
        )
    names = None if isinstance(lines, int) else lines
    labels = aligned(labels, names, name="groups", by="the lines").map(_as_label)
    masks = {}
    for kind, column in labels.items():
        for label in sorted(column.dropna().unique()):
            name = label if labels.shape[1] == 1 else f"{kind}: {label}"
            masks[name] = (column == label).to_numpy(bool, na_value=False)
    if not masks:
        raise ValueError("groups must hold a label; got only missing ones")
    return pd.DataFrame(masks).T


def _as_label(cell):
    """Return a label as text, and a missing one as None."""
    if not pd.api.types.is_scalar(cell):
        raise ValueError(f"groups must hold labels, text or numbers; got {cell!r}")
    return None if pd.isna(cell) else str(cell)
