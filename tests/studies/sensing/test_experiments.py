import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose

from latentomics.sensing.measurement import GaussianMeasurement, add_noise
from latentomics.sensing.mixture import MixtureMMSE
from latentomics.sensing.scores import scores
from latentomics.studies.sensing import experiments
from latentomics.studies.sensing.experiments import decoding_table, split_profiles

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


@pytest.fixture
def own(tmp_path, rng):
    """A user's table: 60 samples of 40 genes of 4 modules."""
    X = rng.gamma(1.0, size=(60, 4)) @ rng.gamma(1.0, size=(4, 40))
    X = pd.DataFrame(X + 0.1 * rng.random(X.shape)).add_prefix("G")
    X.rename("s{}".format).to_csv(tmp_path / "own.csv")
    return tmp_path / "own.csv"


def test_a_table_is_split_and_scaled_by_its_training_samples(own):
    split = split_profiles(str(own), random_state=1)
    assert (split.train.shape, split.test.shape) == ((48, 40), (12, 40))
    assert not set(split.train.index) & set(split.test.index)
    assert_allclose(split.train.min(), 0)
    assert_allclose(split.train.max(), 1)
    X = pd.read_csv(own, index_col=0)
    low, high = (X.loc[split.train.index].agg(end) for end in ("min", "max"))
    expected = (X.loc[split.test.index] - low) / (high - low)
    assert_allclose(split.test, expected, atol=1e-12)


def test_groups_are_seen_or_unseen():
    split = split_profiles("synthetic", by="groups")
    assert not set(split.train_groups) & set(split.test_groups)
    assert len(split.train_groups) == len(split.train)


def test_groups_of_ones_own_are_found_by_name(own, tmp_path, rng):
    names = [f"s{i}" for i in rng.permutation(60)]
    study = pd.Series(names, names).str[1:].astype(int) % 6
    study.rename_axis("sample").to_csv(tmp_path / "study.csv")
    split = split_profiles(str(own), by="groups", groups=tmp_path / "study.csv")
    for part, of in (
        (split.train, split.train_groups),
        (split.test, split.test_groups),
    ):
        assert list(of) == [str(int(name[1:]) % 6) for name in part.index]
    assert not set(split.train_groups) & set(split.test_groups)
    known = split_profiles(str(own), groups=tmp_path / "study.csv")
    assert set(known.train_groups) == set("012345")


def test_groups_that_leave_a_sample_out_or_name_it_twice_are_refused(own, tmp_path):
    study = pd.DataFrame({"study": "a"}, [f"s{i}" for i in range(60)])
    given = {"by": "groups", "groups": tmp_path / "study.tsv"}
    study.iloc[:-1].to_csv(given["groups"], sep="\t")
    with pytest.raises(ValueError, match="one label of each sample; got none of 's59'"):
        split_profiles(str(own), **given)
    pd.concat([study, study[:1]]).to_csv(given["groups"], sep="\t")
    with pytest.raises(ValueError, match="one label of each sample; got two of 's0'"):
        split_profiles(str(own), **given)
    study[[]].to_csv(given["groups"], sep="\t")
    with pytest.raises(ValueError, match="study.tsv must have two columns, names"):
        split_profiles(str(own), **given)


def test_networks_join_the_table(own, monkeypatch):
    monkeypatch.setattr(experiments, "generative_decoders", lambda train, **how: {})
    split = split_profiles(str(own))
    table = decoding_table(split, ms=[20], snr=2.0)
    kinds = table.groupby("method")["decoder"].agg(set)
    assert kinds["nn_smaf_paper"] == {"correct", "legacy"}
    assert {"nn", "nn_pearson", "nn_smaf", "lmmse_network"} <= set(kinds.index)
    assert table["overall"].notna().all()


def test_every_decoder_gets_the_same_measurements(own):
    split = split_profiles(str(own))
    table = decoding_table(split, ms=[20, 30], snr=2.0, networks=False)
    assert set(table["decoder"]) == {"correct", "legacy"}
    assert not table.duplicated(["method", "decoder", "m"]).any()
    assert table["overall"].notna().all()
    train, test = split.train.to_numpy(), split.test.to_numpy()
    A = GaussianMeasurement(20, max_correlation=4 / 40**0.5).fit(train).components_
    model = MixtureMMSE(12).fit(train)
    noise = np.square(test).mean() / 4
    by_hand = scores(test, model.decode(add_noise(test, 2.0) @ A.T, A, noise))
    found = table.set_index(["method", "m"]).loc[("gmm", 20), list(by_hand)]
    assert_allclose(found.astype(float), list(by_hand.values()))


def test_what_cannot_be_split_is_refused(own):
    with pytest.raises(ValueError, match="by must be one of"):
        split_profiles(str(own), by="tissue")
    with pytest.raises(ValueError, match="by of a table without groups must be one of"):
        split_profiles(str(own), by="groups")
    X = pd.read_csv(own, index_col=0)
    X.iloc[:, :19].to_csv(own)
    with pytest.raises(
        ValueError, match=r"20 samples x 20 genes; got shape \(60, 19\)"
    ):
        split_profiles(str(own))
    X.iloc[3, 4] = np.nan
    X.to_csv(own)
    with pytest.raises(ValueError, match="got a gap in column 'G4'"):
        split_profiles(str(own))
