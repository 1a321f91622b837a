"""Comparison of all decoders on the same measurements of the same samples."""

from dataclasses import dataclass
from itertools import product

import numpy as np
import pandas as pd
from sklearn.model_selection import GroupShuffleSplit, ShuffleSplit, train_test_split
from sklearn.preprocessing import MinMaxScaler

from latentomics.checks import check_choice
from latentomics.data import load, read_labels, read_table
from latentomics.sensing.linear import LinearMMSE
from latentomics.sensing.measurement import (
    GaussianMeasurement,
    SignatureGenes,
    add_noise,
    noise_variance,
)
from latentomics.sensing.pseudobulk import pseudobulk, top_genes
from latentomics.sensing.scores import scores
from latentomics.studies.sensing.contenders import (
    dictionary_decoders,
    generative_decoders,
    network_decoders,
    prior_decoders,
)
from latentomics.studies.sensing.simulate import planted_modules

N_GENES = 500  # as in the papers
LEAST = 20  # samples and genes of a user's table
TEST_SHARE = 0.2  # as in the papers
FOLDS = {"samples": ShuffleSplit, "groups": GroupShuffleSplit}
LEAST_SPREAD = 0.1  # of a gene, relative to the median range


@dataclass
class Split:
    """Profiles with each gene scaled to [0, 1] on the training samples.

    Attributes
    ----------
    train, test : DataFrame
        Samples x genes; test values may lie outside [0, 1].
    train_groups, test_groups : array
        Tissue or type of each sample; row numbers if unknown.
    """

    train: pd.DataFrame
    test: pd.DataFrame
    train_groups: np.ndarray
    test_groups: np.ndarray


def split_profiles(data="gtex", *, by="samples", groups=None, random_state=0):
    """Return training and test profiles of one of the data sets of part V.

    Parameters
    ----------
    data : str
        "gtex", tissues; "pbmc", sums of 50 sorted blood cells, with different cells in
        training and test samples and the 500 most variable genes; "synthetic", planted
        modules; or the path of a table, samples x genes on a log scale, of which the
        500 most variable genes are kept.
    by : {"samples", "groups"}, default="samples"
        Hold out a fifth of the samples, or all samples of a fifth of the tissues or
        types. In the second case, genes whose range in training is at most a tenth of
        the median range are dropped: scaling to [0, 1] would inflate their values in
        unseen tissues.
    groups : path, optional
        For a user's table: a table of labels, one row per sample, whose first column
        names the samples of `data` in any order and whose second is used, such as the
        study or the tissue.
    random_state : int, default=0

    Returns
    -------
    Split

    Raises
    ------
    ValueError
        If `by` is invalid, or "groups" for sorted cells or a table without `groups`; if
        a sample has no label or two labels; if a table has a gap, or fewer than 20
        samples or genes.
    """
    check_choice("by", by, FOLDS)
    if data == "pbmc":
        check_choice("by of 'pbmc'", by, ["samples"])
        return _scaled(*_blood(random_state))
    X, known = _profiles(data, random_state)
    if groups is not None:
        known = labels_of(X.index, groups)
    if known is None:
        check_choice("by of a table without groups", by, ["samples"])
        known = np.arange(len(X))
    splitter, together = FOLDS[by], known if by == "groups" else None
    draw = splitter(1, test_size=TEST_SHARE, random_state=random_state)
    train, test = next(draw.split(X, groups=together))
    if X.shape[1] > N_GENES:
        X = X[top_genes(X.iloc[train], N_GENES)]
    if by == "groups":
        spread = np.ptp(X.iloc[train], axis=0)
        X = X.loc[:, spread > LEAST_SPREAD * np.median(spread)]
    return _scaled(X.iloc[train], X.iloc[test], known[train], known[test])


def _profiles(data, random_state):
    if data == "gtex":
        tissue = load("gtex_tissues", table="samples")["tissue"]
        return load("gtex_tissues"), tissue.to_numpy()
    if data == "synthetic":
        made = planted_modules(random_state=random_state)
        return made.X, np.asarray(made.types)
    X = read_table(data)
    gaps = X.columns[X.isna().any()]
    if len(gaps) or min(X.shape) < LEAST:
        got = f"a gap in column {gaps[0]!r}" if len(gaps) else f"shape {X.shape}"
        raise ValueError(
            f"data must be a table without gaps, at least {LEAST} samples x {LEAST} "
            f"genes; got {got}"
        )
    return X, None


def labels_of(samples, path):
    """Return the first label of each sample, in the order of `samples`.

    Raises
    ------
    ValueError
        As in :func:`latentomics.data.read_labels`, or if a sample has no label.
    """
    labels = read_labels(path, samples).iloc[:, 0]
    missing = samples[labels.isna()]
    if len(missing):
        raise ValueError(
            f"groups must have one label of each sample; got none of {missing[0]!r} in "
            f"{path}"
        )
    return labels.to_numpy()


def _blood(random_state):
    """Return pseudobulk samples of training cells and of test cells, with types."""
    counts, kinds = load("pbmc"), load("pbmc", table="samples")["cell_type"]
    cells = np.arange(len(counts))
    parts = train_test_split(
        cells, test_size=0.4, stratify=kinds, random_state=random_state
    )
    made = [
        pseudobulk(counts.iloc[some], kinds.iloc[some], 50, n, random_state)
        for some, n in zip(parts, (800, 200), strict=True)
    ]
    (train, train_kinds), (test, test_kinds) = made
    genes = top_genes(train, N_GENES)
    return train[genes], test[genes], train_kinds.to_numpy(), test_kinds.to_numpy()


def _scaled(train, test, train_groups, test_groups):
    scaler = MinMaxScaler().set_output(transform="pandas").fit(train)
    return Split(
        scaler.transform(train), scaler.transform(test), train_groups, test_groups
    )


def decoding_table(
    split, *, ms, snr, networks=True, random_state=0, device="auto", progress=None
):
    """Measure the test samples, decode them with every method, and score the results.

    Parameters
    ----------
    split : Split
    ms : sequence of int
        Numbers of measurements.
    snr : float
    networks : bool, default=True
        Whether to train networks too, which takes most of the time.
    random_state : int, default=0
        Seed of the measurements, the noise and the methods.
    device : {"auto", "cpu", "cuda"}, default="auto"
    progress : callable, optional
        Like ``tqdm.auto.tqdm``; called with an iterable and `total`.

    Returns
    -------
    DataFrame
        `method`, `decoder` ("correct" or "legacy"), `m`, `snr`, and :func:`scores`.
        "training_mean" ignores the measurements, and "signature_genes" measures single
        genes instead of sums.
    """
    train, test = split.train.to_numpy(), split.test.to_numpy()
    given = {"random_state": random_state, "device": device}
    cases = {m: _measured(train, test, m, snr, random_state) for m in ms}
    rows, smaf = [], {}
    makers = [dictionary_decoders, prior_decoders, generative_decoders]
    makers = makers if networks else makers[:2]

    def shown(steps):
        return progress(steps, total=len(steps)) if progress and steps else steps

    for make in shown(makers):
        decoders = make(train, **given)
        smaf |= {key: d for key, d in decoders.items() if key[0] == "smaf"}
        for (key, model), (m, case) in product(decoders.items(), cases.items()):
            rows.append((*key, m, scores(test, model.decode(*case))))
    trained = network_decoders(*smaf.values(), **given) if networks else {}
    jobs = list(product(trained.items(), cases.items()))
    for (key, model), (m, (Y, A, noise)) in shown(jobs):
        rows.append((*key, m, scores(test, model.fit(train, A, noise).decode(Y))))
    for m in ms:
        rows += _others(train, test, m, snr, random_state)
    facts = [{"method": k, "decoder": d, "m": m, "snr": snr} | s for k, d, m, s in rows]
    return pd.DataFrame(facts)


def _measured(train, test, m, snr, seed):
    unlike = min(1.0, max(0.2, 4 / train.shape[1] ** 0.5))  # few genes, little room
    A = GaussianMeasurement(m, max_correlation=unlike, random_state=seed)
    A = A.fit(train).components_
    Y = add_noise(test, snr, random_state=seed) @ A.T
    return Y, A, noise_variance(test, snr)


def _others(train, test, m, snr, seed):
    """Return the scores of predicting the mean, and of decoding single genes."""
    genes = SignatureGenes(m).fit(train)
    Y = genes.transform(add_noise(test, snr, random_state=seed))
    noise = noise_variance(test, snr)
    found = {
        "training_mean": np.tile(train.mean(axis=0), (len(test), 1)),
        "signature_genes": LinearMMSE().fit(train).decode(Y, genes.components_, noise),
    }
    return [(k, "correct", m, scores(test, X_hat)) for k, X_hat in found.items()]
