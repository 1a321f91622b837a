"""Write a file laid out as ARCHS4's, as large as one likes, in little memory."""

import zlib
from pathlib import Path

import h5py
import numpy as np

CHUNK = (1000, 100)  # genes x samples
KINDS = 8  # different chunks, which are repeated: to draw them all would take minutes
PER_STUDY = 20  # samples


def write_archs4(path, n_samples=20_000, n_genes=35_000, *, density=0.3, seed=0):
    """Write made counts, genes x samples as in versions 2, and return the path.

    A share `density` of the counts is above 0: log-normal, rounded up. Chunks are of
    1,000 genes and 100 samples, compressed by gzip; there are eight different ones.
    """
    rng = np.random.default_rng(seed)
    pool = [_compressed(rng, density) for _ in range(KINDS)]
    with h5py.File(path, "w") as file:
        file["meta/samples/geo_accession"] = [f"GSM{i}" for i in range(n_samples)]
        studies = [f"GSE{i // PER_STUDY}" for i in range(n_samples)]
        file["meta/samples/series_id"] = studies
        chance = rng.random(n_samples)
        file["meta/samples/singlecellprobability"] = chance
        file["meta/genes/symbol"] = [f"G{i}" for i in range(n_genes)]
        data = file.create_dataset(
            "data/expression",
            (n_genes, n_samples),
            "uint32",
            chunks=CHUNK,
            compression="gzip",
        )
        for gene in range(0, n_genes, CHUNK[0]):
            for sample in range(0, n_samples, CHUNK[1]):
                chunk = pool[rng.integers(KINDS)]
                data.id.write_direct_chunk((gene, sample), chunk)
    return Path(path)


def _compressed(rng, density):
    counts = np.ceil(rng.lognormal(3, 2, CHUNK)) * (rng.random(CHUNK) < density)
    return zlib.compress(counts.astype("<u4").tobytes(), 4)
