"""Choose the unlabelled samples that get pseudo-labels."""

import numpy as np


def draw_pseudo_labels(P, free, rng, *, threshold, rule="fixed", rounding="floor"):
    r"""Choose equally many samples of each class, at random among confident ones.

    The pool of class o holds the free samples whose largest probability is that of o
    and at least c_o. From each pool :math:`n = \lfloor \min_o |\text{pool}_o| / 2
    \rfloor` samples are drawn (algorithm 1 of the paper; book: ``eq-pseudo``).

    Parameters
    ----------
    P : ndarray of shape (n_classes, n_samples)
        Probabilities.
    free : bool ndarray of shape (n_samples,)
        Samples without a label.
    rng : numpy Generator
    threshold : float
        c for every class if `rule` is "fixed"; if "quantile", c_o is this quantile of
        the largest probabilities of the free samples predicted as o.
    rule : {"fixed", "quantile"}, default="fixed"
    rounding : {"floor", "ceil"}, default="floor"

    Returns
    -------
    list of ndarray of int
        Samples chosen, class by class; all empty if any pool is.
    """
    top, sure = P.argmax(axis=0), P.max(axis=0)
    pools = []
    for o in range(len(P)):
        lean = np.flatnonzero(free & (top == o))
        if rule == "quantile" and len(lean):
            lean = lean[sure[lean] >= np.quantile(sure[lean], threshold)]
        elif rule == "fixed":
            lean = lean[sure[lean] >= threshold]
        pools.append(lean)
    least = min(map(len, pools))
    n = -(-least // 2) if rounding == "ceil" else least // 2
    return [rng.choice(pool, n, replace=False) for pool in pools]


def votes(given, n_classes):
    """Return the class that more than half of the runs gave each sample, or -1.

    Parameters
    ----------
    given : ndarray of int of shape (n_runs, n_samples)
        -1 where a run gave none.

    Returns
    -------
    ndarray of int of shape (n_samples,)
    """
    counts = np.stack([(given == o).sum(axis=0) for o in range(n_classes)])
    return np.where(counts.max(axis=0) * 2 > len(given), counts.argmax(axis=0), -1)
