"""Part III: its made data, contenders, experiments and figures."""
