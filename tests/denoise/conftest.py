"""What several tests of part II share: a matrix with spikes."""

import numpy as np
import pytest


@pytest.fixture
def spiked(gappy, rng):
    """The gappy matrix of rank 3 with spikes of 8 or -8 in 5 % of its entries.

    The truth, a mask of the spikes that were measured, and the data.
    """
    truth, X = gappy
    spikes = (rng.random(X.shape) < 0.05) * rng.choice([-8.0, 8.0], X.shape)
    return truth, (spikes != 0) & ~np.isnan(X), X + spikes
