"""A separate search on each of several groups of drugs."""

from dataclasses import KW_ONLY

import numpy as np
import pandas as pd
from sklearn.utils.validation import check_is_fitted

from latentomics.multitask.path_search import PathSearch
from latentomics.params import whole


class TaskGroups(PathSearch):
    r"""Fit a :class:`PathSearch` to each group of drugs separately.

    .. math::
        \hat Y = [\hat Y_{G_1}, \hat Y_{G_2}, \dots], \qquad
        |G_k| \le g, \quad G_k \text{ drawn at random}

    The loss relative to one joint fit measures what drugs outside a group contribute
    (book: ``eq-task-groups``).

    Attributes
    ----------
    path_ : object
        Not set: each search has its own; the other inherited attributes are joined
        over the groups.
    groups_ : list of ndarray of int
        The columns of each group.
    searches_ : list of PathSearch
        One per group.

    Raises
    ------
    ValueError
        In `fit`: as :class:`PathSearch`, or `group_size` is not a positive whole
        number.
    """

    _: KW_ONLY
    group_size: int = whole(10)
    """g, drugs per group; the last group may have fewer."""
    random_state: int = whole(0, at_least=0)
    """Seed of the splits and of the groups."""

    def fit(self, X, Y):
        """Fit to features and responses; NaN in `Y` marks missing responses."""
        X, Y = self._read(X, Y)

        def searched(group):
            search = PathSearch(
                self.estimator,
                self.grid,
                setting=self.setting,
                n_splits=self.n_splits,
                random_state=self.random_state,
                progress=self.progress,
            )
            return search.fit(X, Y[:, group])

        order = np.random.default_rng(self.random_state).permutation(Y.shape[1])
        cuts = range(self.group_size, len(order), self.group_size)
        self.groups_ = np.split(order, list(cuts))
        self.searches_ = [searched(group) for group in self.groups_]
        for name in ("errors_", "choice_", "margin_"):
            setattr(self, name, self._joined(name))
        points = pd.concat([search.points_ for search in self.searches_])
        drugs = getattr(self, "task_names_in_", range(len(order)))
        self.points_ = points.iloc[np.argsort(order, kind="stable")].set_axis(drugs)
        return self

    def _joined(self, name):
        """Return an attribute of all groups, its last axis in the order of Y."""
        parts = [getattr(search, name) for search in self.searches_]
        back = np.argsort(np.concatenate(self.groups_), kind="stable")
        return np.concatenate(parts, axis=-1)[..., back]

    @property
    def coef_(self):
        """Weights of the unstandardised features, (n_features, n_tasks)."""
        check_is_fitted(self)
        return self._joined("coef_")

    @property
    def intercept_(self):
        """Intercepts in units of Y, (n_tasks,)."""
        check_is_fitted(self)
        return self._joined("intercept_")

    def predict(self, X):
        """Return the predicted responses of lines, each drug from its own group."""
        X = self._read_new(X)
        Y_hat = np.empty((len(X), sum(map(len, self.groups_))))
        for columns, search in zip(self.groups_, self.searches_, strict=True):
            Y_hat[:, columns] = search.predict(X)
        return self._shaped(Y_hat)
