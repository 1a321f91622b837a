"""Bad input on each estimator, and ``read_table``: one sentence, what, allowed, got."""

import re
from contextlib import nullcontext

import numpy as np
import pandas as pd
import pytest
from house import (
    CLASSIFIERS,
    DENOISERS,
    NETWORKS,
    PROFILES,
    estimator_classes,
    family_of,
    on,
    same_fit,
)
from house_bad import CASES, FEATURE_CASES, FILE_CASES, RESPONSE_CASES, table, with_cell

from latentomics import denoise
from latentomics.data import read_table

# A parameter's kind, as documented -> bad values, and what the sentence says is allowed
POSITIVE = [0, -1.5, np.nan, np.inf, "1", None, True]
FROM_0 = [-1e-9, np.nan, np.inf, "0", None]
REFUSED = {
    "float above 0": (POSITIVE, "a positive number"),
    "float of at least 0": (FROM_0, "a non-negative number"),
    "float from 0 to 1": ([*FROM_0, 1.1], "a number from 0 to 1"),
    "float above 0, at most 1": ([*POSITIVE, 1.1], "a number above 0, at most 1"),
    "float of at least 0, below 1": ([*FROM_0, 1], "a number of at least 0, below 1"),
    "float between 0 and 1, exclusive": ([*POSITIVE, 1], "a number between 0 and 1"),
    "bool": (["no", None, 2], r"one of \("),
    "tuple of int": ([(), 100, None, "100"], "a tuple of widths"),
    "tuple": ([(1.0,), (1.0, 2.0, 3.0), 1.0, None, "a"], "a shape and a scale"),
    "callable, optional": ([3, "print"], "a callable"),
    "estimator, optional": ([3, "ridge"], "a regressor of scikit-learn"),
    "Decoder, optional": ([3, "vae"], "an estimator with decode"),
    "list of Decoder": ([[]], "a list of decoders"),
    "denoising estimator": ([None, 3, "SoftImpute"], "a denoising estimator"),
    "multitask estimator": ([None, 3, denoise.SoftImpute()], "a multitask estimator"),
}
# Checked by whom they are handed to: clone and grid_points
HANDED_ON = {("CellSearch", "estimator"), "dictionary", "grid"}
# Whose last argument may have gaps
GAPPY = [c for c in estimator_classes() if family_of(c) not in (PROFILES, NETWORKS)]


MASKS = {
    "turned": (lambda seen: seen.T, r"shape \(12, 5\); got bool of shape \(5, 12\)"),
    "short": (lambda seen: seen[:-1], r"shape \(12, 5\); got bool of shape \(11, 5\)"),
    "flat": (lambda seen: seen[0], r"shape \(12, 5\); got bool of shape \(5,\)"),
    "numbers": (lambda seen: seen * 1, r"shape \(12, 5\); got int64 of shape \(12, 5"),
    "indices": (np.flatnonzero, r"shape \(12, 5\); got int64 of shape \(59,\)"),
}


def write(content, path):
    """Put a table, or lines of cells, into a file."""
    if isinstance(content, pd.DataFrame):
        return content.to_csv(path)
    return path.write_text("\n".join(",".join(map(str, line)) for line in content))


def arguments(cls, **given):
    """A good table for each argument of fit; keywords replace it."""
    good = {"X": table(), "Y": table(), "y": [0, 1, 2, -1] * 3}
    good["A"] = table().fillna(0)[:3]
    if family_of(cls) is not DENOISERS:
        good["X"] = good["X"].fillna(0)
    if family_of(cls) in (CLASSIFIERS, PROFILES, NETWORKS):
        good["X"] = good["X"].abs()
    return [{**good, **given}[name] for name in family_of(cls).arguments]


def doors():
    """Every place where a matrix comes in, each with each bad one."""
    for cls in estimator_classes():
        own = {"X": {} if family_of(cls) is DENOISERS else FEATURE_CASES}
        own |= {"Y": RESPONSE_CASES}
        own["A"] = {case: f"A{says[1:]}" for case, says in FEATURE_CASES.items()}
        for name in sorted({"X", "Y", "A"} & set(family_of(cls).arguments)):
            for case, (bad, says) in CASES.items():
                says = own[name].get(case, re.sub("^X", name, says))
                label = f"{cls.__name__}-{name}-{case}"
                yield pytest.param(cls, name, bad, says, id=label)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize(("cls", "name", "bad", "says"), list(doors()))
def test_a_bad_matrix_is_refused_in_one_sentence(cls, name, bad, says, make):
    refused = pytest.raises(ValueError, match=says)
    with refused if says else nullcontext() as refusal:
        make(cls).fit(*arguments(cls, **{name: bad()}))
    assert "\n" not in str(getattr(refusal, "value", ""))


@pytest.mark.parametrize("case", FILE_CASES)
def test_a_bad_file_is_refused_in_one_sentence(case, tmp_path):
    write(CASES[case][0](), tmp_path / "my.csv")
    with pytest.raises(ValueError, match=FILE_CASES[case]) as refusal:
        read_table(tmp_path / "my.csv")
    assert "\n" not in str(refusal.value)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_a_good_matrix_is_taken(estimator_class, make, tmp_path):
    write(table(), tmp_path / "my.csv")
    good = read_table(tmp_path / "my.csv")
    pd.testing.assert_frame_equal(good, table(), check_exact=True)
    make(estimator_class).fit(*arguments(estimator_class))


@pytest.mark.parametrize("content", ["", "\n", "a,b\n"])
def test_a_file_without_numbers_is_refused(tmp_path, content):
    (tmp_path / "my.csv").write_text(content)
    with pytest.raises(ValueError, match=r"my.csv must .*; got "):
        read_table(tmp_path / "my.csv")


def refused(kind):
    """Return bad values for a kind of parameter, and what is said to be allowed."""
    if kind.endswith(", or None"):
        values, allowed = refused(kind.removesuffix(", or None"))
        return [value for value in values if value is not None], allowed
    if whole := re.fullmatch(r"int of at least (\d)", kind):
        least = int(whole[1])
        bad = [least - 1, -3, least + 0.5, np.nan, str(least), None, True]
        return bad, f"a whole number of at least {least}"
    if kind.startswith(("{", '"')):
        return ["other", 7, ["mad"]], "one of "
    return REFUSED[kind]


def test_every_bad_value_of_every_parameter_is_refused(knob, make):
    cls, name = knob
    if {name, (cls.__name__, name)} & HANDED_ON:
        return
    values, allowed = refused(cls.__dataclass_fields__[name].metadata["kind"])
    for value in values:
        model = make(cls, **{name: value})
        says = rf"^{name} must be {allowed}.*; got {re.escape(repr(value))}"
        with pytest.raises(ValueError, match=says):
            model.fit(*arguments(cls))


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("gappy_class", GAPPY)
def test_what_is_masked_in_an_array_is_a_gap(gappy_class, make):
    name = family_of(gappy_class).arguments[-1]
    given, gap = table().to_numpy(), table().isna().to_numpy()
    hidden = table().fillna(1e9).to_numpy()
    if name == "y":
        given = arguments(gappy_class)[-1]
        hidden = np.arange(12) % 4  # a class of their own, were they not masked
        gap = hidden == 3
    masked = arguments(gappy_class, **{name: np.ma.array(hidden, mask=gap)})
    plain = arguments(gappy_class, **{name: given})
    assert same_fit(*(make(gappy_class).fit(*data) for data in (masked, plain)))


@pytest.mark.parametrize(
    "full_class", [c for c in estimator_classes() if c not in GAPPY]
)
def test_what_is_masked_is_refused_where_no_gap_may_be(full_class, make):
    masked = np.ma.array(table().fillna(1e9).to_numpy(), mask=table().isna())
    with pytest.raises(ValueError, match="X must be finite, without NaN; got nan in"):
        make(full_class).fit(*arguments(full_class, X=masked))


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("place", [0, -1], ids=["first", "last"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_number_too_large_for_the_dtype_is_refused(
    estimator_class, make, dtype, place
):
    model = on(make(estimator_class), dtype=dtype)
    deep = family_of(estimator_class) is DENOISERS  # PathSearch reads in float64
    used = {"float64", *(v for k, v in model.get_params(deep).items() if "dtype" in k)}
    value = {"float32": 1e20, "float64": 1e155}[min(used)]
    name = family_of(estimator_class).arguments[place]
    bad = with_cell(3, 2, value, table().fillna(0).abs())
    bad = bad[1:4] if name == "A" else bad  # which has fewer rows than columns
    if family_of(estimator_class) is CLASSIFIERS:  # only shares of it are squared
        fit = model.fit(*arguments(estimator_class, X=bad.abs()))
        assert np.isfinite(fit.predict_proba(bad.abs())).all()
        return
    says = rf"^{name} must hold values of at most .* in {min(used)}; got 1\.0e\+"
    with pytest.raises(ValueError, match=says) as refusal:
        model.fit(*arguments(estimator_class, **{name: bad}))
    assert "\n" not in str(refusal.value)


def test_numbers_above_their_range_are_refused(make):
    for cls, name in (("DualBranchNMF", "alpha"), ("ResidualThresholdedDMF", "fdr")):
        model = make(getattr(denoise, cls), **{name: 1.5})
        with pytest.raises(ValueError, match=rf"{name} must be .* 1; got 1\.5"):
            model.fit(table())
    with pytest.raises(ValueError, match="rank must be at most 5; got 6"):
        make(denoise.DualBranchNMF, rank=6).fit(table())


@pytest.mark.parametrize("kind", MASKS)
def test_a_bad_validation_mask_is_refused(denoiser_class, make, kind):
    spoil, says = MASKS[kind]
    seen = table().notna().to_numpy()
    with pytest.raises(ValueError, match=r"^validation must be a boolean .*" + says):
        make(denoiser_class).fit(table(), validation=spoil(seen))


@pytest.mark.parametrize(
    ("where", "line"), [(np.s_[3], r"row \[3\]"), (np.s_[:, 2], r"column \[2\]")]
)
def test_a_mask_that_leaves_nothing_of_a_line_is_refused(
    denoiser_class, make, where, line
):
    held = np.zeros((12, 5), bool)
    held[where] = True
    says = rf"X must have an entry that validation leaves to fit .*; got none in {line}"
    with pytest.raises(ValueError, match=says):
        make(denoiser_class).fit(table(), validation=held)
