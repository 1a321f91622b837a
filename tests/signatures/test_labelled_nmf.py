"""The three estimators: what they find, predict and refuse."""

import warnings

import numpy as np
import pandas as pd
import pytest
from labelled_problems import planted
from numpy.testing import assert_allclose, assert_array_equal
from scipy.optimize import minimize
from scipy.special import log_softmax, softmax
from sklearn.exceptions import ConvergenceWarning, NotFittedError

from latentomics.signatures import (
    PseudoLabelNMF,
    SemiSupervisedNMF,
    SupervisedNMF,
    refit_exposures,
    unexplained,
)
from latentomics.signatures.consensus import consensus, cosine
from latentomics.signatures.labelled_nmf import class_weights

pytestmark = pytest.mark.filterwarnings(
    "ignore::sklearn.exceptions.ConvergenceWarning",
    "ignore::sklearn.exceptions.DataConversionWarning",  # one column as a vector
)
CLASSES = [SupervisedNMF, SemiSupervisedNMF, PseudoLabelNMF]
every_class = pytest.mark.parametrize("cls", CLASSES)
FAST = {"n_runs": 2, "warm_up": 10, "max_iter": 20, "device": "cpu"}


@pytest.fixture(scope="module")
def data():
    counts, labels, _, _ = planted(n=60)
    return counts, np.where(np.arange(60) < 36, labels, -1), labels


def fit(cls, X, y, K=3, **given):
    return cls(K, **{**FAST, **given}).fit(X, y)


@every_class
def test_planted_signatures_are_found_and_told_apart(cls):
    counts, labels, S, E = planted(1, n=90, depth=20_000)
    y = np.where(np.arange(90) < 60, labels, -1)
    model = cls(3, n_runs=5, device="cpu").fit(counts, y)
    match = cosine(model.components_, S)
    assert_array_equal(np.sort(match.argmax(axis=1)), [0, 1, 2])
    assert match.max(axis=1).min() > 0.98
    assert model.stability_ > 0.9
    assert model.score(counts[60:], labels[60:]) > 0.9
    assert np.abs(model.transform(counts)[:, match.argmax(axis=0)] - E).mean() < 0.05


@every_class
def test_what_it_predicts_by_hand(cls, data):
    counts, y, _ = data
    model = fit(cls, counts, y + 10 * (y >= 0))  # classes 10, 11, 12
    X = counts / counts.sum(axis=1, keepdims=True)
    E = refit_exposures(X, model.components_)
    assert_allclose(model.transform(counts), E, atol=1e-12)
    P = softmax(E @ model.weights_, axis=1)
    assert_allclose(model.predict_proba(counts), P, atol=1e-12)
    assert_array_equal(model.predict(counts), np.array([10, 11, 12])[P.argmax(axis=1)])
    expected = consensus(model.run_components_)
    assert_array_equal(model.components_, expected[0])
    assert_array_equal(model.signature_stability_, expected[1])
    assert model.stability_ == pytest.approx(expected[1].mean(), rel=1e-12)
    known = y >= 0
    weights = class_weights(E[known], y[known], 3, model.lam_2)
    assert_allclose(model.weights_, weights, rtol=1e-6, atol=1e-8)
    last = model.history_.groupby("run").last()
    assert_allclose(model.runs_["loss"], last["loss"], rtol=1e-9)
    assert_array_equal(model.runs_["n_iter"], last["iteration"])
    assert model.n_iter_ == last["iteration"].max()


@every_class
def test_exposures_are_a_table_with_named_columns_on_request(cls, data):
    counts, y, _ = data
    table = pd.DataFrame(counts).add_prefix("channel ").rename("sample {}".format)
    model = fit(cls, table, y)
    names = ["signature 1", "signature 2", "signature 3"]
    assert model.get_feature_names_out().tolist() == names
    expected = pd.DataFrame(model.transform(table), table.index, names)
    found = model.set_output(transform="pandas").transform(table)
    pd.testing.assert_frame_equal(found, expected)
    assert_array_equal(model.predict(table), fit(cls, table, y).predict(table))


@every_class
@pytest.mark.parametrize("ask", ["predict", "predict_proba", "transform", "score"])
def test_there_is_no_answer_before_a_fit(cls, ask, data):
    arguments = data[:2] if ask == "score" else data[:1]
    with pytest.raises(NotFittedError, match=f"This {cls.__name__} instance is not"):
        getattr(cls(3), ask)(*arguments)
    with pytest.raises(NotFittedError):
        cls(3).get_feature_names_out()


@pytest.mark.parametrize("n_classes", [2, 3, 4])
@pytest.mark.parametrize("lam_2", [1e-3, 0.1, 5.0])
def test_class_weights_are_the_least_of_the_formula(rng, n_classes, lam_2):
    E = rng.gamma(1, 1, (40, 3))
    codes = np.arange(40) % n_classes
    E[:, 0] += 0.3 * codes

    def formula(w):
        W = w.reshape(3, n_classes)
        chosen = log_softmax(E @ W, axis=1)[np.arange(40), codes]
        return -chosen.sum() + lam_2 * (W**2).sum()

    W = class_weights(E, codes, n_classes, lam_2)
    least = minimize(formula, np.zeros(3 * n_classes), tol=1e-12)
    assert formula(W) <= least.fun * (1 + 1e-10)
    assert_allclose(W, least.x.reshape(W.shape), atol=1e-3)
    assert_allclose(W.sum(axis=1), 0, atol=1e-6)


def test_unlabelled_samples_matter_to_all_but_the_supervised(data):
    counts, y, _ = data
    less, less_y = counts[y >= 0], y[y >= 0]
    for cls, same in ((SupervisedNMF, True), (SemiSupervisedNMF, False)):
        one, other = fit(cls, counts, y), fit(cls, less, less_y)
        assert np.array_equal(one.components_, other.components_) == same
        assert np.array_equal(one.weights_, other.weights_) == same


def test_with_all_labelled_all_three_are_the_same(data):
    counts, _, labels = data
    fits = [fit(cls, counts, labels) for cls in CLASSES]
    for other in fits[1:]:
        assert_array_equal(other.components_, fits[0].components_)
        assert_array_equal(other.weights_, fits[0].weights_)


def test_counts_or_shares_of_any_size_are_the_same(data):
    counts, y, _ = data
    one = fit(SemiSupervisedNMF, counts, y)
    for scale in (1 / counts.sum(axis=1, keepdims=True), 1e305, 1e-310):
        other = fit(SemiSupervisedNMF, counts * scale, y)
        # of numbers below 1e-308 few digits are left
        assert_allclose(other.components_, one.components_, atol=1e-6)
        assert_allclose(
            other.predict_proba(counts * scale), one.predict_proba(counts), atol=1e-4
        )


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_dtype_is_that_of_the_runs(data, dtype):
    assert fit(SemiSupervisedNMF, *data[:2], dtype=dtype).run_components_.dtype == dtype


NAMES = np.array(["skin", "lung", "-"])
SPELLINGS = {
    "numbers": lambda y: y,
    "a list": lambda y: y.tolist(),
    "floats": lambda y: y.astype(float),
    "floats and NaN": lambda y: np.where(y < 0, np.nan, y),
    "a column": lambda y: y[:, None],
    "a series": lambda y: pd.Series(y, index=np.arange(60) + 7),
    "a frame": lambda y: pd.DataFrame({"y": y}),
    "nullable": lambda y: pd.Series(y).astype("Int64").where(y >= 0),
    "masked": lambda y: np.ma.array(np.where(y < 0, 2, y), mask=y < 0),
    "text": lambda y: np.where(y < 0, "-1", NAMES[y]),
    "objects": lambda y: np.where(y < 0, -1, NAMES[y].astype(object)),
    "a list of text": lambda y: [-1 if v < 0 else str(NAMES[v]) for v in y],
    "text and None": lambda y: np.where(y < 0, None, NAMES[y].astype(object)),
    "text and NaN": lambda y: np.where(y < 0, np.nan, NAMES[y].astype(object)),
    "pandas text": lambda y: pd.Series(NAMES[y]).astype("string").where(y >= 0),
    "categories": lambda y: pd.Series(NAMES[y]).astype("category").where(y >= 0),
}


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_labels_may_be_spelled_in_many_ways(data, spelling):
    counts, y, _ = data
    y = np.where(y == 2, 0, y)  # two classes, whose names have the other order
    model = fit(SemiSupervisedNMF, counts, SPELLINGS[spelling](y))
    plain = fit(SemiSupervisedNMF, counts, y)
    text = isinstance(model.classes_[0], str)
    assert model.classes_.tolist() == (["lung", "skin"] if text else [0, 1])
    assert model.predict(counts).dtype == model.classes_.dtype
    proba = model.predict_proba(counts)[:, :: -1 if text else 1]
    assert_allclose(proba, plain.predict_proba(counts), atol=1e-6)


@every_class
def test_columns_are_found_by_name(cls, data, rng):
    counts, y, _ = data
    table = pd.DataFrame(counts).add_prefix("channel ")
    model = fit(cls, table, y)
    other = table[rng.permutation(table.columns)]
    for method in ("predict", "predict_proba", "transform"):
        answer = getattr(model, method)
        assert_array_equal(answer(other), answer(table))
        assert_allclose(answer(table.iloc[:3]), answer(table)[:3], rtol=1e-10)
    for wrong in (table.iloc[:, 1:], table.rename(columns={"channel 3": "x"})):
        with pytest.raises(ValueError, match="feature|channel 3"):
            model.predict(wrong)
    with pytest.raises(ValueError, match="unique column names; got 'channel 3' 2"):
        model.predict(table.rename(columns={"channel 4": "channel 3"}))


def spoiled(value):
    def spoil(X, y):
        X = X.astype(float)
        X[7, 2] = value
        return X, y

    return spoil


def without_mutations(X, y):
    X = X.copy()
    X[[4, 9]] = 0
    return X, y


REFUSED = {
    "negative": (spoiled(-1), "Negative values in .* X.*; got -1.0 in row 7, column 2"),
    "nan": (spoiled(np.nan), "X must be finite, without NaN; got nan in row 7, col"),
    "inf": (spoiled(np.inf), "X must be finite, without NaN; got inf in row 7, col"),
    "empty": (without_mutations, r"mutation in every sample; got 0 in row \[4, 9\]"),
    "no y": (lambda X, y: (X, None), "requires y to be passed, but the target y is No"),
    "one class": (
        lambda X, y: (X, np.where(y < 0, -1, 2)),
        "y must hold at least 2 classes; got 1 class, 2",
    ),
    "none": (lambda X, y: (X, 0 * y - 1), "y must label some samples; got -1 for all"),
    "short": (lambda X, y: (X, y[:-1]), r"each of the 60 samples; got shape \(59,\)"),
    "wide": (
        lambda X, y: (X, np.c_[y, y]),
        r"a label for each of the 60 samples; got shape \(60, 2\)",
    ),
    "few channels": (
        lambda X, y: (X[:, :2] + 1, y),
        r"n_components must be at most the 2 feature\(s\) of X; got 3",
    ),
    "twice": (
        lambda X, y: (
            pd.DataFrame(X)
            .rename(columns="ab{}".format)
            .rename(columns={"ab3": "ab2"}),
            y,
        ),
        "X must have unique column names; got 'ab2' 2 times",
    ),
    "text": (
        lambda X, y: (np.where(X == X[0, 0], "many", X.astype(object)), y),
        "X must hold numbers; got 'many' in row 0, column 0",
    ),
    "measured": (
        lambda X, y: (X, y + 0.5),
        "y must hold classes, .*; got 0.5",
    ),
}


@every_class
@pytest.mark.parametrize("case", REFUSED)
def test_what_is_refused(cls, data, case):
    spoil, says = REFUSED[case]
    with pytest.raises(ValueError, match=says) as refusal:
        fit(cls, *spoil(*data[:2]))
    assert "\n" not in str(refusal.value)


@every_class
def test_new_samples_are_checked_too(cls, data):
    model = fit(cls, *data[:2])
    for case in ("negative", "nan", "inf", "empty", "text"):
        spoil, says = REFUSED[case]
        with pytest.raises(ValueError, match=says):
            model.predict(spoil(*data[:2])[0])


@every_class
def test_runs_that_have_not_settled_are_said(cls, data):
    with pytest.warns(ConvergenceWarning, match="2 of 2 runs have not settled"):
        fit(cls, *data[:2], tol=0)


@pytest.mark.parametrize(
    ("weight", "update", "says"),
    [
        (1.5, "mm", "unlabelled_weight must be a number from 0 to 1; got 1.5"),
        (0.5, "split", "unlabelled_weight must be 0 unless .*; got 0.5 with update='s"),
    ],
)
def test_the_weight_of_the_dustbin_has_its_range(data, weight, update, says):
    with pytest.raises(ValueError, match=says):
        fit(SemiSupervisedNMF, *data[:2], unlabelled_weight=weight, update=update)


def test_one_signature_or_as_many_as_channels_will_do(data):
    counts, y, _ = data
    for K in (1, 24):
        model = fit(SemiSupervisedNMF, counts, y, K=K)
        assert np.isfinite(model.predict_proba(counts)).all()
        assert model.components_.shape == (K, 24)


def test_samples_with_other_processes_are_warned_of(rng):
    S = rng.dirichlet(np.full(24, 0.2), 4)
    y = np.arange(60) % 3
    near = 0.9 * S[y] + 0.1 / 24
    counts = rng.multinomial(400, near)
    model = SupervisedNMF(3, **FAST).fit(counts, y)
    assert model.unexplained_ == unexplained(counts, model.components_) < 0.1
    far = rng.multinomial(400, 0.3 * near + 0.7 * S[3])
    told = r"leave \d+% of these profiles unexplained, and \d+% of the labelled ones:"
    with pytest.warns(UserWarning, match=told):
        model.predict(far)
    model.unexplained_ = -0.02  # chance is taken off on average
    with pytest.warns(UserWarning, match="and 0% of the labelled ones:"):
        model.predict(far)
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        model.predict(rng.multinomial(400, near))
        model.predict(rng.multinomial(4, near))  # shallow is not foreign
        model.predict(far / far.sum(axis=1, keepdims=True))  # no counts, no chance
    profiles = counts / counts.sum(axis=1, keepdims=True)
    model = SupervisedNMF(3, **FAST).fit(profiles, y)
    assert np.isnan(model.unexplained_)
    with pytest.warns(UserWarning, match=r"these profiles unexplained: the samples"):
        model.predict(far)
