"""Small notebooks written for the tests, and one cluster for all of them."""

from pathlib import Path
from textwrap import dedent

import pytest

from latentomics.rerun.notebook import Notebook

HEADER = """\
---
kernelspec: {name: python3, display_name: Python 3, language: python}
---
(ch-toy)=
# A toy

```{code-cell} ipython3
:tags: [parameters]
lam: float = 1.0  # metres
word: str = "a"  # any word
flag: bool = False  # on or off
seed: int = 7  # of the draws
device: str = "cpu"  # where it runs
```
"""


def cell(code):
    """Write `code` as a code cell of a MyST notebook."""
    return f"\n```{{code-cell}} ipython3\n{dedent(code).strip()}\n```\n"


@pytest.fixture
def write_notebook(tmp_path):
    """Write notebooks/NAME.md below tmp_path and return it as a `Notebook`."""

    def write(*codes, name="12-toy", header=HEADER, folder=tmp_path / "notebooks"):
        folder.mkdir(exist_ok=True)
        path = Path(folder) / f"{name}.md"
        path.write_text(header + "".join(map(cell, codes)), encoding="utf-8")
        return Notebook(path)

    return write


@pytest.fixture(scope="session")
def client():
    """One local cluster with two single-threaded workers."""
    from latentomics.rerun.cluster import open_client

    with open_client(workers=2) as client:
        yield client
