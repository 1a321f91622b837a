import numpy as np
import pytest
from numpy.testing import assert_allclose

from latentomics.metrics import spike_scores

SHAPE = (12, 9)


@pytest.fixture
def planted(rng):
    """Noisy data, an imperfect fit, spikes of .1, .15 or .3 in a block, 80 % seen."""
    L = rng.normal(size=SHAPE)
    block = np.zeros(SHAPE, bool)
    block[2:7, 1:5] = True
    S = np.where(block, rng.choice([0.1, 0.15, 0.3], size=SHAPE), 0)
    S[10, 8] = 0.3  # a spike outside the block
    D = L + S + 0.1 * rng.normal(size=SHAPE)
    L_hat = L + 0.05 * rng.normal(size=SHAPE)
    return {
        "D": D,
        "L_hat": L_hat,
        "S_true": S,
        "seen": rng.random(SHAPE) < 0.8,
        "block": block,
    }


def published(D, L_hat, S_true, seen, block, eta):
    """The published script's RE and IBRE, one entry at a time.

    Both matrices are set to 0 below eta in absolute value, and where not seen; then
    the signs of what is left are compared.
    """
    re = ibre = 0
    for i in range(SHAPE[0]):
        for j in range(SHAPE[1]):
            residual, spike = D[i, j] - L_hat[i, j], S_true[i, j]
            residual = 0 if abs(residual) < eta or not seen[i, j] else residual
            spike = 0 if abs(spike) < eta or not seen[i, j] else spike
            wrong = (residual > 0) != (spike > 0)
            re += wrong
            ibre += wrong and block[i, j]
    return re, ibre


@pytest.mark.parametrize("eta", [0.05, 0.1, 0.12, 0.15, 0.2])
def test_agrees_with_the_published_script(planted, eta):
    ours = spike_scores(**planted, eta=eta)
    assert (ours["re"], ours["ibre"]) == published(**planted, eta=eta)
    assert ours["re"] > 0


def test_known_answer():
    residual = np.array([[0.2, 0.2, 0.0], [0.2, -0.5, 0.0]])
    spikes = np.array([[0.3, 0.3, 0.3], [0.0, 0.0, 0.0]])
    ours = spike_scores(
        D=1 + residual,
        L_hat=np.ones((2, 3)),
        S_true=spikes,
        seen=np.array([[True, True, True], [True, True, False]]),
        block=spikes > 0,
        eta=0.15,
    )
    # flagged: 2 of the 3 spikes and 1 other; the negative residual is no flag
    assert ours == {
        "re": 2,
        "ibre": 1,
        "precision": pytest.approx(2 / 3),
        "recall": pytest.approx(2 / 3),
        "f1": pytest.approx(2 / 3),
    }


def test_a_residual_of_exactly_eta_is_a_flag():
    one = np.array([[0.25]])
    ours = spike_scores(one, one * 0, one, seen=one > 0, block=one > 0, eta=0.25)
    assert ours == {"re": 0, "ibre": 0, "precision": 1, "recall": 1, "f1": 1}


def test_the_truth_scores_perfectly_without_noise(planted):
    planted["D"] = planted["S_true"] + 1.0
    planted["L_hat"] = np.ones(SHAPE)
    ours = spike_scores(**planted, eta=0.05)
    assert ours == {"re": 0, "ibre": 0, "precision": 1, "recall": 1, "f1": 1}


def test_entries_not_seen_do_not_count(planted):
    ours = spike_scores(**planted, eta=0.15)
    planted["D"] = np.where(planted["seen"], planted["D"], 99.0)
    planted["S_true"] = np.where(planted["seen"], planted["S_true"], 99.0)
    assert spike_scores(**planted, eta=0.15) == ours


def test_flagging_everything_shows_why_ibre_alone_misleads(planted):
    planted["L_hat"] = planted["D"] - 1
    planted["block"] = planted["S_true"] >= 0.15
    ours = spike_scores(**planted, eta=0.15)
    spikes = (planted["S_true"] >= 0.15)[planted["seen"]]
    assert (ours["ibre"], ours["recall"]) == (0, 1)
    assert ours["re"] == (~spikes).sum()
    assert_allclose(ours["precision"], spikes.mean())


@pytest.mark.parametrize("name", ["D", "L_hat", "S_true", "seen", "block"])
def test_arrays_of_unlike_shapes_are_refused(planted, name):
    for wrong in (planted[name][:-1], planted[name].T, planted[name][0]):
        says = r"must (have one shape; got \[.*\(12, 9\)|be a .*matrix.* shape \(9,\))"
        with pytest.raises(ValueError, match=says):
            spike_scores(**{**planted, name: wrong}, eta=0.15)


def test_without_flags_or_block_nothing_divides_by_zero(planted):
    planted["L_hat"] = planted["D"]
    planted["block"] = np.zeros(SHAPE, bool)
    ours = spike_scores(**planted, eta=0.15)
    assert (ours["precision"], ours["f1"], ours["ibre"]) == (0, 0, 0)
    assert np.isnan(ours["recall"])
