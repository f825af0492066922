"""Bases of metrics whose value is the mean of a function over updates."""

from typing import Any

import torch
from torch import Tensor

from saesim_pl.functional.pairing.matching import Matching
from saesim_pl.metrics.measure_metric import MeasureMetric


class MeanOverUpdates(MeasureMetric):
    """Averages :attr:`function` over updates; each update has two complete matrices.

    Args:
        kwargs: See :class:`torchmetrics.Metric`.
    """

    total: Tensor
    count: Tensor

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.add_state("total", torch.tensor(0.0, dtype=torch.float64), dist_reduce_fx="sum")
        self.add_state("count", torch.tensor(0), dist_reduce_fx="sum")
        # A MetricCollection merges for good all metrics whose states are close after one update. Here equal
        # totals do not mean equal metrics, and NaN is close to nothing.
        self.add_state("apart", torch.tensor(torch.nan, dtype=torch.float64), dist_reduce_fx="sum")

    def update(self, a: Tensor, b: Tensor) -> None:
        """Add the value of one pair of matrices."""
        self._add(a, b)

    def _add(self, a: Tensor, b: Tensor, **matching: Matching | None) -> None:
        value = type(self).function(a, b, **self.options, **matching)
        self.total += value.to(self.total.device)
        self.count += 1

    def compute(self) -> Tensor:
        """Mean over updates; NaN before the first."""
        return self.total / self.count


class MatchedMetric(MeanOverUpdates):
    """A :class:`MeanOverUpdates` whose function can take a matching in place of its own search."""

    def update(self, a: Tensor, b: Tensor, matching: Matching | None = None) -> None:
        """Add the value of one pair of matrices.

        Args:
            a: The first side of the function.
            b: The second side.
            matching: Matching of the kind that the function takes.
        """
        self._add(a, b, matching=matching)
