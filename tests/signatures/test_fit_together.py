"""Models of a grid fitted at once: each is as if fitted alone, and work is shared."""

import numpy as np
import pytest
from labelled_problems import planted
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone

from latentomics.signatures import PseudoLabelNMF, SemiSupervisedNMF
from latentomics.signatures.runs import start_runs
from latentomics.signatures.together import fit_together

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
FAST = {"n_runs": 2, "warm_up": 10, "max_iter": 20, "device": "cpu"}


@pytest.fixture(scope="module")
def data():
    counts, labels, _, _ = planted(n=60)
    return counts, np.where(np.arange(60) < 36, labels, -1), labels


@pytest.fixture
def started(monkeypatch):
    """The settings of each batch of runs that was started."""
    seen = []

    def spy(*args, **how):
        seen.append(args[3])
        return start_runs(*args, **how)

    monkeypatch.setattr(f"{fit_together.__module__}.start_runs", spy)
    return seen


def test_models_that_differ_later_share_their_runs(data, started):
    counts, y, _ = data
    points = [(3, 0.3), (3, 0.9), (4, 0.3)]
    models = [PseudoLabelNMF(K, threshold=c, **FAST) for K, c in points]
    alone = [clone(model).fit(counts, y) for model in models]
    for one, other in zip(alone, fit_together(models, counts, y), strict=True):
        assert_allclose(one.components_, other.components_, atol=1e-9)
        assert_array_equal(one.pseudo_labels_, other.pseudo_labels_)
        assert_array_equal(one.runs_["n_iter"], other.runs_["n_iter"])
        assert_array_equal(one.history_["phase"], other.history_["phase"])
    assert [len(settings) for settings in started] == [1, 1, 1, 2]


def test_without_labels_in_the_factorization_the_penalty_comes_later(data, started):
    counts, y, _ = data
    points = [(0.0, 0.01), (0.0, 1.0), (0.1, 0.01), (0.1, 1.0)]
    how = {**FAST, "max_iter": 60}
    models = [SemiSupervisedNMF(3, lam_c=c, lam_2=two, **how) for c, two in points]
    alone = [clone(model).fit(counts, y) for model in models]
    assert_allclose(alone[0].components_, alone[1].components_, atol=1e-12)
    for one, other in zip(alone, fit_together(models, counts, y), strict=True):
        assert_allclose(one.components_, other.components_, atol=1e-9)
        assert_allclose(one.weights_, other.weights_, atol=1e-6)
    assert [len(settings) for settings in started] == [1, 1, 1, 1, 3]
