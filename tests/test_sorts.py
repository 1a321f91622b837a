"""Equals keep their order on every processor: no sort by one key may be unstable.

Of pandas, `nlargest` and `value_counts` are stable as they are.
"""

import ast
import re
from pathlib import Path

import pytest

import latentomics

BOOK = Path(__file__).parents[1]
PACKAGE = sorted(Path(latentomics.__file__).parent.rglob("*.py"))
PAGES = sorted([*BOOK.glob("notebooks/*.md"), *BOOK.glob("book/*.md")])
CELL = re.compile(r"^```(?:\{code-cell\} ipython3|python)\n(.*?)^```", re.M | re.S)
OPTIONS = re.compile(r"\A(?:---\n.*?^---\n|(?::[^\n]*\n)+)", re.M | re.S)
SORTS = {"argsort", "argpartition", "sort_values", "topk"}
ALLOWED = {
    "W.abs().topk(min(n_nonzero, W.shape[1]), dim=1)": "takes all that are not 0",
}


def is_stable(call):
    """Say whether a sort states that it is, or has a second key."""
    given = {word.arg: word.value for word in call.keywords}
    kind, stable = (getattr(given.get(k), "value", None) for k in ("kind", "stable"))
    by = [*call.args, *([given["by"]] if "by" in given else [])]
    two = bool(by) and isinstance(by[0], ast.List) and len(by[0].elts) > 1
    return kind == "stable" or stable is True or two


def unstable(code):
    """List the calls whose order of equals depends on the processor."""
    found, tree = [], ast.parse(code)
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
    for call in calls:
        name = getattr(call.func, "attr", getattr(call.func, "id", None))
        if name in SORTS and not is_stable(call):
            found.append(ast.unparse(call))
    for node in ast.walk(tree):  # of a tensor: its values have no ties that show
        both = isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Tuple)
        if both or isinstance(node, ast.Attribute) and node.attr == "indices":
            call = node.value
            if isinstance(call, ast.Call) and getattr(call.func, "attr", "") == "sort":
                found += [] if is_stable(call) else [ast.unparse(node)]
    return [call for call in found if call not in ALLOWED]


def codes(path):
    """Return what there is of Python in a file."""
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".py":
        return [text]
    return [OPTIONS.sub("", cell) for cell in CELL.findall(text)]


@pytest.mark.parametrize(
    "code",
    [
        "x.argsort()",
        "np.argsort(x)[:3]",
        "argsort(x, axis=1)",
        "np.argpartition(x, 3)",
        "table.sort_values('q').head()",
        "table.sort_values(['q'])",
        "table.sort_values(by='q', ascending=False)",
        "table.sort_values('q', kind='quicksort')",
        "x.sort(dim=1).indices",
        "falling, order = x.sort(descending=True)",
        "x.topk(3).indices",
        "torch.argsort(x, stable=False)",
    ],
)
def test_an_unstable_sort_is_found(code):
    assert len(unstable(code)) == 1


@pytest.mark.parametrize(
    "code",
    [
        "np.argsort(x, kind='stable')",
        "x.sort(stable=True).indices",
        "falling, order = x.sort(stable=True)",
        "x.sort().values",
        "np.sort(x)",
        "table.sort_values('q', kind='stable')",
        "table.sort_values(['q', 'name'])",
        "table.sort_values(by=['q', 'name'])",
    ],
)
def test_a_stable_sort_passes(code):
    assert not unstable(code)


def test_cells_are_read(tmp_path):
    assert sum("sort_values" in code for page in PAGES for code in codes(page)) > 10
    with_tags = "```{code-cell} ipython3\n:tags: [hide]\n\nx.argsort()\n```\n"
    with_yaml = "```{code-cell} ipython3\n---\na: b\n---\nx.argsort()\n```\n"
    page = tmp_path / "page.md"
    page.write_text(with_tags + with_yaml, encoding="utf-8")
    assert [unstable(code) for code in codes(page)] == [["x.argsort()"]] * 2


@pytest.mark.parametrize("path", [*PACKAGE, *PAGES], ids=lambda path: path.name)
def test_no_order_of_equals_depends_on_the_processor(path):
    assert [call for code in codes(path) for call in unstable(code)] == []
