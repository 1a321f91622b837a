"""Sparse codes in a dictionary by greedy pursuit, for all samples at once."""

from dataclasses import dataclass

import numpy as np
import torch

from latentomics.arrays import as_numpy, as_tensor
from latentomics.checks import check_choice, check_whole
from latentomics.matrices import aligned, as_table, names_of, read_matrix
from latentomics.solvers.sizes import check_squares, doubled, halved

METHODS = ("ormp", "omp", "legacy")
# Memory for a chunk's vectors: the caches of a CPU, a small part of a GPU
CHUNK_BYTES = {"cpu": 6 * 2**20, "cuda": 2**30}


@dataclass
class PursuitPath:
    """Codes with 1, 2, ... atoms, each with one more than the last; no units.

    Attributes
    ----------
    atoms : ndarray of int of shape (n_samples, n_nonzero)
        In the order they were chosen; -1 once a sample was done.
    """

    atoms: np.ndarray
    _method: str
    _nonnegative: bool
    _chosen: torch.Tensor  # (n, k), 0 once done
    _factor: torch.Tensor  # (n, k, k), upper: chosen atoms = their orthogonal basis @ R
    _along: torch.Tensor  # (n, k), of each sample along that basis
    _sizes: torch.Tensor  # (n,), divisors of the samples: their norms, or 1
    _lengths: torch.Tensor  # (n_atoms,), the same for the atoms
    _units: tuple  # exponents of the powers of two divided out of samples, atoms

    def codes(self, n_nonzero):
        """Return the codes with at most `n_nonzero` atoms, (n_samples, n_atoms).

        Units of the samples per unit of the atoms.

        Raises
        ------
        ValueError
            If `n_nonzero` is not a positive whole number or exceeds that of the path,
            or a code is too large or too small to represent.
        """
        k, chosen = self._up_to(n_nonzero), self._chosen[:, :n_nonzero]
        R, c = self._factor[:, :k, :k], self._along[:, :k, None]
        W = torch.linalg.solve_triangular(R, c, upper=True)[..., 0]
        if self._nonnegative:  # they are, up to rounding
            W = W.clamp_min(0)
        W = W * self._sizes[:, None] / self._lengths[chosen]
        codes = W.new_zeros(len(W), len(self._lengths))
        of_samples, of_atoms = self._units
        codes = as_numpy(codes.scatter_add_(1, chosen, W))
        return doubled(codes, of_samples - of_atoms[:, 0], "codes")

    def residual(self, n_nonzero):
        r"""Return :math:`\|y - wD\|^2` with at most `n_nonzero` atoms, (n_samples,).

        Exact up to the rounding of :math:`\|y\|^2`.

        Raises
        ------
        ValueError
            As in :meth:`codes`, or if the method is "legacy", whose codes are not
            least-squares codes, or a square is too large or too small to represent.
        """
        if self._method == "legacy":
            raise ValueError("method must be 'ormp' or 'omp' here; got 'legacy'")
        left = 1 - self._along[:, : self._up_to(n_nonzero)].square().sum(dim=1)
        left = as_numpy(left.clamp_min(0) * self._sizes.square())
        exponents = 2 * self._units[0][:, 0]
        return doubled(left.astype("float64"), exponents, "squared residuals")

    def _up_to(self, n_nonzero):
        _check_nonzero(n_nonzero, self.atoms.shape[1], "that of the path")
        return n_nonzero


def pursuit(
    D, Y, n_nonzero, *, method="ormp", nonnegative=False, device="auto", dtype="float64"
):
    """Return sparse codes W with ``Y ~ W @ D``, (n_samples, n_atoms).

    The last codes of :func:`pursuit_path`, which documents the parameters.
    """
    path = pursuit_path(
        D,
        Y,
        n_nonzero,
        method=method,
        nonnegative=nonnegative,
        device=device,
        dtype=dtype,
    )
    return path.codes(n_nonzero)


def pursuit_path(
    D, Y, n_nonzero, *, method="ormp", nonnegative=False, device="auto", dtype="float64"
):
    r"""Return codes with 1, 2, ..., `n_nonzero` atoms for each sample.

    .. math:: \min_w \|y - w D\|^2 \quad\text{with}\quad \|w\|_0 \le k

    Greedily: atoms are added one at a time, and the codes refitted by least squares.
    With :math:`r` the residual, :math:`d_i` an atom and :math:`d_i^\perp` its part
    orthogonal to those chosen, OMP chooses the largest
    :math:`|\langle r, d_i\rangle| / \|d_i\|` (book: ``eq-omp``) [1]; ORMP, or
    orthogonal least squares, chooses the largest
    :math:`|\langle r, d_i\rangle| / \|d_i^\perp\|`, the atom that leaves the smallest
    residual (book: ``eq-ormp``) [2]. Ties go to the first atom.

    A sample is done before `n_nonzero` once its residual is orthogonal, up to rounding,
    to all remaining atoms. Atoms in the span of those chosen are never chosen:
    :math:`\|d_i^\perp\|^2 \le \sqrt\epsilon \|d_i\|^2`, :math:`\epsilon` the rounding
    of `dtype`. Nor are zero atoms.

    Parameters
    ----------
    D : array of shape (n_atoms, n_measurements)
        Atoms, one a row, of any length.
    Y : array of shape (n_samples, n_measurements)
        Two tables are matched by the names of the measurements.
    n_nonzero : int
        k, at most `n_measurements`.
    method : {"ormp", "omp", "legacy"}, default="ormp"
        "legacy" is ORMP with all atoms wrongly taken to have length 1: each
        :math:`\|d_i^\perp\|^2` starts at 1, and its running value, not the true one,
        also scales the codes, which are too small for atoms shorter than 1. It serves
        only to reproduce tables published this way [3].
    nonnegative : bool, default=False
        Non-negative codes, by choosing only atoms that make no least-squares code
        negative, neither their own nor those of atoms chosen before; a sample is done
        once there is none. Chosen atoms stay, so the error may exceed that of the best
        non-negative code. Not for "legacy".
    device : {"auto", "cpu", "cuda"}, default="auto"
    dtype : {"float64", "float32"}, default="float64"

    Returns
    -------
    PursuitPath

    Raises
    ------
    ValueError
        If `D` or `Y` is not a matrix of finite numbers, they differ in width,
        `n_nonzero` is not a whole number from 1 to that width, or an option is not one
        of those above.

    References
    ----------
    [1] Pati, Rezaiifar & Krishnaprasad (1993). Asilomar Conf 27:40-44.
    [2] Cotter, Adler, Rao & Kreutz-Delgado (1999). IEE Proc VISP 146:235-244.
    [3] Cleary, Cong, Cheung, Lander & Regev (2017). Cell 171:1424-1436.
    """
    _check_options(method, nonnegative)
    Y = aligned(as_table(Y, "Y"), names_of(D, 1), name="Y", by="D", axis=1)
    D, Y = read_matrix(D, "D"), read_matrix(Y, "Y")
    if Y.shape[1] != D.shape[1]:
        raise ValueError(
            f"Y must have a column for each of {D.shape[1]} entries of an atom; "
            f"got {Y.shape[1]}"
        )
    _check_nonzero(n_nonzero, D.shape[1], "the length of an atom")
    (D, of_atoms), (Y, of_samples) = halved(D, method != "legacy"), halved(Y)
    if method == "legacy":  # which depends on the atoms' lengths
        check_squares(D, dtype)
    D, Y = (as_tensor(M, device=device, dtype=dtype) for M in (D, Y))
    lengths = torch.ones_like(D[:, 0]) if method == "legacy" else D.norm(dim=1)
    lengths, sizes = (torch.where(v > 0, v, 1) for v in (lengths, Y.norm(dim=1)))
    D = D / lengths[:, None]
    start, gram = (Y @ D.T).div_(sizes[:, None]), D @ D.T
    found = [
        _chunk(gram, a, *room, method=method, nonnegative=nonnegative)
        for a, room in _chunks(start, n_nonzero)
    ]
    chosen, R, along, used = (torch.cat(part) for part in zip(*found, strict=True))
    atoms = as_numpy(torch.where(used, chosen, -1))
    units = of_samples, of_atoms
    return PursuitPath(
        atoms, method, nonnegative, chosen, R, along, sizes, lengths, units
    )


def _chunks(a, n_nonzero):
    """Yield the rows of `a` in chunks that share one workspace.

    Allocating memory for every chunk would take longer than the work.
    """
    each = n_nonzero * a.shape[1] * a.element_size()
    size = min(max(1, CHUNK_BYTES[a.device.type] // each), len(a))
    V = a.new_empty(size, n_nonzero, a.shape[1])
    left, work = a.new_empty(2, size, a.shape[1])
    for part in a.split(size):
        yield part, [M[: len(part)] for M in (V, left, work)]


def _chunk(gram, a, V, left, work, *, method, nonnegative):
    """Choose atoms for some samples; `a` holds their products with all atoms.

    Overwrites `a`, which becomes the residuals' products, and the workspace: `V`, the
    atoms' components along each basis vector; `left`, the squared lengths of their
    parts orthogonal to the basis, infinite where an atom may not be chosen; `work`.

    Returns the atoms (b, k), the triangular factors (b, k, k), the products with the
    basis (b, k), and where a sample was not done (b, k).
    """
    steps, k = [], V.shape[1]
    signs = _Signs(V) if nonnegative else None
    left[:] = 1 if method == "legacy" else gram.diagonal()
    for j in range(k):
        score = _score(a, left, method, work)
        if nonnegative:
            signs.forbid(score, a, left, j)
        best, i = score.max(dim=1, keepdim=True)
        scale = left.gather(1, i).rsqrt_().mul_(best > torch.finfo(a.dtype).eps ** 1.5)
        c = a.gather(1, i).mul_(scale)
        steps.append((i, scale, c))
        if j == k - 1:
            break
        before, v = V[:, :j], V[:, j]
        t = before.gather(2, i[:, None].expand(-1, j, 1))
        torch.index_select(gram, 0, i[:, 0], out=work)
        work[:, None].baddbmm_(t.mT, before, alpha=-1)
        torch.mul(work, scale, out=v)
        if nonnegative:
            signs.add(i, v, c, scale, j)
        a.addcmul_(v, c, value=-1)
        left.addcmul_(v, v, value=-1).scatter_(1, i, torch.inf)
    i, scale, along = (torch.cat(part, dim=1) for part in zip(*steps, strict=True))
    R = V.gather(2, i[:, None].expand(-1, k, -1)).triu(1)
    R += torch.diag_embed(torch.where(scale > 0, 1 / scale, 1))
    return i, R, along, scale > 0


def _score(a, left, method, out):
    """Return the squared score of each atom; 0 for no gain, or if not allowed."""
    torch.nn.functional.threshold_(left, torch.finfo(a.dtype).eps ** 0.5, torch.inf)
    torch.mul(a, a, out=out)
    if method == "omp":
        return out.masked_fill_(left.isinf(), 0)
    return out.div_(left)


class _Signs:
    """Which atoms may join the chosen ones without turning a code negative.

    `B`, (b, k, d), holds each atom's coefficients on the chosen atoms, `w` the codes so
    far: with an atom of code t added, they become ``w - B * t``.
    """

    def __init__(self, V):
        self.B, self.w = torch.empty_like(V), torch.zeros_like(V[:, :, 0])

    def forbid(self, score, a, left, j):
        """Set to 0 the scores of atoms whose own code or another would be negative."""
        code = a / left
        score.masked_fill_(code <= 0, 0)
        for B, w in zip(self.B.unbind(1)[:j], self.w.split(1, dim=1), strict=False):
            score.masked_fill_(B * code > w, 0)

    def add(self, i, v, c, scale, j):
        """Add atom i; the part of it orthogonal to the others has length 1 / scale."""
        B, w = self.B[:, :j], self.w[:, :j]
        at = B.gather(2, i[:, None].expand(-1, j, 1))
        self.B[:, j], self.w[:, j] = v * scale, (c * scale)[:, 0]
        B -= at * self.B[:, j : j + 1]
        w -= at[..., 0] * self.w[:, j : j + 1]


def _check_options(method, nonnegative):
    check_choice("method", method, METHODS)
    check_choice("nonnegative", nonnegative, (True, False))
    if nonnegative and method == "legacy":
        raise ValueError("nonnegative must be False with method='legacy'; got True")


def _check_nonzero(n_nonzero, limit, what):
    check_whole(n_nonzero=n_nonzero)
    if n_nonzero > limit:
        raise ValueError(f"n_nonzero must be at most {limit}, {what}; got {n_nonzero}")
