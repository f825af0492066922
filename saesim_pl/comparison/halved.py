"""Scores of many draws of one pair: work that no draw changes is done once."""

from functools import cached_property
from typing import Any

import torch
from torch import Tensor

from saesim_pl.comparison.measure import Measure
from saesim_pl.comparison.nulls.null import Draw, is_blind
from saesim_pl.comparison.pairing import Pairing
from saesim_pl.comparison.sides import Sides
from saesim_pl.functional import Matching


class DrawScorer:
    """Scores one measure over the draws of a null.

    A measure in two halves prepares each side alone. The half of ``a`` is the same in all draws. The half
    of ``b`` is the same, up to the order of its rows, where a draw only turns ``b`` and the measure is
    invariant to that.

    Args:
        measure: The measure.
        pairing: How rows find partners.
        sides: The data: the compared rows of ``a``, all rows of ``b``.
    """

    def __init__(self, measure: Measure, pairing: Pairing, sides: Sides) -> None:
        self.measure, self.sides = measure, sides
        self.by_position = pairing.by == "position"
        self.blind_to_turning = is_blind(measure.declaration, measure.options, "orthogonal")

    @cached_property
    def prepared_a(self) -> Any:
        """The half of all compared rows of ``a``."""
        return self._halves(len(self.sides.a)).prepare(self.sides.a.directions)

    @cached_property
    def prepared_b(self) -> Any:
        """The half of all rows of ``b``."""
        return self._halves(len(self.sides.b)).prepare(self.sides.b.directions)

    def warm_up(self, matching: Matching) -> None:
        """Prepare before threads ask for it at once."""
        if self._halves(len(matching)) is not None:
            if _covers_in_order(matching):
                self.prepared_a  # noqa: B018
            if _permutes(matching):
                self.prepared_b  # noqa: B018

    def score(self, draw: Draw | None, sides: Sides, matching: Matching) -> float:
        """The score of one draw, or of the data where ``draw`` is None."""
        measure = self.measure
        if not measure.takes_rows(self.by_position):
            return measure.of_sides(sides, matching, self.by_position)
        rows_b, index_b, same_b = self._rows_of_b(draw, sides, matching)
        same_a = draw is None or sides.a.directions is self.sides.a.directions
        halves = self._halves(len(matching))
        if halves is None:
            return measure.of_rows(sides.a.directions[matching.index_a], rows_b[index_b])
        with torch.no_grad():
            if same_a and _covers_in_order(matching):
                half_a = self.prepared_a
            else:
                half_a = halves.prepare(sides.a.directions[matching.index_a])
            if same_a and same_b and _permutes(matching):
                return float(halves.repaired(half_a, self.prepared_b, index_b.to(rows_b.device)))
            return float(halves.compare(half_a, halves.prepare(rows_b[index_b])))

    def _rows_of_b(self, draw: Draw | None, sides: Sides, matching: Matching) -> tuple[Tensor, Tensor, bool]:
        """Rows to take b from, which of them, and whether these are the rows of the data."""
        data = self.sides.b.directions
        if draw is None or sides.b.directions is data or (draw.turned and self.blind_to_turning):
            return data, matching.index_b, True
        if draw.order is not None:
            return data, draw.order[matching.index_b], True
        return sides.b.directions, matching.index_b, False

    def _halves(self, n_rows: int) -> Any:
        declaration = self.measure.declaration
        return None if declaration is None else declaration.halves(self.measure.options, n_rows)


def _covers_in_order(matching: Matching) -> bool:
    n = matching.sizes[0]
    return len(matching) == n and bool((matching.index_a == torch.arange(n)).all())


def _permutes(matching: Matching) -> bool:
    """Whether all rows of both sides are paired one to one."""
    return len(matching) == matching.sizes[1] and _covers_in_order(matching) and matching.is_one_to_one
