"""The ledger of claims: ``book/claims.yml`` with our numbers looked up, as a page.

An entry says what a paper claims and names our numbers, each by where it is stored: a
metric that a notebook reported, or a cell of a results table. `holds_if` compares them,
so that no verdict is an opinion; the test of the ledger recomputes every one.
"""

import functools
from pathlib import Path

import nbformat
import numpy as np
import pandas as pd
import yaml
from sphinx.util.docutils import SphinxDirective

from latentomics.rerun.harvest import harvest

BOOK = Path(__file__).parents[1]
NOTEBOOKS = BOOK.parent / "notebooks"
VERDICTS = ("holds", "partly", "does not hold", "data closed")
HEAD = "| claim | ours | verdict |\n|---|---|---|\n"


def read_claims(path=BOOK / "claims.yml"):
    """Return the entries, a list of dict."""
    return yaml.safe_load(path.read_text(encoding="utf-8"))


def numbers(claim):
    """Look up every number of ours that a claim names, as a dict."""
    return {name: look_up(source) for name, source in claim.get("ours", {}).items()}


def look_up(source):
    """Return one stored number.

    Either {metric, notebook}; or {table, column, where, take} with `where` a dict of
    column to value, and of all rows that match the median, or what `take` says.
    """
    if "metric" in source:
        return metrics(source["notebook"])[source["metric"]]
    rows = table(source["table"])
    for column, value in source["where"].items():
        rows = rows[rows[column].isin(value if isinstance(value, list) else [value])]
    if rows.empty:
        raise KeyError(f"no row of {source['table']} has {source['where']}")
    return float(TAKES[source.get("take", "median")](rows, source["column"]))


# what to take of the rows that match
TAKES = {
    "median": lambda rows, column: rows[column].median(),
    "std": lambda rows, column: rows[column].std(),
    "distance": lambda rows, column: np.ptp(rows.groupby("method")[column].median()),
}


def verdict_is_true(claim):
    """Say whether `holds_if`, over our numbers, agrees with the verdict."""
    true = bool(pd.eval(claim["holds_if"], local_dict=numbers(claim), engine="python"))
    return true == (claim["verdict"] == "holds")


@functools.cache
def metrics(notebook):
    """Return what an executed notebook reported."""
    nb = nbformat.read(NOTEBOOKS / f"{notebook}.ipynb", as_version=4)
    return harvest(nb)[0]


@functools.cache
def table(name):
    """Return a stored results table."""
    return pd.read_csv(BOOK / "results" / f"{name}.csv")


class Claims(SphinxDirective):
    """``{claims}``: the entries of one paper as a table."""

    required_arguments = 1

    def run(self):
        """Write the table in Markdown and let the parser of the page read it."""
        self.env.note_dependency(str(BOOK / "claims.yml"))
        mine = [c for c in read_claims() if c["paper"] == self.arguments[0]]
        text = HEAD + "\n".join(map(row, mine))
        return self.parse_text_to_nodes(text)


def row(claim):
    """Return one line of the table."""
    ours = "; ".join(
        f"{name.replace('_', ' ')} {neat(value)}"
        for name, value in numbers(claim).items()
    )
    said = f"{claim['claim']}. *{claim['where']}: {claim['theirs']}.*"
    verdict = f"**{claim['verdict']}**: {claim['why']} {{ref}}`{claim['chapter']}`"
    return f"| {said} | {ours} | {verdict} |"


def neat(value):
    """Print a number with three digits, without an exponent where none is needed."""
    return f"{value:.3g}" if abs(value) < 1000 else f"{value:,.0f}"


def setup(app):
    """Register the directive."""
    app.add_directive("claims", Claims)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
