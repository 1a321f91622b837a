"""S-NMF: only labelled samples are factorised."""

from latentomics.signatures.labelled_nmf import LabelledNMF


class SupervisedNMF(LabelledNMF):
    r"""Learn signatures that reconstruct profiles and separate the classes: S-NMF.

    .. math::
        \min_{E, S, W} \|X - E S\|_F^2 + \lambda_c \Big[ -\sum_n \sum_o y_{no} \log
        \mathrm{softmax}(e_n W)_o + \lambda_2 \|W\|_F^2 \Big]

    over :math:`E \ge 0` and non-negative signatures (rows of S) that sum to 1 (book:
    ``eq-labelled-nmf``). Unlabelled samples are left out. Runs from several starts are
    combined into consensus signatures; the class weights are then fitted to the
    exposures to these [1].

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
        update="mm",
        warm_up=50,
        tol=1e-4,
        max_iter=800,
        random_state=0,
        device="auto",
        dtype="float64",
    ):
        self.n_components, self.lam_c, self.lam_2 = n_components, lam_c, lam_2
        self.n_runs, self.update, self.warm_up = n_runs, update, warm_up
        self.tol, self.max_iter, self.random_state = tol, max_iter, random_state
        self.device, self.dtype = device, dtype

    def _used(self, codes):
        return codes >= 0
