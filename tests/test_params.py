"""A parameter is declared once: what a class makes of its fields."""

import pytest

from latentomics.denoise import SoftImpute
from latentomics.params import Estimator, Iterative, not_negative, positive


class Shrinker(Iterative):
    """Shrink.

    Attributes
    ----------
    low_rank_ : ndarray of shape (n, p)
    """

    lam: float = positive(1.0)
    """Subtracted from every singular value."""


class Sparser(Shrinker, max_iter=7):
    """Shrink twice.

    Attributes
    ----------
    sparse_ : ndarray of shape (n, p)
    """

    gamma: float = not_negative(0.5)


def test_the_signature_has_own_parameters_first_and_new_defaults():
    assert Sparser().get_params() == {
        "lam": 1.0,
        "gamma": 0.5,
        "tol": 1e-6,
        "max_iter": 7,
    }
    assert Sparser(3.0).lam == 3.0
    assert Shrinker().max_iter == 1000


def test_the_documentation_holds_what_was_inherited():
    doc = Sparser.__doc__
    assert doc.startswith(
        "Shrink twice.\n\nParameters\n----------\nlam : float above 0"
    )
    assert "default=1.0\n    Subtracted from every singular value.\n" in doc
    assert "max_iter : int of at least 1, default=7" in doc
    assert doc.index("low_rank_ :") < doc.index("sparse_ :")
    assert "sparse_" not in Shrinker.__doc__


@pytest.mark.parametrize(("lam", "gamma"), [(0.0, 0.5), (1.0, -1.0)])
def test_every_field_is_checked(lam, gamma):
    with pytest.raises(ValueError, match="must be a (positive|non-negative) number"):
        Sparser(lam, gamma)._check_parameters()


def test_a_new_default_for_no_parameter_is_refused():
    with pytest.raises(TypeError, match="Faster inherits no parameter maxiter"):

        class Faster(SoftImpute, maxiter=3):
            pass


def test_a_class_without_parameters_has_none():
    class Plain(Estimator):
        """Plain."""

    assert Plain().get_params() == {}
    assert Plain.__doc__ == "Plain."
