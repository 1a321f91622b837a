"""Base class of the estimators of part IV: profiles and labels in, classes out."""

import warnings
from dataclasses import KW_ONLY

import numpy as np
import pandas as pd
from scipy.special import softmax
from sklearn.base import ClassifierMixin, TransformerMixin
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score
from sklearn.utils.validation import check_is_fitted

from latentomics.arrays import as_numpy
from latentomics.base import check_no_negative, read_features
from latentomics.matrices import aligned_like, as_table, first, names_of, read_matrix
from latentomics.params import (
    InPrecision,
    Iterative,
    OnDevice,
    Seeded,
    not_negative,
    one_of,
    positive,
    whole,
)
from latentomics.signatures.blocks import losses
from latentomics.signatures.consensus import consensus
from latentomics.signatures.extrapolation import extrapolated_step
from latentomics.signatures.labels import labels_of, read_labels
from latentomics.signatures.published_updates import UPDATES
from latentomics.signatures.refit import refit_exposures, unexplained
from latentomics.signatures.runs import settle
from latentomics.signatures.together import fit_together

EXACT = 2.0**40  # larger numbers are not taken for counts
OUTSIDE = 0.1  # largest unexplained share without a warning


class LabelledNMF(
    TransformerMixin, ClassifierMixin, Iterative, Seeded, OnDevice, InPrecision
):
    """Base: subclasses choose the samples, and the steps after the runs settle.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
    components_ : ndarray of shape (n_components, n_features)
        The consensus signatures; rows sum to 1.
    weights_ : ndarray of shape (n_components, n_classes)
        W, in nats per unit of exposure.
    stability_ : float
        Mean silhouette of the signatures of all runs, by cosine; 1 = all agree.
    signature_stability_ : ndarray of shape (n_components,)
    unexplained_ : float
        That of the labelled samples, see :func:`unexplained`; NaN without counts.
    run_components_ : ndarray of shape (n_runs, n_components, n_features)
    runs_ : DataFrame
        One row per run: `loss`, `n_iter`, `settled`.
    history_ : DataFrame
        `run`, `iteration`, `phase`, `loss` at each look.

    Raises
    ------
    ValueError
        In `fit`: if `X` is not a matrix of finite, non-negative numbers with a mutation
        in every row, `y` has fewer than two classes, or a parameter is out of range.
    """

    n_components: int = whole(7)
    """K, number of signatures."""
    _: KW_ONLY
    lam_c: float = not_negative(0.1)
    r""":math:`\lambda_c`, in squared shares of a profile per nat."""
    lam_2: float = positive(1e-3)
    r""":math:`\lambda_2`, in nats per squared unit of W."""
    n_runs: int = whole(10)
    """Number of random starts."""
    update: str = one_of(UPDATES, "mm")
    """With "mm" the loss falls at every step (book: ``eq-bohning``), and with `lam_c` 0
    steps are extrapolated (book: ``eq-extrapolated-nmf``); "split" is slower, and the
    loss may rise; "paper" is the update of [1], rescaled, and may not converge."""
    warm_up: int = whole(50, at_least=0)
    """Initial iterations without labels."""
    tol: float = not_negative(1e-4)
    """A run has settled once the relative change of its loss over ten iterations is
    below this, twice in a row."""
    max_iter: int = whole(800)
    """Largest number of iterations after the warm-up, and after each round of
    pseudo-labels."""

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
        """Let runs settle; where labels have no say, by a faster update."""
        how = {"phase": phase, "tol": self.tol, "max_iter": self.max_iter}
        which, alone = np.asarray(which), np.zeros(len(which), dtype=bool)
        if self.update == "mm" and not self.later:  # pseudo-labels need weights
            alone = as_numpy(runs.problem.lam_c)[which] == 0
        for some, update in (
            (which[alone], extrapolated_step),
            (which[~alone], UPDATES[self.update]),
        ):
            if len(some):
                settle(runs, some, update=update, **how)

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

    def get_feature_names_out(self, input_features=None):
        """Return the names of the columns of `transform`: "signature 1" and so on.

        `input_features` is accepted as scikit-learn expects, and ignored.
        """
        check_is_fitted(self)
        numbers = range(1, len(self.components_) + 1)
        return np.array([f"signature {k}" for k in numbers], dtype=object)

    def predict_proba(self, X):
        """Return the probability of each class, (n, n_classes).

        Warns if `X` holds counts and the signatures leave much more of it
        :func:`unexplained` than of the labelled samples.
        """
        profiles = self._read_new(X)
        self._look_outside(X, profiles)
        E = refit_exposures(profiles, self.components_)
        return softmax(E @ self.weights_, axis=1)

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
        check_is_fitted(self)
        X = as_table(X)
        y, free = labels_of(y, len(X), names_of(X))
        weight = aligned_like(sample_weight, X, name="sample_weight", axes=[0])
        weight = None if weight is None else np.asarray(weight)[~free]
        return accuracy_score(y, self.predict(X)[~free], sample_weight=weight)

    def _look_outside(self, X, profiles):
        found, usual = self._unexplained(X, profiles), self.unexplained_
        if not found > np.nanmax([OUTSIDE, 2 * usual]):
            return
        # the correction for chance can make it negative; NaN if the fit had no counts
        beside = f", and {max(usual, 0):.0%} of the labelled ones" * (usual == usual)
        warnings.warn(
            f"the signatures leave {found:.0%} of these profiles unexplained{beside}: "
            "the samples contain processes missing from the signatures, and classes "
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
        check_no_negative(X, "counts or shares")
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
