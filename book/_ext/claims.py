"""The ledger of claims: ``book/claims.yml`` with our numbers looked up, as a page.

An entry says what a paper claims and names our numbers, each by where it is stored: a
metric that a notebook reported, or a cell of a results table. Its verdict follows from
them by `holds_if` and `partly_if`, which the page prints too; a test computes it anew.
"""

import functools
import re
from pathlib import Path

import nbformat
import numpy as np
import pandas as pd
import yaml
from docutils import nodes
from sphinx.util.docutils import SphinxDirective

from latentomics.rerun.harvest import harvest

BOOK = Path(__file__).parents[1]
NOTEBOOKS = BOOK.parent / "notebooks"
COMPUTED = ("holds", "partly", "does not hold")
VERDICTS = (*COMPUTED, "suspended", "data closed")
# what a paper says; and what it does not, but its readers may ask
KINDS = ("claim", "our question")
WORDS = {"_": " ", "&": "and", "|": "or", "*": "×", "-": "−", "==": "="}


def read_claims(path=BOOK / "claims.yml"):
    """Return the entries, a list of dict; `kind` is added where it is left out."""
    entries = yaml.safe_load(path.read_text(encoding="utf-8"))
    return [{"kind": KINDS[0], **entry} for entry in entries]


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


def verdict(claim):
    """Compute the verdict: the first rule that is true of our numbers, or neither."""
    ours = numbers(claim)
    for word, rule in (("holds", "holds_if"), ("partly", "partly_if")):
        if rule in claim and pd.eval(claim[rule], local_dict=ours, engine="python"):
            return word
    return "does not hold"


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
    """``{claims}``: the entries of one paper, then our questions about it."""

    required_arguments = 1

    def run(self):
        """Write each entry in Markdown and let the parser of the page read it."""
        self.env.note_dependency(str(BOOK / "claims.yml"))
        mine = [c for c in read_claims() if c["paper"] == self.arguments[0]]
        asked = [self.box(c) for c in mine if c["kind"] == "our question"]
        title = nodes.rubric(text="Questions of ours: the paper does not claim this")
        said = [self.box(c) for c in mine if c["kind"] == "claim"]
        return [*said, title, *asked] if asked else said

    def box(self, claim):
        """Return one entry, to which a link can point."""
        name = f"claim-{claim['id']}"
        text = self.parse_text_to_nodes(entry(claim))
        return nodes.container("", *text, ids=[name], classes=["claim"])


def entry(claim):
    """Return one entry as a definition list."""
    found = [f"{words(name)} {neat(value)}" for name, value in numbers(claim).items()]
    lines = [
        claim["claim"][0].upper() + claim["claim"][1:],
        f": **{claim['verdict']}**: {claim['why']} {{ref}}`{claim['chapter']}`",
        f": *paper* ({claim['where']}): {claim['theirs']}",
    ]
    if found:
        lines.append(f": *ours*: {'; '.join(found)}")
    if claim["verdict"] in COMPUTED:
        rules = [
            words(f"{r} {claim[r]}") for r in ("holds_if", "partly_if") if r in claim
        ]
        lines.append(f": *rule*: {'; '.join(rules)}")
    return "\n".join(lines)


def words(code):
    """Return an expression or a name of `claims.yml` as a reader would say it."""
    return re.sub(r"==|[_&|*-]", lambda sign: WORDS[sign[0]], code)


def neat(value):
    """Print a number with three digits, without an exponent."""
    if abs(value) >= 1000:
        return f"{value:,.0f}"
    return np.format_float_positional(value, 3, fractional=False, trim="-")


def setup(app):
    """Register the directive."""
    app.add_directive("claims", Claims)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
