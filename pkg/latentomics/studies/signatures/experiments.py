"""Labelled cell lines, unlabelled patients: which method classifies patients best."""

import warnings
from functools import partial
from itertools import product

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator, clone
from sklearn.linear_model import LogisticRegressionCV
from sklearn.metrics import accuracy_score, f1_score
from sklearn.model_selection import StratifiedGroupKFold
from sklearn.utils.validation import check_is_fitted

from latentomics.signatures.channels import to_profiles
from latentomics.signatures.consensus import cosine
from latentomics.signatures.labels import UNLABELLED
from latentomics.signatures.pseudo_label import PseudoLabelNMF
from latentomics.signatures.selection import fit_selected, select
from latentomics.signatures.semi_supervised import SemiSupervisedNMF
from latentomics.signatures.supervised import SupervisedNMF

# changes to the published pseudo-labels: thresholds by class, votes of runs and a refit
OURS = {"rule": "quantile", "vote": True}
# thresholds searched for each kind of pseudo-labels: all of the paper's c but .35 and
# .45, which are close to others
PUBLISHED = {"threshold": (0.3, 0.4, 0.5, 0.6, 0.9)}
QUANTILES = {"threshold": (0.5, 0.75, 0.9)}


class VotedOnly(PseudoLabelNMF):
    """Samples labelled by a vote, but final weights fitted to the true labels only."""

    def _labels_to_refit(self, codes):
        return codes


# two of our three changes left out, then one
PARTS = {
    "pss_nmf_quantile": PseudoLabelNMF(rule="quantile"),
    "pss_nmf_vote": VotedOnly(**OURS),
}

COLUMNS = [
    "method",
    "domain",
    "macro_f1",
    "accuracy",
    "stability",
    "recovery",
    "n_pseudo",
    "pseudo_precision",
    "mean_prob",
]


def judged_methods(domains, grid, *, classes=None, even=True, progress=None, **given):
    """Select, fit and judge S-NMF, SS-NMF, PSS-NMF and their baselines.

    Parameters are chosen from `grid` by :func:`select`. If `even`, methods that see the
    pool use the criterion "pool", and "ss_nmf_by_lines" still uses "lines", as the
    paper does. PSS-NMF takes the parameters of SS-NMF, and chooses its threshold from
    ``PUBLISHED`` or ``QUANTILES`` by the same criterion; "pss_nmf" has ``OURS``,
    "pss_nmf_quantile" and "pss_nmf_vote" a part of it, ``PARTS``. "dustbin" is the same
    with an `unlabelled_weight` of 1. "lam_c_0" is SS-NMF without labels in the
    factorization; "raw96_logistic" classifies profiles, "ss_nmf_logistic" exposures to
    the signatures of SS-NMF. "raw96_aligned" and "ss_nmf_aligned" are these two with
    each domain's mean removed, see :class:`DomainLogistic`.

    Parameters
    ----------
    domains : Domains
    grid : dict
        As for :func:`select`.
    classes : list, optional
        As for :func:`judged`.
    even : bool, default=True
        Whether to assume that classes are about equally common in the pool.
    progress : callable, optional
        As ``tqdm.auto.tqdm``.
    **given
        Passed to all estimators, such as `n_runs`, `random_state`, `device`.

    Returns
    -------
    scores : DataFrame
        As from :func:`judged`, with the parameters chosen.
    selections : dict of str to Selection
        Of methods that chose parameters: `params` are those of the fit that was judged,
        see :func:`fit_selected`.
    """
    choose = partial(
        select, X=domains.X, y=domains.y, groups=domains.groups, progress=progress
    )
    criterion = "pool" if even else "lines"
    models, selections = _factorizations(domains, choose, grid, criterion, given)
    same = given | selections["ss_nmf"].params
    pseudo, found = _pseudo_labelled(domains, choose, criterion, same)
    models, selections = models | pseudo, selections | found
    names = [*grid, "threshold"]
    parts = [
        judged(name, model, domains, classes).assign(**_given(model, names))
        for name, model in models.items()
    ]
    features = {"raw96": to_profiles, "ss_nmf": models["ss_nmf"].transform}
    for name, aligned in product(features, (False, True)):
        logistic = DomainLogistic(features[name], aligned).fit(domains)
        name = f"{name}_{'aligned' if aligned else 'logistic'}"
        parts.append(judged(name, logistic, domains, classes))
    return pd.concat(parts, ignore_index=True), selections


def _given(model, names):
    return {k: v for k, v in model.get_params().items() if k in names}


def _factorizations(domains, choose, grid, criterion, given):
    """Return fitted models without pseudo-labels, and their selections."""
    data = domains.X, domains.y
    alone, semi = SupervisedNMF(**given), SemiSupervisedNMF(**given)
    selections = {
        "s_nmf": choose(alone, grid=grid),
        "ss_nmf": choose(semi, grid=grid, criterion=criterion),
        "lam_c_0": choose(semi, grid=grid | {"lam_c": (0.0,)}, criterion=criterion),
    }
    if criterion == "pool":
        selections["ss_nmf_by_lines"] = selections["ss_nmf"].by("lines")
    models = {}
    for name, found in selections.items():
        estimator = alone if name == "s_nmf" else semi
        models[name], found.params = fit_selected(found, estimator, *data)
    same = given | selections["ss_nmf"].params
    dustbin = SemiSupervisedNMF(unlabelled_weight=1.0, **same)
    return models | {"ss_nmf_dustbin": dustbin.fit(*data)}, selections


def _pseudo_labelled(domains, choose, criterion, given):
    """Return fitted models with pseudo-labels, and their selections."""
    data = domains.X, domains.y
    models, selections = {}, {}
    for name, grid, rule in (
        ("pss_nmf_published", PUBLISHED, {}),
        ("pss_nmf", QUANTILES, OURS),
    ):
        model = PseudoLabelNMF(**rule, **given)
        found = selections[name] = choose(model, grid=grid, criterion=criterion)
        models[name], found.params = fit_selected(found, model, *data)
    same = given | selections["pss_nmf"].params
    dustbin = PseudoLabelNMF(unlabelled_weight=1.0, **OURS)
    for name, model in (PARTS | {"pss_nmf_dustbin": dustbin}).items():
        models[name] = clone(model).set_params(**same).fit(*data)
    return models, selections


def judged(name, model, domains, classes=None):
    """Return the scores of a fitted model, one row per domain.

    Parameters
    ----------
    name : str
    model : classifier
    domains : Domains
    classes : list, optional
        Classes over which F1 is averaged; by default those of the fit.

    Returns
    -------
    DataFrame
        `method`, `domain`, `macro_f1`, `accuracy`, `stability`; `recovery`, the mean
        cosine of planted signatures with their best matches; `n_pseudo`, pseudo-labels
        per run; `pseudo_precision`, the share of these that is correct; `mean_prob`,
        the mean of the largest probability.
    """
    rows = []
    labels = model.classes_ if classes is None else classes
    for domain, (X, y) in domains.tests.items():
        with warnings.catch_warnings():  # a misfit to patients is expected here
            warnings.simplefilter("ignore", UserWarning)
            P = _probabilities(model, X, domain)
        guess = model.classes_[P.argmax(axis=1)]
        f1 = f1_score(y, guess, labels=labels, average="macro", zero_division=0)
        rows.append(
            {
                "method": name,
                "domain": domain,
                "macro_f1": f1,
                "accuracy": accuracy_score(y, guess),
                "stability": getattr(model, "stability_", np.nan),
                "recovery": _recovery(model, domains.planted),
                "mean_prob": P.max(axis=1).mean(),
                **_pseudo_facts(model, domains),
            }
        )
    return pd.DataFrame(rows)[COLUMNS]


def _probabilities(model, X, domain):
    if isinstance(model, DomainLogistic):
        return model.predict_proba(X, domain)
    return model.predict_proba(X)


def _recovery(model, planted):
    if planted is None or not hasattr(model, "components_"):
        return np.nan
    return float(cosine(planted, model.components_).max(axis=1).mean())


def _pseudo_facts(model, domains):
    given = getattr(model, "pseudo_labels_", None)
    if given is None:
        return {"n_pseudo": 0, "pseudo_precision": np.nan}
    where = given >= 0
    right = model.classes_[given] == domains.truth
    judge = where & (domains.truth != UNLABELLED)
    precision = right[judge].mean() if judge.any() else np.nan
    return {"n_pseudo": where.sum() / len(given), "pseudo_precision": precision}


class DomainLogistic(BaseEstimator):
    """Logistic regression on features, optionally centred within each domain.

    scikit-learn's, on features standardised by the labelled samples, with the penalty
    chosen by cross-validation on them. `aligned` centres patients on the mean of the
    pool, not of the labelled samples, so that an excess common to all patients counts
    for no class. That is right where class frequencies are about the same in the two
    domains, and wrong elsewhere.

    Parameters
    ----------
    features : callable
        Maps counts to features, such as ``to_profiles`` or the `transform` of a fit.
    aligned : bool, default=False
    """

    def __init__(self, features, aligned=False):
        self.features, self.aligned = features, aligned

    def fit(self, domains):
        """Fit to the labelled samples of `domains`."""
        known = domains.labelled
        X, y = self.features(domains.X), domains.y[known]
        mean = X[known].mean(axis=0)
        pool = X[~known].mean(axis=0) if self.aligned else mean
        self.means_ = {"cell_line": mean, "patient": pool}
        self.scale_ = X[known].std(axis=0)
        self.scale_[self.scale_ == 0] = 1
        folds = StratifiedGroupKFold(3, shuffle=True, random_state=0)
        self.model_ = LogisticRegressionCV(
            Cs=np.logspace(-4, 2, 7),
            cv=list(folds.split(X[known], y, domains.groups[known])),
            scoring="neg_log_loss",
            l1_ratios=(0,),
            use_legacy_attributes=False,
            max_iter=2000,
        ).fit((X[known] - mean) / self.scale_, y)
        self.classes_ = self.model_.classes_
        return self

    def predict_proba(self, X, domain="patient"):
        """Return the probability of each class, (n, n_classes), in one domain."""
        check_is_fitted(self)
        Z = (self.features(X) - self.means_[domain]) / self.scale_
        return self.model_.predict_proba(Z)
