import pickle

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.linear_model import orthogonal_mp

from latentomics.solvers.pursuit import CHUNK_BYTES, pursuit, pursuit_path

METHODS = ("ormp", "omp", "legacy")
WAYS = pytest.mark.parametrize(
    "way",
    [{"method": m} for m in METHODS]
    + [{"method": m, "nonnegative": True} for m in ("ormp", "omp")],
    ids=[*METHODS, "ormp non-negative", "omp non-negative"],
)
TRUE_WAYS = pytest.mark.parametrize("method", ["ormp", "omp"])


@pytest.fixture
def problem(rng):
    """Twelve atoms of lengths from .3 to 3 in 8 dimensions, and 20 samples."""
    D = rng.normal(size=(12, 8)) * rng.uniform(0.3, 3, size=(12, 1)) / 8**0.5
    return D, rng.normal(size=(20, 8))


def least_squares(D, y, support):
    return np.linalg.lstsq(D[support].T, y, rcond=None)[0]


def beyond(d, chosen):
    """What the chosen atoms leave of an atom."""
    return d - chosen.T @ np.linalg.lstsq(chosen.T, d, rcond=None)[0]


def literal(D, y, k, method="ormp", nonnegative=False):
    """Pursuit as its definition reads: a least-squares fit for each atom in turn."""
    support, w = [], np.zeros(0)
    for _ in range(k):
        r, scores = y - w @ D[support], {}
        for i in set(range(len(D))) - set(support):
            size = np.linalg.norm(D[i] if method == "omp" else beyond(D[i], D[support]))
            fit = least_squares(D, y, [*support, i])
            allowed = not nonnegative or (fit >= 0).all()
            scores[i] = abs(r @ D[i]) / size * allowed
        best = max(scores, key=scores.get)
        if scores[best] == 0:
            break
        support.append(best)
        w = least_squares(D, y, support)
    codes = np.zeros(len(D))
    codes[support] = w
    return codes


def test_atoms_at_right_angles_are_taken_by_size(device):
    D = np.diag([2.0, 1.0, 4.0])
    Y = np.array([[2.0, -3.0, 1.0], [0.0, 0.0, 0.0], [0.0, 5.0, 0.0]])
    one, two = pursuit(D, Y, 1, device=device), pursuit(D, Y, 2, device=device)
    assert_allclose(one, [[0, -3, 0], [0, 0, 0], [0, 5, 0]], atol=1e-15)
    assert_allclose(two, [[1, -3, 0], [0, 0, 0], [0, 5, 0]], atol=1e-15)
    up = pursuit(D, Y, 2, nonnegative=True, device=device)
    assert_allclose(up, [[1, 0, 0.25], [0, 0, 0], [0, 5, 0]], atol=1e-15)


def test_what_ormp_and_omp_choose_by_hand():
    # y = (2, 0, .5, .2). First is atom 0. It leaves r = (0, 0, .5, .2), and of atom 1
    # .6 in the direction of r; OMP looks at <r, d>: .3 against .47, ORMP at .3 / .6
    D = np.array([[1.0, 0, 0, 0], [0.8, 0, 0.6, 0], [0, 0.4, 0.84, 0.1]])
    D[2] /= np.linalg.norm(D[2])
    Y = np.array([[2.0, 0, 0.5, 0.2]])
    chosen = {m: pursuit_path(D, Y, 2, method=m).atoms[0] for m in ("omp", "ormp")}
    assert_array_equal(chosen["omp"], [0, 2])
    assert_array_equal(chosen["ormp"], [0, 1])


@TRUE_WAYS
@pytest.mark.parametrize("nonnegative", [False, True])
def test_agrees_with_the_definition(problem, device, method, nonnegative):
    D, Y = problem
    way = {"method": method, "nonnegative": nonnegative}
    for k in (1, 4, 7):  # with 8 of 8, all that are left are equal to ORMP
        expected = [literal(D, y, k, **way) for y in Y]
        assert_allclose(pursuit(D, Y, k, device=device, **way), expected, atol=1e-10)


def test_codes_from_0_up_are_that_and_meet_the_conditions_of_their_support(rng):
    D, W = rng.uniform(size=(40, 15)), rng.uniform(size=(60, 40))
    Y = (W * (rng.random(W.shape) < 0.1)) @ D + 0.1 * rng.normal(size=(60, 15))
    path = pursuit_path(D, Y, 10, nonnegative=True)
    for k in range(1, 11):
        W = path.codes(k)
        assert (W >= 0).all()
        gradient = (Y - W @ D) @ D.T
        assert np.abs(gradient[W > 0]).max() < 1e-10
    assert (path.atoms[:, -1] < 0).any()  # some were done before, others were not
    assert (path.atoms[:, -1] >= 0).any()


@pytest.mark.parametrize("seed", range(10))
def test_omp_agrees_with_scikit_learn_on_a_thousand_problems(seed):
    rng = np.random.default_rng(seed)
    d, m = (int(v) for v in rng.integers(15, 60, 2))
    k = int(rng.integers(1, m // 3))
    D, Y = rng.normal(size=(d, m)), rng.normal(size=(100, m))
    length = np.linalg.norm(D, axis=1, keepdims=True)  # theirs needs atoms of length 1
    theirs = orthogonal_mp((D / length).T, Y.T, n_nonzero_coefs=k).T / length[:, 0]
    ours = pursuit(D, Y, k, method="omp")
    assert_array_equal(ours != 0, theirs != 0)
    assert_allclose(ours, theirs, atol=1e-9)


@pytest.mark.parametrize("method", ["ormp", "legacy"])
@pytest.mark.parametrize("seed", range(10))
def test_agrees_with_spams_on_a_thousand_problems(seed, method):
    spams = pytest.importorskip("spams")
    rng = np.random.default_rng(100 + seed)
    d, m = (int(v) for v in rng.integers(15, 60, 2))
    k = int(rng.integers(1, m // 3))
    D, Y = rng.normal(size=(d, m)), rng.normal(size=(100, m))
    D *= rng.uniform(0.2, 1, size=(d, 1)) / np.linalg.norm(D, axis=1, keepdims=True)
    length = {"ormp": np.linalg.norm(D, axis=1), "legacy": np.ones(d)}[method]
    theirs = spams.omp(
        np.asfortranarray(Y.T),
        np.asfortranarray((D / length[:, None]).T),
        L=k,
        return_reg_path=False,
        numThreads=1,
    )
    ours = pursuit(D, Y, k, method=method) * length
    theirs = theirs.toarray().T
    assert_array_equal(ours != 0, theirs != 0)
    # the triangular systems of up to 18 atoms in 56 dimensions amplify rounding
    assert_allclose(ours, theirs, atol=1e-12 * np.abs(theirs).max())


def test_legacy_by_hand():
    # atoms of length 1/2 taken for 1: one step moves by <y, d>, a fourth of the way
    D, Y = np.eye(2) / 2, np.array([[4.0, 2.0]])
    assert_allclose(pursuit(D, Y, 2, method="legacy"), [[2, 1]], rtol=1e-15)
    assert_allclose(pursuit(D, Y, 2), [[8, 4]], rtol=1e-15)


@WAYS
def test_paths_are_nested(problem, device, way):
    D, Y = problem
    path = pursuit_path(D, Y, 6, device=device, **way)
    for k in (1, 3, 6):
        codes = path.codes(k)
        assert_allclose(codes, pursuit(D, Y, k, device=device, **way), atol=1e-12)
        chosen = [sorted(set(row) - {-1}) for row in path.atoms[:, :k].tolist()]
        assert [np.flatnonzero(w).tolist() for w in codes] == chosen


@TRUE_WAYS
@pytest.mark.parametrize("nonnegative", [False, True])
def test_residuals_by_hand_never_rise(problem, device, method, nonnegative):
    D, Y = problem
    way = {"method": method, "nonnegative": nonnegative, "device": device}
    path = pursuit_path(D, Y, 8, **way)
    last = (Y**2).sum(axis=1)
    for k in range(1, 9):
        by_hand = ((Y - path.codes(k) @ D) ** 2).sum(axis=1)
        assert_allclose(path.residual(k), by_hand, atol=1e-12)
        assert (by_hand <= last + 1e-12).all()
        last = by_hand


def test_legacy_has_no_residual(problem):
    path = pursuit_path(*problem, 3, method="legacy")
    with pytest.raises(ValueError, match="method must be 'ormp' or 'omp' here; got 'l"):
        path.residual(3)


@WAYS
def test_more_samples_than_a_chunk_holds_change_nothing(
    problem, monkeypatch, device, way
):
    D, Y = problem
    whole = pursuit(D, Y, 5, device=device, **way)
    room = dict.fromkeys(CHUNK_BYTES, 7 * 5 * 12 * 8)  # for seven of twenty
    monkeypatch.setattr("latentomics.solvers.pursuit.CHUNK_BYTES", room)
    assert_allclose(pursuit(D, Y, 5, device=device, **way), whole, atol=1e-13)


@WAYS
def test_units_and_order_pass_through(problem, rng, way):
    D, Y = problem
    W = pursuit(D, Y, 5, **way)
    assert_array_equal(pursuit(D, Y * 2.0**20, 5, **way), W * 2.0**20)
    atoms, rows = rng.permutation(12), rng.permutation(20)
    assert_allclose(pursuit(D[atoms], Y[rows], 5, **way), W[rows][:, atoms], atol=1e-11)


@TRUE_WAYS
def test_lengths_of_atoms_pass_through(problem, rng, method):
    D, Y = problem
    scale = rng.uniform(1e-6, 1e6, size=12)
    W = pursuit(D * scale[:, None], Y, 5, method=method)
    assert_allclose(W * scale, pursuit(D, Y, 5, method=method), rtol=1e-9)


@WAYS
def test_float32_is_near_float64(problem, way):
    D, Y = problem
    W, small = pursuit(D, Y, 4, **way), pursuit(D, Y, 4, dtype="float32", **way)
    assert small.dtype == np.float32
    assert_array_equal(small != 0, W != 0)
    assert_allclose(small, W, atol=2e-5 * np.abs(W).max())


@TRUE_WAYS
def test_a_sample_that_is_done_stops(problem, method):
    D = problem[0]
    Y = np.array([D[3], np.zeros(8), 2 * D[1]])
    path = pursuit_path(D, Y, 5, method=method)
    assert_array_equal(path.atoms[:, 0], [3, -1, 1])
    assert_array_equal(path.atoms[:, 1:], -1)
    assert_allclose(path.codes(5), np.eye(12)[[3, 0, 1]] * [[1], [0], [2]], atol=1e-14)


@WAYS
def test_dead_and_repeated_atoms_are_never_chosen(problem, way):
    D, Y = problem
    more = np.vstack([D, np.zeros(8), D[2] * 3, (D[4] - D[5]) / 2])
    path = pursuit_path(more, Y, 8, **way)
    assert not (path.atoms == 12).any()
    assert np.isfinite(path.codes(8)).all()


@TRUE_WAYS
def test_atoms_in_the_span_of_the_chosen_are_never_chosen(problem, method):
    D = problem[0][:3]
    D = np.vstack([D, D[0] + D[1], D[1] - D[2], 2 * D[0]])  # six, but of rank 3
    path = pursuit_path(D, problem[1], 6, method=method)
    assert ((path.atoms >= 0).sum(axis=1) == 3).all()
    best = problem[1] @ np.linalg.pinv(D[:3]) @ D[:3]
    assert_allclose(path.codes(6) @ D, best, atol=1e-10)


@TRUE_WAYS
def test_an_atom_all_but_in_the_span_does_not_end_the_search(method):
    # the first has more in common with what the second leaves than the third has
    D = np.eye(3)
    D[1] = [1, 1e-5, 0]
    path = pursuit_path(D, np.array([[1.0, 1.0, 1e-7]]), 3, method=method)
    assert_array_equal(path.atoms, [[1, 2, -1]])


@pytest.mark.parametrize("seed", [294, 962, 1839])  # of 3000, where it mattered
def test_a_code_that_should_be_0_is_not_rounded_below(seed):
    # each sample is a sum of three atoms, but one between them is chosen first
    rng = np.random.default_rng(seed)
    three, w = np.abs(rng.normal(size=(3, 6))), rng.uniform(0.5, 1.5, 3)
    D = np.vstack([w @ three + 0.3 * rng.normal(size=6), three])
    assert (pursuit(D, (w @ three)[None], 4, nonnegative=True) >= 0).all()


def test_no_atom_points_the_way_of_a_sample():
    D, Y = np.array([[1.0, 0.0], [0.0, 1.0]]), np.array([[-1.0, -2.0], [-1.0, 2.0]])
    W = pursuit(D, Y, 2, nonnegative=True)
    assert_array_equal(W, [[0, 0], [0, 2]])


def test_arrays_are_the_callers_own(problem):
    D, Y = problem
    before = D.copy(), Y.copy()
    path = pursuit_path(D, Y, 3)
    path.codes(3)[:] = 0
    path.residual(3)[:] = 0
    assert path.codes(3).any()
    assert path.residual(3).any()
    assert_array_equal(D, before[0])
    assert_array_equal(Y, before[1])
    assert_array_equal(pickle.loads(pickle.dumps(path)).codes(3), path.codes(3))


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"n_nonzero": 0}, "n_nonzero must be a whole number of at least 1; got 0"),
        ({"n_nonzero": 2.0}, "n_nonzero must be a whole number of at least 1; got 2.0"),
        ({"n_nonzero": True}, "n_nonzero must be a whole number .* got True"),
        ({"n_nonzero": 9}, "n_nonzero must be at most 8, the length of an atom; got 9"),
        ({"method": "mp"}, r"method must be one of \('ormp', 'omp', .* got 'mp'"),
        (
            {"method": "legacy", "nonnegative": True},
            "nonnegative must be False with method='legacy'; got True",
        ),
        ({"nonnegative": 2}, r"nonnegative must be one of \(True, False\); got 2"),
        ({"D": np.ones((3, 5))}, "Y must have a column for each of 5 .* got 8"),
        ({"Y": np.full((2, 8), np.nan)}, "Y must be finite, without NaN; got nan"),
        ({"D": np.full((3, 8), np.inf)}, "D must be finite, without NaN; got inf"),
        ({"Y": np.ones(8)}, r"Y must be a matrix, rows = samples; got shape \(8,\)"),
        ({"D": np.ones((0, 8))}, r"D must have a row and a column; got .*\(0, 8\)"),
        ({"dtype": "int8"}, "dtype must be one of"),
        ({"device": "tpu"}, "device must be one of"),
    ],
)
def test_messages(problem, given, message):
    D, Y = problem
    call = {"D": D, "Y": Y, "n_nonzero": 3, **given}
    with pytest.raises(ValueError, match=message):
        pursuit(call.pop("D"), call.pop("Y"), call.pop("n_nonzero"), **call)


def test_a_path_ends_where_it_ends(problem):
    path = pursuit_path(*problem, 3)
    with pytest.raises(ValueError, match="n_nonzero must be at most 3, that of the pa"):
        path.codes(4)
    with pytest.raises(
        ValueError, match="n_nonzero must be a whole number of at least 1"
    ):
        path.residual(0)
