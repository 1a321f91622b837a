import numpy as np
import pandas as pd
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal
from scipy.optimize import minimize
from scipy.stats import binom
from sklearn.linear_model import ElasticNet, LinearRegression

from latentomics.arrays import as_tensor, generator
from latentomics.base import hold_out
from latentomics.denoise import GeneralSensitivity, SoftImpute
from latentomics.solvers.networks import Network
from latentomics.studies.denoise import downstream as ask
from latentomics.studies.denoise import downstream_network as net


class TestFilling:
    def test_drug_means_do_not_look_at_validation(self):
        X = np.array([[1.0, 5.0], [3.0, np.nan], [100.0, 7.0]])
        validation = np.array([[False, False], [False, False], [True, False]])
        filled, _ = ask.drug_means(X, validation)
        assert_allclose(filled, [[2, 6]] * 3)

    def test_line_and_drug_means_are_the_least_squares_fit(self, gappy):
        _, X = gappy
        nothing = np.zeros(X.shape, bool)
        filled, _ = ask.line_and_drug_means(X, nothing)
        rows, columns = np.nonzero(~np.isnan(X))
        design = np.hstack([np.eye(30)[rows], np.eye(20)[columns]])
        fit = LinearRegression(fit_intercept=False).fit(design, X[rows, columns])
        # 20 sweeps over a fifth of gaps leave 1e-9
        assert_allclose(filled[rows, columns], fit.predict(design), atol=1e-6)

    def test_rounding_chooses_no_number_of_neighbours(self, gappy, monkeypatch):
        _, X = gappy
        near = iter([2, 1 + 1e-12, 1, 1])
        monkeypatch.setattr(ask, "rmse", lambda R: next(near))
        assert ask.nearest_lines(X, hold_out(~np.isnan(X), 0.1, 0))[1] == "k=10"

    @pytest.mark.parametrize("fill", [ask.line_and_drug_means, ask.nearest_lines])
    def test_held_out_cells_are_not_shown(self, gappy, fill):
        _, X = gappy
        validation = hold_out(~np.isnan(X), 0.1, 0)
        other = np.where(validation, X + 0.001, X)  # too little to change a choice
        for a, b in zip(fill(X, validation), fill(other, validation), strict=True):
            assert_array_equal(a, b)

    def test_nearest_lines_says_the_best_number(self, gappy):
        _, X = gappy
        validation = hold_out(~np.isnan(X), 0.2, 0)
        filled, chosen = ask.nearest_lines(X, validation)
        shown = np.where(validation, np.nan, X)
        errors = {}
        for k in ask.NEIGHBOURS:
            model = ask.KNNImputer(n_neighbors=k, weights="distance")
            errors[k] = ask.rmse((X - model.fit_transform(shown))[validation])
        assert chosen == f"k={min(errors, key=errors.get)}"
        assert ask.rmse((X - filled)[validation]) == min(errors.values())

    def test_the_table_scores_hidden_cells_only(self, gappy):
        truth, X = gappy
        asked = []

        def perfect(shown, validation):
            asked.append((shown, validation))
            return np.where(np.isnan(shown), X, 99), "all"

        fillers = {"perfect": perfect, "drug_mean": ask.drug_means}
        table = ask.imputation_table({"one": pd.DataFrame(X)}, fillers)
        scores = table.set_index("method")
        assert (
            scores.loc["perfect", ["rmse", "mae", "median_error"]].tolist() == [0] * 3
        )
        assert scores.loc["drug_mean", "rmse"] > scores.loc["drug_mean", "mae"] > 0.5
        shown, validation = asked[0]
        hidden = np.isnan(shown) & ~np.isnan(X)
        assert 0.05 < hidden.sum() / (~np.isnan(X)).sum() < 0.15
        assert not (hidden & validation).any()

    def test_a_search_minimises_the_squared_validation_error(self, gappy):
        _, X = gappy
        validation = hold_out(~np.isnan(X), 0.1, 0)
        grid = {"lam": [0.1, 0.5, 8.0]}
        filled, chosen = ask.searched(SoftImpute(), grid)(X, validation)
        errors = {}
        for lam in grid["lam"]:
            fit = SoftImpute(lam).fit(X, validation=validation)
            errors[lam] = ask.rmse((X - fit.low_rank_)[validation])
        assert chosen == f"lam={min(errors, key=errors.get):g}"
        assert ask.rmse((X - filled)[validation]) == pytest.approx(min(errors.values()))


@pytest.fixture
def screen(rng):
    """80 lines, 12 genes, 5 drugs that follow two of the genes; a tenth are gaps."""
    F = rng.normal(size=(80, 12))
    X = F[:, :2] @ rng.normal(size=(2, 5)) + 0.3 * rng.normal(size=(80, 5)) + 3
    return F, np.where(rng.random(X.shape) < 0.1, np.nan, X)


class TestElasticNet:
    def test_folds_are_of_equal_size_and_drawn(self):
        folds = ask.line_folds(13, 5)
        assert sorted(np.bincount(folds)) == [2, 2, 3, 3, 3]
        assert not np.array_equal(folds, ask.line_folds(13, 5, random_state=1))

    def test_the_path_is_that_of_scikit_learn(self, screen):
        F, X = screen
        y = np.nan_to_num(X[:, 0])
        B, center, mean = ask._path(F, y)
        largest = np.abs((F - F.mean(0)).T @ (y - y.mean())).max() / len(y) / 0.5
        model = ElasticNet(largest * ask.ALPHA_RANGE, l1_ratio=0.5, tol=1e-8).fit(F, y)
        predicted = mean + (F - center) @ B[:, -1]
        assert_allclose(predicted, model.predict(F), atol=1e-6)
        assert_array_equal(B[:, 0], 0)

    def test_the_path_is_exact_with_more_genes_than_lines(self, rng):
        F = rng.normal(size=(80, 1)) + rng.normal(size=(80, 200))  # all alike
        y = F[:, :5].sum(axis=1) + rng.normal(size=80)
        B, center, mean = ask._path(F, y)
        largest = np.abs((F - center).T @ (y - mean)).max() / len(y) / 0.5
        alphas = largest * np.geomspace(1, ask.ALPHA_RANGE, ask.N_ALPHAS)
        for alpha, b in zip(alphas, B.T, strict=True):
            fee, left = alpha / 2, y - mean - (F - center) @ b
            worth = (F - center).T @ left / len(y) - fee * b
            off = np.where(b, worth - fee * np.sign(b), np.abs(worth) - fee)
            assert np.abs(off[b != 0]).max(initial=0) < 1e-9 * fee
            assert off.max() < 1e-9 * fee

    def test_a_drug_without_spread_has_no_weights(self, screen):
        F, _ = screen
        B, _, mean = ask._path(F, np.full(80, 0.5))
        assert_array_equal(B, np.zeros((12, ask.N_ALPHAS)))
        assert mean == 0.5

    def test_rounding_chooses_no_penalty(self, screen, monkeypatch):
        F, X = screen
        X = np.nan_to_num(X)
        folds = ask.line_folds(len(X))
        near = iter([2, 1 + 1e-12, 1, 1, 1, 1, 1, 1] * 5)
        monkeypatch.setattr(ask, "rmse", lambda R: next(near))
        found = ask.elastic_net_predictions(F, X, ask.as_measured, folds, [0])
        train = folds != 0
        fit = train & (folds != 1)
        B, center, mean = ask._path(F[fit], X[fit, 0])
        assert_allclose(found[~train, 0], mean + (F[~train] - center) @ B[:, 1])

    def test_the_objective_is_the_one_in_the_book(self, screen):
        F, X = screen
        F, y = F[:, :3] - F[:, :3].mean(0), np.nan_to_num(X[:, 0])
        y = y - y.mean()
        alpha = 0.1

        def objective(b):  # eq-downstream-elastic-net
            misfit = np.square(y - F @ b).sum() / (2 * len(y))
            return misfit + alpha * (np.abs(b).sum() / 2 + (b**2).sum() / 4)

        slow = minimize(objective, np.ones(3), method="Nelder-Mead", tol=1e-10)
        fast = ElasticNet(alpha, l1_ratio=0.5, tol=1e-10, fit_intercept=False).fit(F, y)
        assert objective(fast.coef_) <= slow.fun + 1e-8

    def test_predicts_lines_it_never_met(self, screen):
        F, X = screen
        folds = ask.line_folds(len(X))
        first = ask.elastic_net_predictions(F, X, ask.as_measured, folds, [0, 3])
        naive = ask.drug_mean_predictions(X, folds)[:, [0, 3]]
        y = X[:, [0, 3]]
        assert ask.rmse(y - first) < 0.6 * ask.rmse(y - naive)  # measured 0.3 to 0.5
        changed = np.where((folds == 2)[:, None], X + 10, X)
        again = ask.elastic_net_predictions(F, changed, ask.as_measured, folds, [0, 3])
        assert_array_equal(first[folds == 2], again[folds == 2])
        assert (first[folds != 2] != again[folds != 2]).any()

    def test_a_correction_sees_the_training_lines_alone(self, screen):
        _, X = screen
        train = np.arange(80) < 60
        inside = ask.corrected_by(GeneralSensitivity())(X, train)
        other = np.where(train[:, None], X, 7)
        assert_array_equal(inside, ask.corrected_by(GeneralSensitivity())(other, train))
        assert_array_equal(ask.corrected_before(other)(X, ~train), 7)
        assert_array_equal(ask.as_measured(X, train), X[:60])
        filled = ask.knn_filled(X, train)
        assert_array_equal(filled[~np.isnan(X[:60])], X[:60][~np.isnan(X[:60])])
        assert not np.isnan(filled).any()

    def test_drug_means_leave_the_fold_out(self, screen):
        _, X = screen
        folds = ask.line_folds(len(X))
        means = ask.drug_mean_predictions(X, folds)
        assert_allclose(means[folds == 1][0], np.nanmean(X[folds != 1], axis=0))


class TestPredictionTable:
    def test_scores_measured_cells_against_each_truth(self):
        seen = np.array([[True, True], [True, False]])
        y = np.array([[1.0, 2.0], [3.0, np.nan]])
        guesses = {"drug_mean": np.zeros((2, 2)), "half": y / 2}
        table = ask.prediction_table(guesses, {"y": y, "twice": 2 * y}, seen)
        table = table.set_index(["scored_on", "trained_on"])
        assert table.loc[("y", "drug_mean"), "rmse"] == pytest.approx((14 / 3) ** 0.5)
        assert table.loc[("y", "half"), "explained"] == pytest.approx(3 / 4)
        assert table.loc[("twice", "half"), "explained"] == pytest.approx(1 - 9 / 16)

    def test_the_spread_is_that_of_the_error_of_one_drug(self):
        y = np.array([[1.0, 2.0, 9.0], [1.0, np.nan, 9.0]])
        seen = ~np.isnan(y) & [True, True, False]
        table = ask.prediction_table({"drug_mean": np.zeros((2, 3))}, {"y": y}, seen)
        assert table["drugs"].item() == 2  # the third has no measured cell
        assert table["sd"].item() == pytest.approx(0.5**0.5)  # errors 1 and 2

    def test_a_single_drug_has_no_spread(self):
        ones, seen = np.ones((3, 1)), np.ones((3, 1), bool)
        table = ask.prediction_table({"drug_mean": ones}, {"y": 2 * ones}, seen)
        assert np.isnan(table["sd"].item())

    def test_a_truth_that_is_the_mean_makes_it_perfect(self):
        mean, seen = np.ones((3, 2)), np.ones((3, 2), bool)
        table = ask.prediction_table({"drug_mean": mean}, {"mean": mean}, seen)
        assert table["rmse"].item() == 0
        assert np.isnan(table["explained"].item())


class TestClusteringTable:
    @pytest.mark.parametrize(("hits", "n"), [(4, 7), (5, 7), (17, 27), (19, 27)])
    def test_the_interval_leaves_a_fortieth_on_each_side(self, hits, n):
        low, high = ask.exact_interval(hits, n)
        assert binom.sf(hits - 1, n, low) == pytest.approx(0.025)
        assert binom.cdf(hits, n, high) == pytest.approx(0.025)

    def test_finds_groups_of_lines_and_of_drugs(self, rng):
        lines, drugs = [f"l{i}" for i in range(12)], [f"d{i}" for i in range(10)]
        X = 0.1 * rng.normal(size=(12, 10))
        X[:6, :4] += 3
        clear = {"s": pd.DataFrame(X, lines, drugs)}
        vague = {"s": pd.DataFrame(rng.normal(size=X.shape), lines, drugs)}
        groups = {
            ("s", "lines"): pd.Series(["a"] * 6 + ["b"] * 4, lines[:10]),
            ("s", "drugs"): pd.Series(["x"] * 4 + ["y"] * 6, drugs),
        }
        table = ask.clustering_table({"clear": clear, "vague": vague}, groups)
        by = table.set_index(["items", "version"])
        assert by.loc[("lines", "clear"), ["n", "hits"]].tolist() == [10, 10]
        assert by.loc[("drugs", "clear"), "accuracy"] == 1
        assert (by.xs("vague", level="version")["accuracy"] < 1).all()
        assert (table["low"] < table["accuracy"]).all()
        assert by.loc[("lines", "clear"), "largest"] == 0.6
        assert table["chance"].between(0.5, 0.8).all()


@pytest.fixture
def quick(monkeypatch):
    """A smaller network with longer steps: the made lines have twelve genes only."""
    monkeypatch.setattr(net, "HIDDEN", (16, 16))
    monkeypatch.setattr(net, "RATES", (0.02, 0.01))


@pytest.mark.usefixtures("quick")
class TestNetwork:
    def test_answers_as_the_equation_says(self, rng):
        layers = Network.start([4, 3, 3, 2], generator(0)).weights
        layers = [M + 0.1 for M in layers]
        F = rng.normal(size=(5, 4))
        W1, b1, W2, b2, W3, b3 = (M.double().tolist() for M in layers)
        hidden = np.maximum(F @ np.array(W1) + b1, 0)
        hidden = np.maximum(hidden @ np.array(W2) + b2, 0)  # eq-response-network
        answer = net.respond(layers, as_tensor(F, device="cpu"))
        assert_allclose(answer.tolist(), hidden @ np.array(W3) + b3, atol=1e-5)

    def test_starts_at_the_offsets(self):
        layers = Network.start([4, 3, 2], generator(0)).weights
        assert not net.respond(layers, torch.ones(1, 4).double()).any()

    def frames(self, screen):
        F, X = screen
        lines = [f"l{i}" for i in range(len(F))]
        first = pd.DataFrame(X[:50, :3], lines[:50])
        second = pd.DataFrame(X[30:, 2:], lines[30:])
        return pd.DataFrame(F, lines), first, second

    def test_learns_what_can_be_learned(self, screen):
        F, first, second = self.frames(screen)
        folds = ask.line_folds(len(second))
        guess = net.pretrained_predictions(F, first, second, folds, device="cpu")
        naive = ask.drug_mean_predictions(second.to_numpy(), folds)
        error, reference = (ask.rmse(second - P) for P in (guess, naive))
        assert error < 0.85 * reference  # measured 0.4 to 0.6 over five starts
        same = net.pretrained_predictions(F, first, second, folds, device="cpu")
        pd.testing.assert_frame_equal(guess, same)

    def test_no_fold_meets_its_own_lines_in_either_study(self, screen):
        F, first, second = self.frames(screen)
        folds = ask.line_folds(len(second))
        guess = net.pretrained_predictions(F, first, second, folds, device="cpu")
        hidden = second.index[folds == 1]
        first.loc[first.index.isin(hidden)] += 10
        second.loc[hidden] += 10
        again = net.pretrained_predictions(F, first, second, folds, device="cpu")
        assert_array_equal(guess.loc[hidden], again.loc[hidden])
        rest = second.index[folds == 0]
        assert (guess.loc[rest] != again.loc[rest]).all(axis=None)

    def test_the_table_scores_both_truths_on_measured_cells(self, screen):
        F, first, second = self.frames(screen)
        as_it_is = {"a": first, "b": second}
        shifted = {"a": first, "b": second + 1}
        versions = {"none": as_it_is, "off": shifted}
        table = net.threshold_table(F, versions, ("a", "b"), device="cpu")
        assert (table[["study", "pretrained_on"]] == ["b", "a"]).all(axis=None)
        by = table.set_index(["eta", "scored_on"])
        folds = ask.line_folds(len(second))
        naive = ask.drug_mean_predictions(second.to_numpy(), folds)
        expected = ask.rmse(second + 1 - naive)
        assert by.loc[("off", "corrected"), "drug_mean"] == pytest.approx(expected)
        plain = by.loc["none"]
        assert plain["network"].nunique() == plain["drug_mean"].nunique() == 1
        # the offsets start at the drug means, so one unit more changes nothing else
        off, fair = by.loc["off", "network"], plain["network"].iloc[0]
        assert off["corrected"] == pytest.approx(fair, abs=0.02)
        assert off["measured"] > 0.9
