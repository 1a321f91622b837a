"""The decoders of the papers and ours, for comparison in one table."""

from copy import deepcopy

from sklearn.frozen import FrozenEstimator

from latentomics.sensing.blended import BlendedDecoder
from latentomics.sensing.dictionary_decoder import DictionaryDecoder
from latentomics.sensing.ksvd import KSVD
from latentomics.sensing.linear import LinearMMSE
from latentomics.sensing.mixture import MixtureMMSE
from latentomics.sensing.mlp import MLPDecoder
from latentomics.sensing.online_dictionary import OnlineDictionary
from latentomics.sensing.regressor_decoder import RegressorDecoder
from latentomics.sensing.residual import ResidualDecoder
from latentomics.sensing.smaf import SMAF
from latentomics.sensing.sparse_nmf import SparseNMF
from latentomics.sensing.stacked import StackedDecoder
from latentomics.sensing.svd_dictionary import SVDDictionary
from latentomics.sensing.vae import VAEDecoder
from latentomics.sensing.wgan import WGANDecoder

DEPTH = 15  # atoms per sample, in the papers


def dictionary_decoders(train, *, random_state=0, device="auto"):
    """Return a decoder for each dictionary of the papers and each way to decode.

    Returns
    -------
    dict of (method, decoder) to Decoder
        Fitted. `decoder` is "correct", or "legacy" for the bug of the published tables.
    """
    given = {"random_state": random_state, "device": device}
    n, g = train.shape
    atoms = min(n + n // 2, 150)  # as in the code of Cleary et al.
    smaf = SMAF(atoms, n_nonzero=5, lam=5e-4, **given)
    found = {
        "svd": SVDDictionary(),
        "k_svd": SVDDictionary(min(DEPTH, n, g)),
        "ksvd": KSVD(min(atoms, n), **given),
        "online": OnlineDictionary(min(atoms, n), **given),
        "snmf": SparseNMF(min(atoms, n, g), tol=1e-3, **given),
        "smaf": smaf,
        "smaf_500": SMAF(500, **given),
    }
    found = {name: FrozenEstimator(d.fit(train)) for name, d in found.items()}
    decoders = {}
    for name, dictionary in found.items():
        for decoder, how in (("correct", "pursuit"), ("legacy", "legacy")):
            model = DictionaryDecoder(dictionary, how=how, n_nonzero=DEPTH)
            decoders[name, decoder] = model
    smaf = found["smaf"]
    decoders["smaf_chosen_k", "correct"] = DictionaryDecoder(smaf, n_nonzero=None)
    for name, how in (("prior", "gaussian"), ("pinv", "pinv"), ("ridge", "ridge")):
        decoders[f"smaf_{name}", "correct"] = DictionaryDecoder(smaf, how=how)
    return {key: model.fit(train) for key, model in decoders.items()}


def prior_decoders(train, *, random_state=0, device="auto"):
    """Return Gaussian and mixture decoders of profiles, and their blend."""
    given = {"random_state": random_state, "device": device}
    most = len(train) // 4  # kinds, so that each has a few samples
    linear, mixture = LinearMMSE(device=device), MixtureMMSE(min(15, most), **given)
    pooled = MixtureMMSE(min(30, most), n_latent=200, pooling=20.0, **given)
    decoders = {
        "lmmse": linear,
        "gmm": mixture,
        "gmm_pooled": pooled,
        "blend": BlendedDecoder([linear, mixture, pooled], random_state=random_state),
    }
    return {(name, "correct"): model.fit(train) for name, model in decoders.items()}


def generative_decoders(train, *, random_state=0, device="auto"):
    """Return generative networks, which decode any measurement by latent search."""
    given = {"random_state": random_state, "device": device}
    wgan = WGANDecoder(**given).fit(train)
    decoders = {
        "vae": VAEDecoder(**given).fit(train),
        "vae_residual": ResidualDecoder(VAEDecoder(**given)).fit(train),
        "wgan": wgan,
        "wgan_no_prior": deepcopy(wgan).set_params(prior=0.0),
    }
    return {(name, "correct"): model for name, model in decoders.items()}


def network_decoders(smaf, legacy, *, random_state=0, device="auto"):
    """Return unfitted networks for one measurement, alone or on another decoder.

    `smaf` and `legacy` decode with SMAF, correctly and with the bug. "nn_paper" is the
    network of the paper and "nn_smaf_paper" its stack, both as trained there; "nn" uses
    fresh noise at each step, "nn_smaf" 16 noisy copies of each sample, and "nn_pearson"
    the loss that the paper could not train.
    """
    given = {"random_state": random_state, "device": device}
    once = {"random_state": random_state}
    return {
        ("nn", "correct"): MLPDecoder(**given),
        ("nn_pearson", "correct"): MLPDecoder(loss="pearson", **given),
        ("nn_smaf", "correct"): StackedDecoder(smaf, residual=False, **given),
        ("lmmse_network", "correct"): StackedDecoder(
            LinearMMSE(device=device), **given
        ),
        ("nn_paper", "correct"): RegressorDecoder(**once),
        ("nn_smaf_paper", "correct"): RegressorDecoder(decoder=smaf, **once),
        ("nn_smaf_paper", "legacy"): RegressorDecoder(decoder=legacy, **once),
    }
