"""The files that the values of a run name: found, anchored, hashed by their content."""

import hashlib
import os
import re
from pathlib import Path

WORDS = ("device", "scale", "save")  # these never name what a notebook reads
URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")


def inputs(values, defaults, folder):
    """Return values with their paths anchored, and the hashes of what they name.

    Parameters
    ----------
    values, defaults : dict
        What was typed in the shell, and what the notebook says.
    folder : Path
        Where the notebook lies and its kernel starts.

    Returns
    -------
    values : dict
        A text that names a file is its absolute path: it is looked for in the shell's
        folder, then beside the notebook, with `~` for the home folder. So is one that
        names a folder, unless it is a bare word, which may only be a word.
    hashes : dict
        By absolute path, also of what the defaults name, which is looked for beside
        the notebook alone.

    Raises
    ------
    ValueError
        If a value is a URL, or names what cannot be read as a file or a folder: a run
        whose input cannot be hashed cannot be told from one with other input.
    """
    anchored, hashes = dict(values), {}
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
        hashes[str(path)] = _hash(path, name)
        if typed and not _same(value, path, defaults.get(name), folder):
            anchored[name] = str(path)
    return anchored, hashes


def _found(value, folders):
    """Return what a text names in the first of some folders that has it, or None."""
    if not any(character.isalnum() for character in value):  # "", ".", "/", ...
        return None
    paths = [Path(folder, os.path.expanduser(value)) for folder in folders]
    return next((path.resolve() for path in paths if os.path.exists(path)), None)


def _same(value, path, default, folder):
    """Say whether a text means the same to the notebook as it stands."""
    bare = not re.search(r"[./~\\]", value)
    beside = value == default and path == Path(folder, value).resolve()
    return beside or (bare and path.is_dir())


def _hash(path, name):
    try:
        if path.is_dir():
            files = sorted(file for file in path.rglob("*") if file.is_file())
            said = [f"{f.relative_to(path)} {_sha256(f)}" for f in files]
            return hashlib.sha256("\n".join(said).encode()).hexdigest()
        if path.is_file():
            return _sha256(path)
    except OSError as error:
        raise ValueError(
            f"{name} must be a file that can be read; got {path} ({error.strerror})"
        ) from error
    raise ValueError(f"{name} must be a file or a folder; got {path}")


def _sha256(path):
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
