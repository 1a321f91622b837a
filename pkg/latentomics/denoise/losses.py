"""Losses of a residual r, and the bound of those that have one."""

from latentomics.denoise.scaling import MAD_TO_SD
from latentomics.linalg import clip, huber, trimmed, trimmed_slope
from latentomics.params import Estimator, one_of, positive

ETA_UNITS = ("scaled", "noise")
LARGEST_ETA = 1e15  # its square is still finite in float32


class Bounded(Estimator):
    r"""A loss with a bound :math:`\eta`, beyond which a residual counts as a spike."""

    eta: float = positive(2.0)
    """At least .674 in units of the noise, so that fewer than half of the residuals
    exceed it, and at most 1e15."""
    unit: str = one_of(ETA_UNITS, "scaled")
    r"""Units of `eta`: scaled units (see `scale` of :class:`DeepMatrixFactorization`),
    or robust standard deviations of the residuals, :math:`1.4826\,\mathrm{med}|r|`, so
    that one value such as 2.5 suits any data (book: ``eq-noise-units``). A first fit
    with a moving bound measures them; the final fits keep that bound, but a trimmed
    loss never trims more than a fifth of the entries."""

    def check(self):
        """Raise ValueError if `eta` or `unit` is out of its range."""
        self._check_parameters()
        least = {"scaled": 0, "noise": 1 / MAD_TO_SD}[self.unit]
        if not least <= self.eta <= LARGEST_ETA:
            raise ValueError(
                f"eta must be between {least:.3g} and {LARGEST_ETA:.0e} in the unit "
                f"{self.unit!r}; got {self.eta!r}"
            )


class Huber(Bounded):
    r"""Huber's loss: :math:`r^2/2` up to :math:`\eta`, then linear."""

    value, slope = staticmethod(huber), staticmethod(clip)


class Trimmed(Bounded):
    r"""The trimmed loss, :math:`\tfrac12 \min(r^2, \eta^2)` (``eq-trimmed-loss``)."""

    value, slope = staticmethod(trimmed), staticmethod(trimmed_slope)


class Squared:
    """Half the squared residual."""

    value = staticmethod(lambda R, bound: R.square() / 2)
    slope = staticmethod(lambda R, bound: R)


class Absolute:
    """The absolute residual."""

    value = staticmethod(lambda R, bound: R.abs())
    slope = staticmethod(lambda R, bound: R.sign())


LOSSES = {"squared": Squared(), "absolute": Absolute()}


def check_loss(name, value):
    """Raise ValueError unless `value` is a loss."""
    if isinstance(value, Huber | Trimmed):
        value.check()
    elif not isinstance(value, str) or value not in LOSSES:
        raise ValueError(
            f"{name} must be one of {tuple(LOSSES)}, Huber(eta) or Trimmed(eta); "
            f"got {value!r}"
        )
