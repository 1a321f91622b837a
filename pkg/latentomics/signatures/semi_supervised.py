"""SS-NMF: unlabelled samples are factorised too."""

from dataclasses import KW_ONLY

from latentomics.params import share
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

    References
    ----------
    [1] Tofacchi, Goossens & Goncalves. Semi-Supervised Integrated Learning of
        Mutational Signatures for Predicting DNA Repair Pathway Deficiencies.
    """

    _: KW_ONLY
    unlabelled_weight: float = share(0.0)
    """u: weight of "none of the classes" for unlabelled samples. A
    positive weight requires `update` "mm"."""

    def _check_parameters(self):
        super()._check_parameters()
        u = self.unlabelled_weight
        if u and self.update != "mm":
            raise ValueError(
                "unlabelled_weight must be 0 unless update is 'mm'; "
                f"got {u!r} with update={self.update!r}"
            )
