"""Scaling of atoms and samples, so that pursuit takes values of any size."""

import numpy as np


def halved(M, needed=True):
    """Divide rows by powers of two to keep squares in range; return the exponents too.

    The division is exact: in ordinary units it changes no bit of the answer.
    """
    exponents = np.frexp(np.abs(M).max(axis=1, keepdims=True))[1] * needed
    return np.ldexp(M, -exponents), exponents


def check_squares(D, dtype):
    """Raise ValueError if products of atoms would overflow, or all would vanish."""
    number, largest = np.finfo(dtype), np.abs(D).max()
    least, most = number.tiny**0.5, (number.max / D.shape[1]) ** 0.5
    if largest and not least < largest < most:
        raise ValueError(
            f"D must hold values between {least:.0e} and {most:.0e} with "
            f"method='legacy' in {dtype}; got at most {largest:.1e}"
        )


def doubled(M, exponents, what):
    """Multiply by powers of two; raise ValueError if a result is not representable."""
    with np.errstate(over="ignore", under="ignore"):
        found = np.ldexp(M, exponents)
    number = np.finfo(M.dtype)
    if not np.isfinite(found).all() or ((found == 0) & (M != 0)).any():
        raise ValueError(
            f"Y and D must have {what} between {number.tiny:.0e} and {number.max:.0e}, "
            f"the limits of {M.dtype}; got others: choose other units"
        )
    return found
