"""The three simulated sets published with RT-DMF, with the ground truth."""

from dataclasses import dataclass, field

import numpy as np

from latentomics.data.fetch import fetch_file

FOLDERS = {"twoblock": "twoblock_b20", "mixed": "mixed_b20", "fimm": "fimm_p02"}


@dataclass(frozen=True)
class PlantedSet:
    """A noisy matrix, its true components, and masks of cells by purpose.

    All arrays have the shape and the order of `D` (drugs x cell lines, shuffled); no
    value is missing, the masks say which cells a method may use. The units are those of
    a simulated response between about 0 and 1.

    Attributes
    ----------
    D : ndarray of float
        The noisy matrix: `L_true` + `S_true` + noise of standard deviation .05.
    L_true, S_true : ndarray of float
        The planted low rank and the planted spikes (0 or positive).
    seen, validation, test : ndarray of bool
        A partition of the cells (70%, 15%, 15%): to fit on, to choose settings on,
        to report on.
    block : ndarray of bool
        The cells of the planted blocks that got a spike.
    attrs : dict
        Source files, terms and citation.
    """

    D: np.ndarray
    L_true: np.ndarray
    S_true: np.ndarray
    seen: np.ndarray
    validation: np.ndarray
    test: np.ndarray
    block: np.ndarray
    attrs: dict = field(default_factory=dict)


def planted_set(name):
    """Return one of the published sets, `name` in {"twoblock", "mixed", "fimm"}."""
    stem = f"rtdmf_{FOLDERS[name]}_"

    def read(part):
        return np.load(fetch_file(stem + part), allow_pickle=False)

    D = read("M")
    validation = _mask(read("dropped_idx_val"), D.shape)
    test = _mask(read("dropped_idx_test"), D.shape)
    block = _mask(read("block_idx_test"), D.shape)
    rows, columns = read("row_permute_sort_index"), read("col_permute_sort_index")
    return PlantedSet(
        D=D,
        L_true=read("L"),
        S_true=read("S"),
        seen=~(validation | test),
        validation=validation,
        test=test,
        block=_unsorted(block, rows, columns),
    )


def _mask(flat, shape):
    """Turn indices into the flattened matrix into a boolean mask."""
    mask = np.zeros(shape, dtype=bool)
    mask.ravel()[flat.ravel()] = True
    return mask


def _unsorted(block, rows, columns):
    """Undo ``X[rows][:, columns]``, to which the authors' block indices refer."""
    mask = np.empty_like(block)
    mask[np.ix_(rows, columns)] = block
    return mask
