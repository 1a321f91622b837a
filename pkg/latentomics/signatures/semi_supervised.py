"""SS-NMF: unlabelled samples are factorised too."""

from latentomics.base import check_not_negative
from latentomics.signatures.labelled_nmf import LabelledNMF


class SemiSupervisedNMF(LabelledNMF):
    r"""Learn signatures of all samples that classify the labelled ones: SS-NMF.

    .. math::
        \min_{E, S, W} \|X - E S\|_F^2 + \lambda_c \Big[ -\sum_n \ell_n \sum_o y_{no}
        \log \mathrm{softmax}(e_n W)_o + \lambda_2 \|W\|_F^2 \Big]

    as in :class:`SupervisedNMF`, but the profiles of unlabelled samples
    (:math:`\ell_n = 0`) are reconstructed as well, so that the signatures fit them too
    (book: ``eq-labelled-nmf``). With `unlabelled_weight` u, a penalty :math:`u \log(1 +
    \sum_o e^{z_{no}})` also pulls each towards "none of the classes" (book:
    ``eq-dustbin``), a bounded form of the regulariser printed in [1].

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
    update : {"mm", "split", "paper"}, default="mm"
        "mm" lowers the loss at every step (book: ``eq-bohning``); "split" is slower and
        may raise it; "paper" is the update of [1], rescaled, and may not converge.
    warm_up : int, default=50
        Initial iterations without labels.
    tol : float, default=1e-4
        A run has settled once the relative change of its loss over ten iterations is
        below this, twice in a row.
    max_iter : int, default=800
        Largest number of iterations after the warm-up.
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
        One row per run: `loss`, `n_iter`, `settled`.
    history_ : DataFrame
        `run`, `iteration`, `phase`, `loss` at each look.

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

    def __init__(
        self,
        n_components=7,
        *,
        lam_c=0.1,
        lam_2=1e-3,
        n_runs=10,
        unlabelled_weight=0.0,
        update="mm",
        warm_up=50,
        tol=1e-4,
        max_iter=800,
        random_state=0,
        device="auto",
        dtype="float64",
    ):
        self.n_components, self.lam_c, self.lam_2 = n_components, lam_c, lam_2
        self.n_runs, self.unlabelled_weight = n_runs, unlabelled_weight
        self.update, self.warm_up = update, warm_up
        self.tol, self.max_iter, self.random_state = tol, max_iter, random_state
        self.device, self.dtype = device, dtype

    def _check_parameters(self):
        super()._check_parameters()
        u = self.unlabelled_weight
        check_not_negative(unlabelled_weight=u)
        if u > 1 or (u and self.update != "mm"):
            raise ValueError(
                "unlabelled_weight must be at most 1, and 0 unless update is 'mm'; "
                f"got {u!r} with update={self.update!r}"
            )
