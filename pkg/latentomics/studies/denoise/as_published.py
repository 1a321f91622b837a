"""The published recipe with the settings of its authors' script, run to its end."""

import warnings

import pandas as pd
from sklearn.exceptions import ConvergenceWarning

from latentomics.studies.denoise.experiments import score_recovery, visible
from latentomics.studies.denoise.variants import VariantDMF

# four inner layers, every entry of the start N(0, 1e-3 ** 2), squared loss, Adam, and
# the best by squared validation error of the products saved at 1,000, ..., 49,000
AS_PUBLISHED = {
    "hidden": (500,) * 4,
    "init": "gaussian",
    "learning_rate": 1e-4,
    "scale": "raw",
    "scoring": "mse",
    "look_every": 1000,
    "max_iter": 49_000,
    "patience": 49,  # looks: none is left out
    "tol": 0.0,
}


def published_tables(sets, start, *, progress=None, **settings):
    """Run the published recipe on every set from one start.

    Parameters
    ----------
    sets : dict of str to PlantedSet
    start : int
        Seed of the random start.
    progress : callable, optional
        Wraps the list of names, as ``tqdm.auto.tqdm`` does.
    **settings
        Replace some of `AS_PUBLISHED`, such as a smaller `max_iter`; or as for
        :class:`DeepMatrixFactorization`.

    Returns
    -------
    scores : DataFrame
        One row per set: `set`, `method`, `start`, the `iteration` of the best product,
        its squared `validation_error` and the columns of :func:`score_recovery`.
    course : DataFrame
        Columns `set`, `start`, `iteration` and `validation_error`, a row per look.
    """
    rows, course = [], []
    for name in progress(list(sets)) if progress else sets:
        planted = sets[name]
        model = VariantDMF(**(AS_PUBLISHED | {"random_state": start} | settings))
        with warnings.catch_warnings():
            # the recipe ends after so many iterations, whether or not it has converged
            warnings.simplefilter("ignore", ConvergenceWarning)
            model.fit(visible(planted), validation=planted.validation)
        errors = pd.Series(model.validation_error_, model.trace_.iteration)
        row = {"set": name, "method": "dmf_published", "start": start}
        best = {"iteration": errors.idxmin(), "validation_error": errors.min()}
        rows.append(row | best | score_recovery(planted, model.low_rank_))
        here = {"set": name, "start": start, "iteration": errors.index}
        course.append(pd.DataFrame(here | {"validation_error": errors.to_numpy()}))
    return pd.DataFrame(rows), pd.concat(course, ignore_index=True)
