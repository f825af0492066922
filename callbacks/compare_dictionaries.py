"""Every pair of dictionaries of a cohort, compared by cosine."""

from dataclasses import replace
from itertools import combinations
from typing import Literal

from lightning.pytorch import LightningModule, Trainer
from torch import Tensor
from torchmetrics import Metric

from saesim_pl.comparison import Null, Pair, Pairing
from saesim_pl.comparison.consistency import consistency
from saesim_pl.comparison.defaults import default_metrics, default_pairings
from saesim_pl.comparison.groups import grouped_by_truth
from saesim_pl.comparison.procedure import PairComparison
from saesim_pl.comparison.statistics import Scored
from saesim_pl.data.source import known_activations
from saesim_pl.training import SAECohort
from saesim_pl.training.cohort_of import cohort_of

from .comparer import Comparer
from .feature_sets import dictionary_of, shared_of, truth_by_stream

INITIAL = "initial"
"""Value of the column ``subset`` for scores of the weights before training."""


class CompareDictionaries(Comparer):
    """Compares the dictionaries of every two SAEs, which must read one space, by cosine.

    Where the data know their true features, also the rows whose nearest true feature both streams have
    (subset ``shared``), and those whose feature only one has (``unshared``). The matched cosine and the share
    of features that agree in encoder and decoder are also given for the weights from before training, as
    subset ``initial``: an agreement that was there from the start was not found by training. SAEs of one
    class and width that read one stream together have a PW-MCC, in rows of the pair ``all~all``.

    Args:
        method: How rows are matched where no pairings are given: "hungarian" maximizes the sum of cosines,
            "mutual" keeps rows that are each other's best, which costs far less from about 10,000 latents
            on, "argmax" gives each row its best.
        k: Neighbors compared by the Jaccard index, where no metrics are given.
        threshold: Cosine from which a pair counts as shared, where no metrics are given.
        across_spaces: Compare streams of different spaces too, where a cosine means nothing unless something
            else makes their directions correspond.
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
        threshold: float = 0.7,
        across_spaces: bool = False,
        metrics: dict[str, Metric] | None = None,
        pairings: dict[str, Pairing] | None = None,
        null: Null | dict[str, Null] | None = None,
        n_draws: int = 19,
        validation_draws: int = 9,
    ) -> None:
        super().__init__(
            default_metrics(k, threshold) if metrics is None else metrics,
            default_pairings(method) if pairings is None else pairings,
            null,
            n_draws,
            validation_draws,
        )
        self.across_spaces = across_spaces
        self._initial: list[Scored] = []

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Refuse pairs without a common space; before a fit, compare the initial weights.

        A checkpoint is loaded after this hook, so an interrupted run that goes on sees them again.

        Raises:
            TypeError: The model is not an ``SAECohort``.
            ValueError: Two SAEs read streams that have no space in common.
        """
        super().setup(trainer, pl_module, stage)
        if stage == "predict":
            return
        cohort = cohort_of(pl_module, self)
        data = known_activations(trainer)
        for a, b in combinations(cohort.saes, 2):
            streams = cohort.reads[a], cohort.reads[b]
            one_space = streams[0] == streams[1] or (data is not None and data.comparable(*streams))
            if not one_space and not self.across_spaces:
                raise ValueError(
                    f"CompareDictionaries: {a} and {b} read streams of different spaces, {streams[0]} and "
                    f"{streams[1]}, where a cosine means nothing; use "
                    "CompareByCorrelation, or set across_spaces"
                )
        if stage == "fit":
            self._initial = self._compare_initial(cohort)

    def pairs(self, trainer: Trainer, cohort: SAECohort) -> list[Pair]:
        """Every two SAEs, in groups by the truth of their streams where it is known."""
        sets = {name: dictionary_of(cohort, name) for name in cohort.saes}
        truths = truth_by_stream(trainer)
        pairs = []
        for a, b in combinations(cohort.saes, 2):
            streams = cohort.reads[a], cohort.reads[b]
            both = [sets[a], sets[b]]
            if truths and streams[0] != streams[1]:
                of_streams = {stream: truths[stream] for stream in streams}
                both = [
                    grouped_by_truth(one, truths[stream], shared_of(of_streams, stream))
                    for one, stream in zip(both, streams, strict=True)
                ]
            pairs.append(Pair(both[0], both[1], subsets=("all", "shared", "unshared"), one_space=True))
        return pairs

    def others(self, trainer: Trainer, cohort: SAECohort, full: bool) -> list[Scored]:
        """Agreement of the initial weights, and the consistency of SAEs of one recipe."""
        return self._initial + [
            consistency(recipe, dictionaries, self.cheap_null, self.remembered)
            for recipe, dictionaries in _of_one_recipe(cohort).items()
        ]

    def _compare_initial(self, cohort: SAECohort) -> list[Scored]:
        wanted = [m for m in self.measures if m.takes_matching]
        found = []
        for a, b in combinations(cohort.saes, 2):
            pair = Pair(dictionary_of(cohort, a), dictionary_of(cohort, b), one_space=True)
            asked = PairComparison(pair, wanted, self.pairings, self.cheap_null_of, self.remembered)
            found += [replace(one, row=replace(one.row, subset=INITIAL)) for one in asked.scored()]
        return found


def _of_one_recipe(cohort: SAECohort) -> dict[str, list[Tensor]]:
    """Dictionaries of one class, stream and width, where there are two or more: ``all``, or by all three."""
    groups: dict[str, list[Tensor]] = {}
    for name, sae in cohort.saes.items():
        recipe = f"{type(sae).__name__}_{cohort.reads[name]}_{sae.d_sae}"
        groups.setdefault(recipe, []).append(dictionary_of(cohort, name).directions)
    if len(groups) == 1:
        groups = {"all": next(iter(groups.values()))}
    return {subset: dictionaries for subset, dictionaries in groups.items() if len(dictionaries) > 1}
