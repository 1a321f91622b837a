import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from latentomics.signatures.channels import (
    CHANNELS,
    correct_opportunities,
    to_profiles,
    trinucleotide,
)

CONTEXTS = sorted({trinucleotide(c) for c in CHANNELS})


@pytest.fixture
def counts(rng):
    names = list(rng.permutation(CHANNELS))
    return pd.DataFrame(rng.poisson(2, (3, 96)), ["a", "b", "c"], names)


@pytest.fixture
def frequencies(rng):
    return pd.DataFrame(
        {"genome": 1.0, "exome": rng.uniform(0.3, 2, 32), "panel": rng.random(32) + 1},
        CONTEXTS,
    )


def test_shares_by_hand():
    counts = pd.DataFrame([[1, 3], [0, 5]], ["s", "t"], ["x", "y"])
    profiles = to_profiles(counts)
    expected = pd.DataFrame([[0.25, 0.75], [0, 1]], ["s", "t"], ["x", "y"])
    pd.testing.assert_frame_equal(profiles, expected)
    assert_array_equal(to_profiles([[1, 3], [0, 5]]), expected)


def test_shares_do_not_feel_the_depth(counts):
    profiles = to_profiles(counts)
    assert_allclose(profiles.sum(axis=1), 1)
    assert_allclose(to_profiles(counts.mul([2, 7, 1], axis=0)), profiles)
    assert_allclose(to_profiles(profiles), profiles)
    for scale in (1e-310, 1e307):  # whose sums would vanish or overflow
        assert_allclose(to_profiles(counts * scale), profiles, atol=1e-12)


@pytest.mark.parametrize(
    ("value", "shown"), [(-1, "-1"), (np.nan, "nan"), (np.inf, "inf")]
)
def test_what_is_no_count_is_named(value, shown, counts):
    wrong = counts.astype(float)
    wrong.loc["b", "G[C>T]A"] = value
    says = rf"non-negative numbers; got {shown} in sample 'b', channel 'G\[C>T\]A'"
    with pytest.raises(ValueError, match="counts must hold " + says):
        to_profiles(wrong)
    with pytest.raises(ValueError, match=f"X must hold .* got {shown} in sample 1"):
        to_profiles(wrong.to_numpy(), "X")


def test_a_sample_without_mutations_is_named(counts):
    counts.loc["b"] = 0
    says = "counts must have a mutation in every sample; got none in 'b'"
    with pytest.raises(ValueError, match=says + "$"):
        to_profiles(counts)
    counts.loc["c"] = 0
    with pytest.raises(ValueError, match=says + " and in 1 more"):
        to_profiles(counts)


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        (pd.DataFrame([["three", 1]]), "must hold numbers; got 'three'"),
        (np.ones(96), "must be a matrix"),
        (pd.DataFrame(np.ones((2, 2)), ["s", "s"]), "unique row names; got 's'"),
        (np.ones((0, 96)), "must have a row and a column"),
    ],
)
def test_no_table_of_numbers(wrong, says):
    with pytest.raises(ValueError, match=says):
        to_profiles(wrong)


def test_the_correction_by_hand(frequencies):
    flat = pd.DataFrame(1.0, ["s"], CHANNELS)
    there = correct_opportunities(flat, frequencies)
    context = [trinucleotide(c) for c in CHANNELS]
    expected = 1 / frequencies.loc[context, "exome"].to_numpy()
    assert_allclose(there.loc["s"], 96 * expected / expected.sum())
    panel = correct_opportunities(flat, frequencies, source="exome", target="panel")
    expected *= frequencies.loc[context, "panel"].to_numpy()
    assert_allclose(panel.loc["s"], 96 * expected / expected.sum())


def test_mutations_at_random_look_flat_once_corrected(frequencies):
    context = [trinucleotide(c) for c in CHANNELS]
    random = frequencies.loc[context, ["exome"]].T.set_axis(CHANNELS, axis=1)
    corrected = correct_opportunities(random, frequencies)
    assert np.ptp(corrected) < 1e-12


def test_there_and_back_changes_nothing(counts, frequencies):
    there = correct_opportunities(counts, frequencies)
    assert there.columns.tolist() == list(CHANNELS)
    assert_allclose(there.sum(axis=1), counts.sum(axis=1))
    assert np.abs(there - counts[list(CHANNELS)]).max(axis=None) > 0.5
    back = correct_opportunities(there, frequencies, source="genome", target="exome")
    assert_allclose(back, counts[list(CHANNELS)], atol=1e-12)
    same = correct_opportunities(counts, frequencies, source="panel", target="panel")
    assert_allclose(same, counts[list(CHANNELS)], atol=1e-12)


def test_only_ratios_of_frequencies_matter(counts, frequencies):
    doubled = frequencies.assign(exome=2 * frequencies["exome"]).iloc[::-1]
    assert_allclose(
        correct_opportunities(counts, doubled),
        correct_opportunities(counts, frequencies),
    )


def test_a_sample_without_mutations_stays_without(counts, frequencies):
    counts.loc["b"] = 0
    assert (correct_opportunities(counts, frequencies).loc["b"] == 0).all()


@pytest.mark.parametrize(
    ("change", "options", "says"),
    [
        ({}, {"source": "exon"}, r"source must be one of .*'exome'.*got 'exon'"),
        ({}, {"target": "x"}, r"target must be one of .*got 'x'"),
        ({"drop": "CCG"}, {}, "all 32 trinucleotides; CCG is missing"),
        ({"value": 0.0}, {}, "one positive number for each trinucleotide.* in 'exome'"),
        ({"value": np.inf}, {}, "one positive number for each"),
    ],
)
def test_messages_of_the_correction(change, options, says, counts, frequencies):
    frequencies.loc["ACA", "exome"] = change.get("value", 1.0)
    given = frequencies.drop(index=change.get("drop", []))
    with pytest.raises(ValueError, match=says):
        correct_opportunities(counts, given, **options)


def test_the_correction_refuses_negative_numbers_and_lost_channels(counts, frequencies):
    with pytest.raises(
        ValueError, match="table must hold non-negative numbers; got -1"
    ):
        correct_opportunities(counts - 1 - counts, frequencies)
    with pytest.raises(ValueError, match=r"A\[C>A\]A missing in its 95 columns"):
        correct_opportunities(counts.drop(columns="A[C>A]A"), frequencies)
