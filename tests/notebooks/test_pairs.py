"""Every notebook of the book keeps the promises that a reader relies on."""

import ast
import re
from importlib import import_module
from pathlib import Path

import jupytext
import nbformat
import papermill
import pytest

from latentomics.params import Estimator
from latentomics.rerun.notebook import Notebook, clean, code_cells

ROOT = Path(__file__).parents[2]
PAGES = sorted((ROOT / "notebooks").glob("*.md"))
WIDTH = 76  # wider code runs off the page
LONGEST = 25
ABSOLUTE = re.compile(r"(?<![\w.:/])/(home|root|work|tmp|Users|usr|opt|mnt|var)/\w")

every_page = pytest.mark.parametrize("page", PAGES, ids=lambda path: path.stem)


def stored(page):
    return nbformat.read(page.with_suffix(".ipynb"), as_version=4)


def text(page):
    return jupytext.read(page, fmt="md:myst")


def words(nb, stem):
    return [
        (cell.id, cell.cell_type, cell.source, dict(cell.metadata))
        for cell in clean(nb, stem).cells
    ]


def pictures(nb):
    return [
        cell
        for cell in code_cells(nb)
        if any("image/png" in output.get("data", {}) for output in cell.outputs)
    ]


def test_no_notebook_lacks_its_text():
    assert {p.stem for p in (ROOT / "notebooks").glob("*.ipynb")} == {
        p.stem for p in PAGES
    }


@every_page
def test_text_and_notebook_agree(page):
    assert words(text(page), page.stem) == words(stored(page), page.stem)


@every_page
def test_stored_bytes_are_the_reproducible_ones(page):
    raw = page.with_suffix(".ipynb").read_text(encoding="utf-8")
    assert raw == nbformat.writes(clean(stored(page), page.stem)) + "\n"


@every_page
def test_was_executed_top_to_bottom(page):
    counts = [cell.execution_count for cell in code_cells(stored(page))]
    assert counts == list(range(1, len(counts) + 1))


@every_page
def test_name_is_place_and_words(page):
    assert re.fullmatch(r"\d\d-[a-z0-9]+(-[a-z0-9]+)*", page.stem)


@every_page
def test_parameters_are_commented_scalars(page):
    parameters = Notebook(page).parameters
    assert {"seed", "device"} <= {p.name for p in parameters}
    assert [p.name for p in parameters if not p.comment] == []


@every_page
def test_papermill_sees_the_same_parameters(page):
    seen = papermill.inspect_notebook(page.with_suffix(".ipynb"))
    expected = {p.name: (p.kind, p.comment) for p in Notebook(page).parameters}
    found = {n: (p["inferred_type_name"], p["help"]) for n, p in seen.items()}
    assert found == expected


@every_page
def test_code_fits_the_page(page):
    wide = [
        line
        for cell in code_cells(text(page))
        for line in cell.source.splitlines()
        if len(line) > WIDTH
    ]
    assert wide == []


@every_page
def test_cells_are_short(page):
    long = [c.source for c in code_cells(text(page)) if c.source.count("\n") >= LONGEST]
    assert long == []


@every_page
def test_every_picture_is_told_in_words(page):
    told = [
        (c.metadata.get("mystnb", {}), c.source.splitlines()[0])
        for c in pictures(stored(page))
    ]
    mute = [
        first
        for words, first in told
        if len(words.get("image", {}).get("alt", "").split()) < 4
        or len(words.get("figure", {}).get("caption", "").split()) < 4
    ]
    assert mute == []


@every_page
def test_alt_text_is_no_path(page):
    alts = [
        cell.metadata.get("mystnb", {}).get("image", {}).get("alt", "")
        for cell in pictures(stored(page))
    ]
    assert [alt for alt in alts if re.search(r"\S/\S+\.\w+|\.(png|svg)\b", alt)] == []


@every_page
def test_no_path_of_one_machine(page):
    raw = page.with_suffix(".ipynb").read_text(encoding="utf-8")
    assert ABSOLUTE.search(raw) is None


@every_page
@pytest.mark.parametrize("smell", ["!pip", "%pip", "plt.show()", "np.random.seed"])
def test_code_avoids(page, smell):
    assert [c.source for c in code_cells(text(page)) if smell in c.source] == []


@every_page
def test_stored_outputs_hold_no_error(page):
    outputs = [o for cell in code_cells(stored(page)) for o in cell.outputs]
    assert [o for o in outputs if o.output_type == "error"] == []


@every_page
def test_every_exercise_has_its_solution(page):
    prose = page.read_text(encoding="utf-8")
    asked = re.findall(r"\{exercise(?:-start)?\}[^\n]*\n:label: ([\w-]+)", prose)
    solved = re.findall(r"\{solution(?:-start)?\} ([\w-]+)", prose)
    assert asked
    assert sorted(asked) == sorted(solved)


@every_page
def test_tags_are_known(page):
    known = {"parameters", "hide-cell", "hide-input", "hide-output", "remove-cell"}
    known |= {"remove-input", "remove-output", "raises-exception", "margin"}
    used = {tag for cell in text(page).cells for tag in cell.metadata.get("tags", [])}
    assert used <= known


@every_page
def test_opens_with_a_label_and_a_heading(page):
    first = text(page).cells[0].source.splitlines()
    assert re.fullmatch(r"\(ch-[\w-]+\)=", first[0])
    assert first[1].startswith("# ")


def inner_estimators(code):
    """Estimators that are imported from a module behind the front door of a part."""
    nodes = [n for n in ast.walk(ast.parse(code)) if isinstance(n, ast.ImportFrom)]
    return [
        alias.name
        for node in nodes
        if re.match(r"latentomics\.(?!studies)\w+\.", node.module)
        for alias in node.names
        if isinstance(found := getattr(import_module(node.module), alias.name), type)
        and issubclass(found, Estimator)
    ]


@every_page
def test_estimators_come_through_the_front_doors(page):
    cells = code_cells(text(page))
    assert not [name for cell in cells for name in inner_estimators(cell.source)]


def test_an_estimator_from_behind_a_front_door_is_noticed():
    code = "from latentomics.denoise.soft_impute import SoftImpute, svt"
    assert inner_estimators(code) == ["SoftImpute"]
