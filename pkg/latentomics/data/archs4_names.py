"""Names of the samples, studies and genes in an ARCHS4 file."""

from pathlib import Path

import numpy as np
import pandas as pd
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from latentomics.data.names import as_names

SAMPLES = ("meta/samples/geo_accession", "meta/Sample_geo_accession")
SERIES = ("meta/samples/series_id", "meta/Sample_series_id")
SINGLE = ("meta/samples/singlecellprobability", "meta/Sample_singlecellprobability")
GENES = (
    "meta/genes/symbol",
    "meta/genes/gene_symbol",
    "meta/genes/genes",
    "meta/genes",
)


def found(file, paths):
    """Return the first of these data sets that a file has.

    Raises
    ------
    ValueError
        If it has none of them.
    """
    data = _optional(file, paths)
    if data is None:
        raise ValueError(
            f"{Path(file.filename).name} must have {' or '.join(paths)}, as an ARCHS4 "
            f"file; got {sorted(file)}"
        )
    return data


def _optional(file, paths):
    for path in paths:
        data = file[path] if path in file else None
        if hasattr(data, "dtype"):  # otherwise it is a group of data sets
            return data
    return None


def texts(file, paths):
    """Return a column of names as a list of text; raises as :func:`found`."""
    return _decoded(found(file, paths))


def _decoded(data):
    values = data[()]
    if data.ndim != 1:
        raise ValueError(
            f"{data.name} of {Path(data.file.filename).name} must be a list of texts; "
            f"got shape {data.shape}"
        )
    return [
        v.decode("utf8", "replace") if isinstance(v, bytes) else str(v) for v in values
    ]


def annotation(file):
    """Return the annotation of samples that we use, by accession."""
    index = pd.Index(numbered(texts(file, SAMPLES)), name="geo_accession")
    series, chance = _optional(file, SERIES), _optional(file, SINGLE)
    samples = pd.DataFrame(index=index)
    if series is not None:
        samples["series_id"] = _decoded(series)
        samples["study"] = _studies(samples["series_id"])
    if chance is not None:  # text in some versions
        chance = pd.Series(_decoded(chance), index)
        samples["singlecellprobability"] = pd.to_numeric(chance, errors="coerce")
    return samples


def _studies(series):
    """Return a number for each sample, the same for those connected by studies."""
    ids = series.reset_index(drop=True).str.findall(r"[^,;\s]+").explode().dropna()
    n, (studies, names) = len(series), pd.factorize(ids)
    links = np.ones(len(ids)), (ids.index, n + studies)
    joined = coo_array(links, shape=(n + len(names),) * 2)
    return pd.factorize(connected_components(joined, directed=False)[1][:n])[0]


def numbered(names):
    """Return a list of unique names: a second "TP53" becomes "TP53 (2)"."""
    taken, seen, unique = set(names), {}, []
    for name in names:
        number = seen.get(name, 0) + 1
        while number > 1 and f"{name} ({number})" in taken:
            number += 1
        seen[name] = number
        unique.append(f"{name} ({number})" if number > 1 else name)
    return unique


def positions(index, names, what):
    """Return the positions of names in an index; all positions for None.

    Raises
    ------
    ValueError
        If `names` is not a list or is empty, or a name is unknown or repeated.
    """
    if names is None:
        return np.arange(len(index))
    names = as_names(names, what)
    places = index.get_indexer(names)
    unknown, twice = names[places < 0], names[names.duplicated()]
    if not len(names):
        raise ValueError(f"{what} must be at least one; got none")
    if len(unknown):
        raise ValueError(f"{what} must be in the file; got {_few(unknown)}")
    if len(twice):
        raise ValueError(f"{what} must come once each; got {_few(twice)} again")
    return places


def _few(names, limit=5):
    more = f" and {len(names) - limit} more" * (len(names) > limit)
    return ", ".join(map(repr, names[:limit])) + more
