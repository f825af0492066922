"""Autoencoder with separate paths for whether a latent fires and how strongly."""

from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from saesim_pl.checks import check_not_negative
from saesim_pl.product import product, transposed_product
from saesim_pl.saes.batch_blocks import batch_blocks
from saesim_pl.saes.dense_loss import add_norm_gradient, mean_square
from saesim_pl.saes.output import SAEOutput
from saesim_pl.saes.sparse_autoencoder import SparseAutoencoder


class GatedSAE(SparseAutoencoder):
    r"""A gate decides whether a latent fires; the penalty acts on the gate and does not shrink magnitudes.

    .. math:: \|x - \hat x\|_2^2 + \lambda \sum_i ReLU(\pi_i) \|W_{dec,i}\|_2
        + \|x - \hat x_{frozen}(ReLU(\pi))\|_2^2,

    averaged over the batch, with :math:`f = H(\pi) ReLU(e^{r} x W_{enc} + b_{mag})` and
    :math:`\pi = x W_{enc} + b_{enc}`; the last term trains the gate to reconstruct with a decoder that it
    cannot change. Rajamanoharan et al. (2024), "Improving dictionary learning with gated sparse
    autoencoders". Train it with the callback ``UnitNormDecoder``, as they do: with the norm-weighted penalty
    alone, the decoder can shrink while :math:`e^r` compensates.

    Args:
        d_in: Width of the activations.
        d_sae: Number of latents.
        l1_coefficient: :math:`\lambda`.
        freeze_decoder: Whether the last term does not train the decoder, as in the paper. If False, it trains
            the decoder too (as in SAELens), at the cost of one more product. SAEs then find more: 505 and
            502 of the 512 features of ``configs/data/uniform.yaml`` instead of 499 and 490 (1,200 steps).

    Raises:
        ValueError: A negative coefficient.
    """

    b_mag: Float[Tensor, " d_sae"]
    r_mag: Float[Tensor, " d_sae"]

    def __init__(
        self, d_in: int, d_sae: int, l1_coefficient: float = 0.1, freeze_decoder: bool = True
    ) -> None:
        super().__init__(d_in, d_sae)
        check_not_negative(l1_coefficient=l1_coefficient)
        self.l1_coefficient, self.freeze_decoder = l1_coefficient, freeze_decoder
        self.b_mag = nn.Parameter(torch.zeros(d_sae))
        self.r_mag = nn.Parameter(torch.zeros(d_sae))

    def encode(self, x: Float[Tensor, "batch d_in"]) -> Float[Tensor, "batch d_sae"]:
        """Magnitudes of the latents whose gate is open; other latents are 0."""
        return self._gate_and_latents(x)[1]

    @torch.no_grad()
    def start_from(self, norm: float, centre: Float[Tensor, " d_in"]) -> None:
        """See :meth:`SparseAutoencoder.start_from`; gate and magnitude both see ``x - b_dec``."""
        super().start_from(norm, centre)
        self.b_mag.copy_(-centre @ self.W_enc * self.r_mag.exp())

    def new_latents(
        self, directions: Float[Tensor, "n d_in"], size: Float[Tensor, ""]
    ) -> dict[str, Float[Tensor, "n ..."]]:
        """See :meth:`SparseAutoencoder.new_latents`; the magnitude starts equal to the gate."""
        weights = super().new_latents(directions, size)
        return weights | {"b_mag": weights["b_enc"], "r_mag": torch.zeros_like(weights["b_enc"])}

    def _scale_latents(self, factors: Float[Tensor, " d_sae"]) -> None:
        super()._scale_latents(factors)
        self.b_mag *= factors

    def _fold_into_encoder(self, shift: Float[Tensor, " d_in"], scale: Float[Tensor, " d_in"]) -> None:
        super()._fold_into_encoder(shift, scale)
        self.b_mag -= shift @ self.W_enc * self.r_mag.exp()

    def loss(self, x: Float[Tensor, "batch d_in"]) -> SAEOutput:
        """Sum of squared error, penalty and the gate's error; ``terms``: ``mse``, ``l1`` and ``gate_mse``."""
        weights = self.W_enc, self.b_enc, self.b_mag, self.r_mag, self.W_dec, self.b_dec
        options = self.l1_coefficient, self.freeze_decoder
        loss, mse, l1, gate_mse, x_hat, latents = _GatedLoss.apply(x, *weights, *options)
        terms = {"mse": mse, "l1": l1, "gate_mse": gate_mse}
        return SAEOutput(x_hat, loss, terms, latents.sum(0), lambda: latents)

    def _gate_and_latents(self, x: Tensor) -> tuple[Tensor, Tensor]:
        projected = x @ self.W_enc
        gate = (projected + self.b_enc).relu()
        return gate, (projected * self.r_mag.exp() + self.b_mag).relu() * (gate > 0)


class _GatedLoss(torch.autograd.Function):
    """Loss and gradient in seven products, or eight if the gate's error trains the decoder.

    Gate and magnitude share the encoder's product. Forward stores the latents and a mask of open gates;
    backward needs the gates' values only if the gate's error trains the decoder.
    """

    @staticmethod
    def forward(
        ctx: Any,
        x: Tensor,
        W_enc: Tensor,
        b_enc: Tensor,
        b_mag: Tensor,
        r_mag: Tensor,
        W_dec: Tensor,
        b_dec: Tensor,
        coefficient: float,
        freeze_decoder: bool,
    ) -> tuple[Tensor, ...]:
        gate, scale = product(x, W_enc), r_mag.exp()
        latents, is_open = torch.empty_like(gate), torch.empty_like(gate, dtype=torch.bool)
        for pre, latent, opened in batch_blocks(gate, latents, is_open):
            latent.copy_(torch.addcmul(b_mag, pre, scale).relu_())
            torch.gt(pre.add_(b_enc).relu_(), 0, out=opened)
            latent.mul_(opened)
        x_hat, norms = product(latents, W_dec, b_dec), W_dec.norm(dim=1)
        residual, gate_residual = x_hat - x, product(gate, W_dec, b_dec) - x
        mse, gate_mse = mean_square(residual), mean_square(gate_residual)
        gates = gate.sum(0, dtype=W_dec.dtype)
        l1 = gates.dot(norms) / len(x)
        kept = None if freeze_decoder else gate
        ctx.save_for_backward(
            x, W_enc, W_dec, b_mag, scale, latents, is_open, residual, gate_residual, gates, norms, kept
        )
        ctx.coefficient = coefficient
        ctx.set_materialize_grads(False)  # else backward would get zeros for the latents, a large tensor
        ctx.mark_non_differentiable(mse, l1, gate_mse, x_hat, latents)
        return mse + coefficient * l1 + gate_mse, mse, l1, gate_mse, x_hat, latents

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad_loss: Tensor | None, *_: Tensor) -> tuple[Tensor | None, ...]:
        if grad_loss is None:
            return (None,) * len(ctx.needs_input_grad)
        x, W_enc, W_dec, b_mag, scale, latents, is_open, residual, gate_residual, gates, norms, gate = (
            ctx.saved_tensors
        )
        low = latents.dtype  # under autocast the products run in this precision, as they did in forward
        factor, strength = 2 / len(x) * grad_loss, ctx.coefficient / len(x) * grad_loss
        # Error terms of the two reconstructions: 2 (x_hat - x) / batch.
        grad_x_hat, grad_gate_x_hat = residual * factor, (gate_residual * factor).to(low)
        grad_b_dec, grad_x_hat = grad_x_hat.sum(0), grad_x_hat.to(low)
        # Decoder: error of x_hat, error of the gate's reconstruction unless frozen, and penalty by the norms.
        grad_W_dec = transposed_product(latents, grad_x_hat).to(W_dec.dtype)
        if gate is not None:
            grad_W_dec += transposed_product(gate, grad_gate_x_hat)
            grad_b_dec += (gate_residual * factor).sum(0)
        add_norm_gradient(grad_W_dec, W_dec, norms, strength * gates)
        # Magnitudes: grad_x_hat W_dec^T where a latent fired (its gate open and its magnitude positive).
        grad_pre = product(grad_x_hat, W_dec.T.to(low))
        torch.ops.aten.threshold_backward.grad_input(grad_pre, latents, 0, grad_input=grad_pre)
        grad_b_mag = grad_pre.sum(0, dtype=W_dec.dtype)
        # f = e^r x W_enc + b_mag where a latent fires, so that df / dr = f - b_mag.
        grad_r_mag = _column_products(grad_pre, latents).to(b_mag) - b_mag * grad_b_mag
        # Pre-activation x W_enc: e^r times the magnitude's gradient, plus the gate's (error and penalty).
        grad_b_enc = _add_gate_gradient(
            grad_pre.mul_(scale.to(low)),
            grad_gate_x_hat,
            W_dec.T.to(low),
            (strength * norms).to(low),
            is_open,
        )
        grad_x = None
        if ctx.needs_input_grad[0]:
            # x enters through the encoder and, with a minus sign, through both residuals.
            grad_x = product(grad_pre, W_enc.T.to(low)) - grad_x_hat - grad_gate_x_hat
        grad_W_enc = transposed_product(x.to(low), grad_pre)
        grads = grad_x, grad_W_enc, grad_b_enc, grad_b_mag, grad_r_mag, grad_W_dec, grad_b_dec
        return *grads, None, None


def _column_products(a: Tensor, b: Tensor) -> Tensor:
    return sum(torch.linalg.vecdot(*blocks, dim=0) for blocks in batch_blocks(a, b))


def _add_gate_gradient(
    grad_pre: Tensor, grad_x_hat: Tensor, W_dec_T: Tensor, penalty: Tensor, is_open: Tensor
) -> Tensor:
    """Add the gradient of the open gates to ``grad_pre``: error W_dec^T plus penalty.

    Works on eighths of the batch: less memory than the whole, and large enough for a fast product.

    Returns:
        The added gradient, summed over the batch.
    """
    total = torch.zeros_like(penalty)
    rows = max(1, -(-len(grad_pre) // 8))
    for grad, error, opened in zip(*(t.split(rows) for t in (grad_pre, grad_x_hat, is_open)), strict=True):
        of_gate = product(error, W_dec_T, penalty).mul_(opened)
        total += of_gate.sum(0)
        grad += of_gate
    return total
