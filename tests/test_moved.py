"""Old addresses of modules fail with the new one."""

import importlib

import pytest

from latentomics import MOVED


@pytest.mark.parametrize("old", MOVED)
def test_an_old_import_names_the_new_module(old):
    part, name = old.rsplit(".", 1)
    importlib.import_module(MOVED[old])
    for code in (f"import {old}", f"from {old} import x", f"from {part} import {name}"):
        with pytest.raises(ModuleNotFoundError, match=f"{old} is now {MOVED[old]}"):
            exec(code)


def test_what_never_was_is_not_found_as_usual():
    with pytest.raises(ModuleNotFoundError, match="No module named"):
        importlib.import_module("latentomics.denoise.nothing")
