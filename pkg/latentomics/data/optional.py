"""Imports of optional libraries, with a clear message if one is missing."""

from importlib import import_module


def need(module):
    """Import an optional library by name.

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
            "`pip install 'latentomics[data]'`"
        ) from error
