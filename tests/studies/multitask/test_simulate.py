from dataclasses import FrozenInstanceError

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from latentomics.studies.multitask.simulate import planted_mechanisms


@pytest.fixture(scope="module")
def made():
    return planted_mechanisms(random_state=1)


def pathway_of(made):
    return made.scores @ made.effects


def dense_of(made):
    rest = made.signal - pathway_of(made)
    return rest - rest.mean()


def correlations(table, made):
    """Mean correlation of drugs of the same mechanism, and of different ones."""
    R, group = np.corrcoef(table.T), np.asarray(made.group)
    same = group[:, None] == group
    other = ~same
    np.fill_diagonal(same, False)
    return R[same].mean(), R[other].mean()


def followed(made):
    """Correlation of each drug's responses with its signal."""
    return made.Y.corrwith(made.signal)


def test_tables_are_named_and_fit_together(made):
    assert made.X.shape == (120, 2000)
    assert made.Y.shape == made.signal.shape == (120, 60)
    assert made.module_of_gene.shape == (12, 2000)
    assert made.scores.shape == (120, 12)
    assert made.effects.shape == (12, 60)
    for table in (made.Y, made.signal, made.scores):
        assert table.index.equals(made.X.index)
    for names in (made.group.index, made.noisy.index, made.effects.columns):
        assert names.equals(made.Y.columns)
    assert made.module_of_gene.columns.equals(made.X.columns)
    assert made.module_of_gene.index.equals(made.effects.index)
    assert made.X.columns[0] == "gene-0001"
    assert made.Y.columns[-1] == "drug-60"
    assert set(made.group) == {f"mechanism-{k}" for k in range(1, 7)}


def test_features_and_scores_are_z_scored(made):
    for table in (made.X, made.scores):
        assert_allclose(table.mean(), 0, atol=1e-12)
        assert_allclose(table.std(ddof=0), 1)


def test_mechanisms_share_the_drugs_evenly_and_at_random(made):
    assert (made.group.value_counts() == 10).all()
    assert made.group.iloc[:6].nunique() < 6  # not dealt in turn
    uneven = planted_mechanisms(40, 50, 8, n_groups=3).group.value_counts()
    assert sorted(uneven) == [2, 3, 3]


@pytest.mark.parametrize("dense", [0.0, 0.6, 2.0])
def test_parts_have_the_variance_asked_for(dense):
    made = planted_mechanisms(dense=dense, random_state=2)
    pathway, rest = pathway_of(made).var(ddof=0), dense_of(made).var(ddof=0)
    assert_allclose(rest / pathway, dense, atol=1e-9)
    scale = np.sqrt(pathway)
    assert 0.7 <= scale.min() < 0.75
    assert 1.25 < scale.max() <= 1.3
    assert_allclose(made.signal.mean().std(), 2, rtol=0.3)  # of 60 drugs: sd .18


def test_noise_has_the_spread_asked_for():
    made = planted_mechanisms(noise=0.8, noisy_share=0.0, random_state=3)
    scale = pathway_of(made).std(ddof=0)
    E = (made.Y - made.signal) / scale
    assert_allclose(E.to_numpy().std(), 0.8, rtol=0.03)  # of 7,200: sd .8 %
    none = planted_mechanisms(noise=0.0, noisy_share=0.0)
    assert_allclose(none.Y, none.signal)


@pytest.mark.parametrize("gene_noise", [0.3, 0.7, 1.5])
def test_a_gene_alone_has_the_noise_asked_for(gene_noise):
    made = planted_mechanisms(600, gene_noise=gene_noise, random_state=4)
    X, F = made.X.to_numpy(), made.scores.to_numpy()
    fit = F @ np.linalg.lstsq(F, X)[0]
    busy = made.module_of_gene.to_numpy().sum(axis=0) == 3
    ratio = (fit.var(axis=0) / (X - fit).var(axis=0))[busy].mean()
    strength = 1 / np.arange(1, 13)  # squared, of the modules
    expected = strength.mean() / np.median(strength**0.5) ** 2 / gene_noise**2
    # 500 genes of three squared normal loadings: 5 %; the fit keeps 2 % of the noise
    assert_allclose(ratio, expected, rtol=0.15)


def test_a_gene_follows_its_modules_and_no_others(made):
    X, F = made.X.to_numpy(), made.scores.to_numpy()
    member = made.module_of_gene.to_numpy()
    assert_allclose(member.sum(axis=0).mean(), 3, atol=0.15)  # sd .03
    loading = np.abs(np.linalg.lstsq(F, X)[0])
    assert loading[member].mean() > 3 * loading[~member].mean()


def test_the_dense_part_is_linear_in_the_features_and_apart_from_the_modules(made):
    dense = dense_of(made).to_numpy()
    F = made.scores.to_numpy()
    assert_allclose(F.T @ dense, 0, atol=1e-8)
    s = np.linalg.svd(dense, compute_uv=False)
    assert s[1] > 0.1 * s[0]
    assert s[2] < 1e-10 * s[0]
    both = np.c_[made.X.to_numpy(), F]
    assert np.linalg.matrix_rank(np.c_[both, dense[:, 0]]) == 119
    small = planted_mechanisms(200, 20, 12, random_state=0)  # more lines than genes
    both = np.c_[small.X, small.scores]
    fit = both @ np.linalg.lstsq(both, dense_of(small).to_numpy())[0]
    assert_allclose(fit, dense_of(small), atol=1e-8)


@pytest.mark.parametrize("n_dense", [1, 3])
def test_the_dense_part_has_its_rank(n_dense):
    made = planted_mechanisms(60, 100, 20, n_dense=n_dense)
    assert np.linalg.matrix_rank(dense_of(made), tol=1e-6) == n_dense


def test_the_first_dense_factor_makes_drugs_alike():
    of_one = dense_of(planted_mechanisms(60, 100, 20, n_dense=1))
    assert np.corrcoef(of_one.T).min() > 1 - 1e-9  # all sensitivities of one sign


def test_drugs_of_a_mechanism_go_together(made):
    same, other = correlations(made.signal, made)
    # 4 seeds: .92 to .94 against .17 to .35
    assert same > 0.8
    assert other < 0.4
    loose = planted_mechanisms(within=3.0, random_state=1)
    assert correlations(pathway_of(loose), loose)[0] < 0.4


def test_the_dense_part_is_alike_within_a_mechanism():
    made = planted_mechanisms(n_dense=6, random_state=1)
    same, other = correlations(dense_of(made), made)
    assert same > 0.7  # 4 seeds: .86 to .88, between others .23 to .48
    assert other < same - 0.2


def test_drugs_deviate_by_the_length_asked_for():
    made = planted_mechanisms(within=1.0, n_groups=1, n_drugs=300, random_state=1)
    unit = made.effects / np.linalg.norm(made.effects, axis=0)
    cosines = (unit.T @ unit).to_numpy()[np.triu_indices(300, 1)]
    # of lengths 1 and 1, in 12 directions: about 1 / (1 + 1)
    assert_allclose(cosines.mean(), 0.5, atol=0.06)


def test_without_deviation_a_mechanism_is_one_pattern_on_three_modules():
    made = planted_mechanisms(within=0.0, random_state=5)
    size = made.effects.abs().where(made.effects != 0)
    ratio = size.max() / size.min()
    assert ratio.max() <= 1.4 / 0.6
    assert ratio.mean() > 1.2
    assert (made.effects > 0).any(axis=None)
    assert (made.effects < 0).any(axis=None)
    assert_allclose(correlations(pathway_of(made), made)[0], 1)
    assert ((made.effects != 0).sum() == 3).all()


def test_noisy_drugs_lose_their_signal(made):
    r = followed(made)
    assert made.noisy.sum() == 12
    assert r[~made.noisy].min() > 0.75  # measured .78 to .91
    assert r[made.noisy].max() < 0.65
    # what was permuted is still what the drug had
    lost = planted_mechanisms(permuted=1.0, noise=0.0, random_state=1)
    assert_allclose(np.sort(lost.Y, axis=0), np.sort(lost.signal, axis=0))
    moved = (lost.Y != lost.signal).mean()
    assert (moved[lost.noisy] > 0.9).all()
    part = planted_mechanisms(permuted=0.3, noise=0.0, random_state=1)
    assert_allclose(np.sort(part.Y, axis=0), np.sort(part.signal, axis=0))
    moved = ((part.Y - part.signal).abs() > 1e-9).mean()
    assert (moved[part.noisy] <= 0.3).all()
    assert (moved[part.noisy] > 0.25).all()
    assert (moved[~part.noisy] == 0).all()


def test_gaps_are_as_many_as_asked_and_change_nothing_else(made):
    gappy = planted_mechanisms(missing=0.25, random_state=1)
    gaps = gappy.Y.isna()
    assert_allclose(gaps.to_numpy().mean(), 0.25, atol=0.02)  # sd .005
    assert gaps.sum().std() > 2  # not the same number for each drug
    assert_array_equal(gappy.Y.to_numpy()[~gaps], made.Y.to_numpy()[~gaps])
    assert_array_equal(gappy.signal, made.signal)
    empty = planted_mechanisms(missing=1.0).Y.notna()
    assert (empty.sum() == 2).all()
    assert len(set(map(tuple, empty.to_numpy().T))) > 50  # any two, not the first


def test_same_seed_same_set_other_seed_other_set(made):
    again = planted_mechanisms(random_state=1)
    assert_array_equal(again.Y, made.Y)
    assert_array_equal(again.X, made.X)
    other = planted_mechanisms(random_state=2)
    assert not np.array_equal(other.Y, made.Y)
    assert not np.array_equal(other.X, made.X)


def test_the_truth_cannot_be_replaced(made):
    with pytest.raises(FrozenInstanceError):
        made.Y = None


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (
            {"n_lines": 15},
            r"n_lines must exceed n_modules \+ n_dense \+ 1 = 15; got 15",
        ),
        ({"n_lines": 120.0}, "n_lines must be a whole number"),
        ({"n_features": 0}, "n_features must be a whole number of at least 1; got 0"),
        ({"n_drugs": 5}, "n_groups must be at most 5; got 6"),
        ({"n_groups": 0}, "n_groups must be a whole number of at least 1; got 0"),
        ({"n_modules": 2}, "n_modules must be a whole number of at least 3; got 2"),
        ({"n_dense": 0}, "n_dense must be a whole number of at least 1; got 0"),
        ({"gene_noise": 0}, "gene_noise must be a positive number; got 0"),
        ({"within": -1}, "within must be a non-negative number; got -1"),
        ({"dense": -1}, "dense must be a non-negative number; got -1"),
        ({"noise": np.nan}, "noise must be a non-negative number; got nan"),
        ({"noisy_share": 1.5}, "noisy_share must be at most 1; got 1.5"),
        ({"permuted": 1.5}, "permuted must be at most 1; got 1.5"),
        ({"missing": -0.1}, "missing must be a non-negative number; got -0.1"),
        ({"random_state": None}, "random_state must be a whole number"),
    ],
)
def test_messages(wrong, message):
    with pytest.raises(ValueError, match=message):
        planted_mechanisms(**wrong)
