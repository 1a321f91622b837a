"""Metrics and tables from the output metadata of an executed notebook."""

from latentomics.rerun.notebook import code_cells
from latentomics.rerun.report import NAMESPACE


def harvest(nb):
    """Return (metrics, tables) that `report` and `report_table` left in `nb`.

    Metrics shown directly, as ``display(x, metadata={"latentomics": {"error": 0.1}})``,
    count too. A name that is reported twice keeps its last value.
    """
    metrics, tables = {}, {}
    for cell in code_cells(nb):
        for output in cell.outputs:
            message = dict(output.get("metadata", {}).get(NAMESPACE, {}))
            tables.update(message.pop("tables", {}))
            metrics.update(message.pop("metrics", {}))
            metrics.update(message)
    return metrics, tables
