"""Another value of every parameter of every estimator, for the contract."""

from sklearn.linear_model import Ridge

from latentomics.denoise import GeneralSensitivity, SoftImpute, StablePCP, Trimmed
from latentomics.multitask import RidgePerTask
from latentomics.sensing import LinearMMSE, MixtureMMSE, SVDDictionary

DEEP = {
    "hidden": (5,),
    "scale": None,
    "init_scale": 0.2,
    "learning_rate": 0.02,
    "validation_fraction": 0.3,
    "tol": 0.5,
    "max_iter": 40,
    "n_starts": 2,
    "random_state": 1,
    "dtype": "float64",
}
SPIKES = {"eta": 1.7, "eta_unit": "noise", "keep": "none", "fdr": 1e-9}
LOOP = {"tol": 0.1, "max_iter": 3, "dtype": "float32"}
SEARCH = {
    "estimator": RidgePerTask(),
    "grid": [{"fraction": 0.4}],
    "setting": "inductive",
    "n_splits": 3,
    "random_state": 1,
}
NMF = {
    "n_components": 2,
    "lam_c": 0.4,
    "lam_2": 0.1,
    "n_runs": 3,
    "update": "split",
    "warm_up": 2,
    "tol": 0.3,
    "max_iter": 7,
    "random_state": 1,
    "dtype": "float32",
}
SOME = {"n_measurements": 2}
TRAINED = {
    "hidden": (5, 5),
    "learning_rate": 0.02,
    "batch_size": 7,
    "random_state": 1,
    "dtype": "float64",
}
MAP = {
    **TRAINED,
    "weight_decay": 0.5,
    "max_epochs": 6,
    "validation_fraction": 0.4,
}
DRAWN = {**TRAINED, "n_latent": 2, "prior": 9.0, "n_restarts": 1, "n_steps": 40}
ATOMS = {"n_components": 2, "random_state": 1, "dtype": "float32"}
# For every parameter of every estimator another value, and in WITH what else must
# be set for it to matter. An estimator or a parameter that is missing here fails.
OTHER = {
    "SoftImpute": {
        "lam": 2.0,
        "accelerate": False,
        "tol": 0.1,
        "max_iter": 3,
        "dtype": "float32",
    },
    "StablePCP": {
        "lam": 2.0,
        "gamma": 0.5,
        "tol": 0.1,
        "max_iter": 3,
        "dtype": "float32",
    },
    "GeneralSensitivity": {
        "loadings": "fitted",
        "tol": 0.1,
        "max_iter": 3,
        "dtype": "float32",
    },
    "NuclearNormBall": {**LOOP, "eps": 0.5},
    "RobustPCA": {**LOOP, "tau": 0.5},
    "DeepMatrixFactorization": {
        **DEEP,
        "loss": Trimmed(),
        "weight_decay": 0.1,
        "scoring": "mse",
        "patience": 2,
        "look_every": 7,
    },
    "KeepSpikes": {**SPIKES, "model": SoftImpute(), "scale": None},
    "ResidualThresholdedDMF": {**DEEP, **SPIKES},
    "DualBranchNMF": {
        "rank": 2,
        "hidden": 5,
        "alpha": 0.8,
        "learning_rate": 0.02,
        "validation_fraction": 0.3,
        "patience": 2,
        "look_every": 7,
        "tol": 0.5,
        "max_iter": 40,
        "random_state": 1,
        "dtype": "float64",
    },
    "CellSearch": {
        "estimator": GeneralSensitivity(),
        "grid": {"lam": [1.0, 3.0]},
        "validation_fraction": 0.3,
        "scoring": "mse",
        "random_state": 1,
    },
    "TraceNormRegressor": {**LOOP, "lam": 4.0},
    "TraceNormHybrid": {
        **LOOP,
        "lam": 4.0,
        "shrinkage": 0.7,
        "covariance_tol": 1e-6,
    },
    "RidgePerTask": {"lam": 4.0, "dtype": "float32"},
    "NearestDrug": {"min_lines": 18},
    "DrugAndLineEffects": {"penalty": 4.0},
    "ResponseSoftImpute": {**LOOP, "lam": 2.0},
    "ElasticNetPerTask": {"l1_ratio": 0.9, "lam": 0.2},
    "KBMTL": {
        "n_components": 2,
        "width": 0.7,
        "sigma_h": 0.3,
        "sigma_w": 0.5,
        "precision_prior": (2.0, 1.0),
        "noise_prior": (1.0, 2.0),
        "tol": 0.5,
        "max_iter": 3,
        "random_state": 1,
        "dtype": "float32",
    },
    "PathSearch": SEARCH,
    "TaskGroups": {**SEARCH, "group_size": 2},
    "BlendedDecoder": {
        "decoders": [LinearMMSE(0.5)],
        "n_splits": 4,
        "random_state": 1,
    },
    "DictionaryDecoder": {
        "dictionary": SVDDictionary(2),
        "how": "legacy",
        "n_nonzero": 1,
    },
    "GaussianMeasurement": {
        **SOME,
        "max_correlation": 0.2,
        "nonnegative": True,
        "random_state": 1,
    },
    "KSVD": {**ATOMS, "n_nonzero": 1, "tol": 0.5, "max_iter": 1},
    "LinearMMSE": {"shrinkage": 0.5},
    "MLPDecoder": {**MAP, "loss": "pearson"},
    "MixtureMMSE": {
        "n_components": 2,
        "n_latent": 2,
        "pooling": 5.0,
        "random_state": 1,
    },
    "OnlineDictionary": {
        **ATOMS,
        "n_nonzero": 1,
        "batch_size": 7,
        "tol": 0.5,
        "max_iter": 1,
    },
    "OptimisedPools": {
        **SOME,
        "noise": 0.5,
        "learning_rate": 0.1,
        "tol": 0.1,
        "max_iter": 3,
        "random_state": 1,
    },
    "PooledMeasurement": {**SOME, "pool_size": 3, "random_state": 1},
    "RegressorDecoder": {
        "regressor": Ridge(9.0),
        "decoder": MixtureMMSE(2, n_latent=2),
        "random_state": 1,
        "dtype": "float64",
    },
    "ResidualDecoder": {
        "decoder": MixtureMMSE(2, n_latent=2),
        "shrinkage": 0.9,
        "max_samples": 10,
        "random_state": 1,
    },
    "SMAF": {
        **ATOMS,
        "n_nonzero": 1,
        "lam": 0.4,
        "form": "constrained",
        "min_module_size": 19.0,
        "max_iter": 1,
    },
    "SVDDictionary": {"n_components": 2},
    "SignatureGenes": SOME,
    "SparseNMF": {**ATOMS, "lam": 0.5, "tol": 0.5, "max_iter": 3},
    "StackedDecoder": {
        **MAP,
        "decoder": MixtureMMSE(2, n_latent=2),
        "residual": False,
        "n_copies": 3,
    },
    "VAEDecoder": {**DRAWN, "n_epochs": 9, "kl_warm_up": 0},
    "WGANDecoder": {**DRAWN, "n_critic": 1, "penalty": 1.0, "max_iter": 6},
    "SupervisedNMF": NMF,
    "SemiSupervisedNMF": {**NMF, "unlabelled_weight": 0.5},
    "PseudoLabelNMF": {
        **NMF,
        "unlabelled_weight": 0.5,
        "threshold": 0.9,
        "rule": "quantile",
        "vote": True,
        "max_rounds": 1,
    },
}
WITH = {
    ("GeneralSensitivity", "tol"): {"loadings": "fitted"},
    ("GeneralSensitivity", "max_iter"): {"loadings": "fitted"},
    ("DeepMatrixFactorization", "patience"): {"tol": 0.5},
    ("DeepMatrixFactorization", "tol"): {"patience": 2, "loss": Trimmed()},
    ("ResidualThresholdedDMF", "tol"): {"max_iter": 400},
    ("ResidualThresholdedDMF", "fdr"): {"keep": "enriched", "eta": 1.0},
    ("KeepSpikes", "fdr"): {"keep": "enriched", "model": StablePCP(3.0, 0.3)},
    ("DualBranchNMF", "patience"): {"tol": 0.5},
    ("DualBranchNMF", "tol"): {"patience": 2, "learning_rate": 0.03},
    ("CellSearch", "estimator"): {"grid": {"tol": [1e-6]}},
    ("PathSearch", "estimator"): {"grid": None},
    ("TaskGroups", "estimator"): {"grid": None},
    ("VAEDecoder", "n_restarts"): {"n_steps": 60, "prior": 0.0},
    ("MixtureMMSE", "random_state"): {"n_components": 8},
    ("RegressorDecoder", "random_state"): {"regressor": None},
}
# X -> what else `fit` must be given for a parameter to matter, and with which X
FIT_WITH = {
    # the lines in which one drug has its spikes
    ("ResidualThresholdedDMF", "fdr"): lambda X: ((X,), {"groups": X[:, 1] > 6}),
    ("KeepSpikes", "fdr"): lambda X: ((X,), {"groups": X[:, 1] > 6}),
}
# Must not change the answer; what they do is tested in other places
SILENT = {"device": "cpu", "progress": list}
