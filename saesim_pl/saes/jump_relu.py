"""Autoencoder whose latents jump from 0 at a learnt threshold."""

from typing import Any, Literal, get_args

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from saesim_pl.saes.output import SAEOutput
from saesim_pl.saes.sparse_autoencoder import SparseAutoencoder, check_not_negative

PenaltyName = Literal["l0", "tanh"]


class JumpReLUSAE(SparseAutoencoder):
    r"""Latents are 0 up to a threshold of their own, learnt with straight-through gradients.

    .. math:: \|x - \hat x\|_2^2 + \lambda \sum_i \phi(f_i), \quad f = z H(z - \theta), \quad
        z = x W_{enc} + b_{enc},

    averaged over the batch, where H is the step function and :math:`\phi` counts (:math:`H(f_i)`) as in
    Rajamanoharan et al. (2024), "Jumping ahead: improving reconstruction fidelity with JumpReLU sparse
    autoencoders", or is :math:`\tanh(f_i \|W_{dec,i}\|_2)` as in Anthropic's circuits update of January
    2025. The derivative of H is that of a ramp of width ``bandwidth``.

    Args:
        d_in: Width of the activations.
        d_sae: Number of latents.
        l0_coefficient: :math:`\lambda`.
        threshold: Initial :math:`\theta` of every latent.
        bandwidth: Width over which a threshold notices values around it; about the spacing of the values.
        penalty: :math:`\phi`.

    Raises:
        ValueError: A number out of range, or an unknown penalty.
    """

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
        for name, number in {"threshold": threshold, "bandwidth": bandwidth}.items():
            if number <= 0:
                raise ValueError(f"{name} must be positive, got {number}")
        if penalty not in get_args(PenaltyName):
            raise ValueError(f"penalty must be one of {get_args(PenaltyName)}, got {penalty!r}")
        self.l0_coefficient, self.bandwidth, self.penalty = l0_coefficient, bandwidth, penalty
        self.log_threshold = nn.Parameter(torch.full((d_sae,), float(threshold)).log())

    def encode(self, x: Float[Tensor, "batch d_in"]) -> Float[Tensor, "batch d_sae"]:
        """Latents of ``x`` above their thresholds; others are 0."""
        pre = torch.addmm(self.b_enc, x, self.W_enc)
        return torch.where(pre > self.log_threshold.exp(), pre, 0)

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
    """Straight-through gradients in five products; keeps the values before activation and the latents."""

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
        pre, threshold = torch.addmm(b_enc, x, W_enc), log_threshold.exp()
        latents = torch.where(pre > threshold, pre, 0)
        x_hat = torch.addmm(b_dec, latents, W_dec)
        residual = x_hat - x
        mse = residual.flatten().dot(residual.flatten()) / len(x)
        norms = W_dec.norm(dim=1)
        counted = latents.count_nonzero() if penalty == "l0" else (latents * norms).tanh_().sum()
        value = counted.to(mse) / len(x)
        ctx.save_for_backward(x, W_enc, W_dec, pre, latents, residual, threshold, norms)
        ctx.coefficient, ctx.bandwidth, ctx.penalty = coefficient, bandwidth, penalty
        ctx.mark_non_differentiable(mse, value, x_hat, latents)
        return mse + coefficient * value, mse, value, x_hat, latents

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad_loss: Tensor, *_: Tensor) -> tuple[Tensor | None, ...]:
        x, W_enc, W_dec, pre, latents, residual, threshold, norms = ctx.saved_tensors
        low = latents.dtype  # under autocast the products run in it, as they did on the way forward
        grad_x_hat = residual * (2 / len(x) * grad_loss)
        strength = ctx.coefficient / len(x) * grad_loss
        grad_b_dec, grad_x_hat = grad_x_hat.sum(0), grad_x_hat.to(low)
        grad_latents, of_norms = grad_x_hat @ W_dec.T.to(low), None
        if ctx.penalty == "tanh":
            slope = (latents * norms).tanh_().square_().neg_().add_(1).to(low)
            of_norms = torch.linalg.vecdot(slope, latents, dim=0).to(norms) * strength
            grad_latents += slope.mul_((strength * norms).to(low))
        # A threshold that rises by dt switches off what lies within it: f falls by t, the count by 1.
        near = ((pre - threshold).abs_() < ctx.bandwidth / 2).to(low)
        lost = torch.linalg.vecdot(near, grad_latents, dim=0).to(threshold) * threshold
        if ctx.penalty == "l0":
            lost += strength * near.sum(0, dtype=threshold.dtype)
        grad_log_threshold = -lost / ctx.bandwidth * threshold
        grad_pre = grad_latents.mul_(latents > 0)
        grad_W_dec = latents.T @ grad_x_hat
        if of_norms is not None:
            grad_W_dec += W_dec * (of_norms / norms.clamp_min(torch.finfo(norms.dtype).eps))[:, None]
        grad_x = grad_pre @ W_enc.T.to(low) - grad_x_hat if ctx.needs_input_grad[0] else None
        grads = grad_x, x.T.to(low) @ grad_pre, grad_pre.sum(0), grad_W_dec, grad_b_dec
        return *grads, grad_log_threshold, None, None, None
