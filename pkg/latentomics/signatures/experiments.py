"""Cell lines with labels, patients without: who names the patients' class best."""

import warnings
from itertools import product

import numpy as np
import pandas as pd
from sklearn.base import clone
from sklearn.linear_model import LogisticRegressionCV
from sklearn.metrics import accuracy_score, f1_score
from sklearn.model_selection import StratifiedGroupKFold

from latentomics.signatures.channels import to_profiles
from latentomics.signatures.labelled_nmf import UNLABELLED
from latentomics.signatures.pseudo_label import PseudoLabelNMF
from latentomics.signatures.selection import select
from latentomics.signatures.semi_supervised import SemiSupervisedNMF
from latentomics.signatures.supervised import SupervisedNMF

# what the published pseudo-labels lack: no class starves, runs agree, labels count
OURS = {"rule": "quantile", "vote": True, "refit_labels": "voted"}

COLUMNS = [
    "method",
    "domain",
    "macro_f1",
    "accuracy",
    "stability",
    "n_pseudo",
    "pseudo_precision",
    "mean_prob",
]


def judged_methods(domains, grid, *, classes=None, even=True, progress=None, **given):
    """Select, fit and judge S-NMF, SS-NMF, PSS-NMF and what to compare them with.

    All choose from `grid` by :func:`select`, and those that see the pool by its
    balance, if classes are about equally common there; "ss_nmf_by_lines" then chooses
    by lines all the same, as the paper does. PSS-NMF takes what SS-NMF chose.
    "lam_c_0" is SS-NMF without labels in the factorization; "raw96_logistic" has no
    signatures, "ss_nmf_logistic" those of SS-NMF with a classifier fitted afterwards.
    "raw96_aligned" and "ss_nmf_aligned" are these two with each domain's mean taken
    off, see :class:`DomainLogistic`.

    Parameters
    ----------
    domains : Domains
    grid : dict
        As of :func:`select`.
    classes : list, optional
        As of :func:`judged`.
    even : bool, default=True
        Whether the classes may be taken to be about equally common in the pool.
    progress : callable, optional
        As ``tqdm.auto.tqdm``.
    **given
        To all estimators, such as `n_runs`, `random_state`, `device`.

    Returns
    -------
    scores : DataFrame
        As of :func:`judged`, with the parameters chosen.
    selections : dict of str to Selection
    """
    how = {"groups": domains.groups, "progress": progress}
    pool = how | {"criterion": "pool" if even else "lines"}
    data = domains.X, domains.y
    semi, none = SemiSupervisedNMF(**given), grid | {"lam_c": (0.0,)}
    selections = {
        "s_nmf": select(SupervisedNMF(**given), *data, grid, **how),
        "ss_nmf": select(semi, *data, grid, **pool),
        "lam_c_0": select(semi, *data, none, **pool),
    }
    models = {
        "s_nmf": SupervisedNMF(**given),
        "ss_nmf": semi,
        "lam_c_0": clone(semi),
        "pss_nmf_published": PseudoLabelNMF(**given),
        "pss_nmf": PseudoLabelNMF(**OURS, **given),
    }
    if even:
        selections["ss_nmf_by_lines"] = selections["ss_nmf"].by("lines")
        models["ss_nmf_by_lines"] = clone(semi)
    chosen = {name: found.params for name, found in selections.items()}
    parts = []
    for name, model in models.items():
        params = chosen.get(name, chosen["ss_nmf"])
        model.set_params(**params).fit(domains.X, domains.y)
        parts.append(judged(name, model, domains, classes).assign(**params))
    features = {"raw96": to_profiles, "ss_nmf": semi.transform}
    for name, aligned in product(features, (False, True)):
        logistic = DomainLogistic(features[name], aligned).fit(domains)
        name = f"{name}_{'aligned' if aligned else 'logistic'}"
        parts.append(judged(name, logistic, domains, classes))
    return pd.concat(parts, ignore_index=True), selections


def judged(name, model, domains, classes=None):
    """Return how a fitted model does in each domain, a row each.

    Parameters
    ----------
    name : str
    model : classifier
    domains : Domains
    classes : list, optional
        Over which F1 is averaged; by default those of the fit.

    Returns
    -------
    DataFrame
        `method`, `domain`, `macro_f1`, `accuracy`, `stability`; `n_pseudo` labelled
        per run, the share of them that is right, `pseudo_precision`, and `mean_prob`,
        the mean of the largest probability.
    """
    rows = []
    labels = model.classes_ if classes is None else classes
    for domain, (X, y) in domains.tests.items():
        with warnings.catch_warnings():  # that patients are unlike: what is measured
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
                "mean_prob": P.max(axis=1).mean(),
                **_pseudo_facts(model, domains),
            }
        )
    return pd.DataFrame(rows)[COLUMNS]


def _probabilities(model, X, domain):
    if isinstance(model, DomainLogistic):
        return model.predict_proba(X, domain)
    return model.predict_proba(X)


def _pseudo_facts(model, domains):
    given = getattr(model, "pseudo_labels_", None)
    if given is None:
        return {"n_pseudo": 0, "pseudo_precision": np.nan}
    where = given >= 0
    right = model.classes_[given] == domains.truth
    judge = where & (domains.truth != UNLABELLED)
    precision = right[judge].mean() if judge.any() else np.nan
    return {"n_pseudo": where.sum() / len(given), "pseudo_precision": precision}


class DomainLogistic:
    """Logistic regression of features, each domain's taken from its own mean if asked.

    scikit-learn's, on features in standard units of the labelled samples, its penalty
    chosen by cross-validation on them. `aligned` takes the mean of the pool, not of
    the labelled samples, off those of patients: what all patients have more of then
    speaks for no class. That is right where classes are about as common in the two
    domains, and wrong elsewhere.

    Parameters
    ----------
    features : callable
        Counts to features, such as ``to_profiles`` or the `transform` of a fit.
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
        Z = (self.features(X) - self.means_[domain]) / self.scale_
        return self.model_.predict_proba(Z)
