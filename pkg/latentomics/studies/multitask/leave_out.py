"""Ridge residuals of held-out lines as matrices, many splits from one inverse."""

import numpy as np


def held_out_residuals(gram, held, penalty):
    r"""Return the matrix that maps responses to the residuals of held-out lines.

    .. math:: R y = y_V - \bar y_T - \tilde K_{VT} (\tilde K_{TT} + \alpha I)^{-1}
        (y_T - \bar y_T)

    (book: ``eq-ridge-hat-matrix``) where V is the test set, T the training set, and the
    tilde marks features centred at their mean over T.

    Parameters
    ----------
    gram : ndarray of shape (n_lines, n_lines)
        Inner products of the lines' features, with any centring.
    held : bool array of shape (n_lines,)
    penalty : float
        :math:`\alpha` relative to the mean eigenvalue of `gram`, centred over all
        lines.

    Returns
    -------
    ndarray of shape (n_held, n_lines)
    """
    n = len(gram)
    alpha = penalty * (np.trace(gram) - gram.mean() * n) / n
    T, V = np.flatnonzero(~held), np.flatnonzero(held)
    K = gram[:, T] - gram[:, T].mean(axis=1, keepdims=True)  # (x_i, x_j - mean over T)
    K = K - K[T].mean(axis=0)  # and (x_i - mean over T)
    slope = np.linalg.solve(K[T] + alpha * np.eye(len(T)), K[V].T).T
    R = np.zeros((len(V), n))
    R[:, V] = np.eye(len(V))
    R[:, T] = -slope - 1 / len(T)  # each row of slope adds up to 0
    return R


def cv_error_form(gram, fold, penalty):
    """Return the matrix A for which y'Ay is the mean squared error over all folds.

    Parameters
    ----------
    gram, penalty
        As in :func:`held_out_residuals`.
    fold : int array of shape (n_lines,)
        The fold in which each line is held out.

    Returns
    -------
    ndarray of shape (n_lines, n_lines)
    """
    return error_form(precision(gram, penalty), fold)


def error_form(P, fold):
    """Return the matrix of :func:`cv_error_form`.

    Parameters
    ----------
    P : ndarray of shape (n_lines, n_lines)
        From :func:`precision`.
    fold : int array of shape (n_lines,)

    Returns
    -------
    ndarray of shape (n_lines, n_lines)
    """
    R = np.concatenate([residuals(P, fold == k) for k in np.unique(fold)])
    return R.T @ R / len(R)


def precision(gram, penalty):
    r"""Return the matrix P from which :func:`residuals` reads every split.

    .. math:: P = C (C K C + \alpha I)^{-1} C

    with K the Gram matrix and C the matrix that subtracts the mean. Lines that are
    held out need no inverse of their own: eliminating the others leaves a system of
    the size of the test set.

    Parameters
    ----------
    gram : ndarray of shape (n_lines, n_lines)
    penalty : float
        As in :func:`held_out_residuals`.

    Returns
    -------
    ndarray of shape (n_lines, n_lines)
    """
    n = len(gram)
    K = gram - gram.mean(axis=0)
    K = K - K.mean(axis=1, keepdims=True)
    unit = np.trace(K) / n
    alpha = penalty * unit
    ones = unit / n  # keeps the inverse well conditioned; its part goes off again
    return np.linalg.inv(K + alpha * np.eye(n) + ones) - 1 / (n * (alpha + unit))


def residuals(P, held, columns=None):
    """Return the matrix of :func:`held_out_residuals`, times `columns` if given.

    Parameters
    ----------
    P : ndarray of shape (n_lines, n_lines)
        From :func:`precision`.
    held : bool array of shape (n_lines,)
    columns : ndarray of shape (n_lines, n_columns), optional

    Returns
    -------
    ndarray of shape (n_held, n_lines), or (n_held, n_columns)
    """
    V = np.flatnonzero(held)
    right = P[V] if columns is None else P[V] @ columns
    return np.linalg.solve(P[np.ix_(V, V)], right)
