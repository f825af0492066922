"""Dead latents get a new start."""

from typing import Any

import torch
from lightning.pytorch import LightningModule, Trainer
from torch import Tensor

from saesim_pl.data.source import activations_of
from saesim_pl.saes import SparseAutoencoder
from saesim_pl.training.cohort_of import cohort_of

from .dead_latents import DeadLatents


class ResampleDeadLatents(DeadLatents):
    """Points dead latents at samples that are reconstructed badly.

    Every ``every_n_steps`` each dead latent's decoder row becomes the direction of a sample's residual
    ``x - x_hat``; samples are drawn with probability proportional to their squared error. The encoder gets
    the same direction at a fifth of the living latents' mean norm and sees ``x - b_dec``. Other parameters of
    the latent are reset too (:meth:`~saesim_pl.saes.SparseAutoencoder.new_latents`), and its moments in Adam
    are set to 0. Bricken et al. (2023), "Towards monosemanticity"; they take the sample's own direction and
    draw by the squared loss. The draw depends on the step alone and is made from the whole batch of all
    processes. SAEs without dead latents are left alone.

    Args:
        every_n_steps: Steps between two resamplings.
        until_fraction: Share of the run's steps after which there are no more.
        dead_after_samples: Training samples, over all processes, without firing that make a latent dead.
        saes: Names of the SAEs acted on; by default all.

    Raises:
        ValueError: A number out of range.
    """

    def __init__(
        self,
        every_n_steps: int = 1000,
        until_fraction: float = 0.7,
        dead_after_samples: int = 100_000,
        saes: list[str] | None = None,
    ) -> None:
        super().__init__(dead_after_samples, every_n_steps, saes)
        if not 0 < until_fraction <= 1:
            raise ValueError(f"until_fraction must lie in (0, 1], got {until_fraction}")
        self.until_fraction = until_fraction

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Start counting; refuse data whose batches cannot be made again.

        Raises:
            TypeError: The model is not an ``SAECohort``, or the data are not of ``saesim_pl.data``.
        """
        super().setup(trainer, pl_module, stage)
        if stage == "fit":
            activations_of(trainer, "ResampleDeadLatents")

    def on_train_batch_end(
        self,
        trainer: Trainer,
        pl_module: LightningModule,
        outputs: Any,
        batch: dict[str, Tensor],
        batch_idx: int,
        *_: Any,
    ) -> None:
        """Count, and resample where it is time."""
        super().on_train_batch_end(trainer, pl_module, outputs, batch)
        step = trainer.global_step
        if (
            step % self.refresh_every_n_steps
            or step > self.until_fraction * trainer.estimated_stepping_batches
        ):
            return
        cohort, whole = cohort_of(pl_module, self), None
        for name, sae in self.chosen(cohort).items():
            if len(self.dead[name]):
                data = activations_of(trainer, "ResampleDeadLatents")
                whole = whole or data.batch("train", data.train_epoch, batch_idx)
                x = whole[cohort.reads[name]].to(cohort.device)
                resample(sae, self.dead[name], x, trainer.optimizers[0], seed=step)
                self.idle[name][self.dead[name]] = 0
                self.dead[name] = self.dead[name][:0]


@torch.no_grad()
def resample(
    sae: SparseAutoencoder, dead: Tensor, x: Tensor, optimizer: torch.optim.Optimizer, seed: int
) -> None:
    """Restart the latents ``dead`` from residuals of ``x``."""
    missed = x - sae(x)
    weights = missed.square().sum(1).cpu()
    if not weights.any():
        return
    generator = torch.Generator().manual_seed(seed)
    drawn = weights.multinomial(len(dead), replacement=len(dead) > len(weights), generator=generator)
    directions = torch.nn.functional.normalize(missed[drawn.to(x.device)], dim=1)
    alive = torch.ones(sae.d_sae, dtype=torch.bool, device=dead.device)
    alive[dead] = False
    norms = sae.W_enc.norm(dim=0)[alive]
    size = 0.2 * (norms.mean() if len(norms) else torch.ones_like(sae.W_dec[0, 0]))
    for name, rows in sae.new_latents(directions, size).items():
        parameter = getattr(sae, name)
        _latents_in_front(name, parameter)[dead] = rows
        for moment in optimizer.state.get(parameter, {}).values():
            if isinstance(moment, Tensor) and moment.shape == parameter.shape:
                _latents_in_front(name, moment)[dead] = 0


def _latents_in_front(name: str, tensor: Tensor) -> Tensor:
    return tensor.T if name == "W_enc" else tensor
