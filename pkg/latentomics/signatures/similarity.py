"""Match found signatures to known ones by cosine similarity."""

import pandas as pd

from latentomics.checks import check_whole
from latentomics.signatures.channels import align_channels, to_profiles
from latentomics.signatures.consensus import cosine


def similarity(table, reference):
    r"""Return the cosine of each signature with each reference signature.

    .. math:: \cos(s, r) = \frac{s^\top r}{\|s\|\,\|r\|}

    (book: ``eq-cosine``). 1 = the same profile, 0 = no channel in common; it does not
    depend on the number of mutations. Flat profiles are always similar: for SBS5 and
    SBS40 of COSMIC it is .83.

    Parameters
    ----------
    table, reference : DataFrame of shape (n, 96) and (m, 96)
        Signatures, profiles or counts; channels are aligned by name.

    Returns
    -------
    DataFrame of shape (n, m)

    Raises
    ------
    ValueError
        If a channel is missing or occurs twice, an entry is negative, missing or
        infinite, or a row is all zeros.
    """
    A = to_profiles(align_channels(table, "table"), "table")
    B = to_profiles(align_channels(reference, "reference"), "reference")
    return pd.DataFrame(cosine(A.to_numpy(), B.to_numpy()), A.index, B.index)


def best_matches(cosines, n=1):
    """Return the reference signatures most similar to each signature.

    Parameters
    ----------
    cosines : DataFrame of shape (n_signatures, n_references)
        As :func:`similarity` returns it.
    n : int, default=1
        Number of matches per signature.

    Returns
    -------
    DataFrame with a row for each signature and rank
        Columns `signature`, `rank` (from 1), `match` and `cosine`, best first.

    Raises
    ------
    ValueError
        If `n` is not a whole number from 1 to the number of references.
    """
    check_whole(n=n)
    if n > cosines.shape[1]:
        raise ValueError(f"n must be at most {cosines.shape[1]}; got {n}")
    rows = [
        {"signature": name, "rank": rank, "match": match, "cosine": value}
        for name, row in cosines.iterrows()
        for rank, (match, value) in enumerate(row.nlargest(n).items(), start=1)
    ]
    return pd.DataFrame(rows)


def match_columns(cosines, n=3):
    """Return the references that are among the `n` best matches of any signature.

    In column order, to select the columns of a heat map.
    """
    wanted = set(best_matches(cosines, n)["match"])
    return [name for name in cosines.columns if name in wanted]
