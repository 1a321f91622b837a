"""Scaling every drug before the fit, and back after it."""

from dataclasses import dataclass

import torch

# Makes the median absolute deviation of normal noise equal its standard deviation.
MAD_TO_SD = 1.4826
# The same for the mean absolute deviation, sqrt(pi / 2): used where the MAD is 0.
MEAN_TO_SD = 1.2533

ROUNDING = 8  # rounding error of an entry, in units of the precision
SCALES = ("mad", None, "raw")


@dataclass
class Units:
    """Centre and spread of each feature: ``scaled = (X - center) / spread``."""

    center: torch.Tensor
    spread: torch.Tensor

    def apply(self, X):
        """Return `X` in units of the spread."""
        return (X - self.center) / self.spread

    def undo(self, Z):
        """Return `Z` in the units of the data."""
        return self.center + Z * self.spread


def seen_median(X, seen):
    """Return the median of the seen entries of each column of `X`, (p,).

    For an even number, the mean of the middle two (``torch.nanmedian`` takes the lower
    one). Every column must have a seen entry.
    """
    ordered = X.masked_fill(~seen, torch.inf).sort(dim=0).values
    count = seen.sum(dim=0, keepdim=True)
    low, high = (ordered.gather(0, k) for k in ((count - 1) // 2, count // 2))
    return ((low + high) / 2).squeeze(0)


def noise_level(R):
    r"""Robust standard deviation of residuals: :math:`1.4826 \, \mathrm{med} |r|`.

    Spikes, being few, hardly move it (book: ``eq-noise-units``).
    """
    return MAD_TO_SD * R.abs().median()


def robust_units(X, seen, scale):
    """Centre and spread of the entries of `X` marked in `seen`.

    With `scale` "mad" each column, a drug, gets its own median and 1.4826 times its
    median absolute deviation (book: ``eq-robust-units``); if more than half of its
    entries are equal, 1.2533 times the mean absolute deviation instead, and if it is
    constant a spread of 1. With `scale` None the median of all entries is the only
    centre, and the spread is 1; with "raw" the centre is 0 too.
    """
    one = X.new_ones(())
    if scale == "raw":
        return Units(0 * one, one)
    if scale is None:
        return Units(seen_median(X[seen][:, None], seen[seen][:, None])[0], one)
    center = seen_median(X, seen)
    distance = torch.where(seen, (X - center).abs(), 0)
    spread = MAD_TO_SD * seen_median(distance, seen)
    mean_distance = distance.sum(dim=0) / seen.sum(dim=0)
    spread = torch.where(spread > 0, spread, MEAN_TO_SD * mean_distance)
    return Units(center, torch.where(spread > 0, spread, torch.ones_like(spread)))


def measured_noise(R, scaled, before, dtype):
    """Return the :func:`noise_level` of residuals of data in `dtype`.

    It is at least what rounding alone may cause; `before` are the scaled data before
    they were centred, in float64; NaN is a gap.
    """
    largest, size = (float(M.abs().nan_to_num().max()) for M in (scaled, before))
    rough, exact = (torch.finfo(t).eps for t in (getattr(torch, dtype), before.dtype))
    return max(float(noise_level(R)), ROUNDING * max(rough * largest, exact * size))
