"""The ledger of claims: ``book/claims.yml`` with our numbers looked up, as a page.

An entry says what a paper claims and names our numbers, each by where it is stored: a
metric that a notebook reported, or cells of a results table. Its verdict is computed
from them by `holds_if` and `partly_if`, which the page prints too. An entry that cannot
be checked here has a `reason` instead. ``python book/_ext/claims.py`` writes the whole
ledger, numbers and verdicts included, to ``book/results/claims.json``.
"""

import functools
import html
import json
import re
from dataclasses import asdict, dataclass
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
EXPORT = BOOK / "results" / "claims.json"
COMPUTED = ("holds", "partly", "does not hold")
UNCHECKED = "not checked"
VERDICTS = (*COMPUTED, UNCHECKED)
# what a paper says; and what it does not, but its readers may ask
KINDS = ("claim", "our question")
PAPERS = {
    "hu2025": "RT-DMF, part II",
    "yuan2016": "trace norm, part III",
    "tofacchi": "signatures, part IV",
    "obbad2019": "sensing, part V",
}
WORDS = {"_": " ", "&": "and", "|": "or", "*": "×", "-": "−", "==": "="}
RULES = {"holds_if": "holds if", "partly_if": "partly if"}
EXPORTED = ("id", "paper", "kind", "claim", "theirs", "where", "chapter")
EXPORTED += ("why", "would_change", "chance", "reason")


@dataclass(frozen=True)
class Number:
    """A number of ours: its value, the ends of its interval or spread, and of how many.

    Without an interval `low` and `high` equal `value`, and `n` is None.
    """

    value: float
    low: float
    high: float
    n: int | None = None

    def __str__(self):
        text = neat(self.value)
        if self.n is None or self.low == self.high == self.value:
            return text
        return f"{text} ({neat(self.low)} to {neat(self.high)}, n = {self.n})"


def read_claims(path=BOOK / "claims.yml"):
    """Return the entries, a list of dict; `kind` is added where it is left out."""
    entries = yaml.safe_load(path.read_text(encoding="utf-8"))
    return [{"kind": KINDS[0], **entry} for entry in entries]


def numbers(claim):
    """Look up every number of ours that a claim names, as a dict of `Number`."""
    return {name: look_up(source) for name, source in claim.get("ours", {}).items()}


def look_up(source):
    """Return one stored number.

    Either {metric, notebook}; or {table, column, where, take} with `where` a dict of
    column to value, and of all rows that match the median, or what `take` says, between
    the smallest and the largest. `low`, `high` and `n` name further metrics or columns
    that hold the interval and what it is over; `n` may be a whole number.
    """
    if "metric" in source:
        stored = metrics(source["notebook"])
        take, rows = stored.__getitem__, [None]
        value = float(stored[source["metric"]])
        low = high = value
    else:
        rows = matching(source)
        take = functools.partial(taken, rows, source.get("take", "median"))
        value = take(source["column"])
        low, high = value, value
        if source.get("take", "median") in SPREAD:
            low, high = rows[source["column"]].min(), rows[source["column"]].max()
    if "low" in source:
        low, high = take(source["low"]), take(source["high"])
    n = source.get("n", len(rows) if len(rows) > 1 else None)
    n = take(n) if isinstance(n, str) else n
    return Number(value, float(low), float(high), n if n is None else int(n))


def matching(source):
    """Return the rows of a table that a source names."""
    rows = table(source["table"])
    for column, value in source.get("where", {}).items():
        rows = rows[rows[column].isin(value if isinstance(value, list) else [value])]
    if rows.empty:
        raise KeyError(f"no row of {source['table']} has {source['where']}")
    return rows


def taken(rows, take, column):
    """Return what `take` says of a column."""
    return float(TAKES[take](rows, column))


# what to take of the rows that match
TAKES = {
    "median": lambda rows, column: rows[column].median(),
    "mean": lambda rows, column: rows[column].mean(),
    "min": lambda rows, column: rows[column].min(),
    "max": lambda rows, column: rows[column].max(),
    "std": lambda rows, column: rows[column].std(),
    "distance": lambda rows, column: np.ptp(rows.groupby("method")[column].median()),
}
SPREAD = ("median", "mean")  # lie between the smallest and the largest


def verdict(claim):
    """Compute the verdict: the first rule that is true of our numbers, or neither."""
    if "reason" in claim:
        return UNCHECKED
    known = {}
    for name, number in numbers(claim).items():
        known |= {name: number.value}
        known |= {f"{name}_low": number.low, f"{name}_high": number.high}
    for word, rule in zip(COMPUTED, RULES, strict=False):
        if rule in claim and pd.eval(claim[rule], local_dict=known, engine="python"):
            return word
    return COMPUTED[-1]


@functools.cache
def metrics(notebook):
    """Return what an executed notebook reported."""
    nb = nbformat.read(NOTEBOOKS / f"{notebook}.ipynb", as_version=4)
    return harvest(nb)[0]


@functools.cache
def table(name):
    """Return a stored results table."""
    return pd.read_csv(BOOK / "results" / f"{name}.csv")


def record():
    """Return the ledger with numbers and verdicts, as it is exported."""
    return [exported(claim) for claim in read_claims()]


def exported(claim):
    """Return one entry of the export."""
    entry = {name: claim[name] for name in EXPORTED if name in claim}
    entry["ours"] = {
        name: {k: rounded(v) for k, v in asdict(number).items() if v is not None}
        for name, number in numbers(claim).items()
    }
    entry["rule"] = {rule: claim[rule] for rule in RULES if rule in claim}
    if "reason" not in claim:
        entry["verdict"] = verdict(claim)
    return entry


def rounded(value):
    """Return a number with six significant digits."""
    return value if isinstance(value, int) else float(f"{value:.6g}")


class Claims(SphinxDirective):
    """``{claims}``: the entries of one paper, then our questions about it."""

    required_arguments = 1

    def run(self):
        """Write each entry in Markdown and let the parser of the page read it."""
        self.env.note_dependency(str(BOOK / "claims.yml"))
        self.env.note_dependency(str(EXPORT))
        mine = [c for c in read_claims() if c["paper"] == self.arguments[0]]
        asked = [self.box(c) for c in mine if c["kind"] == "our question"]
        title = nodes.rubric(text="Questions of ours: the paper does not claim this")
        said = [self.box(c) for c in mine if c["kind"] == "claim"]
        return [*said, title, *asked] if asked else said

    def box(self, claim):
        """Return one entry, to which a link can point."""
        name = f"claim-{claim['id']}"
        text = self.parse_text_to_nodes(entry(claim))
        address = nodes.reference("", "#", refuri=f"#{name}", classes=["headerlink"])
        address["reftitle"] = "Link to this row"
        next(text[0].findall(nodes.term)).append(address)
        marks = ["claim", f"paper-{claim['paper']}"]
        marks += [f"verdict-{verdict(claim).replace(' ', '-')}"]
        return nodes.container("", *text, ids=[name], classes=marks)


class ClaimCounts(SphinxDirective):
    """``{claim-counts}``: how many claims of each paper hold, and the filter."""

    def run(self):
        """Write a table in Markdown, and a place that ``claims.js`` fills."""
        self.env.note_dependency(str(EXPORT))
        papers = html.escape(json.dumps(PAPERS))
        place = f'<div id="ledger-filter" data-papers="{papers}"></div>'
        counted = self.parse_text_to_nodes(counts(read_claims()))
        return [*counted, nodes.raw("", place, format="html")]


def counts(claims):
    """Return a Markdown table of the claims of the papers, by verdict."""
    said = [c for c in claims if c["kind"] == "claim"]
    found = [(c["paper"], verdict(c)) for c in said]
    head = f"| paper | claims | {' | '.join(VERDICTS)} |"
    lines = [head, "|---" + "|---:" * (len(VERDICTS) + 1) + "|"]
    for paper, name in PAPERS.items():
        mine = [word for of, word in found if of == paper]
        cells = [len(mine), *(mine.count(word) for word in VERDICTS)]
        link = f"{{cite:t}}`{paper}` ({name})"
        lines.append(f"| {link} | {' | '.join(map(str, cells))} |")
    return "\n".join(lines)


def entry(claim):
    """Return one entry as a definition list."""
    found = [f"{words(name)} {number}" for name, number in numbers(claim).items()]
    known = claim.get("reason") or claim["why"]
    title = claim["claim"][0].upper() + claim["claim"][1:]
    lines = [
        title,
        f": **{verdict(claim)}**: {known} {{ref}}`{claim['chapter']}`",
        f": *paper* ({claim['where']}): {claim['theirs']}",
    ]
    if found:
        lines.append(f": *ours*: {'; '.join(found)}")
    if "chance" in claim:
        lines.append(f": *chance*: {claim['chance']}")
    if "reason" not in claim:
        rules = [
            f"{said} {words(claim[rule])}"
            for rule, said in RULES.items()
            if rule in claim
        ]
        lines.append(f": *rule*: {'; '.join(rules)}")
    if "would_change" in claim:
        lines.append(f": *would change it*: {claim['would_change']}")
    return "\n".join(lines)


def words(code):
    """Return an expression or a name of `claims.yml` as a reader would say it."""
    return re.sub(r"==|[_&|*-]", lambda sign: WORDS[sign[0]], code)


def neat(value):
    """Print a number with three digits, without an exponent."""
    if abs(value) >= 1000:
        return f"{value:,.0f}"
    return np.format_float_positional(value, 3, fractional=False, trim="-")


def verdict_role(role, rawtext, text, lineno, inliner, options=None, content=None):
    """``{verdict}`id` ``: the verdict of a row, as a link to it."""
    depth = inliner.document.settings.env.docname.count("/")
    address = "../" * depth + f"book/claims.html#claim-{text}"
    return [nodes.reference("", verdict(by_id()[text]), refuri=address)], []


def ours_role(role, rawtext, text, lineno, inliner, options=None, content=None):
    """``{ours}`id name` ``: a number of a row, with its interval or spread."""
    row, name = text.split()
    return [nodes.Text(str(numbers(by_id()[row])[name]))], []


def by_id():
    """Return the entries by their id."""
    return {claim["id"]: claim for claim in read_claims()}


def setup(app):
    """Register the directives and roles."""
    app.add_role("verdict", verdict_role)
    app.add_role("ours", ours_role)
    app.add_directive("claims", Claims)
    app.add_directive("claim-counts", ClaimCounts)
    app.add_js_file("claims.js")
    return {"parallel_read_safe": True, "parallel_write_safe": True}


if __name__ == "__main__":
    text = json.dumps(record(), indent=1, ensure_ascii=False)
    EXPORT.write_text(text + "\n", encoding="utf-8")
