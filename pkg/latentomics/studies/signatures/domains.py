"""Two domains: labelled cell lines and unlabelled patients, simulated and real."""

from dataclasses import dataclass

import numpy as np
from sklearn.model_selection import StratifiedGroupKFold

from latentomics.checks import check_choice, check_share, check_whole
from latentomics.data import load
from latentomics.matrices import aligned_like, as_labels, read_matrix
from latentomics.signatures.channels import correct_opportunities
from latentomics.signatures.labels import UNLABELLED

TYPES = ("BLCA", "LUAD", "SKCM", "UCEC")  # the cancers of the paper
DEFECTS = ("BER", "HR", "MMR")  # the repair pathways of the paper
# task -> its settings, the default first
TASKS = {
    "cancer_type": ("filtered", "unfiltered"),
    "ddrd": ("corrected", "uncorrected"),
}


@dataclass
class Domains:
    """Samples of two domains, for training and for testing.

    Attributes
    ----------
    X, y : arrays of shape (n, n_channels), (n,)
        Counts of labelled cell lines, then of unlabelled patients, whose label is -1.
    groups : array of shape (n,)
        Cell line of each resample, or its kin; each patient is a group of its own.
    truth : array of shape (n,)
        Labels of all, for judging pseudo-labels only; -1 where unknown.
    tests : dict of str to (counts, labels)
        By domain: "cell_line" and "patient".
    planted : array of shape (n_classes, n_channels), optional
        The true signatures of the classes, if known, for judging only.
    """

    X: np.ndarray
    y: np.ndarray
    groups: np.ndarray
    truth: np.ndarray
    tests: dict
    planted: np.ndarray = None

    @property
    def labelled(self):
        """Which samples of the fit are labelled."""
        return self.y != UNLABELLED


def two_domains(
    lines,
    line_labels,
    patients,
    patient_labels,
    *,
    pool=None,
    line_groups=None,
    line_kin=None,
    n_lines=400,
    fraction=0.5,
    n_test=400,
    random_state=0,
):
    """Draw the two domains of the paper's experiments.

    A quarter of the cell lines is held out for testing, whole groups at a time. Each
    side is then resampled: lines are drawn, equally often from each class, and their
    mutations are resampled from their profiles. Patients are drawn without replacement;
    those not in the fit are for testing, unless the fit uses `pool`. Resampling after
    the split, not before it, keeps copies of one line on one side.

    Parameters
    ----------
    lines, patients : arrays of shape (n, n_channels)
        Counts; named channels are matched to those of `lines`, and arguments with a
        value per sample to the samples.
    line_labels, patient_labels : arrays
        Classes, non-negative whole numbers.
    pool : array of shape (n, n_channels), optional
        Counts of patients whose labels are unknown. If given, the fit takes its
        patients from here, and all of `patients` are available for testing.
    line_groups : array, optional
        Lines of one group stay on one side of the split; by default each is its own.
    line_kin : array, optional
        Lines that stay together when parameters are chosen on the training side, such
        as clones of one gene: the `groups` of the result. By default `line_groups`.
    n_lines : int, default=400
        Resampled cell lines in the fit.
    fraction : float, default=0.5
        Share of patients among the samples of the fit: .5 is one to one, 1/3 two
        cell lines per patient.
    n_test : int, default=400
        Number of resampled cell lines, and largest number of patients, for testing.
    random_state : int, default=0

    Returns
    -------
    Domains
    """
    check_whole(n_lines=n_lines, n_test=n_test)
    check_whole(at_least=0, random_state=random_state)
    check_share("fraction", fraction, above=0, below=1)
    rng = np.random.default_rng(random_state)
    y = _of(lines, "lines", line_labels, "line_labels")
    groups = np.arange(len(y)) if line_groups is None else line_groups
    groups = _of(lines, "lines", groups, "line_groups")
    kin = groups if line_kin is None else _of(lines, "lines", line_kin, "line_kin")
    truth = _of(patients, "patients", patient_labels, "patient_labels")
    patients = _counts(patients, lines, "patients")
    pool = None if pool is None else _counts(pool, lines, "pool")
    lines = read_matrix(lines, "lines")
    folds = StratifiedGroupKFold(4, shuffle=True, random_state=random_state)
    train, test = next(folds.split(lines, y, groups))
    fit = _resampled(lines, y, train, n_lines, rng)
    judged = _resampled(lines, y, test, n_test, rng)
    n_patients = round(n_lines * fraction / (1 - fraction))
    order = rng.permutation(len(patients))
    if pool is None:
        drawn, order = order[:n_patients], order[n_patients:]
        others, known = patients[drawn], truth[drawn]
    else:
        others = pool[rng.permutation(len(pool))[:n_patients]]
        known = np.full(len(others), UNLABELLED)
    left = order[:n_test]
    names = [f"patient {i}" for i in range(len(others))]
    return Domains(
        np.vstack([fit[0], others]),
        np.concatenate([fit[1], np.full(len(others), UNLABELLED)]),
        np.concatenate([kin[fit[2]].astype(str), names]),
        np.concatenate([fit[1], known]),
        {"cell_line": judged[:2], "patient": (patients[left], truth[left])},
    )


def _of(samples, by, values, name):
    """Return a value for each sample, in the order of the samples."""
    values = aligned_like(values, samples, name=name, by=by, axes=[0])
    return np.array(as_labels(values, name, len(samples)).tolist())


def _counts(samples, lines, name):
    """Return counts of samples, channels in the order of the lines."""
    samples = aligned_like(samples, lines, name=name, by="lines", axes=[1])
    return read_matrix(samples, name)


def made_domains(made):
    """Return simulated domains as :class:`Domains`: lines, and an unlabelled pool.

    Parameters
    ----------
    made : PlantedDomains
    """
    classes = np.unique(made.train.labels)

    def codes(samples):
        return np.searchsorted(classes, samples.labels)

    fit, pool = codes(made.train), codes(made.pool)
    return Domains(
        np.vstack([made.train.counts, made.pool.counts]),
        np.concatenate([fit, np.full(len(pool), UNLABELLED)]),
        np.concatenate([made.train.parents, made.pool.parents]).astype(str),
        np.concatenate([fit, pool]),
        {
            "cell_line": (made.test.counts.to_numpy(), codes(made.test)),
            "patient": (made.patients.counts.to_numpy(), codes(made.patients)),
        },
        made.signatures.loc[classes].to_numpy(),
    )


def real_tables(task, setting):
    """Return the tables of a task, for :func:`two_domains`.

    Parameters
    ----------
    task : {"cancer_type", "ddrd"}
        The cancer type, or the deficient DNA repair pathway.
    setting : str
        Cell lines: "filtered" or "unfiltered", see :func:`cancer_types`;
        "corrected" or "uncorrected", see :func:`repair_defects`.

    Returns
    -------
    tables : dict
    classes : tuple of str

    Raises
    ------
    ValueError
        If `task` is neither, or has no such `setting`.
    """
    check_choice("task", task, tuple(TASKS))
    check_choice("setting", setting, TASKS[task])
    usual = setting == TASKS[task][0]
    return cancer_types(usual) if task == "cancer_type" else repair_defects(usual)


def cancer_types(filtered=True):
    """Return cell lines and patients of four cancers, for :func:`two_domains`.

    Parameters
    ----------
    filtered : bool, default=True
        Whether inherited variants were filtered out of the cell lines.

    Returns
    -------
    tables : dict
        `lines`, `line_labels`, `patients`, `patient_labels`.
    classes : tuple of str
        The cancers; labels are positions in it.
    """
    kind = load("cell_line_sbs96", table="samples")["cancer"]
    lines = load("cell_line_sbs96" if filtered else "cell_line_sbs96_unfiltered")
    of = load("tcga_sbs96", table="samples")["cancer"]
    kind, of = kind[kind.isin(TYPES)], of[of.isin(TYPES)]
    tables = {
        "lines": lines.loc[kind.index].to_numpy(),
        "line_labels": kind.map(TYPES.index).to_numpy(),
        "patients": load("tcga_sbs96").loc[of.index, lines.columns].to_numpy(),
        "patient_labels": of.map(TYPES.index).to_numpy(),
    }
    return tables, TYPES


def repair_defects(corrected=True):
    """Return knock-outs and tumours that lack a repair pathway, as two domains.

    The tables are for :func:`two_domains`. A tumour is labelled if exactly one of the
    pathways has a gene that lost both copies; the pool holds tumours without such a
    gene. Clones of one gene are kin; those of the control, all of one gene, are not.

    Parameters
    ----------
    corrected : bool, default=True
        Whether the knock-outs, whole genomes, are corrected to exome frequencies, as
        the tumours are exomes.

    Returns
    -------
    tables : dict
        `lines`, `line_labels`, `line_kin`, `patients`, `patient_labels`, `pool`.
    classes : tuple of str
        BER, HR, MMR and "control"; no tumour has the last label.
    """
    classes = (*DEFECTS, "control")
    clones = load("zou2021", table="samples")
    label = clones["label"]
    lines = load("zou2021", table="counts").loc[label.index]
    if corrected:
        total = lines.sum(axis=1)
        frequencies = load("trinucleotide_frequencies")
        lines = correct_opportunities(
            lines, frequencies, source="genome", target="exome"
        )
        lines = lines.mul(total / lines.sum(axis=1), axis=0)
    tumours = load("tcga_sbs96")[lines.columns]
    of = load("tcga_sbs96", table="samples")["person"]
    lost = load("tcga_ddr").query("mode == 'homozygous' and pathway in @DEFECTS")
    number = lost.groupby("person")["pathway"].nunique()
    single = lost[lost["person"].isin(number.index[number == 1])]
    which = single.drop_duplicates("person").set_index("person")["pathway"]
    first = of[~of.duplicated()]  # one tumour per person
    sick = first[first.isin(which.index)]
    well = first[~first.isin(number.index)]
    tables = {
        "lines": lines.to_numpy(),
        "line_labels": label.map(classes.index).to_numpy(),
        "line_kin": np.where(label == "control", label.index, clones["gene"]),
        "patients": tumours.loc[sick.index].to_numpy(),
        "patient_labels": sick.map(which).map(classes.index).to_numpy(),
        "pool": tumours.loc[well.index].to_numpy(),
    }
    return tables, classes


def _resampled(counts, y, rows, n, rng):
    """Return n resampled profiles, their classes, and the rows they come from."""
    classes = np.unique(y[rows])
    each = [rows[y[rows] == classes[i % len(classes)]] for i in range(n)]
    drawn = np.array([rng.choice(some) for some in each])
    total = counts[drawn].sum(axis=1)
    X = rng.multinomial(np.rint(total).astype(int), counts[drawn] / total[:, None])
    return X, y[drawn], drawn
