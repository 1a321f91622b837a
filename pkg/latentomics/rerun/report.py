"""Machine-readable metrics and tables in the output metadata of a notebook."""

import math
import numbers
import re

NAMESPACE = "latentomics"  # key of the output metadata, read back in rerun.harvest


def report(**metrics):
    """Show `metrics` as a small table and record them for the results table.

    Parameters
    ----------
    **metrics : float, int, bool or str
        One number or word per name; NaN and infinity are kept as "no value".

    Raises
    ------
    ValueError
        If nothing is given, or a value is not a single number or word.
    """
    if not metrics:
        raise ValueError("report needs at least one metric, as report(error=0.1)")
    import pandas as pd

    plain = {name: _scalar(name, value) for name, value in metrics.items()}
    shown = pd.DataFrame(
        {"metric": list(plain), "value": [_rounded(v) for v in plain.values()]}
    )
    _display(shown, 0, {"metrics": plain})


def report_table(name, table, *, decimals=3):
    """Show `table` rounded and record it, unrounded, for ``book/results/NAME.csv``.

    Parameters
    ----------
    name : str
        Lower-case letters, digits and underscores; the name of the CSV file.
    table : DataFrame
        Tidy: one row per case, method and seed. The index is not kept.
    decimals : int, default=3
        Digits after the point on the page.

    Raises
    ------
    ValueError
        If `name` is not such a name, or `table` is not a DataFrame with rows.
    """
    if not re.fullmatch(r"[a-z0-9_]+", name):
        raise ValueError(
            f"name must be lower-case letters, digits and underscores; got {name!r}"
        )
    import pandas as pd  # not at the top: the command starts faster without it

    if not isinstance(table, pd.DataFrame) or table.empty:
        kind = type(table).__name__
        raise ValueError(f"table must be a DataFrame with rows; got an empty or {kind}")
    csv = table.to_csv(index=False, lineterminator="\n")
    _display(table, decimals, {"tables": {name: csv}})


def _scalar(name, value):
    if isinstance(value, str | bool):
        return value
    value = value.item() if getattr(value, "size", 0) == 1 else value
    if isinstance(value, bool | numbers.Integral):
        return value
    if isinstance(value, numbers.Real):
        return float(value) if math.isfinite(value) else None
    raise ValueError(f"metric {name} must be one number or word; got {value!r}")


def _rounded(value):
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _display(table, decimals, message):
    from IPython.display import display  # present wherever a notebook runs

    look = {"index": False, "float_format": f"{{:.{decimals}f}}".format}
    page = {
        "text/plain": table.to_string(**look),
        "text/html": table.to_html(border=0, **look),
    }
    display(page, raw=True, metadata={NAMESPACE: message})
