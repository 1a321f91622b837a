import pickle
import subprocess
import sys
from pathlib import Path
from runpy import run_path

import h5py
import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_array_equal

from latentomics.data.archs4 import Archs4, DamagedFile
from latentomics.data.archs4_names import numbered

BENCH = Path(__file__).parents[1] / "bench"
N, P = 500, 30
COUNTS = np.random.default_rng(5).poisson(2.0, (N, P)).astype("uint32")
NAMES = [f"GSM{i + 1}" for i in range(N)]
GENES = [f"G{i + 1}" for i in range(P)]
SERIES = [f"GSE{i // 10}" for i in range(N)]
NEW, OLD = "data/expression of genes x samples", "data/expression of samples x genes"


def write(path, turned=True, chunks=(7, 20), counts=COUNTS, **names):
    """Write the counts with the names that a layout has, by where they lie."""
    new = {
        "meta/samples/geo_accession": NAMES,
        "meta/samples/series_id": SERIES,
        "meta/samples/singlecellprobability": np.linspace(0, 1, N),
        "meta/genes/symbol": GENES,
    }
    old = {
        "meta/Sample_geo_accession": np.array(NAMES, "S"),
        "meta/Sample_series_id": np.array(SERIES, "S"),
        "meta/genes": np.array(GENES, "S"),
    }
    with h5py.File(path, "w") as file:
        for place, values in ({True: new, False: old}[turned] | names).items():
            if values is not None:
                file[place] = values
        if counts is not None:
            counts, chunks = (counts.T, chunks) if turned else (counts, chunks[::-1])
            how = {"chunks": chunks, "compression": "gzip"}
            file.create_dataset("data/expression", data=counts, **how)
    return path


@pytest.fixture(params=[True, False], ids=["new", "old"])
def made(request, tmp_path):
    return Archs4(write(tmp_path / "a.h5", request.param))


def together(tables):
    tables = list(tables)
    return pd.concat(tables), [len(table) for table in tables]


def test_names_and_shape(made):
    assert made.shape == (N, P)
    assert made.genes.tolist() == GENES
    assert made.samples.index.tolist() == NAMES
    assert made.samples["series_id"].tolist() == SERIES
    assert made.samples["study"].tolist() == [i // 10 for i in range(N)]
    assert made.samples_per_chunk == 20


def test_what_only_the_new_layout_has(tmp_path):
    new = Archs4(write(tmp_path / "new.h5")).samples
    assert new.columns.tolist() == ["series_id", "study", "singlecellprobability"]
    assert_array_equal(new["singlecellprobability"], np.linspace(0, 1, N))
    old = Archs4(write(tmp_path / "old.h5", False)).samples
    assert old.columns.tolist() == ["series_id", "study"]


@pytest.mark.parametrize("place", ["genes", "gene_symbol"])
def test_other_places_of_the_symbols(place, tmp_path):
    genes = {"meta/genes/symbol": None, f"meta/genes/{place}": GENES}
    assert Archs4(write(tmp_path / "a.h5", **genes)).genes.tolist() == GENES


def test_chances_may_be_text(tmp_path):
    chance = {"meta/samples/singlecellprobability": ["0.25", *["-"] * (N - 1)]}
    found = Archs4(write(tmp_path / "a.h5", **chance)).samples["singlecellprobability"]
    assert found.iloc[0] == 0.25
    assert found.isna().sum() == N - 1


def test_studies_that_share_a_sample_are_one(tmp_path):
    series = ["GSE1", "GSE2", "GSE3,GSE1", "", "GSE4\tGSE2", "GSE5", "GSE4"]
    series += ["GSE6"] * (N - len(series))
    path = write(tmp_path / "a.h5", **{"meta/samples/series_id": series})
    study = Archs4(path).samples["study"]
    assert study.tolist()[:8] == [0, 1, 0, 2, 1, 3, 1, 4]
    assert study.nunique() == 5


def test_everything(made):
    table = made.read()
    assert_array_equal(table, COUNTS)
    assert set(map(str, table.dtypes)) == {"float64"}
    assert table.index.equals(made.samples.index)
    assert table.columns.equals(made.genes)


def test_samples_and_genes_come_in_the_order_asked_for(made):
    rows, columns = [499, 3, 250, 251, 4, 270], [29, 0, 15, 14]
    samples, genes = [NAMES[i] for i in rows], [GENES[j] for j in columns]
    table = made.read(samples, pd.Index(genes))
    assert_array_equal(table, COUNTS[np.ix_(rows, columns)])
    assert table.index.tolist() == samples
    assert table.columns.tolist() == genes
    assert_array_equal(made.read(genes=genes), COUNTS[:, columns])


def test_what_comes_is_the_callers_own(made):
    table = made.read()
    table.iloc[:] = -1
    assert_array_equal(made.read(), COUNTS)


def test_batches_are_full_and_in_the_order_of_the_file(made):
    table, sizes = together(made.batches(150, genes=GENES[::-3]))
    assert sizes == [150, 150, 150, 50]
    pd.testing.assert_frame_equal(table, made.read(genes=GENES[::-3]))


@pytest.mark.parametrize("size", [1, 7, 20, 64, 499, 1000])
def test_batches_of_any_size_are_the_same_samples(made, size):
    some = np.random.default_rng(size).permutation(NAMES)[:90]
    table, sizes = together(made.batches(size, some, GENES[3:5]))
    assert set(sizes[:-1]) <= {size}
    pd.testing.assert_frame_equal(
        table, made.read(sorted(some, key=NAMES.index), GENES[3:5])
    )


def test_shuffled_batches_are_whole_blocks_in_a_drawn_order(made):
    table, sizes = together(made.batches(150, random_state=1))
    assert sizes == [150, 150, 150, 50]
    places = np.array([NAMES.index(name) for name in table.index])
    assert_array_equal(np.sort(places), np.arange(N))
    jumps = np.flatnonzero(np.diff(places) != 1) + 1
    assert all(place % 60 == 0 for place in places[jumps])  # three chunks of 20
    assert len(jumps) >= 5
    pd.testing.assert_frame_equal(table, made.read(table.index))


def test_the_seed_decides_the_order(made):
    def order(seed):
        return together(made.batches(100, random_state=seed))[0].index.tolist()

    assert order(0) == order(0)
    assert order(0) != order(1)
    assert order(0) != NAMES


def test_progress_sees_each_batch(made):
    seen = []

    def progress(tables, total):
        seen.append(total)
        for table in tables:
            seen.append(len(table))
            yield table

    assert len(list(made.batches(200, progress=progress))) == 3
    assert seen == [3, 200, 200, 100]


def test_each_chunk_is_read_once(made, monkeypatch):
    asked = []
    get = h5py.Dataset.__getitem__
    monkeypatch.setattr(
        h5py.Dataset, "__getitem__", lambda d, at: asked.append(at) or get(d, at)
    )
    list(made.batches(100, random_state=0))
    spans = {tuple((s.start, s.stop) for s in at) for at in asked}
    assert len(asked) == len(spans) == 9  # blocks of three chunks
    samples = [span[0] if span[1] == (0, P) else span[1] for span in spans]
    assert all(start % 20 == 0 for start, _ in samples)


def slabs_of(monkeypatch):
    """Return a list that fills with the places asked of the file: samples, genes."""
    asked = []
    slab = Archs4._slab
    monkeypatch.setattr(
        Archs4, "_slab", lambda a, d, r, c: asked.append((r, c)) or slab(a, d, r, c)
    )
    return asked


def test_chunks_without_a_sample_asked_for_are_not_read(made, monkeypatch):
    asked = slabs_of(monkeypatch)
    made.read([NAMES[0], NAMES[30], NAMES[60]])
    assert [samples.tolist() for samples, _ in asked] == [[0, 30], [60]]


def test_a_chunk_larger_than_a_batch_is_read_in_parts(tmp_path, monkeypatch):
    made = Archs4(write(tmp_path / "a.h5", chunks=(7, 200)))
    asked = slabs_of(monkeypatch)
    table, _ = together(made.batches(80))
    assert_array_equal(table, COUNTS)
    assert [len(samples) for samples, _ in asked] == [80] * 6 + [20]


def test_many_genes_are_read_in_slabs_of_whole_chunks(tmp_path, monkeypatch):
    counts = np.random.default_rng(0).poisson(1.0, (10, 2600))
    genes = [f"G{i}" for i in range(2600)]
    names = {"meta/samples/geo_accession": NAMES[:10], "meta/genes/symbol": genes}
    names |= {"meta/samples/series_id": None}
    names |= {"meta/samples/singlecellprobability": None}
    made = Archs4(write(tmp_path / "a.h5", counts=counts, chunks=(300, 4), **names))
    assert made.samples.columns.tolist() == []
    asked = slabs_of(monkeypatch)
    assert_array_equal(made.read(), counts)
    assert [places[0] for _, places in asked] == [0, 900, 1800]
    some = np.random.default_rng(1).permutation(2600)[:40]
    table = made.read(NAMES[4:7], [genes[i] for i in some])
    assert_array_equal(table, counts[4:7, some])


def test_a_file_without_chunks(tmp_path):
    path = write(tmp_path / "a.h5", counts=None)
    with h5py.File(path, "a") as file:
        file["data/expression"] = COUNTS.T
    made = Archs4(path)
    assert made.samples_per_chunk == 1
    assert_array_equal(together(made.batches(70))[0], COUNTS)


def test_genes_of_one_symbol_are_numbered(tmp_path):
    symbols = ["TP53", "B", "TP53", "B (2)", "B", "TP53", *GENES[6:]]
    made = Archs4(write(tmp_path / "a.h5", **{"meta/genes/symbol": symbols}))
    found = ["TP53", "B", "TP53 (2)", "B (2)", "B (3)", "TP53 (3)"]
    assert made.genes.tolist()[:6] == found
    assert_array_equal(made.read(genes=["TP53 (2)", "B (3)"]), COUNTS[:, [2, 4]])


def test_numbers_of_names_never_meet():
    names = ["a", "a (2)", "a", "a (2)", "a", "a (3)"]
    assert len(set(numbered(names))) == len(names)


def test_the_reader_holds_no_file_open(made):
    copy = pickle.loads(pickle.dumps(made))
    made.path.unlink()
    assert copy.shape == (N, P)


def damage(path, where=0.5):
    """Overwrite bytes in the middle of a chunk; return the samples that are lost."""
    with h5py.File(path) as file:
        data = file["data/expression"]
        chunk = data.id.get_chunk_info(int(data.id.get_num_chunks() * where))
    middle = chunk.byte_offset + chunk.size // 2
    with path.open("r+b") as stream:
        stream.seek(middle)
        stream.write(b"\0" * 8)
    return chunk.chunk_offset


def test_a_damaged_chunk_is_an_error_that_says_where(made):
    corner = damage(made.path)
    first = corner[{True: 1, False: 0}[corner[0] < P]]
    lost = f"{NAMES[first]} to {NAMES[first + 19]}"
    whole = NAMES[first : first + 20]
    says = rf"a.h5 is damaged or incomplete: samples {first} to .*\({lost}\) cannot be"
    with pytest.raises(DamagedFile, match=says) as caught:
        made.read(whole)
    assert str(caught.value).count("a.h5") == 1
    with pytest.raises(OSError, match="damaged"):
        together(made.batches(50))
    intact = [name for name in NAMES if name not in whole]
    table, _ = together(made.batches(50, intact))
    assert_array_equal(table, made.read(intact))


def test_a_damaged_gene_leaves_the_others_readable(tmp_path):
    genes = [f"G{i}" for i in range(2600)]
    counts = np.random.default_rng(0).poisson(1.0, (N, 2600))
    path = write(
        tmp_path / "a.h5",
        counts=counts,
        chunks=(1024, 500),
        **{"meta/genes/symbol": genes},
    )
    damage(path)  # the second of three chunks
    made = Archs4(path)
    assert_array_equal(made.read(genes=genes[2048:]), counts[:, 2048:])
    with pytest.raises(DamagedFile):
        made.read(genes=genes[2000:])


@pytest.mark.parametrize("turned", [True, False], ids=["new", "old"])
def test_what_was_never_written_is_no_zero(turned, tmp_path):
    path = write(tmp_path / "a.h5", turned, counts=None)
    order = 1 if turned else -1
    with h5py.File(path, "a") as file:
        how = {"shape": (P, N)[::order], "chunks": (7, 20)[::order]}
        data = file.create_dataset("data/expression", dtype="uint32", **how)
        part = (slice(0, 21), slice(0, 40))[::order]  # whole chunks
        data[part] = 1
    made = Archs4(path)
    assert (made.read(NAMES[:40], GENES[:21]) == 1).all(axis=None)
    for samples, genes in ((NAMES[30:45], GENES[:21]), (NAMES[:40], GENES[15:])):
        with pytest.raises(DamagedFile, match="samples .* was never written"):
            made.read(samples, genes)


def test_written_zeros_are_zeros(tmp_path):
    made = Archs4(write(tmp_path / "a.h5", counts=np.zeros((N, P))))
    assert made.read().to_numpy().max() == 0


def test_a_file_of_which_no_number_was_written(tmp_path):
    path = write(tmp_path / "a.h5", counts=None)
    with h5py.File(path, "a") as file:
        file.create_dataset("data/expression", (P, N), "uint32")
    with pytest.raises(
        DamagedFile, match="its names and shape cannot be read .no numb"
    ):
        Archs4(path)


@pytest.mark.parametrize("kept", [0.5, 0.99])
def test_a_file_cut_short(kept, tmp_path):
    path = write(tmp_path / "a.h5")
    path.write_bytes(path.read_bytes()[: int(kept * path.stat().st_size)])
    with pytest.raises(DamagedFile, match="a.h5 is damaged or incomplete: .*truncated"):
        Archs4(path)


def test_a_file_of_another_kind(tmp_path):
    path = tmp_path / "a.h5"
    path.write_text("id,g1\ns1,2\n")
    with pytest.raises(DamagedFile, match="a.h5 is damaged or incomplete"):
        Archs4(path)


@pytest.mark.parametrize(
    ("text", "got"), [("id,g1", "beginning is none"), ("", "empty")]
)
def test_a_table_is_no_archs4_file(text, got, tmp_path):
    (tmp_path / "my.csv").write_text(text)
    says = f"my.csv is damaged .*path must be an HDF5 file of ARCHS4, and it.* {got}"
    with pytest.raises(DamagedFile, match=says):
        Archs4(tmp_path / "my.csv")


@pytest.mark.parametrize("name", ["samples", "genes"])
def test_one_name_is_no_list(name, made):
    with pytest.raises(ValueError, match=f"{name} of a.h5 must be a list .*got 'TP53'"):
        made.read(**{name: "TP53"})


def test_names_in_two_dimensions_are_no_list(tmp_path):
    path = write(tmp_path / "a.h5")
    with h5py.File(path, "a") as file:
        del file["meta/genes"]
        file["meta/genes"] = np.array([[b"A", b"B"]])
    says = "/meta/genes of a.h5 must be a list of texts; got shape"
    with pytest.raises(ValueError, match=says):
        Archs4(path)


def test_no_file(tmp_path):
    with pytest.raises(FileNotFoundError, match="path must be a file; found none at"):
        Archs4(tmp_path / "b.h5")


@pytest.mark.parametrize(
    ("place", "says"),
    [
        ("meta/samples/geo_accession", "meta/samples/geo_accession or meta/Sample_geo"),
        (
            "meta/genes/symbol",
            "meta/genes/symbol or meta/genes/gene_symbol or .*genes,",
        ),
    ],
)
def test_names_that_are_missing(place, says, tmp_path):
    path = write(tmp_path / "a.h5", **{place: None})
    with pytest.raises(
        ValueError, match=rf"a.h5 must have {says}.*got \['data', 'meta'"
    ):
        Archs4(path)


def test_genes_that_have_no_symbols(tmp_path):
    genes = {"meta/genes/symbol": None, "meta/genes/ensembl_gene_id": GENES}
    with pytest.raises(ValueError, match="a.h5 must have meta/genes/symbol or"):
        Archs4(write(tmp_path / "a.h5", **genes))


def test_numbers_that_are_missing(tmp_path):
    path = write(tmp_path / "a.h5", counts=None)
    with pytest.raises(
        ValueError, match=r"must have data/expression, .* got \['meta'\]"
    ):
        Archs4(path)


def test_a_shape_that_names_do_not_have(tmp_path):
    path = write(tmp_path / "a.h5", counts=COUNTS[1:])
    says = r"of a.h5 must be of 500 samples and 30 genes.*; got shape \(30, 499\)"
    with pytest.raises(ValueError, match=says):
        Archs4(path)


def test_a_square_matrix_does_not_tell_samples_from_genes(tmp_path):
    path = write(
        tmp_path / "a.h5",
        counts=COUNTS[:P],
        **{"meta/samples/geo_accession": NAMES[:P]},
        **{"meta/samples/series_id": None, "meta/samples/singlecellprobability": None},
    )
    with pytest.raises(ValueError, match="a.h5 must not be square.*; got 30 of both"):
        Archs4(path)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"samples": ["GSM1", "x"]}, "samples of a.h5 must be in the file; got 'x'"),
        ({"genes": list("abcdefgh")}, "genes of a.h5 .* 'd', 'e' and 3 more"),
        (
            {"genes": ["G1", "G2", "G1"]},
            "genes of a.h5 must come once each; got 'G1' ag",
        ),
        ({"samples": []}, "samples of a.h5 must be at least one; got none"),
    ],
)
def test_names_that_cannot_be_read(options, says, made):
    for ask in (made.read, made.batches):
        with pytest.raises(ValueError, match=says):
            ask(**options)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"size": 0}, "size must be a whole number of at least 1; got 0"),
        (
            {"random_state": -1},
            "random_state must be a whole number of at least 0; got -1",
        ),
    ],
)
def test_batches_that_cannot_be(options, says, made):
    with pytest.raises(ValueError, match=says):
        made.batches(**options)


def test_a_missing_library_is_named(tmp_path, monkeypatch):
    path = write(tmp_path / "a.h5")
    monkeypatch.setitem(sys.modules, "h5py", None)
    with pytest.raises(ImportError, match=r"h5py is needed .*\[data\]"):
        Archs4(path)


PEAK = """
import resource, sys
from latentomics.data.archs4 import Archs4
def peak(): return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
made = Archs4(sys.argv[1])
before = peak()
n = sum(len(table) for table in made.batches(500, random_state=0))
print(n, peak() - before)
"""


@pytest.mark.slow
def test_memory_stays_near_one_batch(tmp_path):
    path = tmp_path / "large.h5"
    write_archs4 = run_path(str(BENCH / "archs4_file.py"))["write_archs4"]
    write_archs4(path, n_samples=20_000, n_genes=35_000, density=0.02)
    done = subprocess.run(
        [sys.executable, "-c", PEAK, path], capture_output=True, text=True, check=True
    )
    n, used = map(int, done.stdout.split())
    assert n == 20_000
    batch = 500 * 35_000 * 8  # of 2.8 GB of counts, or 5.6 GB of floats
    assert used < 3 * batch  # the one in use, the next, and a block: 2.4 measured
