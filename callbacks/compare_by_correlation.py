"""Every pair of SAEs of a cohort, matched by what their latents do on the same samples."""

from collections.abc import Iterator
from itertools import combinations
from typing import TYPE_CHECKING, Any, Literal

import torch
from jaxtyping import Float
from lightning.pytorch import LightningModule, Trainer
from torch import Tensor

from saesim_pl.functional import Matching, Scores, match_by_correlation
from saesim_pl.functional.neighbors.jaccard_similarity import jaccard_of_neighbours
from saesim_pl.functional.neighbors.nearest_neighbours import nearest_neighbours, permute_neighbours
from saesim_pl.metrics import ActivationCorrelation
from saesim_pl.training import SAECohort

from .comparer import Comparer, ComparisonRow, row
from .figures import MAX_PAIRS, heat_map, histogram
from .scores import Score, has_enough_rows

if TYPE_CHECKING:
    from matplotlib.figure import Figure

N_SHUFFLES = 20


class CompareByCorrelation(Comparer):
    """Matches the latents of every two SAEs by the correlation of their activations, then compares relations.

    Over the validation samples of streams that describe the same tokens, whatever their spaces: correlations
    come from sums over batches, latents are not kept. Logs the mean correlation of matched latents, beside
    the same for samples shuffled against each other (within each batch of each process: what a batch has in
    common remains), and the k-NN Jaccard of the matched rows of the dictionaries, beside the same for
    shuffled pairs.

    Args:
        method: How latents are matched one to one: "hungarian" maximises the sum of correlations, "mutual"
            keeps latents that are each other's best.
        k: Neighbours compared by the Jaccard index; it is left out where fewer than 2.5 k latents match,
            since chance alone would then exceed a quarter.
    """

    def __init__(self, method: Literal["hungarian", "mutual"] = "mutual", k: int = 10) -> None:
        super().__init__()
        if k < 1:
            raise ValueError(f"k must be at least 1, got {k}")
        self.method, self.k = method, k
        self._sums: dict[tuple[str, str], tuple[ActivationCorrelation, ActivationCorrelation]] = {}

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Refuse pairs without common samples.

        Raises:
            TypeError: The model is not an ``SAECohort``.
            ValueError: Rows of two streams do not describe the same samples.
        """
        super().setup(trainer, pl_module, stage)
        aligned = getattr(trainer.datamodule, "aligned", False)
        for a, b in combinations(pl_module.saes, 2):
            streams = pl_module.reads[a], pl_module.reads[b]
            if streams[0] != streams[1] and not aligned:
                raise ValueError(
                    f"CompareByCorrelation: rows of {streams[0]} and {streams[1]}, which {a} and {b} read, "
                    "do not describe the same samples (the data have aligned=False)"
                )

    def on_validation_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Begin new sums."""
        self._sums = {
            pair: (
                ActivationCorrelation().to(pl_module.device),
                ActivationCorrelation().to(pl_module.device),
            )
            for pair in combinations(pl_module.saes, 2)
        }

    def on_validation_batch_end(
        self,
        trainer: Trainer,
        pl_module: LightningModule,
        outputs: dict[str, Tensor],
        batch: Any,
        batch_idx: int,
        dataloader_idx: int = 0,
    ) -> None:
        """Add the batch's latents, as they are paired and shuffled against each other."""
        for (a, b), (paired, shuffled) in self._sums.items():
            paired.update(outputs[a], outputs[b])
            order = torch.randperm(len(outputs[b]), generator=torch.Generator().manual_seed(batch_idx))
            shuffled.update(outputs[a], outputs[b][order.to(outputs[b].device)])

    def on_test_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """See :meth:`on_validation_epoch_start`."""
        self.on_validation_epoch_start(trainer, pl_module)

    def on_test_batch_end(self, *args: Any, **kwargs: Any) -> None:
        """See :meth:`on_validation_batch_end`."""
        self.on_validation_batch_end(*args, **kwargs)

    def compare(self, trainer: Trainer, cohort: SAECohort) -> Iterator[ComparisonRow]:
        """The rows of every pair."""
        for (a, b), (paired, shuffled) in self._sums.items():
            matching = match_by_correlation(paired.compute(), self.method)
            by_chance = match_by_correlation(shuffled.compute(), self.method)
            correlation = _mean_score(matching), _mean_score(by_chance)
            counts = len(matching), matching.n_unique_b
            yield row(trainer, f"{a}~{b}", "all", Score("correlation_match", *correlation, *counts))
            if has_enough_rows(len(matching), self.k):
                rows = (
                    cohort.saes[a].dictionary[matching.index_a],
                    cohort.saes[b].dictionary[matching.index_b],
                )
                jaccard = jaccard_and_shuffled(*rows, self.k)
                yield row(trainer, f"{a}~{b}", "all", Score("jaccard_similarity", *jaccard, *counts))

    def figures(self, trainer: Trainer, cohort: SAECohort) -> "dict[str, Figure]":
        """Heat map of the matched correlations and histogram of the best ones, by pair."""
        figures = {}
        for (a, b), (paired, shuffled) in self._sums.items():
            pair, scores = f"{a}~{b}", paired.compute()
            best = match_by_correlation(scores, "argmax")
            if not len(best):
                continue
            top = match_by_correlation(scores, self.method).top(MAX_PAIRS)
            figures[f"{pair}/matched_correlations"] = heat_map(_block(scores, top), pair, "correlation")
            chance = _mean_score(match_by_correlation(shuffled.compute(), "argmax"))
            figures[f"{pair}/best_correlations"] = histogram(best.score, chance, pair, "correlation")
        return figures


def _mean_score(matching: Matching) -> float:
    return matching.score.mean().item() if len(matching) else 0.0


def _block(scores: Scores, matching: Matching) -> Float[Tensor, "n n"]:
    rows = [scores.rows(slice(i, i + 1))[0, matching.index_b] for i in matching.index_a.tolist()]
    return torch.stack(rows)


def jaccard_and_shuffled(a: Float[Tensor, "n d_a"], b: Float[Tensor, "n d_b"], k: int) -> tuple[float, float]:
    """k-NN Jaccard of paired rows, and its mean over shuffles of the pairing."""
    of_a, of_b = nearest_neighbours(a, k), nearest_neighbours(b, k)
    generator = torch.Generator().manual_seed(0)
    shuffles = (torch.randperm(len(b), generator=generator).to(of_b.device) for _ in range(N_SHUFFLES))
    shuffled = [jaccard_of_neighbours(of_a, permute_neighbours(of_b, order)).mean() for order in shuffles]
    return jaccard_of_neighbours(of_a, of_b).mean().item(), torch.stack(shuffled).mean().item()
