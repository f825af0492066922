"""Base of metrics whose value is the mean of a function over updates."""

from abc import ABC, abstractmethod
from typing import Any

import torch
from torch import Tensor

from saesim_pl.metrics.keeps_precision import KeepsPrecision


class MeanOverUpdates(KeepsPrecision, ABC):
    """Averages :meth:`measure` over updates, each of which brings two whole matrices."""

    plot_lower_bound = -1.0
    plot_upper_bound = 1.0
    total: Tensor
    count: Tensor

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.add_state("total", torch.tensor(0.0, dtype=torch.float64), dist_reduce_fx="sum")
        self.add_state("count", torch.tensor(0), dist_reduce_fx="sum")

    @abstractmethod
    def measure(self, a: Tensor, b: Tensor) -> Tensor:
        """Value of one update."""

    def update(self, a: Tensor, b: Tensor) -> None:
        """Add the value of one pair of matrices."""
        self.total += self.measure(a, b).to(self.total.device)
        self.count += 1

    def compute(self) -> Tensor:
        """Mean over updates; NaN before the first."""
        return self.total / self.count
