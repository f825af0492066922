"""Rows of a comparison in the loggers of a run."""

from collections.abc import Sequence

from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.loggers import TensorBoardLogger

from saesim_pl.comparison import ComparisonRow, Pairing
from saesim_pl.comparison.figures import draw_pair
from saesim_pl.comparison.procedure import PairComparison


def scalars_of(rows: Sequence[ComparisonRow], with_pairing: bool) -> dict[str, float]:
    """Scores by key, and beside each the mean of its null under the same key and ``_chance``."""
    scalars = {}
    for row in rows:
        key = row.key(with_pairing)
        if row.value is not None:
            scalars[key] = row.value
            if row.null_mean is not None:
                scalars[f"{key}_chance"] = row.null_mean
    return scalars


def log_rows(module: LightningModule, rows: Sequence[ComparisonRow], with_pairing: bool) -> None:
    """Log the scores of a validation."""
    # Every rank has the same rows; sync_dist only tells Lightning so.
    module.log_dict(scalars_of(rows, with_pairing), sync_dist=True)


def log_final(trainer: Trainer, rows: Sequence[ComparisonRow], with_pairing: bool) -> None:
    """Log the scores of the final weights, which no validation has seen."""
    scalars = scalars_of(rows, with_pairing)
    if trainer.is_global_zero:
        for logger in trainer.loggers:
            logger.log_metrics(scalars, step_of(trainer))


def draw(
    trainer: Trainer, comparisons: Sequence[PairComparison], rows: Sequence[ComparisonRow], pairing: Pairing
) -> None:
    """Draw each pair into TensorBoard, at the step of its scalars."""
    loggers = [logger for logger in trainer.loggers if isinstance(logger, TensorBoardLogger)]
    if not trainer.is_global_zero or not loggers:
        return
    chance = {(row.pair, row.measure): row.null_mean for row in rows if row.subset == "all"}
    for comparison in comparisons:
        name = comparison.pair.name
        of_best = chance.get((name, "mean_max_cosine_similarity")) if pairing.by != "correlation" else None
        for key, figure in draw_pair(name, comparison.sides(), pairing, of_best).items():
            for logger in loggers:
                logger.experiment.add_figure(key, figure, step_of(trainer))


def step_of(trainer: Trainer) -> int:
    """The step at which Lightning logs the scalars of a validation."""
    return max(0, trainer.fit_loop.epoch_loop._batches_that_stepped)
