"""From the name of a raw file to its verified bytes on this machine."""

import hashlib
import os
from functools import cache
from pathlib import Path

import pandas as pd

from latentomics.data.names import as_names
from latentomics.data.optional import need
from latentomics.data.registry import names_of, registry

RETRIES = 2  # further attempts after a transfer that failed
TIMEOUT = 30  # seconds without a byte before a server counts as gone


class DataUnavailable(OSError):
    """A raw file is not here and cannot be obtained; the message says what to do."""


def fetch(name):
    """Return a list of paths to the raw files of `name`, downloading them if needed.

    Looks in the folder named by the environment variable ``LATENTOMICS_DATA``, then in
    the cache (``LATENTOMICS_CACHE``, or the system's default folder), then downloads
    into the cache, with a progress bar on stderr. Every file is checked against its
    registered sha256 before its path is returned; a failed transfer is retried twice,
    and leaves no file under the final name.

    Parameters
    ----------
    name : str
        A data set (all its files) or one file of the registry.

    Raises
    ------
    ValueError
        If `name` is neither.
    DataUnavailable
        If a file cannot be obtained, or LATENTOMICS_DATA holds other bytes under its
        name.
    """
    return [fetch_file(file) for file in names_of(name)]


def fetch_file(file):
    """Return the path of one raw file, downloading it if needed; see :func:`fetch`."""
    raw = registry()[file]
    own = _own(raw)
    if own and not _good(own, raw):
        raise DataUnavailable(
            f"{own} does not hold the registered bytes of {file} ({_found(own)}; "
            f"expected {raw.size} bytes, sha256 {raw.sha256}): replace it with "
            f"{raw.url}, or unset LATENTOMICS_DATA and run "
            f"`latentomics data fetch {file}`"
        )
    return own or _cached(raw) or _download(raw)


def locate(file):
    """Return the path of a raw file with its registered bytes, or None.

    Never downloads. Looks where :func:`fetch` looks.
    """
    names_of(file)
    raw = registry()[file]
    own = _own(raw)
    if own:
        return own if _good(own, raw) else None
    return _cached(raw)


def available(dataset):
    """Return True if every raw file of `dataset` is here; never downloads."""
    return all(locate(file) for file in names_of(dataset))


def verify(names=None):
    """Check the raw files that are here against their registered bytes.

    Parameters
    ----------
    names : iterable of str, optional
        Data sets or files of the registry; all files by default.

    Returns
    -------
    DataFrame
        One row per file: `file`, `where` ("folder", "cache" or "absent"), `ok`
        (True only if it is here with the right bytes), `note` (what is wrong).
    """
    names = None if names is None else as_names(names, "names")
    wanted = registry() if names is None else [f for n in names for f in names_of(n)]
    rows = [_state(registry()[file]) for file in dict.fromkeys(wanted)]
    return pd.DataFrame(rows, columns=["file", "where", "ok", "note"])


def cache_folder():
    """Return the folder that downloads go to; it need not exist yet."""
    chosen = os.environ.get("LATENTOMICS_CACHE")
    return Path(chosen) if chosen else Path(need("pooch").os_cache("latentomics"))


def _state(raw):
    for where, path in (("folder", _own(raw)), ("cache", cache_folder() / raw.file)):
        if path and path.is_file():
            good = _good(path, raw)
            note = "" if good else f"{path} holds other bytes: {_found(path)}"
            return raw.name, where, good, note
    return raw.name, "absent", False, f"get it with `latentomics data fetch {raw.name}`"


def _own(raw):
    """Return the path in the user's own folder, unchecked, or None."""
    folder = os.environ.get("LATENTOMICS_DATA")
    path = Path(folder) / raw.file if folder else None
    return path if path and path.is_file() else None


def _cached(raw):
    path = cache_folder() / raw.file
    return path if path.is_file() and _good(path, raw) else None


def _good(path, raw):
    return path.stat().st_size == raw.size and _hash(path) == raw.sha256


def _found(path):
    return f"{path.stat().st_size} bytes, sha256 {_hash(path)}"


def _hash(path):
    state = path.stat()
    return _sha256(path, state.st_size, state.st_mtime_ns)


@cache
def _sha256(path, size, modified):
    """Hash a file once per process: size and time reveal changes."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _download(raw):
    """Download into the cache: to a temporary name, renamed once the hash fits."""
    pooch, folder = need("pooch"), cache_folder()
    need("tqdm")
    store = pooch.create(
        path=folder,
        base_url="",
        registry={raw.file: f"sha256:{raw.sha256}"},
        urls={raw.file: raw.url},
        retry_if_failed=RETRIES,
    )
    http = pooch.HTTPDownloader(progressbar=True, timeout=TIMEOUT)
    try:
        # pooch's own way of making a subfolder fails when two processes do it at once
        (folder / raw.file).parent.mkdir(parents=True, exist_ok=True)
        return Path(store.fetch(raw.file, downloader=http))
    except (OSError, ValueError) as error:  # every error of requests is an OSError
        raise DataUnavailable(
            f"{raw.name} could not be downloaded from {raw.url}: "
            f"{_reason(error, folder)}; try again with "
            f"`latentomics data fetch {raw.name}`, or put the file as {raw.file} into "
            f"{os.environ.get('LATENTOMICS_DATA') or 'a folder'}, named by "
            "LATENTOMICS_DATA"
        ) from error


def _reason(error, folder):
    """Say in a few words why a download failed."""
    web = need("requests").exceptions
    if isinstance(error, web.HTTPError):
        return f"the server answered {error.response.status_code}"
    if isinstance(error, web.Timeout):
        return f"the server was silent for {TIMEOUT} s"
    if isinstance(error, web.ChunkedEncodingError):
        return "the transfer broke off"
    if isinstance(error, web.RequestException):
        return "there is no connection to the server"
    if isinstance(error, ValueError):
        return "the bytes that came are not the registered ones (other sha256)"
    return f"the cache folder {folder} cannot be written ({error.strerror or error})"
