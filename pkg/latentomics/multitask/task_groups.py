"""The same search on groups of drugs that know nothing of each other."""

import numpy as np

from latentomics.base import check_whole
from latentomics.multitask.path_search import PathSearch


class TaskGroups(PathSearch):
    r"""Fit a :class:`PathSearch` to each group of drugs on its own.

    .. math::
        \hat Y = [\hat Y_{G_1}, \hat Y_{G_2}, \dots], \qquad
        |G_k| \le g, \quad G_k \text{ drawn at random}

    What is lost against one fit to all of them is what the drugs outside a group had
    to say (book: ``eq-task-groups``).

    Parameters
    ----------
    estimator : multitask estimator
        As in :class:`PathSearch`, like all that follow but `group_size`.
    grid : list of dict, optional
    group_size : int, default=10
        g: all groups have so many drugs but the last, which may have fewer.
    setting : {"transductive", "inductive"}, default="transductive"
    n_splits : int, default=5
    random_state : int, default=0
        Seed of the splits and of the groups.
    progress : callable, optional

    Attributes
    ----------
    groups_ : list of ndarray of int
        The columns of each group.
    searches_ : list of PathSearch
        One per group.

    Raises
    ------
    ValueError
        In `fit`: as :class:`PathSearch`, or `group_size` is no whole number from 1 up.
    """

    def __init__(
        self,
        estimator,
        grid=None,
        *,
        group_size=10,
        setting="transductive",
        n_splits=5,
        random_state=0,
        progress=None,
    ):
        super().__init__(
            estimator,
            grid,
            setting=setting,
            n_splits=n_splits,
            random_state=random_state,
            progress=progress,
        )
        self.group_size = group_size

    def fit(self, X, Y):
        """Fit to features and responses; NaN in `Y` marks what was not measured."""
        check_whole(group_size=self.group_size)
        check_whole(at_least=0, random_state=self.random_state)
        X, Y = self._read(X, Y)
        given = self.get_params(deep=False)
        given.pop("group_size")
        order = np.random.default_rng(self.random_state).permutation(Y.shape[1])
        cuts = range(self.group_size, len(order), self.group_size)
        self.groups_ = np.split(order, list(cuts))
        self.searches_ = [PathSearch(**given).fit(X, Y[:, g]) for g in self.groups_]
        return self

    def predict(self, X):
        """Return the responses expected of lines, each drug's by its own group."""
        X = self._read_new(X)
        Y_hat = np.empty((len(X), sum(map(len, self.groups_))))
        for columns, search in zip(self.groups_, self.searches_, strict=True):
            Y_hat[:, columns] = search.predict(X)
        return self._shaped(Y_hat)
