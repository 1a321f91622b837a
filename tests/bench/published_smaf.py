"""SMAF as published, on SPAMS: its loop, step for step, for the race."""

import numpy as np
import spams

FEWEST = 5


def published_smaf(
    X, n_components, *, n_nonzero=15, lam=0.1, max_iter=10, codes=None, random_state=0
):
    """Return modules (n_components, n_features) and codes (n_samples, n_components).

    The loop of Cleary et al. (2017) in its mode 1, samples x genes here; modules are
    scaled to length 1 before pursuit, as it needs. Without `codes` to begin with,
    these are drawn at random.
    """
    if codes is None:
        rng = np.random.default_rng(random_state)
        codes = rng.random((len(X), n_components))
    bound = lam * np.linalg.norm(X) ** 2 / len(X)
    genes, samples = np.asfortranarray(X), np.asfortranarray(X.T)
    for _ in range(max_iter):
        modules = spams.lasso(
            genes,
            D=np.asfortranarray(codes),
            lambda1=bound,
            mode=1,
            pos=True,
            cholesky=True,
            numThreads=1,
        )
        modules = modules.toarray()
        lengths = np.linalg.norm(modules, axis=1, keepdims=True)
        modules = np.divide(
            modules, lengths, out=np.zeros_like(modules), where=lengths > 0
        )
        codes = sparse_decode(samples, modules, n_nonzero, 1 - lam)
    return modules, codes


def sparse_decode(samples, modules, n_nonzero, enough):
    """Return codes of fewer and fewer modules, until they explain too little."""
    k = n_nonzero
    while True:
        D = np.asfortranarray(modules.T)
        codes = spams.omp(samples, D=D, L=k, numThreads=1).toarray()
        left = np.linalg.norm(samples - D @ codes) ** 2
        k -= 1
        if 1 - left / np.linalg.norm(samples) ** 2 < enough or k <= FEWEST:
            return codes.T
