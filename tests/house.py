"""The estimators of the package, found, and what is asked of each family of them."""

import inspect
from dataclasses import dataclass, is_dataclass
from importlib import import_module
from pkgutil import iter_modules

import numpy as np
import pandas as pd
import torch
from scipy import sparse
from sklearn.base import BaseEstimator
from sklearn.linear_model import Ridge

import latentomics
from latentomics.denoise import DeepMatrixFactorization, SoftImpute
from latentomics.multitask import TraceNormRegressor
from latentomics.multitask.regressor import MultitaskRegressor
from latentomics.sensing import LinearMMSE, MixtureMMSE, SVDDictionary
from latentomics.sensing.base import Decoder, MeasurementDecoder, Profiles
from latentomics.signatures.labelled_nmf import LabelledNMF

CHAPTERS = {"denoise", "multitask", "signatures", "sensing"}
DEEP = {"hidden": (8,), "learning_rate": 0.03, "init_scale": 0.1, "max_iter": 200}
SEARCH = {
    "estimator": TraceNormRegressor(),
    "grid": [{"fraction": 0.5}, {"fraction": 0.1}],
    "n_splits": 2,
}
NMF = {"n_components": 3, "n_runs": 2, "warm_up": 5, "max_iter": 60}
FEW = {"n_measurements": 3}
NET = {"hidden": (8,), "batch_size": 10}
MAP = {**NET, "max_epochs": 3}
DRAW = {**NET, "n_latent": 3, "n_steps": 5}
# What an estimator needs to be made at all, or to be fast
NEEDS = {
    "BlindFactors": {"n_components": 2},
    "BlindModules": {"n_components": 2, "n_nonzero": 2},
    "BlendedDecoder": {"decoders": [LinearMMSE(), MixtureMMSE(1, n_latent=2)]},
    "CellSearch": {"estimator": SoftImpute(), "grid": {"lam": [0.5, 2.0]}},
    "DeepMatrixFactorization": DEEP,
    "DictionaryDecoder": {"dictionary": SVDDictionary(3), "n_nonzero": 2},
    "DualBranchNMF": {
        "rank": 3,
        "hidden": 8,
        "learning_rate": 0.01,
        "max_iter": 200,
    },
    "GaussianMeasurement": {**FEW, "max_correlation": 0.95},
    "KBMTL": {"n_components": 3},
    "KSVD": {"n_components": 3, "n_nonzero": 2},
    "KeepSpikes": {"model": DeepMatrixFactorization(**DEEP)},
    "MLPDecoder": MAP,
    "MixtureMMSE": {"n_components": 3, "n_latent": 3},
    "OnlineDictionary": {"n_components": 3, "n_nonzero": 2},
    "OptimisedPools": {**FEW, "max_iter": 100},
    "PathSearch": SEARCH,
    "PooledMeasurement": {**FEW, "pool_size": 2},
    "PseudoLabelNMF": NMF,
    "RegressorDecoder": {"regressor": Ridge()},
    "ResidualDecoder": {"decoder": LinearMMSE(0.5)},
    "ResidualThresholdedDMF": DEEP,
    "RobustPCA": {"max_iter": 200},
    "SMAF": {"n_components": 3, "n_nonzero": 2, "max_iter": 3},
    "SVDDictionary": {"n_components": 3},
    "SemiSupervisedNMF": NMF,
    "SignatureGenes": FEW,
    "SparseNMF": {"n_components": 3},
    "StackedDecoder": {**MAP, "n_copies": 2},
    "SupervisedNMF": NMF,
    "TaskGroups": {**SEARCH, "group_size": 3},
    "VAEDecoder": {**DRAW, "n_epochs": 5},
    "WGANDecoder": {**DRAW, "n_critic": 2, "max_iter": 3},
}
NAMES_SEEN = {"feature_names_in_", "task_names_in_"}  # they depend on the input


@dataclass(frozen=True)
class Family:
    """What the arguments of `fit` are called, and where the answers are."""

    arguments: tuple
    answers: callable  # (model, *arguments) -> name: array


ANSWERS = ("low_rank_", "corrected_", "kept_")
DENOISERS = Family(
    ("X",),
    lambda model, X: {
        k: getattr(model, k) for k in ("low_rank_", "corrected_", "kept_")
    },
)
REGRESSORS = Family(("X", "Y"), lambda model, X, Y: {"predict": model.predict(X)})
CLASSIFIERS = Family(
    ("X", "y"),
    lambda model, X, y: {
        "predict": model.predict(X),
        "predict_proba": model.predict_proba(X)[:, 0],  # one number a sample, as y
    },
)


def plain(table):
    """Return any table as an array of one kind, so that sums are in one order."""
    return np.array(table, dtype=float, order="C")


def rebuilt(model, X):
    """Return what a decoder or a transformer makes of profiles, in their shape."""
    if isinstance(model, Decoder):
        X = plain(X)
        A = np.random.default_rng(0).normal(size=(X.shape[1] // 3, X.shape[1]))
        return model.decode(X @ A.T, A, noise=0.01)
    return model.transform(X) @ model.components_


PROFILES = Family(("X",), lambda model, X: {"rebuilt": rebuilt(model, X)})
NETWORKS = Family(  # as many answers as A has rows
    ("X", "A"),
    lambda model, X, A: {"decode": model.decode(plain(X) @ plain(A).T)[: len(A)]},
)


def family_of(cls):
    """Return the family of an estimator class."""
    if issubclass(cls, Profiles):
        return NETWORKS if issubclass(cls, MeasurementDecoder) else PROFILES
    if issubclass(cls, LabelledNMF):
        return CLASSIFIERS
    return REGRESSORS if issubclass(cls, MultitaskRegressor) else DENOISERS


# Learn from pairs of measurements and designs, not from X: tests/sensing/test_blind_*
BLIND = {"BlindFactors", "BlindModules"}


def estimator_classes(family=None):
    """Every estimator in the ``__all__`` of every chapter: new ones join by name."""
    chapters = CHAPTERS & {room.name for room in iter_modules(latentomics.__path__)}
    rooms = [import_module(f"latentomics.{name}") for name in sorted(chapters)]
    found = [getattr(room, name) for room in rooms for name in room.__all__]
    found = [c for c in found if inspect.isclass(c) and issubclass(c, BaseEstimator)]
    found = [c for c in found if hasattr(c, "fit")]  # a loss only has parameters
    found = [c for c in found if c.__name__ not in BLIND]
    return [c for c in found if family in (None, family_of(c))]


def on(model, **given):
    """Set parameters wherever the model, or the one inside it, has them."""
    names = model.get_params()
    return model.set_params(
        **{n: v for n in names for k, v in given.items() if n.split("__")[-1] == k}
    )


def learned(model):
    """What a fit has set, as name -> value; names of columns left out."""
    names = {name for name in vars(model) if name.endswith("_")} - NAMES_SEEN
    return {name: getattr(model, name) for name in names}


def same(a, b):
    """Whether two learned values are equal, bit for bit."""
    if isinstance(a, pd.DataFrame | pd.Series):
        return a.reset_index(drop=True).equals(b.reset_index(drop=True))
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(same(a[k], b[k]) for k in a)
    if isinstance(a, list | tuple):
        return len(a) == len(b) and all(map(same, a, b))
    if isinstance(a, torch.Tensor):
        return a.dtype == b.dtype and torch.equal(a, b)
    if isinstance(a, np.ndarray):
        return a.dtype == b.dtype and np.array_equal(
            a, b, equal_nan=a.dtype.kind in "fc"
        )
    if sparse.issparse(a):
        return same(a.toarray(), b.toarray())
    if hasattr(a, "get_params"):
        return same_fit(a, b)
    if is_dataclass(a):
        return all(same(value, vars(b)[name]) for name, value in vars(a).items())
    return a == b or (a != a and b != b)  # two NaN are the same


def same_fit(a, b):
    """Whether two models have learned the same, bit for bit."""
    return same(learned(a), learned(b))
