"""Part III: simulated data, contenders, experiments and figures."""
