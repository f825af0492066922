"""Which latents have not fired for long."""

from typing import Any

import torch
from lightning.pytorch import LightningModule, Trainer
from torch import Tensor

from saesim_pl.checks import check_counts
from saesim_pl.training.cohort_of import cohort_of

from .on_saes import OnSAEs


class DeadLatents(OnSAEs):
    """Counts the samples since each latent fired; ``dead`` lists, by SAE, those that have been idle for long.

    The counts stay where the SAEs are and cost no synchronisation; every ``refresh_every_n_steps`` they are
    reduced over processes and the lists are renewed.

    Args:
        dead_after_samples: Training samples, over all processes, without firing that make a latent dead.
        refresh_every_n_steps: Steps between two looks at the counts.
        saes: Names of the SAEs acted on; by default all.

    Raises:
        ValueError: A number below 1.
    """

    def __init__(
        self,
        dead_after_samples: int = 100_000,
        refresh_every_n_steps: int = 10,
        saes: list[str] | None = None,
    ) -> None:
        super().__init__(saes)
        check_counts(dead_after_samples=dead_after_samples, refresh_every_n_steps=refresh_every_n_steps)
        self.dead_after_samples, self.refresh_every_n_steps = dead_after_samples, refresh_every_n_steps
        self.idle: dict[str, Tensor] = {}
        self.dead: dict[str, Tensor] = {}

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Start counting."""
        super().setup(trainer, pl_module, stage)
        for name, sae in self.chosen(pl_module).items():
            self.idle.setdefault(name, torch.zeros(sae.d_sae, dtype=torch.int64))
            self.dead.setdefault(name, torch.zeros(0, dtype=torch.int64))

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Count where the SAEs are."""
        for kept in (self.idle, self.dead):
            kept.update({name: tensor.to(pl_module.device) for name, tensor in kept.items()})

    def on_train_batch_end(
        self,
        trainer: Trainer,
        pl_module: LightningModule,
        outputs: Any,
        batch: dict[str, Tensor],
        *_: Any,
    ) -> None:
        """Count this batch."""
        reads = cohort_of(pl_module, self).reads
        for name, idle in self.idle.items():
            rows = len(batch[reads[name]]) * trainer.world_size
            idle.add_(rows).mul_(outputs["fired"][name] == 0)
        if trainer.global_step % self.refresh_every_n_steps == 0:
            for name, idle in self.idle.items():
                least = (
                    trainer.strategy.reduce(idle.clone(), reduce_op="min") if trainer.world_size > 1 else idle
                )
                idle.copy_(least)
                self.dead[name] = (idle >= self.dead_after_samples).nonzero().squeeze(1)

    def state_dict(self) -> dict[str, Any]:
        """Counts and lists."""
        return {"idle": self.idle, "dead": self.dead}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on counting."""
        self.idle, self.dead = dict(state_dict["idle"]), dict(state_dict["dead"])
