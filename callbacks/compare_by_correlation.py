"""Every pair of SAEs of a cohort, matched by the activations of their latents on the same samples."""

from collections.abc import Mapping
from itertools import combinations
from typing import Literal

import torch
from lightning.pytorch import LightningModule, Trainer
from torch import Tensor
from torchmetrics import Metric
from torchmetrics.utilities.distributed import gather_all_tensors

from saesim_pl.comparison import CorrelationPairing, Measure, Null, Pair, Pairing, ShiftedTokensNull
from saesim_pl.comparison.defaults import relational_metrics
from saesim_pl.comparison.latent_measures import check_latent_metrics, score_latents
from saesim_pl.comparison.latents import LatentSums
from saesim_pl.comparison.statistics import Scored
from saesim_pl.data.source import activations_of
from saesim_pl.functional.pairing.activation_correlation import ActivationSums
from saesim_pl.metrics import MatchedScore
from saesim_pl.training import SAECohort
from saesim_pl.training.cohort_of import cohort_of

from .comparer import Comparer
from .feature_sets import dictionary_of


class CompareByCorrelation(Comparer):
    """Matches the latents of every two SAEs by the correlation of their activations, then compares relations.

    Over the validation samples of streams that describe the same tokens, whatever their spaces. Sums over
    batches give the correlations; latents are not kept. ``correlation_match`` is the mean correlation of
    matched latents; the other metrics compare the matched rows of the dictionaries, and ``latent_metrics``
    the latents themselves over the samples (subset ``latents``). Their null shifts the latents of one SAE
    by whole documents, then correlates and matches again.

    Args:
        method: How latents are matched where no pairings are given: "hungarian" maximizes the sum of
            correlations, "mutual" keeps latents that are each other's best, "argmax" gives each its best.
        k: Neighbors compared by the Jaccard index, where no metrics are given.
        metrics: By name, metrics of the matched rows of both dictionaries; by default those that need no
            common space.
        latent_metrics: By name, metrics of the latents over the samples, which must keep sums alone.
        pairings: By name, how latents find partners; the name is part of key and table where there are
            several.
        null: The null, of all measures or by the name of a measure.
        n_draws: Shifts by 1, 2, ... documents.
        document: Samples of one document, where the data do not say.

    Raises:
        ValueError: An option is unknown or out of range, or a latent metric would keep every sample.
    """

    def __init__(
        self,
        method: Literal["hungarian", "mutual", "argmax"] = "mutual",
        k: int = 10,
        metrics: dict[str, Metric] | None = None,
        latent_metrics: dict[str, Metric] | None = None,
        pairings: dict[str, Pairing] | None = None,
        null: Null | dict[str, Null] | None = None,
        n_draws: int = 19,
        document: int | None = None,
    ) -> None:
        if metrics is None:
            metrics = {"correlation_match": MatchedScore()} | relational_metrics(k)
        if pairings is None:
            pairings = {f"correlation_{method}": CorrelationPairing(method)}
        super().__init__(metrics, pairings, null, n_draws, validation_draws=n_draws)
        self.latent_metrics = latent_metrics or {}
        check_latent_metrics(self.latent_metrics)
        self.shifts = ShiftedTokensNull(n_draws, document)
        self._sums: dict[tuple[str, str], LatentSums] = {}

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Refuse pairs without common samples.

        Raises:
            TypeError: The model is not an ``SAECohort``, or the data are plain dataloaders.
            ValueError: Rows of two streams do not describe the same samples, or nobody knows how many samples
                a document has.
        """
        super().setup(trainer, pl_module, stage)
        if stage == "predict":
            return
        cohort = cohort_of(pl_module, self)
        data = activations_of(trainer, type(self).__name__)
        for a, b in combinations(cohort.saes, 2):
            streams = cohort.reads[a], cohort.reads[b]
            if streams[0] != streams[1] and not data.aligned:
                raise ValueError(
                    f"CompareByCorrelation: rows of {streams[0]} and {streams[1]}, which {a} and {b} read, "
                    "do not describe the same samples (the data have aligned=False)"
                )
        if self.shifts.document is None and data.document_rows is None:
            raise ValueError(
                f"CompareByCorrelation: {type(data).__name__} does not say how many rows a document has; set "
                "document"
            )
        self._document = self.shifts.document or data.document_rows or 1

    @property
    def needs_latents(self) -> bool:
        """Everything here does."""
        return True

    def cheap_null_of(self, pairing: Pairing, measure: Measure) -> Null | None:
        """The shifts, which a validation sums up in passing."""
        return self.null_of(pairing, measure)

    def begin(self, trainer: Trainer, cohort: SAECohort) -> None:
        """Begin new sums."""
        many = trainer.world_size > 1
        self._sums = {
            pair: LatentSums(
                self.shifts.n_draws, self._document, _sum_over_ranks if many else lambda _: None,
                keep_squares=bool(self.latent_metrics),
            )
            for pair in combinations(cohort.saes, 2)
        }  # fmt: skip

    def observe(
        self, trainer: Trainer, cohort: SAECohort, outputs: Mapping[str, Tensor], batch_idx: int
    ) -> None:
        """Add the latents of a batch, as they are and shifted."""
        whole, first = outputs, 0
        if trainer.world_size > 1:
            seen = {
                name: gather_all_tensors(latents.detach().contiguous()) for name, latents in outputs.items()
            }
            whole = {name: torch.cat(parts) for name, parts in seen.items()}
            first = sum(len(part) for part in next(iter(seen.values()))[: trainer.global_rank])
        for (a, b), sums in self._sums.items():
            sums.update(outputs[a], whole[b], first)

    def pairs(self, trainer: Trainer, cohort: SAECohort) -> list[Pair]:
        """Every two SAEs with the correlations of their latents."""
        return [
            Pair(dictionary_of(cohort, a), dictionary_of(cohort, b), correlations=sums.correlations())
            for (a, b), sums in self._sums.items()
        ]

    def others(self, trainer: Trainer, cohort: SAECohort, full: bool) -> list[Scored]:
        """Metrics of the latents themselves."""
        if not self.latent_metrics:
            return []
        return [
            one
            for (a, b), sums in self._sums.items()
            for one in score_latents(f"{a}~{b}", self.latent_metrics, sums, str(self.shifts))
        ]


def _sum_over_ranks(sums: ActivationSums) -> None:
    for part in sums:
        torch.distributed.all_reduce(part)
