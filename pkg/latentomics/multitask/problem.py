r"""The trace-norm problem: its objective, its dual, and when it is solved.

Rows of `basis` are lines, in the coordinates of the solver.
"""

import torch

from latentomics.solvers import iterate


class TraceNormProblem:
    r"""Least squares over measured cells with free intercepts and a trace norm.

    .. math::
        \min_{W, b} \; \tfrac12 \sum_t \|P_t (y_t - B w_t - b_t 1)\|^2
        + \lambda \|W\|_*

    (book: ``eq-trace-norm``). The best :math:`b_t` for given W is the mean residual
    of drug t over its measured lines, so b is never a variable.

    Parameters
    ----------
    basis : tensor of shape (n, d)
        B, coordinates of the lines.
    Y : float64 tensor of shape (n, T)
        Centred before it is cast to the type of `basis`. Values where `seen` is false
        are ignored.
    seen : bool tensor of shape (n, T)
    """

    def __init__(self, basis, Y, seen):
        self.basis, self.seen = basis, seen
        self.mask = seen.to(basis)
        self.count = self.mask.sum(dim=0)
        self.mean = torch.where(seen, Y, 0).sum(dim=0) / self.count
        Y = torch.where(seen, Y - self.mean, 0)  # centred, 0 where not measured
        self.Y = Y.to(basis)
        self.full = bool(seen.all())

    def centred(self, M):
        """Subtract each drug's mean over its measured lines; 0 where not measured."""
        M = M * self.mask
        return M - M.sum(dim=0) / self.count * self.mask

    def residual(self, W):
        """Return the residual with the best intercepts, 0 where not measured."""
        return self.Y - self.centred(self.basis @ W)

    def intercept(self, W):
        """Return the best intercept of each drug, shape (T,)."""
        fitted = (self.basis @ W) * self.mask
        return self.mean - fitted.sum(dim=0) / self.count

    def lam_max(self):
        r"""Return the smallest :math:`\lambda` whose solution is W = 0."""
        return spectral_norm(self.basis.T @ self.Y)

    def certify(self, W, nuclear, lam):
        r"""Return the objective at `W` and its relative duality gap.

        Any :math:`\Theta` that vanishes where nothing was measured, sums to 0 for each
        drug and satisfies :math:`\|B^\top \Theta\|_2 \le \lambda` bounds the minimum
        from below by :math:`\langle \Theta, Y \rangle - \tfrac12 \|\Theta\|^2`. Here it
        is the residual R times the best feasible factor.

        Parameters
        ----------
        W : tensor of shape (d, T)
        nuclear : tensor or float
            :math:`\|W\|_*`, known to the solvers.
        """
        R = self.residual(W)
        squares, along = R.square().sum(), (R * self.Y).sum()
        objective = squares / 2 + lam * nuclear
        limit = lam / spectral_norm(self.basis.T @ R).clamp(min=tiny(R))
        c = (along / squares.clamp(min=tiny(R))).clamp(-limit, limit)
        gap = objective - (c * along - c * c * squares / 2)
        return objective, gap / objective.clamp(min=tiny(R))


class Certificate:
    """Objective and gap for :func:`latentomics.solvers.iterate`, found once per look.

    `read` extracts W and its nuclear norm from a solver's state.
    """

    def __init__(self, problem, lam, read):
        self.problem, self.lam, self.read = problem, lam, read

    def objective(self, state):
        """Return the objective and store the gap computed with it."""
        objective, self._gap = self.problem.certify(*self.read(state), self.lam)
        return objective

    def gap(self, state, previous):
        """Return the relative duality gap of the state just looked at."""
        return self._gap


def warm_path(problem, lams, state, steps, *, tol, max_iter):
    """Solve for each of `lams`, starting from the state at the one before.

    Parameters
    ----------
    problem : TraceNormProblem
    lams : list of float
    state : NamedTuple
        The first one; its Z is the variable, `nuclear` the trace norm of Z and `count`
        the number of iterations at this lam.
    steps : callable
        lam -> the step at this lam, which takes a state to the next.
    tol : float
        Relative duality gap at which to stop.

    Returns
    -------
    list of (Z, trace)
    """
    found = []
    for lam in lams:
        check = Certificate(problem, lam, lambda state: (state.Z, state.nuclear))
        state, trace = iterate(
            steps(lam),
            state._replace(count=0),
            check.objective,
            tol=tol,
            max_iter=max_iter,
            gap=check.gap,
        )
        found.append((state.Z, trace))
    return found


def tiny(M):
    """Return the smallest positive number of the type of `M`, to avoid 0 / 0."""
    return torch.finfo(M.dtype).tiny


def spectral_norm(M):
    """Return the largest singular value, from the Gram matrix of the shorter side."""
    if not M.numel():
        return M.new_zeros(())
    size = M.abs().max().clamp(min=tiny(M))  # or the squares overflow
    M = M / size
    gram = M @ M.T if M.shape[0] < M.shape[1] else M.T @ M
    return size * torch.linalg.eigvalsh(gram)[-1].clamp(min=0).sqrt()
