"""Part IV: its made data, contenders, experiments and figures."""
