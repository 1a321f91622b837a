"""Part IV: simulated data, contenders, experiments and figures."""
