import numpy as np
import pytest
from numpy.testing import assert_allclose

from latentomics.sensing.blended import BlendedDecoder
from latentomics.sensing.linear import LinearMMSE
from latentomics.sensing.mixture import MixtureMMSE
from latentomics.sensing.scores import scores


class Doubled(LinearMMSE):
    def decode(self, Y, A, noise=0.0):
        return 2 * super().decode(Y, A, noise)


class Zero(LinearMMSE):
    def decode(self, Y, A, noise=0.0):
        return np.zeros((len(Y), self.n_features_in_))


def test_a_decoder_that_says_twice_as_much_counts_half(profiles, A):
    model = BlendedDecoder([Doubled(), Zero()]).fit(profiles)
    assert_allclose(model.weights(A), [0.5, 0], atol=0.01)


def test_the_weights_are_the_best_on_profiles_held_out(profiles, A):
    model = BlendedDecoder([LinearMMSE(), MixtureMMSE(2, n_latent=2)], n_splits=2)
    w = model.fit(profiles).weights(A)  # without noise nothing is drawn
    truth = np.concatenate([held for held, _ in model.folds_])
    assert_allclose(np.sort(truth, axis=0), np.sort(profiles, axis=0))
    guesses = [
        np.concatenate([fits[d].decode(held @ A.T, A) for held, fits in model.folds_])
        for d in range(2)
    ]
    G = np.stack([g.ravel() for g in guesses], axis=1)
    free = np.linalg.lstsq(G, truth.ravel(), rcond=None)[0]
    assert free.min() > 0, "the bound must not bind for this comparison"
    assert_allclose(w, free, rtol=1e-6)
    Y = profiles[:5] @ A.T
    parts = [d.decode(Y, A) for d in model.decoders_]
    assert_allclose(model.decode(Y, A), w[0] * parts[0] + w[1] * parts[1])


def test_held_out_profiles_teach_nobody_who_decodes_them(profiles):
    model = BlendedDecoder([LinearMMSE()], n_splits=3).fit(profiles)
    for held, (fit,) in model.folds_:
        rest = profiles.sum(axis=0) - held.sum(axis=0)
        assert_allclose(fit.mean_, rest / (60 - len(held)))


def test_noise_moves_the_weights_the_same_way_each_time(profiles, A):
    model = BlendedDecoder([LinearMMSE(), MixtureMMSE(2, n_latent=2)]).fit(profiles)
    assert_allclose(model.weights(A, 0.5), model.weights(A, 0.5), rtol=0)
    assert not np.allclose(model.weights(A, 0.5), model.weights(A, 0.0))


def test_a_blend_is_hardly_worse_than_its_best(rng):
    V = rng.normal(size=(4, 30))
    X = rng.standard_exponential((300, 4)) @ V
    A = rng.normal(size=(6, 30))
    blend = BlendedDecoder([LinearMMSE(), MixtureMMSE(5, n_latent=4)]).fit(X[:200])
    Y = (X[200:] + 0.1**0.5 * rng.normal(size=(100, 30))) @ A.T
    found = [scores(X[200:], blend.decode(Y, A, 0.1))["nrmse"]]
    found += [scores(X[200:], d.decode(Y, A, 0.1))["nrmse"] for d in blend.decoders_]
    assert found[0] < 1.02 * min(found[1:])


def test_what_is_no_list_of_decoders_is_refused(profiles):
    for wrong in ([], None, [3]):
        with pytest.raises(ValueError, match="decoders must be a list of decoders"):
            BlendedDecoder(wrong).fit(profiles)
