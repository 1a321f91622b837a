import numpy as np
import pytest


@pytest.fixture
def profiles(rng):
    """Two kinds of 3 factors each, and a little noise, 60 x 12."""
    kind = np.arange(60) % 2
    Z = rng.normal(size=(60, 3)) + 3 * kind[:, None]
    V = rng.normal(size=(3, 12))
    return Z @ V + 0.1 * rng.normal(size=(60, 12)) + 5


@pytest.fixture
def A(rng):
    """Four measurements of 12 genes, rows of length 1."""
    A = rng.normal(size=(4, 12))
    return A / np.linalg.norm(A, axis=1, keepdims=True)
