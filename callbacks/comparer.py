"""Base of the comparing callbacks: collects feature sets, compares them and logs the rows."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any

import torch
from lightning.pytorch import Callback, LightningModule, Trainer
from torch import Tensor
from torchmetrics import Metric

from saesim_pl.comparison import ComparisonRow, GaussianNull, Measure, Null, Pair, Pairing, measures_of
from saesim_pl.comparison.compare_pairs import rows_of
from saesim_pl.comparison.nulls import null_chooser
from saesim_pl.comparison.procedure import PairComparison
from saesim_pl.comparison.statistics import Scored
from saesim_pl.training import SAECohort
from saesim_pl.training.cohort_of import cohort_of
from saesim_pl.training.trainer_settings import settings_of

from .comparison_log import draw, log_final, log_rows
from .second_look import look_again


class Comparer(Callback, ABC):
    """Compares at the end of every validation and test, and the final weights at the end of a fit.

    A validation during a fit compares each score with a cheap null; the end of the fit, ``validate`` and
    ``test`` use the full null. ``rows`` holds the last comparison.

    Args:
        metrics: By name, any torchmetrics Metric with ``update(a, b)``.
        pairings: By name, how rows find partners.
        null: The full null, of all measures or by the name of a measure; the others have their default.
        n_draws: Draws of the default full nulls.
        validation_draws: Draws of the cheap null.

    Raises:
        TypeError: A metric is no torchmetrics Metric.
        ValueError: A null cannot move a score, or a number is out of range.
    """

    def __init__(
        self,
        metrics: Mapping[str, Metric],
        pairings: Mapping[str, Pairing],
        null: Null | Mapping[str, Null] | None,
        n_draws: int,
        validation_draws: int,
    ) -> None:
        self.measures, self.pairings = measures_of(metrics), dict(pairings)
        self.null_of = null_chooser(null, n_draws)
        for pairing in self.pairings.values():
            for measure in self.measures:
                self.null_of(pairing, measure)  # refused here rather than at the end of the fit
        self.cheap_null = GaussianNull(validation_draws, like="shapes")
        self.rows: list[ComparisonRow] = []
        self.keys_have_pairing = False
        self.remembered: dict[tuple, Tensor] = {}
        self._seen_step = -1
        self._n_validations = 0

    @abstractmethod
    def pairs(self, trainer: Trainer, cohort: SAECohort) -> list[Pair]:
        """Who is compared with whom."""

    def others(self, trainer: Trainer, cohort: SAECohort, full: bool) -> list[Scored]:
        """Further rows that are no comparison of two feature sets."""
        return []

    def begin(self, trainer: Trainer, cohort: SAECohort) -> None:
        """Before the first validation batch."""

    def observe(
        self, trainer: Trainer, cohort: SAECohort, outputs: Mapping[str, Tensor], batch_idx: int
    ) -> None:
        """Take in the latents of one validation batch, by SAE."""

    @property
    def needs_latents(self) -> bool:
        """Whether a comparison needs :meth:`observe` to have seen a whole validation."""
        return False

    def cheap_null_of(self, pairing: Pairing, measure: Measure) -> Null | None:
        """The null of a validation during a fit."""
        return self.cheap_null

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Refuse impossible comparisons before anything is trained.

        Raises:
            TypeError: The model is not an ``SAECohort``.
            ValueError: Two callbacks would log the same keys.
        """
        if stage == "predict":
            return
        cohort_of(pl_module, self)
        comparers = [other for other in settings_of(trainer).callbacks if isinstance(other, Comparer)]
        self.keys_have_pairing = len({name for other in comparers for name in other.pairings}) > 1
        alike = [other for other in comparers[: comparers.index(self)] if type(other) is type(self)]
        for other in alike:
            if both := sorted(self.pairings.keys() & other.pairings.keys()):
                raise ValueError(
                    f"two {type(self).__name__} have a pairing {both[0]!r} and would log the same keys: "
                    "give one of them several pairings, or theirs different names"
                )
        # Measures that seek their own pairs have no pairing in their key: the first callback has them.
        taken = {measure.name for other in alike for measure in other.measures if measure.own_pairs}
        self.measures = [m for m in self.measures if not (m.own_pairs and m.name in taken)]

    def on_validation_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Begin to observe."""
        self.begin(trainer, cohort_of(pl_module, self))

    def on_validation_batch_end(
        self,
        trainer: Trainer,
        pl_module: LightningModule,
        outputs: Any,
        batch: Any,
        batch_idx: int,
        dataloader_idx: int = 0,
    ) -> None:
        """Observe a batch."""
        if not trainer.sanity_checking:
            self.observe(trainer, cohort_of(pl_module, self), outputs, batch_idx)

    def on_validation_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Compare, log the scores beside chance, draw."""
        if trainer.sanity_checking:
            return
        self._seen_step = trainer.global_step
        comparisons = self.compare(trainer, cohort_of(pl_module, self), full=trainer.state.fn != "fit")
        log_rows(pl_module, self.rows, self.keys_have_pairing)
        self._n_validations += 1
        # Often at first, when pictures change, then less often: pictures take most of a run's disk space.
        if trainer.state.fn != "fit" or self._n_validations & (self._n_validations - 1) == 0:
            draw(trainer, comparisons, self.rows, next(iter(self.pairings.values())))

    def on_test_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """See :meth:`on_validation_epoch_start`."""
        self.on_validation_epoch_start(trainer, pl_module)

    def on_test_batch_end(self, *args: Any, **kwargs: Any) -> None:
        """See :meth:`on_validation_batch_end`."""
        self.on_validation_batch_end(*args, **kwargs)

    def on_test_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """See :meth:`on_validation_epoch_end`."""
        self.on_validation_epoch_end(trainer, pl_module)

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Compare the final weights, beside the full null."""
        if settings_of(trainer).fast_dev_run:
            return
        cohort, stale = cohort_of(pl_module, self), self._seen_step != trainer.global_step
        if stale and self.needs_latents and not look_again(trainer, cohort, self):
            return
        comparisons = self.compare(trainer, cohort, full=True)
        if stale:
            log_final(trainer, self.rows, self.keys_have_pairing)
        draw(trainer, comparisons, self.rows, next(iter(self.pairings.values())))

    @torch.no_grad()
    def compare(self, trainer: Trainer, cohort: SAECohort, full: bool) -> list[PairComparison]:
        """Fill ``rows``; the first process computes, and all have the rows afterwards."""
        null_of = self.null_of if full else self.cheap_null_of
        pairs, others = self.pairs(trainer, cohort), self.others(trainer, cohort, full)
        comparisons: list[PairComparison] = []
        error: Exception | None = None
        if trainer.is_global_zero:
            try:
                comparisons = [
                    PairComparison(pair, self.measures, self.pairings, null_of, self.remembered)
                    for pair in pairs
                ]
                epoch = trainer.current_epoch
                self.rows = rows_of(comparisons, others, intervals=full, epoch=epoch)
            except (ValueError, TypeError) as caught:
                error = caught
        # An error on one process alone would leave the others waiting.
        self.rows, error = trainer.strategy.broadcast((self.rows, error))
        if error is not None:
            raise error
        return comparisons
