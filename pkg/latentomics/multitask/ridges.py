"""Ridge regressions of all drugs, each on the lines where it was measured."""

import torch


class Ridges:
    r"""Ridge problems of all drugs; drugs measured on the same lines share one.

    One eigendecomposition per pattern of measured lines, :math:`n_t \times n_t` or d x
    d, whichever is smaller, serves every penalty.

    Parameters
    ----------
    problem : TraceNormProblem
    """

    def __init__(self, problem):
        patterns, group = torch.unique(problem.seen.T, dim=0, return_inverse=True)
        self.parts = []
        for number, pattern in enumerate(patterns):
            drugs = (group == number).nonzero()[:, 0]
            B = problem.basis[pattern]
            B = B - B.mean(dim=0)
            dual = B.shape[0] < B.shape[1]  # then n_t x n_t instead of d x d
            squares, V = torch.linalg.eigh(B @ B.T if dual else B.T @ B)
            self.parts.append(
                (drugs, B, B.T @ problem.Y[pattern][:, drugs], squares, V, dual)
            )

    def solve(self, centre, rho):
        """Minimise each drug's loss plus rho / 2 ||w - centre||^2."""
        W = torch.empty_like(centre)
        for drugs, B, BY, squares, V, dual in self.parts:
            right = BY + rho * centre[:, drugs]
            inverse = (squares.clamp(min=0) + rho)[:, None]
            if dual:
                inner = V @ ((V.T @ (B @ right)) / inverse)
                W[:, drugs] = (right - B.T @ inner) / rho
            else:
                W[:, drugs] = V @ ((V.T @ right) / inverse)
        return W
