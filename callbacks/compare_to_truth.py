"""Each SAE of a cohort against the features that generated its stream."""

from collections.abc import Mapping
from typing import Literal

from lightning.pytorch import LightningModule, Trainer
from torch import Tensor
from torchmetrics import Metric

from saesim_pl.comparison import Null, Pair, Pairing
from saesim_pl.comparison.defaults import default_metrics, default_pairings
from saesim_pl.comparison.firings import MatchedFirings
from saesim_pl.comparison.groups import grouped_by_truth, true_feature_set
from saesim_pl.comparison.sides import Sides
from saesim_pl.comparison.statistics import Scored
from saesim_pl.data.source import activations_of, truth_of
from saesim_pl.training import SAECohort
from saesim_pl.training.run_folder import run_folder

from .comparer import Comparer
from .feature_sets import dictionary_of, on_device, shared_of, truth_by_stream


class CompareToTruth(Comparer):
    """Compares each SAE with the true features of the stream that it reads.

    Rows of the pair ``truth~a`` search the true features among the rows of SAE ``a``; rows of ``a~truth`` do
    the reverse. Features that other streams have too are the subset ``shared``, all others
    ``unshared``; for ``a~truth`` a row belongs to the subset of its nearest feature. Where the data say which
    features fired in a sample, precision, recall and F1 tell how well the firing of a matched latent detects
    its feature. The true features are saved with the run.

    Args:
        method: How features and rows are matched where no pairings are given: "hungarian", "mutual" or
            "argmax".
        k: Neighbors compared by the Jaccard index, where no metrics are given.
        metrics: By name, any torchmetrics Metric with ``update(a, b)``; by default the measures of
            :func:`~saesim_pl.comparison.defaults.default_metrics`.
        pairings: By name, how rows find partners; the name is part of key and table where there are several.
        null: The full null, of all measures or by the name of a measure; the others have their default.
        n_draws: Draws of the default nulls at the end of a fit, in ``validate`` and in ``test``.
        validation_draws: Draws at each validation of a fit, of Gaussian dictionaries of the same shapes.

    Raises:
        ValueError: An option is unknown or out of range, or a null cannot move a score.
    """

    def __init__(
        self,
        method: Literal["hungarian", "mutual", "argmax"] = "hungarian",
        k: int = 10,
        metrics: dict[str, Metric] | None = None,
        pairings: dict[str, Pairing] | None = None,
        null: Null | dict[str, Null] | None = None,
        n_draws: int = 19,
        validation_draws: int = 9,
    ) -> None:
        super().__init__(
            default_metrics(k) if metrics is None else metrics,
            default_pairings(method) if pairings is None else pairings,
            null,
            n_draws,
            validation_draws,
        )
        self._counts_firings = False
        self._firings: dict[str, MatchedFirings] = {}

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Refuse data without truth.

        Raises:
            TypeError: The model is not an ``SAECohort``, or the data are plain dataloaders.
            ValueError: The data do not know their true features.
        """
        super().setup(trainer, pl_module, stage)
        if stage != "predict":
            self._counts_firings = truth_of(trainer, type(self).__name__).knows_firings

    def on_fit_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Save the truth with the run."""
        folder = run_folder(trainer)  # asked on every rank: it is a broadcast
        if folder is not None and trainer.loggers and trainer.is_global_zero:
            for stream, truth in truth_by_stream(trainer).items():
                truth.save(folder / "true_features" / f"{stream}.safetensors")

    @property
    def needs_latents(self) -> bool:
        """Firings do; all else compares weights."""
        return self._counts_firings

    def begin(self, trainer: Trainer, cohort: SAECohort) -> None:
        """Match latents and features, which stay as they are through the validation."""
        self._firings = {}
        if not truth_of(trainer, type(self).__name__).knows_firings:
            return
        pairing = next(iter(self.pairings.values()))
        for pair in self.pairs(trainer, cohort):
            name = pair.b.name
            truth = truth_by_stream(trainer)[cohort.reads[name]]
            matching = pairing.match(Sides(pair.a, pair.b))
            if len(matching):  # an SAE whose rows are all zero matches nothing
                self._firings[name] = MatchedFirings(truth, matching, pair.b.directions.device)

    def observe(
        self, trainer: Trainer, cohort: SAECohort, outputs: Mapping[str, Tensor], batch_idx: int
    ) -> None:
        """Count which matched latents fired together with their features."""
        if not self._firings:
            return
        data, truth = activations_of(trainer, type(self).__name__), truth_of(trainer, type(self).__name__)
        share = data.share("validate", batch_idx, trainer.global_rank, trainer.world_size)
        fired = truth.firings("validate", 0, batch_idx, share)
        for name, matched in self._firings.items():
            matched.update(outputs[name], fired[cohort.reads[name]])

    def pairs(self, trainer: Trainer, cohort: SAECohort) -> list[Pair]:
        """True features of each SAE's stream with its rows."""
        truths = truth_by_stream(trainer)
        pairs = []
        for name in cohort.saes:
            rows, stream = dictionary_of(cohort, name), cohort.reads[name]
            truth, shared = on_device(truths[stream], rows.directions), shared_of(truths, stream)
            features = true_feature_set(truth, shared.to(rows.directions.device), stream)
            rows = grouped_by_truth(rows, truth, shared) if features.groups else rows
            pairs.append(Pair(features, rows, subsets=("all", "shared", "unshared")))
        return pairs

    def others(self, trainer: Trainer, cohort: SAECohort, full: bool) -> list[Scored]:
        """How well firings are detected."""
        pairing = next(iter(self.pairings))
        return [
            Scored(row, None)
            for name, matched in self._firings.items()
            for row in matched.rows(f"truth~{name}", pairing)
        ]
