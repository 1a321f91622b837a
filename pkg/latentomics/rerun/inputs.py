"""The files named by the values of a run: found, made absolute, hashed by content."""

import hashlib
import os
import re
from pathlib import Path

WORDS = ("device", "scale", "save")  # these never name an input
# https://a.org, file:/a, zip::s3://a, but not C:/a
URL = re.compile(r"(?i)[a-z][a-z0-9+.:-]+:/|(https?|ftp|file):")


def inputs(values, defaults, folder):
    """Return values with absolute paths, and the hashes of the files they name.

    Parameters
    ----------
    values, defaults : dict
        Values typed in the shell, and the notebook's own.
    folder : Path
        Folder of the notebook, where its kernel starts.

    Returns
    -------
    values : dict
        A string that names a file becomes its absolute path: it is looked for in the
        shell's folder, then beside the notebook, with `~` for the home folder. So does
        a string that names a folder, unless it is a bare word, which may not be a path.
        `save`, the file that a notebook writes, is relative to the shell's folder.
    hashes : dict
        By absolute path. Files named by defaults are included, and looked for beside
        the notebook only. The hash of a folder covers all files in it, links followed.

    Raises
    ------
    ValueError
        If a value is a URL, or names something that cannot be read as a file or folder:
        a run whose input cannot be hashed cannot be told from one with other input.
        Also if a bare word names a folder in the shell's folder and something else
        beside the notebook.
    """
    anchored, hashes = dict(values), {}
    if values.get("save"):
        anchored["save"] = str(Path(os.path.expanduser(values["save"])).absolute())
    for name, value in (defaults | values).items():
        if name in WORDS or not isinstance(value, str):
            continue
        if URL.match(value):
            raise ValueError(
                f"{name} must be a file of this machine, since a run is named by the "
                f"content of what it reads; got {value}: download it first"
            )
        typed = name in values
        path = _found(value, (Path.cwd(), folder) if typed else (folder,))
        if path is None:
            continue
        if typed:
            _check_folder(name, value, path, folder)
        hashes[str(path)] = _hash(path, name)
        if typed and not _same(value, path, defaults.get(name), folder):
            anchored[name] = str(path)
    return anchored, hashes


def _found(value, folders):
    """Return the path named by a text in the first folder that has it, or None."""
    if not any(character.isalnum() for character in value):  # "", ".", "/", ...
        return None
    paths = [Path(folder, os.path.expanduser(value)) for folder in folders]
    return next((path.resolve() for path in paths if os.path.exists(path)), None)


def _same(value, path, default, folder):
    """Say whether the notebook can use a text unchanged."""
    beside = value == default and path == Path(folder, value).resolve()
    return beside or _is_bare_folder(value, path)


def _is_bare_folder(value, path):
    """Say whether a text that names a folder may be an ordinary word."""
    return not re.search(r"[./~\\]", value) and path.is_dir()


def _check_folder(name, value, path, folder):
    """Refuse a bare word that names something else beside the notebook."""
    beside = Path(folder, value).resolve()
    if _is_bare_folder(value, path) and beside.exists() and beside != path:
        raise ValueError(
            f"{name} must say which it means, {path} or {beside}, with the path "
            f"written out; got {value!r}, which lies in both folders"
        )


def _hash(path, name):
    try:
        if path.is_dir():
            return hashlib.sha256("\n".join(_files(path)).encode()).hexdigest()
        if path.is_file():
            return _sha256(path)
    except OSError as error:
        raise ValueError(
            f"{name} must be a file that can be read; got {path} ({error.strerror})"
        ) from error
    raise ValueError(f"{name} must be a file or a folder; got {path}")


def _files(folder):
    """List the files of a folder with their hashes, and links to folders seen."""
    lines, first = [], {}
    for here, folders, files in os.walk(folder, onerror=_raise, followlinks=True):
        folders.sort()  # in place: the order in which they are walked
        name = Path(here).relative_to(folder)
        seen = first.setdefault(Path(here).resolve(), name)
        if seen != name:
            lines.append(f"{name} = {seen}")
            folders.clear()
            continue
        found = [path for path in map(Path(here).joinpath, files) if path.is_file()]
        lines += [f"{f.relative_to(folder)} {_sha256(f)}" for f in found]
    return sorted(lines)


def _raise(error):
    raise error


def _sha256(path):
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
