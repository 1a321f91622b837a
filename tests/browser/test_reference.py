"""Every public name stands on a page of the reference, with its address."""

from importlib import import_module
from pathlib import Path

import pytest

PAGES = Path(__file__).parents[2] / "_build/html/book/reference"
ROOMS = ["denoise", "multitask", "signatures", "sensing", "data", "metrics"]


@pytest.mark.parametrize("room", [*ROOMS, "solvers", "linalg"])
def test_every_public_name_has_an_address(room):
    page = (PAGES / f"{room.replace('linalg', 'solvers')}.html").read_text("utf8")
    names = import_module(f"latentomics.{room}").__all__
    assert len(names) > 3
    assert [n for n in names if f'id="latentomics.{room}.{n}"' not in page] == []
