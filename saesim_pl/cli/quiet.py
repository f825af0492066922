"""What is said besides a run's own messages: no advertisement, and nothing before a run that is refused."""

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

from lightning.pytorch import Callback, LightningModule, Trainer

_TALKERS = [
    *(
        f"lightning.pytorch.{name}"
        for name in ("utilities.rank_zero", "trainer.connectors.checkpoint_connector")
    ),
    *(f"lightning.fabric.utilities.{name}" for name in ("seed", "rank_zero", "distributed")),
]
_NOISE = ("Tip: ", "`weights_only` was not set", "Seed set to")


class Held(Callback):
    """Keeps Lightning's remarks until the first batch: before it, an error is the one line there is."""

    def __init__(self) -> None:
        self._waiting: list[tuple[logging.Logger, logging.LogRecord]] | None = []

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether to say it now."""
        if any(noise in record.getMessage() for noise in _NOISE):
            return False
        if self._waiting is None or record.levelno > logging.INFO:
            return True
        self._waiting.append((logging.getLogger(record.name), record))
        return False

    def release(self) -> None:
        """Say what waits, and from now on everything."""
        waiting, self._waiting = self._waiting or [], None
        for logger, record in waiting:
            logger.handle(record)

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Release."""
        self.release()

    def on_validation_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Release."""
        self.release()

    def on_test_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Release."""
        self.release()

    def on_predict_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Release."""
        self.release()


@contextmanager
def quiet() -> Iterator[Held]:
    """Hold Lightning's remarks back, and a deprecation between two libraries that no user can mend."""
    held, loggers = Held(), [logging.getLogger(name) for name in _TALKERS]
    for logger in loggers:
        logger.addFilter(held)
    warnings.filterwarnings("ignore", message=".*isinstance.treespec, LeafSpec.* is deprecated")
    try:
        yield held
    finally:
        for logger in loggers:
            logger.removeFilter(held)
