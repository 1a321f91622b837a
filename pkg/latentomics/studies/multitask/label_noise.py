"""Which drugs can be predicted at all: two tests against permuted responses."""

import numpy as np
import pandas as pd
from scipy.stats import iqr, mannwhitneyu

from latentomics.arrays import binary_unit
from latentomics.base import check_size
from latentomics.checks import check_positive, check_share, check_whole
from latentomics.matrices import aligned_like, first, names_of, read_matrix
from latentomics.studies.multitask.leave_out import error_form, precision, residuals

FEWEST_LINES = 4  # so that two are left to train on, however they are split


def informative_as_published(
    X,
    Y,
    *,
    n_splits=5,
    penalty=1.0,
    n_resamples=200,
    n_permutations=1000,
    level=0.01,
    random_state=0,
    progress=None,
):
    r"""Test each drug as the paper did, which calls pure noise informative too often.

    One of `n_splits` parts of a drug's measured lines is drawn at random as the test
    set V, and ridge regression is trained on the others (``eq-ridge-noise-test``):

    .. math:: e = \frac1{|V|} \sum_{i \in V} (y_i - \hat y_i)^2, \qquad
        (\hat w, \hat b) = \arg\min_{w, b}
        \sum_{i \notin V} (y_i - x_i^\top w - b)^2 + \alpha \|w\|^2

    This is repeated for `n_resamples` random V, giving as many errors of the true
    responses, and for `n_permutations` permuted copies of the responses, divided evenly
    among the same V. The one-sided rank-sum test [2] asks whether the errors of the
    true responses are smaller.

    The test assumes independent errors, but all of them come from one vector y: if it
    correlates with the features by chance, all its errors are small together. More
    resamples make a drug more likely to be called informative, without new information.
    On pure noise the false positive rate is many times the level, and larger for weaker
    penalties (book: ``ch-label-noise``); :func:`informative_calibrated` holds its
    level. The paper trains an elastic net [1]; with ridge, thousands of fits are one
    matrix product.

    Parameters
    ----------
    X : array or DataFrame of shape (n_lines, n_features)
        Features on comparable scales, without gaps.
    Y : array or DataFrame of shape (n_lines, n_drugs)
        Responses, any unit; NaN marks a gap. Each drug needs `n_splits` measured
        lines, and at least 4. Lines of two tables are matched by name.
    n_splits : int, default=5
        One in `n_splits` lines is held out.
    penalty : float, default=1.0
        :math:`\alpha > 0`, as a multiple of the mean eigenvalue of the Gram matrix
        of the drug's measured lines, features centred. The same in every fit.
    n_resamples, n_permutations : int, default=200, 1000
    level : float, default=0.01
        Between 0 and 1; drugs with a p-value of at most this are called informative.
    random_state : int, default=0
    progress : callable, optional
        Wraps the list of groups of drugs measured on the same lines, as
        ``tqdm.auto.tqdm`` does.

    Returns
    -------
    DataFrame
        One row per drug: `cv_mse`, the mean error (squared units of `Y`) of the true
        responses; `null_mean`, that of permuted ones; `pvalue`; `informative`, bool;
        `iqr`, the interquartile range of the measured responses (units of `Y`).

    Raises
    ------
    ValueError
        If `X` has gaps or does not vary, `Y` has a drug with too few lines or constant
        responses, their lines differ, or an argument is out of range.

    References
    ----------
    [1] Yuan et al. (2016). Sci Rep 6:31619.
    [2] Mann & Whitney (1947). Ann Math Stat 18:50-60.
    """
    check_whole(n_resamples=n_resamples, n_permutations=n_permutations)
    X, Y, names = _read(X, Y, n_splits, penalty, level, random_state)

    def test(rng, gram, responses):
        true, null = [], []
        P = precision(gram, penalty)
        for share in np.array_split(np.arange(n_permutations), n_resamples):
            held = rng.permutation(len(gram)) % n_splits == 0
            shuffled = _permutations(rng, responses, len(share))
            columns = np.concatenate([responses[:, :, None], shuffled], axis=2)
            misses = residuals(P, held, columns.reshape(len(gram), -1))
            errors = np.square(misses).mean(axis=0).reshape(columns.shape[1:])
            true.append(errors[:, 0])
            null.extend(errors[:, 1:].T)
        true, null = np.array(true), np.array(null)
        p = mannwhitneyu(true, null, alternative="less", method="asymptotic").pvalue
        return true.mean(axis=0), null.mean(axis=0), p

    return _per_drug(test, X, Y, names, level, random_state, progress)


def informative_calibrated(
    X,
    Y,
    *,
    n_splits=5,
    penalty=1.0,
    n_repeats=10,
    n_permutations=1000,
    level=0.01,
    random_state=0,
    progress=None,
):
    r"""Test each drug against permuted responses, at the nominal level.

    The statistic of a response vector y is e(y), the mean squared error of ridge
    predictions over all folds of `n_repeats` partitions, the same for every vector. If
    the responses do not depend on the features, all their orders are equally likely,
    and so are all ranks of e(y) among its values under M permutations [2]:

    .. math:: p = \frac{1 + \#\{m : e(\pi_m y) \le e(y)\}}{1 + M}

    (book: ``eq-permutation-p``). Hence p is at most a with probability at most a,
    whatever the dependence between folds, and never 0 [3]. Since :math:`\alpha` is
    chosen without y, e(y) is a quadratic form whose matrix serves all permutations.

    Parameters
    ----------
    X, Y, n_permutations, level, random_state, progress
        As in :func:`informative_as_published`.
    n_splits : int, default=5
        Folds per partition.
    penalty : float, default=1.0
        As in :func:`informative_as_published`.
    n_repeats : int, default=10
        Random partitions to average over.

    Returns
    -------
    DataFrame
        As in :func:`informative_as_published`.

    Raises
    ------
    ValueError
        As in :func:`informative_as_published`.

    References
    ----------
    [1] Yuan et al. (2016). Sci Rep 6:31619.
    [2] Ojala & Garriga (2010). JMLR 11:1833-1863.
    [3] Phipson & Smyth (2010). Stat Appl Genet Mol Biol 9:39.
    """
    check_whole(n_repeats=n_repeats, n_permutations=n_permutations)
    X, Y, names = _read(X, Y, n_splits, penalty, level, random_state)

    def test(rng, gram, responses):
        partitions = [rng.permutation(len(gram)) % n_splits for _ in range(n_repeats)]
        P = precision(gram, penalty)
        A = np.mean([error_form(P, fold) for fold in partitions], axis=0)
        true = np.einsum("it,ij,jt->t", responses, A, responses, optimize=True)
        null = np.empty((n_permutations, len(true)))
        for t, y in enumerate(responses.T):
            shuffled = _permutations(rng, y[:, None], n_permutations)[:, 0]
            null[:, t] = np.sum(shuffled * (A @ shuffled), axis=0)
        rounding = 1 + 1e-9  # a permutation that changes nothing is a tie
        smaller = np.sum(null <= true * rounding, axis=0)
        return true, null.mean(axis=0), (1 + smaller) / (1 + n_permutations)

    return _per_drug(test, X, Y, names, level, random_state, progress)


def _permutations(rng, responses, count):
    """Return `count` permutations of each column, shape (n_lines, n_drugs, count)."""
    repeated = np.repeat(responses[:, :, None], count, axis=2)
    return rng.permuted(repeated, axis=0)


def _per_drug(test, X, Y, names, level, random_state, progress):
    """Run a test on each group of drugs measured on the same lines."""
    rng = np.random.default_rng(random_state)
    X = X / binary_unit(X)  # or inner products overflow or underflow
    X = X - X.mean(axis=0)
    gram = X @ X.T
    masks, group = np.unique(~np.isnan(Y), axis=1, return_inverse=True)
    masks = list(enumerate(masks.T))
    found = np.empty((3, Y.shape[1]))
    for g, lines in progress(masks) if progress else masks:
        drugs = np.flatnonzero(group == g)
        responses = Y[np.ix_(lines, drugs)]
        responses = responses - responses.mean(axis=0)  # only improves precision
        unit = binary_unit(responses, axis=0)
        errors = test(rng, gram[np.ix_(lines, lines)], responses / unit)
        found[:, drugs] = *(e * unit[0] ** 2 for e in errors[:2]), errors[2]
    table = pd.DataFrame(found.T, names, ["cv_mse", "null_mean", "pvalue"])
    table["informative"] = table["pvalue"] <= level
    table["iqr"] = iqr(Y, axis=0, nan_policy="omit")
    return table.rename_axis("drug")


def _read(X, Y, n_splits, penalty, level, random_state):
    """Return `X` and `Y` as checked arrays, and the drugs' names."""
    check_whole(at_least=2, n_splits=n_splits)
    check_whole(at_least=0, random_state=random_state)
    check_positive(penalty=penalty)
    check_share("level", level, above=0, below=1)
    Y = aligned_like(Y, X, name="Y", axes=[0])
    names = names_of(Y, axis=1)
    X, Y = read_matrix(X), read_matrix(Y, "Y", gaps=True)
    check_size(Y, "float64", "Y")  # since squared errors are returned
    if len(X) != len(Y):
        raise ValueError(
            f"Y must have a row for each of the {len(X)} lines of X; got {len(Y)}"
        )
    names = pd.RangeIndex(Y.shape[1]) if names is None else names
    _check_variation(X, Y, max(n_splits, FEWEST_LINES))
    return X, Y, names


def _check_variation(X, Y, fewest):
    seen = ~np.isnan(Y)
    short = np.flatnonzero(seen.sum(axis=0) < fewest)
    if len(short):
        raise ValueError(
            f"Y must have {fewest} measured lines for every drug; "
            f"got fewer in column {first(short)}"
        )
    same = [t for t, on in enumerate(seen.T) if np.ptp(Y[on, t]) == 0]
    if same:
        raise ValueError(
            f"Y must vary between lines; got one response in column {first(same)}"
        )
    same = [t for t, on in enumerate(seen.T) if not np.ptp(X[on], axis=0).any()]
    if same:
        raise ValueError(
            "X must vary between the lines of a drug; "
            f"got one row for all of column {first(same)}"
        )
