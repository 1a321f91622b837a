"""Part V: its made data, contenders, experiments and figures."""
