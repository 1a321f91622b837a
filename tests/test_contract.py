"""What every estimator of the package promises, whichever chapter it lives in."""

import inspect
import pickle

import numpy as np
import pandas as pd
import pytest
from house import (
    CLASSIFIERS,
    DENOISERS,
    NETWORKS,
    PROFILES,
    REGRESSORS,
    family_of,
    learned,
    on,
    same,
    same_fit,
)
from house_values import FIT_WITH, OTHER, SILENT, WITH
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.utils.validation import check_is_fitted

pytestmark = pytest.mark.filterwarnings(
    "ignore::sklearn.exceptions.ConvergenceWarning",
    "ignore::sklearn.exceptions.DataConversionWarning",  # one column as a vector
)


@pytest.fixture
def X(gappy, rng):
    """Rank 3 with gaps, and a spike of 10 in every 20th entry, 30 x 20."""
    return gappy[1] + 10 * (rng.random(gappy[1].shape) < 0.05)


@pytest.fixture
def data_of(X, responses, catalogues, measured):
    """What an estimator of a class is fitted to."""
    data = {DENOISERS: (X,), REGRESSORS: responses, CLASSIFIERS: catalogues}
    data |= {PROFILES: measured[:1], NETWORKS: measured}
    return lambda cls: data[family_of(cls)]


@pytest.fixture
def data(estimator_class, data_of):
    return data_of(estimator_class)


def answers(model, data):
    return family_of(type(model)).answers(model, *data)


def assert_close(a, b, data, rtol):
    """Arrays with rounding behind the comma, to `rtol` of their size; masks exactly."""
    assert learned(a).keys() == learned(b).keys()
    one, two = answers(a, data), answers(b, data)
    for name in one.keys() - {"kept_"}:
        size = np.abs(one[name]).max()
        assert_allclose(one[name], two[name], atol=rtol * size, err_msg=name)
    assert np.mean(one.get("kept_", 0) != two.get("kept_", 0)) < 0.01


def test_a_second_fit_equals_the_first(estimator_class, make, data):
    model = make(estimator_class).fit(*data)
    first = pickle.loads(pickle.dumps(model))
    assert same_fit(model.fit(*data), first)
    unlike = (2 * M + np.arange(M.shape[1]) if M.ndim == 2 else M[::-1] for M in data)
    other = make(estimator_class).fit(*unlike)
    assert same_fit(other.fit(*data), first), "something of an earlier fit is left"


def test_a_clone_learns_the_same_and_starts_unfitted(estimator_class, make, data):
    model = make(estimator_class).fit(*data)
    fresh = clone(model)
    assert not learned(fresh)
    assert same_fit(fresh.fit(*data), model)


def test_codes_are_named_and_may_be_tables(estimator_class, make, data):
    if not hasattr(estimator_class, "get_feature_names_out"):
        assert not hasattr(estimator_class, "transform")
        return
    model = make(estimator_class).fit(*data)
    codes = model.transform(data[0])
    table = model.set_output(transform="pandas").transform(data[0])
    assert_array_equal(codes, table)
    assert list(table) == list(model.get_feature_names_out())
    assert len(set(table)) == codes.shape[1]


def test_a_pickle_of_other_parameters_is_refused(estimator_class, make):
    model = make(estimator_class)
    for state in (model.__dict__ | {"line_axis": 0}, dict([*vars(model).items()][1:])):
        with pytest.raises(ValueError, match="pickled by another version of latent"):
            estimator_class.__new__(estimator_class).__setstate__(state)


def test_names_and_counts_stored_by_a_fit_that_failed_are_no_fit(
    estimator_class, make, data
):
    model = make(estimator_class)
    model.n_features_in_, model.feature_names_in_ = 1, np.array(["a"])
    with pytest.raises(NotFittedError):
        check_is_fitted(model)
    check_is_fitted(make(estimator_class).fit(*data))


def test_a_fit_survives_pickling(estimator_class, make, data):
    model = make(estimator_class).fit(*data)
    back = pickle.loads(pickle.dumps(model))
    assert same_fit(back, model)
    assert same(answers(back, data), answers(model, data))
    assert str(back.get_params()) == str(model.get_params())


def test_fit_returns_self_and_leaves_parameters_and_input_alone(
    estimator_class, make, data
):
    model = make(estimator_class)
    parameters, before = model.get_params(), [M.copy() for M in data]
    for M in data:
        M.setflags(write=False)
    assert model.fit(*data) is model
    assert answers(model, data)
    assert same(list(data), before)
    after = model.get_params()
    assert all(after[name] is value for name, value in parameters.items())


def test_results_are_the_callers_own(denoiser_class, make, X):
    model = make(denoiser_class).fit(X)
    low_rank = model.low_rank_.copy()
    model.corrected_[:] = 99
    assert_array_equal(model.low_rank_, low_rank)


def test_predictions_are_the_callers_own(regressor_class, make, responses):
    model = make(regressor_class).fit(*responses)
    before = model.predict(responses[0]).copy()
    model.predict(responses[0])[:] = 99
    assert_array_equal(model.predict(responses[0]), before)


def test_classes_and_exposures_are_the_callers_own(classifier_class, make, catalogues):
    model = make(classifier_class).fit(*catalogues)
    for method in (model.predict, model.predict_proba, model.transform):
        before = method(catalogues[0]).copy()
        method(catalogues[0])[:] = 99
        assert_array_equal(method(catalogues[0]), before)


@pytest.mark.parametrize("order", ["C", "F"])
def test_tables_and_lists_and_orders_give_what_arrays_give(
    estimator_class, make, data, order
):
    model = make(estimator_class).fit(*data)
    ordered = [np.asarray(M, order=order) for M in data]
    tables = [
        pd.DataFrame(M).add_prefix("drug ").rename("line {}".format) for M in ordered
    ]
    named = make(estimator_class).fit(*tables)
    assert list(named.feature_names_in_) == list(tables[0].columns)
    assert same_fit(named, model)
    assert same(answers(named, tables), answers(model, data))
    assert same_fit(make(estimator_class).fit(*(M.tolist() for M in data)), model)
    assert same_fit(make(estimator_class).fit(*ordered), model)


def test_every_cell_has_a_finite_answer(estimator_class, make, data):
    model = make(estimator_class).fit(*data)
    for value in answers(model, data).values():
        assert value.shape == data[-1].shape
        assert np.isfinite(value).all()


def test_a_gap_is_not_kept(denoiser_class, make, X):
    kept = make(denoiser_class).fit(X).kept_
    assert kept.dtype == bool
    assert not kept[np.isnan(X)].any()


def test_the_answer_has_the_dtype_asked_for(denoiser_class, make, X):
    for dtype in ("float32", "float64"):
        model = on(make(denoiser_class), dtype=dtype).fit(X)
        assert model.low_rank_.dtype == model.corrected_.dtype == dtype


def test_float32_is_close_to_float64(estimator_class, make, data):
    # rounding of 6e-8 an operation; a few hundred steps, each stable, and a stop
    # that may fall one look apart: three digits are certain, and enough to tell a
    # wrong formula
    double, single = (
        on(make(estimator_class), dtype=dtype, tol=1e-4).fit(*data)
        for dtype in ("float64", "float32")
    )
    assert_close(double, single, data, rtol=3e-3)


def test_every_device_gives_the_answer_of_the_cpu(estimator_class, make, data, device):
    there, cpu = (
        on(make(estimator_class), device=where, dtype="float64").fit(*data)
        for where in (device, "cpu")
    )
    assert_close(there, cpu, data, rtol=1e-6)


def test_entries_to_leave_out_are_left_out(denoiser_class, make, X, rng):
    held = rng.random(X.shape) < 0.1
    held[0] = held[:, 0] = False
    other = np.where(held, X + 5, X)
    settings = {"validation_fraction": 0.0, "max_iter": 20, "look_every": 20}  # 1 look
    one, two = (
        on(make(denoiser_class), **settings).fit(M, validation=held) for M in (X, other)
    )
    assert_array_equal(one.low_rank_, two.low_rank_)


def test_each_parameter_moves_the_result(knob, make, data_of):
    cls, name = knob
    assert cls.__name__ in OTHER, f"tests/house_values.py has no {cls.__name__}"
    other = SILENT | OTHER[cls.__name__]
    needed = WITH.get((cls.__name__, name), {})
    data = data_of(cls)
    data, more = FIT_WITH.get((cls.__name__, name), lambda *data: (data, {}))(*data)
    base = make(cls, **needed).fit(*data, **more)
    moved = make(cls, **{**needed, name: other[name]}).fit(*data, **more)
    alike = same_fit(base, moved) and same(answers(base, data), answers(moved, data))
    assert alike == (name in SILENT)


def test_the_table_of_values_names_no_parameter_that_is_gone(estimator_class):
    known = set(inspect.signature(estimator_class).parameters)
    assert set(OTHER[estimator_class.__name__]) <= known
