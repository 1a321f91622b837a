"""Learning hidden structure in genomic matrices: the package behind Latent Omics."""

import sys
from importlib.abc import MetaPathFinder
from importlib.metadata import version

__version__ = version("latentomics")

STUDIES = {  # modules that once stood beside the estimators
    "denoise": "concordance downstream downstream_network experiments figures "
    "folds:line_folds implicit_rank simulate depth_figures:figures "
    "downstream_figures:figures",
    "multitask": "comparisons experiments figures label_noise rivals:contenders "
    "simulate weights",
    "sensing": "conformal contenders experiments simulate theory",
    "signatures": "calibration domains experiments figures simulate",
}
RENAMED = {
    "data.channels": "data.sbs96",
    "data.labels": "data.label_tables",
    "multitask.accelerated": "studies.multitask.rival_solvers",
    "multitask.feature_admm": "studies.multitask.rival_solvers",
    "multitask.shrink": "linalg.spectral",
    "sensing.dictionary": "sensing.dictionary_base",
    "sensing.networks": "solvers.networks",
    "sensing.profiles": "sensing.pseudobulk",
    "sensing.residual": "sensing.residual_decoder",
    "multitask.ridges": "multitask.ridge",
    "multitask.split": "multitask.split_admm",
    "multitask.splitters": "multitask.folds",
    "signatures.grid": "signatures.together",
    "signatures.literal": "signatures.published_updates",
    "signatures.pseudo": "signatures.pseudo_label",
    "signatures.tables": "signatures.catalogues",
}
MOVED = {f"latentomics.{old}": f"latentomics.{new}" for old, new in RENAMED.items()} | {
    f"latentomics.{part}.{move.partition(':')[0]}": (
        f"latentomics.studies.{part}.{move.rpartition(':')[2]}"
    )
    for part, moves in STUDIES.items()
    for move in moves.split()
}


class _Moved(MetaPathFinder):
    """Says where a module is now, once nobody else has found it."""

    def find_spec(self, name, path=None, target=None):
        if name in MOVED:
            raise ModuleNotFoundError(f"{name} is now {MOVED[name]}")


sys.meta_path.append(_Moved())
