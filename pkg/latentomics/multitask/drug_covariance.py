"""Predicting a drug's residual on a line from those of the other drugs."""

from dataclasses import dataclass

import torch

from latentomics.multitask.problem import tiny
from latentomics.solvers import iterate

LOOK_EVERY = 5  # iterations


@dataclass
class _Inverses:
    """Inverse covariances of the measured drugs, one for each pattern of gaps."""

    P: torch.Tensor  # (n_patterns, T, T), 0 where not measured
    logdet: torch.Tensor  # (n_patterns,)
    pattern: torch.Tensor  # (n,), of each line
    count: torch.Tensor  # (n_patterns,)

    def times(self, R):
        """Return P_i r_i for every line, (n, T)."""
        out = torch.empty_like(R)
        for number in range(len(self.P)):
            rows = self.pattern == number
            out[rows] = R[rows] @ self.P[number]
        return out


def drug_covariance(R, seen, shrinkage, *, tol, max_iter, start=None):
    r"""Estimate the covariance between drugs of residuals with gaps.

    The residuals :math:`r_i` of each line are drawn from :math:`N(0, C)`. With an
    inverse Wishart prior worth :math:`\kappa` lines with the drugs' own variances D,
    the maximum a posteriori estimate of C minimises (book: ``eq-drug-covariance``)

    .. math::
        (1 - s) \sum_i \big[\log\det C_{o_i} + r_{o_i}^\top C_{o_i}^{-1} r_{o_i}\big]
        + n s \big[\log\det C + \operatorname{tr}(C^{-1} D)\big],
        \qquad s = \frac{\kappa}{n + \kappa}

    over the measured drugs :math:`o_i` of each line. Expectation maximisation [1] never
    increases the objective; each step is :math:`C \leftarrow (1 - s) S / n + s D` with
    S the expected sum of squares.

    Parameters
    ----------
    R : tensor of shape (n, T)
        Residuals, 0 where `seen` is false. Every line has a measured drug.
    seen : bool tensor of shape (n, T)
    shrinkage : float
        s, between 0 and 1; at 1 the drugs are uncorrelated.
    tol : float
        Stop once a step changes C by at most this share of its norm.
    start : tensor of shape (T, T), optional
        Starting point, such as the C of similar residuals; D by default.

    Returns
    -------
    C, trace

    References
    ----------
    [1] Dempster, Laird & Rubin (1977). J R Stat Soc B 39:1-38.
    """
    n = len(R)
    D = _variances(R, seen)

    def step(state):
        C, inverses = state
        expected = inverses.times(R) @ C  # of all drugs, given the measured ones
        total = torch.einsum("k,kij->ij", inverses.count, inverses.P)
        S = expected.T @ expected + n * C - C @ total @ C
        C = (S + S.T) / 2 * (1 - shrinkage) / n
        C = C + shrinkage * torch.diag(D)
        return C, _invert(C, seen)

    def objective(state):
        C, inverses = state
        fit = (inverses.count * inverses.logdet).sum()
        fit = fit + (inverses.times(R) * R).sum()
        L = torch.linalg.cholesky(C)
        prior = 2 * L.diagonal().log().sum()
        prior = prior + torch.cholesky_inverse(L).diagonal() @ D
        return (1 - shrinkage) * fit + n * shrinkage * prior

    start = torch.diag(D) if start is None else start
    (C, _), trace = iterate(
        step,
        (start, _invert(start, seen)),
        objective,
        tol=tol,
        max_iter=max_iter,
        look_every=LOOK_EVERY,
    )
    return C, trace


def conditional_means(C, R, seen):
    r"""Return the expectation of each residual given the others of its line, (n, T).

    For an unmeasured drug this is :math:`C_{to} C_o^{-1} r_o`. For a measured one, its
    own value is left out: :math:`r_t - (C_o^{-1} r_o)_t / (C_o^{-1})_{tt}`.
    """
    inverses = _invert(C, seen)
    PR = inverses.times(R)
    own = inverses.P.diagonal(dim1=1, dim2=2)[inverses.pattern]
    own = torch.where(seen, own, 1)
    return torch.where(seen, R - PR / own, PR @ C)


def _variances(R, seen):
    """Return each drug's variance, with one extra line at the average variance."""
    squares, count = R.square().sum(dim=0), seen.sum(dim=0)
    typical = squares.sum() / count.sum()
    return ((squares + typical) / (count + 1)).clamp(min=tiny(R) ** 0.5)


def _invert(C, seen):
    patterns, pattern, count = torch.unique(
        seen, dim=0, return_inverse=True, return_counts=True
    )
    both = patterns[:, :, None] & patterns[:, None, :]
    eye = torch.eye(len(C)).to(C)
    L = torch.linalg.cholesky(torch.where(both, C, eye))
    P = torch.where(both, torch.cholesky_inverse(L), 0)
    logdet = 2 * L.diagonal(dim1=1, dim2=2).log().sum(dim=1)
    return _Inverses(P, logdet, pattern, count.to(C))
