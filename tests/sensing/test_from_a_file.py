"""What is learned from batches of a file is what it holds."""

import h5py
import numpy as np
import pytest
from numpy.testing import assert_allclose

from latentomics.data import Archs4
from latentomics.sensing import LinearMMSE, SparseNMF, VAEDecoder


@pytest.fixture
def file(tmp_path, rng):
    """Counts of 60 samples of 12 genes of 3 modules, genes x samples."""
    counts = rng.poisson(rng.gamma(1, size=(60, 3)) @ rng.gamma(1, 20, size=(3, 12)))
    with h5py.File(tmp_path / "made.h5", "w") as h5:
        h5["meta/genes/symbol"] = [f"G{i}" for i in range(12)]
        h5["meta/samples/geo_accession"] = [f"GSM{i}" for i in range(60)]
        h5["meta/samples/series_id"] = [f"GSE{i // 6}" for i in range(60)]
        h5["data/expression"] = counts.T
    return Archs4(tmp_path / "made.h5"), counts


def batches(file, size=17, **given):
    return (np.log2(1 + batch) for batch in file.batches(size, **given))


def test_a_covariance_is_that_of_all_samples(file):
    model = LinearMMSE()
    for batch in batches(file[0], random_state=1):
        model.partial_fit(batch)
    assert model.n_samples_seen_ == 60
    assert_allclose(model.covariance_, np.cov(np.log2(1 + file[1]).T))
    assert list(model.feature_names_in_) == list(file[0].genes)


def test_a_dictionary_rebuilds_nearly_as_well_as_one_of_all_samples(file):
    X, parts = np.log2(1 + file[0].read()), SparseNMF(3)
    for _ in range(20):
        for batch in batches(file[0]):
            parts.partial_fit(batch)
    left = [
        np.square(X - d.transform(X) @ d.components_).to_numpy().sum()
        for d in (parts, SparseNMF(3).fit(X))
    ]
    assert left[0] < 1.3 * left[1]


def test_an_autoencoder_learns_from_batches(file):
    X, model = np.log2(1 + file[1]), VAEDecoder(2, hidden=(16,), kl_warm_up=0)
    for _ in range(60):
        for batch in batches(file[0], 30):
            model.partial_fit(batch)
    loss = model.history_["loss"]
    assert loss.iloc[-10:].mean() < loss.iloc[:10].mean()
    assert_allclose(model.sample(200).mean(axis=0), X.mean(axis=0), atol=1.0)
