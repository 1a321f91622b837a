import numpy as np
import pytest
from numpy.testing import assert_allclose
from sklearn.linear_model import Ridge
from sklearn.neural_network import MLPRegressor

from latentomics.sensing.linear import LinearMMSE
from latentomics.sensing.measurement import OF_NOISE
from latentomics.sensing.regressor_decoder import RegressorDecoder, published_network


def measured_once(X, A, noise, seed):
    """What a laboratory has of the training samples: one draw of the noise."""
    N = np.random.default_rng([OF_NOISE, seed]).standard_normal(X.shape)
    return (X + noise**0.5 * N) @ A.T


def test_ridge_by_hand(profiles, A):
    model = RegressorDecoder(Ridge(0.7), random_state=4, dtype="float64")
    model.fit(profiles, A, noise=0.3)
    Y = measured_once(profiles, A, 0.3, 4)
    centred = Y - Y.mean(axis=0)
    X = profiles - profiles.mean(axis=0)
    B = np.linalg.solve(centred.T @ centred + 0.7 * np.eye(4), centred.T @ X)
    new = profiles[:5] @ A.T
    expected = profiles.mean(axis=0) + (new - Y.mean(axis=0)) @ B
    assert_allclose(model.decode(new), expected, atol=1e-9)


def test_with_a_decoder_the_regressor_gets_its_answer(profiles, A):
    given = {"decoder": LinearMMSE(), "random_state": 2, "dtype": "float64"}
    model = RegressorDecoder(Ridge(0.1), **given).fit(profiles, A, noise=0.3)
    before = LinearMMSE().fit(profiles)
    Y = measured_once(profiles, A, 0.3, 2)
    ridge = Ridge(0.1).fit(before.decode(Y, A, 0.3), profiles)
    expected = ridge.predict(before.decode(Y, A, 0.3))
    assert_allclose(model.decode(Y), expected, atol=1e-8)


def test_the_default_is_the_network_of_the_paper(profiles, A):
    model = RegressorDecoder(random_state=3).fit(profiles[:30], A, noise=0.1)
    net = model.regressor_
    assert net.get_params() == published_network(30, 3).get_params()
    assert [W.shape for W in net.coefs_] == [
        (4, 500),
        (500, 500),
        (500, 500),
        (500, 12),
    ]
    assert (net.alpha, net.batch_size, net.learning_rate_init) == (1.0, 30, 1e-3)
    assert net.n_iter_ == net.max_iter == 200  # and no warning of it
    assert net.coefs_[0].dtype == "float32"


def test_a_warning_of_a_regressor_of_ones_own_is_shown(profiles, A):
    short = MLPRegressor(hidden_layer_sizes=(3,), max_iter=2, random_state=0)
    with pytest.warns(UserWarning, match=r"Maximum iterations \(2\) reached"):
        RegressorDecoder(short).fit(profiles, A)


def test_what_was_given_is_copied(profiles, A):
    ridge = Ridge()
    model = RegressorDecoder(ridge, decoder=LinearMMSE()).fit(profiles, A)
    assert not hasattr(ridge, "coef_")
    assert model.regressor_ is not ridge
    own = A.copy()
    A[:] = 0  # the caller's, afterwards
    assert_allclose(model.A_, own)


def test_it_decodes_one_gene(A):
    X = np.linspace(1, 2, 9)[:, None]
    model = RegressorDecoder(Ridge(1e-9), dtype="float64").fit(X, np.ones((1, 1)))
    assert_allclose(model.decode(X), X, atol=1e-6)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"regressor": "ridge"}, "regressor must be a regressor of .* got 'ridge'"),
        ({"regressor": LinearMMSE()}, r"regressor must be .* got LinearMMSE\(\)"),
        ({"decoder": "smaf"}, "decoder must be an estimator with decode.*got 'smaf'"),
        (
            {"random_state": -1},
            "random_state must be a whole number of at least 0; got -1",
        ),
        ({"dtype": "float16"}, "dtype must be one of"),
    ],
)
def test_bad_parameters(profiles, A, given, message):
    with pytest.raises(ValueError, match=message):
        RegressorDecoder(**given).fit(profiles, A)
