"""Autoencoder that keeps on average the k largest latents of each sample in a batch."""

import torch
from jaxtyping import Float
from torch import Tensor

from saesim_pl.saes.k_sparse import KSparseAutoencoder
from saesim_pl.saes.output import SAEOutput
from saesim_pl.saes.sparse_loss import sparse_losses

# Decay of the threshold's moving average, which covers about the last hundred steps.
_DECAY = 0.99


class BatchTopKSAE(KSparseAutoencoder):
    r"""Keeps the ``k * batch`` largest latents of a training batch; in inference, those above a threshold.

    .. math:: \|x - \hat x\|_2^2, \quad f = ReLU(BatchTopK(x W_{enc} + b_{enc})),

    averaged over the batch. Bussmann et al. (2024), "BatchTopK sparse autoencoders". Inference and
    validation keep the latents above ``threshold``, the moving average of the smallest latent that training
    kept. With several processes, each selects among its own rows, and all use the first process's threshold.

    Args:
        d_in: Width of the activations.
        d_sae: Number of latents.
        k: Mean number of latents that fire in a sample.

    Raises:
        ValueError: ``k`` lies outside [1, d_sae].
    """

    threshold: Float[Tensor, ""]

    def __init__(self, d_in: int, d_sae: int, k: int = 8) -> None:
        super().__init__(d_in, d_sae, k)
        self.register_buffer("threshold", torch.zeros(()))

    def encode(self, x: Float[Tensor, "batch d_in"]) -> Float[Tensor, "batch d_sae"]:
        """Latents of ``x`` above the threshold; others are 0."""
        pre = torch.addmm(self.b_enc, x, self.W_enc)
        return torch.where(pre > self.threshold, pre, 0)

    def loss(self, x: Float[Tensor, "batch d_in"]) -> SAEOutput:
        """Squared error; ``terms`` is ``mse`` (summed over ``d_in``)."""
        return self._training_loss(x) if self.training else self._error_only(x)

    def _training_loss(self, x: Tensor, prefixes: tuple[int, ...] = ()) -> SAEOutput:
        before = self.threshold.clone()
        [output] = sparse_losses([self], x, self._select, prefixes)
        # Training refuses a batch whose loss is not finite: such a batch must not change the threshold.
        self.threshold.copy_(torch.where(output.loss.detach().isfinite(), self.threshold, before))
        return output

    def _select(self, pre: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        value, position = largest(pre.flatten(), int(self.k * len(pre)))
        self._follow(value)
        position, order = position.sort()
        return position // pre.shape[1], position % pre.shape[1], value[order]

    @torch.no_grad()
    def _follow(self, kept: Tensor) -> None:
        smallest = torch.where(kept > 0, kept, torch.inf).min().to(self.threshold)
        smallest = torch.where(smallest.isfinite(), smallest, self.threshold)
        moved = torch.lerp(smallest, self.threshold, _DECAY)
        self.threshold.copy_(torch.where(self.threshold > 0, moved, smallest))


def largest(values: Float[Tensor, " n"], k: int) -> tuple[Tensor, Tensor]:
    """The ``k`` largest values and their positions, unordered.

    On a CPU a selection among millions of values costs more than an SAE's matrix products. A lower bound is
    therefore estimated from a sample of the values, and only values above it are searched; if fewer than
    ``k`` remain, all values are searched.
    """
    every = 64
    n_sampled = len(values) // every
    wanted = int(1.1 * k / every) + 64
    if values.device.type == "cpu" and n_sampled > 4 * wanted:
        bound = values[::every].topk(wanted).values[-1]
        near = (~(values <= bound)).nonzero().squeeze(1)  # keeps NaN, which must not be hidden
        if len(near) >= k:
            value, position = values[near].topk(k, sorted=False)
            return value, near[position]
    return values.topk(k, sorted=False)
