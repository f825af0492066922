"""ReLU autoencoder whose penalty moves from L1 toward L0 during training."""

from collections.abc import Sequence
from typing import Self

import torch
from jaxtyping import Float
from torch import Tensor

from saesim_pl.checks import check_not_negative
from saesim_pl.saes.dense_loss import Penalty, relu_losses
from saesim_pl.saes.output import SAEOutput
from saesim_pl.saes.stack import StackableAutoencoder

# Where a latent is 0 the slope of g^p is infinite.
_OFFSET = 1e-2

# The penalty's size is measured on 8 rows of each of the last 16 batches.
_ROWS, _ROWS_OF_BATCH = 128, 8


class PAnnealSAE(StackableAutoencoder):
    r"""ReLU autoencoder with the penalty :math:`\sum_i f_i^p`, weighted by the decoder norms.

    .. math:: \|x - \hat x\|_2^2 + \lambda \sum_i \phi_p(f_i \|W_{dec,i}\|_2), \quad
        \phi_p(g) = (g + \epsilon)^p - \epsilon^p,

    averaged over the batch. A callback lowers :math:`p` from 1 toward 0. At 1 the penalty is convex in the
    latents but shrinks them; near 0 it counts them. Karvonen et al. (2024), "Measuring progress in
    dictionary learning for language model interpretability with board game models". Each change of p
    would change the penalty's size. As in the paper, ``keep_size`` then rescales :math:`\lambda` so that the
    penalty of recent latents keeps its size; it is measured on 8 rows of each of the last 16 batches, in
    the first process only. Deviation from the paper: :math:`\epsilon = .01` bounds the slope. Their penalty
    is :math:`f_i^p`, which at p = .2 is 1.65 times as large near f = 1; there :math:`\lambda` grows by that
    factor less, and large latents shrink less than here.

    Args:
        d_in: Width of the activations.
        d_sae: Number of latents.
        l1_coefficient: :math:`\lambda`.
        p: Exponent in (0, 1].
        keep_size: Whether :math:`\lambda` is rescaled when p changes; else it stays as configured.

    Raises:
        ValueError: A number out of range.
    """

    recent: Float[Tensor, "n d_sae"]
    recent_p: Float[Tensor, ""]
    factor: Float[Tensor, ""]

    def __init__(
        self, d_in: int, d_sae: int, l1_coefficient: float = 0.1, p: float = 0.2, keep_size: bool = False
    ) -> None:
        super().__init__(d_in, d_sae)
        check_not_negative(l1_coefficient=l1_coefficient)
        if not 0 < p <= 1:
            raise ValueError(f"p must lie in (0, 1], got {p}")
        self.l1_coefficient, self.p, self.keep_size = l1_coefficient, p, keep_size
        if keep_size:
            # Buffers, so that a checkpoint holds them and all processes use the first process's values.
            self.register_buffer("factor", torch.ones(()))
            self.register_buffer("recent", torch.zeros(_ROWS, d_sae))
            self.register_buffer("recent_p", torch.tensor(float(p)))

    def encode(self, x: Float[Tensor, "batch d_in"]) -> Float[Tensor, "batch d_sae"]:
        """Latents of ``x``, at least 0."""
        return torch.addmm(self.b_enc, x, self.W_enc).relu_()

    @property
    def shared_settings(self) -> float | None:
        """The exponent; coefficients may differ. None with ``keep_size``: such an SAE is computed alone."""
        return None if self.keep_size else self.p

    @classmethod
    def losses(cls, saes: Sequence[Self], x: Float[Tensor, "batch d_in"]) -> list[SAEOutput]:
        """Squared error plus penalty; ``terms`` are ``mse`` (summed over ``d_in``) and ``lp``."""
        first = saes[0]
        if first.keep_size:
            return [first._loss_keeping_size(x)]
        return relu_losses(saes, x, [sae.l1_coefficient for sae in saes], _penalty(first.p), "lp")

    def _loss_keeping_size(self, x: Tensor) -> SAEOutput:
        if self.training:
            self._follow_p()
        output = relu_losses([self], x, [self.l1_coefficient * self.factor], _penalty(self.p), "lp")[0]
        if self.training:
            self._remember(output)
        return output

    @torch.no_grad()
    def _follow_p(self) -> None:
        p = torch.full_like(self.recent_p, self.p)
        before, after = (((self.recent + _OFFSET) ** q - _OFFSET**q).sum() for q in (self.recent_p, p))
        self.factor *= torch.where(after > 0, before / after, 1)
        self.recent_p.copy_(p)

    @torch.no_grad()
    def _remember(self, output: SAEOutput) -> None:
        scaled = (output.latents[:_ROWS_OF_BATCH] * self.W_dec.norm(dim=1)).to(self.recent)
        recent = torch.cat([self.recent[len(scaled) :], scaled])
        # Training refuses a batch whose loss is not finite: such a batch must not change the record.
        self.recent.copy_(torch.where(output.loss.isfinite(), recent, self.recent))


def _penalty(p: float) -> Penalty:
    def value(scaled: Tensor) -> Tensor:
        return scaled.add_(_OFFSET).pow_(p).sub_(_OFFSET**p)

    def slope(scaled: Tensor) -> Tensor:
        return scaled.add_(_OFFSET).pow_(p - 1).mul_(p)

    return Penalty(value, slope)
