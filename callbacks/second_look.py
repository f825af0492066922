"""A second look at the validation batches, once the weights are final."""

from collections.abc import Mapping
from typing import Protocol

import torch
from lightning.pytorch import Trainer
from torch import Tensor

from saesim_pl.data.source import known_activations
from saesim_pl.training import SAECohort


class Observer(Protocol):
    """Takes in the latents of validation batches."""

    def begin(self, trainer: Trainer, cohort: SAECohort) -> None:
        """Before the first batch."""

    def observe(
        self, trainer: Trainer, cohort: SAECohort, outputs: Mapping[str, Tensor], batch_idx: int
    ) -> None:
        """One batch."""


@torch.no_grad()
def look_again(trainer: Trainer, cohort: SAECohort, observer: Observer) -> bool:
    """Let ``observer`` see the validation batches with the final weights.

    Returns:
        False, with a line that says why, where there are no such batches.
    """
    data = known_activations(trainer)
    n_batches = 0 if data is None or trainer.limit_val_batches == 0 else data.n_batches("validate")
    if data is None or not n_batches:
        if trainer.is_global_zero:
            why = "no validation batches" if data is not None else "plain dataloaders"
            print(f"{type(observer).__name__} did not compare the final weights: the run has {why}")
        return False
    if isinstance(trainer.limit_val_batches, int):
        n_batches = min(n_batches, trainer.limit_val_batches)
    cohort.eval()
    observer.begin(trainer, cohort)
    for index in range(n_batches):
        batch = data.batch("validate", 0, index, trainer.global_rank, trainer.world_size)
        on_device = trainer.strategy.batch_to_device(batch)
        observer.observe(trainer, cohort, cohort.latents(on_device), index)
    cohort.train()
    return True
