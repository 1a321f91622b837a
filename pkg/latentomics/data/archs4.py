"""ARCHS4: a user's own file of public RNA-seq data, far too large for memory."""

from contextlib import contextmanager

import numpy as np
import pandas as pd

from latentomics.checks import check_whole
from latentomics.data.archs4_names import (
    GENES,
    annotation,
    found,
    numbered,
    positions,
    texts,
)
from latentomics.data.cells import own_file
from latentomics.data.optional import need

EXPRESSION = "data/expression"
BLOCK = 64  # samples read at once: enough that calls cost little, few enough to shuffle
SLAB = 1024  # genes read at once


class DamagedFile(OSError):
    """A file with a part that cannot be read; the message says which."""


class Archs4:
    """Read samples and genes from an ARCHS4 file, never more than requested.

    Both layouts are supported: the old one, and that of versions 11, 2.1 and later. The
    shape of the matrix tells which axis holds the samples.

    Parameters
    ----------
    path : str or path
        An HDF5 file such as ``human_gene_v2.5.h5``; not among ``datasets()``, so
        download it from ARCHS4.

    Attributes
    ----------
    genes : Index of length n_genes
        Symbols in the order of the file. A symbol shared by several genes is numbered
        from the second gene on, "TP53", "TP53 (2)"; counts are not summed.
    samples : DataFrame with n_samples rows
        By GEO accession ("GSM1158284"). Columns, where the file has them:

        `series_id`, the studies a sample is in, as the file writes them ("GSE1,GSE2");
        `study`, a non-negative number, the same for samples that share a study,
        directly or through others. Training and test sets should differ in it:
        ``GroupShuffleSplit().split(samples, groups=samples["study"])``;
        `singlecellprobability`, from 0 to 1.
    shape : (int, int)
        Number of samples and of genes.
    samples_per_chunk : int
        Number of samples compressed together in the file.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    DamagedFile
        Here and on every read, an OSError: the file is damaged or incomplete.
    ValueError
        If it is not an ARCHS4 file, or its shape does not tell samples from genes.

    Notes
    -----
    HDF5 returns zeros for data that were never written; here that is an error. Damage
    to numbers stored without compression goes undetected.
    """

    def __init__(self, path):
        self.path = own_file(path)
        if not need("h5py").is_hdf5(self.path):
            got = "its beginning is none" if self.path.stat().st_size else "it is empty"
            raise DamagedFile(
                f"{self.path.name} is damaged or incomplete: path must be an HDF5 file "
                f"of ARCHS4, and {got}"
            )
        with self._damage("its names and shape"), self._open() as file:
            self.samples, genes = annotation(file), texts(file, GENES)
            data = found(file, (EXPRESSION,))
            if data.chunks is None and data.id.get_offset() is None:
                raise OSError("no number was ever written")
            shape, chunks = data.shape, data.chunks or (1, 1)
        self.genes = pd.Index(numbered(genes), name="gene")
        self.shape = len(self.samples), len(genes)
        self._turned = self._genes_first(shape)
        self.samples_per_chunk, per_chunk = chunks[:: -1 if self._turned else 1]
        self._slab_genes = per_chunk * max(1, SLAB // per_chunk)

    def read(self, samples=None, genes=None):
        """Return selected samples and genes, in the requested order.

        Parameters
        ----------
        samples, genes : sequence of str, optional
            Names from `samples.index` and `genes`; all by default, which for a whole
            ARCHS4 file is too much for most computers.

        Returns
        -------
        DataFrame of float64, shape (n_samples, n_genes)
            In the units of the file, usually counts. Floats, since negative differences
            of the file's unsigned integers would wrap around.

        Raises
        ------
        ValueError
            If a name is not in the file, or is repeated.
        """
        rows, columns = self._places(samples, genes)
        order = np.sort(rows)
        with self._damage("the file"), self._open() as file:
            part = self._read(file[EXPRESSION], order, columns)
        return self._table(part[np.searchsorted(order, rows)], rows, columns)

    def batches(
        self, size=1000, samples=None, genes=None, random_state=None, progress=None
    ):
        """Iterate over samples in tables that fit into memory.

        Parameters
        ----------
        size : int, default=1000
            Samples per table; the last holds the remainder. With 35,000 genes, 1,000
            take .28 GB; reading takes up to as much again. Below `samples_per_chunk`,
            the same parts of the file are decompressed several times.
        samples, genes : sequence of str, optional
            As in :meth:`read`; the order of `samples` is ignored.
        random_state : int, optional
            Shuffles the samples in blocks of 64, or of `samples_per_chunk` if that is
            more: picking single ones from a compressed file is prohibitively slow. By
            default, the order of the file.
        progress : callable, optional
            As ``tqdm.auto.tqdm``, called with an iterable and `total`.

        Returns
        -------
        iterator of DataFrame
            As from :meth:`read`; the index names the samples.

        Raises
        ------
        ValueError
            As :meth:`read`; or if `size` is not a positive whole number, or
            `random_state` not a non-negative one.
        """
        check_whole(size=size)
        rows, columns = self._places(samples, genes)
        blocks = self._blocks(np.sort(rows), size)
        if random_state is not None:
            check_whole(at_least=0, random_state=random_state)
            order = np.random.default_rng(random_state).permutation(len(blocks))
            blocks = [blocks[i] for i in order]
        tables = self._tables(blocks, columns, size)
        total = -(-len(rows) // size)
        return iter(progress(tables, total=total)) if progress else tables

    def _tables(self, blocks, columns, size):
        """Yield tables of `size` rows; surplus rows of a block go to the next table."""
        rows, blocks, rest = np.concatenate(blocks), iter(blocks), []
        with self._damage("the file"), self._open() as file:
            for start in range(0, len(rows), size):
                mine = rows[start : start + size]
                values, filled = np.empty((len(mine), len(columns))), 0
                while filled < len(mine):
                    if not len(rest):
                        rest = self._read(file[EXPRESSION], next(blocks), columns)
                    part, rest = np.split(rest, [len(mine) - filled])
                    values[filled : filled + len(part)] = part
                    filled += len(part)
                yield self._table(values, mine, columns)

    def _blocks(self, rows, size):
        """Split sorted positions into blocks to read: whole chunks, if they fit."""
        whole = self.samples_per_chunk * max(1, BLOCK // self.samples_per_chunk)
        return _split(rows, np.diff(rows // min(whole, max(BLOCK, size))) > 0)

    def _read(self, data, rows, columns):
        """Return samples at sorted positions and genes at any, in the file's dtype."""
        order = np.argsort(columns, kind="stable")
        part = np.empty((len(rows), len(columns)), data.dtype)
        inner = _split(order, np.diff(columns[order] // self._slab_genes) > 0)
        start = 0
        for r in _split(rows, np.diff(rows // self.samples_per_chunk) > 1):
            for c in inner:
                slab = self._slab(data, r, columns[c])
                inside = np.ix_(r - r[0], columns[c] - columns[c[0]])
                part[start : start + len(r), c] = slab[inside]
            start += len(r)
        return part

    def _slab(self, data, rows, columns):
        """Return all from the first to the last sorted position, samples x genes."""
        spans = (rows[0], rows[-1] + 1), (columns[0], columns[-1] + 1)
        spans = spans[::-1] if self._turned else spans
        names = self.samples.index[[rows[0], rows[-1]]]
        where = f"samples {rows[0]} to {rows[-1]} ({names[0]} to {names[1]})"
        with self._damage(where):
            slab = data[slice(*spans[0]), slice(*spans[1])]
            if data.chunks and not _all_written(data, slab, spans):
                raise OSError("a part was never written")
        return slab.T if self._turned else slab

    def _open(self):
        return need("h5py").File(self.path, "r")

    @contextmanager
    def _damage(self, what):
        """Report which part of which file cannot be read, once."""
        try:
            yield
        except DamagedFile:
            raise
        except OSError as error:
            raise DamagedFile(
                f"{self.path.name} is damaged or incomplete: {what} cannot be read "
                f"({error}); get the file again"
            ) from error

    def _genes_first(self, shape):
        n, p = self.shape
        if shape not in ((n, p), (p, n)):
            raise ValueError(
                f"{EXPRESSION} of {self.path.name} must be of {n} samples and {p} "
                f"genes, as their names; got shape {shape}"
            )
        if n == p:
            raise ValueError(
                f"{EXPRESSION} of {self.path.name} must not be square, since its shape "
                f"tells samples from genes; got {n} of both"
            )
        return shape == (p, n)

    def _places(self, samples, genes):
        return (
            positions(index, names, f"{what} of {self.path.name}")
            for index, names, what in (
                (self.samples.index, samples, "samples"),
                (self.genes, genes, "genes"),
            )
        )

    def _table(self, values, rows, columns):
        index, names = self.samples.index[rows], self.genes[columns]
        values = values.astype("float64", copy=False)
        return pd.DataFrame(values, index, names, copy=False)


def _split(places, new):
    """Split an array before each position where `new` is True."""
    return np.split(places, np.flatnonzero(new) + 1)


def _all_written(data, slab, spans):
    """Return False if a chunk of zeros is not stored in the file."""
    starts = [
        np.r_[low, np.arange(low // chunk * chunk + chunk, high, chunk)]
        for (low, high), chunk in zip(spans, data.chunks, strict=True)
    ]
    filled = slab != 0
    for axis in (0, 1):
        filled = np.logical_or.reduceat(filled, starts[axis] - spans[axis][0], axis)
    for i, j in np.argwhere(~filled):
        corner = [starts[0][i], starts[1][j]] // np.array(data.chunks) * data.chunks
        if data.id.get_chunk_info_by_coord(tuple(map(int, corner))).byte_offset is None:
            return False
    return True
