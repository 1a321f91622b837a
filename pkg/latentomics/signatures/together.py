"""Models, or points of a grid, fitted side by side."""

import numpy as np

from latentomics.matrices import read_matrix
from latentomics.signatures.runs import Setting, part, start_runs, warm_up

SHARED = Setting._fields  # runs of one batch may differ in these
TOGETHER = 12  # settings in one batch of runs


def together(points):
    """Return points in batches that are fitted side by side, at most 12 settings each.

    Points that differ only in `later` parameters share their runs and stay together.
    """
    alike = {}
    for point in points:
        shared = tuple(point.get(name) for name in SHARED)
        alike.setdefault(shared, []).append(point)
    settings = list(alike.values())
    batches = [settings[at : at + TOGETHER] for at in range(0, len(settings), TOGETHER)]
    return [[point for some in batch for point in some] for batch in batches]


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
    one, used = models[0], models[0]._used(codes)
    wanted = [_setting(model) for model in models]
    settings = list(dict.fromkeys(wanted))
    runs = start_runs(
        profiles[used],
        np.arange(len(one.classes_))[:, None] == codes[used],
        codes[used] >= 0,
        settings,
        n_runs=one.n_runs,
        unlabelled=one.unlabelled_weight,
        seed=one.random_state,
        device=one.device,
        dtype=one.dtype,
    )
    warm_up(runs, one.warm_up, one.n_runs)
    one._settle(runs, range(len(settings) * one.n_runs), phase=0)
    raw = read_matrix(X)[codes >= 0]
    for setting, model in zip(wanted, models, strict=True):
        model._finish(profiles, codes, part(runs, settings.index(setting), model))
        model.unexplained_ = model._unexplained(raw, profiles[codes >= 0])
    return models


def _setting(model):
    """Return what the runs of a model depend on; at lam_c = 0 not on lam_2."""
    unseen = not model.lam_c and not model.later
    return Setting(model.n_components, model.lam_c, 1.0 if unseen else model.lam_2)
