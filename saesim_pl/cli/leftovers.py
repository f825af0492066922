"""A run that is refused leaves nothing behind."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from lightning.pytorch import Trainer
from lightning.pytorch.loggers import TensorBoardLogger

from saesim_pl.training.place_run import Place


@contextmanager
def nothing_left(place: Place | None, trainer: Trainer) -> Iterator[None]:
    """Empty the run's new folder if the run ends before its first batch is done; others stay as they are.

    A logger makes its files before Lightning looks at callbacks, data and checkpoint, all of which may still
    refuse.

    Args:
        place: Where the run writes; its owner removes the folder once it is empty.
        trainer: Of the run.
    """
    is_new = place is not None and trainer.is_global_zero and not any(place.folder.glob("*"))
    try:
        yield
    except Exception:
        if place is not None and is_new and not _has_results(trainer):
            for logger in trainer.loggers:
                if isinstance(logger, TensorBoardLogger):
                    with suppress(Exception):
                        logger.experiment.close()
            for path in place.folder.iterdir():
                shutil.rmtree(path) if path.is_dir() else path.unlink()
        raise


def _has_results(trainer: Trainer) -> bool:
    loops = (trainer.fit_loop.epoch_loop, trainer.validate_loop, trainer.test_loop, trainer.predict_loop)
    return any(loop.batch_progress.total.completed for loop in loops)
