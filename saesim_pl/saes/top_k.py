"""Autoencoder that keeps the k largest latents of each sample."""

import torch
from jaxtyping import Float
from torch import Tensor

from saesim_pl.saes.k_sparse import KSparseAutoencoder
from saesim_pl.saes.output import SAEOutput
from saesim_pl.saes.sparse_loss import sparse_loss


class TopKSAE(KSparseAutoencoder):
    r"""Keeps the k largest latents of each sample, which makes a penalty unnecessary.

    .. math:: \|x - \hat x\|_2^2, \quad f = ReLU(TopK(x W_{enc} + b_{enc})),

    averaged over the batch. Gao et al. (2024), "Scaling and evaluating sparse autoencoders"; their
    subtraction of ``b_dec`` before encoding is absorbed by ``b_enc``. The callback ``AuxK`` adds their
    auxiliary loss, the callback ``Anneal`` lowers ``k`` while training.

    Args:
        d_in: Width of the activations.
        d_sae: Number of latents.
        k: Latents that may fire in a sample.

    Raises:
        ValueError: ``k`` lies outside [1, d_sae].
    """

    def encode(self, x: Float[Tensor, "batch d_in"]) -> Float[Tensor, "batch d_sae"]:
        """Latents of ``x``, at least 0, at most ``k`` of a row above."""
        pre = torch.addmm(self.b_enc, x, self.W_enc)
        value, latent = pre.topk(self.k, dim=1, sorted=False)
        return torch.zeros_like(pre).scatter_(1, latent, value.relu())

    def loss(self, x: Float[Tensor, "batch d_in"]) -> SAEOutput:
        """Squared error; ``terms`` is ``mse`` (summed over ``d_in``)."""
        return sparse_loss(self, x, self._select) if self.training else self._error_only(x)

    def _select(self, pre: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        value, latent = pre.topk(self.k, dim=1, sorted=False)
        row = torch.arange(len(pre), device=pre.device).repeat_interleave(self.k)
        return row, latent.flatten(), value.flatten()
