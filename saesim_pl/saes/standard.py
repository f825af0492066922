"""ReLU autoencoder with an L1 penalty."""

from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor
from torch.autograd.function import once_differentiable

from saesim_pl.saes.sparse_autoencoder import SAEOutput, SparseAutoencoder


class StandardSAE(SparseAutoencoder):
    r"""ReLU autoencoder whose L1 penalty is weighted by the decoder norms.

    .. math:: \|x - \hat x\|_2^2 + \lambda \sum_i f_i \|W_{dec,i}\|_2, \quad f = ReLU(x W_{enc} + b_{enc}),

    averaged over the batch. Weighting by the norms lets the decoder go unconstrained: shrinking latents
    while growing their rows gains nothing. Conerly et al. (2024), "Update on how we train SAEs".

    Args:
        d_in: Width of the activations.
        d_sae: Number of latents.
        l1_coefficient: :math:`\lambda`, in units of the activations' norm.
    """

    def __init__(self, d_in: int, d_sae: int, l1_coefficient: float = 0.1) -> None:
        super().__init__(d_in, d_sae)
        if l1_coefficient < 0:
            raise ValueError(f"l1_coefficient must not be negative, got {l1_coefficient}")
        self.l1_coefficient = l1_coefficient

    def encode(self, x: Float[Tensor, "batch d_in"]) -> Float[Tensor, "batch d_sae"]:
        """Latents of ``x``, at least 0."""
        return torch.addmm(self.b_enc, x, self.W_enc).relu_()

    def loss(self, x: Float[Tensor, "batch d_in"]) -> SAEOutput:
        """Squared error plus weighted L1; ``terms`` are ``mse`` (summed over ``d_in``) and ``l1``."""
        loss, mse, l1, x_hat, latents = _StandardLoss.apply(
            x, self.W_enc, self.b_enc, self.W_dec, self.b_dec, self.l1_coefficient
        )
        return SAEOutput(x_hat, latents, loss, {"mse": mse, "l1": l1})


class _StandardLoss(torch.autograd.Function):
    """The loss in five matrix products; its (batch, d_sae) tensors are the latents and their gradient.

    Autograd would add one such temporary for the penalty's gradient and one for the ReLU mask: on a CPU
    these passes over memory cost as much as a product.
    """

    @staticmethod
    def forward(
        ctx: Any, x: Tensor, W_enc: Tensor, b_enc: Tensor, W_dec: Tensor, b_dec: Tensor, l1_coefficient: float
    ) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
        latents = torch.addmm(b_enc, x, W_enc).relu_()
        x_hat = torch.addmm(b_dec, latents, W_dec)
        residual = x_hat - x
        mse = residual.flatten().dot(residual.flatten()) / len(x)
        fired = latents.sum(0, dtype=W_dec.dtype)
        norms = W_dec.norm(dim=1)
        l1 = fired.dot(norms) / len(x)
        ctx.save_for_backward(x, W_enc, W_dec, latents, residual, fired, norms)
        ctx.l1_coefficient = l1_coefficient
        ctx.mark_non_differentiable(mse, l1, x_hat, latents)
        return mse + l1_coefficient * l1, mse, l1, x_hat, latents

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad_loss: Tensor, *_: Tensor) -> tuple[Tensor | None, ...]:
        x, W_enc, W_dec, latents, residual, fired, norms = ctx.saved_tensors
        # Under autocast the products run in the latents' precision, as they did on the way forward.
        low = latents.dtype
        grad_x_hat = residual * (2 / len(x) * grad_loss)
        penalty = ctx.l1_coefficient / len(x) * grad_loss
        direction = W_dec * (penalty * fired / norms.clamp_min(torch.finfo(norms.dtype).eps))[:, None]
        grad_b_dec, grad_x_hat = grad_x_hat.sum(0), grad_x_hat.to(low)
        # The broadcast bias of addmm carries the penalty's gradient at no cost.
        grad_pre = torch.addmm((penalty * norms).to(low), grad_x_hat, W_dec.T.to(low))
        torch.ops.aten.threshold_backward.grad_input(grad_pre, latents, 0, grad_input=grad_pre)
        grad_W_dec = torch.addmm(direction.to(low), latents.T, grad_x_hat)
        grad_x = grad_pre @ W_enc.T.to(low) - grad_x_hat if ctx.needs_input_grad[0] else None
        return grad_x, x.T.to(low) @ grad_pre, grad_pre.sum(0), grad_W_dec, grad_b_dec, None
