"""Settings of a comparison that hold for all its pairs, and how each pair is done with them."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from torch import Tensor

from saesim_pl.comparison.feature_set import FeatureSet
from saesim_pl.comparison.latents import LatentSums
from saesim_pl.comparison.nulls import Null, null_chooser
from saesim_pl.comparison.plan import Plan
from saesim_pl.comparison.procedure import PairComparison
from saesim_pl.comparison.progress import Progress
from saesim_pl.comparison.question import Pair
from saesim_pl.comparison.store import Store, fingerprint, version_of_code


@dataclass(frozen=True)
class Asked:
    """Settings shared by all pairs.

    Attributes:
        null: Null of all measures, or by the name of a measure.
        n_draws: Draws of default nulls.
        seed: Of default nulls.
        subsets: Groups of rows.
        one_space: Whether cosines mean something in any case.
        by_name: Whether the metrics were asked for, so that one that says nothing is a mistake.
    """

    null: Null | Mapping[str, Null] | None
    n_draws: int
    seed: int
    subsets: list[str]
    one_space: bool
    by_name: bool

    def pair(self, a: FeatureSet, b: FeatureSet, sums: LatentSums | None) -> Pair:
        """Two sets, with the correlations of their latents where there are some."""
        known = {"all", *a.groups, *b.groups}
        subsets = [subset for subset in self.subsets if subset in known]
        return Pair(a, b, subsets, None if sums is None else sums.correlations(), self.one_space)

    def comparison(self, pair: Pair, plan: Plan, **more: Any) -> PairComparison:
        """The procedure for one pair."""
        null_of = null_chooser(self.null, self.n_draws, self.seed)
        return PairComparison(pair, plan.measures, plan.pairings, null_of, **more)

    def check(self, planned: Sequence[tuple[FeatureSet, FeatureSet, Plan]]) -> None:
        """Refuse unsuited nulls and too few pairs of rows now, not after hours of computing."""
        for a, b, plan in planned:
            comparison = self.comparison(self.pair(a, b, None), plan)
            for one in comparison.asked if self.by_name else ():
                if one.pairing.by == "correlation" or one.subset != "all":
                    continue
                n = len(one.matching(comparison.sides(one.subset, one.swapped)))
                if n < one.measure.min_pairs:
                    raise ValueError(
                        f"{a.name}~{b.name}: {one.measure.name} needs {one.measure.min_pairs} pairs of rows, "
                        f"{one.pairing} finds {n}"
                    )

    def work(self, pairs: Sequence[tuple[Pair, Plan]]) -> float:
        """How much there is to do, in the unit of :func:`_work`."""
        return sum(_work(one) * one.n_scores for one in (self.comparison(*each) for each in pairs))

    def comparisons(
        self, pairs: Sequence[tuple[Pair, Plan]], store: Store | None, bar: Progress
    ) -> Iterator[PairComparison]:
        """The pairs one after the other: only one of them has its matchings in memory."""
        for pair, plan in pairs:
            work = _work(self.comparison(pair, plan))
            more: dict[str, Any] = {"after_draw": partial(_advance, bar, work)}
            if store is not None:
                more["keep"] = partial(_keep, store, fingerprint(_content(pair)), bar, work)
            yield self.comparison(pair, plan, **more)


def _advance(bar: Progress, work: float, n_scores: int) -> None:
    bar.advance(n_scores * work)


def _keep(
    store: Store, pair: str, bar: Progress, work: float, things: object, compute: Callable[[], Tensor]
) -> Tensor:
    key = fingerprint(pair, things, version_of_code())
    if (found := store.get(key)) is not None:
        bar.skip(found.numel() * work)
        return found
    values: Tensor = compute()
    store.put(key, values)
    return values


def _content(pair: Pair) -> list[object]:
    scores = [] if pair.correlations is None else [pair.correlations.observed, *pair.correlations.shifted]
    return [pair.a, pair.b, list(pair.subsets), scores]


def _work(comparison: PairComparison) -> float:
    """How much one score of a pair costs beside others: products of all rows."""
    a, b = comparison.pair.a.directions, comparison.pair.b.directions
    return len(a) * len(b) * max(a.shape[1], b.shape[1]) / 1e6
