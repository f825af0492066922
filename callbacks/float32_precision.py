"""How precisely accelerators multiply float32 matrices while they train."""

from typing import Any, Literal, get_args

import torch
from lightning.pytorch import Callback, LightningModule, Trainer

Precision = Literal["highest", "high", "medium"]


class Float32Precision(Callback):
    """Sets PyTorch's ``float32_matmul_precision`` for training steps on an accelerator.

    On recent GPUs "high" multiplies in TF32, at several times the speed, and "medium" in bfloat16. All else
    (validation, comparisons, resampling) runs at "highest", and so does everything on a CPU. The setting
    is logged as a hyperparameter by every logger.

    Args:
        precision: Of training steps; see ``torch.set_float32_matmul_precision``.

    Raises:
        ValueError: An unknown precision.
    """

    def __init__(self, precision: Precision = "high") -> None:
        if precision not in get_args(Precision):
            raise ValueError(f"precision must be one of {get_args(Precision)}, got {precision!r}")
        self.precision: Precision = precision

    def on_fit_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Log the precision of training steps."""
        here = "highest" if pl_module.device.type == "cpu" else self.precision
        for logger in trainer.loggers:
            logger.log_hyperparams({"float32_matmul_precision": here})

    def on_train_batch_start(self, trainer: Trainer, pl_module: LightningModule, *_: Any) -> None:
        """Multiply faster from here on."""
        if pl_module.device.type != "cpu":
            torch.set_float32_matmul_precision(self.precision)

    def on_train_batch_end(self, trainer: Trainer, pl_module: LightningModule, *_: Any) -> None:
        """Multiply precisely again."""
        torch.set_float32_matmul_precision("highest")

    def on_exception(self, trainer: Trainer, pl_module: LightningModule, exception: BaseException) -> None:
        """See :meth:`on_train_batch_end`."""
        torch.set_float32_matmul_precision("highest")
