"""Loss of a ReLU autoencoder with a penalty on its latents, in five matrix products."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from saesim_pl.saes.output import SAEOutput
from saesim_pl.saes.sparse_autoencoder import SparseAutoencoder

Penalty = Callable[[Tensor], tuple[Tensor, Tensor]]
r"""Of the latents times their decoder norms, :math:`g`: :math:`\sum_{rows} \phi(g)` and :math:`\phi'(g)`."""


def relu_loss(
    sae: SparseAutoencoder, x: Tensor, coefficient: float, penalty: Penalty | None, name: str
) -> SAEOutput:
    r""":math:`\|x - \hat x\|_2^2 + \lambda \sum_i \phi(f_i \|W_{dec,i}\|_2)`, averaged over the batch.

    Args:
        sae: Whose encoder ends in a ReLU.
        x: Activations.
        coefficient: :math:`\lambda`.
        penalty: :math:`\phi`; the identity where there is none.
        name: Of the penalty among the terms.
    """
    loss, mse, value, x_hat, latents, fired = _ReLULoss.apply(
        x, sae.W_enc, sae.b_enc, sae.W_dec, sae.b_dec, coefficient, penalty
    )
    return SAEOutput(x_hat, loss, {"mse": mse, name: value}, fired, lambda: latents)


class _ReLULoss(torch.autograd.Function):
    """Its (batch, d_sae) tensors are the latents and their gradient.

    Autograd would add one such temporary for the penalty's gradient and one for the ReLU mask: on a CPU
    these passes over memory cost as much as a product.
    """

    @staticmethod
    def forward(
        ctx: Any,
        x: Tensor,
        W_enc: Tensor,
        b_enc: Tensor,
        W_dec: Tensor,
        b_dec: Tensor,
        coefficient: float,
        penalty: Penalty | None,
    ) -> tuple[Tensor, ...]:
        latents = torch.addmm(b_enc, x, W_enc).relu_()
        x_hat = torch.addmm(b_dec, latents, W_dec)
        residual = x_hat - x
        mse = residual.flatten().dot(residual.flatten()) / len(x)
        fired = latents.sum(0, dtype=W_dec.dtype)
        norms = W_dec.norm(dim=1)
        per_latent = penalty(latents * norms)[0] if penalty else fired * norms
        value = per_latent.sum(dtype=W_dec.dtype) / len(x)
        ctx.save_for_backward(x, W_enc, W_dec, latents, residual, fired, norms)
        ctx.coefficient, ctx.penalty = coefficient, penalty
        ctx.mark_non_differentiable(mse, value, x_hat, latents, fired)
        return mse + coefficient * value, mse, value, x_hat, latents, fired

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad_loss: Tensor, *_: Tensor) -> tuple[Tensor | None, ...]:
        x, W_enc, W_dec, latents, residual, fired, norms = ctx.saved_tensors
        # Under autocast the products run in the latents' precision, as they did on the way forward.
        low = latents.dtype
        grad_x_hat = residual * (2 / len(x) * grad_loss)
        strength = ctx.coefficient / len(x) * grad_loss
        grad_b_dec, grad_x_hat = grad_x_hat.sum(0), grad_x_hat.to(low)
        if ctx.penalty:
            slope = ctx.penalty(latents * norms)[1].to(low)
            of_norms = torch.linalg.vecdot(slope, latents, dim=0).to(norms)
            grad_pre = slope.mul_((strength * norms).to(low)).addmm_(grad_x_hat, W_dec.T.to(low))
        else:
            of_norms = fired
            # The broadcast bias of addmm carries the penalty's gradient at no cost.
            grad_pre = torch.addmm((strength * norms).to(low), grad_x_hat, W_dec.T.to(low))
        torch.ops.aten.threshold_backward.grad_input(grad_pre, latents, 0, grad_input=grad_pre)
        direction = W_dec * (strength * of_norms / norms.clamp_min(torch.finfo(norms.dtype).eps))[:, None]
        grad_W_dec = torch.addmm(direction.to(low), latents.T, grad_x_hat)
        grad_x = grad_pre @ W_enc.T.to(low) - grad_x_hat if ctx.needs_input_grad[0] else None
        return grad_x, x.T.to(low) @ grad_pre, grad_pre.sum(0), grad_W_dec, grad_b_dec, None, None
