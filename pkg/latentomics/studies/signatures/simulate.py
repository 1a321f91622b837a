"""Simulated cell lines and patients that share mutational processes, with the truth."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from latentomics.base import check_depth
from latentomics.checks import check_not_negative, check_positive, check_whole
from latentomics.signatures.channels import align_channels, to_profiles

# process that defines the class -> a similar one that patients have in addition
SISTERS = {"SBS2": "SBS13", "SBS4": "SBS29", "SBS7a": "SBS7b", "SBS44": "SBS6"}
CULTURE = "SBS18"  # oxidative damage in cell culture
AGEING = ("SBS1", "SBS5")  # clock-like in every tissue
PROCESSES = (*SISTERS, *SISTERS.values(), CULTURE, *AGEING)
CLOCK = 0.6  # largest share of SBS1 in the background of a patient
CLOCK_SHAPE = 4.0  # of the beta distribution from 0 to CLOCK
LINE_SPREAD, PATIENT_SPREAD = 0.5, 0.6  # standard deviation of ln(depth)
LEAST = 20  # mutations in a sample
# What the ancestry filter removed from 929 real cell lines, as a mix of two signatures:
# non-negative least squares on the exome's SBS1 and SBS5 gives these shares, and a
# cosine of .98 with all that was removed. A test recomputes both.
GERMLINE = {"SBS1": 0.14, "SBS5": 0.86}


@dataclass(frozen=True)
class MadeSamples:
    """Samples of one domain; a method may see `counts`, perhaps `labels`."""

    counts: pd.DataFrame  # samples x 96, whole numbers
    labels: pd.Series  # sample -> class, the name of its signature
    exposures: pd.DataFrame  # samples x processes: expected share of the mutations
    parents: pd.Series  # sample -> parent line; a patient is its own parent


@dataclass(frozen=True)
class PlantedDomains:
    """Two simulated domains: labelled cell lines, patients with hidden labels."""

    train: MadeSamples  # cell lines to learn from
    test: MadeSamples  # cell lines of other parents
    pool: MadeSamples  # patients to learn from, without their labels
    patients: MadeSamples  # patients to judge by
    signatures: pd.DataFrame  # processes x 96, rows sum to 1


def planted_domains(
    signatures,
    n_lines=60,
    n_patients=60,
    *,
    n_parents=10,
    culture=(0.2, 0.6),
    background=(0.75, 0.95),
    sister=0.3,
    germline=0.0,
    residue=None,
    depth=300,
    random_state=0,
):
    r"""Simulate cell lines and patients that share four processes but differ otherwise.

    .. math::
        \text{line:}\; (1 - a) s_k + a\, s_{18}, \qquad
        \text{patient:}\; (1 - b) \big[(1 - \delta) s_k + \delta s_{k'}\big]
            + b \big[r s_1 + (1 - r) s_5\big]

    (book: ``eq-planted-domains``). Class k is one of SBS2, SBS4, SBS7a and SBS44.
    Lines also have the signature of cell culture, SBS18. Patients also have a sister
    of the class signature (SBS13, SBS29, SBS7b, SBS6), and most of their mutations are
    due to ageing, SBS1 and SBS5. Lines of one parent have the same a and differ by
    chance alone. Counts are multinomial; depths are log-normal.

    `germline` adds inherited variants to every line: Poisson counts of one spectrum,
    with the same mean in all lines. The somatic counts do not depend on it.

    Parameters
    ----------
    signatures : DataFrame of shape (n_signatures, 96)
        With the eleven rows named above, as ``load("cosmic_sbs")``; channels are
        aligned by name, rows scaled to sum to 1.
    n_lines, n_patients : int, default=60, 60
        Samples of each class, in each of the two parts.
    n_parents : int, default=10
        Parent lines per class. Train and test have different parents.
    culture : (float, float), default=(0.2, 0.6)
        Lowest and highest share a of SBS18.
    background : (float, float), default=(0.75, 0.95)
        Lowest and highest share b of the background.
    sister : float, default=0.3
        Share :math:`\delta` of the sister signature, from 0 to 1.
    germline : float, default=0.0
        Share of inherited variants among all mutations of the lines, at least 0 and
        below 1. In the real lines it was .87 (median) before filtering.
    residue : Series of shape (96,), optional
        Spectrum of the inherited variants, by channel. By default 14% SBS1 and 86%
        SBS5, a fit to what the ancestry filter removed from the real lines.
    depth : float, default=300
        Median number of somatic mutations in a sample; at least 20 are drawn.
    random_state : int, default=0

    Returns
    -------
    PlantedDomains

    Notes
    -----
    The default residue has the same signatures as the patients' background. At the
    default background, a larger `germline` therefore makes lines *more* like patients,
    and a classifier of the raw channels gains in patients what it loses in lines.
    For inherited variants unlike both domains, pass another `residue`.

    Raises
    ------
    ValueError
        If an argument is out of the range above, or `signatures` or `residue` lacks a
        row or a channel.
    """
    check_whole(n_lines=n_lines, n_patients=n_patients, n_parents=n_parents)
    check_whole(at_least=0, random_state=random_state)
    check_positive(depth=depth)
    _check_ranges(culture=culture, background=background)
    _check_shares(sister=sister, germline=germline)
    if germline == 1:
        raise ValueError("germline must be below 1; got 1")
    S = _processes(signatures, residue)
    somatic = np.random.default_rng([random_state, 0])
    lines = [
        _lines(somatic, part, n_lines, n_parents, culture, depth, S)
        for part in ("train", "test")
    ]
    tumours = [
        _patients(somatic, part, n_patients, background, sister, depth, S)
        for part in ("pool", "patient")
    ]
    if germline > 0:
        born = np.random.default_rng([random_state, 1])
        mean = np.mean([part.counts.sum(axis=1).mean() for part in lines])
        number = mean * germline / (1 - germline)
        check_depth(mean + number, depth)
        lines = [_with_variants(born, part, number, S) for part in lines]
    return PlantedDomains(*lines, *tumours, signatures=S)


def _check_ranges(**ranges):
    for name, bounds in ranges.items():
        number = np.size(bounds) == 2 and all(np.isreal(b) for b in bounds)
        if not number or not 0 <= bounds[0] <= bounds[1] <= 1:
            raise ValueError(
                f"{name} must be two shares, lowest and highest; got {bounds!r}"
            )


def _check_shares(**shares):
    check_not_negative(**shares)
    for name, share in shares.items():
        if share > 1:
            raise ValueError(f"{name} must be at most 1; got {share!r}")


def _processes(signatures, residue):
    """Return processes x 96: the simulated ones and the germline spectrum."""
    S = align_channels(signatures, "signatures")
    missing = [name for name in PROCESSES if name not in S.index]
    if missing:
        raise ValueError(
            f"signatures must have a row for each of {PROCESSES}; {missing[0]} is "
            f"missing"
        )
    S = to_profiles(S.loc[list(PROCESSES)], "signatures")
    if residue is None:
        residue = sum(share * S.loc[name] for name, share in GERMLINE.items())
    spectrum = pd.DataFrame([residue], ["germline"])
    spectrum = to_profiles(align_channels(spectrum, "residue"), "residue")
    return pd.concat([S, spectrum]).rename_axis(index="process", columns="channel")


def _lines(rng, part, n, n_parents, culture, depth, S):
    """Return `n` lines of each class, each a sample of one of the parents."""
    shares = rng.uniform(*culture, (len(SISTERS), n_parents))
    of = rng.integers(n_parents, size=(len(SISTERS), n))
    E = pd.DataFrame(0.0, _names(part, n), S.index)
    labels = np.repeat([*SISTERS], n)
    a = np.take_along_axis(shares, of, axis=1).ravel()
    for name in SISTERS:
        E.loc[labels == name, name] = 1 - a[labels == name]
    E[CULTURE] = a
    parents = [f"{part}-{k}-{p + 1}" for k, p in zip(labels, of.ravel(), strict=True)]
    return _drawn(rng, E, labels, parents, depth, LINE_SPREAD, S)


def _patients(rng, part, n, background, sister, depth, S):
    """Return `n` patients of each class."""
    E = pd.DataFrame(0.0, _names(part, n), S.index)
    labels = np.repeat([*SISTERS], n)
    b = rng.uniform(*background, len(E))
    clock = CLOCK * rng.beta(CLOCK_SHAPE, CLOCK_SHAPE, len(E))
    for name, like in SISTERS.items():
        mine = labels == name
        E.loc[mine, name] = (1 - b[mine]) * (1 - sister)
        E.loc[mine, like] = (1 - b[mine]) * sister
    E["SBS1"], E["SBS5"] = b * clock, b * (1 - clock)
    return _drawn(rng, E, labels, E.index, depth, PATIENT_SPREAD, S)


def _drawn(rng, E, labels, parents, depth, spread, S):
    """Draw depths and counts of samples with known exposures."""
    depths = np.maximum(rng.lognormal(np.log(depth), spread, len(E)), LEAST)
    check_depth(depths, depth)
    p = to_profiles(E.to_numpy() @ S.to_numpy())  # sums to 1 to the last digit
    counts = rng.multinomial(depths.astype(int), p)
    return MadeSamples(
        counts=pd.DataFrame(counts, E.index, S.columns),
        labels=pd.Series(labels.astype(object), E.index, name="class"),
        exposures=E,
        parents=pd.Series(list(parents), E.index, name="parent", dtype=object),
    )


def _with_variants(rng, part, number, S):
    """Return the same lines with inherited variants, `number` in each on average."""
    rates = number * S.loc["germline"].to_numpy()
    added = rng.poisson(rates, part.counts.shape)
    somatic = part.counts.sum(axis=1)
    E = part.exposures.mul(somatic / (somatic + number), axis=0)
    E["germline"] = number / (somatic + number)
    return MadeSamples(part.counts + added, part.labels, E, part.parents)


def _names(part, n):
    digits = len(str(len(SISTERS) * n))
    return [f"{part}-{i + 1:0{digits}d}" for i in range(len(SISTERS) * n)]
