"""How well planted spikes are recovered."""

import numpy as np
from sklearn.metrics import precision_recall_fscore_support

from latentomics.matrices import aligned_like, read_matrix
from latentomics.metrics.enrichment import boolean_matrix


def spike_scores(D, L_hat, S_true, *, seen, block, eta):
    r"""Compare the spikes that a correction would flag with the planted ones.

    An entry is flagged where :math:`D - \hat L \ge \eta`, and is a spike where
    :math:`S \ge \eta`; residuals are signed, and only entries in `seen` count
    (book: ``eq-residual-error``).

    Parameters
    ----------
    D, L_hat, S_true : arrays of shape (n, p)
        Noisy data, estimated low rank, planted spikes, all in the same unit; tables are
        matched to `D` by row and column names.
    seen, block : boolean arrays of shape (n, p)
        Entries that were fitted; entries that belong to a planted block.
    eta : float
        Threshold, in the unit of `D`.

    Returns
    -------
    dict
        `re` (residual error): seen entries wrongly flagged or missed.
        `ibre` (in-block residual error): those in `block`. A block holds
        spikes only, so it counts misses: flagging everything scores 0.
        `precision`, `f1`: of the flags, on all seen entries.
        `recall`: share of the seen *block* entries that are flagged. It is not the
        recall behind `f1`, which counts the scattered spikes too.

    Raises
    ------
    ValueError
        If the five arrays differ in shape, a value is NaN, or a mask is not boolean.
    """
    L_hat, S_true, seen, block = (
        aligned_like(table, D, name=name, by="D")
        for name, table in zip(
            ("L_hat", "S_true", "seen", "block"),
            (L_hat, S_true, seen, block),
            strict=True,
        )
    )
    seen, block = boolean_matrix(seen, "seen"), boolean_matrix(block, "block")
    D, L_hat, S_true = (
        read_matrix(M, name, gaps=None)
        for M, name in ((D, "D"), (L_hat, "L_hat"), (S_true, "S_true"))
    )
    shapes = [np.shape(M) for M in (D, L_hat, S_true, seen, block)]
    if not np.isfinite(eta) or np.isnan([*map(np.sum, (D, L_hat, S_true))]).any():
        raise ValueError(f"eta, D, L_hat and S_true must be numbers; got eta {eta!r}")
    if len(set(shapes)) > 1:
        raise ValueError(
            f"D, L_hat, S_true, seen and block must have one shape; got {shapes}"
        )
    flag = (D - L_hat >= eta)[seen]
    spike = (S_true >= eta)[seen]
    inside = block[seen]
    wrong = flag != spike
    precision, _, f1, _ = precision_recall_fscore_support(
        spike, flag, average="binary", zero_division=0
    )
    return {
        "re": int(wrong.sum()),
        "ibre": int(wrong[inside].sum()),
        "precision": float(precision),
        "recall": float(np.mean(flag[inside])) if inside.any() else float("nan"),
        "f1": float(f1),
    }
