"""Decoder rows of norm 1."""

from typing import Any

import torch
from lightning.pytorch import Callback, LightningModule, Trainer

from saesim_pl.cohort import SAECohort


class UnitNormDecoder(Callback):
    """Keeps decoder rows at norm 1: removes the gradient along them before a step, rescales them after it.

    Without the removal Adam's moments would hold what the rescaling undoes. Bricken et al. (2023),
    "Towards monosemanticity".
    """

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Refuse other models.

        Raises:
            TypeError: The model is not an ``SAECohort``.
        """
        if not isinstance(pl_module, SAECohort):
            raise TypeError(f"UnitNormDecoder changes SAEs, got {type(pl_module).__name__}")

    def on_train_start(self, trainer: Trainer, pl_module: SAECohort) -> None:
        """Start from unit rows."""
        self.on_train_batch_end(trainer, pl_module)

    def on_before_optimizer_step(self, trainer: Trainer, pl_module: SAECohort, *_: Any) -> None:
        """Remove the gradient along each row, before it is clipped."""
        for sae in pl_module.saes.values():
            grad, rows = sae.W_dec.grad, sae.dictionary
            grad -= torch.linalg.vecdot(grad, rows)[:, None] * rows

    def on_train_batch_end(self, trainer: Trainer, pl_module: SAECohort, *_: Any) -> None:
        """Rescale each row to norm 1; a row of zeros stays one."""
        for sae in pl_module.saes.values():
            rows = sae.dictionary
            rows /= rows.norm(dim=1, keepdim=True).clamp_min(torch.finfo(rows.dtype).tiny)
