"""Settings of a Lightning ``Trainer`` that its class does not declare."""

from typing import Protocol, cast

from lightning.pytorch import Callback, Trainer


class TrainerSettings(Protocol):
    """Attributes that Lightning's connectors set from outside, so that type checkers do not see them."""

    accumulate_grad_batches: int
    callbacks: list[Callback]
    fast_dev_run: int | bool
    log_every_n_steps: int
    overfit_batches: int | float


def settings_of(trainer: Trainer) -> TrainerSettings:
    """``trainer`` itself, with the types of these attributes."""
    return cast(TrainerSettings, trainer)
