"""How fast, and in how much memory, part V learns from a file too large for memory.

Seconds of processor, one thread, from the open file to the model: reading, unpacking
and the logarithm are in it. Memory is how far a process of its own rose at most above
what it held before, of NumPy, torch and HDF5 alike.
"""

from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch
from archs4_file import write_archs4
from timing import gib, in_a_new_process, in_turns
from tqdm import tqdm

from latentomics.data import Archs4
from latentomics.sensing import LinearMMSE, SparseNMF, VAEDecoder

FILE = {"n_genes": 35_000, "n_samples": 20_000}
PARTS_OF_IT = (5_000, 20_000)  # samples
BATCH = 500  # samples
ATOMS = 50
# A covariance of all genes would take 10 GB. Its matrices are above 32 MiB here: the
# C library gives smaller ones room in a heap, where holes are left; with 2,000 genes
# the peak crept from .19 to .40 GiB within 65,000 samples, and stayed there.
SOME, ALL = 3_000, FILE["n_genes"]
LEARNERS = {
    "covariance": (lambda: LinearMMSE(device="cpu"), SOME, "float64"),
    "dictionary": (lambda: SparseNMF(ATOMS, device="cpu"), ALL, "float64"),
    "autoencoder": (lambda: VAEDecoder(device="cpu"), ALL, "float32"),
}


def rows():
    """Yield time, memory and throughput of each learner on a part, and on all."""
    with TemporaryDirectory() as folder:
        path = write_archs4(Path(folder) / "made.h5", **FILE)
        for what, (_, n_genes, dtype) in LEARNERS.items():
            for n in PARTS_OF_IT:
                task = f"{what} of {n_genes} genes, {n} samples of a file"
                row = in_a_new_process(
                    f"large_file.learn({str(path)!r}, {what!r}, {n})"
                )
                facts = {"iterations": -(-n // BATCH), "dtype": dtype}
                facts["samples_per_second"] = n / row["seconds"]
                yield {"task": task, "who": "ours", **row, **facts}


def learn(path, what, n_samples):
    """Return columns of a row; GiB are by how much this process grew in one pass."""
    torch.set_num_threads(1)
    make, n_genes, _ = LEARNERS[what]
    file, peaks = Archs4(path), []
    which = {"samples": file.samples.index[:n_samples], "genes": file.genes[:n_genes]}
    before = gib("VmRSS")

    def one_pass():
        model = make()
        for X in file.batches(BATCH, progress=_shown(what), **which):
            model.partial_fit(np.log2(1 + X.to_numpy()))
        peaks.append(gib("VmHWM"))

    _, timing = in_turns({"": one_pass})[""]
    return timing | {"memory_gib": peaks[0] - before}


def _shown(what):
    return lambda batches, total: tqdm(batches, what, total, unit="batch")
