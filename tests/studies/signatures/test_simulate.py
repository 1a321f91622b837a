from dataclasses import FrozenInstanceError

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from latentomics.signatures.channels import CHANNELS
from latentomics.studies.signatures.simulate import (
    AGEING,
    GERMLINE,
    PROCESSES,
    SISTERS,
    planted_domains,
)

PARTS = ("train", "test", "pool", "patients")


@pytest.fixture(scope="module")
def made_signatures():
    """Sparse random rows, as signatures are, among others and out of order."""
    rng = np.random.default_rng(3)
    rows = [*PROCESSES[::-1], "SBS99"]
    S = pd.DataFrame(rng.dirichlet(np.full(96, 0.1), len(rows)), rows, CHANNELS)
    return S[list(rng.permutation(CHANNELS))] * 7  # not scaled, not in order


@pytest.fixture(scope="module")
def made(made_signatures):
    return planted_domains(made_signatures, random_state=1)


def profiles(part):
    return part.counts.div(part.counts.sum(axis=1), axis=0)


def test_shapes_and_names_fit_together(made):
    assert made.signatures.index.tolist() == [*PROCESSES, "germline"]
    for name in PARTS:
        part = getattr(made, name)
        assert part.counts.shape == (240, 96)
        assert part.counts.columns.tolist() == list(CHANNELS)
        assert part.exposures.columns.equals(made.signatures.index)
        for other in (part.labels, part.exposures, part.parents):
            assert other.index.equals(part.counts.index)
        assert part.labels.value_counts().to_dict() == dict.fromkeys(SISTERS, 60)
        assert {dtype.kind for dtype in part.counts.dtypes} == {"i"}
    assert made.train.counts.index[0] == "train-001"
    assert made.patients.counts.index[-1] == "patient-240"


def test_sizes_are_those_asked_for(made_signatures):
    made = planted_domains(made_signatures, 3, 5)
    sizes = [len(getattr(made, name).counts) for name in PARTS]
    assert sizes == [12, 12, 20, 20]


def test_signatures_are_those_given(made, made_signatures):
    S = made_signatures.loc[list(PROCESSES), list(CHANNELS)] / 7
    assert_allclose(made.signatures.loc[list(PROCESSES)], S)
    mix = sum(share * S.loc[name] for name, share in GERMLINE.items())
    assert_allclose(made.signatures.loc["germline"], mix)
    assert_allclose(made.signatures.sum(axis=1), 1)


@pytest.mark.parametrize("name", PARTS)
@pytest.mark.parametrize("germline", [0.0, 0.6])
def test_counts_have_the_mean_that_exposures_say(name, germline, made_signatures):
    made = planted_domains(made_signatures, germline=germline, depth=3000)
    part = getattr(made, name)
    assert_allclose(part.exposures.sum(axis=1), 1)
    expected = part.exposures @ made.signatures
    p, n = expected.to_numpy(), part.counts.sum(axis=1).to_numpy()[:, None]
    # Pearson's statistic of multinomial counts, summed over 240 x 95 degrees: sd .9 %
    seen = p > 1e-6
    chi = ((part.counts.to_numpy() - n * p) ** 2 / (n * p + ~seen))[seen].sum()
    assert_allclose(chi / (seen.sum() - len(p)), 1, atol=0.08)


def test_a_line_is_its_class_in_culture(made):
    for part in (made.train, made.test):
        a = part.exposures["SBS18"]
        assert 0.2 <= a.min() < 0.23
        assert 0.57 < a.max() <= 0.6
        for name in SISTERS:
            mine = part.labels == name
            assert_allclose(part.exposures.loc[mine, name], 1 - a[mine])
        assert_allclose(part.exposures[list(AGEING)], 0)


def test_lines_of_a_parent_are_mixed_alike(made):
    part = made.train
    shares = part.exposures["SBS18"].groupby(part.parents).agg(["min", "max", "size"])
    assert_allclose(shares["min"], shares["max"])
    assert 36 <= len(shares) <= 40  # of 4 x 10, few without a line
    assert shares["size"].max() > shares["size"].min()
    of = part.labels.groupby(part.parents).nunique()
    assert (of == 1).all()
    assert not set(part.parents) & set(made.test.parents)
    a = made.train.exposures["SBS18"].unique()
    assert not set(a) & set(made.test.exposures["SBS18"])


def test_a_patient_is_mostly_background_with_a_sister(made_signatures):
    made = planted_domains(made_signatures, sister=0.4, background=(0.5, 0.7))
    for part in (made.pool, made.patients):
        E = part.exposures
        b = E[list(AGEING)].sum(axis=1)
        assert 0.5 <= b.min() < 0.52
        assert 0.68 < b.max() <= 0.7
        clock = E["SBS1"] / b
        assert_allclose(clock.mean(), 0.3, atol=0.02)  # sd .006
        assert clock.max() < 0.6
        for name, like in SISTERS.items():
            mine = part.labels == name
            assert_allclose(E.loc[mine, name], 0.6 * (1 - b[mine]))
            assert_allclose(E.loc[mine, like], 0.4 * (1 - b[mine]))
        assert_allclose(E["SBS18"], 0)
        assert part.parents.tolist() == E.index.tolist()


def test_depths_are_log_normal(made_signatures):
    made = planted_domains(made_signatures, 400, 400, depth=200)
    for name, spread in (("train", 0.5), ("test", 0.5), ("pool", 0.6)):
        log = np.log(getattr(made, name).counts.sum(axis=1))
        # 1,600 samples: sd .013 of the mean, .01 of the spread
        assert_allclose([log.mean(), log.std()], [np.log(200), spread], atol=0.05)
    few = planted_domains(made_signatures, depth=1)
    assert (few.pool.counts.sum(axis=1) == 20).all()


@pytest.mark.parametrize("germline", [0.3, 0.9])
def test_the_germline_dial_adds_and_takes_nothing(germline, made, made_signatures):
    dirty = planted_domains(made_signatures, germline=germline, random_state=1)
    for name in ("train", "test"):
        added = getattr(dirty, name).counts - getattr(made, name).counts
        assert (added >= 0).all(axis=None)
        share = added.to_numpy().sum() / getattr(dirty, name).counts.to_numpy().sum()
        assert_allclose(share, germline, atol=0.03)
        told = getattr(dirty, name).exposures["germline"]
        n = getattr(dirty, name).counts.sum(axis=1)
        assert_allclose((told * n).sum() / n.sum(), germline, atol=0.03)
        per_line = added.sum(axis=1)
        ratio = per_line.var() / per_line.mean()
        assert 0.7 < ratio < 1.4  # Poisson: the same rate in every line
        spectrum = added.sum() / added.to_numpy().sum()
        # of 31,000 mutations and more: sd .0028 at most
        assert_allclose(spectrum, made.signatures.loc["germline"], atol=0.01)
    for name in ("pool", "patients"):
        assert_array_equal(getattr(dirty, name).counts, getattr(made, name).counts)


def test_another_residue_can_be_given(made_signatures):
    residue = pd.Series(0.0, list(CHANNELS[::-1]))
    residue["T[T>G]T"] = 4.0  # any scale, any order
    dirty = planted_domains(made_signatures, germline=0.5, residue=residue)
    clean = planted_domains(made_signatures)
    added = (dirty.train.counts - clean.train.counts).sum()
    assert added["T[T>G]T"] == added.sum() > 10_000


def test_same_seed_same_set_other_seed_other_set(made, made_signatures):
    again = planted_domains(made_signatures, random_state=1)
    other = planted_domains(made_signatures, random_state=2)
    for name in PARTS:
        part = getattr(made, name)
        assert_array_equal(getattr(again, name).counts, part.counts)
        assert not np.array_equal(getattr(other, name).counts, part.counts)
    assert not np.array_equal(made.pool.counts, made.patients.counts)


def test_inherited_variants_follow_the_seed(made_signatures):
    added = [
        planted_domains(made_signatures, germline=0.5, random_state=seed).train.counts
        - planted_domains(made_signatures, random_state=seed).train.counts
        for seed in (1, 2)
    ]
    r = np.corrcoef(*(a.sub(a.mean()).to_numpy().ravel() for a in added))[0, 1]
    assert abs(r) < 0.03  # of 23,040 cells: sd .007


def test_the_truth_cannot_be_replaced(made):
    with pytest.raises(FrozenInstanceError):
        made.pool = None
    with pytest.raises(FrozenInstanceError):
        made.pool.labels = None


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"n_lines": 0}, "n_lines must be a whole number of at least 1; got 0"),
        ({"n_patients": 2.0}, "n_patients must be a whole number"),
        ({"n_parents": 0}, "n_parents must be a whole number of at least 1"),
        ({"culture": (0.6, 0.2)}, r"culture must be two shares.*got \(0.6, 0.2\)"),
        ({"background": 0.5}, "background must be two shares.*got 0.5"),
        ({"background": (0.5, 1.5)}, "background must be two shares"),
        ({"sister": 1.5}, "sister must be at most 1; got 1.5"),
        ({"germline": 1}, "germline must be below 1; got 1"),
        ({"germline": -0.1}, "germline must be a non-negative number"),
        ({"depth": 0}, "depth must be a positive number; got 0"),
        ({"random_state": None}, "random_state must be a whole number"),
        ({"residue": pd.Series([1.0], ["A[C>A]A"])}, "residue must have all 96"),
    ],
)
def test_messages(wrong, message, made_signatures):
    with pytest.raises(ValueError, match=message):
        planted_domains(made_signatures, **wrong)


def test_signatures_must_have_the_eleven_processes(made_signatures):
    with pytest.raises(ValueError, match=r"a row for each of .*; SBS18 is missing"):
        planted_domains(made_signatures.drop(index="SBS18"))
    with pytest.raises(ValueError, match="signatures must have all 96 channels"):
        planted_domains(made_signatures.drop(columns="A[C>A]A"))


@pytest.mark.parametrize(
    "given", [{"depth": 2.0**63}, {"depth": 1e300}, {"depth": 1e17, "germline": 0.999}]
)
def test_counts_that_int64_may_not_hold_are_refused(given, made_signatures):
    few = {"n_lines": 2, "n_patients": 2, "n_parents": 1}
    part = planted_domains(made_signatures, **few, depth=1e15).train
    assert part.counts.min(axis=None) >= 0
    with pytest.raises(ValueError, match=r"depth must leave fewer than 2\*\*62 counts"):
        planted_domains(made_signatures, **few, **given)
