"""PSS-NMF: unlabelled samples with confident predictions get pseudo-labels."""

import numpy as np

from latentomics.arrays import as_numpy
from latentomics.base import check_choice, check_whole
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

    Parameters
    ----------
    n_components : int, default=7
        K, number of signatures.
    lam_c : float, default=0.1
        :math:`\lambda_c \ge 0`, in squared shares of a profile per nat.
    lam_2 : float, default=0.001
        :math:`\lambda_2 > 0`, in nats per squared unit of W.
    n_runs : int, default=10
        Number of random starts.
    unlabelled_weight : float, default=0.0
        u, from 0 to 1: weight of "none of the classes" for unlabelled samples. A
        positive weight requires `update` "mm".
    threshold : float, default=0.5
        c, between 0 and 1: confidence needed for a pseudo-label; see `rule`.
    rule : {"fixed", "quantile"}, default="fixed"
        "fixed": probability at least `threshold`, as in [1]. "quantile": at least that
        quantile among samples predicted as the class, so that no class is left out.
    rounding : {"floor", "ceil"}, default="floor"
        How half the size of the smallest pool is rounded.
    soft : bool, default=False
        Use class probabilities as pseudo-labels instead of the predicted class.
    relabel : bool, default=False
        Update earlier pseudo-labels to the current predictions.
    vote : bool, default=False
        Average the probabilities of all runs, and label the same samples in all.
    refit_labels : {"true", "voted"}, default="true"
        Labels for the final weights: the true ones, or also pseudo-labels that more
        than half of the runs gave.
    max_rounds : int, default=20
        Largest number of rounds of pseudo-labels.
    update : {"mm", "split", "paper"}, default="mm"
        "mm" lowers the loss at every step (book: ``eq-bohning``); "split" is slower and
        may raise it; "paper" is the update of [1], rescaled, and may not converge.
    warm_up : int, default=50
        Initial iterations without labels.
    tol : float, default=1e-4
        A run has settled once the relative change of its loss over ten iterations is
        below this, twice in a row.
    max_iter : int, default=800
        Largest number of iterations after the warm-up, and after each round.
    random_state : int, default=0
    device : {"auto", "cpu", "cuda"}, default="auto"
    dtype : {"float64", "float32"}, default="float64"

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
    components_ : ndarray of shape (n_components, n_features)
        The consensus signatures; rows sum to 1.
    weights_ : ndarray of shape (n_components, n_classes)
        W, in nats per unit of exposure.
    stability_ : float
        Mean silhouette of the signatures of all runs, by cosine; 1 = all agree.
    signature_stability_ : ndarray of shape (n_components,)
    unexplained_ : float
        That of the labelled samples, see :func:`unexplained`; NaN without counts.
    run_components_ : ndarray of shape (n_runs, n_components, n_features)
    runs_ : DataFrame
        One row per run: `loss`, `n_iter`, `settled`, `n_pseudo`, `n_rounds`.
    history_ : DataFrame
        `run`, `iteration`, `phase`, `loss` at each look.
    pseudo_labels_ : ndarray of shape (n_runs, n_samples)
        Index into `classes_` that each run gave each fitted sample; -1 for none.

    Raises
    ------
    ValueError
        In `fit`: if `X` is not a matrix of finite, non-negative numbers with a mutation
        in every row, `y` has fewer than two classes, or a parameter is out of range.

    References
    ----------
    [1] Tofacchi, Goossens & Goncalves. Semi-Supervised Integrated Learning of
        Mutational Signatures for Predicting DNA Repair Pathway Deficiencies.
    """

    later = (
        "threshold",
        "rule",
        "rounding",
        "soft",
        "relabel",
        "vote",
        "refit_labels",
        "max_rounds",
    )

    def __init__(
        self,
        n_components=7,
        *,
        lam_c=0.1,
        lam_2=1e-3,
        n_runs=10,
        unlabelled_weight=0.0,
        threshold=0.5,
        rule="fixed",
        rounding="floor",
        soft=False,
        relabel=False,
        vote=False,
        refit_labels="true",
        max_rounds=20,
        update="mm",
        warm_up=50,
        tol=1e-4,
        max_iter=800,
        random_state=0,
        device="auto",
        dtype="float64",
    ):
        super().__init__(
            n_components,
            lam_c=lam_c,
            lam_2=lam_2,
            n_runs=n_runs,
            unlabelled_weight=unlabelled_weight,
            update=update,
            warm_up=warm_up,
            tol=tol,
            max_iter=max_iter,
            random_state=random_state,
            device=device,
            dtype=dtype,
        )
        self.threshold, self.rule, self.rounding = threshold, rule, rounding
        self.soft, self.relabel, self.vote = soft, relabel, vote
        self.refit_labels, self.max_rounds = refit_labels, max_rounds

    def _check_parameters(self):
        super()._check_parameters()
        c = self.threshold
        if not isinstance(c, int | float | np.number) or not 0 < c < 1:
            raise ValueError(f"threshold must be a number between 0 and 1; got {c!r}")
        check_choice("rule", self.rule, ("fixed", "quantile"))
        check_choice("rounding", self.rounding, ("floor", "ceil"))
        check_choice("refit_labels", self.refit_labels, ("true", "voted"))
        for name in ("soft", "relabel", "vote"):
            check_choice(name, getattr(self, name), (False, True))
        check_whole(max_rounds=self.max_rounds)

    def _go_on(self, runs, codes):
        Y, free = as_numpy(runs.problem.Y), np.tile(codes < 0, (self.n_runs, 1))
        pseudo = np.zeros_like(free)
        seeds = np.zeros(self.n_runs, int) if self.vote else range(self.n_runs)
        draws = [np.random.default_rng([self.random_state, seed]) for seed in seeds]
        self._n_rounds = np.zeros(self.n_runs, dtype=int)
        going = list(range(self.n_runs))
        for phase in range(1, self.max_rounds + 1):
            P = probabilities(runs)
            if self.vote:
                P[:] = P.mean(axis=0)
            going = [
                r
                for r in going
                if self._label(P[r], Y[r], free[r], pseudo[r], draws[r])
            ]
            if not going:
                break
            give_labels(runs, Y, ~free)
            self._settle(runs, going, phase)
            self._n_rounds[going] = phase
        self.pseudo_labels_ = np.where(pseudo, Y.argmax(axis=1), UNLABELLED)

    def _label(self, P, Y, free, pseudo, rng):
        """Label samples of one run, in place; return whether there were any."""
        chosen = draw_pseudo_labels(
            P,
            free,
            rng,
            threshold=self.threshold,
            rule=self.rule,
            rounding=self.rounding,
        )
        new = np.concatenate(chosen)
        if not len(new):
            return False
        free[new], pseudo[new] = False, True
        changed = np.flatnonzero(pseudo) if self.relabel else new
        sure = P[:, changed]
        Y[:, changed] = sure if self.soft else np.eye(len(P))[:, sure.argmax(axis=0)]
        return True

    def _labels_to_refit(self, codes):
        if self.refit_labels == "true":
            return codes
        voted = votes(self.pseudo_labels_, len(self.classes_))
        return np.where(codes >= 0, codes, voted)

    def _table(self, runs):
        n_pseudo = (self.pseudo_labels_ >= 0).sum(axis=1)
        return super()._table(runs).assign(n_pseudo=n_pseudo, n_rounds=self._n_rounds)


def draw_pseudo_labels(P, free, rng, *, threshold, rule="fixed", rounding="floor"):
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
    rounding : {"floor", "ceil"}, default="floor"

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
    least = min(map(len, pools))
    n = -(-least // 2) if rounding == "ceil" else least // 2
    return [rng.choice(pool, n, replace=False) for pool in pools]


def votes(given, n_classes):
    """Return the class that more than half of the runs gave each sample, or -1.

    Parameters
    ----------
    given : ndarray of int of shape (n_runs, n_samples)
        -1 where a run gave none.

    Returns
    -------
    ndarray of int of shape (n_samples,)
    """
    counts = np.stack([(given == o).sum(axis=0) for o in range(n_classes)])
    return np.where(counts.max(axis=0) * 2 > len(given), counts.argmax(axis=0), -1)
