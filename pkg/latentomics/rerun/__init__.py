"""Rerun notebooks with new parameters: reports, runs and results.

A notebook imports only `report` and `report_table`, so nothing heavy is loaded here;
the code that runs notebooks is in the other modules and is used through the command
``latentomics``.
"""

from latentomics.rerun.report import report, report_table

__all__ = ["report", "report_table"]
