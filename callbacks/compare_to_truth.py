"""Each SAE of a cohort against the features that generated its stream."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from jaxtyping import Bool
from lightning.pytorch import LightningModule, Trainer
from torch import Tensor

from saesim_pl.training import SAECohort
from saesim_pl.truth.true_features import TrueFeatures

from .comparer import Comparer, ComparisonRow, row
from .figures import draw_cosines
from .matched_firings import MatchedFirings
from .scores import CosineScores
from .subsets import rows_by_subset

if TYPE_CHECKING:
    from matplotlib.figure import Figure


class CompareToTruth(Comparer):
    """Compares each SAE with all, the shared and the unshared true features of its stream, as it is served.

    Rows ``truth~a`` ask how well features are found: mean max cosine similarity (Sharkey et al. 2022), the
    fraction found with a cosine above 0.9, the number of different latents that come closest to them.
    Rows ``a~truth`` ask how true the latents are: mean max cosine similarity, uniqueness (different
    nearest features, as a share of the latents), and the MCC, the mean |cosine| of rows matched one to one
    (for "mutual", which is no MCC, named ``matched_cosine_similarity``). Where the data can say which
    features fired in a batch, rows ``truth~a`` also hold precision, recall and F1 of each matched latent's
    firing as a detector of its feature, averaged over the features.

    A fit leaves ``true_features/<stream>.safetensors`` in the run's folder, as they point in batches: a later
    comparison needs no data (:meth:`~saesim_pl.truth.TrueFeatures.load`).

    Args:
        method: How rows are matched one to one; see ``CompareDictionaries``.
    """

    def __init__(self, method: Literal["hungarian", "mutual"] = "hungarian") -> None:
        super().__init__()
        self.scores = CosineScores(method, k=1)
        self._firings: dict[str, MatchedFirings] = {}

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Refuse data without truth.

        Raises:
            TypeError: The model is not an ``SAECohort``.
            ValueError: The data do not know their true features.
        """
        super().setup(trainer, pl_module, stage)
        if getattr(trainer.datamodule, "served_features", None) is None:
            data = type(trainer.datamodule).__name__
            raise ValueError(f"CompareToTruth needs data with true_features; {data} has none")

    def on_fit_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Save the truth with the run."""
        folder = trainer.log_dir  # asked on every rank: it is a broadcast
        if trainer.loggers and folder and trainer.is_global_zero and not trainer.fast_dev_run:
            for stream, truth in trainer.datamodule.served_features.items():
                truth.save(Path(folder, "true_features", f"{stream}.safetensors"))

    def on_validation_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Match latents and features, which stay as they are through the validation."""
        self._firings = {}
        if hasattr(trainer.datamodule, "firings"):
            for name, sae in pl_module.saes.items():
                truth, _ = _truth_of(trainer, pl_module, name)
                self._firings[name] = MatchedFirings(truth, sae.dictionary, self.scores.method)

    def on_validation_batch_end(
        self,
        trainer: Trainer,
        pl_module: LightningModule,
        outputs: dict[str, Tensor],
        batch: Any,
        batch_idx: int,
        dataloader_idx: int = 0,
    ) -> None:
        """Count which matched latents fired together with their features."""
        if not self._firings:
            return
        data = trainer.datamodule
        share = data.share("validate", batch_idx, trainer.global_rank, trainer.world_size)
        fired = data.firings("validate", 0, batch_idx, share)
        for name, matched in self._firings.items():
            matched.update(outputs[name], fired[pl_module.reads[name]])

    def on_test_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """See :meth:`on_validation_epoch_start`."""
        self.on_validation_epoch_start(trainer, pl_module)

    def on_test_batch_end(self, *args: Any, **kwargs: Any) -> None:
        """See :meth:`on_validation_batch_end`."""
        self.on_validation_batch_end(*args, **kwargs)

    def compare(self, trainer: Trainer, cohort: SAECohort) -> Iterator[ComparisonRow]:
        """The rows of every SAE and subset."""
        for name, sae in cohort.saes.items():
            truth, shared = _truth_of(trainer, cohort, name)
            features = truth.directions
            sought, found = {"all": features}, {"all": sae.dictionary}
            if shared.any() and not shared.all():
                sought |= {"shared": features[shared], "unshared": features[~shared]}
                rows = rows_by_subset(sae.dictionary, truth, shared)
                found |= {subset: sae.dictionary[of_subset] for subset, of_subset in rows.items()}
            for subset, directions in sought.items():
                for score in self.scores.recovered(directions, sae.dictionary):
                    yield row(trainer, f"truth~{name}", subset, score)
                for score in self._firings[name].scores() if subset == "all" and self._firings else []:
                    yield row(trainer, f"truth~{name}", subset, score)
                if subset in found:
                    for score in self.scores.true(found[subset], features):
                        yield row(trainer, f"{name}~truth", subset, score)
                matched = self.scores.matched(directions, sae.dictionary, absolute=True)
                yield row(trainer, f"{name}~truth", subset, matched)

    def figures(self, trainer: Trainer, cohort: SAECohort) -> "dict[str, Figure]":
        """Heat map of the matched cosines and histogram of the best ones, by SAE."""
        figures = {}
        for name, sae in cohort.saes.items():
            truth, _ = _truth_of(trainer, cohort, name)
            pair = f"truth~{name}"
            figures |= draw_cosines(
                pair, truth.directions, sae.dictionary, self.scores.method, self.chance(pair)
            )
        return figures


def _truth_of(
    trainer: Trainer, cohort: SAECohort, name: str
) -> tuple[TrueFeatures, Bool[Tensor, " n_features"]]:
    """True features of the stream that SAE ``name`` reads, and which of them other streams have too."""
    truth = dict(trainer.datamodule.served_features)
    own = truth.pop(cohort.reads[name])
    on_device = TrueFeatures(own.directions.to(cohort.device), own.ids)
    return on_device, own.shared_with(*truth.values()).to(cohort.device)
