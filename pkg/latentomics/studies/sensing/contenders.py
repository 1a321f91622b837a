"""The decoders of the papers and ours, for comparison in one table."""

from copy import deepcopy

from sklearn.frozen import FrozenEstimator

from latentomics import sensing

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
    found = {
        "svd": sensing.SVDDictionary(),
        "k_svd": sensing.SVDDictionary(min(DEPTH, n, g)),
        "ksvd": sensing.KSVD(min(atoms, n), **given),
        "online": sensing.OnlineDictionary(min(atoms, n), **given),
        "snmf": sensing.SparseNMF(min(atoms, n, g), tol=1e-3, **given),
        "smaf": sensing.SMAF(atoms, n_nonzero=5, lam=5e-4, **given),
        "smaf_500": sensing.SMAF(500, **given),
    }
    found = {name: FrozenEstimator(d.fit(train)) for name, d in found.items()}
    decoders = {}
    for name, dictionary in found.items():
        for decoder, how in (("correct", "pursuit"), ("legacy", "legacy")):
            decoders[name, decoder] = sensing.DictionaryDecoder(
                dictionary, how=how, n_nonzero=DEPTH, device=device
            )
    smaf = found["smaf"]
    chosen = sensing.DictionaryDecoder(smaf, n_nonzero=None, device=device)
    decoders["smaf_chosen_k", "correct"] = chosen
    for name, how in (("prior", "gaussian"), ("pinv", "pinv"), ("ridge", "ridge")):
        decoders[f"smaf_{name}", "correct"] = sensing.DictionaryDecoder(
            smaf, how=how, device=device
        )
    return {key: model.fit(train) for key, model in decoders.items()}


def prior_decoders(train, *, random_state=0, device="auto"):
    """Return Gaussian and mixture decoders of profiles, and their blend."""
    given = {"random_state": random_state, "device": device}
    most = len(train) // 4  # kinds, so that each has a few samples
    linear = sensing.LinearMMSE(device=device)
    mixture = sensing.MixtureMMSE(min(15, most), **given)
    pooled = sensing.MixtureMMSE(min(30, most), n_latent=200, pooling=20.0, **given)
    blend = sensing.BlendedDecoder([linear, mixture, pooled], random_state=random_state)
    decoders = {"lmmse": linear, "gmm": mixture, "gmm_pooled": pooled, "blend": blend}
    return {(name, "correct"): model.fit(train) for name, model in decoders.items()}


def generative_decoders(train, *, random_state=0, device="auto"):
    """Return generative networks, which decode any measurement by latent search."""
    given = {"random_state": random_state, "device": device}
    wgan = sensing.WGANDecoder(**given).fit(train)
    residual = sensing.ResidualDecoder(sensing.VAEDecoder(**given), device=device)
    decoders = {
        "vae": sensing.VAEDecoder(**given).fit(train),
        "vae_residual": residual.fit(train),
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
    linear = sensing.LinearMMSE(device=device)
    return {
        ("nn", "correct"): sensing.MLPDecoder(**given),
        ("nn_pearson", "correct"): sensing.MLPDecoder(loss="pearson", **given),
        ("nn_smaf", "correct"): sensing.StackedDecoder(smaf, residual=False, **given),
        ("lmmse_network", "correct"): sensing.StackedDecoder(linear, **given),
        ("nn_paper", "correct"): sensing.RegressorDecoder(**once),
        ("nn_smaf_paper", "correct"): sensing.RegressorDecoder(decoder=smaf, **once),
        ("nn_smaf_paper", "legacy"): sensing.RegressorDecoder(decoder=legacy, **once),
    }
