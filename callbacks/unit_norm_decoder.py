"""Decoder rows of norm 1."""

from typing import Any

import torch
from lightning.pytorch import LightningModule, Trainer

from .on_saes import OnSAEs


class UnitNormDecoder(OnSAEs):
    """Keeps decoder rows at norm 1: removes the gradient along them before a step, rescales them after it.

    Without the removal, Adam's moments would contain a component that the rescaling undoes. Bricken et al.
    (2023), "Towards monosemanticity".

    Args:
        saes: Names of the SAEs acted on; by default all.
    """

    def __init__(self, saes: list[str] | None = None) -> None:
        super().__init__(saes)

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Start from unit rows; a run that goes on has them, and scaling them again would round them."""
        if trainer.global_step == 0:
            self.on_train_batch_end(trainer, pl_module)

    def on_before_optimizer_step(self, trainer: Trainer, pl_module: LightningModule, *_: Any) -> None:
        """Remove the gradient along each row, before it is clipped."""
        for sae in self.chosen(pl_module).values():
            grad, rows = sae.W_dec.grad, sae.dictionary
            grad -= torch.linalg.vecdot(grad, rows)[:, None] * rows

    def on_train_batch_end(self, trainer: Trainer, pl_module: LightningModule, *_: Any) -> None:
        """Rescale each row to norm 1; a row of zeros stays one."""
        for sae in self.chosen(pl_module).values():
            rows = sae.dictionary
            rows /= rows.norm(dim=1, keepdim=True).clamp_min(torch.finfo(rows.dtype).tiny)
