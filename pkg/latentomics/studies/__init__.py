"""What the chapters ask: made data, contenders, experiments and figures.

No estimator imports a study; chapters, tests and the benchmark do.
"""
