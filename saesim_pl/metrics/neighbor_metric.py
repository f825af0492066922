"""Base of the metrics that compare nearest neighbors."""

from typing import Any, get_args

from saesim_pl.checks import check_counts
from saesim_pl.functional.ground.blocks import MEMORY_BUDGET
from saesim_pl.functional.ground.inputs import check_option
from saesim_pl.functional.neighbors.paired_neighbors import MAX_CHANCE
from saesim_pl.functional.neighbors.points import Nearness
from saesim_pl.metrics.rows_metric import RowsMetric


class NeighborMetric(RowsMetric):
    """Seeks nearest neighbors among the rows of all updates.

    Args:
        k: Neighbors of each row.
        metric: Measure of nearness, ``cosine`` or ``euclidean``.
        max_chance: Refuse a ``k`` that gives unrelated rows a higher Jaccard similarity; 1 accepts all.
        memory_budget: Bytes for temporaries.
        kwargs: Passed on to :class:`torchmetrics.Metric`.
    """

    def __init__(
        self,
        k: int = 10,
        metric: Nearness = "cosine",
        max_chance: float = MAX_CHANCE,
        memory_budget: int = MEMORY_BUDGET,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        check_counts(k=k)
        check_option("metric", metric, get_args(Nearness))
        self.k = k
        self.metric: Nearness = metric
        self.max_chance = max_chance
        self.memory_budget = memory_budget
