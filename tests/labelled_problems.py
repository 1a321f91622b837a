"""Random problems of labelled NMF, and its loss written out as loops."""

import numpy as np
import torch

from latentomics.arrays import as_tensor
from latentomics.signatures.blocks import Problem, State


def random_problem(seed, *, n_runs=2, unlabelled=None, lam_c=None, soft=None, **sizes):
    """A problem and a state of any size; keywords fix N, M, K, O and weights."""
    rng = np.random.default_rng(seed)
    N, M, K, n_classes = (
        int(rng.integers(*b)) for b in ((2, 13), (2, 11), (1, 6), (2, 5))
    )
    N, M, K, n_classes = (
        sizes.get(name, drawn)
        for name, drawn in zip("NMKO", (N, M, K, n_classes), strict=True)
    )
    soft = rng.random() < 0.3 if soft is None else soft
    Y = rng.dirichlet(np.ones(n_classes), (n_runs, N)).swapaxes(1, 2)
    if not soft:
        Y = (Y == Y.max(axis=1, keepdims=True)).astype(float)
    labelled = rng.random((n_runs, N)) < rng.choice([0.2, 0.6, 1.0])
    if unlabelled is None:
        unlabelled = float(rng.choice([0, rng.random(), 1]))
    if lam_c is None:
        lam_c = rng.choice([0, 0.1, 1, 10], n_runs) * rng.random(n_runs)
    problem = Problem(
        as_tensor(rng.dirichlet(np.full(M, 0.5), N), device="cpu"),
        as_tensor(np.broadcast_to(lam_c, n_runs), device="cpu"),
        as_tensor(10 ** rng.uniform(-4, 0, n_runs), device="cpu"),
        torch.ones(n_runs, K).double(),
        as_tensor(Y * labelled[:, None], device="cpu"),
        as_tensor(labelled, device="cpu"),
        unlabelled,
    )
    E = rng.exponential(1, (n_runs, K, N)) * (rng.random((n_runs, K, N)) < 0.8)
    W = rng.choice([0.1, 3]) * rng.normal(size=(n_runs, K, n_classes))
    S = rng.dirichlet(np.full(M, 0.5), (n_runs, K))
    return problem, State(*(as_tensor(A, device="cpu") for A in (S, E, W)))


def literal_loss(problem, state, r):
    """The docstring of ``Problem``, entry by entry."""
    X, lam_c, lam_2 = (
        problem.X.numpy(),
        *(float(v[r]) for v in (problem.lam_c, problem.lam_2)),
    )
    S, E, W = (A[r].numpy() for A in (state.S, state.E, state.W))
    (N, M), (K, n_classes) = X.shape, W.shape
    fit = label = 0.0
    for n in range(N):
        for m in range(M):
            fit += (X[n, m] - sum(E[k, n] * S[k, m] for k in range(K))) ** 2
        z = [sum(E[k, n] * W[k, o] for k in range(K)) for o in range(n_classes)]
        y, known = problem.Y[r, :, n].numpy(), float(problem.labelled[r, n])
        pulled = sum(y[o] * z[o] for o in range(n_classes))
        label += known * (np.log(sum(np.exp(v) for v in z)) - pulled)
        none = np.log(1 + sum(np.exp(v) for v in z))
        label += problem.unlabelled * (1 - known) * none
    return fit + lam_c * (label + lam_2 * sum(w * w for w in W.ravel()))


def planted(seed=0, n=60, n_channels=24, n_signatures=3, depth=2000):
    """Counts of mixtures of signatures, and which of them each sample has most of.

    Returns
    -------
    counts, labels, signatures, exposures
    """
    rng = np.random.default_rng(seed)
    S = rng.dirichlet(np.full(n_channels, 0.15), n_signatures)
    labels = np.arange(n) % n_signatures
    E = rng.dirichlet(np.full(n_signatures, 0.5), n)
    E = 0.4 * E + 0.6 * np.eye(n_signatures)[labels]
    return rng.multinomial(depth, E @ S), labels, S, E
