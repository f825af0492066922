"""Refuses to train on, or to evaluate, losses that are NaN or infinite."""

import math
from typing import Any

import torch
from lightning.pytorch import LightningModule, Trainer
from torch import Tensor

from saesim_pl.checks import PlainError
from saesim_pl.data.batches import Batch, Stage
from saesim_pl.data.source import known_activations
from saesim_pl.training.finite_losses import FiniteLosses
from saesim_pl.training.trainer_settings import settings_of


class NotFiniteError(PlainError):
    """A loss is NaN or infinite; the message names stream, batch and row, or the scale that overflows."""


class NotFiniteRefusals:
    """Raises :class:`NotFiniteError` for the first batch of a module that is not finite.

    On a CPU, and in an evaluation, at once. While an accelerator trains, where it is waited for anyway: when
    a step is logged, before a validation, in a checkpoint, at the end; the batch is then made again to say
    what is wrong with it.

    Args:
        module: Trains or is evaluated.
    """

    def __init__(self, module: LightningModule) -> None:
        self._module = module
        self._losses = {"train": FiniteLosses(), "validate": FiniteLosses()}

    def training(self, loss: Tensor, batch: Batch, batch_idx: int, waits: bool) -> None:
        """Look at the loss of a training batch.

        Args:
            loss: Sum of the losses.
            batch: The batch.
            batch_idx: Its index in the epoch.
            waits: Whether this step waits for the device anyway.

        Raises:
            NotFiniteError: This loss, or an earlier one, is not finite; no weight has changed since.
        """
        optimizer = self._module.optimizers().optimizer  # type: ignore[union-attr] # it has one
        number = self._module.current_epoch * _length(self._module.trainer) + batch_idx
        losses = self._losses["train"]
        losses.note(loss, number, optimizer)
        if waits or losses.is_free:
            self._ask("train", batch, number)

    def validation(self, loss: Tensor, batch: Batch, batch_idx: int) -> None:
        """Look at the loss of a batch of a validation or test, before any callback does.

        Raises:
            NotFiniteError: It is not finite.
        """
        self._losses["validate"].note(loss, batch_idx)
        self._ask("validate", batch, batch_idx)

    def ask(self) -> None:
        """Wait for the device, and refuse what was trained on so far where it was not finite.

        Raises:
            NotFiniteError: Naming the first such batch.
        """
        self._ask("train", {}, -1)

    def _ask(self, stage: Stage, batch: Batch, number: int) -> None:
        first = self._losses[stage].first()
        if first is None:
            return
        trainer = self._module.trainer
        epoch, index = divmod(first, _length(trainer)) if stage == "train" else (0, first)
        where = f"batch {index} of epoch {epoch}" if stage == "train" else f"held-out batch {index}"
        if first == number:
            _explain(batch, where)
        if data := known_activations(trainer):
            repeats = settings_of(trainer).overfit_batches
            _explain(data.batch(stage, 0 if repeats else epoch, index), where)
        raise NotFiniteError(f"a loss is not finite in {where}: lower lr, or the activations' scale")


class FiniteLossesOnly(LightningModule):
    """A module that ends where a loss is not finite.

    Attributes:
        refusals: Told of every loss.
    """

    def __init__(self) -> None:
        super().__init__()
        self.refusals = NotFiniteRefusals(self)

    def on_validation_start(self) -> None:
        """Refuse to validate after steps that were not finite."""
        self.refusals.ask()

    def on_train_end(self) -> None:
        """Refuse to end after steps that were not finite."""
        self.refusals.ask()

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Refuse to keep what followed on steps that were not finite."""
        self.refusals.ask()


def _length(trainer: Trainer) -> int:
    """Batches of an epoch; without an end, of one that holds all."""
    length = trainer.num_training_batches
    return 2**40 if math.isinf(length) else int(length)


def _explain(batch: Batch, where: str) -> None:
    for stream, x in batch.items():
        bad = (~torch.isfinite(x)).any(1).nonzero()[:, 0].tolist()
        if bad:
            count = f"{len(bad)} of {len(x)} rows"
            raise NotFiniteError(
                f"stream {stream!r} has NaN or infinity in {count} of {where}, first in row {bad[0]}"
            )
