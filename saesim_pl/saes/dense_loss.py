"""Loss and gradient of a ReLU autoencoder with a penalty on its latents, in five matrix products."""

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
    r"""A penalty :math:`\phi` and its derivative, functions of latents times their decoder norms.

    Both may overwrite their argument.
    """

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
        saes: SAEs of one shape, whose encoders end in a ReLU.
        x: Activations.
        coefficients: :math:`\lambda` of each SAE.
        penalty: :math:`\phi`; None means the identity (L1).
        name: Name of the penalty in ``terms``.
    """
    coefficient, *others = coefficients
    if any(other != coefficient for other in others):
        # Filled on the device: torch.tensor(coefficients) would be copied there at each step.
        coefficient = torch.stack([saes[0].W_dec.new_full((), float(each)) for each in coefficients])
    inputs = weights_of(saes, x)
    loss, mse, value, x_hat, latents, fired = _ReLULoss.apply(*inputs, Tensor.relu_, coefficient, penalty)
    return outputs_of(saes, x_hat, loss, {"mse": mse, name: value}, fired, lambda: latents)


def masked_losses(
    saes: Sequence[SparseAutoencoder], x: Tensor, activate: Callable[[Tensor], Tensor]
) -> list[SAEOutput]:
    r""":math:`\|x - \hat x\|_2^2`, averaged over the batch.

    Args:
        saes: SAEs of one shape.
        x: Activations.
        activate: Maps pre-activations to latents: sets those that are not kept or not positive to 0.
    """
    loss, mse, _, x_hat, latents, fired = _ReLULoss.apply(*weights_of(saes, x), activate, 0.0, None)
    return outputs_of(saes, x_hat, loss, {"mse": mse}, fired, lambda: latents)


class _ReLULoss(torch.autograd.Function):
    """Memory: one (batch, d_sae) tensor in forward (latents) and one in backward (their gradient).

    For a stack of SAEs all tensors have one more dimension in front, and the losses form a vector.
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
        ctx.set_materialize_grads(False)  # else backward would get zeros for the latents, a large tensor
        ctx.mark_non_differentiable(mse, value, x_hat, latents, fired)
        return mse + coefficient * value, mse, value, x_hat, latents, fired

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad_loss: Tensor | None, *_: Tensor) -> tuple[Tensor | None, ...]:
        if grad_loss is None:
            return (None,) * len(ctx.needs_input_grad)
        x, W_enc, W_dec, latents, residual, fired, norms = ctx.saved_tensors
        per_sample = grad_loss / x.shape[-2]
        # Under autocast the products run in the latents' precision, as they did in forward.
        low = latents.dtype
        # Error term: d mse / d x_hat = 2 (x_hat - x) / batch; b_dec is added to each x_hat.
        grad_x_hat = residual * (2 * per_sample)[..., None, None]
        strength = (ctx.coefficient * per_sample)[..., None]
        grad_b_dec, grad_x_hat = grad_x_hat.sum(-2), grad_x_hat.to(low)
        # Gradient of the latents: error term grad_x_hat W_dec^T plus penalty term. For L1 the latter is
        # lambda / batch * norm, the same for all samples: the product adds it as its bias at no cost.
        bias = None if ctx.penalty else (strength * norms).to(low)
        grad_pre = product(grad_x_hat, W_dec.mT.to(low), bias)
        # of_norms is the penalty's derivative by the decoder norms: sum of phi'(f norm) f over samples.
        of_norms = add_slopes(grad_pre, ctx.penalty, latents, norms, strength) if ctx.penalty else fired
        # ReLU: the gradient passes where a latent fired.
        torch.ops.aten.threshold_backward.grad_input(grad_pre, latents, 0, grad_input=grad_pre)
        # Decoder: error term latents^T grad_x_hat, then the penalty's term through the norms.
        grad_W_dec = transposed_product(latents, grad_x_hat).to(W_dec.dtype)
        add_norm_gradient(grad_W_dec, W_dec, norms, strength * of_norms)
        # x enters through the encoder and, with a minus sign, through the residual.
        grad_x = product(grad_pre, W_enc.mT.to(low)) - grad_x_hat if ctx.needs_input_grad[0] else None
        grad_W_enc = transposed_product(x.to(low), grad_pre)
        return grad_x, grad_W_enc, grad_pre.sum(-2), grad_W_dec, grad_b_dec, None, None, None


def _tanh_slope(scaled: Tensor) -> Tensor:
    return scaled.tanh_().square_().neg_().add_(1)


TANH = Penalty(Tensor.tanh_, _tanh_slope)


def sum_penalty(penalty: Penalty, latents: Tensor, norms: Tensor) -> Tensor:
    """Sum of the penalty over samples and latents."""
    norms = norms.unsqueeze(-2)
    values = (penalty.value(block * norms).sum((-2, -1)) for (block,) in batch_blocks(latents))
    return sum(values, start=norms.new_zeros(()))


def add_slopes(
    grad_pre: Tensor, penalty: Penalty, latents: Tensor, norms: Tensor, strength: Tensor
) -> Tensor:
    """Add the penalty's gradient to ``grad_pre``, the gradient of the latents.

    Returns:
        The sum over samples of slope times latent, needed for the gradient of the decoder norms.
    """
    of_norms, scale, norms = torch.zeros_like(norms), (strength * norms).unsqueeze(-2), norms.unsqueeze(-2)
    for block, grad in batch_blocks(latents, grad_pre):
        slope = penalty.slope(block * norms)
        of_norms += torch.linalg.vecdot(slope, block.to(slope), dim=-2)
        grad += slope.mul_(scale)
    return of_norms


def mean_square(residual: Tensor) -> Tensor:
    """Squared error, summed over ``d_in`` and averaged over the batch."""
    if residual.dim() == 2:
        return residual.flatten().dot(residual.flatten()) / len(residual)
    return residual.square().sum((-2, -1)) / residual.shape[-2]


def add_norm_gradient(grad_W_dec: Tensor, W_dec: Tensor, norms: Tensor, grad_norms: Tensor) -> None:
    """Add to ``grad_W_dec`` the gradient through the norms of the decoder rows; 0 for a row of zeros."""
    grad_W_dec.addcmul_(W_dec, (grad_norms / norms.clamp_min(torch.finfo(norms.dtype).eps))[..., None])
