"""How an estimator declares its parameters: default, range and sentence, once.

A parameter is a field of the class, and the string below it its sentence::

    class Shrinker(Estimator):
        lam: float = positive(1.0)
        \"\"\"In the units of `X`: subtracted from every singular value.\"\"\"

The constructor, `get_params`, the check at the start of `fit` and the section
"Parameters" of the docstring are made from it.
"""

from dataclasses import KW_ONLY, MISSING, dataclass, field, fields
from inspect import signature
from typing import dataclass_transform

from sklearn.base import BaseEstimator

from latentomics.arrays import DTYPES, resolve_device
from latentomics.checks import (
    check_choice,
    check_not_negative,
    check_positive,
    check_share,
    check_whole,
    check_widths,
)
from latentomics.docstrings import documented

# parameters that mean the same in all estimators, in the order of their documentation
SHARED = ("tol", "max_iter", "random_state", "device", "dtype")


def parameter(default=MISSING, *, kind, check=None):
    """Declare a parameter.

    Parameters
    ----------
    default
        Left out, the parameter must be given.
    kind : str
        Type and range, as the documentation states them.
    check : callable, optional
        ``check(name, value)`` raises ValueError for a value out of its range.
    """
    return field(default=default, metadata={"kind": kind, "check": check})


def positive(default=MISSING):
    """Declare a finite number above 0."""
    return parameter(default, kind="float above 0", check=_each(check_positive))


def not_negative(default=MISSING):
    """Declare a finite number, 0 or above."""
    return parameter(
        default, kind="float of at least 0", check=_each(check_not_negative)
    )


def share(default=MISSING, *, above=None, below=None):
    """Declare a number from 0 to 1; ``above=0`` and ``below=1`` leave out the ends."""
    kind = {
        (None, None): "float from 0 to 1",
        (0, None): "float above 0, at most 1",
        (None, 1): "float of at least 0, below 1",
        (0, 1): "float between 0 and 1, exclusive",
    }[above, below]
    return parameter(
        default,
        kind=kind,
        check=lambda name, value: check_share(name, value, above, below),
    )


def whole(default=MISSING, *, at_least=1):
    """Declare a whole number."""
    return parameter(
        default,
        kind=f"int of at least {at_least}",
        check=lambda name, value: check_whole(at_least, **{name: value}),
    )


def one_of(allowed, default=MISSING):
    """Declare one of several values."""
    told = ", ".join(f'"{v}"' if isinstance(v, str) else repr(v) for v in allowed)
    return parameter(
        default,
        kind=f"{{{told}}}",
        check=lambda name, value: check_choice(name, value, allowed),
    )


def flag(default=MISSING):
    """Declare True or False."""
    return parameter(
        default,
        kind="bool",
        check=lambda name, value: check_choice(name, value, (True, False)),
    )


def optional(declared):
    """Declare what may also be None."""
    check = declared.metadata["check"]
    return parameter(
        declared.default,
        kind=f"{declared.metadata['kind']}, or None",
        check=lambda name, value: value is None or check(name, value),
    )


def widths(default=MISSING):
    """Declare the widths of hidden layers, a tuple of whole numbers."""
    return parameter(default, kind="tuple of int", check=check_widths)


def progress():
    """Declare what wraps the list of steps to show progress, or None."""
    return parameter(None, kind="callable, optional", check=_progress)


def _progress(name, value):
    if value is not None and not callable(value):
        raise ValueError(f"{name} must be a callable; got {value!r}")


def _each(check):
    return lambda name, value: check(**{name: value})


def _device(name, value):
    resolve_device(value)


@dataclass_transform(
    eq_default=False,
    field_specifiers=(
        parameter,
        positive,
        not_negative,
        share,
        whole,
        one_of,
        flag,
        optional,
        widths,
        progress,
    ),
)
class Estimator(BaseEstimator):
    """Base of every estimator: its fields are its parameters.

    A subclass gives an inherited parameter another default as a keyword of the class:
    ``class Slow(Estimator, max_iter=5000)``.
    """

    def __init_subclass__(cls, **defaults):
        super().__init_subclass__()
        for name, default in defaults.items():
            above = (f for base in cls.__mro__ for f in _fields(base) if f.name == name)
            old = next(above, None)
            if old is None:
                raise TypeError(f"{cls.__name__} inherits no parameter {name}")
            new = field(default=default, kw_only=old.kw_only, metadata=old.metadata)
            setattr(cls, name, new)
            cls.__annotations__ = {**cls.__annotations__, name: old.type}
        dataclass(eq=False, repr=False, match_args=False)(cls)
        made = signature(cls.__init__)
        own_first = sorted(made.parameters.values(), key=lambda p: _place(p.name))
        own_first.sort(key=lambda p: p.kind)  # stable
        cls.__init__.__signature__ = made.replace(parameters=own_first)
        cls.__doc__ = documented(cls)

    def __sklearn_is_fitted__(self):
        """Return whether `fit` finished; names and counts are stored at its start."""
        learned = (n for n in vars(self) if n.endswith("_") and not n.startswith("_"))
        return not all(name.endswith("_in_") for name in learned)

    def __setstate__(self, state):
        others = {n for n in state if not n.startswith("_") and not n.endswith("_")}
        if others != set(self._get_param_names()):
            raise ValueError(
                f"this {type(self).__name__} was pickled by another version of "
                "latentomics, with other parameters: fit it again"
            )
        super().__setstate__(state)

    def _check_parameters(self):
        """Raise ValueError for the first parameter that is out of its range."""
        for each in fields(self):
            if each.metadata["check"]:
                each.metadata["check"](each.name, getattr(self, each.name))


def _fields(cls):
    return getattr(cls, "__dataclass_fields__", {}).values()


def _place(name):
    """Return where a parameter stands: those that most estimators have come last."""
    return SHARED.index(name) if name in SHARED else -1


class OnDevice(Estimator):
    """Estimators that compute on a device."""

    _: KW_ONLY
    device: str = parameter("auto", kind='{"auto", "cpu", "cuda"}', check=_device)
    """Where to compute; "auto" takes a GPU if there is one."""


class InPrecision(Estimator):
    """Estimators that compute in a precision of choice."""

    _: KW_ONLY
    dtype: str = one_of(DTYPES, "float64")
    """Precision of the computation."""


class Iterative(Estimator):
    """Estimators that repeat a step until it changes little."""

    _: KW_ONLY
    tol: float = not_negative(1e-6)
    """Stop once one step changes the solution by at most `tol` of its norm."""
    max_iter: int = whole(1000)
    """Largest number of steps."""


class Seeded(Estimator):
    """Estimators that draw at random."""

    _: KW_ONLY
    random_state: int = whole(0, at_least=0)
    """Seed: equal seeds give equal results."""
