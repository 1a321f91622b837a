"""Base class of the estimators of part IV: profiles and labels in, classes out."""

import warnings

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator, ClassifierMixin, TransformerMixin
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score
from sklearn.utils.validation import check_is_fitted

from latentomics.arrays import DTYPES, as_numpy
from latentomics.base import (
    check_choice,
    check_not_negative,
    check_positive,
    check_whole,
    read_features,
)
from latentomics.matrices import aligned, as_table, first, names_of, read_matrix
from latentomics.signatures.blocks import losses
from latentomics.signatures.consensus import consensus
from latentomics.signatures.labels import labels_of, read_labels
from latentomics.signatures.published_updates import UPDATES
from latentomics.signatures.refit import refit_exposures, unexplained
from latentomics.signatures.runs import Setting, part, settle, start_runs, warm_up

EXACT = 2.0**40  # larger numbers are not taken for counts
OUTSIDE = 0.1  # largest unexplained share without a warning


class LabelledNMF(TransformerMixin, ClassifierMixin, BaseEstimator):
    """Base: subclasses choose the samples, and the steps after the runs settle."""

    unlabelled_weight = 0.0
    later = ()  # parameters without effect until the runs have settled

    def fit(self, X, y):
        """Fit to profiles or counts `X` and labels `y`, -1 for unlabelled samples."""
        return fit_together([self], X, y)[0]

    def _finish(self, X, codes, runs):
        """Continue from settled runs, and set all fitted attributes."""
        used = self._used(codes)
        self._go_on(runs, codes[used])
        self.run_components_ = as_numpy(runs.state.S)
        self.components_, stability, _ = consensus(self.run_components_)
        self.signature_stability_, self.stability_ = stability, stability.mean()
        self.runs_, self.history_ = self._table(runs), pd.DataFrame(runs.history)
        if not runs.settled.all():
            warnings.warn(
                f"{(~runs.settled).sum()} of {len(runs.settled)} runs have not "
                "settled: their loss still changed at the last iteration, or rose",
                ConvergenceWarning,
                stacklevel=4,
            )
        codes = codes.copy()
        codes[used] = self._labels_to_refit(codes[used])
        known = codes >= 0
        E = refit_exposures(X[known], self.components_)
        self.weights_ = class_weights(E, codes[known], len(self.classes_), self.lam_2)

    def _go_on(self, runs, codes):
        """Continue after the runs have settled; nothing to do by default."""

    def _settle(self, runs, which, phase):
        how = {"tol": self.tol, "max_iter": self.max_iter}
        settle(runs, list(which), phase=phase, update=UPDATES[self.update], **how)

    def _used(self, codes):
        """Return which samples are factorised; by default all."""
        return np.ones(len(codes), dtype=bool)

    def _labels_to_refit(self, codes):
        """Return the labels for the final weights; by default the true ones."""
        return codes

    def _table(self, runs):
        """Return one row for each run."""
        loss = as_numpy(losses(runs.problem, runs.state))
        facts = {"loss": loss, "n_iter": runs.n_iter, "settled": runs.settled}
        return pd.DataFrame(facts).rename_axis("run")

    def transform(self, X):
        """Return the exposures of samples to the signatures, (n, n_components)."""
        return refit_exposures(self._read_new(X), self.components_)

    def predict_proba(self, X):
        """Return the probability of each class, (n, n_classes).

        Warns if `X` holds counts and the signatures leave much more of it
        :func:`unexplained` than of the labelled samples.
        """
        profiles = self._read_new(X)
        self._look_outside(X, profiles)
        z = refit_exposures(profiles, self.components_) @ self.weights_
        p = np.exp(z - z.max(axis=1, keepdims=True))
        return p / p.sum(axis=1, keepdims=True)

    def predict(self, X):
        """Return the most probable class of each sample."""
        best = self.predict_proba(X).argmax(axis=1)
        return self.classes_[best]

    def score(self, X, y, sample_weight=None):
        """Return the accuracy on the labelled samples.

        Parameters
        ----------
        X : array or DataFrame of shape (n_samples, n_features)
        y : array or Series of shape (n_samples,)
            Classes, matched to `X` by name; samples without one are left out.
        sample_weight : array or Series of shape (n_samples,), optional
            Matched to `X` by name.
        """
        X = as_table(X)
        y, free = labels_of(y, len(X), names_of(X))
        if sample_weight is not None:
            sample_weight = aligned(
                as_table(sample_weight, "sample_weight"),
                names_of(X),
                name="sample_weight",
                by="X",
            )
            sample_weight = np.asarray(sample_weight)[~free]
        return accuracy_score(y, self.predict(X)[~free], sample_weight=sample_weight)

    def _look_outside(self, X, profiles):
        found, usual = self._unexplained(X, profiles), self.unexplained_
        if not found > np.nanmax([OUTSIDE, 2 * usual]):
            return
        # the correction for chance can make it negative; NaN if the fit had no counts
        beside = f", and {max(usual, 0):.0%} of the labelled ones" * (usual == usual)
        warnings.warn(
            f"the signatures leave {found:.0%} of these profiles unexplained{beside}: "
            "the samples hold processes that the signatures do not have, and classes "
            "may be wrong",
            UserWarning,
            stacklevel=3,
        )

    def _unexplained(self, X, profiles):
        """Return the unexplained share; NaN if `X` does not hold counts."""
        raw = read_matrix(X)
        if raw.max() > EXACT or (raw != raw.round()).any() or raw.sum(1).max() < 2:
            return np.nan
        counts = (profiles * raw.sum(axis=1, keepdims=True)).round()
        return unexplained(counts, self.components_)

    @property
    def n_iter_(self):
        """Iterations of the longest run, for scikit-learn."""
        return int(self.runs_["n_iter"].max())

    def _check_parameters(self):
        check_whole(n_components=self.n_components, n_runs=self.n_runs)
        check_whole(max_iter=self.max_iter)
        check_whole(at_least=0, warm_up=self.warm_up, random_state=self.random_state)
        check_not_negative(lam_c=self.lam_c, tol=self.tol)
        check_positive(lam_2=self.lam_2)
        check_choice("update", self.update, UPDATES)
        check_choice("dtype", self.dtype, DTYPES)

    def _read(self, X, y):
        """Check `X` and `y`; return profiles and class codes."""
        X = as_table(X)
        samples = names_of(X)
        X = self._profiles(X, reset=True)
        if y is None:
            raise ValueError(
                f"{type(self).__name__} requires y to be passed, but the target y is "
                "None; y must hold a class for each sample, -1 for unlabelled"
            )
        if self.n_components > X.shape[1]:
            raise ValueError(
                f"n_components must be at most the {X.shape[1]} feature(s) of X; "
                f"got {self.n_components}"
            )
        self.classes_, codes = read_labels(y, len(X), samples)
        return X, codes

    def _profiles(self, X, reset):
        """Return rows that sum to 1."""
        X = read_features(self, X, reset=reset, any_order=True)
        below = np.argwhere(X < 0)
        if len(below):
            row, column = (int(i) for i in below[0])
            raise ValueError(
                "Negative values in data passed to X: it must hold counts or shares "
                f"from 0 up; got {X[row, column]} in row {row}, column {column}"
            )
        most = X.max(axis=1, keepdims=True)
        empty = np.flatnonzero(most == 0)
        if len(empty):
            raise ValueError(
                f"X must have a mutation in every sample; got 0 in row {first(empty)}"
            )
        X = X / most  # so that the sum neither overflows nor underflows
        return X / X.sum(axis=1, keepdims=True)

    def _read_new(self, X):
        check_is_fitted(self)
        return self._profiles(X, reset=False)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.positive_only = True
        return tags


def fit_together(models, X, y):
    """Fit models that differ in their :class:`Setting`, all runs at once.

    They may also differ in their `later` parameters: models that differ in nothing
    else share their runs until these have settled.

    Returns
    -------
    list
        The models.
    """
    for model in models:
        model._check_parameters()
        profiles, codes = model._read(X, y)
    first_, used = models[0], models[0]._used(codes)
    wanted = [_setting(model) for model in models]
    settings = list(dict.fromkeys(wanted))
    runs = start_runs(
        profiles[used],
        (np.arange(len(first_.classes_))[:, None] == codes[used]).astype(float),
        codes[used] >= 0,
        settings,
        n_runs=first_.n_runs,
        unlabelled=first_.unlabelled_weight,
        seed=first_.random_state,
        device=first_.device,
        dtype=first_.dtype,
    )
    warm_up(runs, first_.warm_up, first_.n_runs)
    first_._settle(runs, range(len(settings) * first_.n_runs), phase=0)
    raw = read_matrix(X)[codes >= 0]
    for setting, model in zip(wanted, models, strict=True):
        model._finish(profiles, codes, part(runs, settings.index(setting), model))
        model.unexplained_ = model._unexplained(raw, profiles[codes >= 0])
    return models


def _setting(model):
    """Return what the runs of a model depend on; at lam_c = 0 not on lam_2."""
    unseen = not model.lam_c and not model.later
    return Setting(model.n_components, model.lam_c, 1.0 if unseen else model.lam_2)


def class_weights(E, codes, n_classes, lam_2):
    r"""Return W, (K, n_classes), of a softmax classifier of exposures.

    .. math:: \arg\min_W \; -\sum_n \log \mathrm{softmax}(e_n W)_{y_n}
        + \lambda_2 \|W\|_F^2

    Solved by scikit-learn's logistic regression. For two classes that returns the
    difference of the columns, which are plus and minus half of it. All classes must
    occur.
    """
    two = n_classes == 2
    model = LogisticRegression(
        C=(1 if two else 0.5) / lam_2,
        fit_intercept=False,
        solver="newton-cholesky",
        tol=1e-10,
        max_iter=1000,
    ).fit(E, codes)
    if two:
        return np.column_stack([-model.coef_[0] / 2, model.coef_[0] / 2])
    return model.coef_.T
