"""Two domains: nothing of a test sample is in a fit, and labels follow samples."""

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from latentomics.studies.signatures.domains import made_domains, two_domains


@pytest.fixture
def made(rng):
    """Each line and each patient has a channel of its own, and mutations in it."""
    lines = np.eye(24, 60, dtype=int) * 50 + np.r_[np.zeros(54, int), np.full(6, 3)]
    patients = np.eye(30, 60, 24, dtype=int) * 50 + np.r_[np.full(60, 1)]
    return lines, np.arange(24) % 3, patients, np.arange(30) % 3


def origins(X, among):
    return set(X[:, among].argmax(axis=1))


def test_lines_and_patients_are_on_one_side_only(made):
    d = two_domains(*made, n_lines=60, fraction=0.25, random_state=3)
    fit = origins(d.X[d.labelled], slice(0, 24))
    held = origins(d.tests["cell_line"][0], slice(0, 24))
    assert not fit & held
    assert len(fit) + len(held) <= 24
    assert len(held) >= 3
    ours = origins(d.X[~d.labelled], slice(24, 54))
    theirs = origins(d.tests["patient"][0], slice(24, 54))
    assert not ours & theirs
    assert len(ours) == 20
    assert len(theirs) == 10


def test_lines_that_belong_together_stay_together(made):
    groups = np.repeat(np.arange(8), 3)
    labels = np.repeat(np.arange(4) % 2, 6)
    for seed in range(5):
        d = two_domains(
            made[0], labels, *made[2:], line_groups=groups, random_state=seed
        )
        fit = {groups[i] for i in origins(d.X[d.labelled], slice(0, 24))}
        held = {groups[i] for i in origins(d.tests["cell_line"][0], slice(0, 24))}
        assert not fit & held
        assert set(d.groups[d.labelled]) == {str(g) for g in fit}


def test_kin_may_be_on_both_sides_and_is_known(made):
    kin = np.repeat([f"gene {i}" for i in range(4)], 6)
    d = two_domains(*made, line_kin=kin, n_lines=60)
    line = d.X[d.labelled][:, :24].argmax(axis=1)
    assert_array_equal(d.groups[d.labelled], kin[line])
    held = origins(d.tests["cell_line"][0], slice(0, 24))
    assert not set(line) & held
    assert set(kin[line]) & set(kin[list(held)])


def test_labels_follow_their_samples(made):
    d = two_domains(*made, n_lines=60, fraction=1 / 3)
    line = d.X[:, :24].argmax(axis=1)
    assert_array_equal(d.y[d.labelled], made[1][line[d.labelled]])
    assert_array_equal(d.truth[d.labelled], d.y[d.labelled])
    patient = d.X[:, 24:54].argmax(axis=1)
    assert_array_equal(d.truth[~d.labelled], made[3][patient[~d.labelled]])
    assert (d.y[~d.labelled] == -1).all()
    for (X, y), of, labels in zip(
        d.tests.values(), (slice(0, 24), slice(24, 54)), (made[1], made[3]), strict=True
    ):
        assert_array_equal(y, labels[X[:, of].argmax(axis=1)])


def test_resamples_have_the_depth_of_their_line_and_classes_are_even(made):
    d = two_domains(*made, n_lines=60)
    line = d.X[d.labelled][:, :24].argmax(axis=1)
    assert_array_equal(d.X[d.labelled].sum(axis=1), made[0].sum(axis=1)[line])
    assert_array_equal(np.bincount(d.y[d.labelled]), [20, 20, 20])


@pytest.mark.parametrize(("fraction", "n"), [(0.5, 12), (1 / 3, 6)])
def test_the_fraction_is_that_of_patients_in_the_fit(made, fraction, n):
    d = two_domains(*made, n_lines=12, fraction=fraction)
    assert (~d.labelled).sum() == n
    assert np.isclose((~d.labelled).mean(), fraction)


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"fraction": 0}, "fraction must be a number between 0 and 1; got 0"),
        ({"fraction": 1}, "fraction must be a number between 0 and 1; got 1"),
        ({"fraction": "half"}, "fraction must be a number between 0 and 1; got 'half'"),
        ({"random_state": "one"}, "random_state must be a whole number of at least 0"),
        ({"n_lines": 0}, "n_lines must be a whole number of at least 1; got 0"),
    ],
)
def test_bad_sizes_are_refused(made, given, says):
    with pytest.raises(ValueError, match=says):
        two_domains(*made, **given)


def test_a_pool_of_its_own_leaves_all_patients_to_be_judged(made):
    pool = np.full((9, 60), 1)
    d = two_domains(*made, pool=pool, n_lines=12, fraction=1 / 3, n_test=99)
    assert (d.X[~d.labelled] == 1).all()
    assert (d.truth[~d.labelled] == -1).all()
    assert len(d.tests["patient"][0]) == 30
    assert len(set(d.groups[~d.labelled])) == 6


def test_lines_may_have_been_rescaled(made):
    lines = made[0] * 0.99
    d = two_domains(lines, *made[1:], n_lines=30)
    line = d.X[d.labelled][:, :24].argmax(axis=1)
    assert_array_equal(d.X[d.labelled].sum(axis=1), np.rint(lines.sum(axis=1))[line])


def test_planted_domains_hide_the_labels_of_the_pool(made_world):
    d = made_domains(made_world)
    assert_array_equal(d.labelled, np.arange(56) < 32)
    classes = np.unique(made_world.train.labels)
    assert_array_equal(classes[d.truth[:32]], made_world.train.labels)
    assert_array_equal(classes[d.truth[32:]], made_world.pool.labels)
    assert_array_equal(d.X[32:], made_world.pool.counts)
    assert_array_equal(d.groups[:32], made_world.train.parents)
    assert_array_equal(d.planted, made_world.signatures.loc[classes])
    assert len(d.planted) == 4
    X, y = d.tests["patient"]
    assert_array_equal(X, made_world.patients.counts)
    assert_array_equal(classes[y], made_world.patients.labels)
    assert_array_equal(d.tests["cell_line"][0], made_world.test.counts)
