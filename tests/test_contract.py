"""What every estimator of the package promises, whichever chapter it lives in."""

import inspect
import pickle

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone

from latentomics.denoise import GeneralSensitivity

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

DEEP = {
    "hidden": (5,),
    "eta": 1.7,
    "eta_unit": "noise",
    "scale": None,
    "init": "gaussian",
    "init_scale": 0.2,
    "optimizer": "sgd",
    "learning_rate": 0.02,
    "weight_decay": 0.1,
    "validation_fraction": 0.3,
    "scoring": "mse",
    "patience": 2,
    "look_every": 7,
    "tol": 0.5,
    "max_iter": 40,
    "n_starts": 2,
    "random_state": 1,
    "dtype": "float64",
}
BAND = {"tol": 0.1, "max_iter": 3, "dtype": "float32"}
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
    "NuclearNormBall": {**BAND, "eps": 0.5},
    "RobustPCA": {**BAND, "tau": 0.5},
    "DeepMatrixFactorization": {**DEEP, "loss": "trimmed"},
    "ResidualThresholdedDMF": {
        **DEEP,
        "mode": "post",
        "keep": "none",
        "line_axis": 1,
        "fdr": 1e-9,
    },
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
}
WITH = {
    ("GeneralSensitivity", "tol"): {"loadings": "fitted"},
    ("GeneralSensitivity", "max_iter"): {"loadings": "fitted"},
    ("DeepMatrixFactorization", "eta"): {"loss": "huber"},
    ("DeepMatrixFactorization", "eta_unit"): {"loss": "huber"},
    ("DeepMatrixFactorization", "patience"): {"tol": 0.5},
    ("DeepMatrixFactorization", "tol"): {"patience": 2, "loss": "trimmed"},
    ("ResidualThresholdedDMF", "patience"): {"tol": 0.5},
    ("ResidualThresholdedDMF", "tol"): {"patience": 2},
    ("ResidualThresholdedDMF", "line_axis"): {"keep": "enriched"},
    ("ResidualThresholdedDMF", "fdr"): {"keep": "enriched", "eta": 1.0},
    ("DualBranchNMF", "patience"): {"tol": 0.5},
    ("DualBranchNMF", "tol"): {"patience": 2, "learning_rate": 0.03},
    ("CellSearch", "estimator"): {"grid": {"tol": [1e-6]}},
}
# X -> what else `fit` must be given for a parameter to matter, and with which X
FIT_WITH = {
    # as many rows as columns, since either may be the lines
    ("ResidualThresholdedDMF", "line_axis"): lambda X: (
        X[:20],
        {"groups": ["skin", "blood"] * 10},
    ),
    # the lines in which one drug has its spikes
    ("ResidualThresholdedDMF", "fdr"): lambda X: (X, {"groups": X[:, 1] > 6}),
}
# Must not change the answer; what they do is tested in other places
SILENT = {"device": "cpu", "progress": list}


@pytest.fixture
def X(gappy, rng):
    """Rank 3 with gaps, and a spike of 10 in every 20th entry, 30 x 20."""
    return gappy[1] + 10 * (rng.random(gappy[1].shape) < 0.05)


def on(model, **given):
    """Set parameters wherever the model, or the one inside it, has them."""
    names = model.get_params()
    return model.set_params(
        **{n: v for n in names for k, v in given.items() if n.split("__")[-1] == k}
    )


def learned(model):
    """What a fit has set, as name -> value; column names depend on the input."""
    names = {name for name in vars(model) if name.endswith("_")} - {"feature_names_in_"}
    return {name: getattr(model, name) for name in names}


def same(a, b):
    """Whether two learned values are equal, bit for bit."""
    if isinstance(a, pd.DataFrame):
        return a.equals(b)
    if isinstance(a, list | tuple):
        return len(a) == len(b) and all(map(same, a, b))
    if isinstance(a, np.ndarray):
        return a.dtype == b.dtype and np.array_equal(a, b, equal_nan=True)
    if hasattr(a, "get_params"):
        return same_fit(a, b)
    return a == b


def same_fit(a, b):
    one, two = learned(a), learned(b)
    return one.keys() == two.keys() and all(same(one[k], two[k]) for k in one)


def assert_close(a, b, rtol):
    """Arrays with rounding behind the comma, to `rtol` of their size; masks exactly."""
    assert learned(a).keys() == learned(b).keys()
    for name in ("low_rank_", "corrected_"):
        one, two = getattr(a, name), getattr(b, name)
        assert_allclose(one, two, atol=rtol * np.abs(one).max(), err_msg=name)
    assert (a.kept_ != b.kept_).mean() < 0.01


def test_a_second_fit_equals_the_first(estimator_class, make, X):
    model = make(estimator_class).fit(X)
    first = pickle.loads(pickle.dumps(model))
    assert same_fit(model.fit(X), first)
    other = make(estimator_class).fit(2 * X + np.arange(20))
    assert same_fit(other.fit(X), first), "something of an earlier fit is left"


def test_a_clone_learns_the_same_and_starts_unfitted(estimator_class, make, X):
    model = make(estimator_class).fit(X)
    fresh = clone(model)
    assert not learned(fresh)
    assert same_fit(fresh.fit(X), model)


def test_a_fit_survives_pickling(estimator_class, make, X):
    model = make(estimator_class).fit(X)
    back = pickle.loads(pickle.dumps(model))
    assert same_fit(back, model)
    assert str(back.get_params()) == str(model.get_params())


def test_fit_returns_self_and_leaves_parameters_and_input_alone(
    estimator_class, make, X
):
    model = make(estimator_class)
    parameters, before = model.get_params(), X.copy()
    X.setflags(write=False)
    assert model.fit(X) is model
    assert_array_equal(X, before)
    after = model.get_params()
    assert all(after[name] is value for name, value in parameters.items())


def test_results_are_the_callers_own(estimator_class, make, X):
    model = make(estimator_class).fit(X)
    low_rank = model.low_rank_.copy()
    model.corrected_[:] = 99
    assert_array_equal(model.low_rank_, low_rank)


@pytest.mark.parametrize("order", ["C", "F"])
def test_tables_and_lists_and_orders_give_what_arrays_give(
    estimator_class, make, X, order
):
    model = make(estimator_class).fit(X)
    table = pd.DataFrame(np.asarray(X, order=order)).add_prefix("drug ")
    named = make(estimator_class).fit(table.rename("line {}".format))
    assert list(named.feature_names_in_) == list(table.columns)
    assert same_fit(named, model)
    assert same_fit(make(estimator_class).fit(X.tolist()), model)
    assert same_fit(make(estimator_class).fit(np.asarray(X, order=order)), model)


def test_every_cell_has_a_finite_answer_of_the_shape_of_x(estimator_class, make, X):
    model = make(estimator_class).fit(X)
    for name in ("low_rank_", "corrected_", "kept_"):
        value = getattr(model, name)
        assert value.shape == X.shape
        assert np.isfinite(value).all()
    assert model.kept_.dtype == bool
    assert not model.kept_[np.isnan(X)].any()


def test_the_answer_has_the_dtype_asked_for(estimator_class, make, X):
    for dtype in ("float32", "float64"):
        model = on(make(estimator_class), dtype=dtype).fit(X)
        assert model.low_rank_.dtype == model.corrected_.dtype == dtype


def test_float32_is_close_to_float64(estimator_class, make, X):
    # rounding of 6e-8 an operation; a few hundred steps, each stable, and a stop
    # that may fall one look apart: three digits are certain, and enough to tell a
    # wrong formula
    given = {"tol": 1e-4}
    double, single = (
        on(make(estimator_class), dtype=dtype, **given).fit(X)
        for dtype in ("float64", "float32")
    )
    assert_close(double, single, rtol=3e-3)


def test_every_device_gives_the_answer_of_the_cpu(estimator_class, make, X, device):
    there, cpu = (
        on(make(estimator_class), device=where, dtype="float64").fit(X)
        for where in (device, "cpu")
    )
    assert_close(there, cpu, rtol=1e-6)


def test_entries_to_leave_out_are_left_out(estimator_class, make, X, rng):
    held = rng.random(X.shape) < 0.1
    held[0] = held[:, 0] = False
    other = np.where(held, X + 5, X)
    settings = {"validation_fraction": 0.0, "patience": 10**6, "look_every": 200}
    one, two = (
        on(make(estimator_class), **settings).fit(M, validation=held)
        for M in (X, other)
    )
    assert_array_equal(one.low_rank_, two.low_rank_)


def test_each_parameter_moves_the_result(knob, make, X):
    cls, name = knob
    other = SILENT | OTHER[cls.__name__]
    needed = WITH.get((cls.__name__, name), {})
    X, given = FIT_WITH.get((cls.__name__, name), lambda X: (X, {}))(X)
    base = make(cls, **needed).fit(X, **given)
    moved = make(cls, **{**needed, name: other[name]}).fit(X, **given)
    assert same_fit(base, moved) == (name in SILENT)


def test_the_table_of_values_names_no_parameter_that_is_gone(estimator_class):
    known = set(inspect.signature(estimator_class).parameters)
    assert set(OTHER[estimator_class.__name__]) <= known
