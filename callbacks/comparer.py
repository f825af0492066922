"""What all comparing callbacks share: when they run, what a row holds, how it is logged."""

from abc import ABC, abstractmethod
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from lightning.pytorch import Callback, LightningModule, Trainer
from lightning.pytorch.loggers import TensorBoardLogger

from saesim_pl.training import SAECohort

from .scores import Score

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True)
class ComparisonRow:
    """One score of one pair.

    Attributes:
        epoch: Index of the training epoch, from 0; 0 where a checkpoint is validated.
        pair: ``x~y``; where order matters, the rows of x are sought among those of y. ``all~all`` for a
            mean over pairs.
        subset: Which rows are compared: ``all``, ``shared`` or ``unshared`` true features, those of the
            ``initial`` weights; for ``all~all``, the SAEs' class, stream and width where there are several.
        measure: Public name of the measure.
        value: The score.
        chance: What chance gives in its place.
        n_pairs: Pairs of rows that the score averages over.
        n_unique: Different rows of y among them.
    """

    epoch: int
    pair: str
    subset: str
    measure: str
    value: float
    chance: float
    n_pairs: int
    n_unique: int

    @property
    def key(self) -> str:
        """Name under which the score is logged."""
        return "/".join(part for part in (self.pair, self.subset, self.measure) if part != "all")


class Comparer(Callback, ABC):
    """Compares at the end of every validation and test epoch; ``rows`` holds the last comparison."""

    def __init__(self) -> None:
        self.rows: list[ComparisonRow] = []

    @abstractmethod
    def compare(self, trainer: Trainer, cohort: SAECohort) -> Iterable[ComparisonRow]:
        """The rows of this epoch."""

    @abstractmethod
    def figures(self, trainer: Trainer, cohort: SAECohort) -> "dict[str, Figure]":
        """Pictures of the last comparison, by log name."""

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Refuse what cannot be compared before anything is trained.

        Raises:
            TypeError: The model is not an ``SAECohort``.
        """
        if stage != "predict" and not isinstance(pl_module, SAECohort):
            raise TypeError(f"{type(self).__name__} compares SAEs, got {type(pl_module).__name__}")

    def on_validation_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Compare, log the scores beside chance, draw."""
        if trainer.sanity_checking:
            return
        self.rows = list(self.compare(trainer, pl_module))
        for scored in self.rows:
            # Every rank computes the same from the same weights; sync_dist only tells Lightning so.
            logged = {scored.key: scored.value, f"{scored.key}_chance": scored.chance}
            pl_module.log_dict(logged, sync_dist=True)
        loggers = [logger for logger in trainer.loggers if isinstance(logger, TensorBoardLogger)]
        if trainer.is_global_zero and loggers:
            for key, figure in self.figures(trainer, pl_module).items():
                for logger in loggers:
                    logger.experiment.add_figure(key, figure, trainer.global_step)

    def chance(self, pair: str) -> float:
        """Mean max cosine similarity that chance gave for all rows of ``pair`` in the last comparison."""
        key = pair, "all", "mean_max_cosine_similarity"
        return next(r.chance for r in self.rows if (r.pair, r.subset, r.measure) == key)

    def on_test_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """See :meth:`on_validation_epoch_end`."""
        self.on_validation_epoch_end(trainer, pl_module)


def row(trainer: Trainer, pair: str, subset: str, score: Score) -> ComparisonRow:
    """The row that a score becomes."""
    return ComparisonRow(epoch=trainer.current_epoch, pair=pair, subset=subset, **asdict(score))
