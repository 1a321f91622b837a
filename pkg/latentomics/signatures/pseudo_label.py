"""PSS-NMF: unlabelled samples with confident predictions get pseudo-labels."""

from dataclasses import KW_ONLY

import numpy as np

from latentomics.arrays import as_numpy
from latentomics.params import flag, one_of, share, whole
from latentomics.signatures.labels import UNLABELLED
from latentomics.signatures.runs import give_labels, probabilities
from latentomics.signatures.semi_supervised import SemiSupervisedNMF


class PseudoLabelNMF(SemiSupervisedNMF):
    r"""Extend :class:`SemiSupervisedNMF` by confident pseudo-labels: PSS-NMF.

    .. math::
        n = \Big\lfloor \tfrac12 \min_o \big| \{ i : \ell_i = 0,\ \arg\max_q p_{iq}
        = o,\ p_{io} \ge c \} \big| \Big\rfloor

    Each time a run has settled, n samples of each class, drawn at random from those
    predicted with confidence, get their predicted label as a pseudo-label; the run ends
    when n is 0 (book: ``eq-pseudo``). The loss falls between rounds of pseudo-labels;
    each round changes the loss itself.

    Attributes
    ----------
    runs_ : DataFrame
        One row per run: `loss`, `n_iter`, `settled`, `n_pseudo`, `n_rounds`.
    pseudo_labels_ : ndarray of shape (n_runs, n_samples)
        Index into `classes_` that each run gave each fitted sample; -1 for none.

    References
    ----------
    [1] Tofacchi, Goossens & Goncalves. Semi-Supervised Integrated Learning of
        Mutational Signatures for Predicting DNA Repair Pathway Deficiencies.
    """

    _: KW_ONLY
    threshold: float = share(0.5, above=0, below=1)
    """c: confidence needed for a pseudo-label; see `rule`."""
    rule: str = one_of(("fixed", "quantile"), "fixed")
    """A pseudo-label needs a probability of at least `threshold` if "fixed", as in [1];
    if "quantile", of at least that quantile among samples predicted as the class, so
    that no class is left out."""
    vote: bool = flag(False)
    """Average the probabilities of all runs, label the same samples in all, and fit the
    final weights to these labels, too. As published, each run labels its own, and the
    final weights are fitted to the true labels only."""
    max_rounds: int = whole(20)
    """Largest number of rounds of pseudo-labels."""

    later = ("threshold", "rule", "vote", "max_rounds")

    def _go_on(self, runs, codes):
        Y, free = as_numpy(runs.problem.Y), np.tile(codes < 0, (self.n_runs, 1))
        seeds = np.zeros(self.n_runs, int) if self.vote else range(self.n_runs)
        draws = [np.random.default_rng([self.random_state, seed]) for seed in seeds]
        self._n_rounds = np.zeros(self.n_runs, dtype=int)
        going = list(range(self.n_runs))
        for phase in range(1, self.max_rounds + 1):
            P = probabilities(runs)
            if self.vote:
                P[:] = P.mean(axis=0)
            going = [r for r in going if self._label(P[r], Y[r], free[r], draws[r])]
            if not going:
                break
            give_labels(runs, Y, ~free)
            self._settle(runs, going, phase)
            self._n_rounds[going] = phase
        pseudo = (codes < 0) & ~free
        self.pseudo_labels_ = np.where(pseudo, Y.argmax(axis=1), UNLABELLED)

    def _label(self, P, Y, free, rng):
        """Label samples of one run, in place; return whether there were any."""
        chosen = draw_pseudo_labels(
            P, free, rng, threshold=self.threshold, rule=self.rule
        )
        new = np.concatenate(chosen)
        free[new] = False
        Y[:, new] = np.eye(len(P))[:, P[:, new].argmax(axis=0)]
        return len(new) > 0

    def _labels_to_refit(self, codes):
        return np.where(codes >= 0, codes, self.pseudo_labels_[0] if self.vote else -1)

    def _table(self, runs):
        n_pseudo = (self.pseudo_labels_ >= 0).sum(axis=1)
        return super()._table(runs).assign(n_pseudo=n_pseudo, n_rounds=self._n_rounds)


def draw_pseudo_labels(P, free, rng, *, threshold, rule="fixed"):
    r"""Choose equally many samples of each class, at random among confident ones.

    The pool of class o holds the free samples whose largest probability is that of o
    and at least c_o. From each pool :math:`n = \lfloor \min_o |\text{pool}_o| / 2
    \rfloor` samples are drawn (algorithm 1 of the paper; book: ``eq-pseudo``).

    Parameters
    ----------
    P : ndarray of shape (n_classes, n_samples)
        Probabilities.
    free : bool ndarray of shape (n_samples,)
        Samples without a label.
    rng : numpy Generator
    threshold : float
        c for every class if `rule` is "fixed"; if "quantile", c_o is this quantile of
        the largest probabilities of the free samples predicted as o.
    rule : {"fixed", "quantile"}, default="fixed"

    Returns
    -------
    list of ndarray of int
        Samples chosen, class by class; all empty if any pool is.
    """
    top, sure = P.argmax(axis=0), P.max(axis=0)
    pools = []
    for o in range(len(P)):
        lean = np.flatnonzero(free & (top == o))
        if rule == "quantile" and len(lean):
            lean = lean[sure[lean] >= np.quantile(sure[lean], threshold)]
        elif rule == "fixed":
            lean = lean[sure[lean] >= threshold]
        pools.append(lean)
    n = min(map(len, pools)) // 2
    return [rng.choice(pool, n, replace=False) for pool in pools]
