"""One sentence for whoever installed the package without one of its extras."""

from importlib import import_module


def need(module, extra="data"):
    """Import an optional library by name.

    Parameters
    ----------
    module : str
    extra : str, default="data"
        The extra of this package that installs it.

    Raises
    ------
    ImportError
        If it is not installed; the message says what to install.
    """
    try:
        return import_module(module)
    except ImportError as error:
        raise ImportError(
            f"{module} is needed for this; install it with "
            f"`pip install 'latentomics[{extra}]'`"
        ) from error
