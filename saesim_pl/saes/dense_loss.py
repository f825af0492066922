"""Loss of a ReLU autoencoder with a penalty on its latents, in five matrix products."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from saesim_pl.product import product, transposed_product
from saesim_pl.saes.batch_blocks import batch_blocks
from saesim_pl.saes.output import SAEOutput
from saesim_pl.saes.sparse_autoencoder import SparseAutoencoder
from saesim_pl.saes.stack import outputs_of, weights_of


class Penalty(NamedTuple):
    r""":math:`\phi` and its derivative, of latents times their decoder norms; both may overwrite them."""

    value: Callable[[Tensor], Tensor]
    slope: Callable[[Tensor], Tensor]


def relu_losses(
    saes: Sequence[SparseAutoencoder],
    x: Tensor,
    coefficients: Sequence[float | Tensor],
    penalty: Penalty | None,
    name: str,
) -> list[SAEOutput]:
    r""":math:`\|x - \hat x\|_2^2 + \lambda \sum_i \phi(f_i \|W_{dec,i}\|_2)`, averaged over the batch.

    Args:
        saes: Of one shape, whose encoders end in a ReLU.
        x: Activations.
        coefficients: :math:`\lambda` of each.
        penalty: :math:`\phi`; the identity where there is none.
        name: Of the penalty among the terms.
    """
    coefficient, *others = coefficients
    if any(other != coefficient for other in others):
        # Filled on the device: a tensor of them would be copied there at each step.
        coefficient = torch.stack([saes[0].W_dec.new_full((), float(each)) for each in coefficients])
    inputs = weights_of(saes, x)
    loss, mse, value, x_hat, latents, fired = _ReLULoss.apply(*inputs, Tensor.relu_, coefficient, penalty)
    return outputs_of(saes, x_hat, loss, {"mse": mse, name: value}, fired, lambda: latents)


def masked_losses(
    saes: Sequence[SparseAutoencoder], x: Tensor, activate: Callable[[Tensor], Tensor]
) -> list[SAEOutput]:
    r""":math:`\|x - \hat x\|_2^2`, averaged over the batch.

    Args:
        saes: Of one shape, whose weights are used.
        x: Activations.
        activate: Gives the latents: the values before activation, those not kept or not positive made 0.
    """
    loss, mse, _, x_hat, latents, fired = _ReLULoss.apply(*weights_of(saes, x), activate, 0.0, None)
    return outputs_of(saes, x_hat, loss, {"mse": mse}, fired, lambda: latents)


class _ReLULoss(torch.autograd.Function):
    """Its (batch, d_sae) tensors are the latents and, on the way back, their gradient.

    All may have one dimension more, in front: that of a stack of SAEs, whose losses are then a vector.
    """

    @staticmethod
    def forward(
        ctx: Any,
        x: Tensor,
        W_enc: Tensor,
        b_enc: Tensor,
        W_dec: Tensor,
        b_dec: Tensor,
        activate: Callable[[Tensor], Tensor],
        coefficient: float | Tensor,
        penalty: Penalty | None,
    ) -> tuple[Tensor, ...]:
        latents = activate(product(x, W_enc, b_enc))
        x_hat = product(latents, W_dec, b_dec)
        residual = x_hat - x
        mse = mean_square(residual)
        fired = latents.sum(-2, dtype=W_dec.dtype)
        norms = W_dec.norm(dim=-1)
        value = sum_penalty(penalty, latents, norms) if penalty else (fired * norms).sum(-1)
        value = value / x.shape[-2]
        ctx.save_for_backward(x, W_enc, W_dec, latents, residual, fired, norms)
        ctx.coefficient, ctx.penalty = coefficient, penalty
        ctx.set_materialize_grads(False)  # zeros for what has no gradient, the latents among it
        ctx.mark_non_differentiable(mse, value, x_hat, latents, fired)
        return mse + coefficient * value, mse, value, x_hat, latents, fired

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad_loss: Tensor | None, *_: Tensor) -> tuple[Tensor | None, ...]:
        if grad_loss is None:
            return (None,) * len(ctx.needs_input_grad)
        x, W_enc, W_dec, latents, residual, fired, norms = ctx.saved_tensors
        per_sample = grad_loss / x.shape[-2]
        # Under autocast the products run in the latents' precision, as they did on the way forward.
        low = latents.dtype
        grad_x_hat = residual * (2 * per_sample)[..., None, None]
        strength = (ctx.coefficient * per_sample)[..., None]
        grad_b_dec, grad_x_hat = grad_x_hat.sum(-2), grad_x_hat.to(low)
        # The broadcast bias of the product carries the identity's gradient at no cost.
        bias = None if ctx.penalty else (strength * norms).to(low)
        grad_pre = product(grad_x_hat, W_dec.mT.to(low), bias)
        of_norms = add_slopes(grad_pre, ctx.penalty, latents, norms, strength) if ctx.penalty else fired
        torch.ops.aten.threshold_backward.grad_input(grad_pre, latents, 0, grad_input=grad_pre)
        grad_W_dec = transposed_product(latents, grad_x_hat).to(W_dec.dtype)
        add_norm_gradient(grad_W_dec, W_dec, norms, strength * of_norms)
        grad_x = product(grad_pre, W_enc.mT.to(low)) - grad_x_hat if ctx.needs_input_grad[0] else None
        grad_W_enc = transposed_product(x.to(low), grad_pre)
        return grad_x, grad_W_enc, grad_pre.sum(-2), grad_W_dec, grad_b_dec, None, None, None


def _tanh_slope(scaled: Tensor) -> Tensor:
    return scaled.tanh_().square_().neg_().add_(1)


TANH = Penalty(Tensor.tanh_, _tanh_slope)


def sum_penalty(penalty: Penalty, latents: Tensor, norms: Tensor) -> Tensor:
    """The penalty of all latents of an SAE."""
    norms = norms.unsqueeze(-2)
    values = (penalty.value(block * norms).sum((-2, -1)) for (block,) in batch_blocks(latents))
    return sum(values, start=norms.new_zeros(()))


def add_slopes(
    grad_pre: Tensor, penalty: Penalty, latents: Tensor, norms: Tensor, strength: Tensor
) -> Tensor:
    """Add the penalty's gradient to that of the latents; the sum of slopes times latents comes back."""
    of_norms, scale, norms = torch.zeros_like(norms), (strength * norms).unsqueeze(-2), norms.unsqueeze(-2)
    for block, grad in batch_blocks(latents, grad_pre):
        slope = penalty.slope(block * norms)
        of_norms += torch.linalg.vecdot(slope, block.to(slope), dim=-2)
        grad += slope.mul_(scale)
    return of_norms


def mean_square(residual: Tensor) -> Tensor:
    """Squared error, averaged over the batch."""
    if residual.dim() == 2:
        return residual.flatten().dot(residual.flatten()) / len(residual)
    return residual.square().sum((-2, -1)) / residual.shape[-2]


def add_norm_gradient(grad_W_dec: Tensor, W_dec: Tensor, norms: Tensor, grad_norms: Tensor) -> None:
    """Let the gradient of the decoder rows' norms flow on to the rows; that of a row of zeros is 0."""
    grad_W_dec.addcmul_(W_dec, (grad_norms / norms.clamp_min(torch.finfo(norms.dtype).eps))[..., None])
