"""Part V: simulated data, contenders and experiments."""
