"""Part II: its made data, contenders, experiments and figures."""
