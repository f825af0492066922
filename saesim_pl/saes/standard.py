"""ReLU autoencoder with an L1 or a tanh penalty."""

from collections.abc import Sequence
from typing import Literal, Self, get_args

import torch
from jaxtyping import Float
from torch import Tensor

from saesim_pl.checks import check_not_negative
from saesim_pl.saes.dense_loss import TANH, relu_losses
from saesim_pl.saes.output import SAEOutput
from saesim_pl.saes.stack import StackableAutoencoder

PenaltyName = Literal["l1", "tanh"]


class StandardSAE(StackableAutoencoder):
    r"""ReLU autoencoder whose penalty is weighted by the decoder norms.

    .. math:: \|x - \hat x\|_2^2 + \lambda \sum_i \phi(f_i \|W_{dec,i}\|_2), \quad
        f = ReLU(x W_{enc} + b_{enc}),

    averaged over the batch; :math:`\phi` is the identity (Conerly et al., 2024, "Update on how we train
    SAEs") or tanh, which hardly shrinks latents well above 1 (Jermyn et al., 2024, "Tanh penalty in
    dictionary learning"). Weighting by the norms makes a constraint on the decoder unnecessary: smaller
    latents with larger decoder rows have the same penalty.

    Args:
        d_in: Width of the activations.
        d_sae: Number of latents.
        l1_coefficient: :math:`\lambda`, in units of the activations' norm.
        penalty: :math:`\phi`.

    Raises:
        ValueError: A negative coefficient, or an unknown penalty.
    """

    def __init__(
        self, d_in: int, d_sae: int, l1_coefficient: float = 0.1, penalty: PenaltyName = "l1"
    ) -> None:
        super().__init__(d_in, d_sae)
        check_not_negative(l1_coefficient=l1_coefficient)
        if penalty not in get_args(PenaltyName):
            raise ValueError(f"penalty must be one of {get_args(PenaltyName)}, got {penalty!r}")
        self.l1_coefficient, self.penalty = l1_coefficient, penalty

    def encode(self, x: Float[Tensor, "batch d_in"]) -> Float[Tensor, "batch d_sae"]:
        """Latents of ``x``, at least 0."""
        return torch.addmm(self.b_enc, x, self.W_enc).relu_()

    @property
    def shared_settings(self) -> PenaltyName:
        """The penalty; its coefficient may differ."""
        return self.penalty

    @classmethod
    def losses(cls, saes: Sequence[Self], x: Float[Tensor, "batch d_in"]) -> list[SAEOutput]:
        """Squared error plus penalty; ``terms`` are ``mse`` (summed over ``d_in``) and ``l1`` or ``tanh``."""
        name = saes[0].penalty
        phi = TANH if name == "tanh" else None
        return relu_losses(saes, x, [sae.l1_coefficient for sae in saes], phi, name)
