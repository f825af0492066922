"""Autoencoder that finds its latents one after the other."""

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
    r"""Takes at each of k steps the decoder row that explains most of what is left, and removes it.

    .. math:: \|r_k\|_2^2, \quad r_{t+1} = r_t - z_t W_{dec,i_t}, \quad
        i_t = argmax_i \frac{r_t W_{dec,i}}{\|W_{dec,i}\|_2}, \quad
        z_t = ReLU(\frac{r_t W_{dec,i_t}}{\|W_{dec,i_t}\|_2^2}), \quad r_0 = x - b_{dec},

    averaged over the batch. A later step sees what earlier ones explained, which one pass through an
    encoder cannot. Costa et al. (2025), "From flat to hierarchical: extracting sparse representations
    with matching pursuit". There is no encoder: ``W_enc`` is the scaled transpose of ``W_dec``, ``b_enc`` 0.

    Args:
        d_in: Width of the activations.
        d_sae: Number of latents.
        k: Steps; at most so many latents fire.

    Raises:
        ValueError: ``k`` lies outside [1, d_sae].
    """

    def _make_encoder(self) -> None:
        """The decoder encodes."""

    # Other SAEs hold their encoder; this one computes it from the decoder, and nothing assigns it.
    @property
    def W_enc(self) -> Float[Tensor, "d_in d_sae"]:  # type: ignore[override]  # noqa: N802 - weights' name
        """Directions that the residual is compared with."""
        return (self.W_dec / _squares(self.W_dec)[:, None]).T

    @property
    def b_enc(self) -> Float[Tensor, " d_sae"]:  # type: ignore[override]
        """Always 0."""
        return torch.zeros_like(self.W_dec[:, 0])

    @torch.no_grad()
    def start_from(self, norm: float, centre: Float[Tensor, " d_in"]) -> None:
        """See :meth:`SparseAutoencoder.start_from`; there is no encoder to follow."""
        self.W_dec *= norm
        self.b_dec.copy_(centre)

    def new_latents(
        self, directions: Float[Tensor, "n d_in"], size: Float[Tensor, ""]
    ) -> dict[str, Float[Tensor, "n ..."]]:
        """See :meth:`SparseAutoencoder.new_latents`; there is no encoder to begin again."""
        return {"W_dec": directions}

    def _scale_latents(self, factors: Float[Tensor, " d_sae"]) -> None:
        """Nothing: latents follow the decoder's scale by themselves."""

    def _fold_into_encoder(self, shift: Float[Tensor, " d_in"], scale: Float[Tensor, " d_in"]) -> None:
        """Nothing, as latents do not change where residuals and decoder rows grow alike.

        Raises:
            TypeError: Dimensions differ in scale, so that other rows would explain most of a residual.
        """
        if not (scale == scale[0]).all():
            raise TypeError(
                "MatchingPursuitSAE encodes with its decoder: it takes one scale for all dimensions"
            )

    def encode(self, x: Float[Tensor, "batch d_in"]) -> Float[Tensor, "batch d_sae"]:
        """Latents of ``x``, at least 0, at most ``k`` of a row above."""
        _, chosen, values = _pursue(x, self.W_dec, self.b_dec, self.k)
        return values.new_zeros(len(x), self.d_sae).scatter_add(1, chosen, values)

    def loss(self, x: Float[Tensor, "batch d_in"]) -> SAEOutput:
        """Squared norm of the last residual; ``terms`` is ``mse`` (summed over ``d_in``)."""
        loss, residual, chosen, values = _PursuitLoss.apply(x, self.W_dec, self.b_dec, self.k)
        fired = values.new_zeros(self.d_sae).index_add_(0, chosen.flatten(), values.flatten())

        def latents() -> Tensor:
            return values.new_zeros(len(x), self.d_sae).scatter_add_(1, chosen, values)

        return SAEOutput(x.detach() - residual, loss, {"mse": loss.detach()}, fired, latents)


class _PursuitLoss(torch.autograd.Function):
    """Keeps what each step chose, and the last residual alone: going back, a step's is that plus its part."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, W_dec: Tensor, b_dec: Tensor, k: int) -> tuple[Tensor, ...]:
        residual, chosen, values = _pursue(x, W_dec, b_dec, k)
        ctx.save_for_backward(residual, W_dec, chosen, values)
        ctx.set_materialize_grads(False)  # zeros for what has no gradient, the latents among it
        ctx.mark_non_differentiable(residual, chosen, values)
        return mean_square(residual), residual, chosen, values

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad_loss: Tensor | None, *_: Tensor) -> tuple[Tensor | None, ...]:
        if grad_loss is None:
            return (None,) * len(ctx.needs_input_grad)
        residual, W_dec, chosen, values = ctx.saved_tensors
        grad, grad_W_dec = residual * (2 / len(residual) * grad_loss), torch.zeros_like(W_dec)
        squares = _squares(W_dec)
        for latent, value in zip(chosen.T.flip(0), values.T.flip(0), strict=True):
            row, value = W_dec[latent], value[:, None]
            # A row that explained nothing has no gradient: its value stays 0.
            pull = -(grad * row).sum(1, keepdim=True) / squares[latent][:, None] * (value > 0)
            of_row = torch.addcmul(pull * (residual - value * row), value, grad, value=-1)
            add_rows(grad_W_dec, latent, of_row)
            residual, grad = torch.addcmul(residual, value, row), torch.addcmul(grad, pull, row)
        return grad, grad_W_dec, -grad.sum(0), None


def _pursue(x: Tensor, W_dec: Tensor, b_dec: Tensor, k: int) -> tuple[Tensor, Tensor, Tensor]:
    """The last residual, and the latents chosen and their values at each of the steps."""
    residual, chosen, values = x - b_dec, [], []
    squares = _squares(W_dec)
    unit = (W_dec / squares.sqrt()[:, None]).detach().T
    for _ in range(k):
        # Which row is taken has no derivative; how much of it has.
        best = product(residual.detach(), unit).argmax(1)
        row = W_dec[best]
        value = ((residual * row).sum(1) / squares[best]).relu_()
        residual = torch.addcmul(residual, value[:, None], row, value=-1)
        chosen.append(best)
        values.append(value)
    return residual, torch.stack(chosen, 1), torch.stack(values, 1)


def _squares(W_dec: Tensor) -> Tensor:
    return W_dec.square().sum(1).clamp_min(torch.finfo(W_dec.dtype).tiny)
