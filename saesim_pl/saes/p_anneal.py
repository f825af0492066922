"""ReLU autoencoder whose penalty goes from L1 towards L0."""

import torch
from jaxtyping import Float
from torch import Tensor

from saesim_pl.saes.dense_loss import relu_loss
from saesim_pl.saes.output import SAEOutput
from saesim_pl.saes.sparse_autoencoder import SparseAutoencoder, check_not_negative

# Where a latent is 0 the slope of g^p is infinite.
_OFFSET = 1e-2


class PAnnealSAE(SparseAutoencoder):
    r"""ReLU autoencoder with the penalty :math:`\sum_i f_i^p`, weighted by the decoder norms.

    .. math:: \|x - \hat x\|_2^2 + \lambda \sum_i \phi_p(f_i \|W_{dec,i}\|_2), \quad
        \phi_p(g) = (g + \epsilon)^p - \epsilon^p,

    averaged over the batch. A callback lowers :math:`p` from 1, where the problem is convex in the latents
    but shrinks them, towards 0, which counts them. Karvonen et al. (2024), "Measuring progress in
    dictionary learning for language model interpretability with board game models". They rescale
    :math:`\lambda` at each change of p by the latents of the last batches; here it stays as configured.
    :math:`\epsilon = .01` bounds the slope.

    Args:
        d_in: Width of the activations.
        d_sae: Number of latents.
        l1_coefficient: :math:`\lambda`.
        p: Exponent in (0, 1].

    Raises:
        ValueError: A number out of range.
    """

    def __init__(self, d_in: int, d_sae: int, l1_coefficient: float = 0.1, p: float = 0.2) -> None:
        super().__init__(d_in, d_sae)
        check_not_negative(l1_coefficient=l1_coefficient)
        if not 0 < p <= 1:
            raise ValueError(f"p must lie in (0, 1], got {p}")
        self.l1_coefficient, self.p = l1_coefficient, p

    def encode(self, x: Float[Tensor, "batch d_in"]) -> Float[Tensor, "batch d_sae"]:
        """Latents of ``x``, at least 0."""
        return torch.addmm(self.b_enc, x, self.W_enc).relu_()

    def loss(self, x: Float[Tensor, "batch d_in"]) -> SAEOutput:
        """Squared error plus penalty; ``terms`` are ``mse`` (summed over ``d_in``) and ``lp``."""
        p = self.p

        def power(scaled: Tensor) -> tuple[Tensor, Tensor]:
            scaled = scaled.add_(_OFFSET)
            value = scaled.pow(p)
            return value.sum(0) - len(scaled) * _OFFSET**p, value.div_(scaled).mul_(p)

        return relu_loss(self, x, self.l1_coefficient, power, "lp")
