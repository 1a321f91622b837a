"""Which drugs two screens have in common, by name."""

import pandas as pd

from latentomics.data.cell_lines import key
from latentomics.data.names import as_names

MATCHES = ("exact", "lower", "alnum", "synonym")


def drug_matches(gdsc_drugs, ctrpv2_names, *, match="synonym", min_characters=4):
    """Return every GDSC id whose name matches a CTRPv2 compound.

    Parameters
    ----------
    gdsc_drugs : DataFrame
        As from ``load("gdsc_drugs")``.
    ctrpv2_names : iterable of str
        The columns of ``load("ctrpv2_auc")``.
    match : {"exact", "lower", "alnum", "synonym"}, default="synonym"
        How loosely to match, each rule including the ones before: same spelling;
        ignoring case; letters and digits only; synonyms too, by letters and digits.
    min_characters : int, default=4
        A name with fewer letters and digits never matches. With 4, JQ1 is left out.

    Returns
    -------
    DataFrame
        `gdsc` (id), `ctrpv2` (name), `by` (which rule found it). One row per GDSC id
        and compound, in the order of `gdsc_drugs`.

    Raises
    ------
    ValueError
        If `match` is none of the four, or `ctrpv2_names` not a list of names.
    """
    if match not in MATCHES:
        raise ValueError(f"match must be one of {MATCHES}; got {match!r}")
    ctrpv2_names = as_names(ctrpv2_names, "ctrpv2_names")
    rules = MATCHES[: MATCHES.index(match) + 1]
    compounds = [n for n in ctrpv2_names if len(key(n)) >= min_characters]
    found = []
    for rule in rules:
        spell = {"exact": str, "lower": str.lower}.get(rule, key)
        target = {spell(name): name for name in compounds}
        for gdsc, drug in gdsc_drugs.iterrows():
            hits = [target.get(spell(name)) for name in _names(drug, rule)]
            found += [(gdsc, hit, rule) for hit in hits if hit is not None]
    table = pd.DataFrame(found, columns=["gdsc", "ctrpv2", "by"])
    return table.drop_duplicates(["gdsc", "ctrpv2"], ignore_index=True)


def _names(drug, rule):
    if rule != "synonym":
        return [drug["name"]]
    return [] if pd.isna(drug["synonyms"]) else drug["synonyms"].split(",")


def shared_drugs(gdsc_drugs, ctrpv2_names, *, match="synonym", min_characters=4):
    """Return one GDSC id for each CTRPv2 compound that both screens have.

    A match by name takes precedence over one by synonym; among several ids of one
    compound, the first in the order of `gdsc_drugs` is taken. Parameters and columns
    are those of :func:`drug_matches`; a column `name` with GDSC's name is added. The
    defaults give 89 pairs.
    """
    matches = drug_matches(
        gdsc_drugs, ctrpv2_names, match=match, min_characters=min_characters
    )
    by_name = matches["by"] != "synonym"
    rank = matches["gdsc"].map({d: i for i, d in enumerate(gdsc_drugs.index)})
    order = pd.DataFrame({"synonym": ~by_name, "rank": rank}).sort_values(
        ["synonym", "rank"], kind="stable"
    )
    pairs = matches.loc[order.index].drop_duplicates("ctrpv2", ignore_index=True)
    pairs["name"] = pairs["gdsc"].map(gdsc_drugs["name"])
    return pairs
