"""Cell lines and patients as the experiments take them, from the real files."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from latentomics.data import load
from latentomics.signatures.channels import CHANNELS
from latentomics.studies.signatures.domains import (
    DEFECTS,
    TYPES,
    cancer_types,
    real_tables,
    repair_defects,
)

pytestmark = pytest.mark.usefixtures("real_data")


def test_cancers_of_lines_and_patients_are_those_of_the_spec():
    tables, classes = cancer_types()
    assert classes == TYPES
    assert_array_equal(np.bincount(tables["line_labels"]), [17, 60, 54, 17])
    assert_array_equal(np.bincount(tables["patient_labels"]), [389, 528, 412, 474])
    counts, of = load("tcga_sbs96"), load("tcga_sbs96", table="samples")["cancer"]
    for code, name in enumerate(TYPES):
        mine = tables["patients"][tables["patient_labels"] == code].sum(axis=0)
        assert_array_equal(mine, counts[of == name].sum())
    person = load("tcga_sbs96", table="samples")["person"][of.isin(TYPES)]
    assert not person.duplicated().any()  # nobody is learned from and judged too
    unfiltered, _ = cancer_types(filtered=False)
    assert_array_equal(unfiltered["line_labels"], tables["line_labels"])
    assert (unfiltered["lines"].sum(axis=1) > tables["lines"].sum(axis=1)).all()


def test_tumours_of_one_lost_pathway_are_judged_and_none_is_in_the_pool():
    tables, classes = repair_defects()
    assert classes == (*DEFECTS, "control")
    assert_array_equal(np.bincount(tables["patient_labels"]), [33, 93, 105])
    assert_array_equal(np.bincount(tables["line_labels"]), [8, 7, 23, 8])
    kin = list(zip(tables["line_labels"], tables["line_kin"], strict=True))
    number = [len({k for of, k in kin if of == c}) for c in range(4)]
    assert number == [2, 2, 5, 8]  # genes; of the control, clones
    lost = load("tcga_ddr").query("mode == 'homozygous' and pathway in @DEFECTS")
    of = load("tcga_sbs96", table="samples")["person"]
    number = lost.groupby("person")["pathway"].nunique()
    judged = set(number.index[number == 1]) & set(of)
    assert len(tables["patients"]) == len(judged) == 231
    assert len(tables["pool"]) == of.nunique() - len(set(number.index) & set(of))


def test_knock_outs_keep_their_depth_when_brought_to_the_exome():
    moved, _ = repair_defects()
    plain, _ = repair_defects(corrected=False)
    assert_allclose(moved["lines"].sum(axis=1), plain["lines"].sum(axis=1))
    at = [CHANNELS.index("A[C>T]G"), CHANNELS.index("A[T>A]A")]  # CG: commoner there
    change = moved["lines"][:, at].sum(axis=0) / plain["lines"][:, at].sum(axis=0)
    assert change[0] > 1.2 > 0.9 > change[1]


def test_tasks_have_their_settings():
    named, _ = real_tables("cancer_type", "unfiltered")
    assert_array_equal(named["lines"], cancer_types(filtered=False)[0]["lines"])
    named, _ = real_tables("ddrd", "corrected")
    assert_array_equal(named["lines"], repair_defects()[0]["lines"])
    with pytest.raises(ValueError, match="task must be one of"):
        real_tables("type", "filtered")
    with pytest.raises(ValueError, match="setting must be one of"):
        real_tables("ddrd", "filtered")
