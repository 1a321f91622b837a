import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_array_equal

from latentomics.studies.denoise import as_published, experiments
from latentomics.studies.denoise.simulate import planted_blocks
from latentomics.studies.denoise.variants import VariantDMF

QUICK = {"hidden": (20,), "max_iter": 30, "look_every": 10, "learning_rate": 1e-2}


@pytest.fixture(scope="module")
def made():
    return planted_blocks(60, 30, rank=2, block=8, random_state=0)


def test_the_recipe_field_by_field():
    assert as_published.AS_PUBLISHED == {
        "hidden": (500, 500, 500, 500),
        "init": "gaussian",
        "learning_rate": 1e-4,
        "scale": "raw",
        "scoring": "mse",
        "look_every": 1000,
        "max_iter": 49_000,
        "patience": 49,
        "tol": 0.0,
    }


def test_the_best_of_all_looks_is_scored(made):
    scores, course = as_published.published_tables({"a": made}, 3, **QUICK)
    assert course["iteration"].tolist() == [10, 20, 30]
    assert (course["set"] == "a").all()
    assert (course["start"] == 3).all()
    row = scores.iloc[0]
    assert (row["set"], row["method"], row["start"]) == ("a", "dmf_published", 3)
    best = course.loc[course["validation_error"].idxmin()]
    assert row["validation_error"] == best["validation_error"]
    assert row["iteration"] == best["iteration"]
    settings = as_published.AS_PUBLISHED | QUICK | {"max_iter": int(best["iteration"])}
    model = VariantDMF(**settings, random_state=3)
    with pytest.warns(match="max_iter"):
        model.fit(experiments.visible(made), validation=made.validation)
    again = experiments.score_recovery(made, model.low_rank_)
    assert row[list(again)].to_dict() == pytest.approx(again)


def test_no_look_ends_a_run_early(made):
    # from a start of 0 the error never falls
    settings = QUICK | {"learning_rate": 1e-30, "max_iter": 1000}
    _, course = as_published.published_tables({"a": made}, 0, **settings)
    assert len(course) == 100


def test_every_set_has_its_rows_and_no_test_cell_is_seen(made):
    changed = planted_blocks(60, 30, rank=2, block=8, random_state=0)
    changed.D[changed.test] = 1e3
    ticks = []

    def progress(names):
        for name in names:
            ticks.append(name)
            yield name

    sets = {"a": made, "b": changed}
    scores, course = as_published.published_tables(sets, 0, progress=progress, **QUICK)
    assert ticks == ["a", "b"]
    assert scores["set"].tolist() == ["a", "b"]
    one, two = (rows["validation_error"] for _, rows in course.groupby("set"))
    assert_array_equal(one, two)
    assert isinstance(scores, pd.DataFrame)
    assert np.isfinite(scores["test_mse"]).all()
