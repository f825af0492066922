"""Autoencoder that decides separately whether a latent fires and how strongly."""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from saesim_pl.saes.output import SAEOutput
from saesim_pl.saes.sparse_autoencoder import SparseAutoencoder, check_not_negative


class GatedSAE(SparseAutoencoder):
    r"""A gate decides whether a latent fires, so that the penalty does not shrink how strongly.

    .. math:: \|x - \hat x\|_2^2 + \lambda \sum_i ReLU(\pi_i) \|W_{dec,i}\|_2
        + \|x - \hat x_{frozen}(ReLU(\pi))\|_2^2,

    averaged over the batch, with :math:`f = H(\pi) ReLU(e^{r} x W_{enc} + b_{mag})` and
    :math:`\pi = x W_{enc} + b_{enc}`; the last term trains the gate to reconstruct with a decoder that it
    cannot change. Rajamanoharan et al. (2024), "Improving dictionary learning with gated sparse
    autoencoders". Train it with the callback ``UnitNormDecoder``, as they do: weighting by norms alone
    lets the decoder shrink while :math:`e^r` makes up for it.

    Args:
        d_in: Width of the activations.
        d_sae: Number of latents.
        l1_coefficient: :math:`\lambda`.

    Raises:
        ValueError: A negative coefficient.
    """

    def __init__(self, d_in: int, d_sae: int, l1_coefficient: float = 0.1) -> None:
        super().__init__(d_in, d_sae)
        check_not_negative(l1_coefficient=l1_coefficient)
        self.l1_coefficient = l1_coefficient
        self.b_mag = nn.Parameter(torch.zeros(d_sae))
        self.r_mag = nn.Parameter(torch.zeros(d_sae))

    def encode(self, x: Float[Tensor, "batch d_in"]) -> Float[Tensor, "batch d_sae"]:
        """Magnitudes of the latents whose gate is open; others are 0."""
        return self._gate_and_latents(x)[1]

    def _scale_latents(self, factors: Float[Tensor, " d_sae"]) -> None:
        super()._scale_latents(factors)
        self.b_mag *= factors

    def _fold_into_encoder(self, shift: Float[Tensor, " d_in"], scale: Float[Tensor, " d_in"]) -> None:
        super()._fold_into_encoder(shift, scale)
        self.b_mag -= shift @ self.W_enc * self.r_mag.exp()

    def loss(self, x: Float[Tensor, "batch d_in"]) -> SAEOutput:
        """Squared error, penalty and the gate's error; ``terms`` are ``mse``, ``l1`` and ``gate_mse``."""
        gate, latents = self._gate_and_latents(x)
        x_hat = self.decode(latents)
        mse = (x_hat - x).square().sum() / len(x)
        l1 = gate.sum(0) @ self.W_dec.norm(dim=1) / len(x)
        of_gate = torch.addmm(self.b_dec.detach(), gate, self.W_dec.detach())
        gate_mse = (of_gate - x).square().sum() / len(x)
        terms = {"mse": mse.detach(), "l1": l1.detach(), "gate_mse": gate_mse.detach()}
        loss = mse + self.l1_coefficient * l1 + gate_mse
        return SAEOutput(x_hat.detach(), loss, terms, latents.detach().sum(0), latents.detach)

    def _gate_and_latents(self, x: Tensor) -> tuple[Tensor, Tensor]:
        product = x @ self.W_enc
        gate = (product + self.b_enc).relu()
        return gate, (product * self.r_mag.exp() + self.b_mag).relu() * (gate > 0)
