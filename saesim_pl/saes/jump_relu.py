"""Autoencoder whose latents jump from 0 at a learned threshold."""

from typing import Any, Literal, get_args

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from saesim_pl.checks import check_not_negative, check_positive
from saesim_pl.product import product, transposed_product
from saesim_pl.saes.batch_blocks import batch_blocks
from saesim_pl.saes.dense_loss import TANH, add_norm_gradient, add_slopes, mean_square, sum_penalty
from saesim_pl.saes.output import SAEOutput
from saesim_pl.saes.sparse_autoencoder import SparseAutoencoder

PenaltyName = Literal["l0", "tanh"]


class JumpReLUSAE(SparseAutoencoder):
    r"""A latent is 0 up to its own threshold, which is learned with straight-through gradients.

    .. math:: \|x - \hat x\|_2^2 + \lambda \sum_i \phi(f_i), \quad f = z H(z - \theta), \quad
        z = x W_{enc} + b_{enc},

    averaged over the batch, where H is the step function and :math:`\phi` counts (:math:`H(f_i)`) as in
    Rajamanoharan et al. (2024), "Jumping ahead: improving reconstruction fidelity with JumpReLU sparse
    autoencoders", or is :math:`\tanh(f_i \|W_{dec,i}\|_2)`. (Anthropic's circuits update of January 2025
    has :math:`\tanh(4 f_i \|W_{dec,i}\|_2)` and a further term for latents below their thresholds.) The
    gradient treats H as a ramp of width ``bandwidth``: its derivative is ``1 / bandwidth`` within half a
    bandwidth of the threshold, and 0 elsewhere.

    Args:
        d_in: Width of the activations.
        d_sae: Number of latents.
        l0_coefficient: :math:`\lambda`.
        threshold: Initial :math:`\theta` of every latent.
        bandwidth: Width of the window around a threshold in which values contribute to its gradient; about
            the spacing of the values.
        penalty: :math:`\phi`.

    Raises:
        ValueError: A number out of range, or an unknown penalty.
    """

    log_threshold: Float[Tensor, " d_sae"]

    def __init__(
        self,
        d_in: int,
        d_sae: int,
        l0_coefficient: float = 0.1,
        threshold: float = 0.1,
        bandwidth: float = 0.1,
        penalty: PenaltyName = "l0",
    ) -> None:
        super().__init__(d_in, d_sae)
        check_not_negative(l0_coefficient=l0_coefficient)
        check_positive(threshold=threshold, bandwidth=bandwidth)
        if penalty not in get_args(PenaltyName):
            raise ValueError(f"penalty must be one of {get_args(PenaltyName)}, got {penalty!r}")
        self.l0_coefficient, self.bandwidth, self.penalty = l0_coefficient, bandwidth, penalty
        self.threshold = float(threshold)
        self.log_threshold = nn.Parameter(torch.full((d_sae,), float(threshold)).log())

    def encode(self, x: Float[Tensor, "batch d_in"]) -> Float[Tensor, "batch d_sae"]:
        """Latents of ``x`` that exceed their thresholds; other latents are 0."""
        pre = torch.addmm(self.b_enc, x, self.W_enc)
        return torch.where(pre > self.log_threshold.exp(), pre, 0)

    def new_latents(
        self, directions: Float[Tensor, "n d_in"], size: Float[Tensor, ""]
    ) -> dict[str, Float[Tensor, "n ..."]]:
        """See :meth:`SparseAutoencoder.new_latents`; the threshold is its initial value times ``size``."""
        weights = super().new_latents(directions, size)
        threshold = (self.threshold * size).log().expand(len(directions))
        return weights | {"log_threshold": threshold}

    def _scale_latents(self, factors: Float[Tensor, " d_sae"]) -> None:
        super()._scale_latents(factors)
        self.log_threshold += factors.log()

    def loss(self, x: Float[Tensor, "batch d_in"]) -> SAEOutput:
        """Squared error plus penalty; ``terms`` are ``mse`` (summed over ``d_in``) and ``l0`` or ``tanh``."""
        weights = self.W_enc, self.b_enc, self.W_dec, self.b_dec, self.log_threshold
        options = self.l0_coefficient, self.bandwidth, self.penalty
        loss, mse, value, x_hat, latents = _JumpReLULoss.apply(x, *weights, *options)
        # The mean number active is logged as l0 for every SAE.
        terms = {"mse": mse, "tanh": value} if self.penalty == "tanh" else {"mse": mse}
        return SAEOutput(x_hat, loss, terms, latents.sum(0), lambda: latents)


class _JumpReLULoss(torch.autograd.Function):
    """Loss and straight-through gradient in five products.

    Forward stores the latents and a mask of the values near their threshold, a quarter of the latents' size.
    """

    @staticmethod
    def forward(
        ctx: Any,
        x: Tensor,
        W_enc: Tensor,
        b_enc: Tensor,
        W_dec: Tensor,
        b_dec: Tensor,
        log_threshold: Tensor,
        coefficient: float,
        bandwidth: float,
        penalty: PenaltyName,
    ) -> tuple[Tensor, ...]:
        latents, threshold = product(x, W_enc, b_enc), log_threshold.exp()
        near = torch.empty_like(latents, dtype=torch.bool)
        for block, is_near in batch_blocks(latents, near):
            torch.lt((block - threshold).abs_(), bandwidth / 2, out=is_near)
            block.masked_fill_(block <= threshold, 0)
        x_hat = product(latents, W_dec, b_dec)
        residual = x_hat - x
        mse, norms = mean_square(residual), W_dec.norm(dim=1)
        counted = latents.count_nonzero() if penalty == "l0" else sum_penalty(TANH, latents, norms)
        value = counted.to(mse) / len(x)
        ctx.save_for_backward(x, W_enc, W_dec, near, latents, residual, threshold, norms)
        ctx.coefficient, ctx.bandwidth, ctx.penalty = coefficient, bandwidth, penalty
        ctx.set_materialize_grads(False)  # else backward would get zeros for the latents, a large tensor
        ctx.mark_non_differentiable(mse, value, x_hat, latents)
        return mse + coefficient * value, mse, value, x_hat, latents

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad_loss: Tensor | None, *_: Tensor) -> tuple[Tensor | None, ...]:
        if grad_loss is None:
            return (None,) * len(ctx.needs_input_grad)
        x, W_enc, W_dec, near, latents, residual, threshold, norms = ctx.saved_tensors
        low = latents.dtype  # under autocast the products run in this precision, as they did in forward
        # Error term: d mse / d x_hat = 2 (x_hat - x) / batch; b_dec is added to each x_hat.
        grad_x_hat = residual * (2 / len(x) * grad_loss)
        strength = ctx.coefficient / len(x) * grad_loss
        grad_b_dec, grad_x_hat = grad_x_hat.sum(0), grad_x_hat.to(low)
        # Error terms of the decoder, latents^T grad_x_hat, and of the latents, grad_x_hat W_dec^T.
        grad_W_dec = transposed_product(latents, grad_x_hat).to(W_dec.dtype)
        grad_pre = product(grad_x_hat, W_dec.T.to(low))
        if ctx.penalty == "tanh":
            # Penalty terms of the latents, and of the decoder through its norms.
            of_norms = add_slopes(grad_pre, TANH, latents, norms, strength)
            add_norm_gradient(grad_W_dec, W_dec, norms, strength * of_norms)
        # Thresholds: dH / d theta = -1 / bandwidth near a threshold, and d theta / d log theta = theta.
        lost = _lost_at_threshold(near, grad_pre, threshold, strength if ctx.penalty == "l0" else None)
        grad_log_threshold = -lost / ctx.bandwidth * threshold
        # Pre-activations: the gradient passes where a latent fired.
        torch.ops.aten.threshold_backward.grad_input(grad_pre, latents, 0, grad_input=grad_pre)
        # x enters through the encoder and, with a minus sign, through the residual.
        grad_x = product(grad_pre, W_enc.T.to(low)) - grad_x_hat if ctx.needs_input_grad[0] else None
        grad_W_enc = transposed_product(x.to(low), grad_pre)
        grads = grad_x, grad_W_enc, grad_pre.sum(0), grad_W_dec, grad_b_dec, grad_log_threshold
        return *grads, None, None, None


def _lost_at_threshold(near: Tensor, grad: Tensor, threshold: Tensor, strength: Tensor | None) -> Tensor:
    """Derivative of the loss by the step function H, summed over the values near their threshold t.

    As f = z H, it is the gradient of f times z, which is about t; the l0 penalty adds ``strength``.
    """
    lost = torch.zeros_like(threshold)
    for is_near, block in batch_blocks(near, grad):
        per_entry = block * threshold if strength is None else torch.addcmul(strength, block, threshold)
        lost += per_entry.masked_fill_(~is_near, 0).sum(0)
    return lost
