"""Experiments on whether a corrected screen serves better, as tables."""

import warnings

import numpy as np
import pandas as pd
from scipy.stats import binomtest
from sklearn.base import clone
from sklearn.cluster import KMeans
from sklearn.impute import KNNImputer

from latentomics.arrays import binary_unit
from latentomics.base import check_mask, check_size, hold_out
from latentomics.denoise.search import CellSearch
from latentomics.matrices import aligned_like, as_truths, chosen, read_matrix
from latentomics.metrics import clustering_accuracy, first_near_best
from latentomics.solvers.feature_sign import elastic_net_path
from latentomics.studies.denoise.line_folds import read_folds

NEIGHBOURS = (5, 10, 20, 40)
N_LOOPS = 20  # of alternating means; they converge in fewer
L1_RATIO = 0.5
N_ALPHAS = 8  # penalties tried
ALPHA_RANGE = 0.1  # smallest penalty, relative to the largest


def rmse(R):
    """Return the root mean square of `R`, in its units; NaN is ignored."""
    unit = binary_unit(R)  # else squares overflow or vanish
    return float(unit * np.sqrt(np.nanmean(np.square(R / unit))))


# A filler is (X, validation) -> (X filled, what it chose); X is (n lines, p drugs),
# NaN in the gaps, and entries marked in `validation` only serve to choose parameters;
# tables are matched by name.


def _shown(X, validation):
    """Return `X`, `validation`, and `X` with NaN in `validation`, as arrays."""
    validation = check_mask(validation, X, "validation")
    X = read_matrix(X, gaps=True)
    check_size(X, "float64")
    return X, validation, np.where(validation, np.nan, X)


def drug_means(X, validation):
    """Fill with the mean of the drug."""
    X, _, shown = _shown(X, validation)
    return np.broadcast_to(np.nanmean(shown, axis=0), X.shape), ""


def line_and_drug_means(X, validation):
    """Fill with an effect of the line plus one of the drug, by least squares."""
    _, _, X = _shown(X, validation)
    line = np.zeros((len(X), 1))
    for _ in range(N_LOOPS):
        drug = np.nanmean(X - line, axis=0)
        line = np.nanmean(X - drug, axis=1, keepdims=True)
    return line + drug, ""


def nearest_lines(X, validation):
    """Fill with the mean of the nearest lines, their number chosen on `validation`."""
    X, validation, shown = _shown(X, validation)

    def fill(k):
        model = KNNImputer(n_neighbors=k, weights="distance")
        return model.fit_transform(shown)

    filled = [fill(k) for k in NEIGHBOURS]
    best = first_near_best([rmse((X - M)[validation]) for M in filled])
    return filled[best], f"k={NEIGHBOURS[best]}"


def searched(estimator, grid):
    """Return the filler that uses the low rank of the best model of a grid.

    The model is chosen by squared error, the score of the table.
    """

    def fill(X, validation):
        search = CellSearch(estimator, grid, scoring="mse")
        with warnings.catch_warnings():  # the table shows if the best is at an end
            warnings.filterwarnings("ignore", message="the best")
            search.fit(X, validation=validation)
        chosen = search.best_params_.items()
        return search.low_rank_, ", ".join(f"{k}={v:g}" for k, v in chosen)

    return fill


def imputation_table(studies, fillers, *, fraction=0.1, random_state=0):
    """Hide measured cells, fill them, and compare with the hidden values.

    Parameters
    ----------
    studies : dict of str to DataFrame
        Rows = cell lines, columns = drugs; NaN marks a gap.
    fillers : dict of str to callable
    fraction : float, default=0.1
        Share of the measured cells hidden for the test, and again of the rest to choose
        parameters.
    random_state : int, default=0

    Returns
    -------
    DataFrame
        Columns `study`, `method`, `rmse`, `mae` and `median_error` (of the absolute
        errors) on the hidden cells, in the units of the study, and `chosen`.
    """
    rows = []
    for study, D in studies.items():
        D = read_matrix(D, study, gaps=True)
        test = hold_out(~np.isnan(D), fraction, random_state)
        X = np.where(test, np.nan, D)
        validation = hold_out(~np.isnan(X), fraction, random_state + 1)
        for method, fill in fillers.items():
            filled, chosen = fill(X, validation)
            size = np.abs((D - filled)[test])
            scores = {"mae": size.mean(), "median_error": np.median(size)}
            scores = {"rmse": rmse(size), **scores, "chosen": chosen}
            rows.append({"study": study, "method": method, **scores})
    return pd.DataFrame(rows)


def line_folds(n_lines, n_folds=5, *, random_state=0):
    """Return a fold number (0, 1, ...) for each line, folds of equal size."""
    order = np.random.default_rng(random_state).permutation(n_lines)
    folds = np.empty(n_lines, int)
    folds[order] = np.arange(n_lines) % n_folds
    return folds


# A source of targets is (X, train) -> training targets, (n in train, p).


def as_measured(X, train):
    """Train on the measured values; gaps stay gaps."""
    return X[train]


def knn_filled(X, train):
    """Train on the measured cells and gaps filled from the ten nearest lines."""
    return KNNImputer(n_neighbors=10, weights="distance").fit_transform(X[train])


def corrected_by(method):
    """Return targets corrected by a fit to the training lines alone."""
    return lambda X, train: clone(method).fit(X[train]).corrected_


def corrected_before(corrected):
    """Return targets from a fit to *all* lines, test lines included: a leak."""
    return lambda X, train: corrected[train]


def drug_mean_predictions(X, folds):
    """Predict the mean of each drug over the other folds, (n, p)."""
    folds = read_folds(folds, X)
    X = read_matrix(X, gaps=True)
    means = [np.nanmean(X[folds != fold], axis=0) for fold in range(folds.max() + 1)]
    return np.array(means)[folds]


def elastic_net_predictions(F, X, targets, folds, drugs):
    """Predict the responses of each line by elastic nets fitted without it.

    Parameters
    ----------
    F : array of shape (n_lines, n_genes)
    X : array of shape (n_lines, n_drugs)
        Responses as measured, NaN in the gaps; tables of features and folds are matched
        to its lines by name.
    targets : callable
        (X, train) -> what to train on, both arrays in the order of `X`.
    folds : int array of shape (n_lines,)
        The penalty is chosen on the fold after the one left out; ties, to within a
        millionth of the least error, go to the strongest.
    drugs : list of int
        Columns of `X` to predict; `targets` may use all.

    Returns
    -------
    ndarray of shape (n_lines, len(drugs))
    """
    F = read_matrix(aligned_like(F, X, name="F", axes=[0]), "F")
    folds = read_folds(folds, X, at_least=3)
    X = read_matrix(X, gaps=True)
    check_size(F, "float64", "F")
    check_size(X, "float64")
    n_folds = folds.max() + 1
    predicted = np.full((len(X), len(drugs)), np.nan)
    for fold in range(n_folds):
        train = folds != fold
        Y, inner = targets(X, train), folds[train] == (fold + 1) % n_folds
        for k, j in enumerate(drugs):
            fit = ~inner & ~np.isnan(Y[:, j])
            B, center, mean = _path(F[train][fit], Y[fit, j])
            guess = mean + (F[train][inner] - center) @ B
            errors = [rmse(X[train][inner, j] - column) for column in guess.T]
            beta = B[:, first_near_best(np.nan_to_num(errors))]  # NaN: none measured
            predicted[~train, k] = mean + (F[~train] - center) @ beta
    return predicted


def _path(F, y):
    """Return the coefficients (n_genes, n_alphas) of a path, and both means."""
    center, mean = F.mean(axis=0), y.mean()
    F, y = np.asfortranarray(F - center), y - mean
    largest = np.abs(F.T @ y).max() / len(y) / L1_RATIO  # at this penalty all are 0
    alphas = largest * np.geomspace(1, ALPHA_RANGE, N_ALPHAS)
    B = np.zeros((F.shape[1], N_ALPHAS))
    if largest:
        B[:, 1:] = elastic_net_path(F, y, L1_RATIO, alphas[1:])
    return B, center, mean


def prediction_table(predictions, truths, seen):
    """Score every prediction against every truth, on the same cells.

    Parameters
    ----------
    predictions, truths : dict of str to array of shape (n, p)
        `predictions` holds "drug_mean", the reference; tables are matched to it by
        name.
    seen : bool array of shape (n, p)
        The measured cells.

    Returns
    -------
    DataFrame
        Columns `trained_on`, `scored_on`, `rmse`; `explained`, the share of the mean
        squared error of "drug_mean" saved; `sd` of the RMSE over drugs; and `drugs`.
    """

    def read(M, name):
        M = aligned_like(M, predictions["drug_mean"], name=name, by="'drug_mean'")
        return read_matrix(M, repr(name), gaps=True)

    seen = aligned_like(seen, predictions["drug_mean"], name="seen", by="'drug_mean'")
    seen = as_truths(seen, "seen")
    truths = {name: read(Y, name) for name, Y in truths.items()}
    predictions = {name: read(P, name) for name, P in predictions.items()}
    rows = []
    for truth, Y in truths.items():
        naive = rmse((Y - predictions["drug_mean"])[seen])
        for name, P in predictions.items():
            R = Y - P
            error = rmse(R[seen])
            explained = 1 - (error / naive) ** 2 if naive else float("nan")
            by_drug = [rmse(R[s, j]) for j, s in enumerate(seen.T) if s.any()]
            unit = 2.0 ** np.frexp(max(by_drug, default=0))[1]  # squares may overflow
            sd = unit * pd.Series(by_drug).div(unit).std()
            row = {"trained_on": name, "scored_on": truth, "rmse": error}
            rows.append(row | {"explained": explained, "sd": sd, "drugs": len(by_drug)})
    return pd.DataFrame(rows)


def exact_interval(hits, n):
    """Return the 95% Clopper-Pearson interval of a proportion, two numbers."""
    return tuple(binomtest(int(hits), int(n)).proportion_ci(method="exact"))


def clustering_table(versions, groups, *, random_state=0, n_shuffles=200):
    """Cluster items that belong to known groups, and compare.

    Parameters
    ----------
    versions : dict of str to dict of str to DataFrame
        version -> study -> matrix without gaps, rows = lines, columns = drugs.
    groups : dict of (str, str) to Series
        (study, "lines" or "drugs") -> the group of each item, by its name.
    random_state : int, default=0
        Seed of k-means and of the shuffling.
    n_shuffles : int, default=200

    Returns
    -------
    DataFrame
        Columns `study`, `items`, `version`, `n`, `hits`, `accuracy` and its exact
        interval `low`, `high`; `chance`, the mean accuracy of the same clusters
        shuffled; `largest`, the share of the largest group.
    """
    rng, rows = np.random.default_rng(random_state), []
    for (study, items), group in groups.items():
        for version, frames in versions.items():
            X = frames[study] if items == "lines" else frames[study].T
            X = chosen(X, group.index, f"{version!r} of {study!r}")
            means = KMeans(group.nunique(), n_init=20, random_state=random_state)
            X = read_matrix(X)
            found = means.fit_predict(X / binary_unit(X))
            accuracy = clustering_accuracy(group, found)
            shuffled = [rng.permutation(found) for _ in range(n_shuffles)]
            n, chance = len(group), [clustering_accuracy(group, s) for s in shuffled]
            low, high = exact_interval(round(accuracy * n), n)
            row = {"study": study, "items": items, "version": version, "n": n}
            row |= {"hits": round(accuracy * n), "accuracy": accuracy}
            row |= {"low": low, "high": high, "chance": np.mean(chance)}
            rows.append(row | {"largest": group.value_counts(normalize=True).max()})
    return pd.DataFrame(rows)
