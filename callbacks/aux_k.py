"""A loss that revives dead latents."""

import torch
from lightning.pytorch import LightningModule, Trainer
from torch import Tensor

from saesim_pl.saes import SAEOutput, SparseAutoencoder
from saesim_pl.training.cohort_of import cohort_of
from saesim_pl.training.trainer_settings import settings_of

from .dead_latents import DeadLatents


class AuxK(DeadLatents):
    r"""Lets the ``k_aux`` largest dead latents of each sample reconstruct the residual of the living ones.

    Adds :math:`\alpha \|e - \hat e\|_2^2` to the loss, where :math:`e = x - \hat x` is taken as given and
    :math:`\hat e` is the sum of the chosen latents' decoder rows. Gao et al. (2024), "Scaling and
    evaluating sparse autoencoders". Logged as ``train/<sae>/AuxK``.

    Args:
        k_aux: Dead latents that a sample may use; they recommend a power of two near ``d_in / 2``.
        coefficient: :math:`\alpha`.
        dead_after_samples: Training samples, over all processes, without firing that make a latent dead.
        refresh_every_n_steps: Steps between two looks at the counts.
        saes: Names of the SAEs acted on; by default all.

    Raises:
        ValueError: A number out of range, or two callbacks that act on one SAE.
    """

    def __init__(
        self,
        k_aux: int = 128,
        coefficient: float = 1 / 32,
        dead_after_samples: int = 100_000,
        refresh_every_n_steps: int = 10,
        saes: list[str] | None = None,
    ) -> None:
        super().__init__(dead_after_samples, refresh_every_n_steps, saes)
        if k_aux < 1:
            raise ValueError(f"k_aux must be at least 1, got {k_aux}")
        if coefficient < 0:
            raise ValueError(f"coefficient must not be negative, got {coefficient}")
        self.k_aux, self.coefficient = k_aux, coefficient

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Join the losses.

        Raises:
            TypeError: The model is not an ``SAECohort``.
            ValueError: Another one acts on an SAE too, where only one would join.
        """
        super().setup(trainer, pl_module, stage)
        cohort, every = cohort_of(pl_module, self), settings_of(trainer).callbacks
        others = [other for other in every if isinstance(other, AuxK) and other is not self]
        for name in self.chosen(cohort):
            if any(name in other.chosen(cohort) for other in others):
                raise ValueError(f"two AuxK act on SAE {name!r}: tell each its saes")
            cohort.auxiliary_losses[name]["AuxK"] = self.loss

    def teardown(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Leave the losses, so that the cohort can be trained without."""
        cohort = cohort_of(pl_module, self)
        for name in self.chosen(cohort):
            cohort.auxiliary_losses[name].pop("AuxK", None)

    def loss(self, name: str, sae: SparseAutoencoder, x: Tensor, output: SAEOutput) -> Tensor | None:
        """The loss to be added, or None where no latent is dead."""
        dead = self.dead[name]
        if not len(dead):
            return None
        pre = torch.addmm(sae.b_enc[dead], x, sae.W_enc[:, dead])
        value, latent = pre.topk(min(self.k_aux, len(dead)), dim=1, sorted=False)
        latents = torch.zeros_like(pre).scatter(1, latent, value.relu())
        missed = x - output.x_hat
        return self.coefficient * (latents @ sae.W_dec[dead] - missed).square().sum() / len(x)
