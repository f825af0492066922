"""Second-order cosine similarity as a metric."""

from typing import Any

from saesim_pl.functional.ground.blocks import MEMORY_BUDGET
from saesim_pl.functional.neighbors.paired_neighbors import MAX_CHANCE
from saesim_pl.functional.neighbors.second_order_cosine_similarity import second_order_cosine_similarity
from saesim_pl.metrics.rows_metric import RowsMetric


class SecondOrderCosineSimilarity(RowsMetric):
    """See :func:`~saesim_pl.functional.second_order_cosine_similarity`; over the rows of all updates.

    Args:
        k: Neighbors of each row.
        max_chance: Refuse a ``k`` that gives unrelated rows a higher Jaccard similarity; 1 accepts all.
        memory_budget: Bytes for temporaries.
        kwargs: Passed on to :class:`torchmetrics.Metric`.

    Example:
        >>> import torch
        >>> from saesim_pl.metrics import SecondOrderCosineSimilarity
        >>> a = torch.arange(90.0).square().sin().reshape(30, 3)
        >>> b = a + torch.arange(90.0).square().cos().reshape(30, 3)
        >>> metric = SecondOrderCosineSimilarity(k=3)
        >>> metric.update(a, b)
        >>> round(metric.compute().item(), 3)
        0.331
    """

    function = staticmethod(second_order_cosine_similarity)

    def __init__(
        self, k: int = 10, max_chance: float = MAX_CHANCE, memory_budget: int = MEMORY_BUDGET, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.k = k
        self.max_chance = max_chance
        self.memory_budget = memory_budget
