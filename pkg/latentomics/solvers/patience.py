"""Early stopping: remember the best state by its held-out error."""

import math


class Patience:
    """A gap for :func:`iterate` that stops when the held-out error stops falling.

    The gap is the relative fall of the best error over the last `looks` looks: 0 means
    that none of them improved on it. Early on, on the plateau near a saddle, the error
    does not fall either; so nothing is counted until `moving` says that the fit has
    left its start.

    Parameters
    ----------
    error : callable
        state -> held-out error, non-negative.
    snapshot : callable
        state -> what to keep of the best state (a copy).
    looks : int
    moving : callable
        state -> True once the fit has left its start.

    Attributes
    ----------
    errors : list of float
        One entry per look.
    best : object
        Snapshot of the state with the lowest error so far.
    """

    def __init__(self, error, snapshot, *, looks, moving):
        self.error, self.snapshot = error, snapshot
        self.looks, self.moving = looks, moving
        self.errors, self.best = [], None
        self._first = None  # look at which counting began

    def __call__(self, state, previous):
        """Return the gap of this look; see the class."""
        error = float(self.error(state))
        if not math.isfinite(error):
            raise FloatingPointError(
                f"the held-out error became {error}; take smaller steps"
            )
        if not self.errors or error < min(self.errors):
            self.best = self.snapshot(state)
        self.errors.append(error)
        if self._first is None and self.moving(state):
            self._first = len(self.errors)
        if self._first is None or len(self.errors) < self._first + self.looks:
            return math.inf
        before, now = min(self.errors[: -self.looks]), min(self.errors)
        return 1 - now / before if before else 0.0
