"""The command ``latentomics``, a thin layer over `rerun` and `data`."""

import sys

RERUN = (
    "typer tabulate tqdm jupytext nbformat nbconvert papermill dask distributed "
    "dask_jobqueue pyarrow"
)
EXTRA_OF = dict.fromkeys(RERUN.split(), "rerun") | {"pooch": "data", "rdata": "data"}


def main():
    """Run the command line; on error, print one sentence and exit non-zero."""
    try:
        from latentomics.rerun.commands import app

        app()
    except ModuleNotFoundError as error:
        if error.name not in EXTRA_OF:
            raise
        sys.exit(f"latentomics: {install_hint(error.name)}")
    except (ValueError, OSError, ImportError) as error:
        sys.exit(f"latentomics: {error}")


def install_hint(module):
    """Say which extra of the package brings `module`."""
    extra = EXTRA_OF[module]
    return f"this needs {module}; install it by: pip install 'latentomics[{extra}]'"
