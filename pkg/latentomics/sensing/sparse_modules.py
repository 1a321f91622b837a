"""Sparse non-negative regression on a dictionary, for many columns at once."""

import torch

from latentomics.arrays import binary_size

BLOCK = 32  # atoms updated between products with the full Gram matrix
CHUNK = 512  # columns at a time: their block stays in the cache
LOWEST = 1e-6  # relative to the price at which all is 0; lower amounts to least squares
LEAP = 4.0  # a price is divided by this until the bound holds
ROUNDS = 40  # the most prices tried
INSIDE = (0.05, 0.95)  # part of the bracket where the next price may lie


def nonnegative_lasso(gram, target, price, start=None, *, tol=1e-4, max_sweeps=200):
    r"""Return non-negative sparse codes of many signals.

    .. math:: \min_{u \ge 0} \tfrac12 \|x - D^\top u\|^2 + \mu \|u\|_1
        \quad\text{from}\quad G = D D^\top,\; b = D x

    for each column (book: ``eq-smaf-modules`` with x a gene, ``eq-sparse-nmf`` with x
    a sample). Coordinate descent, one atom for all columns at a time, as in HALS [1].

    Parameters
    ----------
    gram : tensor of shape (d, d)
        G. Zero atoms get zero codes.
    target : tensor of shape (d, n)
        b, one column for each x.
    price : tensor of shape (n,) or (1,)
        :math:`\mu \ge 0`, in squared units of x per unit of u.
    start : tensor of shape (d, n), optional
        Initial u; 0 by default.
    tol : float, default=1e-4
        Stop once a sweep changes the columns by at most `tol` of their norm.
    max_sweeps : int, default=200

    Returns
    -------
    tensor of shape (d, n)

    References
    ----------
    [1] Cichocki & Phan (2009). IEICE Trans Fundamentals E92-A:708-721.
    """
    lengths = gram.diagonal()[:, None]
    steps = torch.where(lengths > 0, 1 / lengths, 0)
    gram, target = steps * gram, steps * (target - price)
    U = torch.zeros_like(target) if start is None else start
    parts = zip(target.split(CHUNK, dim=1), U.split(CHUNK, dim=1), strict=True)
    return torch.cat([_descend(gram, *p, tol, max_sweeps) for p in parts], dim=1)


def _descend(gram, target, U, tol, max_sweeps):
    """Sweep over all atoms; rows j of `gram` and `target` are divided by G_jj."""
    U = U.clone(memory_format=torch.contiguous_format)
    blocks = [slice(i, i + BLOCK) for i in range(0, len(U), BLOCK)]
    blocks = [_Block(gram[i], gram[i, i], target[i], U[i]) for i in blocks]
    for _ in range(max_sweeps):  # an inner loop, whose objective costs as much
        before = U.clone()
        for block in blocks:
            block.descend(U)
        if (U - before).norm() <= tol * U.norm():
            break
    return U


class _Block:
    """Some rows of U, a view, and the precomputed terms of their updates."""

    def __init__(self, gram, inside, target, own):
        self.gram, self.inside, self.target, self.own = gram, inside, target, own
        others = inside - torch.diag(inside.diagonal())
        self.rows = list(zip(others.unbind(), own.unbind(), strict=True))

    def descend(self, U):
        """Update the rows in turn, after one product with all of G."""
        left = torch.addmm(self.target, self.gram, U, alpha=-1)
        left.addmm_(self.inside, self.own)  # target minus rows outside
        for row, (others, u) in zip(left.unbind(), self.rows, strict=True):
            best = torch.addmv(row, self.own.T, others, alpha=-1)
            torch.clamp(best, min=0, out=u)


def unexplained(gram, target, energy, U):
    r"""Return :math:`\|x - D^\top u\|^2` of each column, clipped at 0, (n,)."""
    return (energy - (U * (2 * target - gram @ U)).sum(dim=0)).clamp(min=0)


def bounded_lasso(
    gram, target, energy, bound, *, shared, start=None, price=None, tol=1e-2
):
    r"""Return the non-negative columns of least L1 norm within a residual bound.

    .. math:: \min_{u \ge 0} \|u\|_1 \quad\text{with}\quad
        \|x - D^\top u\|^2 \le \epsilon

    (book: ``eq-smaf-modules``), for each column, or with one bound on the sum over all
    columns. By duality, this is :func:`nonnegative_lasso` at the price that meets the
    bound: one price for each column, or one for all. The price is found by bracketing,
    with warm starts.

    Parameters
    ----------
    gram, target : tensors of shapes (d, d) and (d, n)
    energy : tensor of shape (n,)
        :math:`\|x\|^2`.
    bound : float
        :math:`\epsilon \ge 0`, in squared units of x. If it cannot be met, the
        least-squares columns are returned.
    shared : bool
        Whether the bound is on the sum.
    start : tensor of shape (d, n), optional
    price : tensor of shape (1,) if shared, else (n,), optional
        First price to try.
    tol : float, default=1e-2
        Stop once the squared residual is within this fraction of the bound.

    Returns
    -------
    U, price : tensors of shapes (d, n) and (1,) or (n,)
    """
    total = (lambda v: v.sum(dim=0, keepdim=True)) if shared else (lambda v: v)
    most = target.amax(dim=0)
    most = most.amax(dim=0, keepdim=True) if shared else most
    most = torch.where(most > 0, most, 1)  # where all is 0 at any price, use 1
    search = _Search(most, total(energy), bound, price)
    U = torch.zeros_like(target) if start is None else start.clone()
    going = torch.arange(target.shape[1], device=target.device)
    # not `iterate`, which warns: if the last price does not meet the bound, it is close
    for _ in range(ROUNDS):
        cost = search.price if shared else search.price[going]
        U[:, going] = nonnegative_lasso(
            gram, target[:, going], cost, U[:, going], tol=tol / 10
        )
        left = total(unexplained(gram, target, energy, U))
        settled = search.settled(left, tol)
        if settled.all():
            break
        search.narrow(left, settled)
        going = going if shared else (~settled).nonzero()[:, 0]
    return U, search.price


class _Search:
    """Brackets of the prices at which the bounds are met."""

    def __init__(self, most, energy, bound, price):
        self.free = energy <= bound  # u = 0 is within the bound
        self.bound, self.floor = bound, LOWEST * most
        self.dear, self.left_dear = most, energy
        self.cheap, self.left_cheap = torch.zeros_like(most), torch.zeros_like(most)
        price = most / LEAP**2 if price is None else price
        price = torch.maximum(torch.minimum(price, most), self.floor)
        self.price = torch.where(self.free, most, price)

    def settled(self, left, tol):
        close = (left - self.bound).abs() <= tol * self.bound
        hopeless = (self.price <= self.floor) & (left > self.bound)
        narrow = self.dear <= self.cheap * (1 + tol**2)
        return close | hopeless | narrow | self.free

    def narrow(self, left, settled):
        cheap = left <= self.bound
        self.cheap = torch.where(cheap, self.price, self.cheap)
        self.left_cheap = torch.where(cheap, left, self.left_cheap)
        self.dear = torch.where(cheap, self.dear, self.price)
        self.left_dear = torch.where(cheap, self.left_dear, left)
        unit = binary_size(self.dear)  # else squares overflow or vanish
        lower, upper = ((v / unit).square() for v in (self.cheap, self.dear))
        # the residual is linear in the squared price while the active set is constant
        part = (self.bound - self.left_cheap) / (self.left_dear - self.left_cheap)
        part = part.nan_to_num(0.5).clamp(*INSIDE)
        between = unit * (lower + part * (upper - lower)).sqrt()
        down = torch.maximum(self.price / LEAP, self.floor)
        price = torch.where(self.cheap > 0, between, down)
        self.price = torch.where(settled, self.price, price)


def effective_size(M):
    r"""Return the mean effective number of non-zero entries per row of `M`.

    .. math:: \exp\Big(-\sum_g p_g \log p_g\Big), \quad p_g = |m_g| / \|m\|_1

    (book: ``eq-module-size``): 1 for a single entry, k for k equal ones. Zero rows are
    ignored; 0 if all are zero.
    """
    sums = M.abs().sum(dim=1, keepdim=True)
    P = (M.abs() / sums)[sums[:, 0] > 0]
    sizes = torch.special.entr(P).sum(dim=1).exp()
    return float(sizes.mean()) if len(sizes) else 0.0
