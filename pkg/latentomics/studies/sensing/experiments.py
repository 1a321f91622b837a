"""Who decodes best: every decoder on the same measurements of the same samples."""

from dataclasses import dataclass
from itertools import product

import numpy as np
import pandas as pd
from sklearn.model_selection import GroupShuffleSplit, ShuffleSplit, train_test_split
from sklearn.preprocessing import MinMaxScaler

from latentomics.base import check_choice
from latentomics.data import load, read_labels, read_table
from latentomics.sensing.linear import LinearMMSE
from latentomics.sensing.measurement import (
    GaussianMeasurement,
    SignatureGenes,
    add_noise,
    noise_variance,
)
from latentomics.sensing.profiles import pseudobulk, top_genes
from latentomics.sensing.scores import scores
from latentomics.studies.sensing.contenders import (
    dictionary_decoders,
    generative_decoders,
    network_decoders,
    prior_decoders,
)
from latentomics.studies.sensing.simulate import planted_modules

N_GENES = 500  # of the papers
LEAST = 20  # samples, and genes, of a user's table
TEST_SHARE = 0.2  # of the papers
SPLITS = ("samples", "groups")
LEAST_SPREAD = 0.1  # of a gene, as a share of the median range


@dataclass
class Split:
    """Profiles from 0 to 1 on the training samples, gene by gene.

    Attributes
    ----------
    train, test : DataFrame
        Samples x genes; test values may leave 0 to 1.
    train_groups, test_groups : array
        Tissue or type of each sample; numbers of rows where none is known.
    """

    train: pd.DataFrame
    test: pd.DataFrame
    train_groups: np.ndarray
    test_groups: np.ndarray


def split_profiles(data="gtex", *, by="samples", groups=None, random_state=0):
    """Return training and test profiles of one of the sets of this part.

    Parameters
    ----------
    data : str
        "gtex", tissues; "pbmc", sums of 50 sorted blood cells, training and test
        samples made of different cells, the 500 genes that vary most; "synthetic",
        planted modules; or the path of a table, samples x genes on a log scale, of
        whose genes the 500 that vary most are taken.
    by : {"samples", "groups"}, default="samples"
        Draw a fifth of the samples for testing, or all samples of a fifth of the
        tissues or types, which then nobody has seen. Then genes are left out that
        hardly vary in training (less than a tenth of what the median gene does): a
        scale from 0 to 1 would blow up what other tissues do with them.
    groups : path, optional
        For a table of one's own: a table of labels, a row per sample, whose first
        column names the samples of `data` in any order; the second is taken, such as
        the study or the tissue.
    random_state : int, default=0

    Returns
    -------
    Split

    Raises
    ------
    ValueError
        If `by` is neither, or "groups" is asked of sorted cells or of a table without
        `groups`; if a sample has no label, or two; if a table has a gap, or fewer than
        20 samples or genes.
    """
    check_choice("by", by, SPLITS)
    if data == "pbmc":
        check_choice("by of 'pbmc'", by, SPLITS[:1])
        return _scaled(*_blood(random_state))
    X, known = _profiles(data, random_state)
    if groups is not None:
        known = labels_of(X.index, groups)
    if known is None:
        check_choice("by of a table without groups", by, SPLITS[:1])
        known = np.arange(len(X))
    draw = {"n_splits": 1, "test_size": TEST_SHARE, "random_state": random_state}
    if by == "samples":
        train, test = next(ShuffleSplit(**draw).split(X))
    else:
        train, test = next(GroupShuffleSplit(**draw).split(X, groups=known))
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
    """Return the first column of labels of samples, in their order.

    Raises
    ------
    ValueError
        As :func:`latentomics.data.read_labels`, or if a sample has no label.
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
    """Return pseudobulk samples of training cells, and of others."""
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
    """Measure the test samples, decode them by every method, and score each.

    Parameters
    ----------
    split : Split
    ms : sequence of int
        Numbers of measurements.
    snr : float
    networks : bool, default=True
        Whether to train networks too, which takes most of the time.
    random_state : int, default=0
        Of the measurements, the noise, and whatever methods draw.
    device : {"auto", "cpu", "cuda"}, default="auto"
    progress : callable, optional
        As ``tqdm.auto.tqdm``, called with an iterable and `total`.

    Returns
    -------
    DataFrame
        `method`, `decoder` ("correct" or "legacy"), `m`, `snr`, and :func:`scores`.
        "training_mean" never looks at the measurements, and "signature_genes"
        measures single genes in place of sums.
    """
    train, test = split.train.to_numpy(), split.test.to_numpy()
    given = {"random_state": random_state, "device": device}
    cases = {m: _measured(train, test, m, snr, random_state) for m in ms}
    rows, smaf = [], {}
    makers = [dictionary_decoders, prior_decoders, generative_decoders]
    makers = makers if networks else makers[:2]
    for make in progress(makers, total=len(makers)) if progress else makers:
        decoders = make(train, **given)
        smaf |= {key: d for key, d in decoders.items() if key[0] == "smaf"}
        for (key, model), (m, case) in product(decoders.items(), cases.items()):
            rows.append((*key, m, scores(test, model.decode(*case))))
    trained = network_decoders(*smaf.values(), **given) if networks else {}
    jobs = list(product(trained.items(), cases.items()))
    for (key, model), (m, (Y, A, noise)) in (
        progress(jobs, total=len(jobs)) if progress and jobs else jobs
    ):
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
    """Return the mean of each gene, and what single genes would have told."""
    genes = SignatureGenes(m).fit(train)
    Y = genes.transform(add_noise(test, snr, random_state=seed))
    noise = noise_variance(test, snr)
    found = {
        "training_mean": np.tile(train.mean(axis=0), (len(test), 1)),
        "signature_genes": LinearMMSE().fit(train).decode(Y, genes.components_, noise),
    }
    return [(k, "correct", m, scores(test, X_hat)) for k, X_hat in found.items()]
