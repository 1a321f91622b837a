"""Contents of `registry.toml`: the raw files, and the data sets made of them."""

import tomllib
from dataclasses import asdict, dataclass
from functools import cache
from importlib.resources import files as package_files

import pandas as pd


@dataclass(frozen=True)
class RawFile:
    """One raw file: its public URL and the bytes expected there."""

    name: str
    file: str
    url: str
    sha256: str
    size: int
    what: str
    terms: str
    cite: str


@dataclass(frozen=True)
class Dataset:
    """What `load(name)` returns, and the raw files it is made of."""

    name: str
    what: str
    units: str
    rows: str
    columns: str
    files: tuple


@cache
def _toml():
    text = (package_files("latentomics.data") / "registry.toml").read_text("utf-8")
    return tomllib.loads(text)


def registry():
    """Return every registered raw file by name, a dict of `RawFile`."""
    return {name: RawFile(name, **facts) for name, facts in _toml()["files"].items()}


def catalogue():
    """Return every data set by name, a dict of `Dataset`."""
    return {
        name: Dataset(name, **(facts | {"files": tuple(facts["files"])}))
        for name, facts in _toml()["datasets"].items()
    }


def files():
    """Return the registry as a table: name, file, url, sha256, size, what, ...

    `size` is in bytes. One row per raw file, in the order of the registry.
    """
    return pd.DataFrame([asdict(raw) for raw in registry().values()])


def requires(dataset):
    """Return the names of the raw files that `load(dataset)` reads, a list.

    Raises
    ------
    ValueError
        If there is no such data set.
    """
    known = catalogue()
    if not isinstance(dataset, str) or dataset not in known:
        raise ValueError(f"dataset must be one of {sorted(known)}; got {dataset!r}")
    return list(known[dataset].files)


def names_of(name):
    """Return the raw files behind the name of a data set or of one raw file.

    Raises
    ------
    ValueError
        If it is neither.
    """
    text = isinstance(name, str)
    if text and name in catalogue():
        return requires(name)
    if text and name in registry():
        return [name]
    raise ValueError(
        f"name must be a data set, one of {sorted(catalogue())}, "
        f"or a file of the registry, one of {sorted(registry())}; got {name!r}"
    )


def provenance(dataset):
    """Return what `load` writes into `.attrs`: sources, units and terms."""
    entry = catalogue()[dataset]
    kept = ("name", "file", "url", "sha256", "terms", "cite")
    sources = [asdict(registry()[file]) for file in entry.files]
    return {
        "dataset": dataset,
        "what": entry.what,
        "units": entry.units,
        "files": [{key: source[key] for key in kept} for source in sources],
    }
