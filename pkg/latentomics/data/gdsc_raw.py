"""The two GDSC1 files, unprocessed; two loaders read both."""

from functools import cache

import pandas as pd

from latentomics.data.fetch import fetch_file
from latentomics.data.optional import need


def long_table():
    """Return GDSC1 as a long table: CellLine, Drug ("GDSC:<id>"), LN_IC50, AUC."""
    return _read_long(fetch_file("gdsc1_auc_ic50")).copy()


@cache  # a second of parsing that three loaders share
def _read_long(path):
    table = need("rdata").read_rda(path)["GDSC_orig_IC50_AUC"]
    drug = "GDSC:" + table["Drug"].astype("int64").astype(str)
    return table.assign(CellLine=table["CellLine"].astype(str), Drug=drug)


def lnic50_table():
    """Return the ln IC50 file as it is: drugs ("GDSC:<id>") x DepMap ids."""
    return pd.read_csv(fetch_file("gdsc1_lnic50"), index_col=0)
