"""Base class for methods that predict only lines with other measured responses."""

import numpy as np

from latentomics.multitask.regressor import MultitaskRegressor


class TransductiveRegressor(MultitaskRegressor):
    """Base class for methods that use a line's other responses, not its features.

    `fit` sets `fitted_`, one prediction for every line and drug; `predict` looks up the
    fitted lines by their features, which it uses for nothing else.
    """

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.regressor_tags.poor_score = True  # for a single drug they predict its mean
        return tags

    def _remember(self, X, fitted):
        self.X_ = X
        self.fitted_ = fitted
        return self

    def predict(self, X):
        """Return the predictions for fitted lines, in units of Y.

        Raises
        ------
        ValueError
            If a row of `X` was not in the fit, or matches two fitted lines.
        """
        X = self._read_new(X)
        return self._shaped(self.fitted_[known_lines(self.X_, X)])


def known_lines(X_fit, X, *, strict=True):
    """Return the index in `X_fit` of each row of `X`.

    Parameters
    ----------
    X_fit, X : ndarrays of shape (n, p), (n_new, p)
    strict : bool, default=True
        Whether an unknown row is an error; otherwise its index is -1.

    Returns
    -------
    ndarray of int of shape (n_new,)

    Raises
    ------
    ValueError
        If a row is not in `X_fit`, or occurs there twice and `X` is not all of `X_fit`.
    """
    if X.shape == X_fit.shape and np.array_equal(X, X_fit):
        return np.arange(len(X))
    places = {}
    for place, row in enumerate(X_fit + 0.0):  # + 0 makes -0 the same as 0
        places.setdefault(row.tobytes(), []).append(place)
    found = [places.get(row.tobytes(), [-1]) for row in np.ascontiguousarray(X + 0.0)]
    twice = [i for i, place in enumerate(found) if len(place) > 1]
    if twice:
        raise ValueError(
            "X must tell the lines of the fit apart; got the features of lines "
            f"{found[twice[0]]} of the fit in row {twice[0]}"
        )
    found = np.array([place[0] for place in found], dtype=int)
    if strict and (found < 0).any():
        raise ValueError(
            "X must hold lines of the fit, since this method knows a line by its "
            f"other responses; got an unknown one in row {np.argmin(found)}"
        )
    return found
