"""The checkpoint from which an interrupted run goes on."""

from typing import Any

from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.callbacks import Checkpoint

from saesim_pl.training.run_folder import LAST, run_folder


class LastCheckpoint(Checkpoint):
    """Keeps ``checkpoints/last.ckpt`` in the run's folder, for ``--ckpt_path last``.

    Written beside itself and then renamed, so that a kill at any moment leaves a whole one. (Lightning's
    ``ModelCheckpoint`` has one trigger, not two, and moves its files over from the system's temporary
    folder, which is no single step where that is another disk.)

    Args:
        every_n_train_steps: Optimiser steps between two checkpoints; the end of an epoch is one more.
    """

    def __init__(self, every_n_train_steps: int = 100) -> None:
        if every_n_train_steps < 1:
            raise ValueError(f"every_n_train_steps must be at least 1, got {every_n_train_steps}")
        self.every_n_train_steps = every_n_train_steps
        self._saved_step = 0

    def on_train_batch_end(self, trainer: Trainer, pl_module: LightningModule, *_: Any) -> None:
        """Save after every ``every_n_train_steps``."""
        if trainer.global_step % self.every_n_train_steps == 0:
            self._save(trainer)

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Save after every epoch."""
        self._save(trainer)

    def _save(self, trainer: Trainer) -> None:
        folder = run_folder(trainer)
        if folder is None or trainer.global_step == self._saved_step:
            return
        self._saved_step = trainer.global_step
        last = folder / LAST
        part = last.with_suffix(".part")
        trainer.save_checkpoint(part)  # on every rank: it ends in a barrier
        if trainer.is_global_zero:
            part.replace(last)
