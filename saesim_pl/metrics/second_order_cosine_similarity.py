"""Second-order cosine similarity as a metric."""

from typing import Any

from torch import Tensor

from saesim_pl.functional.blocks import MEMORY_BUDGET
from saesim_pl.functional.paired_neighbours import MAX_CHANCE
from saesim_pl.functional.second_order_cosine_similarity import second_order_cosine_similarity
from saesim_pl.metrics.row_paired import RowPairedMetric


class SecondOrderCosineSimilarity(RowPairedMetric):
    """See :func:`~saesim_pl.functional.second_order_cosine_similarity`; over the rows of all updates.

    Args:
        k: Neighbours of each row.
        max_chance: Refuse a ``k`` that gives unrelated rows a higher Jaccard similarity; 1 accepts all.
        memory_budget: Bytes for temporaries.
        kwargs: Passed on to :class:`torchmetrics.Metric`.
    """

    def __init__(
        self, k: int = 10, max_chance: float = MAX_CHANCE, memory_budget: int = MEMORY_BUDGET, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.k = k
        self.max_chance = max_chance
        self.memory_budget = memory_budget

    def measure(self, a: Tensor, b: Tensor) -> Tensor:
        """Value of all rows."""
        return second_order_cosine_similarity(a, b, self.k, self.max_chance, self.memory_budget)
