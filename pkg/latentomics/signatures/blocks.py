r"""The three block updates of labelled NMF; each lowers the loss.

S, E and W have a leading axis for the run: R starts, or R settings of a grid, are
fitted side by side. Layout: X (N, M), S (R, K, M), E (R, K, N), W (R, K, O).
"""

from dataclasses import dataclass, replace

import torch

from latentomics.linalg.simplex import project_simplex

ROUNDS = 2  # updates of S and E per update of W: the fastest to converge


@dataclass
class Problem:
    r"""Profiles, labels and weights of the loss.

    .. math::
        L = \|X - E S\|_F^2 + \lambda_c \Big[ \sum_n \ell_n \big(\log \sum_o
        e^{z_{no}} - \sum_o y_{no} z_{no}\big) + u \sum_n (1 - \ell_n) \log\big(1 +
        \sum_o e^{z_{no}}\big) + \lambda_2 \|W\|_F^2 \Big], \quad z = E W

    (book: ``eq-labelled-nmf``, ``eq-dustbin``).
    """

    X: torch.Tensor  # (N, M), rows sum to 1
    lam_c: torch.Tensor  # (R,)
    lam_2: torch.Tensor  # (R,)
    alive: torch.Tensor  # (R, K) 1 or 0: runs of a grid may have fewer signatures
    Y: torch.Tensor  # (R, O, N), columns sum to 1 where labelled
    labelled: torch.Tensor  # (R, N), l: 1 or 0
    unlabelled: float  # u, 0 to 1

    @property
    def free(self):
        """Weight of "none of the classes" for each sample, u (1 - l), shape (R, N)."""
        return self.unlabelled * (1 - self.labelled)

    def of(self, runs):
        """Return the problem of some runs."""
        names = ("lam_c", "lam_2", "alive", "Y", "labelled")
        return replace(self, **{name: getattr(self, name)[runs] for name in names})


@dataclass
class State:
    """Signatures, exposures and weights of the classes."""

    S: torch.Tensor
    E: torch.Tensor
    W: torch.Tensor

    def of(self, runs):
        """Return the state of some runs."""
        return replace(self, **{name: M[runs] for name, M in vars(self).items()})

    def put(self, runs, new):
        """Overwrite the state of some runs."""
        self.S[runs], self.E[runs], self.W[runs] = new.S, new.E, new.W


def logits(state):
    """Return z, shape (R, O, N)."""
    return state.W.mT @ state.E


def losses(problem, state):
    """Return L of each run, shape (R,)."""
    E, S = state.E, state.S
    fit = problem.X.square().sum() - 2 * (S * _weights_of(E, problem.X.T)).sum((1, 2))
    fit = fit + ((E @ E.mT) * (S @ S.mT)).sum((1, 2))
    return fit + problem.lam_c * label_losses(problem, state)


def label_losses(problem, state):
    """Return the bracketed term of L, shape (R,)."""
    loss = _surprise(problem, logits(state)).sum(dim=1)
    return loss + problem.lam_2 * state.W.square().sum((1, 2))


def _surprise(problem, z):
    """Return the label term of each sample, shape (R, N)."""
    loss = problem.labelled * (z.logsumexp(dim=1) - (problem.Y * z).sum(dim=1))
    if not problem.unlabelled:
        return loss
    return loss + problem.free * _with_dustbin(z).logsumexp(dim=1)


def label_slope(problem, state):
    """Return the gradient in z of the bracket without the penalty on W: (R, O, N)."""
    P, weight = _class_shares(problem, logits(state))
    return weight[:, None] * P - problem.labelled[:, None] * problem.Y


def _class_shares(problem, z):
    """Return the probability of each class, (R, O, N), and sample weights, (R, N).

    With the dustbin, unlabelled samples may be in none of the classes.
    """
    if not problem.unlabelled:
        return z.softmax(dim=1), problem.labelled
    P = torch.where(problem.free[:, None] > 0, _dustbin_shares(z), z.softmax(dim=1))
    return P, problem.labelled + problem.free


def _dustbin_shares(z):
    """Return the probability of each class beside that of none of them, (R, O, N)."""
    return _with_dustbin(z).softmax(dim=1)[:, :-1]


def step(problem, state, labels=True):
    """Update S and E twice, then W; without `labels`, lam_c counts as 0, W is kept."""
    for _ in range(ROUNDS):
        state = replace(state, S=update_signatures(problem, state))
        state = replace(state, E=update_exposures(problem, state, labels))
    return replace(state, W=update_weights(problem, state)) if labels else state


def update_signatures(problem, state):
    r"""Return S; each row minimises the loss on the simplex, the others held fixed.

    .. math:: s_k \leftarrow \Pi\big(s_k + [E^\top X - E^\top E S]_k / [E^\top
        E]_{kk}\big)
    """
    E, S = state.E, state.S.clone()
    gram = E @ E.mT
    target = _weights_of(E, problem.X.T)
    size = gram.diagonal(dim1=1, dim2=2).clamp(min=torch.finfo(E.dtype).tiny)
    for k in range(S.shape[1]):
        slope = target[:, k] - (gram[:, k, None] @ S)[:, 0]
        S[:, k] = project_simplex(S[:, k] + slope / size[:, k, None])
    return S


def update_exposures(problem, state, labels=True):
    r"""Return E after a sweep of coordinate descent on a quadratic, sample by sample.

    The quadratic is the misfit plus the second-order expansion of the label term. Where
    that raises a sample's loss, an upper bound that touches the loss is used instead:
    the Hessian of log-sum-exp is at most :math:`\tfrac12 (I - 1 1^\top / O)` (Bohning
    1992), so in each row the loss is at most a quadratic with Hessian :math:`2 S S^\top
    + \lambda_c \ell \tfrac12 W_c W_c^\top`, where :math:`W_c` is W minus its mean over
    classes (book: ``eq-bohning``).
    """
    misfit = misfit_parts(problem, state.S)
    if not labels:
        return sweep(problem, state, misfit)
    E = sweep(problem, state, misfit, *_local_bend(problem, state))
    before, after = (
        _sample_losses(problem, replace(state, E=each), misfit) for each in (state.E, E)
    )
    worse = ~(after <= before)[:, None]
    if not worse.any():
        return E
    safe = sweep(problem, state, misfit, *_safe_bend(problem, state))
    return torch.where(worse, safe, E)


def misfit_parts(problem, S):
    """Return 2 S S' and 2 S X'; with them the misfit is a quadratic in E."""
    return 2 * (S @ S.mT), _weights_of(2 * S, problem.X)


def sweep(problem, state, misfit, bend=None, size=0.0):
    """Set each exposure in turn to the minimiser of the quadratic, clipped at 0.

    `misfit` is that of :func:`misfit_parts`. `bend` maps a change of the logits,
    (R, O, N), to the change of their gradient; `size`, (R, K, N), is the curvature it
    adds along each exposure.
    """
    E, W = state.E.clone(), state.W
    gram, target = misfit
    size = size + gram.diagonal(dim1=1, dim2=2)[..., None]
    if bend:
        slope = label_slope(problem, state)
        target = target - problem.lam_c[:, None, None] * (W @ slope)
        change = torch.zeros_like(slope)
    pace = problem.alive[..., None] / size.clamp(min=torch.finfo(E.dtype).tiny)
    for k in range(E.shape[1]):
        pull = gram[:, k, None] @ E
        if bend:
            pull = pull + W[:, k, None] @ bend(change)
        moved = torch.addcmul(E[:, k], target[:, k] - pull[:, 0], pace[:, k])
        moved = moved.clamp_(min=0)
        if bend:
            move = (moved - E[:, k])[:, None]
            change = torch.baddbmm(change, W[:, k, :, None], move)
        E[:, k] = moved
    return E


def _local_bend(problem, state):
    """Return the second derivative of the label term at `state`; see `sweep`."""
    P, weight = _class_shares(problem, logits(state))
    weight = (problem.lam_c[:, None] * weight)[:, None]

    def bend(change):
        pulled = P * change
        return weight * (pulled - P * pulled.sum(dim=1, keepdim=True))

    W = state.W
    return bend, weight * (W.square() @ P - (W @ P).square())


def _safe_bend(problem, state):
    """Return an upper bound on the label term's second derivative; see `sweep`."""
    W, half = state.W, problem.lam_c[:, None, None] / 2
    known = half * problem.labelled[:, None]
    both = known + half * problem.free[:, None]

    def bend(change):
        return both * change - known * change.mean(dim=1, keepdim=True)

    square = W.square().sum(dim=2, keepdim=True)
    shared = W.shape[2] * W.mean(dim=2, keepdim=True).square()
    return bend, both * square - known * shared


def _sample_losses(problem, state, misfit):
    """Return each sample's contribution to L, up to a constant, shape (R, N)."""
    gram, target = misfit
    fit = (state.E * (gram / 2 @ state.E).sub_(target)).sum(dim=1)
    return fit + problem.lam_c[:, None] * _surprise(problem, logits(state))


def update_weights(problem, state):
    r"""Return W after a Newton step, or where that overshoots, after a bounded one.

    The bounded step uses the Hessian of the upper bound and cannot overshoot:

    .. math:: \tfrac12 (I - 1 1^\top / O) \otimes E_\ell E_\ell^\top
        + 2 \lambda_2 I \quad (+ \tfrac12 u\, I \otimes E_u E_u^\top).
    """
    W = _newton(problem, state)
    wrong = ~(
        label_losses(problem, replace(state, W=W)) <= label_losses(problem, state)
    )
    if wrong.any():
        W[wrong] = _bounded(problem.of(wrong), state.of(wrong))
    return W


def _newton(problem, state):
    z = logits(state)
    bend = _hessian(state.E, z.softmax(dim=1), problem.labelled)
    if problem.unlabelled:
        bend = bend + _hessian(state.E, _dustbin_shares(z), problem.free)
    bend = bend + 2 * problem.lam_2[:, None, None] * torch.eye(bend.shape[1]).to(bend)
    slope = weights_slope(problem, state).mT.flatten(1)[..., None]
    return state.W - _solve(bend, slope).unflatten(1, (-1, state.W.shape[1]))[..., 0].mT


def _hessian(E, P, weight):
    """Return the Hessian of log-sum-exp in W, (R, O K, O K), entries class by class."""
    parts = (P[:, :, None] * E[:, None]).flatten(1, 2)  # (R, O K, N)
    weighed = parts * weight[:, None]
    bend = -weighed @ parts.mT
    K = E.shape[1]
    for o, same in enumerate((weighed @ E.mT).split(K, dim=1)):
        bend[:, o * K : (o + 1) * K, o * K : (o + 1) * K] += same
    return bend


def weights_slope(problem, state):
    """Return the gradient of the bracket in W, shape (R, K, O)."""
    slope = state.E @ label_slope(problem, state).mT
    return slope + 2 * problem.lam_2[:, None, None] * state.W


def _bounded(problem, state):
    E, W = state.E, state.W
    slope = weights_slope(problem, state)
    shared = slope.mean(dim=2, keepdim=True)  # 0 without the dustbin
    bend = 2 * problem.lam_2[:, None, None] * torch.eye(W.shape[1]).to(W)
    if problem.unlabelled:
        bend = bend + 0.5 * (E * problem.free[:, None]) @ E.mT
        W = W - _solve(bend, shared)
    bend = bend + 0.5 * (E * problem.labelled[:, None]) @ E.mT
    return W - _solve(bend, slope - shared)


def _solve(bend, slope):
    """Return ``bend^-1 slope``, with a tiny ridge in case `bend` is singular."""
    number = torch.finfo(bend.dtype)
    size = bend.diagonal(dim1=1, dim2=2).amax(dim=1).clamp(min=number.tiny)
    more = 100 * number.eps * size[:, None, None] * torch.eye(bend.shape[1]).to(bend)
    return torch.cholesky_solve(slope, torch.linalg.cholesky(bend + more))


def _with_dustbin(z):
    return torch.cat([z, torch.zeros_like(z[:, :1])], dim=1)


def _weights_of(S, X):
    """Return ``S X'`` for all runs in one product: (R, K, M), (N, M) -> (R, K, N)."""
    return (S.flatten(0, 1) @ X.T).unflatten(0, S.shape[:2])
