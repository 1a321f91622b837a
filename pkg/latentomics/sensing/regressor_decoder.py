"""Any scikit-learn regressor as a decoder; the networks of the paper."""

import warnings
from dataclasses import KW_ONLY

import numpy as np
from sklearn.base import BaseEstimator, clone, is_regressor
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPRegressor

from latentomics.arrays import in_dtype
from latentomics.params import InPrecision, Seeded, parameter
from latentomics.sensing.base import MeasurementDecoder, check_decoder
from latentomics.sensing.measurement import OF_NOISE, with_variance


def published_network(n_samples, random_state=0):
    """Return the network of [1], unfitted: 3 layers of 500, full-batch training.

    The learning rate of .001 and the 200 steps are scikit-learn's defaults. The penalty
    of 1 in [1] is taken as scikit-learn's `alpha`, which adds `alpha` / 2 times the
    squared weights, divided by the number of samples. Taken as the weight decay of
    torch's Adam, it shrank the norm of the weights on GTEx's tissues from 26 to .07 and
    gave the same output for all samples (100 sums, 200 steps); the published figures
    are not those of a constant predictor.

    References
    ----------
    [1] Obbad, Fehmiu & Hankamer (2019). Generating Whole Transcriptomic Profiles Using
        Compressed Sensing and Machine Learning.
    """
    return MLPRegressor(
        hidden_layer_sizes=(500, 500, 500),
        alpha=1.0,
        batch_size=n_samples,
        random_state=random_state,
    )


def _check_regressor(name, value):
    known = isinstance(value, BaseEstimator) and is_regressor(value)
    if value is not None and not known:
        raise ValueError(
            f"{name} must be a regressor of scikit-learn, or None; got {value!r}"
        )


class RegressorDecoder(MeasurementDecoder, Seeded, InPrecision, dtype="float32"):
    r"""Decode measurements with a scikit-learn regressor.

    .. math:: \hat x = f(y) \quad\text{or}\quad \hat x = f(\tilde x), \qquad
        \tilde x = \mathrm{decode}(y)

    f is fitted once to training profiles and their measurements, each with one draw of
    the noise, as a laboratory would have them; the second form is the stack of the
    paper [1] (book: ``eq-stack``). :class:`MLPDecoder` redraws the noise at each step,
    and :class:`StackedDecoder` uses many noisy copies, which networks benefit from.
    The regressor's data have the precision `dtype`, except values so far from 0 that
    float32 would round their differences away.

    Attributes
    ----------
    regressor_ : estimator
    decoder_ : Decoder or None
    A_ : ndarray of shape (n_measurements, n_features)
    noise_ : float
        As given to `fit`.
    n_measurements_ : int

    Raises
    ------
    ValueError
        In `fit`: if a parameter is out of range.

    References
    ----------
    [1] Obbad, Fehmiu & Hankamer (2019). Generating Whole Transcriptomic Profiles Using
        Compressed Sensing and Machine Learning.
    """

    regressor: object = parameter(
        None, kind="estimator, optional", check=_check_regressor
    )
    """Any multi-output regressor; by default :func:`published_network`, seeded by
    `random_state`."""
    _: KW_ONLY
    decoder: object = parameter(None, kind="Decoder, optional", check=check_decoder)
    """Anything with ``fit(X)`` and ``decode(Y, A, noise)``; the regressor gets its
    output instead of the measurements."""

    def fit(self, X, A, noise=0.0):
        """Fit to profiles `X`, (n_samples, n_features), measured with `A`.

        Parameters
        ----------
        X, A
            As in :meth:`Decoder.decode`.
        noise : float, default=0.0
            Variance of the noise of each gene in each sample.
        """
        X, A = self._read(X, A, noise)
        self.A_, self.noise_ = A, float(noise)
        self.decoder_ = clone(self.decoder).fit(X) if self.decoder else None
        rng = np.random.default_rng([OF_NOISE, self.random_state])
        given = self._given(with_variance(X, noise, rng) @ A.T)
        given, X = in_dtype(given, self.dtype), in_dtype(X, self.dtype)
        self._dtype = given.dtype  # a single sample has no spread to infer it from
        with warnings.catch_warnings():
            model = self.regressor
            if model is None:  # it stops after 200 steps, converged or not
                warnings.simplefilter("ignore", ConvergenceWarning)
                model = published_network(len(X), self.random_state)
            self.regressor_ = clone(model).fit(given, X)
        return self

    def _given(self, Y):
        if self.decoder_ is None:
            return Y
        return self.decoder_.decode(Y, self.A_, self.noise_)

    def _decode(self, Y):
        answer = self.regressor_.predict(self._given(Y).astype(self._dtype))
        return np.asarray(answer, dtype="float64").reshape(len(Y), -1)
