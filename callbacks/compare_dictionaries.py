"""Every pair of dictionaries of a cohort, compared by cosine."""

from collections.abc import Iterator
from itertools import combinations
from typing import TYPE_CHECKING, Literal

import torch
from lightning.pytorch import LightningModule, Trainer
from torch import Tensor

from saesim_pl.training import SAECohort

from .comparer import Comparer, ComparisonRow, row
from .figures import draw_cosines
from .scores import CosineScores, Score
from .subsets import rows_by_subset

if TYPE_CHECKING:
    from matplotlib.figure import Figure


class CompareDictionaries(Comparer):
    """Compares the dictionaries of every two SAEs, which must read one space, by cosine.

    Mean max cosine similarity both ways, mean cosine of matched rows, k-NN Jaccard of matched rows. Where
    the data know their true features, also for the rows whose nearest true feature both streams have, and
    for those whose feature only one has. Beside each score stands what Gaussian dictionaries give.

    The share of features that agree in encoder and decoder (``fraction_shared``) and the matched cosine are
    also given for the weights from before training, as subset ``initial``: an agreement that was there from
    the start is not one that training found. SAEs of one class and width that read one stream together have a
    PW-MCC, in rows of the pair ``all~all``; it needs the method "hungarian".

    Args:
        method: How rows are matched one to one: "hungarian" maximises the sum of cosines, "mutual" keeps
            rows that are each other's best, which costs far less from about 10,000 latents on.
        k: Neighbours compared by the Jaccard index; it is left out where fewer than 2.5 k rows match,
            since chance alone would then exceed a quarter.
        threshold: Cosine from which a matched feature counts as shared.
        across_spaces: Compare streams of different spaces too, where a cosine means nothing unless something
            else makes their directions correspond.

    Raises:
        ValueError: An option is unknown or out of range.
    """

    def __init__(
        self,
        method: Literal["hungarian", "mutual"] = "hungarian",
        k: int = 10,
        threshold: float = 0.7,
        across_spaces: bool = False,
    ) -> None:
        super().__init__()
        if not -1 <= threshold <= 1:
            raise ValueError(f"threshold is a cosine in [-1, 1], got {threshold}")
        self.scores, self.threshold = CosineScores(method, k), threshold
        self.across_spaces = across_spaces
        self._initial: dict[str, list[Score]] = {}

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Refuse pairs without a common space; before a fit, compare the initial weights.

        A checkpoint is loaded after this hook, so an interrupted run that goes on sees them again.

        Raises:
            TypeError: The model is not an ``SAECohort``.
            ValueError: Two SAEs read streams that have no space in common.
        """
        super().setup(trainer, pl_module, stage)
        comparable = getattr(trainer.datamodule, "comparable", lambda *_: False)
        for a, b in combinations(pl_module.saes, 2):
            streams = pl_module.reads[a], pl_module.reads[b]
            if streams[0] != streams[1] and not (self.across_spaces or comparable(*streams)):
                raise ValueError(
                    f"CompareDictionaries: {a} and {b} read streams of different spaces, {streams[0]} and "
                    f"{streams[1]}, where a cosine means nothing; use "
                    "CompareByCorrelation, or set across_spaces"
                )
        if stage == "fit":
            self._initial = {
                f"{a}~{b}": [
                    self.scores.matched(pl_module.saes[a].dictionary, pl_module.saes[b].dictionary),
                    self._shared(pl_module, a, b),
                ]
                for a, b in combinations(pl_module.saes, 2)
            }

    def compare(self, trainer: Trainer, cohort: SAECohort) -> Iterator[ComparisonRow]:
        """The rows of every pair and subset."""
        for a, b in combinations(cohort.saes, 2):
            all_a, all_b = cohort.saes[a].dictionary, cohort.saes[b].dictionary
            subsets = self._subsets(trainer, cohort, a, b)
            for subset, (of_a, of_b) in {"all": (all_a, all_b), **subsets}.items():
                yield row(trainer, f"{a}~{b}", subset, self.scores.best(of_a, all_b))
                yield row(trainer, f"{b}~{a}", subset, self.scores.best(of_b, all_a))
                yield row(trainer, f"{a}~{b}", subset, self.scores.matched(of_a, of_b))
                for score in self.scores.neighbours(of_a, of_b):
                    yield row(trainer, f"{a}~{b}", subset, score)
            yield row(trainer, f"{a}~{b}", "all", self._shared(cohort, a, b))
            for score in self._initial.get(f"{a}~{b}", []):
                yield row(trainer, f"{a}~{b}", "initial", score)
        if self.scores.method == "hungarian":
            for subset, dictionaries in _of_one_recipe(cohort).items():
                yield row(trainer, "all~all", subset, self.scores.consistency(dictionaries))

    def figures(self, trainer: Trainer, cohort: SAECohort) -> "dict[str, Figure]":
        """Heat map of the matched cosines and histogram of the best ones, by pair."""
        figures = {}
        for a, b in combinations(cohort.saes, 2):
            dictionaries = cohort.saes[a].dictionary, cohort.saes[b].dictionary
            pair = f"{a}~{b}"
            figures |= draw_cosines(pair, *dictionaries, self.scores.method, self.chance(pair))
        return figures

    def _shared(self, cohort: SAECohort, a: str, b: str) -> Score:
        weights = ((cohort.saes[name].W_enc.detach().T, cohort.saes[name].dictionary) for name in (a, b))
        return self.scores.shared(*(torch.cat(both, dim=1) for both in weights), self.threshold)

    def _subsets(
        self, trainer: Trainer, cohort: SAECohort, a: str, b: str
    ) -> dict[str, tuple[Tensor, Tensor]]:
        truth = getattr(trainer.datamodule, "served_features", None)
        if truth is None or cohort.reads[a] == cohort.reads[b]:
            return {}
        truths = truth[cohort.reads[a]], truth[cohort.reads[b]]
        of_a, of_b = (
            rows_by_subset(cohort.saes[name].dictionary, own, own.shared_with(other))
            for name, own, other in zip((a, b), truths, truths[::-1], strict=True)
        )
        return {
            subset: (cohort.saes[a].dictionary[of_a[subset]], cohort.saes[b].dictionary[of_b[subset]])
            for subset in of_a
            if subset in of_b
        }


def _of_one_recipe(cohort: SAECohort) -> dict[str, list[Tensor]]:
    """Dictionaries of one class, stream and width, where there are two or more: ``all``, or by all three."""
    groups: dict[str, list[Tensor]] = {}
    for name, sae in cohort.saes.items():
        recipe = f"{type(sae).__name__}_{cohort.reads[name]}_{sae.d_sae}"
        groups.setdefault(recipe, []).append(sae.dictionary)
    if len(groups) == 1:
        groups = {"all": next(iter(groups.values()))}
    return {subset: dictionaries for subset, dictionaries in groups.items() if len(dictionaries) > 1}
