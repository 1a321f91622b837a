"""Notebooks with new parameters: their reports, runs and results.

A notebook imports only `report` and `report_table`, so nothing heavy is loaded here;
the machinery that runs notebooks lives in the modules beside and is used through the
command ``latentomics``.
"""

from latentomics.rerun.report import report, report_table

__all__ = ["report", "report_table"]
