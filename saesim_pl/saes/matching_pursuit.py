"""Autoencoder that selects its latents one after the other."""

from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor
from torch.autograd.function import once_differentiable

from saesim_pl.product import product
from saesim_pl.saes.dense_loss import mean_square
from saesim_pl.saes.k_sparse import KSparseAutoencoder
from saesim_pl.saes.output import SAEOutput
from saesim_pl.saes.sparse_loss import add_rows


class MatchingPursuitSAE(KSparseAutoencoder):
    r"""Selects at each of k steps the decoder row that explains most of the residual, and subtracts it.

    .. math:: \|r_k\|_2^2, \quad r_{t+1} = r_t - z_t W_{dec,i_t}, \quad
        i_t = argmax_i \frac{r_t W_{dec,i}}{\|W_{dec,i}\|_2}, \quad
        z_t = ReLU(\frac{r_t W_{dec,i_t}}{\|W_{dec,i_t}\|_2^2}), \quad r_0 = x - b_{dec},

    averaged over the batch. Unlike one pass through an encoder, each step depends on the reconstruction by
    the earlier steps. Costa et al. (2025), "From flat to hierarchical: extracting sparse representations
    with matching pursuit". It has no encoder: ``W_enc`` is the scaled transpose of ``W_dec``, ``b_enc`` is 0.

    Args:
        d_in: Width of the activations.
        d_sae: Number of latents.
        k: Number of steps; at most k latents fire.

    Raises:
        ValueError: ``k`` lies outside [1, d_sae].
    """

    def _make_encoder(self) -> None:
        """Does nothing: the decoder encodes."""

    # Other SAEs hold their encoder; this one computes it from the decoder, and nothing assigns it.
    @property
    def W_enc(self) -> Float[Tensor, "d_in d_sae"]:  # type: ignore[override]  # noqa: N802 - weights' name
        """Decoder rows divided by their squared norms, transposed; computed from ``W_dec``."""
        return (self.W_dec / _squares(self.W_dec)[:, None]).T

    @property
    def b_enc(self) -> Float[Tensor, " d_sae"]:  # type: ignore[override]
        """Always 0."""
        return torch.zeros_like(self.W_dec[:, 0])

    @torch.no_grad()
    def start_from(self, norm: float, centre: Float[Tensor, " d_in"]) -> None:
        """See :meth:`SparseAutoencoder.start_from`; only the decoder changes."""
        self.W_dec *= norm
        self.b_dec.copy_(centre)

    def new_latents(
        self, directions: Float[Tensor, "n d_in"], size: Float[Tensor, ""]
    ) -> dict[str, Float[Tensor, "n ..."]]:
        """See :meth:`SparseAutoencoder.new_latents`; only decoder rows are replaced."""
        return {"W_dec": directions}

    def _scale_latents(self, factors: Float[Tensor, " d_sae"]) -> None:
        """Does nothing: latents are computed from the decoder and change with its scale."""

    def _fold_into_encoder(self, shift: Float[Tensor, " d_in"], scale: Float[Tensor, " d_in"]) -> None:
        """Does nothing: latents do not change when residuals and decoder rows have the same scale.

        Raises:
            TypeError: Dimensions differ in scale, so that other decoder rows would be selected.
        """
        if not (scale == scale[0]).all():
            raise TypeError(
                "MatchingPursuitSAE encodes with its decoder: it takes one scale for all dimensions"
            )

    def encode(self, x: Float[Tensor, "batch d_in"]) -> Float[Tensor, "batch d_sae"]:
        """Latents of ``x``, at least 0; at most ``k`` of a row are positive."""
        _, chosen, values = _pursue(x, self.W_dec, self.b_dec, self.k)
        return values.new_zeros(len(x), self.d_sae).scatter_add(1, chosen, values)

    def loss(self, x: Float[Tensor, "batch d_in"]) -> SAEOutput:
        """Squared norm of the final residual; ``terms`` is ``mse`` (summed over ``d_in``)."""
        loss, residual, chosen, values = _PursuitLoss.apply(x, self.W_dec, self.b_dec, self.k)
        fired = values.new_zeros(self.d_sae).index_add_(0, chosen.flatten(), values.flatten())

        def latents() -> Tensor:
            return values.new_zeros(len(x), self.d_sae).scatter_add_(1, chosen, values)

        return SAEOutput(x.detach() - residual, loss, {"mse": loss.detach()}, fired, latents)


class _PursuitLoss(torch.autograd.Function):
    """Stores the latents chosen at each step and only the final residual.

    Backward recovers the residual before step t by adding the reconstruction of step t.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, W_dec: Tensor, b_dec: Tensor, k: int) -> tuple[Tensor, ...]:
        residual, chosen, values = _pursue(x, W_dec, b_dec, k)
        ctx.save_for_backward(residual, W_dec, chosen, values)
        ctx.set_materialize_grads(False)  # else backward would get zeros for outputs without a gradient
        ctx.mark_non_differentiable(residual, chosen, values)
        return mean_square(residual), residual, chosen, values

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad_loss: Tensor | None, *_: Tensor) -> tuple[Tensor | None, ...]:
        if grad_loss is None:
            return (None,) * len(ctx.needs_input_grad)
        residual, W_dec, chosen, values = ctx.saved_tensors
        # Gradient of the final residual, then step by step of the residual before each step.
        grad, grad_W_dec = residual * (2 / len(residual) * grad_loss), torch.zeros_like(W_dec)
        squares = _squares(W_dec)
        for latent, value in zip(chosen.T.flip(0), values.T.flip(0), strict=True):
            row, value = W_dec[latent], value[:, None]
            # Gradient of z_t divided by |w|^2; 0 where the ReLU made z_t 0.
            pull = -(grad * row).sum(1, keepdim=True) / squares[latent][:, None] * (value > 0)
            # Row w: through z_t = r_t w / |w|^2, pull (r_t - 2 z_t w) = pull (r_{t+1} - z_t w), and through
            # the subtraction r_t - z_t w, -z_t grad.
            of_row = torch.addcmul(pull * (residual - value * row), value, grad, value=-1)
            add_rows(grad_W_dec, latent, of_row)
            # r_t = r_{t+1} + z_t w; its gradient adds the term through z_t.
            residual, grad = torch.addcmul(residual, value, row), torch.addcmul(grad, pull, row)
        return grad, grad_W_dec, -grad.sum(0), None


def _pursue(x: Tensor, W_dec: Tensor, b_dec: Tensor, k: int) -> tuple[Tensor, Tensor, Tensor]:
    """The final residual, and the chosen latents and their values at each step."""
    residual, chosen, values = x - b_dec, [], []
    squares = _squares(W_dec)
    unit = (W_dec / squares.sqrt()[:, None]).detach().T
    for _ in range(k):
        # The choice of the row has no derivative; its coefficient has one.
        best = product(residual.detach(), unit).argmax(1)
        row = W_dec[best]
        value = ((residual * row).sum(1) / squares[best]).relu_()
        residual = torch.addcmul(residual, value[:, None], row, value=-1)
        chosen.append(best)
        values.append(value)
    return residual, torch.stack(chosen, 1), torch.stack(values, 1)


def _squares(W_dec: Tensor) -> Tensor:
    return W_dec.square().sum(1).clamp_min(torch.finfo(W_dec.dtype).tiny)
