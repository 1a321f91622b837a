"""The same answer in any units, and as far from 0 as anyone measures."""

import inspect

import numpy as np
import pytest
from house import CLASSIFIERS, REGRESSORS, estimator_classes, family_of, on
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.linear_model import Ridge

from latentomics.arrays import as_numpy, as_tensor, in_dtype
from latentomics.base import as_whole, check_size
from latentomics.linalg import svt
from latentomics.sensing import pursuit
from latentomics.sensing.base import Decoder
from latentomics.sensing.scores import scores
from latentomics.signatures import bootstrap_exposures, refit_exposures
from latentomics.solvers import relative_change
from latentomics.solvers.pursuit import pursuit_path

pytestmark = pytest.mark.filterwarnings(
    "ignore::sklearn.exceptions.ConvergenceWarning",
    "ignore::sklearn.exceptions.DataConversionWarning",  # one column as a vector
)
UNITS = (1e-8, 1e8)
# Units of all sizes whose squares are numbers, and how near to expect the answers.
# 1e8 is no power of 2: what rounds otherwise grows along a path of descent
SIZES = [
    *(("float64", unit, 1e-6) for unit in (*UNITS, 2.0**-330, 2.0**330)),
    *(("float32", unit, 1e-3) for unit in (2.0**-40, 2.0**40)),
]
SHIFT = 1e6
# Parameters with units, where X has units x, and Y has units y; others have none
IN_UNITS = {
    "SoftImpute": lambda x, y: {"lam": x},
    "StablePCP": lambda x, y: {"lam": x, "gamma": x},
    "NuclearNormBall": lambda x, y: {"eps": 0.1 * x},
    "CellSearch": lambda x, y: {"grid": {"lam": [0.5 * x, 2 * x]}},
    "TraceNormRegressor": lambda x, y: {"lam": x * y},
    "TraceNormHybrid": lambda x, y: {"lam": x * y},
    "RidgePerTask": lambda x, y: {"lam": x**2},
    "ResponseSoftImpute": lambda x, y: {"lam": y},
    # the ridge part, below 1, is of weights of features taken as they are
    "ElasticNetPerTask": lambda x, y: {"lam": 0.1 * x * y, "l1_ratio": 1.0},
    "SparseNMF": lambda x, y: {"lam": 0.1 * x},
    "OptimisedPools": lambda x, y: {"noise": 0.1 * x**2},
    "RegressorDecoder": lambda x, y: {"regressor": Ridge(x**2)},
}
# What the units of an argument do matter to, and why
HAS_UNITS = {
    ("KBMTL", "Y"): "its gamma priors are fixed numbers: standardise Y",
    ("DualBranchNMF", "X"): "its start and rate are the published ones",
}
# What a shift of an argument does matter to, and why
NOT_CENTRED = {
    **dict.fromkeys(
        ["SoftImpute", "StablePCP", "RobustPCA", "NuclearNormBall", "CellSearch"],
        "shrinks towards 0",
    ),
    "DualBranchNMF": "starts at 0, at the published rate",
    **dict.fromkeys(
        ["KSVD", "OnlineDictionary", "SparseNMF", "SMAF", "SVDDictionary"],
        "sums of atoms, without a mean",
    ),
    "DictionaryDecoder": "the same",
    "BlendedDecoder": "blends without a constant",
    **dict.fromkeys(
        [
            "GaussianMeasurement",
            "OptimisedPools",
            "PooledMeasurement",
            "SignatureGenes",
        ],
        "sums of genes, without a mean",
    ),
    **dict.fromkeys(
        ["SupervisedNMF", "SemiSupervisedNMF", "PseudoLabelNMF"],
        "shares of counts",
    ),
}
# What float32 would round away, these refuse; others compute in float64
REFUSES = {"KSVD", "OnlineDictionary", "SparseNMF", "SMAF"}
ARGUMENTS = [
    (cls, name)
    for cls in estimator_classes()
    for name in ("X", "Y")[: 1 + (family_of(cls) is REGRESSORS)]
]


def called(pairs):
    ids = [f"{cls.__name__}-{name}" for cls, name in pairs]
    return pytest.mark.parametrize(("cls", "argument"), pairs, ids=ids)


def fitted(make, cls, data, x=1.0, y=1.0, **given):
    """Fit in units x and y; the answers, those of a classifier without units."""
    model = make(cls, **IN_UNITS.get(cls.__name__, lambda x, y: {})(x, y))
    model = on(model, **given).fit(*data)
    if isinstance(model, Decoder):
        A = np.random.default_rng(0).normal(size=(6, data[0].shape[1]))
        answer = model.decode(data[0] @ A.T, A, noise=0.01 * x**2)
        return {"decoded": answer}
    return family_of(cls).answers(model, *data)


def moved(data, argument, change):
    """Return the arguments of `fit`, one of them changed."""
    return [
        change(M) if k == ("X", "Y").index(argument) else M for k, M in enumerate(data)
    ]


@pytest.mark.parametrize(("dtype", "unit", "rtol"), SIZES)
@called([(c, a) for c, a in ARGUMENTS if (c.__name__, a) not in HAS_UNITS])
def test_units_do_not_matter(make, given, cls, argument, dtype, unit, rtol):
    data = given(cls)
    x, y = {"X": (unit, 1.0), "Y": (1.0, unit)}[argument]
    one = fitted(make, cls, data, dtype=dtype)
    two = moved(data, argument, lambda M: M * unit)
    two = fitted(make, cls, two, x, y, dtype=dtype)
    unit_out = {id(REGRESSORS): y, id(CLASSIFIERS): 1.0}.get(id(family_of(cls)), x)
    assert_array_equal(one.pop("kept_", 0), two.pop("kept_", 0))
    labels = [name for name, value in one.items() if value.dtype.kind != "f"]
    for name in labels:
        assert_array_equal(one.pop(name), two.pop(name))
    for name, value in one.items():
        size = np.abs(value).max()
        scaled = np.asarray(two[name], dtype="float64") / unit_out
        says = f"{name}: parameters of {cls.__name__} with units belong in IN_UNITS"
        assert_allclose(scaled, value, atol=rtol * size, rtol=0, err_msg=says)


@called([(c, a) for c, a in ARGUMENTS if c.__name__ not in NOT_CENTRED])
def test_float32_is_as_good_far_from_0(make, given, cls, argument):
    data = given(cls)
    one = fitted(make, cls, data, dtype="float32")
    two = moved(data, argument, lambda M: M + SHIFT)
    two = fitted(make, cls, two, dtype="float32")
    families = {"X": family_of(cls) is not REGRESSORS, "Y": True}
    back = SHIFT * families[argument]
    assert_array_equal(one.pop("kept_", 0), two.pop("kept_", 0))
    for name, value in one.items():
        error = np.abs(two[name] - back - value).max()
        assert error < 1e-3 * value.std(), name


SINGLE = [
    (c, a)
    for c, a in ARGUMENTS
    if "dtype" in inspect.signature(c).parameters
    and NOT_CENTRED.get(c.__name__) != "shares of counts"
]


@pytest.mark.parametrize("shift", [SHIFT, 1e8])
@called(SINGLE)
def test_float32_far_from_0_is_float64_or_refused(make, given, cls, argument, shift):
    """A shift may change the answer; then it does so in both types."""
    full = given(cls)
    if family_of(cls) is not REGRESSORS:  # with gaps, far from 0 converges late
        full = [np.where(np.isnan(M), 0.5, M) for M in full]
    data = moved(full, argument, lambda M: M + shift)
    if cls.__name__ in REFUSES:
        sentence = r"X must not lie too far from 0 for float32, .*; got values up to 1"
        with pytest.raises(ValueError, match=sentence):
            fitted(make, cls, data, dtype="float32")
        return
    one = fitted(make, cls, data, dtype="float64")
    two = fitted(make, cls, data, dtype="float32")
    for name, value in one.items():
        spread = value.std(axis=0).max() or 1
        error = np.abs(np.subtract(two[name], value, dtype="float64")).max()
        assert error < 1e-3 * spread, name


def test_the_tables_name_no_estimator_that_is_gone():
    known = {cls.__name__ for cls in estimator_classes()}
    named = {*IN_UNITS, *NOT_CENTRED, *REFUSES, *(name for name, _ in HAS_UNITS)}
    assert named <= known


@pytest.mark.parametrize("unit", UNITS)
def test_functions_have_no_units_of_their_own(rng, unit):
    X, S = rng.gamma(1.0, size=(2, 12, 8))
    A = rng.normal(size=(8, 8))
    assert_allclose(refit_exposures(unit * X, S[:3]), unit * refit_exposures(X, S[:3]))
    assert_allclose(refit_exposures(X, unit * S[:3]) * unit, refit_exposures(X, S[:3]))
    assert_allclose(pursuit(A, unit * X, 2), unit * pursuit(A, X, 2))
    T = as_tensor(X)
    assert_allclose(as_numpy(svt(unit * T, unit)), unit * as_numpy(svt(T, 1.0)))
    assert scores(unit * X, unit * S) == pytest.approx(scores(X, S))


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("power", [-1000, -100, -30, 30, 100, 1000])
def test_pursuit_and_shrinkage_know_no_size_too_large_or_small(rng, dtype, power):
    """A power of 2 is no rounding: the answers are equal to the last bit."""
    A, X = rng.normal(size=(8, 6)), rng.normal(size=(5, 6))
    power = power // 10 if dtype == "float32" else power
    unit = 2.0**power
    how = {"method": "omp", "dtype": dtype}
    assert_array_equal(pursuit(A, unit * X, 3, **how), unit * pursuit(A, X, 3, **how))
    assert_array_equal(pursuit(unit * A, unit * X, 3, **how), pursuit(A, X, 3, **how))
    T = as_tensor(X, dtype=dtype)
    assert_array_equal(as_numpy(svt(unit * T, unit)), unit * as_numpy(svt(T, 1.0)))
    assert relative_change(unit * 2 * T, unit * T) == relative_change(2 * T, T)


@pytest.mark.parametrize("size", [1e-300, 1e-170, 1e170, 1e300])
def test_exposures_of_any_size(rng, size):
    X, S = rng.gamma(1.0, size=(2, 12, 8))
    expected = refit_exposures(X, S[:3])
    assert_allclose(refit_exposures(size * X, size * S[:3]), expected)
    assert_allclose(refit_exposures(size * X, S[:3]) / size, expected)


def test_codes_and_squares_that_are_no_numbers_are_refused(rng):
    A, X = rng.normal(size=(8, 6)), rng.normal(size=(5, 6))
    for unit in (1e30, 1e-30):
        with pytest.raises(ValueError, match="Y and D must have codes between 1e-38"):
            pursuit(A / unit, X * unit, 2, dtype="float32")
    for unit in (1e200, 1e-200):
        path = pursuit_path(A, unit * X, 2)
        assert np.isfinite(path.codes(2)).all()
        with pytest.raises(ValueError, match="squared residuals between 2e-308"):
            path.residual(2)
    for unit in (1e30, 1e-30):
        with pytest.raises(
            ValueError, match=r"D must hold values between 1e-19 and .*"
        ):
            pursuit(unit * A, X, 2, method="legacy", dtype="float32")


@pytest.mark.parametrize(
    ("dtype", "small", "large"),
    [("float32", 1e-25, 1e19), ("float64", 1e-170, 1e170)],
)
def test_values_whose_squares_are_no_numbers_are_refused(rng, dtype, small, large):
    X = rng.normal(size=(6, 4))
    with pytest.raises(ValueError, match=f"X must hold a value of at least .* {dtype}"):
        check_size(small * X, dtype)
    with pytest.raises(ValueError, match=f"X must hold values of at most .* {dtype}"):
        check_size(large * X, dtype)
    check_size(0 * X, dtype)
    check_size(np.where(X > 0, X, small), dtype)  # small beside others
    check_size(np.where(X > 0, 0, np.nan), dtype)


def test_whole_floats_become_int_only_if_they_fit():
    small, large = np.array([[3.0, 2.0**62]]), np.array([[3.0, 2.0**63]])
    assert as_whole(small).dtype == "int64"
    assert_array_equal(as_whole(small), small)
    assert as_whole(large) is large
    fractions = np.array([[0.5]])
    assert as_whole(fractions) is fractions
    with pytest.raises(ValueError, match=r"counts must have fewer than 2\*\*63"):
        bootstrap_exposures(large, np.eye(2))


def test_an_array_far_from_0_is_not_rounded_away(rng):
    M = rng.normal(size=(6, 4))
    assert in_dtype(M, "float32").dtype == "float32"
    assert in_dtype(M + SHIFT, "float32").dtype == "float64"
    assert in_dtype(M[:1] + SHIFT, "float32").dtype == "float64"
    assert in_dtype(np.full((3, 2), SHIFT), "float32").dtype == "float32"
