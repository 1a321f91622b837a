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

    References
    ----------
    [1] Tofacchi, Goossens & Goncalves. Semi-Supervised Integrated Learning of
        Mutational Signatures for Predicting DNA Repair Pathway Deficiencies.
    """

    def _used(self, codes):
        return codes >= 0
