"""How often the latents of each SAE fire, as a picture in TensorBoard."""

from typing import Any

from lightning.pytorch import Callback, LightningModule, Trainer
from lightning.pytorch.loggers import TensorBoardLogger

from saesim_pl.metrics import FiringFrequency
from saesim_pl.training.cohort_of import cohort_of


class FiringHistogram(Callback):
    """Draws ``<sae>/log10_firing_frequency`` over all validation rows, as a TensorBoard histogram.

    Latents that never fired have no logarithm and are left out: ``<sae>/dead`` counts them.
    """

    def __init__(self) -> None:
        self._firing: dict[str, FiringFrequency] = {}

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Refuse a model without latents.

        Raises:
            TypeError: The model is not an ``SAECohort``.
        """
        if stage != "predict":
            cohort_of(pl_module, self)

    def on_validation_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Begin new counts."""
        saes = cohort_of(pl_module, self).saes.items()
        self._firing = {name: FiringFrequency(sae.d_sae).to(pl_module.device) for name, sae in saes}

    def on_validation_batch_end(
        self,
        trainer: Trainer,
        pl_module: LightningModule,
        outputs: Any,
        batch: Any,
        batch_idx: int,
        dataloader_idx: int = 0,
    ) -> None:
        """Count the batch."""
        for name, firing in self._firing.items():
            firing.update(outputs[name])

    def on_validation_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Draw."""
        if trainer.sanity_checking:
            return
        # Computed on every rank, since it sums over them; only rank 0 has an open logger.
        frequencies = {name: firing.compute() for name, firing in self._firing.items()}
        loggers = [logger for logger in trainer.loggers if isinstance(logger, TensorBoardLogger)]
        if not trainer.is_global_zero:
            return
        for name, frequency in frequencies.items():
            logs = frequency[frequency > 0].log10()
            for logger in loggers if len(logs) else []:
                key = f"{name}/log10_firing_frequency"
                logger.experiment.add_histogram(key, logs, trainer.global_step)

    def on_test_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """See :meth:`on_validation_epoch_start`."""
        self.on_validation_epoch_start(trainer, pl_module)

    def on_test_batch_end(self, *args: Any, **kwargs: Any) -> None:
        """See :meth:`on_validation_batch_end`."""
        self.on_validation_batch_end(*args, **kwargs)

    def on_test_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """See :meth:`on_validation_epoch_end`."""
        self.on_validation_epoch_end(trainer, pl_module)
