"""Cross-validation splits that hold out whole lines or single cells."""

import numpy as np
from sklearn.model_selection import KFold

from latentomics.checks import check_whole
from latentomics.matrices import check_dense, read_matrix
from latentomics.multitask.regressor import named


class InductiveKFold(KFold):
    """Hold out whole lines, to test predictions for lines without responses.

    Scikit-learn's `KFold`, always shuffled and seeded, so that all methods see the same
    folds; it can be used wherever scikit-learn takes `cv`.

    Parameters
    ----------
    n_splits : int, default=5
        Folds, at least 2.
    random_state : int, default=0

    Raises
    ------
    ValueError
        If an argument is not a whole number or is too small; in `split`, if there are
        more folds than lines.

    References
    ----------
    [1] Yuan et al. (2016). Sci Rep 6:31619 (book: ``eq-inductive-folds``).
    """

    def __init__(self, n_splits=5, *, random_state=0):
        check_whole(at_least=2, n_splits=n_splits)
        check_whole(at_least=0, random_state=random_state)
        super().__init__(n_splits, shuffle=True, random_state=random_state)

    def split(self, X, Y=None, groups=None):
        """Yield the line indices to train on and those held out, fold by fold.

        Parameters
        ----------
        X : array or DataFrame of shape (n_lines, n_features)
        Y : array or DataFrame of shape (n_lines, n_drugs), optional
            Only its length is used.
        groups : ignored
            Scikit-learn passes it.
        """
        check_dense(X)
        check_dense(Y, "Y")
        return super().split(X, Y, groups)


class TransductiveKFold:
    r"""Hold out single cells, to test predictions for lines tried on other drugs.

    The measured lines :math:`\Omega_t` of each drug t are dealt into folds separately,
    :math:`\Omega_t = \bigcup_k \Omega_{tk}`, so that a line held out for one drug
    mostly stays in the training set of the others (book: ``eq-transductive-folds``).

    .. math:: \bigl| |\Omega_{tk}| - |\Omega_{tl}| \bigr| \le 1, \qquad
        \Bigl| \sum_t |\Omega_{tk}| - \sum_t |\Omega_{tl}| \Bigr| \le 1

    The second bound holds because dealing resumes where the previous drug ended.

    Parameters
    ----------
    n_splits : int, default=5
        Folds, at least 2. A drug may have fewer measured lines; some folds then hold
        out none of them.
    random_state : int, default=0

    Raises
    ------
    ValueError
        If an argument is not a whole number or is too small. In `split`: if `Y` is not
        a matrix of numbers and gaps, a drug was measured on fewer than 2 lines, or
        there are more folds than measured cells.

    References
    ----------
    [1] Yuan et al. (2016). Sci Rep 6:31619.
    """

    def __init__(self, n_splits=5, *, random_state=0):
        check_whole(at_least=2, n_splits=n_splits)
        check_whole(at_least=0, random_state=random_state)
        self.n_splits, self.random_state = n_splits, random_state

    def get_n_splits(self, Y=None):
        """Return the number of folds; `Y` is ignored."""
        return self.n_splits

    def split(self, Y):
        """Yield the cells to train on and those held out, fold by fold.

        Parameters
        ----------
        Y : array or DataFrame of shape (n_lines, n_drugs)
            NaN where a drug was not measured; such cells are in neither set.

        Yields
        ------
        train, test : ndarray of int
            Sorted indices into ``np.ravel(Y)``; see :func:`training_cells`.
        """
        seen = ~np.isnan(read_matrix(Y, "Y", gaps=True))
        short = np.flatnonzero(seen.sum(axis=0) < 2)
        if len(short):
            raise ValueError(
                "Y must have 2 measured lines for every drug, one of them to train on; "
                f"got fewer in column {named(getattr(Y, 'columns', None), short)}"
            )
        if self.n_splits > seen.sum():
            raise ValueError(
                f"n_splits must be at most the {seen.sum()} measured cells of Y; "
                f"got {self.n_splits}"
            )
        fold = self._deal(seen)
        for k in range(self.n_splits):
            yield np.flatnonzero(seen & (fold != k)), np.flatnonzero(fold == k)

    def _deal(self, seen):
        """Return the fold of each cell, -1 where there is no measurement."""
        rng = np.random.default_rng(self.random_state)
        fold = np.full(seen.shape, -1)
        dealt = 0
        for t, column in enumerate(seen.T):
            lines = rng.permutation(np.flatnonzero(column))
            fold[lines, t] = (dealt + np.arange(len(lines))) % self.n_splits
            dealt += len(lines)
        return fold


def training_cells(Y, train):
    """Return the responses with only the training cells left.

    Parameters
    ----------
    Y : array or DataFrame of shape (n_lines, n_drugs)
        Any unit; NaN marks a gap.
    train : array of int
        Indices into ``np.ravel(Y)``, as :class:`TransductiveKFold` yields them.

    Returns
    -------
    ndarray of shape (n_lines, n_drugs)
        A float64 copy, NaN in all other cells, held-out ones included.

    Raises
    ------
    ValueError
        If `Y` is not a matrix of numbers and gaps, or `train` not a list of its cells.
    """
    Y = read_matrix(Y, "Y", gaps=True)
    train = np.asarray(train)
    if train.ndim != 1 or train.dtype.kind not in "iu":
        raise ValueError(
            "train must be a list of indices into np.ravel(Y); "
            f"got {train.dtype} of shape {train.shape}"
        )
    if len(train) and not 0 <= train.min() <= train.max() < Y.size:
        raise ValueError(
            f"train must lie between 0 and {Y.size - 1}; "
            f"got {train.min()} to {train.max()}"
        )
    kept = np.full(Y.shape, np.nan)
    kept.flat[train] = Y.flat[train]
    return kept
