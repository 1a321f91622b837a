"""Part II: its simulated data, contenders, experiments and figures."""
