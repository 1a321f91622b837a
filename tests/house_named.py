"""Functions of two named tables, how each is called, and which need no trial."""

import numpy as np
import pandas as pd

from latentomics import metrics, sensing, signatures
from latentomics.denoise import enriched
from latentomics.multitask import PathSearch, RidgePerTask
from latentomics.sensing import pseudobulk
from latentomics.sensing.scores import scores
from latentomics.signatures.channels import CHANNELS, correct_opportunities
from latentomics.signatures.similarity import similarity
from latentomics.solvers.pursuit import pursuit_path
from latentomics.studies.denoise import concordance, downstream, implicit_rank
from latentomics.studies.denoise.downstream_network import (
    pretrained_predictions,
    threshold_table,
)
from latentomics.studies.multitask import comparisons, drug_groups, weights
from latentomics.studies.multitask.contenders import rivals
from latentomics.studies.multitask.experiments import (
    Predictions,
    group_table,
    nested_cv,
)
from latentomics.studies.multitask.label_noise import (
    informative_as_published,
    informative_calibrated,
)
from latentomics.studies.sensing import conformal, theory
from latentomics.studies.signatures import calibration
from latentomics.studies.signatures.domains import two_domains


def named(M, columns="gene"):
    frame = pd.DataFrame(M).rename("sample {}".format)
    return frame.rename(columns=f"{columns} {{}}".format) if M.ndim == 2 else frame[0]


RNG = np.random.default_rng(0)
A6, B6 = (named(RNG.normal(size=(8, 6))) for _ in range(2))
A24, B24 = (named(RNG.normal(size=(24, 6))) for _ in range(2))
C6 = named(RNG.poisson(9, (8, 6)) + 1)
TRUE6 = A6 > 0
LABELS = pd.Series(list("aabbaabb"), A6.index)
GENES = pd.Series(list("aabbcc"), A6.columns)
HALF = pd.Series([True, False] * 3, A6.columns)
CLASSES = pd.Series(np.arange(24) % 2, A24.index)
FOLDS = pd.Series(np.arange(8) % 3, A6.index)
C24, D24 = (named(RNG.poisson(9, (24, 6)) + 1) for _ in range(2))
SBS = pd.DataFrame(RNG.poisson(9, (3, 96)) + 1.0, columns=CHANNELS)
CONTEXTS = sorted({c[0] + c[2] + c[-1] for c in CHANNELS})
REGIONS = pd.DataFrame(RNG.uniform(1, 2, (32, 2)), CONTEXTS, ["exome", "genome"])
SEEN = {"seen": TRUE6 | True, "block": TRUE6, "eta": 0.1}
GUESSED = Predictions(A6, "inductive", {"one": A6.to_numpy() + B6.to_numpy()[None]})
GUESSED.values["two"] = 2 * GUESSED.values["one"]
RIDGE = PathSearch(RidgePerTask(), [{"multiple": 1.0}])
CV = {"setting": "inductive", "n_splits": 2, "n_repeats": 1}


def fields(call):
    return lambda *given: vars(call(*given))


def domains(lines=C24, y=CLASSES, patients=D24, truth=CLASSES, **given):
    return two_domains(lines, y, patients, truth, n_lines=8, n_test=8, **given)


def scored(D=A6, L_hat=B6, S_true=B6, **given):
    return metrics.spike_scores(D, L_hat, S_true, **(SEEN | given))


def blank(F, X, folds=FOLDS):
    return downstream.elastic_net_predictions(F, X, downstream.as_measured, folds, [0])


SNMF = signatures.SupervisedNMF(2, n_runs=2, warm_up=2, max_iter=9)
# function and argument -> the call, two tables, and the axes of the second they share
FUNCTIONS = {
    "denoise.clustering_table groups": (
        lambda a, b: downstream.clustering_table(
            {"v": {"s": a}}, {("s", "lines"): b}, n_shuffles=2
        ).drop(columns="chance"),
        A6,
        LABELS,
        [0],
    ),
    "denoise.compare versions": (
        lambda a, b: concordance.compare(
            {"s": a, "t": a},
            {"v": {"s": b, "t": a}},
            pd.DataFrame({"s": a.columns, "t": a.columns}),
            a.index,
        )["v", "filled"],
        A6,
        B6,
        [0, 1],
    ),
    "denoise.drug_mean_predictions folds": (
        downstream.drug_mean_predictions,
        A6,
        FOLDS,
        [0],
    ),
    "denoise.drug_means validation": (downstream.drug_means, A6, TRUE6, [0, 1]),
    "denoise.line_and_drug_means validation": (
        downstream.line_and_drug_means,
        A6,
        TRUE6,
        [0, 1],
    ),
    "denoise.nearest_lines validation": (
        downstream.nearest_lines,
        A6,
        TRUE6,
        [0, 1],
    ),
    "denoise.elastic_net_predictions F": (
        lambda X, F: blank(F, X),
        A6,
        B6,
        [0],
    ),
    "denoise.elastic_net_predictions folds": (
        lambda X, folds: blank(B6, X, folds),
        A6,
        FOLDS,
        [0],
    ),
    "denoise.eta_squared groups": (implicit_rank.eta_squared, A6, LABELS, [0]),
    "denoise.singular_value_paths held": (
        lambda a, b: implicit_rank.singular_value_paths(a, b, n_iter=3, look_every=1),
        A6,
        TRUE6,
        [0, 1],
    ),
    "denoise.prediction_table predictions": (
        lambda a, b: downstream.prediction_table(
            {"drug_mean": a, "p": b}, {"t": a + 1}, TRUE6
        ),
        A6,
        B6,
        [0, 1],
    ),
    "denoise.prediction_table truths": (
        lambda a, b: downstream.prediction_table({"drug_mean": a}, {"t": b}, TRUE6),
        A6,
        B6,
        [0, 1],
    ),
    "denoise.prediction_table seen": (
        lambda a, b: downstream.prediction_table({"drug_mean": a}, {"t": B6}, b),
        A6,
        TRUE6,
        [0, 1],
    ),
    "denoise.enriched_spikes seen": (
        lambda a, b: enriched.enriched_spikes(a, b, TRUE6[:3], fdr=0.9),
        TRUE6.astype(int),
        TRUE6 | True,
        [0, 1],
    ),
    "denoise.enriched_spikes masks": (
        lambda a, b: enriched.enriched_spikes(a, TRUE6 | True, b, fdr=0.9),
        TRUE6.astype(int),
        TRUE6[:3],
        [1],
    ),
    "denoise.pretrained_predictions folds": (
        lambda a, b: pretrained_predictions(A6, B6, a, b),
        A6,
        FOLDS,
        [0],
    ),
    "denoise.pretrained_predictions F": (
        lambda a, b: pretrained_predictions(b, A6, a, FOLDS),
        B6,
        C6 / 9,
        [0],
    ),
    "denoise.threshold_table versions": (
        lambda a, b: threshold_table(
            B6, {"none": {"s": a, "t": a}, "1": {"s": a, "t": b}}, ("s", "t")
        ),
        A6,
        B6,
        [0, 1],
    ),
    "metrics.spearman_matrix B": (
        lambda a, b: vars(metrics.spearman_matrix(a, b)),
        A6,
        B6,
        [0],
    ),
    "metrics.clustering_accuracy labels_pred": (
        metrics.clustering_accuracy,
        LABELS,
        LABELS[::-1].set_axis(A6.index),
        [0],
    ),
    "metrics.enrichment groups": (fields(metrics.enrichment), TRUE6, B6 > 0, [1]),
    "metrics.enrichment universe": (
        lambda a, b: vars(metrics.enrichment(a, B6 > 0, b)),
        TRUE6,
        TRUE6 | (B6 > 0),
        [0, 1],
    ),
    "metrics.spike_scores L_hat": (lambda a, b: scored(a, b), A6, B6, [0, 1]),
    "metrics.spike_scores S_true": (lambda a, b: scored(S_true=b), A6, B6, [0, 1]),
    "metrics.spike_scores seen": (lambda a, b: scored(seen=b), A6, TRUE6, [0, 1]),
    "metrics.spike_scores block": (lambda a, b: scored(block=b), A6, TRUE6, [0, 1]),
    "multitask.agreement groups": (weights.agreement, LABELS, LABELS, [0]),
    "multitask.with_own_group groups": (
        drug_groups.with_own_group,
        LABELS,
        LABELS,
        [0],
    ),
    "multitask.half_sample_agreement groups": (
        lambda a, b: drug_groups.half_sample_agreement({"W": a}, b, 2, n_draws=3),
        A6,
        GENES,
        [0],
    ),
    "multitask.clustering_table groups": (
        lambda a, b: weights.clustering_table({"W": a}, b, 2),
        A6,
        GENES,
        [0],
    ),
    "multitask.compare drugs": (
        lambda a, b: comparisons.compare(a, "one", "two", drugs=b, n_resamples=9),
        GUESSED,
        HALF,
        [0],
    ),
    "multitask.within_groups groups": (
        comparisons.within_groups,
        GUESSED,
        LABELS,
        [0],
    ),
    "multitask.enriched_sets genes": (
        lambda a, b: weights.enriched_sets(
            a, b, pd.DataFrame([[True, False]], ["set"], ["a", "b"]), n_top=2
        ),
        A6.T,
        GENES,
        [0],
    ),
    "multitask.unique_genes genes": (weights.unique_genes, TRUE6, GENES, [0]),
    "multitask.group_table Y": (
        lambda Y, X: group_table(RIDGE, X, Y, [2], "toy", **CV),
        A24,
        B24,
        [0],
    ),
    "multitask.nested_cv methods": (
        lambda Y, X: nested_cv({"ridge": (RIDGE, X)}, Y, **CV).values,
        A24,
        B24,
        [0],
    ),
    "multitask.informative_as_published Y": (
        lambda a, b: informative_as_published(a, b, n_resamples=3, n_permutations=3),
        A24,
        B24,
        [0],
    ),
    "multitask.informative_calibrated Y": (
        lambda a, b: informative_calibrated(a, b, n_repeats=2, n_permutations=3),
        A24,
        B24,
        [0],
    ),
    "multitask.rivals tissue": (
        lambda a, b: rivals(a, "inductive", tissue=b)["tissue_mean"][1],
        A6,
        LABELS,
        [0],
    ),
    "signatures.refit_exposures signatures": (
        signatures.refit_exposures,
        C6,
        C6[:3],
        [1],
    ),
    "signatures.unexplained signatures": (signatures.unexplained, C6, C6[:3], [1]),
    "signatures.bootstrap_exposures signatures": (
        lambda a, b: signatures.bootstrap_exposures(a, b, n_resamples=3),
        C6,
        C6[:3],
        [1],
    ),
    "signatures.correct_opportunities frequencies": (
        correct_opportunities,
        SBS,
        REGIONS,
        [0],
    ),
    "signatures.reliability_table correct": (
        calibration.reliability_table,
        pd.Series(np.linspace(0, 1, 6), HALF.index),
        HALF,
        [0],
    ),
    "signatures.similarity reference": (
        lambda a, b: similarity(a, b).to_numpy(),
        SBS,
        SBS + SBS[::-1].to_numpy(),
        [1],
    ),
    "signatures.two_domains line_labels": (
        lambda a, b: domains(a, b),
        C24,
        CLASSES,
        [0],
    ),
    "signatures.two_domains patients": (
        lambda a, b: domains(a, patients=b, truth=CLASSES.to_numpy()),
        C24,
        D24,
        [1],
    ),
    "signatures.two_domains patient_labels": (
        lambda a, b: domains(patients=a, truth=b),
        D24,
        CLASSES,
        [0],
    ),
    "signatures.two_domains pool": (
        lambda a, b: domains(a, pool=b),
        C24,
        D24,
        [1],
    ),
    "signatures.two_domains line_groups": (
        lambda a, b: domains(a, line_groups=b),
        C24,
        pd.Series(np.arange(24) // 2, C24.index),
        [0],
    ),
    "signatures.two_domains line_kin": (
        lambda a, b: domains(a, line_kin=b),
        C24,
        pd.Series(np.arange(24) // 2, C24.index),
        [0],
    ),
    "signatures.consensus runs": (
        lambda a, b: signatures.consensus([a, b])[1],
        C6,
        C6 + C6[::-1].to_numpy(),
        [1],
    ),
    "signatures.select y": (
        lambda a, b: signatures.select(SNMF, a, b, {"n_components": [2]}).table,
        C24,
        CLASSES,
        [0],
    ),
    "signatures.select groups": (
        lambda a, b: (
            signatures.select(SNMF, a, CLASSES, {"n_components": [2]}, groups=b).table
        ),
        C24,
        pd.Series(np.arange(24) // 2, C24.index),
        [0],
    ),
    "sensing.pseudobulk labels": (
        lambda a, b: pseudobulk(a, b, 2, 4),
        C6,
        LABELS,
        [0],
    ),
    "sensing.pursuit Y": (lambda a, b: sensing.pursuit(a, b, 2), A6, B6, [1]),
    "solvers.pursuit_path Y": (
        lambda a, b: pursuit_path(a, b, 2).codes(2),
        A6,
        B6,
        [1],
    ),
    "sensing.conformal_radius X_hat": (
        lambda a, b: conformal.conformal_radius(a, b, 0.5),
        A6,
        B6,
        [0, 1],
    ),
    "sensing.scores X_hat": (scores, A6, B6, [0, 1]),
    "sensing.distance_distortion A": (theory.distance_distortion, A6, B6[:3], [1]),
}


# Where names cannot disagree, and why: of whole files, or of functions and methods
CHECKED = "tensors and arrays that an estimator has read: names end at its door"
PICTURES = "figures take arrays in the order in which they are drawn"
EXEMPT_FILES = {
    "studies.denoise.figures": PICTURES,
    "studies.multitask.figures": PICTURES,
    "studies.signatures.figures": PICTURES,
    "denoise.chain": CHECKED,
    "linalg": CHECKED,
    "solvers.admm": CHECKED,
    "solvers.loop": CHECKED,
    "solvers.proximal": CHECKED,
    "signatures.blocks": CHECKED,
    "signatures.extrapolation": CHECKED,
    "signatures.runs": CHECKED,
    "signatures.pseudo_label": CHECKED,
    "sensing.sparse_modules": CHECKED,
    "studies.denoise.experiments": "made sets, which are arrays",
}
PLACES = "one table, and places or names in it"
EXEMPT_ARGUMENTS = {
    "denoise.elastic_net_predictions drugs": PLACES,
    "denoise.compare pairs": "names to look up",
    "denoise.compare lines": "names to look up",
    "denoise.pretrained_predictions first": "shares no lines or drugs with the others",
    "multitask.enriched_sets sets": "genes are looked up by name; most are in no set",
}
EXEMPT = {
    "data.Archs4.read": PLACES,
    "data.Archs4.batches": PLACES,
    "data.membership": "matches names itself",
    "data.shared_drugs": "matches names itself",
    "denoise.as_measured": PLACES,
    "denoise.knn_filled": PLACES,
    "denoise.respond": CHECKED,
    "denoise.train": CHECKED,
    "multitask.training_cells": PLACES,
    "signatures.planted_domains": "looks up signatures and channels by name",
    "solvers.pursuit": "is sensing.pursuit",
    "denoise.group_masks": "matches names itself",
    "multitask.held_out_residuals": CHECKED,
    "multitask.cv_error_form": CHECKED,
    "multitask.error_form": CHECKED,
    "multitask.residuals": CHECKED,
    "multitask.InductiveKFold.split": "looks at the length of Y only",
    "multitask.InductiveKFold.get_n_splits": "looks at none of them",
    "metrics.boolean_matrix": "one mask, and what it is called",
    "metrics.hypergeometric_tail": "numbers",
    "signatures.cosine": CHECKED,
    "sensing.labels_of": "reads labels by name",
}
