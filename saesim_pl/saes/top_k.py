"""Autoencoder that keeps the k largest latents of each sample."""

from collections.abc import Sequence
from functools import partial
from typing import Self

import torch
from jaxtyping import Float
from torch import Tensor

from saesim_pl.saes.k_sparse import KSparseAutoencoder
from saesim_pl.saes.output import SAEOutput
from saesim_pl.saes.sparse_loss import sparse_losses
from saesim_pl.saes.stack import StackableAutoencoder


class TopKSAE(KSparseAutoencoder, StackableAutoencoder):
    r"""Keeps the k largest latents of each sample, which makes a penalty unnecessary.

    .. math:: \|x - \hat x\|_2^2, \quad f = ReLU(TopK(x W_{enc} + b_{enc})),

    averaged over the batch. Gao et al. (2024), "Scaling and evaluating sparse autoencoders". They subtract
    ``b_dec`` before encoding; here ``b_enc`` absorbs it. The callback ``AuxK`` adds their auxiliary loss,
    the callback ``Anneal`` lowers ``k`` during training.

    Args:
        d_in: Width of the activations.
        d_sae: Number of latents.
        k: Number of latents that may fire in a sample.

    Raises:
        ValueError: ``k`` lies outside [1, d_sae].
    """

    def encode(self, x: Float[Tensor, "batch d_in"]) -> Float[Tensor, "batch d_sae"]:
        """Latents of ``x``, at least 0; at most ``k`` of a row are positive."""
        pre = torch.addmm(self.b_enc, x, self.W_enc)
        value, latent = pre.topk(self.k, dim=1, sorted=False)
        return torch.zeros_like(pre).scatter_(1, latent, value.relu())

    @property
    def shared_settings(self) -> int | None:
        """``k`` in training; None in evaluation, where each SAE is computed alone."""
        return self.k if self.training else None

    @classmethod
    def losses(cls, saes: Sequence[Self], x: Float[Tensor, "batch d_in"]) -> list[SAEOutput]:
        """Squared error; ``terms`` is ``mse`` (summed over ``d_in``)."""
        if saes[0].training:
            return sparse_losses(saes, x, partial(_largest_of_rows, saes[0].k))
        return [sae._error_only(x) for sae in saes]


def _largest_of_rows(k: int, pre: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    value, latent = pre.topk(k, dim=1, sorted=False)
    row = torch.arange(len(pre), device=pre.device).repeat_interleave(k)
    return row, latent.flatten(), value.flatten()
