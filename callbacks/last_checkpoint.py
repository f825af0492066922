"""The checkpoint from which an interrupted run goes on."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.callbacks import Checkpoint
from lightning.pytorch.plugins.io import TorchCheckpointIO

from saesim_pl.checks import PlainError
from saesim_pl.data.source import known_activations
from saesim_pl.training.interruption import interruptions
from saesim_pl.training.run_folder import LAST, run_folder
from saesim_pl.training.trainer_settings import settings_of
from saesim_pl.training.whole_checkpoints import WholeCheckpoints

ASK_EVERY = 10
"""Batches after which several processes tell each other of signals."""


class LastCheckpoint(Checkpoint):
    """Keeps ``checkpoints/last.ckpt`` in the run's folder, for ``--ckpt_path last``.

    A kill at any moment leaves a whole checkpoint, and the run that goes on from it ends with the same bits.
    SIGTERM and Ctrl-C write one more, end the run with status 143 or 130 and say how to go on. A validation
    that a kill cut off is done by the resumed run, from its first batch on. No checkpoint is written while
    gradients are accumulated, since it would lose them.

    Args:
        every_n_train_steps: Optimiser steps between two checkpoints; the end of an epoch is one more.
    """

    def __init__(self, every_n_train_steps: int = 100) -> None:
        if every_n_train_steps < 1:
            raise ValueError(f"every_n_train_steps must be at least 1, got {every_n_train_steps}")
        self.every_n_train_steps = every_n_train_steps
        self._last: Path | None = None
        self._saved_step = 0
        self._step_before = 0
        self._stepped = self._began = False
        self._validation_is_due = False
        self._sizes_there: dict[str, float] = {}

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Let checkpoints be written in their own folder."""
        if stage != "fit":
            return
        folder = run_folder(trainer)
        self._last = folder and folder / LAST
        if type(trainer.strategy.checkpoint_io) is TorchCheckpointIO:
            trainer.strategy.checkpoint_io = WholeCheckpoints()
        self._began = False
        trainer.fit_loop.run = self._to_the_end(trainer, trainer.fit_loop.run)  # type: ignore[method-assign]

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Take signals; refuse to go on with epochs of another length.

        Raises:
            ValueError: The rest of an epoch, or its validation, would be skipped.
        """
        _refuse_others(self._sizes_there, _sizes(trainer))
        self._began = True
        if self._last and self._last.exists():
            self._note(trainer.global_step)
        interruptions.defer()

    def on_train_batch_start(self, trainer: Trainer, pl_module: LightningModule, *_: Any) -> None:
        """Remember the step."""
        self._step_before = trainer.global_step

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Save after every ``every_n_train_steps``, and where a signal has come."""
        self._stepped = trainer.global_step > self._step_before
        if not self._stepped:
            return
        self._validation_is_due = _validation_follows(trainer)
        if trainer.global_step % self.every_n_train_steps == 0:
            self._save(trainer)
        if trainer.world_size == 1 or batch_idx % ASK_EVERY == 0:
            self._end_at_a_signal(trainer)

    def on_validation_batch_end(self, trainer: Trainer, pl_module: LightningModule, *_: Any) -> None:
        """End where a signal has come: a validation may take longer than a scheduler waits."""
        if trainer.state.fn == "fit" and trainer.world_size == 1:
            self._end_at_a_signal(trainer)

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Remember that it was done."""
        self._validation_is_due = False

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Save after every epoch, also where its last step is saved: its validation was still due there."""
        self._save(trainer)
        self._end_at_a_signal(trainer)

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Leave signals to others."""
        interruptions.stop_deferring()

    def on_save_checkpoint(
        self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        """Have the run that goes on from here do the validation that is still due."""
        checkpoint["sizes"] = _sizes(trainer)
        if self._validation_is_due:
            _begin_validation(checkpoint["loops"]["fit_loop"])

    def on_load_checkpoint(
        self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        """Refuse to go on with batches of another size.

        Raises:
            ValueError: Naming both sizes.
        """
        self._sizes_there = checkpoint.get("sizes", {})
        if trainer.state.fn == "fit":
            _refuse_others(self._sizes_there, _data_sizes(trainer))

    def _to_the_end(self, trainer: Trainer, run: Callable[[], None]) -> Callable[[], None]:
        """Lightning leaves out the end of the training where a run that goes on has no step left.

        A run that was killed there, in the comparison of its final weights, would never make it.
        """

        def run_to_the_end() -> None:
            run()
            if not self._began and trainer.global_step:
                trainer.fit_loop.on_run_end()

        return run_to_the_end

    def _end_at_a_signal(self, trainer: Trainer) -> None:
        signum = _agreed(trainer, interruptions.received)
        if signum:
            if self._stepped and self._saved_step < trainer.global_step:
                self._save(trainer)
            interruptions.end(signum)

    def _save(self, trainer: Trainer) -> None:
        if self._last is not None:
            trainer.save_checkpoint(self._last)  # on every rank: it ends in a barrier
            self._note(trainer.global_step)

    def _note(self, step: int) -> None:
        self._saved_step = step
        interruptions.done = f"step {step} is in {self._last}; go on with --ckpt_path last"


def _data_sizes(trainer: Trainer) -> dict[str, float]:
    data = known_activations(trainer)
    return {"batch_size": data.batch_size, "samples_per_epoch": data.n_samples("train")} if data else {}


def _sizes(trainer: Trainer) -> dict[str, float]:
    """Sizes that define a step and an epoch."""
    of_epoch = {"batches of an epoch": trainer.num_training_batches}
    accumulated = {"accumulate_grad_batches": settings_of(trainer).accumulate_grad_batches}
    return _data_sizes(trainer) | of_epoch | accumulated


def _refuse_others(there: dict[str, float], here: dict[str, float]) -> None:
    for name in there.keys() & here.keys():
        if there[name] != here[name]:
            raise PlainError(
                f"{name} is {here[name]} in the configuration and {there[name]} in the checkpoint"
            )


def _agreed(trainer: Trainer, signum: int) -> int:
    """The signal that any process has received."""
    if trainer.world_size == 1:
        return signum
    told = torch.tensor(signum, device=trainer.strategy.root_device)
    torch.distributed.all_reduce(told, torch.distributed.ReduceOp.MAX)
    return int(told)


def _validation_follows(trainer: Trainer) -> bool:
    """Whether Lightning validates after this batch; it does not tell in public."""
    fetcher = trainer.fit_loop._data_fetcher
    return fetcher is not None and trainer.fit_loop.epoch_loop._should_check_val_fx(fetcher)


def _begin_validation(loops: dict[str, Any]) -> None:
    """Write into a state of loops that a batch is done and the first one of a validation is under way.

    Lightning goes back to an interrupted validation; its own state after a batch says that it is over.
    """
    trained = loops["epoch_loop.batch_progress"]
    for progress in (trained["total"], trained["current"]):
        progress["completed"] = progress["processed"]
    validated = loops["epoch_loop.val_loop.batch_progress"]
    validated["is_last_batch"] = False
    for progress in (validated["total"], validated["current"]):
        progress.update(ready=1, started=1, processed=0, completed=0)
