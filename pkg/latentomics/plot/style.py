"""One colour per method through the whole book, and quiet axes."""

import matplotlib as mpl

# Okabe and Ito's colours, which colour-blind readers can tell apart; methods that
# share a picture differ in lightness too, so that a grey print stays legible.
BLACK, GREY = "#000000", "#8c8c8c"
BLUE, SKY, GREEN = "#0072b2", "#56b4e9", "#009e73"
NAVY, BROWN = "#1b2a6b", "#7a5230"
ORANGE, RED, PINK, YELLOW = "#e69f00", "#d55e00", "#cc79a7", "#f0e442"

# method name in the results tables -> colour
COLORS = {
    "measured": BLACK,
    "constant": GREY,
    "perfect": BLACK,
    "soft_impute": SKY,
    "nuclear_ball": YELLOW,
    "robust_pca": BROWN,
    "stable_pcp": GREEN,
    "dual_branch": RED,
    "dmf_published": ORANGE,
    "dmf_huber": PINK,
    "rt_dmf": BLUE,
    "rt_dmf_mean": NAVY,
    "general_sensitivity": RED,
    "trace_norm": BLUE,
    "hybrid": NAVY,
    "ridge": GREEN,
    "elastic_net": ORANGE,
    "kbmtl": PINK,
    "nearest_drug": RED,
    "effects": BROWN,
    "tissue_mean": YELLOW,
    "drug_mean": GREY,
}
# method name in the results tables -> label in figures
LABELS = {
    "measured": "as measured",
    "constant": "constant (median)",
    "perfect": "true low rank",
    "soft_impute": "SoftImpute",
    "nuclear_ball": "nuclear-norm ball",
    "robust_pca": "robust PCA",
    "stable_pcp": "stable PCP",
    "dual_branch": "dual-branch NMF",
    "dmf_published": "DMF + threshold, as published",
    "dmf_huber": "DMF with Huber loss",
    "rt_dmf": "RT-DMF, in-loop",
    "rt_dmf_mean": "RT-DMF, mean of starts",
    "general_sensitivity": "general sensitivity removed",
    "trace_norm": "trace norm",
    "hybrid": "trace norm + other drugs",
    "ridge": "ridge",
    "elastic_net": "elastic net",
    "kbmtl": "KBMTL",
    "nearest_drug": "nearest drug",
    "effects": "drug + line effects",
    "tissue_mean": "mean of the tissue",
    "drug_mean": "mean of the drug",
}
STYLE = {
    "figure.figsize": (5.5, 3.4),
    "figure.dpi": 110,
    "figure.constrained_layout.use": True,
    "savefig.dpi": 110,
    "font.size": 9.5,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.titlesize": 10,
    "axes.titlelocation": "left",
    "legend.frameon": False,
    "lines.linewidth": 1.6,
    "image.cmap": "viridis",
    "svg.hashsalt": "latentomics",
}


def use_style():
    """Set matplotlib to the style of the book."""
    mpl.rcParams.update(STYLE)
