"""Base of the metrics that compare nearest neighbours."""

from abc import ABC
from collections.abc import Callable
from typing import Any, ClassVar

from torch import Tensor

from saesim_pl.functional.blocks import MEMORY_BUDGET
from saesim_pl.functional.nearest_neighbours import NeighbourMetric
from saesim_pl.functional.paired_neighbours import MAX_CHANCE
from saesim_pl.metrics.row_paired import RowPairedMetric


class NeighbourSimilarity(RowPairedMetric, ABC):
    """Seeks nearest neighbours among the rows of all updates.

    Args:
        k: Neighbours of each row.
        metric: What near means: ``cosine`` or ``euclidean``.
        max_chance: Refuse a ``k`` that gives unrelated rows a higher Jaccard similarity; 1 accepts all.
        memory_budget: Bytes for temporaries.
        kwargs: Passed on to :class:`torchmetrics.Metric`.
    """

    function: ClassVar[Callable[..., Tensor]]

    def __init__(
        self,
        k: int = 10,
        metric: NeighbourMetric = "cosine",
        max_chance: float = MAX_CHANCE,
        memory_budget: int = MEMORY_BUDGET,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.k = k
        self.metric: NeighbourMetric = metric
        self.max_chance = max_chance
        self.memory_budget = memory_budget

    def measure(self, a: Tensor, b: Tensor) -> Tensor:
        """Value of all rows."""
        return type(self).function(a, b, self.k, self.metric, self.max_chance, self.memory_budget)
