"""The whole procedure for one pair: match, choose, score; and the same again for every draw of a null."""

import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field

import torch
from torch import Tensor

from saesim_pl.comparison.drawer import drawer_of
from saesim_pl.comparison.feature_set import check_one_space
from saesim_pl.comparison.halved import DrawScorer
from saesim_pl.comparison.measure import Measure
from saesim_pl.comparison.nulls import Null, ShiftedTokensNull, SubsetNull
from saesim_pl.comparison.pairing import Pairing
from saesim_pl.comparison.question import NullOf, Pair, Question, questions, shape_key
from saesim_pl.comparison.score_data import notes_taken, score_data
from saesim_pl.comparison.sides import Sides
from saesim_pl.comparison.statistics import Scored
from saesim_pl.functional import SimilarityWarning
from saesim_pl.functional.ground.single_threads import single_threads

Keep = Callable[[object, Callable[[], Tensor]], Tensor]
"""Gives the scores that were computed before for the same things, or computes and keeps them."""

_TOGETHER = 32  # draws that are kept together, where each has one thread
_ALONE = 2**22  # pairs of rows up to which a draw has one thread; a larger one has them all


@dataclass
class PairComparison:
    """Scores one pair by many measures under many pairings, with shared matchings and draws.

    Args:
        pair: The pair.
        measures: The measures.
        pairings: By name, how rows find partners.
        null_of: The null of each measure under each pairing.
        remembered: Scores of nulls that depend on shapes alone, shared between comparisons.
        after_draw: Called after each draw with the number of its scores.
        keep: Keeps scores of draws between calls and processes; by default nothing is kept.

    Raises:
        ValueError: Cosines are needed, and the two spaces differ.
    """

    pair: Pair
    measures: Sequence[Measure]
    pairings: Mapping[str, Pairing]
    null_of: NullOf
    remembered: dict[tuple, Tensor] = field(default_factory=dict)
    after_draw: Callable[[int], None] = lambda n_scores: None
    keep: Keep = lambda things, compute: compute()

    def __post_init__(self) -> None:
        by_cosine = [str(pairing) for pairing in self.pairings.values() if pairing.by == "cosine"]
        by_cosine += [measure.name for measure in self.measures if measure.one_space]
        if by_cosine and not self.pair.one_space:
            check_one_space(self.pair.a, self.pair.b, by_cosine[0])
        self.asked = list(questions(self.pair, self.measures, self.pairings, self.null_of))
        correlations = self.pair.correlations
        self._data = Sides(self.pair.a, self.pair.b, correlations.observed if correlations else None)
        self._sides: dict[tuple[str, bool], Sides] = {}

    @property
    def n_scores(self) -> int:
        """Scores of all draws together."""
        return sum(self._n_draws(null) * len(asked) for null, asked in self._by_null(self.asked))

    def scored(self) -> list[Scored]:
        """All rows, with their draws."""
        with self._threads() as self._pool:
            observed = self._observed()
            known = [a for a, one in zip(self.asked, observed, strict=True) if one.observed is not None]
            draws: dict[Question, Tensor] = {}
            for null, asked in self._by_null(known):
                draws |= self._draws(null, asked)
        return [
            Scored(one.row, one.measure, draws.get(asked), one.observed, one.notes)
            for asked, one in zip(self.asked, observed, strict=True)
        ]

    def _observed(self) -> list[Scored]:
        """The scores of the data; each thread has a side of its own, whose matchings it makes once."""
        groups: dict[tuple[str, bool], list[int]] = {}
        for i, one in enumerate(self.asked):
            self.sides(one.subset, one.swapped)
            groups.setdefault((one.subset, one.swapped), []).append(i)
        found: dict[int, Scored] = {}

        def score(key: tuple[str, bool]) -> None:
            for i in groups[key]:
                found[i] = score_data(self.asked[i], self.sides(*key))

        with notes_taken():
            list((self._pool.map if self._pool else map)(score, groups))
        return [found[i] for i in range(len(self.asked))]

    def _threads(self) -> AbstractContextManager[ThreadPoolExecutor | None]:
        """Threads that each compute one draw; none where a single draw keeps all of them busy."""
        n_a, n_b = self._data.sizes
        is_small = n_a * n_b <= _ALONE and self.pair.a.directions.device.type == "cpu"
        return single_threads() if is_small else nullcontext()

    def sides(self, subset: str = "all", swapped: bool = False) -> Sides:
        """The data's two sides, restricted to a group; each matching between them is made once."""
        key = subset, swapped
        if key not in self._sides:
            data = self._data.swapped() if swapped else self._data
            self._sides[key] = self._restricted(data, *key)
        return self._sides[key]

    def _restricted(self, sides: Sides, subset: str, swapped: bool) -> Sides:
        if subset == "all":
            return sides
        mask = (self.pair.b if swapped else self.pair.a).groups[subset]
        return sides.of_rows(mask.nonzero().squeeze(1))

    def _by_null(self, asked: Iterable[Question]) -> list[tuple[Null, list[Question]]]:
        groups: dict[tuple, tuple[Null, list[Question]]] = {}
        for one in asked:
            if one.null is None:
                continue
            # A null that draws for one group or shape alone shares its draws with no other.
            alone = isinstance(one.null, SubsetNull) or one.null.depends_on_shapes
            key = (str(one.null), one.null.seed, one.swapped, one.subset if alone else None)
            groups.setdefault(key, (one.null, []))[1].append(one)
        return list(groups.values())

    def _n_draws(self, null: Null) -> int:
        if isinstance(null, ShiftedTokensNull) and self.pair.correlations is not None:
            return self.pair.correlations.n_draws
        return null.n_draws

    def _draws(self, null: Null, asked: list[Question]) -> dict[Question, Tensor]:
        if not null.depends_on_shapes:
            return self._scored_draws(null, asked)
        keys = {one: shape_key(one, self.sides(one.subset, one.swapped)) for one in asked}
        missing = [one for one in asked if keys[one] not in self.remembered]
        for one, draws in (self._scored_draws(null, missing) if missing else {}).items():
            self.remembered[keys[one]] = draws
        return {one: self.remembered[keys[one]] for one in asked}

    def _scored_draws(self, null: Null, asked: list[Question]) -> dict[Question, Tensor]:
        draw = drawer_of(self.pair, null, asked[0], self.sides(asked[0].subset, asked[0].swapped))
        scorers = {
            one: DrawScorer(one.measure, one.pairing, self.sides(one.subset, one.swapped)) for one in asked
        }
        draws_group = isinstance(null, SubsetNull) or null.depends_on_shapes
        for one, scorer in scorers.items() if not draws_group else ():
            scorer.warm_up(one.matching(self.sides(one.subset, one.swapped)))

        def scores(t: int) -> list[float]:
            drawn, whole = draw(t)
            restricted: dict[tuple[str, bool], Sides] = {}
            values = []
            for one in asked:
                key = one.subset, one.swapped
                if key not in restricted:
                    # Some nulls draw no more than the rows that are compared.
                    restricted[key] = whole if draws_group else self._restricted(whole, *key)
                sides = restricted[key]
                matching = one.matching(sides)
                enough = len(matching) >= one.measure.min_pairs
                values.append(scorers[one].score(drawn, sides, matching) if enough else float("nan"))
            self.after_draw(len(values))
            return values

        def part(draws: range) -> Tensor:
            # The draws and their sources: with the pair itself, the scores depend on nothing else.
            things = (null, draws, [(one.measure, one.pairing, one.subset, one.swapped) for one in asked])
            return self.keep(things, lambda: torch.tensor(self._mapped(scores, draws), dtype=torch.float64))

        n, step = self._n_draws(null), _TOGETHER if self._pool else 1
        parts = [part(range(t, min(n, t + step))) for t in range(0, n, step)]
        table = torch.cat(parts) if parts else torch.zeros(0, len(asked))  # a stream of one document
        return {one: table[:, i] for i, one in enumerate(asked)}

    def _mapped(self, scores: Callable[[int], list[float]], draws: range) -> list[list[float]]:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", SimilarityWarning)
            return list((self._pool.map if self._pool else map)(scores, draws))
